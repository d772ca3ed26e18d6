"""What lies over the map: bubbles with what agents go by, verdicts as they fall."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pygame

from ..world.audit import Evidence
from ..world.state import NO_CELL
from . import pieces
from .actors import Moment
from .board import Grid
from .brush import Canvas, Surface, dashes, mix
from .chronicle import Input
from .letters import bubble
from .map import boat_cells, region_label_place
from .palette import Colour
from .pane import EARLY, FRESH, Pane
from .scene import Stage
from .themes import Theme
from .words import how_known, short_claim, short_names

FLASH = 6.0  # ticks for which a verdict glows
MOST_BELIEFS = 2  # of one agent


def crowded(grid: Grid, moment: Moment, where: list[tuple[float, float, float]]) -> list[pygame.Rect]:
    """List what bubbles should not hide: agents, sites and their names, boats, the labels of regions."""
    taken = [pygame.Rect(right - side / 2, down - side / 2, side, side) for right, down, side in where]
    cells = [cell for cell in grid.stage.site_cells if cell != NO_CELL]
    tiles = [pygame.Rect(grid.corner(cell), (grid.px, grid.px)) for cell in (*cells, *boat_cells(moment.scene))]
    taken += [tile.inflate(grid.px * 0.4, 0) for tile in tiles]
    for region in grid.stage.regions.values():
        rect = pygame.Rect(0, 0, 3 * grid.px, round(0.7 * grid.px))
        rect.midtop = tuple(map(round, region_label_place(grid, region)))
        taken.append(rect)
    return taken


def draw_beliefs(
    surface: Surface, pane: Pane, grid: Grid, moment: Moment, where: list[tuple[float, float, float]],
    taken: list[pygame.Rect], theme: Theme,
) -> None:  # fmt: skip
    """Show what agents go by, in a bubble beside each, where it hides least of what is `taken`.

    Of all agents with an open transaction what is no longer so, and of those whose story is told also what still is.
    """
    judged = {one.agent for one in pane.verdicts if one.when <= moment.time + EARLY < one.tick + FRESH}
    taken = list(taken)
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


def _believed(pane: Pane, moment: Moment) -> dict[int, Sequence[Input | Evidence]]:
    """Return the inputs to be shown, by agent; once an act has led to an accident, that alone is to be seen."""
    scene, chronicle = moment.scene, pane.chronicle
    found: dict[int, Sequence[Input | Evidence]] = {}
    for verdict in pane.verdicts:
        begins = chronicle.spans[verdict.txn].decided if pane.focus is not None else verdict.when
        ends = verdict.tick + (FRESH if chronicle.accident_of(verdict) is None else 0)
        if begins <= moment.time + EARLY < ends:
            found.setdefault(verdict.agent, verdict.named)
    if pane.focus is None:
        for index, agent in enumerate(scene.agents):
            ghosts = chronicle.ghosts(index, scene.tick)
            if ghosts and not agent.is_out:
                found.setdefault(index, ghosts)
    return found


def _belief_text(pane: Pane, stage: Stage, view: Input | Evidence) -> str:
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
        ("midtop", (right, down + lift * 2)), ("topleft", (right + reach * 0.6, down + lift * 2)),
        ("topright", (right - reach * 0.6, down + lift * 2)),
    )):  # fmt: skip
        spot = rect.copy()
        setattr(spot, anchor, (round(place[0]), round(place[1])))
        moved = spot.clamp(grid.rect.inflate(grid.px * 0.4, grid.px * 0.8))
        hidden = _hidden(moved, taken)
        shifted = abs(moved.left - spot.left) + abs(moved.top - spot.top)
        tried.append((hidden + shifted * grid.px * 0.15 + nth, nth, moved))
    return min(tried, key=lambda one: one[:2])[2]


def _hidden(rect: pygame.Rect, taken: list[pygame.Rect]) -> int:
    """Return how many pixels of what is taken a rectangle would hide."""
    return sum(other.clip(rect).width * other.clip(rect).height for other in taken)


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


def _edge_of(rect: pygame.Rect, towards: tuple[float, float]) -> tuple[float, float]:
    """Return the point where a line from the rectangle's middle leaves it."""
    across, down = towards[0] - rect.centerx, towards[1] - rect.centery
    scale = min(
        (rect.width / 2 / abs(across)) if across else math.inf, (rect.height / 2 / abs(down)) if down else math.inf
    )
    return (rect.centerx + across * min(1.0, scale), rect.centery + down * min(1.0, scale))


def draw_verdicts(
    surface: Surface, pane: Pane, grid: Grid, moment: Moment, where: list[tuple[float, float, float]],
    taken: list[pygame.Rect], theme: Theme,
) -> None:  # fmt: skip
    """Flash what went wrong in red and what was caught in green."""
    for verdict in pane.verdicts:
        age = moment.time - verdict.when + EARLY
        if not 0 <= age < FLASH:
            continue
        colour = theme.good if verdict.caught else theme.bad
        right, down, side = where[verdict.agent]
        _pulse(surface, (right, down), grid.px, age, colour)
        sign = max(16, round(grid.px * 0.8))
        sprite = pieces.shield(sign, theme) if verdict.caught else pieces.cross(sign, theme)
        agent, away = pygame.Rect(right - side / 2, down - side / 2, side, side), sign * 0.6
        mark = agent.inflate(-0.4 * side, -0.4 * side)  # who it is counts more than what is beside it
        others = [*(rect for rect in taken if rect != agent), *[mark] * 3]
        around = (-1, -1), (1, -1), (0, -1.4), (-1, 1), (1, 1), (-1.4, 0), (1.4, 0)
        rects = [sprite.get_rect(center=(round(right + x * away), round(down + y * away))) for x, y in around]
        surface.blit(sprite, min((rect.clamp(grid.rect) for rect in rects), key=lambda rect: _hidden(rect, others)))
    for accident in pane.chronicle.accidents:
        age = moment.time - accident.tick + EARLY
        if 0 <= age < FLASH:
            _frame(surface, grid, grid.stage.gates.get(accident.site, ()), age, theme)


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


def _frame(surface: Surface, grid: Grid, cells: Sequence[int], age: float, theme: Theme) -> None:
    """Draw a frame that fades around some cells, so that who lies there is seen."""
    if cells:
        tile = (grid.px, grid.px)
        around = pygame.Rect(grid.corner(cells[0]), tile).unionall([pygame.Rect(grid.corner(c), tile) for c in cells])
        around.inflate_ip(grid.px * 0.12, grid.px * 0.12)
        colour = mix(theme.bad, theme.water, age / FLASH)
        pygame.draw.rect(surface, colour, around, max(2, round(grid.px * 0.1)), border_radius=2)


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
