"""The panel about what was clicked: an agent's beliefs and inputs, or a site's versions and who believes what of it."""

from __future__ import annotations

import pygame

from ..world.state import CHANNELS, LOCK_MODES, NOBODY, NONE, PHASES, WORLD
from . import pieces
from .brush import Surface, write
from .pane import Pane
from .themes import Theme
from .words import agent_mark, short_claim

MOST_VERSIONS = 12

_Line = tuple[str, str, int]  # what, value, tone: 0 plain, 1 soft, 2 no longer so, 3 right


def draw_box(surface: Surface, box: pygame.Rect, unit: float, theme: Theme) -> None:
    """Draw the ground of a panel."""
    pygame.draw.rect(surface, theme.card, box, border_radius=round(12 * unit))
    pygame.draw.rect(surface, theme.region, box, max(1, round(2 * unit)), border_radius=round(12 * unit))


def draw_panel(
    surface: Surface, pane: Pane, kind: str, index: int, time: float, card: pygame.Rect, unit: float, theme: Theme
) -> None:  # fmt: skip
    """Draw what is known of an agent (beliefs, inputs) or a site (versions, who believes what), beside its pane."""
    lines = _agent_lines(pane, index, time) if kind == "agent" else _site_lines(pane, index, time)
    size = round(18 * unit)
    step = size * 0.98
    width = min(round(340 * unit), surface.get_width() - 16)
    page = surface.get_rect().inflate(-round(16 * unit), -round(16 * unit))
    most = int((page.height - 60 * unit) / step)
    if len(lines) > most:
        lines = [*lines[: most - 1], (f"and {len(lines) - most + 1} more", "", 0)]
    box = pygame.Rect(0, 0, width, round(len(lines) * step + 58 * unit))
    # On the other side of the surface than what it is about, where there is one.
    side = "topright" if card.centerx < surface.get_width() / 2 else "topleft"
    setattr(box, side, getattr(page, side))
    box.top = max(page.top, min(card.top, page.bottom - box.height))
    draw_box(surface, box, unit, theme)
    scene = pane.moment(time).scene
    stage = scene.stage
    left, top = box.left + 16 * unit, box.top + 12 * unit
    title = stage.agent_names[index] if kind == "agent" else stage.site_names[index]
    if kind == "agent":
        sign = round(24 * unit)
        surface.blit(pieces.number_disc(sign, scene.agents[index].role, agent_mark(stage, index), theme), (left, top))
        left += sign + 8 * unit
    write(surface, title.replace("_", " "), (left, top), round(25 * unit), theme.ink)
    write(surface, pane.title, (box.right - 16 * unit, top + 6 * unit), size, theme.soft, "topright")
    top += 36 * unit
    tones = theme.ink, theme.soft, theme.ghost, theme.good
    for text, value, tone in lines:
        colour = tones[tone]
        right = box.right
        if value:
            right = write(surface, value, (box.right - 16 * unit, top), size, colour, "topright").left
        write(surface, text, (box.left + 16 * unit, top), size, colour, room=right - box.left - 24 * unit)
        top += step


def _agent_lines(pane: Pane, index: int, time: float) -> list[_Line]:
    scene = pane.moment(time).scene
    me, stage, tick = scene.agents[index], scene.stage, scene.tick
    doing = PHASES[me.phase] + (f": {me.task.replace('_', ' ')}" if me.task else "")
    lines: list[_Line] = [(doing, f"holds {me.hand}" if me.hand else "", 0)]
    if me.is_waiting and me.waits_for != NOBODY:
        lines.append(("waits for", stage.agent_names[me.waits_for].replace("_", " "), 1))
    span = pane.chronicle.open_span(index, tick)
    if span is not None:
        lines.append((f"decided at tick {span.decided} on", f"thinks {span.thinks}", 1))
        for view in span.inputs:
            now = scene.sites[view.site]
            text = f"  {_site(pane, view.site)} v{view.version}, {CHANNELS[view.channel]}, {tick - view.sensed} old"
            claim = short_claim(stage.site_kinds[view.site], view.value)
            lines.append((text, claim, 3 if now.value == view.value else 2))
    lines.append(("believes now", "", 1))
    for site, belief in enumerate(scene.beliefs[index]):
        if belief.channel == NONE:
            lines.append((f"  {_site(pane, site)}", "unknown", 1))
            continue
        right = belief.value == scene.sites[site].value
        claim = short_claim(stage.site_kinds[site], belief.value)
        if not right:
            claim += f" (is {short_claim(stage.site_kinds[site], scene.sites[site].value)})"
        how = "promise" if belief.promise else CHANNELS[belief.channel]
        lines.append((f"  {_site(pane, site)}, {how}, {belief.age} old", claim, 0 if right else 2))
    return lines


def _site_lines(pane: Pane, site: int, time: float) -> list[_Line]:
    scene = pane.moment(time).scene
    stage = scene.stage
    kind = stage.site_kinds[site]
    view = scene.sites[site]
    lines: list[_Line] = [(f"{kind.replace('_', ' ')}, version {view.version}", short_claim(kind, view.value), 0)]
    if view.unsettled != NOBODY:
        lines.append(("not settled, written by", stage.agent_names[view.unsettled].replace("_", " "), 2))
    for agent, mode in pane.chronicle.locks_at(scene.tick).get(site, []):
        lines.append((f"locked ({LOCK_MODES[mode]}) by", stage.agent_names[agent], 1))
    lines.append(("believed by", "", 1))
    for index, name in enumerate(stage.agent_names):
        belief = scene.beliefs[index][site]
        if belief.channel != NONE:
            text = f"  {name.replace('_', ' ')}, {belief.age} old"
            lines.append((text, short_claim(kind, belief.value), 0 if belief.value == view.value else 2))
    lines.append(("versions, newest first", "", 1))
    past = [version for version in pane.chronicle.versions[site] if version.tick <= scene.tick]
    for version in past[: -MOST_VERSIONS - 1 : -1]:
        by = {NOBODY: "at first", WORLD: "the world"}.get(version.writer) or stage.agent_names[version.writer]
        text = f"  v{version.version}, tick {version.tick}, {by.replace('_', ' ')}"
        lines.append((text, short_claim(kind, version.value), 0))
    return lines


def _site(pane: Pane, site: int) -> str:
    return pane.scene(0).stage.site_names[site].replace("_", " ")
