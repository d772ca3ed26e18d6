"""What the map stands on: floor, walls, water, planks, gates; painted once for each look, then laid down whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import pygame

from .brush import Canvas, Surface, dashes, mix, stroke
from .ground import is_middle, water_cells
from .scene import Stage
from .themes import Theme

KEPT = 24  # boards for each stage: tile sizes, themes, states of the gates

_BOARDS: WeakKeyDictionary[Stage, dict[tuple[int, str, frozenset[int]], Surface]] = WeakKeyDictionary()
_BOUNDS: WeakKeyDictionary[Stage, tuple[int, int, int, int]] = WeakKeyDictionary()


def bounds(stage: Stage) -> tuple[int, int, int, int]:
    """Return (first row, first column, rows, columns) of the part that is not merely the wall around the map."""
    if stage not in _BOUNDS:
        floor = [divmod(cell, stage.columns) for cell, is_wall in enumerate(stage.walls) if not is_wall]
        rows, columns = [row for row, _ in floor], [column for _, column in floor]
        top, left = min(rows), min(columns)
        _BOUNDS[stage] = top, left, max(rows) - top + 1, max(columns) - left + 1
    return _BOUNDS[stage]


@dataclass(frozen=True)
class Grid:
    """Where the cells of a stage lie on a surface: tiles of `px` pixels from a corner."""

    stage: Stage
    px: int
    left: int
    top: int

    @property
    def rect(self) -> pygame.Rect:
        """The rectangle that the cells fill."""
        _, _, rows, columns = bounds(self.stage)
        return pygame.Rect(self.left, self.top, columns * self.px, rows * self.px)

    def corner(self, cell: int) -> tuple[int, int]:
        """Return (left, top) of a cell."""
        row, column = divmod(cell, self.stage.columns)
        first_row, first_column, _, _ = bounds(self.stage)
        return self.left + (column - first_column) * self.px, self.top + (row - first_row) * self.px

    def middle(self, cell: int) -> tuple[float, float]:
        """Return the middle of a cell."""
        left, top = self.corner(cell)
        return left + self.px / 2, top + self.px / 2

    def site_middle(self, site: int) -> tuple[float, float] | None:
        """Return the middle of a site, of a region's cells; None for an entry of the plan, which has no place."""
        cells = self.stage.regions.get(site)
        if cells is None:
            cell = self.stage.site_cells[site]
            return None if cell < 0 else self.middle(cell)
        places = [self.middle(cell) for cell in cells]
        return sum(x for x, _ in places) / len(places), sum(y for _, y in places) / len(places)

    def cell_at(self, right: float, down: float) -> int | None:
        """Return the cell at a point of the surface."""
        first_row, first_column, rows, columns = bounds(self.stage)
        column, row = int((right - self.left) // self.px), int((down - self.top) // self.px)
        if 0 <= row < rows and 0 <= column < columns:
            return (row + first_row) * self.stage.columns + column + first_column
        return None


def board(stage: Stage, px: int, theme: Theme, closed: frozenset[int]) -> Surface:
    """Return the empty board of a stage, shared: lay it down, do not draw on it. It has a rim of `rim(px)` pixels."""
    kept = _BOARDS.setdefault(stage, {})
    key = px, theme.name, closed
    if key not in kept:
        if len(kept) >= KEPT:
            kept.clear()
        kept[key] = _paint(stage, px, theme, closed)
    return kept[key]


def rim(px: int) -> int:
    """Return the width of the wall around a board, in pixels."""
    return max(3, px // 5)


def _paint(stage: Stage, px: int, theme: Theme, closed: frozenset[int]) -> Surface:
    first_row, first_column, rows, columns = bounds(stage)
    edge = rim(px)
    width, height = columns * px + 2 * edge, rows * px + 2 * edge
    surface = pygame.Surface((width, height), pygame.SRCALPHA)
    canvas = Canvas(width, height)
    canvas.box(0, 0, width, height, theme.wall_top, edge * 1.4)
    canvas.box(1.5, 1.5, width - 3, height - 3, theme.wall, edge * 1.2)
    surface.blit(canvas.sprite(), (0, 0))
    grid = Grid(stage, px, edge, edge)
    gates = {cell for cells in stage.gates.values() for cell in cells}
    water = water_cells(stage)
    road = stage.craft == "truck"
    bridges = [] if road else [cells for cells in stage.gates.values() if _is_bridge(stage, cells, water)]
    barred = gates - {cell for cells in bridges for cell in cells}
    for row in range(first_row, first_row + rows):
        for column in range(first_column, first_column + columns):
            cell = row * stage.columns + column
            left, top = grid.corner(cell)
            tile = pygame.Rect(left, top, px, px)
            if cell in gates and cell in closed and cell not in barred:
                surface.fill(theme.water, tile)
            elif cell in gates:
                _gate(surface, tile, cell in closed, theme, road)
            elif cell in water and road:
                surface.fill(theme.road, tile)
                if is_middle(stage, cell):
                    thick = max(1, px // 16)
                    surface.fill(theme.road_line, (left + (px - thick) // 2, top + px // 4, thick, px // 2))
            elif cell in water:
                surface.fill(theme.water, tile)
                _waves(surface, tile, theme, cell)
            elif stage.walls[cell]:
                surface.fill(theme.wall, tile)
                surface.fill(theme.wall_top, (left, top, px, max(1, px // 12)))
            else:
                surface.fill(theme.floor, tile)
                surface.fill(theme.seam, (left, top, px, 1))
                surface.fill(theme.seam, (left, top, 1, px))
    for switch, cells in stage.gates.items():
        _link(surface, grid, switch, cells, theme)
    for cells in stage.regions.values():
        _outline(surface, grid, cells, theme)
    for cells in bridges:
        if closed.issuperset(cells):
            _raised(surface, grid, cells, theme)
    return surface


def _is_bridge(stage: Stage, cells: tuple[int, ...], water: frozenset[int]) -> bool:
    """Tell whether a gate lies across water, from west to east: it is raised and not barred."""
    across = {cell // stage.columns for cell in cells}
    return len(across) == 1 and len(cells) > 1 and any(cell - stage.columns in water for cell in cells)


def _raised(surface: Surface, grid: Grid, cells: tuple[int, ...], theme: Theme) -> None:
    """Draw a bridge's two leaves standing up at the banks, seen from the side, and a bar before each."""
    px = grid.px
    long = px * len(cells) * 0.46
    lean = math.radians(62)
    left, top = grid.corner(min(cells))
    right = grid.corner(max(cells))[0] + px
    for hinge, side in ((left, 1), (right, -1)):
        foot = hinge + side * px * 0.12, top + px * 0.86
        tip = foot[0] + side * math.cos(lean) * long, foot[1] - math.sin(lean) * long
        stroke(surface, foot, tip, theme.print, px * 0.4)
        stroke(surface, foot, tip, theme.plank, px * 0.3)
        for nth in range(1, 6):
            spot = foot[0] + (tip[0] - foot[0]) * nth / 6, foot[1] + (tip[1] - foot[1]) * nth / 6
            seam = math.sin(lean) * px * 0.15, math.cos(lean) * px * 0.15
            ends = (spot[0] - seam[0] * side, spot[1] - seam[1]), (spot[0] + seam[0] * side, spot[1] + seam[1])
            stroke(surface, *ends, theme.plank_seam, max(1.6, px / 20))
        for nth in range(4):
            colour = theme.bad if nth % 2 == 0 else theme.paper
            bar = hinge - (px * 0.14 if side < 0 else 0), top + nth * px / 4, px * 0.14, px / 4
            surface.fill(colour, bar)


def _waves(surface: Surface, tile: pygame.Rect, theme: Theme, cell: int) -> None:
    thick = max(1, tile.width // 16)
    for down, right in ((0.28, 0.12), (0.72, 0.5)):
        left = tile.left + tile.width * ((right + 0.23 * (cell % 3)) % 0.6)
        surface.fill(theme.wave, (left, tile.top + tile.height * down, tile.width * 0.36, thick))


def _gate(surface: Surface, tile: pygame.Rect, closed: bool, theme: Theme, road: bool) -> None:
    """Paint planks to walk on, or the stripes of a crossing on a road; closed, a raised barrier in slanted stripes."""
    px = tile.width
    if road and not closed:
        surface.fill(theme.road, tile)
        for nth in range(3):
            stripe = (tile.left, tile.top + px * (2 * nth + 1) // 7, px, max(1, px // 7))
            surface.fill(theme.road_line, stripe)
        return
    if not closed:
        surface.fill(theme.plank, tile)
        for nth in range(4):
            surface.fill(theme.plank_seam, (tile.left + nth * px // 4, tile.top, max(1, px // 24), px))
        surface.fill(theme.plank_seam, (tile.left, tile.top, px, max(1, px // 16)))
        surface.fill(theme.plank_seam, (tile.left, tile.bottom - max(1, px // 16), px, max(1, px // 16)))
        return
    surface.fill(theme.road if road else theme.water, tile)
    canvas = Canvas(px, px)
    canvas.box(0, 0.1 * px, px, 0.8 * px, theme.paper)
    step = px / 2
    for nth in range(-1, 3):
        left = nth * step
        right, lean = left + step / 2, 0.8 * px
        corners = [(left, 0.9 * px), (right, 0.9 * px), (right + lean, 0.1 * px), (left + lean, 0.1 * px)]
        canvas.polygon(corners, theme.bad)
    for down in (0.06, 0.86):
        canvas.box(0, down * px, px, 0.08 * px, theme.print)
    surface.blit(canvas.sprite(), tile)


def _link(surface: Surface, grid: Grid, switch: int, cells: tuple[int, ...], theme: Theme) -> None:
    """Dash a line from a switch to the gate that it moves, however far."""
    start = grid.site_middle(switch)
    if start is None or not cells:
        return
    ends = [grid.middle(cell) for cell in cells]
    end = min(ends, key=lambda place: abs(place[0] - start[0]) + abs(place[1] - start[1]))
    colour = mix(theme.floor, theme.frame, 0.55)
    bend = start[0], end[1]
    thick = max(1.0, grid.px / 18)
    dashes(surface, start, bend, colour, thick, grid.px / 6, grid.px / 7)
    dashes(surface, bend, (end[0] - grid.px / 2, end[1]), colour, thick, grid.px / 6, grid.px / 7)


def _outline(surface: Surface, grid: Grid, cells: tuple[int, ...], theme: Theme) -> None:
    """Draw the outer border of a region."""
    thick, px, stage = max(1, grid.px // 14), grid.px, grid.stage
    for cell in cells:
        left, top = grid.corner(cell)
        for near, border in (
            (cell - stage.columns, (left, top, px, thick)),
            (cell + stage.columns, (left, top + px - thick, px, thick)),
            (cell - 1, (left, top, thick, px)),
            (cell + 1, (left + px - thick, top, thick, px)),
        ):
            if near not in cells:
                surface.fill(theme.region, border)
