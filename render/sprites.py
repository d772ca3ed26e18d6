"""Shapes drawn once: smooth outlines from a fourfold grid, kept as sprites that are laid onto a frame in one stroke."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import palette
from .font import HEIGHT, text_mask, text_width
from .palette import Colour

FINE = 4  # samples along a pixel's side
FULL = 256  # cover of an opaque pixel
RING_STEPS = 16  # a ring of thought fills in so many steps

Mask = NDArray[np.bool_]


class Sprite(NamedTuple):
    """A picture with soft edges: laid on `ground` it gives (light + ground * keep) / 256."""

    light: NDArray[np.uint16]  # [h, w, 3] colour times cover
    keep: NDArray[np.uint16]  # [h, w, 1] 256 less cover


def lay(frame: NDArray[np.uint8], sprite: Sprite, top: int, left: int) -> None:
    """Lay a sprite onto `frame`, [H, W, 3] uint8, in place; what lies outside is cut off."""
    height, width = sprite.keep.shape[:2]
    if top < 0 or left < 0 or top + height > frame.shape[0] or left + width > frame.shape[1]:
        rows = slice(max(0, -top), max(0, min(height, frame.shape[0] - top)))
        columns = slice(max(0, -left), max(0, min(width, frame.shape[1] - left)))
        sprite = Sprite(sprite.light[rows, columns], sprite.keep[rows, columns])
        top, left = max(0, top), max(0, left)
        height, width = sprite.keep.shape[:2]
    area = frame[top : top + height, left : left + width]
    area[...] = (area * sprite.keep + sprite.light) >> 8


class Easel:
    """A transparent canvas of `height` x `width` pixels; shapes are measured in pixels, [down, right] from a corner."""

    def __init__(self, height: int, width: int) -> None:
        """Start empty."""
        self.height, self.width = height, width
        self._colour = np.zeros((height * FINE, width * FINE, 3), np.float32)
        self._cover = np.zeros((height * FINE, width * FINE), np.float32)
        self._letters: list[tuple[str, int, int, Colour, int]] = []
        down, right = np.mgrid[0 : height * FINE, 0 : width * FINE]
        self.down: NDArray[np.float64] = (down + 0.5) / FINE
        self.right: NDArray[np.float64] = (right + 0.5) / FINE

    def paint(self, mask: Mask, colour: Colour, cover: float = 1.0) -> None:
        """Paint where `mask` is true; `cover` below 1 lets what is beneath shine through."""
        beneath = self._cover[mask]
        total = cover + beneath * (1 - cover)
        mixed = np.array(colour, np.float32) * cover + self._colour[mask] * (beneath * (1 - cover))[:, None]
        self._colour[mask] = mixed / np.maximum(total, 1e-6)[:, None]
        self._cover[mask] = total

    def disc(self, down: float, right: float, radius: float) -> Mask:
        """Return the mask of a disc."""
        return np.asarray((self.down - down) ** 2 + (self.right - right) ** 2 <= radius**2)

    def wedge(self, down: float, right: float, share: float) -> Mask:
        """Return the mask of a sector that starts at the top and runs clockwise over a share of the circle."""
        angle = np.arctan2(self.right - right, down - self.down) % (2 * np.pi)
        return np.asarray(angle < share * 2 * np.pi)

    def box(self, top: float, left: float, bottom: float, right: float, corner: float = 0.0) -> Mask:
        """Return the mask of a rectangle with rounded corners."""
        beyond_down = np.maximum(np.maximum(top + corner - self.down, self.down - bottom + corner), 0)
        beyond_right = np.maximum(np.maximum(left + corner - self.right, self.right - right + corner), 0)
        if corner == 0:
            return np.asarray((beyond_down == 0) & (beyond_right == 0))
        return np.asarray(beyond_down**2 + beyond_right**2 <= corner**2)

    def polygon(self, corners: Sequence[tuple[float, float]]) -> Mask:
        """Return the mask of a convex polygon, corners in order either way round."""
        sides = []
        for (d0, r0), (d1, r1) in zip(corners, [*corners[1:], corners[0]], strict=True):
            sides.append((d1 - d0) * (self.right - r0) - (r1 - r0) * (self.down - d0))
        return np.asarray(np.all([s >= 0 for s in sides], axis=0) | np.all([s <= 0 for s in sides], axis=0))

    def line(self, start: tuple[float, float], end: tuple[float, float], thick: float) -> Mask:
        """Return the mask of a line with round ends."""
        along = (end[0] - start[0], end[1] - start[1])
        length = max(along[0] ** 2 + along[1] ** 2, 1e-9)
        share = ((self.down - start[0]) * along[0] + (self.right - start[1]) * along[1]) / length
        share = np.clip(share, 0, 1)
        away = (self.down - start[0] - share * along[0]) ** 2 + (self.right - start[1] - share * along[1]) ** 2
        return np.asarray(away <= (thick / 2) ** 2)

    def letters(self, text: str, down: float, right: float, colour: Colour, scale: int = 1) -> None:
        """Write one line centred on a point, on whole pixels and above all shapes."""
        top = round(down - HEIGHT * scale / 2)
        left = round(right - text_width(text, scale) / 2)
        self._letters.append((text, top, left, colour, scale))

    def sprite(self, fade: float = 1.0) -> Sprite:
        """Return what was painted, read-only; `fade` below 1 makes all of it transparent."""
        blocks = (self.height, FINE, self.width, FINE)
        cover = self._cover.reshape(blocks).mean((1, 3))
        light = (self._colour * self._cover[..., None]).reshape(*blocks, 3).mean((1, 3))
        for text, top, left, colour, scale in self._letters:
            mask = np.zeros(cover.shape, np.bool_)
            shape = text_mask(text, scale)
            above, before = max(0, -top), max(0, -left)
            area = mask[max(0, top) : max(0, top + shape.shape[0]), max(0, left) : max(0, left + shape.shape[1])]
            area[...] = shape[above : above + area.shape[0], before : before + area.shape[1]]
            cover[mask], light[mask] = 1.0, colour
        whole = np.rint(cover * fade * FULL)[..., None]
        strong = np.minimum(np.rint(light * fade * FULL), whole * 255)
        made = Sprite(strong.astype(np.uint16), (FULL - whole).astype(np.uint16))
        for array in made:
            array.setflags(write=False)
        return made


def fitting_scale(text: str, width: float, height: float) -> int:
    """Return the largest scale at which `text` fits a box, 0 if not even the smallest does."""
    return int(min(width // max(1, text_width(text)), height // HEIGHT))


@lru_cache(maxsize=1024)
def plate(text: str, colour: Colour, ground: Colour, fade: float = 1.0) -> Sprite:
    """Draw a small label: one line of text on a rounded ground."""
    easel = Easel(HEIGHT + 4, text_width(text) + 6)
    easel.paint(easel.box(0, 0, easel.height, easel.width, 3), ground)
    easel.letters(text, easel.height / 2, easel.width / 2, colour)
    return easel.sprite(fade)


@lru_cache(maxsize=512)
def envelope(text: str, promise: bool, stale: bool, px: int) -> Sprite:
    """Draw a message: what it says on a letter; a promise is yellow, a superseded one vermillion, a corner cut off."""
    scale = max(1, px // 40)
    height, width = max(9, int(px * 0.4)), max(11, int(px * 0.56), text_width(text, scale) + 6)
    easel = Easel(height, width)
    ground = palette.LETTER_STALE if stale else palette.LETTER_PROMISE if promise else palette.LETTER
    cut = height * 0.5 if stale else 0.0
    for inset, colour in ((0.0, palette.INK), (1.0, ground)):
        easel.paint(
            easel.box(inset, inset, height - inset, width - inset, 1.2)
            & (width - easel.right + easel.down > cut + 1.5 * inset),
            colour,
        )
    if not stale:
        for corner in ((1.0, 1.0), (1.0, width - 1.0)):
            easel.paint(easel.line(corner, (height * 0.5, width / 2), 1.0), palette.FAINT)
    easel.letters(text, height / 2, width / 2, palette.WHITE if stale else palette.INK, scale)
    return easel.sprite()


@lru_cache(maxsize=64)
def boat(px: int) -> Sprite:
    """Draw a boat that waits on the water."""
    easel, u = Easel(px, px), px / 32
    hull = easel.polygon([(19 * u, 4 * u), (19 * u, 28 * u), (26 * u, 23 * u), (26 * u, 9 * u)])
    easel.paint(hull, palette.FRAME)
    easel.paint(easel.line((5 * u, 15 * u), (20 * u, 15 * u), 1.6 * u), palette.FRAME)
    easel.paint(easel.polygon([(5 * u, 17 * u), (17 * u, 17 * u), (17 * u, 26 * u)]), palette.PAPER)
    easel.paint(easel.polygon([(8 * u, 13.5 * u), (17 * u, 13.5 * u), (17 * u, 6 * u)]), palette.PAPER)
    return easel.sprite()


@lru_cache(maxsize=64)
def truck(px: int) -> Sprite:
    """Draw a truck that waits on its lane, seen from above, its nose down."""
    easel, u = Easel(px, px), px / 32
    for top, bottom, left, right, colour in (
        (2, 20, 8, 24, palette.FRAME), (3.5, 18.5, 9.5, 22.5, palette.PAPER),
        (21, 30, 9, 23, palette.FRAME), (22.5, 26, 10.5, 21.5, palette.SKY),
    ):  # fmt: skip
        corners = [(top * u, left * u), (top * u, right * u), (bottom * u, right * u), (bottom * u, left * u)]
        easel.paint(easel.polygon(corners), colour)
    return easel.sprite()
