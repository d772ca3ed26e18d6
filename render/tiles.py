"""A scene as a picture, in NumPy alone: who thinks, what the sites hold, which gate is closed, what is in the mail."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..world.state import NO_CELL, NO_OUTCOME, NONE, PROMISE, THINKING, WAITING
from . import figures, palette
from .font import HEIGHT, text_width, write
from .ground import SIDE, berths, ground, strip_px
from .palette import Colour
from .scene import AgentView, Scene, Stage
from .sprites import RING_STEPS, boat, envelope, lay, plate, truck

LEAST_PX = 8  # of a tile

Frame = NDArray[np.uint8]


def draw(scene: Scene, tile_px: int = 32, focus: int | None = None) -> Frame:
    """Draw a scene: a fresh contiguous [H, W, 3] uint8, both sides multiples of 16.

    `focus`: an agent whose beliefs stand as faded labels beside the sites that hold something else ('?': it knows
    nothing of the site, a final '!': it was promised).
    Raises: ValueError if `tile_px` is below 8 or `focus` is no agent.
    """
    if tile_px < LEAST_PX:
        raise ValueError(f"tile_px is at least {LEAST_PX}; got {tile_px}")
    if focus is not None and not 0 <= focus < len(scene.agents):
        raise ValueError(f"focus is an agent from 0 to {len(scene.agents) - 1}, or None; got {focus}")
    frame = ground(scene.stage, tile_px, scene.closed).copy()
    top = strip_px(tile_px)
    below = frame[top:]
    _draw_boats(below, scene, tile_px)
    spots = dict(_spots(scene, tile_px))
    _draw_targets(below, scene, tile_px, spots)
    _draw_sites(below, scene, tile_px)
    _draw_agents(below, scene, tile_px, spots, focus)
    _draw_mail(below, scene, tile_px, spots)
    _draw_regions(below, scene, tile_px)
    _draw_plan(below, scene, tile_px)
    if focus is not None:
        _draw_ghosts(below, scene, tile_px, focus)
    _draw_strip(frame[:top], scene)
    return frame


# ---------------------------------------------------------------------- what stands and moves on it


def _draw_boats(below: Frame, scene: Scene, px: int) -> None:
    """Waiting boats lie on the water, the first to come nearest to the gate."""
    waiting = sum(state == WAITING for state in scene.boats)
    if not waiting:
        return
    sprite = truck(px) if scene.stage.craft == "truck" else boat(px)
    for cell in berths(scene.stage)[:waiting]:
        lay(below, sprite, cell // scene.stage.columns * px, cell % scene.stage.columns * px)


def _draw_sites(below: Frame, scene: Scene, px: int) -> None:
    stage = scene.stage
    for index, (cell, site) in enumerate(zip(stage.site_cells, scene.sites, strict=True)):
        if cell != NO_CELL:
            label = short_name(stage.site_names[index], px)
            top, left = cell // stage.columns * px, cell % stage.columns * px
            lay(below, figures.site(stage.site_kinds[index], site.value, label, site.unsettled >= 0, px), top, left)
            if not figures.shows_digits(site.value, px) and stage.site_kinds[index] != "switch":
                wide = plate(str(site.value), palette.INK, palette.PAPER)
                height, width = wide.keep.shape[:2]
                lay(below, wide, top + (px - height) // 2, left + (px - width) // 2)


def short_name(name: str, width_px: int) -> str:
    """Shorten a site's name until it fits: GATE stays, counter_3 becomes C3."""
    if text_width(name) <= width_px:
        return name
    number = name.rsplit("_", 1)[-1]
    return name[0] + number if number.isdigit() else name[0]


def _spots(scene: Scene, px: int) -> Iterator[tuple[int, tuple[int, int, int]]]:
    """Give each agent its place within its tile, (top, left, side): those who share one shrink and stand in rows."""
    groups: dict[int, list[int]] = {}
    for index, agent in enumerate(scene.agents):
        groups.setdefault(agent.cell, []).append(index)
    taken = set(scene.stage.site_cells)
    for cell, members in groups.items():
        top, left = cell // scene.stage.columns * px, cell % scene.stage.columns * px
        count = len(members)
        if count == 1 and cell not in taken:
            yield members[0], (top, left, px)
            continue
        # Beside a tile often stands a site with digits, so a crowd spills over upwards and downwards only.
        across = 2 if count <= 6 else 3
        rows = max(2, -(-count // across))
        side = max(6, int(px * (0.62 if across == 2 else 0.46)))
        step_down, step_right = (px - side if rows == 2 else px // 2), (px - side) / (across - 1)
        top += (px - side - step_down * (rows - 1)) // 2
        for nth, index in enumerate(members):
            place = nth
            if cell in taken:  # the first stands in the last corner, clear of the digits
                place = across * rows - 1 - nth
            elif count == 2:  # aslant, so that they hardly hide one another
                place = 3 * nth
            yield index, (top + place // across * step_down, left + int(place % across * step_right), side)


def _draw_targets(below: Frame, scene: Scene, px: int, spots: dict[int, tuple[int, int, int]]) -> None:
    """Dot a line from each busy agent to the site that it is about to act on."""
    for index, agent in enumerate(scene.agents):
        if agent.target != NO_CELL and not agent.is_out:
            row, column = divmod(agent.target, scene.stage.columns)
            end = int((row + 0.5) * px), int((column + 0.5) * px)
            _dots(below, _centre(spots[index]), end, palette.role_colour(agent.role), max(4, px // 5), max(1, px // 16))


def _draw_agents(
    below: Frame, scene: Scene, px: int, spots: dict[int, tuple[int, int, int]], focus: int | None
) -> None:
    for index, agent in enumerate(scene.agents):
        top, left, side = spots[index]
        ring, mark = _ring_and_mark(agent)
        outcome = agent.outcome if agent.task is None else NO_OUTCOME
        sprite = figures.agent(
            side, agent.role, str(index), ring, mark, agent.is_out, agent.hand != 0, outcome, scene.holder == index
        )
        lay(below, sprite, top, left)
        if index == focus:
            lay(below, figures.focus_frame(side), top, left)


def _ring_and_mark(agent: AgentView) -> tuple[int, int]:
    if agent.phase == THINKING:
        done = agent.thought - agent.thought_left
        return RING_STEPS * done // max(1, agent.thought), figures.THINKS
    return -1, figures.WAITS if agent.is_waiting else figures.NO_MARK


def _draw_regions(below: Frame, scene: Scene, px: int) -> None:
    """Label each region with its name and value, astride its lower border."""
    for site, cells in scene.stage.regions.items():
        text = f"{scene.stage.site_names[site]} {scene.sites[site].value}"
        top, left = _label_place(scene.stage, cells, px, text)
        lay(below, plate(text, palette.WHITE, palette.REGION), top, left)


def _label_place(stage: Stage, cells: tuple[int, ...], px: int, text: str) -> tuple[int, int]:
    columns = [cell % stage.columns for cell in cells]
    top = (max(cell // stage.columns for cell in cells) + 1) * px - 3
    return top, (min(columns) + max(columns) + 1) * px // 2 - text_width(text) // 2 - 3


def _plan_places(stage: Stage, px: int) -> dict[int, tuple[str, int, int]]:
    """Return (name, top, left) of each entry of the plan: side by side on the lower wall, for they are nowhere else."""
    entries = [index for index, kind in enumerate(stage.site_kinds) if kind == "plan"]
    share = (stage.columns * px - 8) // max(1, len(entries))
    top = stage.rows * px - (px + HEIGHT + 4) // 2
    return {
        entry: (short_name(stage.site_names[entry], share - text_width(" 88") - 20), top, 4 + nth * share)
        for nth, entry in enumerate(entries)
    }


def _draw_plan(below: Frame, scene: Scene, px: int) -> None:
    """Label each entry of the plan with its name and value."""
    for entry, (name, top, left) in _plan_places(scene.stage, px).items():
        lay(below, plate(f"{name} {scene.sites[entry].value}", palette.WHITE, palette.REGION), top, left)


def _draw_mail(below: Frame, scene: Scene, px: int, spots: dict[int, tuple[int, int, int]]) -> None:
    """Draw each message on the line from sender to receiver, as far along as its time has run."""
    for nth, mail in enumerate(scene.messages):
        start, end = _centre(spots[mail.sender]), _centre(spots[mail.receiver])
        share = 0.0 if mail.held else mail.progress(scene.tick)
        colour = palette.FRAME if mail.is_current else palette.LETTER_STALE
        _dots(below, start, end, colour, max(3, px // 6), 1)
        sprite = envelope(str(mail.value), mail.kind == PROMISE, not mail.is_current, px)
        height, width = sprite.keep.shape[:2]
        down = start[0] + share * (end[0] - start[0]) - height / 2
        right = start[1] + share * (end[1] - start[1]) - width / 2 + (nth % 3 - 1) * px / 16
        lay(below, sprite, int(down), int(right))


def _draw_ghosts(below: Frame, scene: Scene, px: int, focus: int) -> None:
    stage = scene.stage
    for index, belief in enumerate(scene.beliefs[focus]):
        known = belief.channel != NONE
        if known and belief.value == scene.sites[index].value:
            continue
        text = f"{belief.value}{'!' if belief.promise else ''}" if known else "?"
        sprite = plate(text, palette.GHOST, palette.GHOST_PAPER, 0.85)
        cell = stage.site_cells[index]
        if stage.site_kinds[index] == "plan":
            name, top, left = _plan_places(stage, px)[index]
            lay(below, sprite, top, left + text_width(f"{name} {scene.sites[index].value}") + 8)
        elif cell == NO_CELL:
            name = f"{stage.site_names[index]} {scene.sites[index].value}"
            top, left = _label_place(stage, stage.regions[index], px, name)
            lay(below, sprite, top, left + text_width(name) + 8)
        else:
            lay(below, sprite, cell // stage.columns * px - 4, (cell % stage.columns + 1) * px - 4)


def _centre(spot: tuple[int, int, int]) -> tuple[int, int]:
    top, left, side = spot
    return top + side // 2, left + side // 2


def _dots(below: Frame, start: tuple[int, int], end: tuple[int, int], colour: Colour, every: int, size: int) -> None:
    count = int(math.hypot(end[0] - start[0], end[1] - start[1])) // every
    if count < 2:
        return
    share = np.arange(1, count)
    down, right = (
        np.clip(a + (b - a) * share // count, 0, room - size)
        for a, b, room in zip(start, end, below.shape[:2], strict=True)
    )
    for nth in range(size * size):
        below[down + nth // size, right + nth % size] = colour


# ---------------------------------------------------------------------- the strip above


def _draw_strip(strip: Frame, scene: Scene) -> None:
    """Write the tick, a bar with a segment for each goal (met, lost, open), the count; a line runs to the horizon."""
    height, width = strip.shape[:2]
    scale = 2 if height > SIDE and width >= 320 else 1
    top = (height - 3 - HEIGHT * scale) // 2 + 1
    margin = 4 * scale
    word = "TICK" if width >= 160 * scale else "T"
    clock, count = f"{word} {scene.tick}", f"{scene.goals_met}/{scene.goals}"
    write(strip, clock, top, margin, palette.STRIP_INK, scale)
    write(strip, count, top, width - margin - text_width(count, scale), palette.STRIP_INK, scale)
    left = margin + text_width(f"{word} {max(scene.tick, scene.stage.horizon)}", scale) + 2 * margin
    write(strip, "S", top, left, palette.STRIP_INK, scale)
    left += text_width("S", scale) + margin
    right = width - 2 * margin - text_width(count, scale)
    goals = max(1, scene.goals)
    for nth in range(goals):
        one = left + (right - left) * nth // goals
        other = max(one + 1, left + (right - left) * (nth + 1) // goals - scale)
        segment = strip[top : top + HEIGHT * scale, one:other]
        if nth < scene.goals_met:
            segment[...] = palette.GOOD
        elif nth >= scene.goals - scene.goals_lost:
            segment[HEIGHT * scale // 2 - scale : HEIGHT * scale // 2 + scale] = palette.BAD
        else:
            segment[...] = palette.STRIP_FAINT
    strip[-2:, : width * min(scene.tick, scene.stage.horizon) // max(1, scene.stage.horizon)] = palette.SKY
