"""Clips: one decision in both panes, told by what counts at the act, with nothing over what is to be seen."""

from __future__ import annotations

import os
import runpy

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import pygame
import pytest

from stalegrid.clip import FPS, MOST_SECONDS, clip_frames, clip_of, clip_size, clip_times, frame_of, look_of
from stalegrid.render.painter import paint
from stalegrid.render.pane import CALM, Pane
from stalegrid.tape import Tape
from stalegrid.world.scenarios import SCENARIOS

from .thumbnails import SEED


@pytest.fixture(scope="module")
def bridge() -> list[Tape]:
    return [Tape("drawbridge", protocol, SEED) for protocol in ("none", "stamped")]


def painted(pane: Pane, time: float) -> bytes:
    surface = pygame.Surface((480, 320))
    paint(surface, [pane], time)
    return frame_of(surface).tobytes()


def test_the_cause_is_what_counts_at_the_act_and_not_who_has_been_and_gone() -> None:
    pane, caught = clip_of([Tape("drawbridge", protocol, 1_000_039) for protocol in ("none", "stamped")]).panes
    stays = caught.chronicle.cause(caught.verdicts[0])
    verdict = pane.verdicts[0]
    (news,) = verdict.named
    first, *_ = pane.chronicle.changes(verdict)
    there = pane.chronicle.bodies_on(news.site, news.current_version)
    assert first.writer not in there  # it has stepped on and off
    assert pane.chronicle.cause(verdict) is None  # those who are on it came in the tick of the act
    assert stays is not None
    assert (stays.writer, stays.tick) == (first.writer, first.tick)  # here the act comes while it is on it
    beat = pane.beat(verdict.when)
    assert beat is not None
    assert beat.text.endswith("But now: walkers 1 and 3 are on the deck.")
    harm = pane.beat(verdict.tick)
    assert harm is not None
    assert harm.text == "Accident: walkers 1 and 3 hit, a boat lost."


def test_no_letters_lie_over_the_verdict_of_a_clip(bridge: list[Tape]) -> None:
    pane = clip_of(bridge).panes[0]
    bare = replace(pane, scene=lambda tick: replace(pane.scene(tick), messages=()))
    (verdict,) = pane.verdicts
    letters = [pane.scene(tick).messages for tick in range(verdict.tick - 3, verdict.tick + 1)]
    assert all(letters)
    assert painted(pane, verdict.tick - 2) != painted(bare, verdict.tick - 2)
    for time in (verdict.when, float(verdict.tick)):
        assert painted(pane, time) == painted(bare, time)


def test_a_clip_tells_one_decision_in_both_panes_within_fifteen_seconds(bridge: list[Tape]) -> None:
    clip = clip_of(bridge)
    harm, caught = (pane.verdicts[0] for pane in clip.panes)
    assert [len(pane.verdicts) for pane in clip.panes] == [1, 1]
    assert (harm.caught, caught.caught) == (False, True)
    decided = [pane.chronicle.spans[one.txn].decided for pane, one in zip(clip.panes, (harm, caught), strict=True)]
    assert clip.first <= decided[0] == decided[1]
    assert clip.acts == (harm.when, caught.when)
    times = clip_times(clip, fps=2)
    assert clip.acts in times
    assert all(one <= two for before, now in pairwise(times) for one, two in zip(before, now, strict=True))
    for pane, time in zip(clip.panes, times[0], strict=True):
        beat = pane.beat(time)
        assert beat is not None
        assert beat.mood == CALM
    report = bridge[0].report
    for pane, time in zip(clip.panes, times[-1], strict=True):
        beat = pane.beat(time)
        assert beat is not None
        assert beat.text == pane.ending
    assert f"{report.goals_met} of {report.goals} goals met" in clip.panes[0].ending
    size = clip_size(clip, note=True)
    frames = list(clip_frames(clip, look_of("drawbridge", "a note"), size, fps=2))
    assert len(frames) == len(times) <= MOST_SECONDS * 2
    assert {frame.shape for frame in frames} == {(size[1], size[0], 3)}


@pytest.mark.parametrize("scenario", [name for name, one in SCENARIOS.items() if one.cure])
def test_no_clip_loses_its_beginning(scenario: str) -> None:
    clip = clip_of([Tape(scenario, protocol, SEED) for protocol in ("none", SCENARIOS[scenario].cure or "")])
    times = clip_times(clip)
    assert times[0] == (clip.first, clip.first)
    assert len(times) <= MOST_SECONDS * FPS
    assert all((time, time) in times for time, _ in clip.stops if time < min(clip.acts))


def test_a_clip_of_an_episode_without_a_hazard_has_its_beginning() -> None:
    clip = clip_of([Tape("disjoint", protocol, SEED, size="tiny") for protocol in ("none", "serial")])
    assert clip.first == 0
    assert clip_times(clip, fps=2)


def test_the_script_behind_the_pictures_of_the_readme_draws_a_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = runpy.run_path(str(Path(__file__).parent.parent / "examples" / "pictures.py"))
    harm = script["harm"].__globals__
    monkeypatch.setitem(harm, "PICTURES", tmp_path)
    monkeypatch.setitem(harm, "SEEDS", 4)
    monkeypatch.setitem(harm, "clip_frames", lambda *clip: islice(clip_frames(*clip), harm["SAMPLES"]))
    script["harm"]("guards")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["guards.gif", "guards.png"]
