"""What a picture stands on: floor, wall, water, gates, regions. Painted once for each look, then copied."""

from __future__ import annotations

from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from . import palette
from .scene import Stage

SIDE = 16  # frame sides are multiples of it: video encoders ask for that
KEPT = 16  # a stage keeps so many grounds: one for each tile size and state of the gates

Frame = NDArray[np.uint8]
_GROUNDS: WeakKeyDictionary[Stage, dict[tuple[int, frozenset[int]], Frame]] = WeakKeyDictionary()


def strip_px(tile_px: int) -> int:
    """Return the height of the strip above the grid, in pixels."""
    return SIDE if tile_px < 24 else 2 * SIDE


def frame_shape(stage: Stage, tile_px: int = 32) -> tuple[int, int, int]:
    """Return the shape of a frame: strip and grid, rounded up to multiples of 16."""
    height, width = strip_px(tile_px) + stage.rows * tile_px, stage.columns * tile_px
    return -(-height // SIDE) * SIDE, -(-width // SIDE) * SIDE, 3


def ground(stage: Stage, px: int, closed: frozenset[int]) -> Frame:
    """Return the empty frame of a stage, shared and read-only: copy it before drawing."""
    kept = _GROUNDS.setdefault(stage, {})
    if (px, closed) not in kept:
        if len(kept) >= KEPT:
            kept.clear()
        kept[px, closed] = _paint_ground(stage, px, closed)
        kept[px, closed].setflags(write=False)
    return kept[px, closed]


def _paint_ground(stage: Stage, px: int, closed: frozenset[int]) -> Frame:
    frame = np.empty(frame_shape(stage, px), np.uint8)
    frame[...] = palette.STRIP
    below = frame[strip_px(px) :]
    gates = {cell for cells in stage.gates.values() for cell in cells}
    water = water_cells(stage)
    fine = max(1, px // 16)
    for cell, is_wall in enumerate(stage.walls):
        tile = _tile(below, stage, cell, px)
        if cell in gates:
            _paint_gate(tile, cell in closed, stage.craft)
        elif cell in water and stage.craft == "truck":
            tile[...] = palette.ROAD
            if is_middle(stage, cell):
                tile[px // 4 : px - px // 4, (px - fine) // 2 : (px + fine) // 2] = palette.ROAD_LINE
        elif cell in water:
            tile[...] = palette.WATER
            for down, right in ((0.25, 0.1), (0.7, 0.5)):
                wave = slice(int(px * down), int(px * down) + fine), slice(int(px * right), int(px * (right + 0.4)))
                tile[wave] = palette.WATER_LINE
        elif is_wall:
            tile[...] = palette.WALL
            tile[:fine], tile[:, :fine] = palette.WALL_LIGHT, palette.WALL_LIGHT
        else:
            tile[...] = palette.FLOOR
            tile[-1:], tile[:, -1:] = palette.FLOOR_LINE, palette.FLOOR_LINE
    for cells in stage.regions.values():
        for cell in cells:
            _paint_region(_tile(below, stage, cell, px), stage, cell, set(cells), cell in gates)
    return frame


def water_cells(stage: Stage) -> frozenset[int]:
    """Return the wall cells that a gate spans, and all inner wall of its columns that hangs together with them.

    It is a river, or a road for trucks.
    """
    edge = [cell for cells in stage.gates.values() for cell in cells]
    columns = {cell % stage.columns for cell in edge}
    inner = {
        cell for cell, is_wall in enumerate(stage.walls)
        if is_wall and 0 < cell // stage.columns < stage.rows - 1 and cell % stage.columns in columns
    }  # fmt: skip
    found: set[int] = set()
    while edge:
        cell = edge.pop()
        near = {cell - stage.columns, cell + stage.columns, cell - 1, cell + 1} & inner - found
        found |= near
        edge += near
    return frozenset(found)


def is_middle(stage: Stage, cell: int) -> bool:
    """Tell whether a cell is in the middle of the columns that a gate spans."""
    columns = [place % stage.columns for cells in stage.gates.values() for place in cells]
    return 2 * (cell % stage.columns) == min(columns) + max(columns)


def _paint_gate(tile: Frame, closed: bool, craft: str) -> None:
    """Paint planks to walk on, or the stripes of a crossing on a road; closed, the slanted stripes of a barrier."""
    px = tile.shape[0]
    down, right = np.mgrid[0:px, 0:px]
    if closed:
        tile[...] = palette.PAPER
        tile[(down + right) % max(4, px // 2) < max(2, px // 4)] = palette.BARRIER
        thick = max(1, px // 10)
        tile[:thick], tile[-thick:] = palette.INK, palette.INK
    elif craft == "truck":
        tile[...] = palette.ROAD
        tile[down % max(4, px // 3) < max(2, px // 6)] = palette.ROAD_LINE
    else:
        tile[...] = palette.PLANK
        tile[right % max(3, px // 4) == 0] = palette.PLANK_LINE
        tile[: max(1, px // 16)], tile[-max(1, px // 16) :] = palette.PLANK_LINE, palette.PLANK_LINE


def _paint_region(tile: Frame, stage: Stage, cell: int, cells: set[int], faint: bool) -> None:
    """Tint a region's cell and draw the region's outer border."""
    share = 0.0 if faint else 0.18
    tile[...] = (tile * (1 - share) + np.array(palette.REGION) * share).astype(np.uint8)
    thick = max(1, tile.shape[0] // 16)
    borders = (
        (cell - stage.columns, tile[:thick]), (cell + stage.columns, tile[-thick:]),
        (cell - 1, tile[:, :thick]), (cell + 1, tile[:, -thick:]),
    )  # fmt: skip
    for near, border in borders:
        if near not in cells:
            border[...] = palette.REGION


def _tile(below: Frame, stage: Stage, cell: int, px: int) -> Frame:
    row, column = divmod(cell, stage.columns)
    return below[row * px : (row + 1) * px, column * px : (column + 1) * px]


@lru_cache(maxsize=32)
def berths(stage: Stage) -> tuple[int, ...]:
    """Sort the water by its distance from the gates, upstream first."""
    gates = [divmod(cell, stage.columns) for cells in stage.gates.values() for cell in cells]

    def nearness(cell: int) -> tuple[int, bool, int]:
        row, column = divmod(cell, stage.columns)
        return min(abs(row - r) + abs(column - c) for r, c in gates), row > max(gates)[0], cell

    return tuple(sorted(water_cells(stage), key=nearness))
