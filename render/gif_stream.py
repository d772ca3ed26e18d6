"""A GIF written frame by frame: each frame has colours of its own and holds only what has changed.

What a drawing library does with whole photographs takes it a fifth of a second a frame; pictures of few flat colours
need no more than a table of their commonest ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLOURS = 255  # of a frame; the last index is for what has not changed
_UNCHANGED = 255

Frame = NDArray[np.uint8]


class GifStream:
    """A GIF under way; it repeats for ever."""

    def __init__(self, path: Path, fps: float) -> None:
        self._file = path.open("wb")
        self._fps = fps
        self._written = 0  # frames
        self._before: Frame | None = None

    def append(self, frame: Frame) -> None:
        """Write one more frame, [H, W, 3] uint8 of the same shape as the others."""
        # Delays are hundredths of a second; what is cut off one frame is given to another.
        due = [round(100 * (self._written + nth) / self._fps) for nth in range(2)]
        if self._before is None:
            self._file.write(_head(frame))
        top, left, part, changed = self._changed(frame)
        indexes = np.full(changed.shape, _UNCHANGED, np.uint8)
        indexes[changed], table = _indexed(part[changed])
        self._file.writelines(_block(indexes, table, (left, top), max(1, due[1] - due[0])))
        self._before = frame
        self._written += 1

    def _changed(self, frame: Frame) -> tuple[int, int, Frame, NDArray[np.bool_]]:
        """Return the rectangle that has changed (its top, left and pixels), and where within it anything has."""
        if self._before is None:
            return 0, 0, frame, np.ones(frame.shape[:2], np.bool_)
        unlike = frame != self._before
        changed = unlike[..., 0] | unlike[..., 1] | unlike[..., 2]
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        if not len(rows):  # a part has at least one pixel
            rows = columns = np.zeros(1, np.int64)
            changed[0, 0] = True
        place = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        return int(rows[0]), int(columns[0]), frame[place], changed[place]

    def close(self) -> None:
        """Finish the file."""
        if self._written:
            self._file.write(b";")
        self._file.close()


def _head(frame: Frame) -> bytes:
    sides = b"".join(side.to_bytes(2, "little") for side in (frame.shape[1], frame.shape[0]))
    return b"GIF89a" + sides + b"\x00\x00\x00" + b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"


def _indexed(pixels: Frame) -> tuple[Frame, Frame]:
    """Return pixels, [N, 3], as indexes into a table of their commonest colours, [255, 3]."""
    red, green, blue = (pixels[:, n].astype(np.uint16) >> 3 for n in range(3))
    keys = (red << 10) | (green << 5) | blue  # five bits a channel
    count = np.bincount(keys, minlength=1 << 15)
    common = np.argsort(-count, kind="stable")[:COLOURS]
    common = common[count[common] > 0]
    colour = np.zeros((1 << 15, 3), np.uint8)
    colour[keys] = pixels  # one of those that share a key stands for them all
    table = np.zeros((COLOURS, 3), np.uint8)
    table[: len(common)] = colour[common]
    index = np.zeros(1 << 15, np.uint8)
    index[common] = np.arange(len(common))
    rare = np.flatnonzero(count)
    rare = rare[~np.isin(rare, common)]
    if len(rare):
        apart = colour[rare].astype(np.int32)[:, None] - colour[common].astype(np.int32)
        index[rare] = (apart**2).sum(axis=2).argmin(axis=1)
    return index[keys], table


def _block(indexes: Frame, table: Frame, place: tuple[int, int], delay: int) -> list[bytes]:
    """Return a frame as a GIF holds it; `delay` is in hundredths of a second."""
    from PIL import GifImagePlugin, Image

    image: Any = Image.fromarray(np.ascontiguousarray(indexes))
    image.putpalette(table.tobytes() + b"\x00\x00\x00")
    data: list[bytes] = GifImagePlugin.getdata(
        image, place, duration=10 * delay, transparency=_UNCHANGED, disposal=1, include_color_table=True
    )
    return data
