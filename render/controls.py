"""What the window adds to the panes: the time line, the help, a word on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pygame

from .brush import Surface, label, text_size, write
from .pane import Pane
from .panel import draw_box
from .themes import Theme

HELP = (
    ("space", "play, pause"),
    ("left, right", "a tick back, forward; with shift ten"),
    ("home, end", "the beginning, the end"),
    ("n, b", "to the next, the last hazard"),
    ("up, down", "faster, slower"),
    ("click", "an agent, a site, the time line"),
    ("d", "details on, off"),
    ("l", "light, dark"),
    ("f", "full screen"),
    ("tab", "choose a pane (framed)"),
    ("p", "its next protocol, from the start"),
    ("t, m", "longer thought, slower messages"),
    ("shift p, t, m", "the same as a fork from this tick"),
    ("x", "take the chosen pane away"),
    ("h, ?", "this help"),
    ("esc, q", "close; quit"),
)


@dataclass(frozen=True)
class Controls:
    """The state of the window that is seen."""

    playing: bool = False
    speed: float = 6.0
    active: int = 0  # pane
    chosen: tuple[int, str, int] | None = None  # pane, "agent" or "site", index
    help: bool = False
    message: str = ""


def time_at(rect: pygame.Rect, right: float, length: int) -> float:
    """Return the time at a point of the time line."""
    track = track_of(rect)
    return length * min(1.0, max(0.0, (right - track.left) / max(1, track.width)))


def track_of(rect: pygame.Rect) -> pygame.Rect:
    """Return the part of the time line that time runs along."""
    height = rect.height
    return pygame.Rect(rect.left + round(4.2 * height), rect.top, rect.width - round(8.4 * height), height)


def draw_line(
    surface: Surface, rect: pygame.Rect, panes: Sequence[Pane], time: float, length: int, controls: Controls,
    unit: float, theme: Theme,
) -> None:  # fmt: skip
    """Draw the time line: a lane for each pane with what went wrong (red diamonds) and was caught (green discs)."""
    track = track_of(rect)
    size = round(19 * unit)
    middle = rect.centery
    _play_sign(surface, (rect.left + rect.height * 0.5, middle), rect.height * 0.3, controls.playing, theme)
    write(surface, f"tick {int(time)}", (rect.left + rect.height * 1.1, middle), size, theme.ink, "midleft")
    where = f"{controls.speed:g} ticks/s   h: help"
    write(surface, where, (rect.right, middle), round(17 * unit), theme.soft, "midright", room=rect.height * 4)
    pygame.draw.rect(surface, theme.card, track, border_radius=round(6 * unit))
    done = round(track.width * min(1.0, time / max(1, length)))
    pygame.draw.rect(surface, theme.edge, (track.left, track.top, done, track.height), border_radius=round(6 * unit))
    lane = track.height / len(panes)
    for nth, pane in enumerate(panes):
        down = track.top + lane * (nth + 0.5)
        reach = max(2.5, min(5 * unit, lane * 0.34))
        end = track.left + track.width * pane.length / max(1, length)
        pygame.draw.line(surface, theme.faint, (track.left, down), (end, down))
        for when, caught in pane.marks():
            right = track.left + track.width * when / max(1, length)
            if caught:
                pygame.draw.aacircle(surface, theme.good, (right, down), reach)
            else:
                corners = [(right - reach, down), (right, down - reach), (right + reach, down), (right, down + reach)]
                pygame.draw.polygon(surface, theme.bad, corners)
    surface.fill(theme.ink, (track.left + done - 1, track.top - 2, max(2, round(2 * unit)), track.height + 4))


def _play_sign(surface: Surface, middle: tuple[float, float], reach: float, playing: bool, theme: Theme) -> None:
    right, down = middle
    if playing:
        for side in (-0.75, 0.25):
            surface.fill(theme.ink, (right + side * reach, down - reach, max(2, reach * 0.5), 2 * reach))
    else:
        corners = [(right - reach * 0.7, down - reach), (right + reach, down), (right - reach * 0.7, down + reach)]
        pygame.draw.polygon(surface, theme.ink, corners)


def draw_active(surface: Surface, card: pygame.Rect, unit: float, theme: Theme) -> None:
    """Mark the chosen pane by a bar on its left edge."""
    bar = pygame.Rect(card.left, card.top + round(14 * unit), max(3, round(4 * unit)), round(26 * unit))
    pygame.draw.rect(surface, theme.region, bar, border_radius=2)


def draw_message(surface: Surface, text: str, unit: float, theme: Theme) -> None:
    """Write a word in the middle of the upper edge."""
    place = surface.get_width() / 2, 30 * unit
    room = surface.get_rect().inflate(-8, -8)
    size = round(24 * unit)
    while size > 12 and text_size(text, size)[0] > room.width - 20:
        size -= 1
    label(surface, text, place, size, theme.card, theme.ink, "center", None, room)


def draw_help(surface: Surface, unit: float, theme: Theme) -> None:
    """Write what the keys do, in a box in the middle."""
    size = round(21 * unit)
    step = size * 1.06
    keys = max(text_size(key, size)[0] for key, _ in HELP)
    words = max(text_size(text, size)[0] for _, text in HELP)
    width, height = keys + words + round(70 * unit), round(step * (len(HELP) + 1) + 44 * unit)
    box = pygame.Rect(0, 0, width, height)
    box.center = surface.get_rect().center
    draw_box(surface, box, unit, theme)
    top = box.top + 14 * unit
    write(surface, "Keys", (box.left + 22 * unit, top), round(26 * unit), theme.ink)
    top += 30 * unit
    for key, text in HELP:
        write(surface, key, (box.left + 22 * unit, top), size, theme.region)
        write(surface, text, (box.left + keys + 44 * unit, top), size, theme.ink)
        top += step
