"""What lies over the map: bubbles with what agents go by, verdicts as they fall."""

from __future__ import annotations

import math

import pygame

from . import pieces
from .actors import Moment
from .board import Grid
from .brush import Canvas, Surface, dashes
from .chronicle import Input
from .letters import bubble
from .map import region_label_place
from .palette import Colour
from .pane import EARLY, Pane
from .scene import Stage
from .themes import Theme
from .words import how_known, short_claim, short_names

FLASH = 6.0  # ticks for which a verdict glows
MOST_BELIEFS = 2  # of one agent


def draw_beliefs(
    surface: Surface, pane: Pane, grid: Grid, moment: Moment, where: list[tuple[float, float, float]], theme: Theme
) -> None:
    """Show what agents go by, in a bubble beside each, and mark the sites that say otherwise by now.

    Of all agents with an open transaction what is no longer so, and of those whose story is told also what still is.
    """
    wrong_at: set[int] = set()
    judged = {one.agent for one in pane.verdicts if one.when <= moment.time + EARLY < one.tick + FLASH / 2}
    taken = [pygame.Rect(right - side / 2, down - side / 2, side, side) for right, down, side in where]
    taken += [pygame.Rect(grid.corner(cell), (grid.px, grid.px)) for cell in grid.stage.site_cells if cell >= 0]
    for index, held in sorted(_believed(pane, moment).items()):
        for view in held[:MOST_BELIEFS]:
            unlike = moment.scene.sites[view.site].value != view.value
            wrong = unlike or index in judged  # what the act itself brought about does not make it right
            text = _belief_text(pane, grid.stage, view)
            sprite = bubble(text, wrong, max(13, round(grid.px * 0.54)), theme)
            rect = _beside(sprite.get_rect(), where[index], grid, taken)
            taken.append(rect)
            _tail(surface, rect, where[index], theme.ghost if wrong else theme.paper)
            surface.blit(sprite, rect)
            spot = grid.site_middle(view.site)
            if unlike and spot is not None and pane.focus is not None:
                dashes(surface, _edge_of(rect, spot), spot, theme.ghost, 1.4, 3, 5)
            if unlike:
                wrong_at.add(view.site)
    for site in wrong_at:
        _mark_unlike(surface, grid, site, theme)


def _believed(pane: Pane, moment: Moment) -> dict[int, list[Input]]:
    """Return the inputs to be shown, by agent."""
    scene, chronicle = moment.scene, pane.chronicle
    found: dict[int, list[Input]] = {}
    for verdict in pane.verdicts:
        begins = chronicle.spans[verdict.txn].decided if pane.focus is not None else verdict.when
        if begins <= moment.time + EARLY and moment.time < verdict.tick + FLASH / 2:
            views = [Input(e.site, e.value, e.version, e.channel, e.promise, e.sensed) for e in verdict.named]
            found.setdefault(verdict.agent, views)
    if pane.focus is None:
        for index, agent in enumerate(scene.agents):
            ghosts = chronicle.ghosts(index, scene.tick)
            if ghosts and not agent.is_out:
                found.setdefault(index, ghosts)
    return found


def _belief_text(pane: Pane, stage: Stage, view: Input) -> str:
    if stage.site_kinds[view.site] == "plan":
        return f"plan: depot {view.value}"
    name = short_names(stage.site_names[view.site])[0]
    said = short_claim(stage.site_kinds[view.site], view.value)
    kind = stage.site_kinds[view.site]
    joint = " " if kind in ("region", "switch", "guard_post") else " = " if said.isdigit() else ": "
    claim = f"{name}{joint}{said}"
    stamp = f" v{view.version}" if pane.checks and not view.promise else ""
    return f"{how_known(view.channel, view.promise)}: {claim}{stamp}"


def _beside(rect: pygame.Rect, agent: tuple[float, float, float], grid: Grid, taken: list[pygame.Rect]) -> pygame.Rect:
    """Place a bubble near its agent, where it hides least."""
    right, down, side = agent
    reach, lift = side * 0.62, side * 0.75
    tried = []
    for nth, (anchor, place) in enumerate((
        ("bottomleft", (right + reach * 0.6, down - lift * 0.7)), ("topleft", (right + reach * 0.6, down + lift)),
        ("bottomright", (right - reach * 0.6, down - lift * 0.7)), ("topright", (right - reach * 0.6, down + lift)),
        ("midbottom", (right, down - lift)), ("midleft", (right + reach * 1.3, down)),
        ("midright", (right - reach * 1.3, down)), ("midtop", (right, down + lift * 1.25)),
    )):  # fmt: skip
        spot = rect.copy()
        setattr(spot, anchor, (round(place[0]), round(place[1])))
        moved = spot.clamp(grid.rect.inflate(grid.px * 0.4, grid.px * 0.8))
        hidden = sum(other.clip(moved).width * other.clip(moved).height for other in taken)
        shifted = abs(moved.left - spot.left) + abs(moved.top - spot.top)
        tried.append((hidden + shifted * grid.px * 0.5 + nth, nth, moved))
    return min(tried, key=lambda one: one[:2])[2]


def _tail(surface: Surface, rect: pygame.Rect, agent: tuple[float, float, float], colour: Colour) -> None:
    """Draw the small discs that lead from an agent to its bubble."""
    right, down, side = agent
    end = _edge_of(rect, (right, down))
    away = math.hypot(end[0] - right, end[1] - down)
    for share, size in ((0.35, 0.07), (0.75, 0.1)):
        if away > side * 0.45:
            start = side * 0.45 / away
            along = start + (1 - start) * share
            spot = right + (end[0] - right) * along, down + (end[1] - down) * along
            pygame.draw.aacircle(surface, colour, spot, max(2.0, side * size))


def _mark_unlike(surface: Surface, grid: Grid, site: int, theme: Theme) -> None:
    """Mark a site about which somebody is wrong: an unequal sign."""
    cells = grid.stage.regions.get(site)
    if cells is not None:
        right, down = region_label_place(grid, cells)
        right, down = right + grid.px * 1.95, down + grid.px * 0.3
    elif grid.stage.site_cells[site] >= 0:
        left, top = grid.corner(grid.stage.site_cells[site])
        right, down = left + grid.px * 0.1, top + grid.px * 0.12
    else:
        return
    side = max(12, round(grid.px * 0.46))
    sprite = pieces.unlike(side, theme)
    surface.blit(sprite, sprite.get_rect(center=(round(right), round(down))))


def _edge_of(rect: pygame.Rect, towards: tuple[float, float]) -> tuple[float, float]:
    """Return the point where a line from the rectangle's middle leaves it."""
    across, down = towards[0] - rect.centerx, towards[1] - rect.centery
    scale = min(
        (rect.width / 2 / abs(across)) if across else math.inf, (rect.height / 2 / abs(down)) if down else math.inf
    )
    return (rect.centerx + across * min(1.0, scale), rect.centery + down * min(1.0, scale))


def draw_verdicts(
    surface: Surface, pane: Pane, grid: Grid, moment: Moment, where: list[tuple[float, float, float]], theme: Theme
) -> None:
    """Flash what went wrong in red and what was caught in green."""
    for verdict in pane.verdicts:
        age = moment.time - verdict.when + EARLY
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
    for accident in pane.chronicle.accidents:
        age = moment.time - accident.tick + EARLY
        if 0 <= age < FLASH:
            for cell in grid.stage.gates.get(accident.site, ()):
                _pulse(surface, grid.middle(cell), grid.px, age, theme.bad)


def flash(pane: Pane, time: float) -> tuple[float, bool]:
    """Return how strongly a pane glows at a time, and whether it glows for something that was caught."""
    strength, caught = 0.0, False
    for when, was_caught in pane.marks():
        age = time - when + EARLY
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
