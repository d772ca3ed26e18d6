"""`stalegrid record`: episodes drawn without a display into a picture, or kept as a replay file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .make import Protocol
from .reading import make_rules
from .replay import SUFFIX, write_replay
from .tape import Tape
from .world.audit import EpisodeReport
from .world.scenarios import SCENARIOS

FPS = 10.0
SPEED = 6.0  # ticks a second
SIZE = (960, 640)
LEAST, MOST = 160, 3840  # pixels
MISSING = 'drawing needs pygame-ce: pip install "stalegrid[render]"'

Frame = NDArray[np.uint8]


def is_replay(path: Path) -> bool:
    """Tell whether a file is to be a replay, by its ending."""
    return path.name.lower().endswith(SUFFIX)


def check_out(path: Path) -> None:
    """Refuse an ending that says nothing, and a folder that is not there, before anything is played.

    Raises: ValueError; ImportError that names what is missing and how to get it.
    """
    if not path.parent.is_dir():
        raise ValueError(f"--out needs a folder that is there; got {path}")
    if is_replay(path):
        return
    from .render.film import FORMATS, check_format

    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"--out ends in {', '.join(FORMATS)} for a picture or in {SUFFIX} for a replay; got {path}")
    check_format(path)


def read_ticks(text: str | None) -> tuple[int, int | None]:
    """Read `a:b`, `a:`, `:b` or `a`; None stands for the last tick.

    Raises: ValueError.
    """
    if text is None:
        return 0, None
    found = re.fullmatch(r"(\d*)(:?)(\d*)", text.strip())
    if found is None or not (found[1] or found[2]):
        raise ValueError(f"--ticks is first:last, such as 20:80, or one tick; got {text!r}")
    first = int(found[1] or 0)
    last = first if not found[2] else int(found[3]) if found[3] else None
    if last is not None and last < first:
        raise ValueError(f"--ticks is first:last with first before last; got {text!r}")
    return first, last


def read_size(text: str) -> tuple[int, int]:
    """Read a size such as 960x640, in pixels; both sides are even, as videos need them.

    Raises: ValueError.
    """
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip())
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(LEAST <= side <= MOST and side % 2 == 0 for side in size):
        raise ValueError(f"--pixels is width x height, even and from {LEAST} to {MOST}, such as 960x640; got {text!r}")
    return size


def play_tapes(
    scenario: str, protocols: Sequence[Protocol], seed: int, mind: str = "naive", **settings: Any
) -> list[Tape]:
    """Play an episode under each protocol, from the same seed and of the same rules."""
    rules = make_rules(scenario, **settings)
    return [Tape(rules, protocol, seed, mind) for protocol in protocols]


def frames_of(
    tapes: Sequence[Tape], first: int = 0, last: int | None = None, *, fps: float = FPS, speed: float = SPEED,
    size: tuple[int, int] = SIZE, details: bool = False,
) -> Iterator[Frame]:  # fmt: skip
    """Draw tapes side by side, locked in time, from tick `first` to `last`: [H, W, 3] uint8 frames, one at a time.

    `speed` is in ticks a second of the finished picture; it is slower where something goes wrong or is caught.
    `details` adds the detail layer, with E and I by the serial run of the seed. Needs no display.
    Raises: ImportError if pygame is missing; ValueError for ticks that are not there, a speed or fps not above 0.
    """
    try:
        import pygame

        from .render.pace import Pace
        from .render.painter import Look, Painter
    except ImportError as error:
        raise ImportError(MISSING) from error
    from .panes import pane_of

    longest = max(tape.length for tape in tapes)
    if not 0 <= first <= longest:
        raise ValueError(f"--ticks begin between 0 and {longest}, the end of the episode; got {first}")
    last = longest if last is None else min(last, longest)
    for name, value in (("fps", fps), ("speed", speed)):
        if not value > 0:
            raise ValueError(f"{name} is above 0; got {value}")
    serial = _serial_report(tapes) if details else None
    panes = [pane_of(tape, serial) for tape in tapes]
    name = tapes[0].rules.name
    note = f"seed {tapes[0].seed}"
    look = Look(heading=name.replace("_", " "), story=SCENARIOS[name].story, note=note, details=details)
    painter = Painter(panes, look)
    pace = Pace({tick for pane in panes for tick, _ in pane.marks()}, speed)
    surface = pygame.Surface(size)
    for time in pace.times(float(first), float(last), fps):
        painter.paint(surface, time)
        pixels = np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8)
        yield pixels.reshape(size[1], size[0], 3)


def _serial_report(tapes: Sequence[Tape]) -> EpisodeReport:
    """Return the report of the serial run of the seed, which may be one of the tapes."""
    first = tapes[0]
    shown = next((tape for tape in tapes if tape.protocol == "serial" and tape.agent is None), None)
    return (shown or Tape(first.rules, "serial", first.seed, first.mind)).report


def record(
    tapes: Sequence[Tape], outs: Sequence[Path], ticks: tuple[int, int | None] = (0, None), *, fps: float = FPS,
    speed: float = SPEED, size: tuple[int, int] = SIZE, details: bool = False,
) -> list[str]:  # fmt: skip
    """Write tapes to files, each by its ending, and return a sentence for each.

    Raises: ValueError for what cannot be written, a fork among it.
    """
    for tape in tapes:
        if tape.is_fork:
            raise ValueError(f"a fork is a what-if and no result: it is not recorded (forked at tick {tape.forked_at})")
    said = []
    for out in outs:
        if is_replay(out):
            if len(tapes) != 1:
                raise ValueError(f"a replay file holds one episode; record {out.name} without --versus")
            write_replay(out, tapes[0])
            said.append(f"{out}: {tapes[0].length} ticks, digest {(tapes[0].digest or '')[:16]}")
        else:
            from .render.film import write_film

            first, last = ticks
            if out.suffix.lower() == ".png":  # the last moment alone
                first = max(tape.length for tape in tapes) if last is None else last
                last = first
            frames = frames_of(tapes, first, last, fps=fps, speed=speed, size=size, details=details)
            many = write_film(out, frames, fps)
            said.append(f"{out}: {many} frame{'s' if many > 1 else ''}, {out.stat().st_size / 1e6:.1f} MB")
    return said
