"""Where places to think are few, those who have thought to do come to them one after the other."""

from __future__ import annotations

from collections import defaultdict

import pytest

from stalegrid.compare import Cell, Comparison
from stalegrid.world import entropy, log
from stalegrid.world.scenario import Op, Role, Site
from stalegrid.world.settings import Settings

from .schedules import random_schedule
from .turns import AGENTS, Played, play, room, task, watch

HERE = (2, 3)
DESK = room(
    tuple(Site(f"till {nth}", "counter", HERE) for nth in range(5)),
    [
        *(task(f"slow add {nth}", Op(f"till {nth}", "add", 1)) for nth in range(5)),
        task("add", Op("till 0", "add", 1)),
        task("slow both", Op("till 0", "add", 1), Op("till 1", "add", 1)),
    ],
    (Role("worker", 5, (HERE,)),),
)


def thought(played: Played, agent: str) -> list[int]:
    """Return the ticks from the first thought of an agent to its end."""
    (end,) = played.ticks(log.THINK_END, agent)
    return [end - 4, end]


def test_one_place_is_taken_first_come_first_served() -> None:
    played = play(DESK, "1 a slow add 0 | 2 b slow add 1 | 3 c slow add 2", thinkers=1)
    assert [thought(played, agent) for agent in "abc"] == [[1, 5], [5, 9], [9, 13]]
    assert [wait.c for wait in played.of(log.WAIT_END, b=log.FOR_THOUGHT)] == [3, 6]
    assert (played.count("blocked_ticks"), played.count("think_ticks")) == (9, 12)


def test_those_who_come_in_one_tick_are_served_in_its_seeded_order() -> None:
    text = " | ".join(f"1 {agent} slow add {nth}" for nth, agent in enumerate(AGENTS))
    for seed in range(4):
        played = play(DESK, text, seed=seed, thinkers=2)
        order = sorted(range(5), key=lambda agent: entropy.draw(seed, entropy.TIE, 1, agent))
        ends = [played.ticks(log.THINK_END, AGENTS[agent]) for agent in order]
        assert ends == [[5], [5], [9], [9], [13]]


def test_as_many_places_as_agents_are_as_good_as_no_limit() -> None:
    for seed in range(30):
        free, placed = (watch(random_schedule(seed, {"thinkers": many})).events for many in (None, 64))
        assert free == placed


def test_what_needs_no_thought_needs_no_place() -> None:
    played = play(DESK, "1 a slow add 0 | 2 b add", thinkers=1)
    assert played.ticks(log.ACT, "b") == [2]


def test_who_is_refused_while_it_waits_for_a_place_has_thought_nothing() -> None:
    told = "1 a slow add 1 | 2 b slow add 0 | 3 c add"
    played = play(DESK, told, {"preset": "occ", "interruption": "stop"}, thinkers=1)
    assert [wait.c for wait in played.of(log.WAIT_END, "b")] == [2]
    assert [event.a for event in played.of(log.REJECT, "b")] == [0]


def test_who_is_wounded_while_it_waits_for_a_place_has_thought_nothing() -> None:
    told = "1 d slow add 0 | 2 e slow add 2 | 2 c slow both | 3 b slow add 1"
    played = play(DESK, told, "wound_wait", thinkers=1)
    assert [(event.tick, event.a) for event in played.of(log.ABORT, "b")] == [(6, 0)]
    assert [wait.c for wait in played.of(log.WAIT_END, "b", b=log.FOR_THOUGHT)] == [3]


@pytest.mark.parametrize("many", [1, 2])
def test_no_more_think_at_once_than_there_are_places(many: int) -> None:
    for seed in range(30):
        played = watch(
            random_schedule(seed, {"thinkers": many, "stall": 0, "lockstep": False}, {"speculation": "none"})
        )
        at_once: dict[int, int] = defaultdict(int)
        for decided in played.of(log.DECIDE):
            ends = [event for event in played.of(log.THINK_END) if event.txn == decided.txn]
            if decided.b and ends:  # who thinks to the end does so without a pause
                for tick in range(ends[0].tick - decided.b, ends[0].tick):
                    at_once[tick] += 1
        assert max(at_once.values(), default=0) <= many


def test_few_places_cost_time_and_no_thought() -> None:
    comparison = Comparison()
    rows = [
        comparison.row(Cell("disjoint", "none", seeds=4, size="tiny", settings=(("thinkers", many),)))
        for many in (None, 1)
    ]
    assert rows[0]["blocked"] == 0 < rows[1]["blocked"]
    assert rows[0]["inference"] == rows[1]["inference"] == 1
    assert rows[1]["success"] == 1


@pytest.mark.parametrize("many", [0, -1, "all"])
def test_somebody_may_think(many: object) -> None:
    with pytest.raises(ValueError, match="thinkers"):
        Settings(thinkers=many)  # type: ignore[arg-type]
