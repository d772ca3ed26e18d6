"""What stands on the grid: sites by kind and agents by phase, each drawn once per look and kept."""

from __future__ import annotations

from functools import lru_cache

from ..world.state import COMMITTED, NO_OUTCOME, PARTIAL
from . import palette
from .font import text_width
from .palette import Colour
from .sprites import RING_STEPS, Easel, Sprite, fitting_scale

# Marks beside an agent's disc.
NO_MARK, THINKS, WAITS = range(3)


def shows_digits(value: int, px: int) -> bool:
    """Tell whether a site's value fits on its tile; cut off at the sides it would be another number."""
    return text_width(str(value)) <= px


@lru_cache(maxsize=2048)
def site(kind: str, value: int, label: str, unsettled: bool, px: int) -> Sprite:
    """Draw a site: a shape by kind, its value in digits, its label beneath where there is room.

    A folded corner says that its newest version is not settled.
    """
    easel, u = Easel(px, px), px / 32
    named = bool(label) and px >= 24 and fitting_scale(label, px, px) > 0
    low = px - 9 if named else px - 1.5 * u  # lower edge of the shape
    digits: Colour = palette.INK
    room = (px - 8 * u, low - 4 * u)
    middle = (low + u) / 2
    if kind == "switch":
        _switch(easel, value, low, u)
        digits_text = ""
    else:
        digits_text = str(value) if shows_digits(value, px) else ""
        _body(easel, kind, low, u, px)
    if kind in ("depot", "interface"):
        middle += 2 * u if kind == "depot" else 0
        room = (room[0] - 2 * u, room[1])
    scale = fitting_scale(digits_text, *room) if digits_text else 0
    if digits_text:
        easel.letters(digits_text, middle, px / 2, digits, max(1, scale))
    if unsettled:
        for size, colour in ((11 * u, palette.INK), (8 * u, palette.UNSETTLED)):
            easel.paint(easel.polygon([(0, px), (0, px - size), (size, px)]), colour)
    if named:
        easel.letters(label, px - 4, px / 2, palette.INK)
    return easel.sprite()


def _body(easel: Easel, kind: str, low: float, u: float, px: int) -> None:
    """Paint the shape of a site that shows digits, in a box from the top down to `low`."""
    edge, fill, line = palette.FRAME, palette.PAPER, max(1.0, 1.8 * u)
    if kind == "board":
        for leg in (0.28, 0.72):
            easel.paint(easel.box(low - 3 * u, px * leg - u, low + 1.5 * u, px * leg + u), edge)
        easel.paint(easel.box(1.5 * u, u, low - 2 * u, px - u), edge)
        easel.paint(easel.box(1.5 * u + line, u + line, low - 2 * u - line, px - u - line), (222, 238, 228))
    elif kind == "shelf":
        easel.paint(easel.box(u, 2 * u, low, px - 2 * u), (158, 120, 74))
        easel.paint(easel.box(u + line, 2 * u + line, low - line * 2, px - 2 * u - line), fill)
        easel.paint(easel.box(low - line * 2, u, low, px - u), edge)
    elif kind == "depot":
        easel.paint(easel.polygon([(0, px / 2), (low * 0.42, px), (low * 0.42, 0)]), edge)
        easel.paint(easel.box(low * 0.38, 3 * u, low, px - 3 * u), edge)
        easel.paint(easel.box(low * 0.38, 3 * u + line, low - line, px - 3 * u - line), fill)
    elif kind == "interface":
        easel.paint(easel.polygon(_hexagon(px, low, 0)), edge)
        easel.paint(easel.polygon(_hexagon(px, low, line)), fill)
    elif kind == "guard_post":
        for inset, colour in ((0.0, edge), (line, fill)):
            easel.paint(
                easel.polygon([
                    (u + inset, 2 * u + inset), (u + inset, px - 2 * u - inset), (low * 0.6, px - 3 * u - inset),
                    (low - 1.5 * inset, px / 2), (low * 0.6, 3 * u + inset),
                ]),
                colour,
            )  # fmt: skip
    else:  # a counter: a dial with a window
        easel.paint(easel.box(u, u, low, px - u, 5 * u), edge)
        easel.paint(easel.box(u + line, u + line, low - line, px - u - line, 3.5 * u), fill)


def _hexagon(px: int, low: float, inset: float) -> list[tuple[float, float]]:
    return [
        (inset, px * 0.25 + inset / 2), (inset, px * 0.75 - inset / 2), (low / 2, px - inset),
        (low - inset, px * 0.75 - inset / 2), (low - inset, px * 0.25 + inset / 2), (low / 2, inset),
    ]  # fmt: skip


def _switch(easel: Easel, value: int, low: float, u: float) -> None:
    """Paint a lever: to the left and green while what it commands is open, to the right and striped red when closed."""
    px = easel.width
    colour = palette.BARRIER if value else palette.GOOD
    tip = (low * 0.2, px * (0.78 if value else 0.22))
    easel.paint(easel.box(low * 0.62, 3 * u, low, px - 3 * u, 2.5 * u), palette.FRAME)
    easel.paint(easel.line((low * 0.72, px / 2), tip, 3.6 * u), palette.FRAME)
    easel.paint(easel.disc(*tip, 5.0 * u), palette.FRAME)
    easel.paint(easel.disc(*tip, 3.8 * u), colour)


@lru_cache(maxsize=4096)
def agent(
    px: int, role: int, name: str, ring: int, mark: int, out: bool, carries: bool, outcome: int, token: bool
) -> Sprite:
    """Draw an agent; `ring`: sixteenths of its thinking that are done, -1 while it does not think."""
    easel, u = Easel(px, px), px / 32
    middle, radius = px / 2, 10.5 * u
    colour = palette.OUT_OF_PLAY if out else palette.role_colour(role)
    if outcome != NO_OUTCOME and not out:
        ground = palette.HALF if outcome == PARTIAL else palette.GOOD if outcome == COMMITTED else palette.BAD
        easel.paint(easel.box(u, u, px - u, px - u, 4 * u), ground, 0.5)
    if ring >= 0:
        easel.paint(easel.disc(middle, middle, 15.5 * u), palette.INK)
        easel.paint(easel.disc(middle, middle, 14.7 * u), palette.THOUGHT_TRACK)
        done = easel.wedge(middle, middle, ring / RING_STEPS)
        easel.paint(easel.disc(middle, middle, 14.7 * u) & done, palette.THOUGHT)
        easel.paint(easel.disc(middle, middle, 11.3 * u), palette.PAPER)
    else:
        easel.paint(easel.disc(middle, middle, radius + max(1.0, 1.4 * u)), palette.INK)
    easel.paint(easel.disc(middle, middle, radius), colour)
    scale = fitting_scale(name, 1.7 * radius, 1.7 * radius)
    if scale and not out:
        easel.letters(name, middle, middle, palette.ink_on(colour), scale)
    if out:
        reach = 12 * u
        for slope in (1, -1):
            ends = (middle - reach, middle - slope * reach), (middle + reach, middle + slope * reach)
            easel.paint(easel.line(*ends, 5.5 * u), palette.PAPER)
            easel.paint(easel.line(*ends, 3.5 * u), palette.INK)
    if token:
        easel.paint(easel.disc(px - 5.5 * u, 5.5 * u, 5 * u), palette.INK)
        easel.paint(easel.disc(px - 5.5 * u, 5.5 * u, 3.6 * u), palette.TOKEN)
    if carries and not out:
        easel.paint(easel.box(px - 11 * u, px - 11 * u, px - u, px - u, u), palette.INK)
        easel.paint(easel.box(px - 9.5 * u, px - 9.5 * u, px - 2.5 * u, px - 2.5 * u, u), palette.ITEM)
    if outcome != NO_OUTCOME and not out:
        _verdict(easel, outcome, u)
    _badge(easel, mark, u)
    return easel.sprite()


def _verdict(easel: Easel, outcome: int, u: float) -> None:
    """Paint a tick or a cross on a small disc at the upper right."""
    good = outcome in (COMMITTED, PARTIAL)
    down, right = 6 * u, easel.width - 6 * u
    easel.paint(easel.disc(down, right, 6 * u), palette.PAPER)
    easel.paint(easel.disc(down, right, 5.4 * u), palette.GOOD if good else palette.BAD)
    tick = [((0.2, -2.6), (2.4, -0.6)), ((2.4, -0.6), (-2.2, 2.6))]
    cross = [((-2.2, -2.2), (2.2, 2.2)), ((-2.2, 2.2), (2.2, -2.2))]
    for start, end in tick if good else cross:
        ends = [(down + d * u, right + r * u) for d, r in (start, end)]
        easel.paint(easel.line(ends[0], ends[1], max(1.0, 1.8 * u)), palette.WHITE)


def _badge(easel: Easel, mark: int, u: float) -> None:
    """Paint the small mark at the upper right: a bubble with three dots, or two bars for waiting."""
    px = easel.width
    if mark == THINKS:
        easel.paint(easel.box(0, px - 17 * u, 9.5 * u, px, 4.5 * u), palette.INK)
        easel.paint(easel.box(1.2 * u, px - 15.8 * u, 8.3 * u, px - 1.2 * u, 3.4 * u), palette.PAPER)
        for dot in (4.4, 8.5, 12.6):
            easel.paint(easel.disc(4.8 * u, px - dot * u, 1.35 * u), palette.INK)
    elif mark == WAITS:
        easel.paint(easel.box(0, px - 12 * u, 12 * u, px, 2.5 * u), palette.INK)
        for bar in (9.2, 5.0):
            easel.paint(easel.box(2.4 * u, px - bar * u, 9.6 * u, px - (bar - 2.4) * u), palette.YELLOW)


@lru_cache(maxsize=64)
def focus_frame(px: int) -> Sprite:
    """Draw four corners around the agent whose beliefs are shown."""
    easel, u = Easel(px, px), px / 32
    edge = easel.box(0, 0, px, px) & ~easel.box(2.4 * u, 2.4 * u, px - 2.4 * u, px - 2.4 * u)
    cross = easel.box(10 * u, 0, px - 10 * u, px) | easel.box(0, 10 * u, px, px - 10 * u)
    easel.paint(edge & ~cross, palette.GHOST)
    return easel.sprite()
