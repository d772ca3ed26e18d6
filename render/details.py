"""The layer for those who want to know more: versions, locks, epochs, threads to the causing write, live numbers."""

from __future__ import annotations

import math

import pygame

from ..world.state import NONE, SHARED
from . import pieces
from .actors import Moment
from .arrange import PanePlaces
from .board import Grid
from .brush import Surface, label, text_size, write
from .chronicle import Chronicle
from .map import region_label_place, site_px
from .overlays import FLASH
from .pane import Pane
from .strip import arrow, draw_strip
from .themes import Theme
from .words import agent_mark, short_claim

THREAD = 1.5 * FLASH  # ticks for which a thread stays
THREADS = 2  # at once


def draw_badges(surface: Surface, pane: Pane, grid: Grid, moment: Moment, theme: Theme) -> None:
    """Write the version of each site that was written, and draw a padlock for each lock in its holder's colour."""
    scene, px = moment.scene, grid.px
    size = max(12, round(px * 0.38))
    locks = pane.chronicle.locks_at(scene.tick)
    for index, view in enumerate(scene.sites):
        cells = grid.stage.regions.get(index)
        if cells is not None:
            right, down = region_label_place(grid, cells)
            right, down = right - px * 1.7, down + size * 0.5
        elif grid.stage.site_cells[index] >= 0:
            left, top = grid.corner(grid.stage.site_cells[index])
            right, down = left + px * 0.95, top + size * 0.3
        else:
            continue
        named = cells is not None and pane.checks  # a region's label has it already
        if view.version and px >= 18 and not named:
            label(surface, f"v{view.version}", (right, down), size, theme.soft, theme.page, "center", room=grid.rect)
        for nth, (agent, mode) in enumerate(locks.get(index, [])[:3]):
            colour = theme.role(scene.agents[agent].role)
            side = max(10, round(px * 0.42))
            place = right - px - nth * side * 0.7, down - side * 0.3
            surface.blit(pieces.lock(side, colour, theme), place)
            word = agent_mark(grid.stage, agent) + ("" if mode == SHARED else "!")
            spot = place[0] + side / 2, place[1] + side * 0.5
            write(surface, word, spot, max(10, round(side * 0.7)), theme.print, "midtop")


def draw_epochs(
    surface: Surface, grid: Grid, moment: Moment, where: list[tuple[float, float, float]], chronicle: Chronicle,
    theme: Theme,
) -> None:  # fmt: skip
    """Write at each agent the newest plan it knows: red while a newer one is out, framed once all have adopted it."""
    tick = moment.scene.tick
    if not chronicle.published:
        return
    newest, adopted = chronicle.epoch_at(tick), chronicle.epoch_adopted(tick)
    size = max(12, round(grid.px * 0.4))
    for index, (right, down, side) in enumerate(where):
        known = chronicle.epoch_known(index, tick)
        colour = theme.good if known == newest else theme.bad
        edge = theme.ink if adopted == newest and newest else None
        place = right + side * 0.45, down - side * 0.42
        label(surface, f"e{known}", place, size, (255, 255, 255), colour, "center", edge, grid.rect)


def draw_threads(
    surface: Surface, pane: Pane, grid: Grid, moment: Moment, where: list[tuple[float, float, float]], theme: Theme
) -> None:
    """Draw a thread from who caused it, over the site that it wrote, to who acted on what was no longer so."""
    size = max(13, round(grid.px * 0.42))
    for verdict in [one for one in pane.verdicts if 0 <= moment.time - one.when < THREAD][-THREADS:]:
        colour = theme.good if verdict.caught else theme.bad
        right, down, _ = where[verdict.agent]
        for one in verdict.named[:3]:
            spot = grid.site_middle(one.site)
            if spot is not None:
                arrow(surface, spot, (right, down), colour, 0.12)
            if one.writer >= 0:
                start = where[one.writer]
                end = spot or (right, down)
                if math.hypot(start[0] - end[0], start[1] - end[1]) > grid.px * 0.6:
                    arrow(surface, (start[0], start[1]), end, colour, -0.12)
                text = f"wrote v{one.current_version} at {one.superseded}"
                place = start[0], start[1] - grid.px * 0.72
                label(surface, text, place, size, theme.ink, theme.page, "center", colour, grid.rect)


def draw_own_view(surface: Surface, grid: Grid, moment: Moment, agent: int, theme: Theme) -> None:
    """Show one agent's world: at each site what it holds true of it, grey where that is so; '?': it knows nothing."""
    scene, px = moment.scene, grid.px
    size = max(12, round(px * 0.42))
    for site, belief in enumerate(scene.beliefs[agent]):
        cells = grid.stage.regions.get(site)
        if cells is not None:
            right, down = region_label_place(grid, cells)
            place = right + px * 1.7, down + size * 0.5
        elif grid.stage.site_cells[site] >= 0:
            left, top = grid.corner(grid.stage.site_cells[site])
            place = left + px / 2, top + site_px(px) * 0.86
        else:
            continue
        known = belief.channel != NONE
        right_ = known and belief.value == scene.sites[site].value
        text = short_claim(grid.stage.site_kinds[site], belief.value) if known else "?"
        if known and belief.age > 0 and text_size(text, size)[0] < px * 0.7:
            text += f" ·{belief.age}"
        ink, ground = (theme.soft, theme.page) if right_ else (theme.ghost, theme.ghost_paper)
        label(surface, text, place, size, ink, ground, "center", None if right_ else theme.ghost, grid.rect)


def draw_details(surface: Surface, pane: Pane, places: PanePlaces, moment: Moment, theme: Theme) -> None:
    """Write the live numbers and draw the strip of transactions beneath the sentence."""
    if places.detail is None:
        return
    room, unit = places.detail, places.unit
    size = round(17 * unit)
    left = float(room.left)
    top = float(room.top)
    for name, value in pane.stats(moment.scene.tick) if pane.stats else ():
        width = text_size(f"{name} {value}", size)[0]
        if left + width > room.right:
            left, top = float(room.left), top + size * 0.85
        rect = write(surface, f"{name} ", (left, top), size, theme.soft)
        left = write(surface, value, rect.topright, size, theme.ink).right + 12 * unit
    top += size * 0.95
    below = pygame.Rect(room.left, round(top), room.width, round(room.bottom - top))
    draw_strip(surface, below, moment, pane.chronicle, unit, theme)
