"""What pygame draws for us: smooth shapes, kept as sprites, and writing in pygame's own font.

Importing this file imports pygame; nothing but the painter does. No display is needed or opened.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import pygame

from .palette import Colour

Surface: TypeAlias = pygame.Surface
Point: TypeAlias = tuple[float, float]  # right, down

FINE = 4  # samples along a pixel's side


class Canvas:
    """A transparent canvas whose shapes come out smooth: drawn fourfold, then shrunk."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = max(1, math.ceil(width)), max(1, math.ceil(height))
        self._big = pygame.Surface((self.width * FINE, self.height * FINE), pygame.SRCALPHA, 32)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        """Fill a disc."""
        pygame.draw.circle(self._big, colour, (centre[0] * FINE, centre[1] * FINE), radius * FINE)

    def ring(self, centre: Point, radius: float, thick: float, colour: Colour) -> None:
        """Draw a circle whose line lies inside `radius`."""
        pygame.draw.circle(
            self._big, colour, (centre[0] * FINE, centre[1] * FINE), radius * FINE, max(1, round(thick * FINE))
        )

    def arc(self, centre: Point, radius: float, thick: float, share: float, colour: Colour) -> None:
        """Draw a part of a ring, from the top clockwise."""
        if share <= 0:
            return
        steps = max(2, int(64 * share))
        outer, inner = [], []
        for nth in range(steps + 1):
            angle = 2 * math.pi * min(1.0, share) * nth / steps
            sine, cosine = math.sin(angle), -math.cos(angle)
            outer.append(((centre[0] + sine * radius) * FINE, (centre[1] + cosine * radius) * FINE))
            close = radius - thick
            inner.append(((centre[0] + sine * close) * FINE, (centre[1] + cosine * close) * FINE))
        pygame.draw.polygon(self._big, colour, outer + inner[::-1])

    def box(
        self, left: float, top: float, width: float, height: float, colour: Colour, corner: float = 0, thick: float = 0
    ) -> None:
        """Fill a rectangle, or draw its line where `thick` is given."""
        rect = pygame.Rect(round(left * FINE), round(top * FINE), round(width * FINE), round(height * FINE))
        line = max(1, round(thick * FINE)) if thick else 0
        pygame.draw.rect(self._big, colour, rect, line, border_radius=round(corner * FINE))

    def polygon(self, corners: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon."""
        pygame.draw.polygon(self._big, colour, [(right * FINE, down * FINE) for right, down in corners])

    def line(self, start: Point, end: Point, thick: float, colour: Colour) -> None:
        """Draw a line with round ends."""
        along = end[0] - start[0], end[1] - start[1]
        length = math.hypot(*along)
        half = thick / 2
        if length > 0:
            across = -along[1] / length * half, along[0] / length * half
            corners = [
                (start[0] + across[0], start[1] + across[1]), (end[0] + across[0], end[1] + across[1]),
                (end[0] - across[0], end[1] - across[1]), (start[0] - across[0], start[1] - across[1]),
            ]  # fmt: skip
            self.polygon(corners, colour)
        self.disc(start, half, colour)
        self.disc(end, half, colour)

    def sprite(self) -> Surface:
        """Return what was drawn, with soft edges."""
        # Shapes are opaque on transparent black, which is their premultiplied form: shrink first, then divide.
        small = pygame.transform.smoothscale(self._big, (self.width, self.height))
        colours, cover = pygame.surfarray.pixels3d(small), pygame.surfarray.pixels_alpha(small)
        share = np.maximum(cover, 1)[..., None].astype(np.uint16)
        colours[...] = np.minimum(colours.astype(np.uint16) * 255 // share, 255)
        del colours, cover
        return small


@lru_cache(maxsize=64)
def font(size: int) -> pygame.font.Font:
    """Return pygame's own font: it comes with pygame, so the writing looks the same everywhere."""
    pygame.font.init()
    return pygame.font.Font(None, max(6, size))


@lru_cache(maxsize=4096)
def writing(text: str, size: int, colour: Colour) -> Surface:
    """Return one line of writing, smooth, on nothing; shared: do not draw on it."""
    return font(size).render(text, True, colour)


def text_size(text: str, size: int) -> tuple[int, int]:
    """Return width and height of one line in pixels."""
    return font(size).size(text)


def write(
    surface: Surface, text: str, place: Point, size: int, colour: Colour, anchor: str = "topleft", room: float = 0
) -> pygame.Rect:
    """Write one line; `anchor` names the point of it that stands at `place`; with `room` it is cut off with dots."""
    if room:
        text = fitted(text, size, int(room))
    made = writing(text, size, colour)
    rect = made.get_rect()
    setattr(rect, anchor, (round(place[0]), round(place[1])))
    surface.blit(made, rect)
    return rect


@lru_cache(maxsize=1024)
def fitted(text: str, size: int, room: int) -> str:
    """Cut a text off with dots so that it fits."""
    if text_size(text, size)[0] <= room:
        return text
    while text and text_size(text + "…", size)[0] > room:
        text = text[:-1].rstrip()
    return text + "…"


@lru_cache(maxsize=512)
def wrapped(text: str, size: int, room: int) -> tuple[str, ...]:
    """Break a text at spaces into lines that fit."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_size(f"{lines[-1]} {word}", size)[0] <= room:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return tuple(fitted(line, size, room) for line in lines)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return the colour that lies a share of the way from one to the other."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def ink_on(ground: Colour, theme_ink: Colour = (24, 27, 33)) -> Colour:
    """Return white or near-black, whichever is read more easily on `ground`."""
    red, green, blue = ground
    return (255, 255, 255) if 299 * red + 587 * green + 114 * blue < 140_000 else theme_ink


@lru_cache(maxsize=512)
def pill(width: int, height: int, colour: Colour, edge: Colour | None = None, corner: float = 0.5) -> Surface:
    """Return a rounded rectangle."""
    canvas = Canvas(width, height)
    round_px = height * corner
    if edge is not None:
        canvas.box(0, 0, width, height, edge, round_px)
        line = max(1.0, height / 24)
        canvas.box(line, line, width - 2 * line, height - 2 * line, colour, max(0.0, round_px - line))
    else:
        canvas.box(0, 0, width, height, colour, round_px)
    return canvas.sprite()


def label(
    surface: Surface, text: str, place: Point, size: int, colour: Colour, ground: Colour, anchor: str = "center",
    edge: Colour | None = None, room: pygame.Rect | None = None,
) -> pygame.Rect:  # fmt: skip
    """Write one line on a rounded ground, moved into `room` where it would stand out of it."""
    width, height = text_size(text, size)
    pad = max(2, size // 3)
    rect = pygame.Rect(0, 0, width + 2 * pad, height + max(2, size // 5))
    setattr(rect, anchor, (round(place[0]), round(place[1])))
    if room is not None:
        rect.clamp_ip(room)
    surface.blit(pill(rect.width, rect.height, ground, edge, 0.4), rect)
    made = writing(text, size, colour)
    surface.blit(made, made.get_rect(center=rect.center))
    return rect


def dashes(
    surface: Surface, start: Point, end: Point, colour: Colour, thick: float = 1, dash: float = 5, gap: float = 4
) -> None:
    """Draw a dashed line."""
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    if length < 1:
        return
    step = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    first = 0.0
    while first < length:
        last = min(length, first + dash)
        stroke(
            surface,
            (start[0] + step[0] * first, start[1] + step[1] * first),
            (start[0] + step[0] * last, start[1] + step[1] * last),
            colour,
            thick,
        )
        first += dash + gap


def stroke(surface: Surface, start: Point, end: Point, colour: Colour, thick: float = 1) -> None:
    """Draw a smooth line."""
    if thick <= 1.5:
        pygame.draw.aaline(surface, colour, start, end)
        return
    along = end[0] - start[0], end[1] - start[1]
    length = math.hypot(*along) or 1.0
    across = -along[1] / length * thick / 2, along[0] / length * thick / 2
    corners = [
        (start[0] + across[0], start[1] + across[1]), (end[0] + across[0], end[1] + across[1]),
        (end[0] - across[0], end[1] - across[1]), (start[0] - across[0], start[1] - across[1]),
    ]  # fmt: skip
    pygame.draw.polygon(surface, colour, corners)
    pygame.draw.aalines(surface, colour, True, corners)


def curve(start: Point, end: Point, bow: float, steps: int = 16) -> list[Point]:
    """Return points of a bow from start to end that stands off sideways by a share of the length."""
    middle = (start[0] + end[0]) / 2 - (end[1] - start[1]) * bow, (start[1] + end[1]) / 2 + (end[0] - start[0]) * bow
    points = []
    for nth in range(steps + 1):
        t = nth / steps
        points.append((
            (1 - t) ** 2 * start[0] + 2 * t * (1 - t) * middle[0] + t * t * end[0],
            (1 - t) ** 2 * start[1] + 2 * t * (1 - t) * middle[1] + t * t * end[1],
        ))  # fmt: skip
    return points
