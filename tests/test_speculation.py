"""Who waits to be let in thinks on its beliefs; what proves true is kept, the rest is thought anew."""

from __future__ import annotations

from typing import Any

import pytest

from stalegrid.compare import Cell, Comparison
from stalegrid.protocols.config import Config
from stalegrid.protocols.presets import resolve
from stalegrid.world import log
from stalegrid.world.scenario import Op, Role, Site

from .schedules import SOUND, random_schedule
from .turns import Played, play, room, task, watch

SPECULATES = "speculative_locking"
HERE = (2, 3)
OFFICE = room(
    (
        Site("till", "counter", HERE),
        Site("note", "board", HERE, 3),
        Site("copy", "board", HERE),
        Site("shelf", "shelf", HERE, 1),
    ),
    [
        task("slow add", Op("till", "add", 1)),
        task("slow same", Op("note", "write", 3)),
        task("slow copy", Op("copy", "write", 5, rests_on=("note",))),
        task("slow other", Op("note", "write", 4)),
        task("slow take", Op("shelf", "take", 1)),
        task("add", Op("till", "add", 1)),
    ],
    (Role("worker", 3, (HERE,)),),
)


def guesses(played: Played, agent: str) -> list[tuple[int, int, int]]:
    """Return what became of an agent's speculations: tick, what, and ticks thought."""
    return [(event.tick, event.a, event.b) for event in played.of(log.SPECULATE, agent)]


def test_a_thought_whose_inputs_prove_equal_is_kept() -> None:
    told = "1 a slow same | 2 b slow copy"
    plain, guessed = play(OFFICE, told, "two_phase_locking"), play(OFFICE, told, SPECULATES)
    assert guesses(guessed, "b") == [(2, log.BEGINS, 0), (6, log.KEPT, 4)]
    assert (plain.ticks(log.COMMIT, "b"), guessed.ticks(log.COMMIT, "b")) == ([10], [6])
    assert [one.count("think_ticks") for one in (plain, guessed)] == [8, 8]
    assert guessed.count("wasted_think_ticks") == 0


def test_a_thought_whose_inputs_have_changed_is_thrown_away_and_counts_as_wasted() -> None:
    told = "1 a slow other | 3 b slow copy"
    plain, guessed = play(OFFICE, told, "two_phase_locking"), play(OFFICE, told, SPECULATES)
    assert guesses(guessed, "b") == [(3, log.BEGINS, 0), (6, log.SPOILED, 3)]
    assert plain.ticks(log.COMMIT, "b") == guessed.ticks(log.COMMIT, "b") == [10]
    assert [event.a for event in guessed.of(log.COMMIT, "b")] == [7]
    assert (guessed.count("think_ticks"), guessed.count("wasted_think_ticks")) == (11, 3)


def test_a_thought_that_is_half_done_goes_on() -> None:
    played = play(OFFICE, "1 a slow same | 4 b slow copy", SPECULATES)
    assert guesses(played, "b") == [(4, log.BEGINS, 0), (6, log.KEPT, 2)]
    assert played.ticks(log.THINK_END, "b") == [8]


def test_what_is_rejected_as_it_is_let_in_has_thought_in_vain_once() -> None:
    played = play(OFFICE, "1 a slow take | 2 b slow take", SPECULATES)
    assert [(event.tick, event.a, event.b) for event in played.of(log.REJECT, "b")] == [(6, 4, 1)]
    assert (played.count("think_ticks"), played.count("wasted_think_ticks")) == (8, 4)


def test_who_is_let_in_at_once_does_not_speculate() -> None:
    played = play(OFFICE, "1 a slow add | 8 b slow add", SPECULATES)
    assert played.of(log.SPECULATE) == []


def test_who_is_held_back_from_thought_may_speculate_too() -> None:
    axes = {"preset": "contention_aware", "speculation": "while waiting"}
    played = play(OFFICE, "1 a slow same | 2 b slow copy", axes)
    assert guesses(played, "b") == [(2, log.BEGINS, 0), (6, log.KEPT, 4)]


def test_a_speculation_takes_a_place_to_think_and_keeps_it() -> None:
    told = "1 a slow same | 2 b slow copy | 3 c slow add"
    played = play(OFFICE, told, SPECULATES, thinkers=2)
    assert guesses(played, "b")[0] == (2, log.BEGINS, 0)
    assert [wait.c for wait in played.of(log.WAIT_END, "c", b=log.FOR_THOUGHT)] == [2]
    alone = play(OFFICE, told, SPECULATES, thinkers=1)
    assert guesses(alone, "b") == [(5, log.BEGINS, 0), (6, log.KEPT, 1)]
    assert alone.ticks(log.THINK_END, "c") == [13]


def test_on_random_schedules_thought_is_kept_only_on_equal_inputs() -> None:
    met = {log.KEPT: 0, log.SPOILED: 0}
    for seed in range(120):
        axes = {**dict(resolve(SPECULATES)), "lock_moment": ("ahead", "as needed")[seed % 2]}
        played = watch(random_schedule(seed, {**SOUND, "lockstep": False, "think": 3}, axes))
        sites = played.rules.blueprint.sites
        values = {(agent, at): site.value for agent in range(9) for at, site in enumerate(sites)}
        guess: dict[int, dict[int, int]] = {}
        frozen: dict[int, dict[int, int]] = {}
        for event in played.events:
            if event.kind == log.DECIDE:
                guess[event.txn] = {site: value for (agent, site), value in values.items() if agent == event.agent}
            elif event.kind in (log.SENSE, log.DELIVER) and (event.kind == log.SENSE or event.b == 1):
                values[event.agent, event.site] = event.value
            elif event.kind == log.INPUT:
                frozen.setdefault(event.txn, {})[event.site] = event.value
            elif event.kind == log.SPECULATE and event.a != log.BEGINS:
                equal = all(guess[event.txn][site] == value for site, value in frozen.get(event.txn, {}).items())
                assert event.a == (log.KEPT if equal else log.SPOILED)
                met[event.a] += 1
    assert min(met.values()) > 10


def test_speculation_costs_inference_and_saves_time() -> None:
    comparison = Comparison()
    plain, guessed = (comparison.row(Cell("ledger", name, seeds=8)) for name in ("two_phase_locking", SPECULATES))
    assert [row["success"] for row in (plain, guessed)] == [1, 1]
    assert guessed["inference"] > plain["inference"]
    assert guessed["wasted_inference"] > plain["wasted_inference"] == 0


@pytest.mark.parametrize(
    "axes",
    [
        {"preset": "occ", "speculation": "while waiting"},
        {"preset": "fresh", "speculation": "while waiting"},
        {"preset": "serial", "scheduling": "contention-aware", "speculation": "while waiting"},
        {"preset": "mtpo", "speculation": "while waiting"},
    ],
)
def test_where_nobody_waits_to_be_let_in_speculation_is_refused_with_the_reason(axes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="needs locks or scheduling = 'contention-aware'"):
        resolve(axes)


def test_a_digest_names_speculation_only_where_it_is_on() -> None:
    assert "speculation" not in Config().header
    assert resolve(SPECULATES).header["speculation"] == "while waiting"
