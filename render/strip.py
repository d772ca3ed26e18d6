"""The strip of transactions: a lane for each agent, time from left to right, arrows from a write to the act it hit.

A dot: what the transaction rests on was read. Then a bar: hollow while it waits, pale while it thinks, dark while it
walks, a notch at each act, and at its end the colour of how it ended.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pygame

from ..world.state import COMMITTED, NEVER, PARTIAL
from . import pieces
from .actors import Moment
from .brush import Surface, curve, mix
from .chronicle import Chronicle, Span
from .palette import Colour
from .themes import Theme
from .words import agent_mark

SHOWN = 44  # ticks
AHEAD = 4  # of them to the right of now


def draw_strip(
    surface: Surface, room: pygame.Rect, moment: Moment, chronicle: Chronicle, unit: float, theme: Theme
) -> None:
    """Draw the last ticks of every agent's transactions, up to now."""
    agents = moment.scene.agents
    lane = min(room.height / len(agents), 24 * unit)
    room = pygame.Rect(room.left, room.top, room.width, round(lane * len(agents)))
    sign = max(8, min(18, int(lane)))
    left = room.left + sign + 4
    step = (room.right - left) / SHOWN
    now = moment.time
    first = now - (SHOWN - AHEAD)

    def right_of(tick: float) -> float:
        return left + (min(max(tick, first), now) - first) * step

    pygame.draw.rect(surface, mix(theme.card, theme.page, 0.6), room, border_radius=4)
    for tick in range(math.ceil(max(0.0, first) / 10) * 10, int(now) + 1, 10):
        surface.fill(theme.edge, (right_of(tick), room.top, 1, room.height))
    for index, agent in enumerate(agents):
        top = room.top + lane * index
        if lane >= 8:
            disc = pieces.number_disc(sign, agent.role, agent_mark(moment.scene.stage, index), theme)
            surface.blit(disc, (room.left + 1, top + (lane - sign) / 2))
        colour = theme.role(agent.role)
        for span in chronicle.spans_of(index, int(first), int(now)):
            box = pygame.Rect(0, round(top + 1), 0, max(3, round(lane - 2)))
            _draw_span(surface, span, right_of, now, box, colour, theme)
    surface.fill(theme.ink, (right_of(now), room.top, 1, room.height))
    previous = surface.get_clip()
    surface.set_clip(room)
    for verdict in chronicle.verdicts:
        if first <= verdict.tick <= now:
            colour = theme.good if verdict.caught else theme.bad
            for one in verdict.named:
                if one.writer >= 0 and one.superseded >= first:
                    start = right_of(one.superseded), room.top + lane * (one.writer + 0.5)
                    end = right_of(verdict.tick), room.top + lane * (verdict.agent + 0.5)
                    arrow(surface, start, end, colour, 0.15)
    surface.set_clip(previous)


def _draw_span(
    surface: Surface, span: Span, right_of: Callable[[float], float], now: float, lane: pygame.Rect, colour: Colour,
    theme: Theme,
) -> None:  # fmt: skip
    end = min(now, span.settled)
    thought = span.thought if span.thought != NEVER else (span.began if not span.thinks else NEVER)
    box = lane.copy()

    def part(start: float, stop: float) -> pygame.Rect:
        box.left = round(right_of(start))
        box.width = max(1, round(right_of(min(stop, end))) - box.left)
        return box

    if span.began > span.decided:
        pygame.draw.rect(surface, colour, part(span.decided, span.began), 1)
    if span.began < end and span.began < thought:
        surface.fill(mix(theme.card, colour, 0.42), part(span.began, thought))
    if thought < end:
        surface.fill(mix(theme.card, colour, 0.85), part(thought, end))
    middle = lane.centery
    pygame.draw.circle(surface, theme.ink, (right_of(span.decided), middle), max(1.5, lane.height / 6))
    for tick in span.acts:
        if tick <= now and right_of(tick) > right_of(span.decided):
            surface.fill(theme.ink, (right_of(tick) - 1, lane.top, 2, lane.height))
    if span.settled <= now:
        good = span.outcome in (COMMITTED, PARTIAL)
        end_box = pygame.Rect(round(right_of(span.settled)) - 2, lane.top, 4, lane.height)
        surface.fill(theme.good if good else theme.bad, end_box)


def arrow(surface: Surface, start: tuple[float, float], end: tuple[float, float], colour: Colour, bow: float) -> None:
    """Draw a bowed arrow."""
    points = curve(start, end, bow)
    for shift in (0, 1):
        pygame.draw.aalines(surface, colour, False, [(right, down + shift) for right, down in points])
    before, last = points[-3], points[-1]
    angle = math.atan2(last[1] - before[1], last[0] - before[0])
    tip = [last]
    for turn in (2.6, -2.6):
        tip.append((last[0] + 7 * math.cos(angle + turn), last[1] + 7 * math.sin(angle + turn)))
    pygame.draw.polygon(surface, colour, tip)
