"""A pane's map: the world, who is in it, and the letters between them."""

from __future__ import annotations

import math
from functools import lru_cache

import pygame

from ..world.state import NO_CELL, NO_SITE, NOBODY, PROMISE, SYMBOL, THINKING, WAITING
from . import pieces
from .actors import Moment, flight, stand
from .arrange import PanePlaces, plan_places
from .board import Grid, board, rim
from .brush import Surface, dashes, label, mix, text_size, write
from .ground import berths
from .letters import letter
from .pane import Pane
from .scene import AgentView, Scene, Stage
from .themes import Theme
from .words import agent_label, agent_mark, letter_text, notice, short_names

PASSAGE = 4.0  # ticks for which a boat is seen that has got through
ROOMY = 20  # pixels of a tile from which on there is room for words on the map
MOST_TOLD = 8  # letters in flight that say all they say


def draw_map(
    surface: Surface, pane: Pane, places: PanePlaces, moment: Moment, theme: Theme
) -> list[tuple[float, float, float]]:
    """Draw the world, the letters in flight and who is in it; return where the agents are."""
    grid, scene = places.grid, moment.scene
    edge = rim(grid.px)
    surface.blit(board(scene.stage, grid.px, theme, scene.closed), (grid.left - edge, grid.top - edge))
    where = stand(moment, grid)
    _draw_intents(surface, grid, scene, where, theme)
    _draw_mail(surface, pane, grid, moment, where, theme)
    _draw_boats(surface, grid, moment, pane.chronicle.passed, theme)
    _draw_sites(surface, grid, scene, theme)
    for index, agent in enumerate(scene.agents):
        draw_agent(surface, scene, index, agent, where[index], moment.share, theme)
    _draw_regions(surface, grid, scene, pane.checks, theme)
    return where


def _draw_boats(surface: Surface, grid: Grid, moment: Moment, passed: list[int], theme: Theme) -> None:
    """Draw the boats that wait, and under way, for a while, those that have got through."""
    if moment.scene.boats:
        sprite = (pieces.truck if grid.stage.craft == "truck" else pieces.boat)(grid.px, theme)
        for cell in boat_cells(moment.scene):
            surface.blit(sprite, grid.corner(cell))
        for tick in passed:
            share = (moment.time - tick) / PASSAGE
            if 0 <= share < 1:
                surface.blit(sprite, sprite.get_rect(center=_passing(grid, share)))


def boat_cells(scene: Scene) -> tuple[int, ...]:
    """Return the cells of the boats that wait."""
    return berths(scene.stage)[: sum(state == WAITING for state in scene.boats)] if scene.boats else ()


def _passing(grid: Grid, share: float) -> tuple[int, int]:
    """Return where a boat is that has got through: under the bridge, then on its way out."""
    middles = [grid.middle(cell) for cells in grid.stage.gates.values() for cell in cells]
    right, down = (sum(places) / len(middles) for places in zip(*middles, strict=True))
    end = max(grid.middle(cell)[1] for cell in berths(grid.stage))
    return round(right), round(down + (end - down) * share)


def _draw_intents(
    surface: Surface, grid: Grid, scene: Scene, where: list[tuple[float, float, float]], theme: Theme
) -> None:
    """Dot a faint line from each busy agent to the site that it is about to act on."""
    for index, agent in enumerate(scene.agents):
        if agent.target != NO_CELL and not agent.is_out:
            right, down, _ = where[index]
            end = grid.middle(agent.target)
            if math.hypot(end[0] - right, end[1] - down) > grid.px:
                colour = mix(theme.floor, theme.role(agent.role), 0.45)
                dashes(surface, (right, down), end, colour, 1.2, max(2, grid.px / 12), max(3, grid.px / 6))


def _draw_sites(surface: Surface, grid: Grid, scene: Scene, theme: Theme) -> None:
    stage, px = scene.stage, grid.px
    size = name_size(px)
    names = site_names(stage, size, round(px * 1.4))
    for index, (cell, view) in enumerate(zip(stage.site_cells, scene.sites, strict=True)):
        if cell == NO_CELL:
            continue
        kind = stage.site_kinds[index]
        left, top = grid.corner(cell)
        side = site_px(px)
        surface.blit(pieces.site(kind, view.value, view.unsettled >= 0, side, theme), (left + (px - side) // 2, top))
        if side < px:
            name = notice(view.value) if stage.site_names[index].startswith("notice") else names[index]
            rect = text_rect(name, size, (left + px / 2, top + side - 1))
            write(surface, name, rect.clamp(grid.rect).topleft, size, mix(theme.floor, theme.ink, 0.75))


def name_size(px: int) -> int:
    """Return the size of the names on the map."""
    return max(13, round(px * 0.46))


def site_px(px: int) -> int:
    """Return the side of a site's picture: with its name beneath it fills a tile."""
    return round(px * 0.78) if px >= 24 else px


def text_rect(text: str, size: int, midtop: tuple[float, float]) -> pygame.Rect:
    """Return the rectangle of a line whose upper edge has its middle at a point."""
    rect = pygame.Rect((0, 0), text_size(text, size))
    rect.midtop = round(midtop[0]), round(midtop[1])
    return rect


@lru_cache(maxsize=64)
def site_names(stage: Stage, size: int, room: int) -> tuple[str, ...]:
    """Return how each site is called on the map: those of one family all in full, or all in brief."""
    families: dict[str, list[str]] = {}
    for name in stage.site_names:
        families.setdefault(name.split("_")[0], []).append(name)
    full = {
        family: all(text_size(short_names(name)[0], size)[0] <= room for name in names)
        for family, names in families.items()
    }
    names = [short_names(name)[0 if full[name.split("_")[0]] else 1] for name in stage.site_names]
    if stage.boats_at != NO_SITE:
        names[stage.boats_at] = f"{stage.craft}s"  # so many wait
    return tuple(names)


def draw_agent(
    surface: Surface, scene: Scene, index: int, agent: AgentView, place: tuple[float, float, float], share: float,
    theme: Theme,
) -> None:  # fmt: skip
    """Draw one agent, with a ring that fills while it thinks."""
    right, down, size = place
    px = max(8, round(size))
    corner = round(right - px / 2), round(down - px / 2)
    if agent.phase == THINKING and agent.thought:
        done = min(1.0, (agent.thought - agent.thought_left + share) / agent.thought)
        surface.blit(pieces.thought_ring(px, round(pieces.RING_STEPS * done), theme), corner)
    token = scene.holder == index and scene.holder != NOBODY
    sprite = pieces.agent(
        px, agent.role, agent_mark(scene.stage, index), agent.hand, agent.is_out, agent.is_waiting, token, theme
    )
    surface.blit(sprite, corner)


def _draw_regions(surface: Surface, grid: Grid, scene: Scene, checks: bool, theme: Theme) -> None:
    """Label each region beneath its lower border; with its version, where versions are compared.

    Who was hit on it is out of play and no longer counts, but is seen to lie there.
    """
    for site, cells in scene.stage.regions.items():
        place = region_label_place(grid, cells)
        text = f"{scene.stage.site_names[site].replace('_', ' ')}: {scene.sites[site].value}"
        hit = sum(agent.is_out and agent.cell in cells for agent in scene.agents)
        text += f", {hit} hit" if hit else ""
        text += f"  v{scene.sites[site].version}" if checks else ""
        size = max(13, round(grid.px * 0.58))
        label(surface, text, place, size, theme.card, theme.region, "midtop", room=grid.rect)


def region_label_place(grid: Grid, cells: tuple[int, ...]) -> tuple[float, float]:
    """Return the point in the middle of a region's lower border."""
    corners = [grid.corner(cell) for cell in cells]
    lefts = [left for left, _ in corners]
    return (min(lefts) + max(lefts) + grid.px) / 2, max(top for _, top in corners) + grid.px + max(1, grid.px // 12)


def _draw_mail(
    surface: Surface, pane: Pane, grid: Grid, moment: Moment, where: list[tuple[float, float, float]], theme: Theme
) -> None:
    """Draw the letters in flight; where few are, each with what it says.

    Where one story is told, only those that it is about, and none while its verdict is to be looked at.
    """
    messages, grave = moment.scene.messages, pane.is_grave(moment.time)
    if pane.focus:
        about = {(verdict.agent, one.site) for verdict in pane.verdicts for one in verdict.named}
        messages = tuple(mail for mail in messages if (mail.receiver, mail.site) in about and not grave)
    size = max(12, round(grid.px * 0.5))
    for nth, mail in enumerate(messages):
        right, down = flight(mail, moment, nth, where)
        text = str(mail.value)
        if grid.px >= ROOMY and len(messages) <= MOST_TOLD and not grave:
            text = letter_text(grid.stage, mail)
            if pane.checks and mail.kind not in (PROMISE, SYMBOL):
                text += f" v{mail.stamp}"
        sprite = letter(text, not mail.is_current, size, theme)
        surface.blit(sprite, sprite.get_rect(center=(round(right), round(down))).clamp(grid.rect.inflate(8, 8)))


def draw_names(
    surface: Surface, pane: Pane, grid: Grid, moment: Moment, where: list[tuple[float, float, float]], theme: Theme
) -> list[pygame.Rect]:
    """Write the name beneath each agent who is alone in its role, and beneath those whose story is told.

    Return where.
    """
    found: list[pygame.Rect] = []
    if grid.px < ROOMY:
        return found
    stage = grid.stage
    told = {one.agent for one in pane.verdicts} if pane.focus is not None else set()
    size = name_size(grid.px)
    for index, agent in enumerate(moment.scene.agents):
        if not agent.is_out and (index in told or stage.agent_roles.count(agent.role) == 1):
            right, down, side = where[index]
            # Beside a site it stands beneath the row of the sites' names.
            near = agent.cell - 1 in stage.site_cells or agent.cell + 1 in stage.site_cells
            place = right, (grid.corner(agent.cell)[1] + grid.px if near else down + side * 0.5)
            name = agent_label(stage, index)
            found.append(label(surface, name, place, size, theme.ink, theme.card, "midtop", room=grid.rect))
    return found


def draw_plan(surface: Surface, places: PanePlaces, scene: Scene, theme: Theme) -> None:
    """Write the entries of the plan in a row beneath the map."""
    if places.plan is None:
        return
    size = round(18 * places.unit)
    write(surface, "plan", places.plan.midleft, size, theme.soft, "midleft")
    for nth, (entry, room) in enumerate(plan_places(places).items()):
        depot = scene.sites[entry].value
        ways = f"{nth} to depot {depot}", f"{nth} to d{depot}", f"d{depot}"
        text = next((way for way in ways if text_size(way, size)[0] + 2 * size <= room.width), ways[-1])
        label(surface, text, room.midleft, size, theme.card, theme.region, "midleft")
