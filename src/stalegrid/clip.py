"""Short animations of one hazard: from before the decision to after the verdict, without protocol and with the cure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pygame
from numpy.typing import NDArray

from .panes import pane_of
from .render.arrange import fitting_size
from .render.pace import APART, Pace
from .render.painter import Look, Painter
from .render.pane import READ, Pane
from .render.themes import DARK, Theme
from .tape import Tape
from .world.scenarios import SCENARIOS

FPS = 12.0
SPEEDS = (4.0, 5.0, 7.0, 10.0)  # ticks a second, the first that leaves time enough
MOST_SECONDS = 14.5
LEAD, TAIL = 8, 10  # ticks shown before the decision and after the verdict
WAITS = 45  # ticks within which the other pane is to catch the like
MOST_LEAD = 26  # ticks before the verdict, however long ago it was decided
TILE_PX = 30
UNIT = 1.0  # size of the writing

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """What to show: panes, the ticks from `first` to `last`, and the tick at which something goes wrong."""

    panes: tuple[Pane, ...]
    first: int
    last: int
    harm: int
    answer: int  # tick at which the other pane catches the like, or that of the harm
    steps: tuple[int, ...] = ()  # ticks at which it was decided, and at which that ceased to hold


def clip_of(tapes: Sequence[Tape]) -> Clip:
    """Choose the ticks around the first thing that goes wrong in the first tape (caught, if nothing does)."""
    panes = tuple(pane_of(tape) for tape in tapes)
    chronicle = panes[0].chronicle
    wrong = [verdict for verdict in chronicle.verdicts if not verdict.caught] or chronicle.verdicts
    longest = max(pane.length for pane in panes)
    if not wrong:
        return Clip(panes, 0, min(longest, MOST_LEAD + TAIL), 0, 0)
    harm = wrong[0]
    decided = chronicle.spans[harm.txn].decided
    first = max(0, harm.tick - MOST_LEAD, decided - LEAD)
    others = [verdict.tick for pane in panes[1:] for verdict in pane.chronicle.verdicts]
    # What was caught before is another story, and a clip does not begin in its midst.
    earlier = max((tick + READ for tick in others if tick < decided), default=0)
    first = min(max(first, earlier), decided)
    caught = [tick for tick in others if tick >= harm.tick - 2]
    change = chronicle.first_change(harm)
    steps = (decided,) if change is None else (decided, change.tick)
    answer = min(caught, default=harm.tick)
    end = answer if answer - harm.tick <= WAITS else harm.tick
    return Clip(panes, first, min(longest, max(harm.tick, end) + TAIL), harm.tick, end, steps)


def look_of(scenario: str, note: str = "", theme: Theme = DARK, unit: float | None = UNIT) -> Look:
    """Return the usual look of a scenario's pictures."""
    title = scenario.replace("_", " ")
    return Look(theme=theme, heading=title, story=SCENARIOS[scenario].story, note=note, unit=unit)


def clip_size(clip: Clip, note: bool, tile_px: int = TILE_PX, unit: float = UNIT) -> tuple[int, int]:
    """Return the size of a picture that holds the panes and little more."""
    return fitting_size([pane.scene(0).stage for pane in clip.panes], tile_px, unit, True, note)


def clip_frames(clip: Clip, look: Look, size: tuple[int, int], fps: float = FPS) -> Iterator[Frame]:
    """Draw the frames of a clip, each [H, W, 3] uint8, in at most `MOST_SECONDS`; needs no display."""
    painter, surface = Painter(clip.panes, look), pygame.Surface(size)
    for time in clip_times(clip, fps):
        painter.paint(surface, time)
        yield frame_of(surface)


def clip_times(clip: Clip, fps: float = FPS) -> list[float]:
    """Return the time of each frame: slow where one has to read, as slow as there is room for elsewhere."""
    verdicts = {clip.harm, clip.answer}
    # Decision and change are read too, unless the verdict follows so soon that all is read together.
    steps = {tick for tick in clip.steps if all(abs(tick - verdict) >= APART for verdict in verdicts)}
    for marks in (verdicts | steps, verdicts):
        for speed in SPEEDS:
            times = list(Pace(marks, speed).times(clip.first, clip.last, fps))
            if len(times) <= MOST_SECONDS * fps:
                return times
    return times[: int(MOST_SECONDS * fps)]


def still(clip: Clip, look: Look, size: tuple[int, int], time: float) -> Frame:
    """Draw one moment, [H, W, 3] uint8."""
    surface = pygame.Surface(size)
    Painter(clip.panes, look).paint(surface, time)
    return frame_of(surface)


def frame_of(surface: pygame.Surface) -> Frame:
    """Return a surface's pixels, [H, W, 3] uint8, a fresh contiguous array."""
    return np.ascontiguousarray(pygame.surfarray.array3d(surface).swapaxes(0, 1))
