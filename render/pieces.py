"""What stands and moves on the map: sites by kind, agents by role, letters and badges; each drawn once and kept."""

from __future__ import annotations

import math
from functools import lru_cache

from .brush import Canvas, Surface, font, ink_on, mix, text_size, writing
from .palette import WHITE, Colour
from .themes import Theme

RING_STEPS = 64
ROLE_CORNERS = (0, 4, 6, 3, 5, 8)  # of an agent's body, by role; 0 is a disc


def _lettered(sprite: Surface, text: str, centre: tuple[float, float], size: int, colour: Colour) -> None:
    made = writing(text, size, colour)
    # Digits stand in the middle of their line's height only without the descenders.
    drop = round(font(size).get_descent() * -0.35)
    sprite.blit(made, made.get_rect(center=(round(centre[0]), round(centre[1]) + drop)))


def _fitting(text: str, width: float, height: float) -> int:
    """Return the largest size of writing that fits a box."""
    size = max(8, round(height * 1.9))
    while size > 8 and text_size(text, size)[0] > width:
        size -= 1
    return size


@lru_cache(maxsize=4096)
def site(kind: str, value: int, unsettled: bool, px: int, theme: Theme) -> Surface:
    """Draw a site of `px` pixels: a shape by kind, and what it holds. A folded corner: its newest version is open."""
    canvas, u = Canvas(px, px), px / 32
    frame, paper = theme.frame, theme.paper
    line = max(1.0, 1.8 * u)
    middle, room = (px / 2, px / 2), (px - 11 * u, px * 0.46)
    text, text_colour = str(value), theme.print
    if kind == "switch":
        text = ""
        _switch(canvas, value, u, theme)
    elif kind == "shelf":
        text, text_colour, middle = _shelf(canvas, value, u, theme, frame, paper, line)
        room = (px - 16 * u, px * 0.36)
    elif kind == "depot":
        canvas.polygon([(0.5 * u, 14 * u), (16 * u, 2 * u), (31.5 * u, 14 * u)], frame)
        canvas.box(4 * u, 12 * u, 24 * u, 18 * u, frame, 2 * u)
        canvas.box(4 * u + line, 13 * u, 24 * u - 2 * line, 17 * u - line, paper, 1.5 * u)
        middle, room = (16 * u, 20.5 * u), (px - 14 * u, px * 0.38)
    elif kind == "board":
        for leg in (9, 23):
            canvas.line((leg * u, 22 * u), (leg * u, 29.5 * u), 2.2 * u, frame)
        canvas.box(2 * u, 4 * u, 28 * u, 20 * u, frame, 3 * u)
        canvas.box(2 * u + line, 4 * u + line, 28 * u - 2 * line, 20 * u - 2 * line, paper, 2 * u)
        middle = (16 * u, 14 * u)
    elif kind == "interface":
        canvas.polygon(_regular(6, px / 2, px / 2, 15.5 * u), frame)
        canvas.polygon(_regular(6, px / 2, px / 2, 15.5 * u - line * 1.15), paper)
        room = (px - 12 * u, px * 0.42)
    elif kind == "guard_post":
        text = str(value) if value > 1 else ""
        text_colour, middle = WHITE, (16 * u, 14 * u)
        _post(canvas, value, u, theme, frame)
    else:  # a counter: a dial with a window
        canvas.box(1.5 * u, 4 * u, 29 * u, 24 * u, frame, 6 * u)
        canvas.box(1.5 * u + line, 4 * u + line, 29 * u - 2 * line, 24 * u - 2 * line, paper, 4.5 * u)
        middle = (16 * u, 16 * u)
    if unsettled:
        canvas.polygon([(0, px), (0, px - 11 * u), (11 * u, px)], theme.print)
        canvas.polygon([(0, px), (0, px - 8.5 * u), (8.5 * u, px)], theme.alert)
    sprite = canvas.sprite()
    if text:
        _lettered(sprite, text, middle, _fitting(text, *room), text_colour)
    return sprite


def _shelf(
    canvas: Canvas, value: int, u: float, theme: Theme, frame: Colour, paper: Colour, line: float
) -> tuple[str, Colour, tuple[float, float]]:
    """Draw a rack, and what lies on it as a parcel."""
    canvas.box(2 * u, 3 * u, 28 * u, 26 * u, frame, 2.5 * u)
    canvas.box(2 * u + line, 3 * u + line, 28 * u - 2 * line, 26 * u - 2 * line, mix(paper, frame, 0.22), 1.5 * u)
    canvas.box(2 * u, 25 * u, 28 * u, 3.4 * u, frame, 1)
    if not value:
        return "", paper, (16 * u, 16 * u)
    colour = theme.item(value)
    canvas.box(7.2 * u, 6.6 * u, 17.6 * u, 17.6 * u, theme.print, 3.4 * u)
    canvas.box(8.4 * u, 7.8 * u, 15.2 * u, 15.2 * u, colour, 2.6 * u)
    return str(value), ink_on(colour), (16 * u, 15.4 * u)


def _switch(canvas: Canvas, value: int, u: float, theme: Theme) -> None:
    """Draw a lever: left and green while what it commands is open, right and red, with a bar, when closed."""
    colour = theme.bad if value else theme.good
    tip = (25 * u if value else 7 * u, 7 * u)
    canvas.box(4 * u, 20 * u, 24 * u, 8.5 * u, theme.frame, 3 * u)
    canvas.line((16 * u, 23 * u), tip, 3.6 * u, theme.frame)
    canvas.disc(tip, 6.0 * u, theme.print)
    canvas.disc(tip, 4.9 * u, colour)
    if value:
        canvas.line((tip[0] - 2.4 * u, tip[1]), (tip[0] + 2.4 * u, tip[1]), 2 * u, WHITE)


def _post(canvas: Canvas, value: int, u: float, theme: Theme, frame: Colour) -> None:
    """Draw a sentry's shield: full while manned, an empty outline when left; a number where there are several."""
    outline = [(4, 4), (28, 4), (28, 15), (24, 23), (16, 29), (8, 23), (4, 15)]
    inner = [(6.4, 6.4), (25.6, 6.4), (25.6, 14.6), (22.3, 21.4), (16, 26.2), (9.7, 21.4), (6.4, 14.6)]
    canvas.polygon([(right * u, down * u) for right, down in outline], frame)
    fill = theme.good if value else theme.card
    canvas.polygon([(right * u, down * u) for right, down in inner], fill)
    if value == 1:
        shoulders = (10.5, 21), (12, 16.5), (20, 16.5), (21.5, 21)
        canvas.disc((16 * u, 11.5 * u), 3.4 * u, WHITE)
        canvas.polygon([(right * u, down * u) for right, down in shoulders], WHITE)


def _regular(corners: int, right: float, down: float, radius: float) -> list[tuple[float, float]]:
    angles = [2 * math.pi * nth / corners for nth in range(corners)]
    return [(right + radius * math.sin(angle), down - radius * math.cos(angle)) for angle in angles]


def _body(canvas: Canvas, role: int, centre: tuple[float, float], radius: float, colour: Colour) -> None:
    """Fill an agent's body: another outline for each role, so that colour is not all that tells them apart."""
    corners = ROLE_CORNERS[role % len(ROLE_CORNERS)]
    if corners == 0:
        canvas.disc(centre, radius, colour)
    elif corners == 4:
        side = radius * 1.78
        canvas.box(centre[0] - side / 2, centre[1] - side / 2, side, side, colour, radius * 0.38)
    else:
        canvas.polygon(_regular(corners, centre[0], centre[1], radius * 1.1), colour)


@lru_cache(maxsize=2048)
def agent(px: int, role: int, name: str, hand: int, out: bool, waiting: bool, token: bool, theme: Theme) -> Surface:
    """Draw an agent of `px` pixels: its mark, what it holds, whether it waits, has the token or is out of play."""
    canvas, u = Canvas(px, px), px / 32
    middle, radius = (px / 2, px / 2), 10.4 * u
    colour = theme.faint if out else theme.role(role)
    _body(canvas, role, middle, radius + max(1.0, 1.3 * u), theme.print if theme.name == "dark" else theme.ink)
    _body(canvas, role, middle, radius, colour)
    if out:
        for slope in (1, -1):
            reach, lift = 6.5 * u, slope * 6.5 * u
            ends = (px / 2 - reach, px / 2 - lift), (px / 2 + reach, px / 2 + lift)
            canvas.line(*ends, 3.2 * u, theme.bad)
    sprite = canvas.sprite()
    if not out:
        _lettered(sprite, name, middle, _fitting(name, radius * 1.66, radius * 1.15), ink_on(colour))
    over = Canvas(px, px)
    if hand and not out:
        item = theme.item(hand)
        over.box(18.5 * u, 18.5 * u, 13 * u, 13 * u, theme.print, 3 * u)
        over.box(19.8 * u, 19.8 * u, 10.4 * u, 10.4 * u, item, 2.2 * u)
    if waiting and not out:
        over.disc((25.5 * u, 6.5 * u), 6.4 * u, theme.print)
        for bar in (22.8, 26.2):
            over.box(bar * u, 3.4 * u, 2.2 * u, 6.2 * u, theme.alert, u)
    if token:
        over.disc((6.5 * u, 6.5 * u), 6.2 * u, theme.print)
        over.disc((6.5 * u, 6.5 * u), 4.8 * u, theme.alert)
        over.box(5.6 * u, 3.6 * u, 1.8 * u, 5.8 * u, theme.print, 0.6 * u)
    above = over.sprite()
    if hand and not out and px >= 20:
        _lettered(above, str(hand), (25 * u, 25 * u), _fitting(str(hand), 8 * u, 7 * u), ink_on(theme.item(hand)))
    sprite.blit(above, (0, 0))
    return sprite


@lru_cache(maxsize=1024)
def thought_ring(px: int, step: int, theme: Theme) -> Surface:
    """Draw the ring around one who thinks: `step` of RING_STEPS are done."""
    canvas, u = Canvas(px, px), px / 32
    middle = (px / 2, px / 2)
    canvas.ring(middle, 15.6 * u, 3.6 * u, theme.print if theme.name == "dark" else theme.frame)
    canvas.ring(middle, 15.0 * u, 2.4 * u, theme.track)
    canvas.arc(middle, 15.0 * u, 2.4 * u, step / RING_STEPS, theme.thought)
    return canvas.sprite()


@lru_cache(maxsize=64)
def boat(px: int, theme: Theme) -> Surface:
    """Draw a boat that waits on the water."""
    canvas, u = Canvas(px, px), px / 32
    canvas.polygon([(4 * u, 19 * u), (28 * u, 19 * u), (23 * u, 27 * u), (9 * u, 27 * u)], theme.print)
    canvas.polygon([(6.5 * u, 20.5 * u), (25.5 * u, 20.5 * u), (22 * u, 25.5 * u), (10 * u, 25.5 * u)], theme.plank)
    canvas.line((15 * u, 4 * u), (15 * u, 19 * u), 1.6 * u, theme.print)
    canvas.polygon([(17 * u, 4 * u), (17 * u, 17 * u), (27 * u, 17 * u)], theme.paper)
    canvas.polygon([(13 * u, 7 * u), (13 * u, 17 * u), (5.5 * u, 17 * u)], theme.paper)
    return canvas.sprite()


@lru_cache(maxsize=64)
def truck(px: int, theme: Theme) -> Surface:
    """Draw a truck that waits on its lane, seen from above, its nose down."""
    canvas, u = Canvas(px, px), px / 32
    for left, top, width, height, colour, corner in (
        (7, 1.5, 18, 19, theme.print, 2), (8.5, 3, 15, 16, theme.paper, 1.5), (15.3, 3, 1.4, 16, theme.frame, 0),
        (8, 20.5, 16, 10, theme.print, 3.5), (9.5, 22, 13, 7.2, theme.bad, 2.5), (11, 23, 10, 3, theme.paper, 1),
    ):  # fmt: skip
        canvas.box(left * u, top * u, width * u, height * u, colour, corner * u)
    return canvas.sprite()


@lru_cache(maxsize=64)
def shield(px: int, theme: Theme) -> Surface:
    """Draw the sign of what was caught: a green shield with a tick."""
    canvas, u = Canvas(px, px), px / 32
    for shrink, colour in ((0.0, theme.print), (1.5, WHITE), (3.2, theme.good)):
        s = shrink
        canvas.polygon(
            [
                (x * u, y * u)
                for x, y in (
                    (16, 1 + s), (29 - s, 5.5 + s * 0.6), (28 - s, 17), (23.5 - s * 0.7, 25 - s * 0.5),
                    (16, 31 - s), (8.5 + s * 0.7, 25 - s * 0.5), (4 + s, 17), (3 + s, 5.5 + s * 0.6),
                )
            ],
            colour,
        )  # fmt: skip
    canvas.line((10.5 * u, 16 * u), (14.6 * u, 20.4 * u), 3.2 * u, WHITE)
    canvas.line((14.6 * u, 20.4 * u), (21.8 * u, 11.2 * u), 3.2 * u, WHITE)
    return canvas.sprite()


@lru_cache(maxsize=64)
def cross(px: int, theme: Theme) -> Surface:
    """Draw the sign of what went wrong: a red burst with a cross."""
    canvas, u = Canvas(px, px), px / 32
    points = []
    for nth in range(16):
        radius = (15.5 if nth % 2 == 0 else 11.5) * u
        points.append((16 * u + radius * math.sin(math.pi * nth / 8), 16 * u - radius * math.cos(math.pi * nth / 8)))
    canvas.polygon(points, theme.print)
    small = [(16 * u + (x - 16 * u) * 0.88, 16 * u + (y - 16 * u) * 0.88) for x, y in points]
    canvas.polygon(small, theme.bad)
    for slope in (1, -1):
        canvas.line((11.6 * u, (16 - 4.4 * slope) * u), (20.4 * u, (16 + 4.4 * slope) * u), 3.2 * u, WHITE)
    return canvas.sprite()


@lru_cache(maxsize=64)
def lock(px: int, colour: Colour, theme: Theme) -> Surface:
    """Draw a padlock in the colour of who holds it."""
    canvas, u = Canvas(px, px), px / 16
    canvas.ring((8 * u, 6 * u), 4.6 * u, 2 * u, theme.ink)
    canvas.box(2 * u, 6.5 * u, 12 * u, 9 * u, theme.print, 2 * u)
    canvas.box(3.2 * u, 7.7 * u, 9.6 * u, 6.6 * u, colour, 1.4 * u)
    return canvas.sprite()


@lru_cache(maxsize=64)
def number_disc(px: int, role: int, name: str, theme: Theme) -> Surface:
    """Draw a small sign of an agent: its body and mark."""
    canvas = Canvas(px, px)
    _body(canvas, role, (px / 2, px / 2), px * 0.45, theme.role(role))
    sprite = canvas.sprite()
    _lettered(sprite, name, (px / 2, px / 2), _fitting(name, px * 0.74, px * 0.5), ink_on(theme.role(role)))
    return sprite
