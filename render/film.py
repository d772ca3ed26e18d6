"""Frames into a file, one after the other: an animation never stands in memory as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gif_stream import GifStream

MISSING = 'writing an animation needs imageio: pip install "stalegrid[render]"'
FORMATS = (".gif", ".mp4", ".png")
NO_VIDEO = 'writing mp4 needs imageio-ffmpeg: pip install "stalegrid[video]"; gif and png do not need it'

Frame = NDArray[np.uint8]


def check_format(path: str | os.PathLike[str]) -> str:
    """Return the ending that says how a picture is written, before any work is done.

    Raises: ValueError for an ending that is none; ImportError that names what is missing and how to get it.
    """
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise ValueError(f"a picture ends in {', '.join(FORMATS)}; got {os.fspath(path)!r}")
    try:
        import imageio.v2  # noqa: F401
    except ImportError as error:
        raise ImportError(MISSING) from error
    if ending == ".mp4":
        try:
            import imageio_ffmpeg

            imageio_ffmpeg.get_ffmpeg_exe()
        except (ImportError, RuntimeError) as error:  # the second where the package came without its program
            raise ImportError(NO_VIDEO) from error
    return ending


def write_film(path: str | os.PathLike[str], frames: Iterable[Frame], fps: float) -> int:
    """Write frames, each [H, W, 3] uint8 of one shape, by the file's ending; return how many.

    A gif repeats for ever; a png holds the last frame. The file appears when it is whole, and not otherwise.
    Raises: ValueError for another ending, no frame, shapes that differ or `fps` not above 0; ImportError as
    `check_format`.
    """
    ending = check_format(path)
    if not fps > 0:
        raise ValueError(f"fps is above 0; got {fps}")
    target = Path(path)
    part = target.with_name(f".{target.stem}.part{ending}")
    try:
        many = _write(part, frames, ending, fps)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return many


def _write(part: Path, frames: Iterable[Frame], ending: str, fps: float) -> int:
    import imageio.v2 as imageio

    many, shape, last = 0, None, None
    with closing(_Later(part, ending, fps)) as writer:
        for frame in frames:
            if shape not in (None, frame.shape):
                raise ValueError(f"an animation has frames of one shape; got {shape} and {frame.shape}")
            shape, last, many = frame.shape, frame, many + 1
            if ending != ".png":
                writer.append(frame)
    if last is None:
        raise ValueError("an animation has at least one frame; got none")
    if ending == ".png":
        imageio.imwrite(part, last)
    return many


class _Later:
    """A writer that opens its file with the first frame."""

    def __init__(self, path: Path, ending: str, fps: float) -> None:
        self.path, self.ending, self.fps = path, ending, fps
        self._gif: GifStream | None = None
        self._video: Any = None

    def append(self, frame: Frame) -> None:
        """Write one more frame."""
        if self.ending == ".gif":
            self._gif = self._gif or GifStream(self.path, self.fps)
            self._gif.append(frame)
            return
        if self._video is None:
            import imageio.v2 as imageio

            self._video = imageio.get_writer(
                self.path, format="FFMPEG", mode="I", fps=self.fps, codec="libx264", macro_block_size=2
            )
        self._video.append_data(frame)

    def close(self) -> None:
        """Finish the file."""
        for writer in (self._gif, self._video):
            if writer is not None:
                writer.close()
