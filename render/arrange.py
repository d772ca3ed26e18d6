"""Where everything stands: panes beside or above one another, and in each the title, map, sentence and details."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pygame

from .board import Grid, bounds, rim
from .scene import Stage

USUAL = (960, 640)  # pixels; sizes of writing are given for this and grow with the surface
LEGEND = 18  # pixels of the row that says what the signs mean
BESIDE = 1.3  # panes stand beside one another unless tiles grow by so much when they stand above one another


@dataclass(frozen=True)
class PanePlaces:
    """The rectangles of one pane."""

    card: pygame.Rect
    head: pygame.Rect
    bar: pygame.Rect
    grid: Grid
    plan: pygame.Rect | None
    say: pygame.Rect
    detail: pygame.Rect | None
    unit: float


@dataclass(frozen=True)
class Places:
    """The rectangles of a whole surface; `unit` scales what is given for the usual size."""

    unit: float
    heading: pygame.Rect | None
    panes: tuple[PanePlaces, ...]
    legend: pygame.Rect
    line: pygame.Rect | None
    note: pygame.Rect | None


def arrange(
    size: tuple[int, int], stages: Sequence[Stage], heading: bool, line: bool, note: bool, details: bool,
    unit: float | None = None,
) -> Places:  # fmt: skip
    """Lay out a surface of `size` (width, height) for panes on these stages; `unit` None: as the size asks for."""
    width, height = size
    unit = unit or max(0.4, min(width / USUAL[0], height / USUAL[1]))
    gap = max(3, round(10 * unit))
    top, bottom = gap, height - gap
    head_rect = line_rect = note_rect = None
    if heading:
        head_rect = pygame.Rect(2 * gap, top, width - 4 * gap, round(46 * unit))
        top = head_rect.bottom + gap // 2
    if line:
        line_rect = pygame.Rect(gap, bottom - round(34 * unit), width - 2 * gap, round(34 * unit))
        bottom = line_rect.top - gap // 2
    if note:
        note_rect = pygame.Rect(2 * gap, bottom - round(24 * unit), width - 4 * gap, round(24 * unit))
        bottom = note_rect.top - gap // 2
    legend = pygame.Rect(2 * gap, bottom - round(LEGEND * unit), width - 4 * gap, round(LEGEND * unit))
    bottom = legend.top - gap // 2
    best: tuple[float, int, int] | None = None
    many = len(stages)
    for across in range(many, 0, -1):
        down = -(-many // across)
        room = (width - gap * (across + 1)) / across, (bottom - top - gap * (down - 1)) / down
        px = min(_tile(stage, room, unit, details) for stage in stages)
        worth = px * (BESIDE if across == min(many, 3 if many < 5 else 2) else 1.0)
        if best is None or worth > best[0]:
            best = worth, across, px
    assert best is not None
    _, across, px = best
    down = -(-many // across)
    cell = (width - gap * (across + 1)) // across, (bottom - top - gap * (down - 1)) // down
    panes = []
    for nth, stage in enumerate(stages):
        left = gap + nth % across * (cell[0] + gap)
        above = top + nth // across * (cell[1] + gap)
        panes.append(_pane(pygame.Rect(left, above, *cell), stage, px, unit, details))
    return Places(unit, head_rect, tuple(panes), legend, line_rect, note_rect)


def _heights(stage: Stage, unit: float, details: bool, height: float) -> tuple[int, int, int, int, int]:
    """Return the heights of head, bar, plan, sentence and details."""
    plan = round(24 * unit) if "plan" in stage.site_kinds else 0
    detail = round(max(92 * unit, min(150 * unit, 0.32 * height))) if details else 0
    return round(46 * unit), round(10 * unit), plan, round(74 * unit), detail


def _tile(stage: Stage, room: tuple[float, float], unit: float, details: bool) -> int:
    pad = max(3, round(10 * unit))
    _, _, rows, columns = bounds(stage)
    rest = sum(_heights(stage, unit, details, room[1])) + 5 * pad
    px = min((room[0] - 2 * pad) / (columns + 0.45), (room[1] - rest) / (rows + 0.45))
    return max(4, min(round(72 * unit), int(px)))


def _pane(room: pygame.Rect, stage: Stage, px: int, unit: float, details: bool) -> PanePlaces:
    """Lay out one pane in the middle of its room, no higher than it needs to be."""
    pad = max(3, round(10 * unit))
    head, bar, plan, say, detail = _heights(stage, unit, details, room.height)
    _, _, rows, columns = bounds(stage)
    edge = rim(px)
    high = rows * px + 2 * edge
    needed = head + bar + high + say + 3 * pad + (plan + pad // 2 if plan else 0) + (detail + pad if detail else 0)
    spare = max(0, room.height - needed)
    if detail:
        grown = min(spare, round(160 * unit))
        detail, spare = detail + grown, spare - grown
    grown = min(spare // 2, round(32 * unit))
    say, spare = say + grown, spare - grown
    card = pygame.Rect(room.left, room.top + spare // 2, room.width, room.height - spare)
    inner = card.inflate(-2 * pad, -2 * pad)
    head_rect = pygame.Rect(inner.left, inner.top, inner.width, head)
    bar_rect = pygame.Rect(inner.left, head_rect.bottom, inner.width, bar)
    left = inner.left + (inner.width - columns * px) // 2
    grid = Grid(stage, px, left, bar_rect.bottom + pad + edge)
    below = grid.rect.bottom + edge
    plan_rect = None
    if plan:
        plan_rect = pygame.Rect(inner.left, below + pad // 2, inner.width, plan)
        below = plan_rect.bottom
    say_rect = pygame.Rect(inner.left, below + pad // 2, inner.width, say)
    detail_rect = pygame.Rect(inner.left, say_rect.bottom + pad // 2, inner.width, detail) if detail else None
    return PanePlaces(card, head_rect, bar_rect, grid, plan_rect, say_rect, detail_rect, unit)


def fitting_size(
    stages: Sequence[Stage], tile_px: int, unit: float = 1.0, heading: bool = True, note: bool = False,
    details: bool = False, line: bool = False,
) -> tuple[int, int]:  # fmt: skip
    """Return (width, height), multiples of 16, of a surface on which panes beside one another fit tightly."""
    pad = max(3, round(10 * unit))
    widths, heights = [], []
    for stage in stages:
        _, _, rows, columns = bounds(stage)
        widths.append(max(columns * tile_px + 2 * rim(tile_px) + 2 * pad, round(330 * unit)))
        heights.append(sum(_heights(stage, unit, details, 400 * unit)) + rows * tile_px + 2 * rim(tile_px) + 5 * pad)
    height = max(heights) + 2 * pad + round(LEGEND * unit) + pad
    height += (round(46 * unit) + pad if heading else 0) + (round(24 * unit) + pad if note else 0)
    height += round(34 * unit) + pad if line else 0
    width = max(widths) * len(stages) + pad * (len(stages) + 1)
    return -(-width // 16) * 16, -(-height // 16) * 16


def plan_places(places: PanePlaces) -> dict[int, pygame.Rect]:
    """Return the part of the row beneath the map in which each entry of the plan stands."""
    entries = [index for index, kind in enumerate(places.grid.stage.site_kinds) if kind == "plan"]
    if places.plan is None or not entries:
        return {}
    room = places.plan
    left = room.left + round(46 * places.unit)
    step = (room.right - left) / len(entries)
    return {
        entry: pygame.Rect(round(left + nth * step), room.top, round(step), room.height)
        for nth, entry in enumerate(entries)
    }
