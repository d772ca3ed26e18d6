"""The painter: the same moment gives the same picture, nothing is cut off, and what it shows is what the log says."""

from __future__ import annotations

import os
import re

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pygame
import pytest

from stalegrid.clip import frame_of
from stalegrid.episodes import run_episodes
from stalegrid.panes import live_stats, pane_of, serial_of
from stalegrid.protocols.presets import resolve
from stalegrid.render.arrange import arrange, fitting_size
from stalegrid.render.pace import LINGER, Pace
from stalegrid.render.painter import Look, Painter, paint
from stalegrid.render.pane import BAD, GOOD, READ, Pane
from stalegrid.render.scene import stage_of
from stalegrid.render.themes import DARK, LIGHT
from stalegrid.render.words import agent_mark
from stalegrid.tape import Tape
from stalegrid.world.scenarios import SCENARIOS

from .thumbnails import GOLDEN, SEED, thumbnail


@pytest.fixture(scope="module")
def bridge() -> list[Tape]:
    return [Tape("drawbridge", protocol, SEED) for protocol in ("none", "stamped")]


@pytest.fixture(scope="module")
def panes(bridge: list[Tape]) -> list[Pane]:
    return [pane_of(tape) for tape in bridge]


def painted(panes: list[Pane], time: float, look: Look | None = None) -> bytes:
    surface = pygame.Surface((480, 320))
    paint(surface, panes, time, look)
    return frame_of(surface).tobytes()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_looks_as_it_did(scenario: str) -> None:
    stored = pygame.image.load(GOLDEN / f"{scenario}.png")
    golden = frame_of(stored).astype(int)
    unlike = np.abs(thumbnail(scenario).astype(int) - golden)
    # Smoothing differs a little between processors; a shape out of place differs a lot, and somewhere.
    blocks = unlike[:, :240].reshape(20, 16, 20, 12, 3).mean((1, 3, 4))
    assert blocks.max() < 12
    assert unlike.mean() < 1


def test_scrubbing_back_and_forth_lands_on_the_same_pictures(panes: list[Pane]) -> None:
    times = [47.0, 3.25, 60.5, 47.4, 0.0, 81.9]
    for look in (Look(), Look(theme=LIGHT, details=True, view=(0, 4))):
        there = [painted(panes, time, look) for time in times]
        back = [painted(panes, time, look) for time in reversed(times)]
        assert there == back[::-1]
    fresh = [pane_of(Tape("drawbridge", protocol, SEED)) for protocol in ("none", "stamped")]
    assert painted(fresh, 47.4) == painted(panes, 47.4)


def test_agents_and_letters_move_between_two_ticks(panes: list[Pane]) -> None:
    assert len({painted(panes, 40 + nth / 8) for nth in range(8)}) == 8


def test_drawing_leaves_the_digest_as_it_is(bridge: list[Tape], panes: list[Pane]) -> None:
    painted(panes, 50.5, Look(details=True))
    for tape in bridge:
        (alone,) = run_episodes(tape.rules, resolve(tape.protocol), "naive", [SEED])
        assert tape.digest == alone.digest


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_of_a_pane_stands_out_of_it_at_any_size(scenario: str) -> None:
    for size in ("tiny", "small", "medium", "large"):
        stage = stage_of(Tape.live(scenario, size=size).rules)
        for many, wide, details in (
            (1, (960, 640), True), (2, (960, 640), False), (2, (1920, 1080), True), (4, (1280, 800), False),
        ):  # fmt: skip
            places = arrange(wide, [stage] * many, True, True, True, details)
            for spots in places.panes:
                parts = [spots.head, spots.bar, spots.grid.rect, spots.say, *([spots.detail] if spots.detail else [])]
                assert all(spots.card.contains(part) for part in parts)
                assert pygame.Rect((0, 0), wide).contains(spots.card)
                assert all(one.bottom <= two.top for one, two in pairwise(parts))
            assert len({spots.card.topleft for spots in places.panes}) == many
        width, height = fitting_size([stage, stage], 24)
        assert (width % 16, height % 16) == (0, 0)
        assert arrange((width, height), [stage, stage], True, False, False, False, 1.0).panes[0].grid.px >= 22


def test_the_map_is_legible_in_two_panes_at_the_usual_size() -> None:
    for scenario in SCENARIOS:
        stage = stage_of(Tape.live(scenario).rules)
        assert arrange((960, 640), [stage, stage], True, True, False, False).panes[0].grid.px >= 24


def test_a_ghost_is_there_from_the_write_that_supersedes_to_the_act(panes: list[Pane]) -> None:
    chronicle = panes[0].chronicle
    verdict = chronicle.verdicts[0]
    (news,) = verdict.named
    decided = chronicle.spans[verdict.txn].decided
    ghosts = {tick: chronicle.ghosts(verdict.agent, tick) for tick in range(decided, verdict.tick + 1)}
    assert [view.value for view in ghosts[news.superseded]] == [news.value]
    assert ghosts[verdict.tick] == []  # it has acted
    before = painted([panes[0]], news.superseded - 0.01)
    assert painted([panes[0]], news.superseded + 0.01) != before


def test_the_sentence_says_decision_change_verdict_and_what_came_of_it_in_turn(panes: list[Pane]) -> None:
    verdict = panes[0].chronicle.verdicts[0]
    decided = panes[0].chronicle.spans[verdict.txn].decided
    beat = panes[0].beat(decided)
    assert beat is not None
    assert "decides to raise the bridge" in beat.text
    wrong, caught = (pane.beat(verdict.when) for pane in panes)
    assert wrong is not None
    assert caught is not None
    assert (wrong.mood, caught.mood) == (BAD, GOOD)
    (news,) = panes[1].chronicle.verdicts[0].named
    assert f"{news.version} is not {news.current_version}: refused." in caught.text
    harm = panes[0].beat(verdict.tick)
    assert harm is not None
    assert harm.text.startswith("Accident: ")


def test_a_verdict_stands_for_a_while_and_is_not_left_over(panes: list[Pane]) -> None:
    for pane in panes:
        marks = [when for when, _ in pane.marks()]
        for verdict, after in pairwise([*marks, pane.length + 2 * READ]):
            if after - verdict > READ + 1:
                later = pane.beat(verdict + READ + 0.5)
                assert later is None or later.mood not in (BAD, GOOD)


def test_at_an_act_the_sites_hold_what_it_found(panes: list[Pane]) -> None:
    for pane in panes:
        for verdict in pane.chronicle.verdicts:
            shown = pane.moment(verdict.when).scene.sites
            assert [shown[one.site].value for one in verdict.named] == [one.current_value for one in verdict.named]
    verdict = panes[0].chronicle.verdicts[0]
    (news,) = verdict.named
    assert panes[0].scene(verdict.tick).sites[news.site].value != news.current_value  # the accident has emptied it


def test_who_is_on_a_deck_is_who_stands_there(panes: list[Pane]) -> None:
    hit = 0
    for pane in panes:
        ((deck, cells),) = pane.scene(0).stage.regions.items()
        for tick in range(pane.length + 1):
            scene = pane.scene(tick)
            there = {index for index, agent in enumerate(scene.agents) if agent.cell in cells and not agent.is_out}
            assert set(pane.chronicle.bodies_on(deck, scene.sites[deck].version)) == there
            hit += any(agent.is_out for agent in scene.agents)
    assert hit


def test_the_sentence_has_the_count_that_the_deck_shows(panes: list[Pane]) -> None:
    told = 0
    for pane in panes:
        (deck,) = pane.scene(0).stage.regions
        for tick in range(pane.length + 1):
            beat = pane.beat(tick)
            counted = re.search(r"now (nobody|\d+) on it", beat.text) if beat is not None else None
            if counted and beat is not None and beat.tick == tick:
                assert counted[1].replace("nobody", "0") == str(pane.scene(tick).sites[deck].value)
                told += 1
    assert told >= 4


def test_agents_carry_the_initial_of_their_role(panes: list[Pane]) -> None:
    stage = panes[0].scene(0).stage
    assert [agent_mark(stage, index) for index in range(5)] == ["W0", "W1", "W2", "W3", "O"]
    both = replace(stage, role_names=("mover", "maker"))
    assert [agent_mark(both, index) for index in (0, 4)] == ["Mo0", "Ma"]


def test_every_preset_and_scenario_can_be_painted_in_detail() -> None:
    surface = pygame.Surface((640, 420))
    for scenario, protocol in (
        ("ledger", "two_phase_locking"), ("reroute", "full"), ("drawbridge", "serial"), ("guards", "occ"),
        ("exposure", "none"), ("refactor", "fresh"),
    ):  # fmt: skip
        tape = Tape(scenario, protocol, SEED)
        painter = Painter([pane_of(tape)], Look(theme=DARK, details=True, view=(0, 0)))
        for time in np.linspace(0, tape.length, 12):
            painter.paint(surface, float(time))


def test_locks_in_the_chronicle_are_those_of_open_transactions() -> None:
    pane = pane_of(Tape("ledger", "two_phase_locking", SEED))
    seen = 0
    for tick in range(pane.length):
        for site, holders in pane.chronicle.locks_at(tick).items():
            for agent, _ in holders:
                span = pane.chronicle.open_span(agent, tick)
                assert span is not None, (tick, site, agent)
                seen += 1
    assert seen > 50


def test_live_numbers_end_as_the_report_has_them(bridge: list[Tape], panes: list[Pane]) -> None:
    serial = serial_of("drawbridge", SEED, {})
    for tape, pane in zip(bridge, panes, strict=True):
        shown = dict(live_stats(pane.chronicle, pane.scene(pane.length), serial))
        report = tape.report
        assert shown["S"] == f"{report.goals_met / report.goals:.2f}"
        assert shown["think ticks"] == str(report.counts["think_ticks"])
        wrong = sum(many for name, many in report.counts.items() if name.endswith(".decisive"))
        assert shown["went wrong"] == str(wrong)
        committed, broke = report.counts["committed"], report.counts["broke_invariant"]
        assert shown["committed"] == str(committed)
        assert shown["C"] == f"{1 - broke / committed:.2f}"


def test_time_slows_down_at_a_mark_and_nowhere_else() -> None:
    pace = Pace([20], speed=5)
    assert pace.advance(0, 2) == pytest.approx(10)
    times = list(pace.times(0, 40, fps=20))
    near = sum(20 <= time < 20.5 for time in times)
    assert near == pytest.approx(LINGER * 20, abs=2)
    assert any(abs(time - 20) < 0.05 for time in times)
    assert times[-1] == 40
    assert all(one < two for one, two in pairwise(times))
