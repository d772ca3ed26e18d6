"""Short animations of one hazard: from before the decision to how it ended, without protocol and with the cure.

Both panes tell the same decision. The pane that is judged first stands still there until the other is, so that both
verdicts are read side by side; then what came of each is shown, and then the end of each episode.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pygame
from numpy.typing import NDArray

from .panes import pane_of
from .render.arrange import fitting_size
from .render.chronicle import ACT, Verdict
from .render.painter import Look, Painter
from .render.pane import BAD, CALM, GOOD, Beat, Pane
from .render.themes import DARK, Theme
from .tape import Tape
from .world.scenarios import SCENARIOS
from .world.state import NO_TXN

FPS = 12.0
MOST_SECONDS = 15.0
LEAD = 2  # ticks shown before the decision
MOST_LEAD = 26  # ticks before the verdict, however long ago it was decided
# Seconds for which the picture stands still: after the decision, the change, the verdicts, what came of them, the end.
READ_DECISION, READ_CHANGE, READ_VERDICT, READ_HARM, READ_END = 2.0, 1.6, 3.2, 2.0, 2.0
RUNS = 2.0  # seconds left for what moves
SPEEDS = 3.0, 14.0  # ticks a second, least and most
MOST_TRIED = 8  # verdicts among which a clip chooses
TILE_PX = 36
UNIT = 1.1  # size of the writing

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """What to show. Times are in ticks; a pane without a verdict of its own ends when the first one's is due."""

    panes: tuple[Pane, ...]
    first: float
    stops: tuple[tuple[float, float], ...]  # (time, seconds for which it stands still) on the way to the verdicts
    acts: tuple[float, ...]  # of each pane: the time at which it is judged
    ends: tuple[float, ...]  # of each pane: that at which is seen what came of it


def clip_of(tapes: Sequence[Tape]) -> Clip:
    """Choose what goes wrong in the first tape (what is caught, if nothing does) and what the others do about it."""
    panes = [pane_of(tape) for tape in tapes]
    chosen = _choose(panes)
    if chosen is None:
        last = float(min(MOST_LEAD, *(pane.length for pane in panes)))
        return Clip(tuple(panes), 0.0, (), (last,) * len(panes), (last,) * len(panes))
    harm = chosen[0]
    assert harm is not None
    decided = panes[0].chronicle.spans[harm.txn].decided
    first = float(max(0, harm.tick - MOST_LEAD, decided - LEAD))
    stops = [(float(decided), READ_DECISION), *((tick, READ_CHANGE) for tick in _changes(panes, chosen))]
    acts = tuple(harm.when if one is None else one.when for one in chosen)
    told = tuple(_told(pane, one) for pane, one in zip(panes, chosen, strict=True))
    ends = tuple(min(float(pane.length), act + ACT) for pane, act in zip(panes, acts, strict=True))
    return Clip(told, first, tuple(stops), acts, ends)


def _changes(panes: Sequence[Pane], chosen: Sequence[Verdict | None]) -> list[float]:
    """List the times, after the decision, at which what the verdicts rest on ceased to be so, or last changed."""
    times = set()
    for pane, verdict in zip(panes, chosen, strict=True):
        if verdict is None:
            continue
        change = pane.chronicle.cause(verdict) or next(reversed(pane.chronicle.changes(verdict)), None)
        if change is not None:
            times.add(max(change.tick, pane.chronicle.spans[verdict.txn].decided + 1.0))
    return sorted(times)


def _choose(panes: Sequence[Pane]) -> list[Verdict | None] | None:
    """Choose a verdict of each pane: the same decision in all where there is one, and best with the same end."""
    own, *others = ([one for one in pane.chronicle.verdicts if one.txn in pane.chronicle.spans] for pane in panes)
    wrong = [one for one in own if not one.caught] or own
    if not wrong:
        return None

    def about(pane: Pane, verdict: Verdict) -> tuple[int, ...]:
        span = pane.chronicle.spans[verdict.txn]
        return span.decided, span.agent, span.task

    def twin(nth: int, harm: Verdict) -> Verdict | None:
        same = [v for v in others[nth] if v.caught and about(panes[nth + 1], v) == about(panes[0], harm)]
        return same[0] if same else None

    def worth(harm: Verdict) -> tuple[bool, bool, bool, int]:
        twins = [twin(nth, harm) for nth in range(len(others))]
        alike = all(one is not None and one.named == harm.named for one in twins)
        change = panes[0].chronicle.cause(harm)
        between = change is not None and about(panes[0], harm)[0] < change.tick < harm.tick
        return None not in twins, alike, between, -harm.tick

    harm = max(wrong[:MOST_TRIED], key=worth)
    found: list[Verdict | None] = [harm]
    for nth, verdicts in enumerate(others):
        spans = panes[nth + 1].chronicle.spans
        later = (v for v in verdicts if v.caught and spans[v.txn].decided >= harm.tick - MOST_LEAD)
        found.append(twin(nth, harm) or next(later, None))
    return found


def _told(pane: Pane, verdict: Verdict | None) -> Pane:
    """Make a pane tell one story only, and how its episode ended."""
    txn = NO_TXN if verdict is None else verdict.txn
    beats = [beat for beat in pane.beats if beat.txn == txn or beat.tick == 0]
    mood = CALM if verdict is None else GOOD if verdict.caught else BAD
    end = Beat(pane.length + 0.5, pane.ending, mood, headline="At the end of the episode")
    beats = [beat if beat.mood not in (BAD, GOOD) else replace(beat, until=pane.length + 0.5) for beat in beats]
    return replace(pane, beats=(*beats, end), focus=frozenset({txn} - {NO_TXN}))


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
    before, frame = None, None
    for times in clip_times(clip, fps):
        if frame is None or times != before:
            painter.paint(surface, times)
            before, frame = times, frame_of(surface)
        yield frame


def clip_times(clip: Clip, fps: float = FPS) -> list[tuple[float, ...]]:
    """Return the time of each pane in each frame."""
    times: list[tuple[float, ...]] = []
    last = max(clip.acts)
    speed = min(max(SPEEDS[0], (last - clip.first) / RUNS), SPEEDS[1])

    def run(start: float, stop: float) -> None:
        many = max(1, round((stop - start) / speed * fps))
        for nth in range(1, many + 1):
            now = start + (stop - start) * nth / many
            times.append(tuple(min(now, act) for act in clip.acts))

    now = clip.first
    times.append(tuple(min(now, act) for act in clip.acts))
    for stop, seconds in clip.stops:
        if stop < last:
            run(now, stop)
            times += times[-1:] * round(seconds * fps)
            now = stop
    run(now, last)
    times += times[-1:] * round(READ_VERDICT * fps)
    steps = max(1, round(0.4 * fps))
    for nth in range(1, steps + 1):
        times.append(tuple(act + (end - act) * nth / steps for act, end in zip(clip.acts, clip.ends, strict=True)))
    times += times[-1:] * round(READ_HARM * fps)
    times += [tuple(pane.length + 1.0 for pane in clip.panes)] * round(READ_END * fps)
    return times[-int(MOST_SECONDS * fps) :]


def still(clip: Clip, look: Look, size: tuple[int, int], time: float | Sequence[float]) -> Frame:
    """Draw one moment, or one of each pane, [H, W, 3] uint8."""
    surface = pygame.Surface(size)
    Painter(clip.panes, look).paint(surface, time)
    return frame_of(surface)


def frame_of(surface: pygame.Surface) -> Frame:
    """Return a surface's pixels, [H, W, 3] uint8, a fresh contiguous array."""
    return np.ascontiguousarray(pygame.surfarray.array3d(surface).swapaxes(0, 1))
