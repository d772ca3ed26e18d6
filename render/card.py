"""What stands around a pane's map: its card, the protocol, the goals, and the sentence under it."""

from __future__ import annotations

import pygame

from . import pieces
from .arrange import PanePlaces
from .brush import Surface, dashes, label, mix, pill, text_size, wrapped, write
from .palette import Colour
from .pane import ALERT, BAD, CALM, GOOD, Pane
from .scene import Scene
from .themes import Theme

HEADLINES = {BAD: "Acted on old news", GOOD: "Caught: refused"}


def mood_colour(mood: int, theme: Theme) -> Colour:
    """Return the colour of a mood."""
    return {ALERT: theme.ghost, BAD: theme.bad, GOOD: theme.good}.get(mood, theme.soft)


def draw_card(surface: Surface, places: PanePlaces, theme: Theme, glow: float, mood: int, forked: bool) -> None:
    """Draw the card that a pane lies on; it glows in the colour of a verdict."""
    unit, card = places.unit, places.card
    colour = mix(theme.edge, mood_colour(mood, theme), glow) if glow > 0 else theme.edge
    thick = max(1, round((1 + 2 * glow) * unit))
    corner = round(12 * unit)
    pygame.draw.rect(surface, theme.card, card, border_radius=corner)
    pygame.draw.rect(surface, colour, card, thick, border_radius=corner)
    if forked:
        inner = card.inflate(-6 * unit, -6 * unit)
        for start, end in (
            (inner.topleft, inner.topright), (inner.topright, inner.bottomright),
            (inner.bottomright, inner.bottomleft), (inner.bottomleft, inner.topleft),
        ):  # fmt: skip
            dashes(surface, start, end, theme.ghost, max(1.6, 2 * unit), 10 * unit, 7 * unit)


def draw_head(surface: Surface, pane: Pane, places: PanePlaces, scene: Scene, theme: Theme) -> None:
    """Write the protocol, what it is, and the share of goals met as a bar with a segment for each."""
    unit, head, bar = places.unit, places.head, places.bar
    big, small = round(25 * unit), round(17 * unit)
    low = head.top + (big - small) * 0.62
    right = float(head.right)
    if scene.goals_lost:
        right = write(surface, f", {scene.goals_lost} lost", (right, low), small, theme.bad, "topright").left
    count = f"goals: {scene.goals_met} of {scene.goals} met"
    right = write(surface, count, (right, low), small, theme.ink, "topright").left
    room = right - head.left - 8 * unit
    write(surface, pane.title, head.topleft, big, theme.ink, room=room)
    left = float(head.left)
    if pane.forked is not None:
        text, place = f"fork at tick {pane.forked}, no result", (left, head.top + 23 * unit)
        left = label(surface, text, place, small, theme.card, theme.ghost, "topleft").right + 6 * unit
    write(surface, pane.about, (left, head.top + 24 * unit), small, theme.soft, room=head.right - left)
    _bar(surface, bar, scene, theme, unit)


def _bar(surface: Surface, bar: pygame.Rect, scene: Scene, theme: Theme, unit: float) -> None:
    goals = max(1, scene.goals)
    gap = 2 if bar.width / goals >= 7 else 0
    corner = bar.height // 2 if gap == 0 else 2
    if gap == 0:  # too many for segments
        surface.fill(theme.faint, bar)
        met = bar.width * scene.goals_met // goals
        lost = bar.width * scene.goals_lost // goals
        surface.fill(theme.good, (bar.left, bar.top, met, bar.height))
        surface.fill(theme.bad, (bar.right - lost, bar.centery - bar.height // 4, lost, max(2, bar.height // 2)))
        return
    for nth in range(goals):
        left, right = bar.left + bar.width * nth // goals, bar.left + bar.width * (nth + 1) // goals - gap
        segment = pygame.Rect(left, bar.top, right - left, bar.height)
        if nth < scene.goals_met:
            pygame.draw.rect(surface, theme.good, segment, border_radius=corner)
        elif nth >= goals - scene.goals_lost:
            pygame.draw.rect(surface, theme.bad, segment, max(1, round(1.6 * unit)), border_radius=corner)
            pygame.draw.line(surface, theme.bad, segment.bottomleft, segment.topright, max(1, round(1.6 * unit)))
        else:
            pygame.draw.rect(surface, theme.faint, segment, border_radius=corner)


def draw_sentence(surface: Surface, pane: Pane, places: PanePlaces, time: float, theme: Theme) -> None:
    """Write what the log says of this moment, with a sign for good or bad news."""
    beat = pane.beat(time)
    if beat is None:
        return
    unit, room = places.unit, places.say
    size = round((20 + min(8, max(0, room.height / unit - 66) * 0.25)) * unit)
    sign_px = round(26 * unit)
    left = room.left + sign_px + 8 * unit
    width = int(room.right - left)
    headline = beat.headline or HEADLINES.get(beat.mood)
    big = round(size * 1.12)
    lines = wrapped(beat.text, size, width)
    while headline and big > 12 and text_size(headline, big)[0] > width:
        big -= 1
    head = big * 0.86 if headline else 0.0
    while head + len(lines) * size * 0.8 > room.height and size > 9:
        size -= 1
        lines = wrapped(beat.text, size, width)
    step = size * 0.8
    top = room.top + max(0.0, (room.height - head - len(lines) * step) / 2)
    if headline:
        write(surface, headline, (left, top), big, mood_colour(beat.mood, theme), room=width)
        top += head
    sign_top = room.centery - sign_px / 2
    if beat.mood == BAD:
        surface.blit(pieces.cross(sign_px, theme), (room.left, sign_top))
    elif beat.mood == GOOD:
        surface.blit(pieces.shield(sign_px, theme), (room.left, sign_top))
    else:
        dot = pill(sign_px // 3, sign_px // 3, mood_colour(beat.mood, theme))
        surface.blit(dot, dot.get_rect(center=(round(room.left + sign_px / 2), room.centery)))
    colour = theme.ink if beat.mood != CALM else mix(theme.ink, theme.soft, 0.5)
    for nth, line in enumerate(lines):
        write(surface, line, (left, top + nth * step), size, colour)
