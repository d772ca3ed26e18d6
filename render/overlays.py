"""What lies over the map: ghosts of beliefs that hold no longer, verdicts as they fall."""

from __future__ import annotations

import math
from collections import defaultdict

import pygame

from . import pieces
from .actors import Moment
from .board import Grid
from .brush import Canvas, Surface, dashes, pill, text_size, writing
from .chronicle import Chronicle, Input
from .pane import region_label_place
from .themes import Theme
from .words import how_known, short_claim

FLASH = 6.0  # ticks for which a verdict glows
MOST_GHOSTS = 3  # at one site


def draw_ghosts(
    surface: Surface, grid: Grid, moment: Moment, where: list[tuple[float, float, float]], chronicle: Chronicle,
    theme: Theme,
) -> None:  # fmt: skip
    """Show what agents with an open transaction still hold true, beside the site that says otherwise."""
    scene = moment.scene
    by_site: dict[int, list[tuple[int, Input]]] = defaultdict(list)
    for index, agent in enumerate(scene.agents):
        if not agent.is_out:
            for view in chronicle.ghosts(index, scene.tick):
                by_site[view.site].append((index, view))
    for verdict in chronicle.verdicts:  # one who has just acted is shown with what it acted on
        if 0 <= moment.time - verdict.tick < FLASH / 2:
            for one in verdict.named:
                view = Input(one.site, one.value, one.version, one.channel, one.promise, one.sensed)
                if all(index != verdict.agent for index, _ in by_site[one.site]):
                    by_site[one.site].append((verdict.agent, view))
    for site, held in by_site.items():
        kind = scene.stage.site_kinds[site]
        left, top, anchor = _ghost_place(grid, site)
        for index, view in held[:MOST_GHOSTS]:
            text = f"{how_known(view.channel, view.promise)} {short_claim(kind, view.value)}"
            role = scene.agents[index].role
            right, down, size = where[index]
            if kind == "plan":  # it has no place but the heads of those who follow it
                place = right, down - size * 0.42
                _chip(surface, grid, index, role, f"old plan: d{view.value}", place, "midbottom", theme)
                continue
            rect = _chip(surface, grid, index, role, text, (left, top), anchor, theme)
            away = math.hypot(rect.centerx - right, rect.centery - down)
            if away > size:
                share = size * 0.5 / away
                start = right + (rect.centerx - right) * share, down + (rect.centery - down) * share
                dashes(surface, start, _edge_of(rect, start), theme.ghost, 1.6, 4, 4)
            if anchor == "midleft":
                left = rect.right + 2
            else:
                top = rect.top - 1


def _ghost_place(grid: Grid, site: int) -> tuple[float, float, str]:
    cells = grid.stage.regions.get(site)
    if cells is not None:
        right, down = region_label_place(grid, cells)
        return right + grid.px, down + grid.px * 0.28, "midleft"
    cell = grid.stage.site_cells[site]
    if cell < 0:
        return 0.0, 0.0, "midbottom"
    left, top = grid.corner(cell)
    return left + grid.px * 0.5, top + grid.px * 0.08, "midbottom"


def _chip(
    surface: Surface, grid: Grid, index: int, role: int, text: str, place: tuple[float, float], anchor: str,
    theme: Theme,
) -> pygame.Rect:  # fmt: skip
    """Draw a belief: who holds it, and what it says."""
    size = max(13, round(grid.px * 0.58))
    width, height = text_size(text, size)
    disc = max(11, round(size * 0.95))
    rect = pygame.Rect(0, 0, width + disc + size * 0.7, max(height, disc) + 2)
    setattr(rect, anchor, (round(place[0]), round(place[1])))
    rect.clamp_ip(grid.rect.inflate(0, grid.px))  # it may stand out over the rim, so as not to hide who holds it
    surface.blit(pill(rect.width, rect.height, theme.ghost_paper, theme.ghost, 0.4), rect)
    surface.blit(pieces.number_disc(disc, role, str(index), theme), (rect.left + 2, rect.centery - disc // 2))
    left = rect.left + disc + size * 0.25
    made = writing(text, size, theme.ghost)
    surface.blit(made, (left, rect.centery - height // 2))
    return rect


def _edge_of(rect: pygame.Rect, towards: tuple[float, float]) -> tuple[float, float]:
    """Return the point where a line from the rectangle's middle leaves it."""
    across, down = towards[0] - rect.centerx, towards[1] - rect.centery
    scale = min(
        (rect.width / 2 / abs(across)) if across else math.inf, (rect.height / 2 / abs(down)) if down else math.inf
    )
    return (rect.centerx + across * min(1.0, scale), rect.centery + down * min(1.0, scale))


def draw_verdicts(
    surface: Surface, grid: Grid, moment: Moment, where: list[tuple[float, float, float]], chronicle: Chronicle,
    theme: Theme,
) -> None:  # fmt: skip
    """Flash what went wrong in red and what was caught in green."""
    for verdict in chronicle.verdicts:
        age = moment.time - verdict.tick
        if not 0 <= age < FLASH:
            continue
        colour = theme.good if verdict.caught else theme.bad
        right, down, _ = where[verdict.agent]
        _pulse(surface, (right, down), grid.px, age, colour)
        spot = grid.site_middle(verdict.site)
        if spot is not None and not verdict.caught:
            _pulse(surface, spot, grid.px, age, colour)
        sign = max(16, round(grid.px * 0.8))
        sprite = pieces.shield(sign, theme) if verdict.caught else pieces.cross(sign, theme)
        rect = sprite.get_rect(center=(round(right - sign * 0.6), round(down - sign * 0.6)))
        surface.blit(sprite, rect.clamp(grid.rect))
    for accident in chronicle.accidents:
        age = moment.time - accident.tick
        if 0 <= age < FLASH:
            for cell in grid.stage.gates.get(accident.site, ()):
                _pulse(surface, grid.middle(cell), grid.px, age, theme.bad)


def flash(chronicle: Chronicle, time: float) -> tuple[float, bool]:
    """Return how strongly a pane glows at a time, and whether it glows for something that was caught."""
    strength, caught = 0.0, False
    for tick, was_caught in chronicle.marks():
        age = time - tick
        if 0 <= age < FLASH:
            now = 1 - age / FLASH
            if now > strength or (now == strength and not was_caught):
                strength, caught = now, was_caught
    return strength, caught


def _pulse(surface: Surface, spot: tuple[float, float], px: int, age: float, colour: tuple[int, int, int]) -> None:
    """Draw two rings that widen and fade."""
    for delay in (0.0, 0.35):
        share = age / FLASH * 1.6 - delay
        if 0 <= share < 1:
            radius = round(px * (0.5 + 0.75 * share))
            ring = _ring(radius, max(2, round(px * 0.12 * (1 - share) + 1)), colour)
            ring.set_alpha(round(255 * (1 - share)))
            surface.blit(ring, (round(spot[0]) - radius, round(spot[1]) - radius))


def _ring(radius: int, thick: int, colour: tuple[int, int, int]) -> Surface:
    key = radius, thick, colour
    if key not in _RINGS:
        if len(_RINGS) > 256:
            _RINGS.clear()
        canvas = Canvas(2 * radius, 2 * radius)
        canvas.ring((radius, radius), radius, thick, colour)
        _RINGS[key] = canvas.sprite()
    return _RINGS[key]


_RINGS: dict[tuple[int, int, tuple[int, int, int]], Surface] = {}
