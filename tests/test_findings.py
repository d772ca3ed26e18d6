"""Findings over many episodes: they agree with what one episode by itself says, and equal histories are judged once."""

from __future__ import annotations

import pytest

from stalegrid import contended, small_scope
from stalegrid.findings import findings
from stalegrid.protocols.presets import PRESETS, resolve
from stalegrid.protocols.textbook import Textbook
from stalegrid.world.audit import audit_episode
from stalegrid.world.state import COUNTERS


@pytest.mark.parametrize("preset", PRESETS)
def test_both_engines_play_the_small_scope_and_the_contended_episodes_alike(preset: str) -> None:
    config = resolve(preset)
    for kind in small_scope.KINDS:
        for episode in small_scope.play(config, kind, range(5, small_scope.SCHEDULES, 10_007)):
            world = small_scope.play_on_reference(lambda: Textbook(config), kind, episode.number)
            assert [event for event in episode.log.tolist() if event[1] <= world.now] == world.events
    for episode in contended.play(config, range(3)):
        world = contended.play_on_reference(lambda: Textbook(config), episode.number)
        assert episode.log.tolist() == world.events
        report = audit_episode(contended.rules(), episode.log)
        assert {name: report.counts[name] for name in COUNTERS} == dict(episode.counts)


def test_findings_of_many_episodes_are_those_of_each_by_itself() -> None:
    config = resolve("none")
    rules, episodes = contended.rules(), list(contended.play(config, range(12)))
    together = findings(rules, episodes)
    assert together == [findings(rules, [episode])[0] for episode in episodes]


def test_schedules_with_equal_keys_have_equal_findings() -> None:
    for kind in small_scope.KINDS:
        rules = small_scope.rules_of(kind)
        episodes = list(small_scope.play(resolve("none"), kind, range(0, small_scope.SCHEDULES, 1511)))
        assert findings(rules, episodes, alike=True) == findings(rules, episodes)


def test_a_schedule_is_known_by_what_it_is_printed_as() -> None:
    for number in range(0, small_scope.SCHEDULES, 997):
        assert small_scope.number_of(str(small_scope.schedule(number))) == number
    with pytest.raises(ValueError, match="a schedule reads as 'a: rx rx commit"):
        small_scope.number_of("a: rx rx | b: rx rx commit | abab")


def test_the_small_scope_has_every_pair_of_programs_every_ending_and_every_interleaving() -> None:
    assert small_scope.SCHEDULES == 16 * 16 * 70 * 4 == 71_680
    last = small_scope.schedule(small_scope.SCHEDULES - 1)
    assert str(last) == "a: wy wy abort | b: wy wy abort | bbbbaaaa"
