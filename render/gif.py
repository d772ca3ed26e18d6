"""Frames as an animation, and two pictures side by side under titles."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from . import palette
from .font import ADVANCE, HEIGHT, text_width, write
from .ground import SIDE

MISSING = 'writing an animation needs imageio: pip install "stalegrid[render]"'
MARGIN = 8  # pixels
GAP = 16  # pixels between two pictures

Frame = NDArray[np.uint8]


def write_gif(path: str | PathLike[str], frames: Iterable[Frame], fps: float = 8) -> None:
    """Write frames, each [H, W, 3] uint8 of one shape, as a GIF that repeats for ever.

    Raises: ImportError if imageio is missing; ValueError if there is no frame, shapes differ or `fps` is not positive.
    """
    try:
        import imageio.v3 as imageio
    except ImportError as error:
        raise ImportError(MISSING) from error
    kept = list(frames)
    shapes = sorted({frame.shape for frame in kept})
    if len(shapes) != 1:
        raise ValueError(f"an animation has frames of one shape; got {shapes or 'no frame'}")
    if not fps > 0:
        raise ValueError(f"fps is above 0; got {fps}")
    imageio.imwrite(path, kept, extension=".gif", duration=1000 / fps, loop=0)


def side_by_side(left: Frame, right: Frame, titles: tuple[str, str], caption: str = "") -> Frame:
    """Compose two pictures, [H, W, 3] uint8 each, under a title each, with a caption beneath both.

    A caption too long for a line is broken at spaces. Returns a fresh contiguous [H, W, 3] uint8, its sides multiples
    of 16.
    """
    width = _rounded(3 * MARGIN + left.shape[1] + GAP + right.shape[1])
    scale = 2 if width >= 640 else 1
    title_scale = 2 if all(text_width(t, 2) <= p.shape[1] for t, p in zip(titles, (left, right), strict=True)) else 1
    line = (HEIGHT + 4) * scale
    lines = _broken(caption, (width - 2 * MARGIN) // (ADVANCE * scale))
    head = HEIGHT * title_scale + 2 * MARGIN
    body = max(left.shape[0], right.shape[0])
    foot = len(lines) * line + 2 * MARGIN if lines else MARGIN
    frame = np.empty((_rounded(head + body + foot), width, 3), np.uint8)
    frame[...] = palette.PAPER
    spare = width - left.shape[1] - right.shape[1] - GAP
    starts = spare // 2, spare // 2 + left.shape[1] + GAP
    for picture, title, start in zip((left, right), titles, starts, strict=True):
        frame[head : head + picture.shape[0], start : start + picture.shape[1]] = picture
        middle = start + (picture.shape[1] - text_width(title, title_scale)) // 2
        write(frame, title, MARGIN, max(start, middle), palette.INK, title_scale)
    for nth, words in enumerate(lines):
        top = head + body + MARGIN + nth * line
        write(frame, words, top, (width - text_width(words, scale)) // 2, palette.INK, scale)
    return frame


def _rounded(pixels: int) -> int:
    return -(-pixels // SIDE) * SIDE


def _broken(text: str, room: int) -> list[str]:
    """Break a text into lines of at most `room` letters; a longer word keeps a line of its own and is cut off."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return [line[:room] for line in lines]
