"""Contention-aware scheduling: who is held back before it thinks, who goes first, and that nobody waits for ever."""

from __future__ import annotations

from typing import Any

import pytest

from stalegrid import contended
from stalegrid.compare import Cell, Comparison
from stalegrid.findings import has_circle
from stalegrid.protocols.config import Config
from stalegrid.protocols.presets import resolve
from stalegrid.protocols.scheduling import uses
from stalegrid.world import log
from stalegrid.world.rules import Rules
from stalegrid.world.scenario import Op, Role, Site
from stalegrid.world.settings import Settings
from stalegrid.world.tasks import Footprint

from .schedules import SOUND, random_schedule
from .test_engines_agree import compare
from .turns import play, room, task, watch

AWARE = "contention_aware"
HERE = (2, 3)
OFFICE = room(
    (
        Site("till", "counter", HERE),
        Site("safe", "counter", HERE),
        Site("note", "board", HERE),
        Site("east", "guard_post", HERE, 1, depends=("west",)),
        Site("west", "guard_post", HERE, 1, depends=("east",)),
    ),
    [
        task("slow till", Op("till", "add", 1)),
        task("slow safe", Op("safe", "add", 1)),
        task("slow note", Op("note", "write", 7)),
        task("slow note by till", Op("note", "write", 5, rests_on=("till",))),
        task("slow both", Op("till", "add", 1), Op("safe", "add", 1)),
        task("slow all", Op("till", "add", 1), Op("safe", "add", 1), Op("note", "write", 9)),
        task("slow enter", Op("east", "enter")),
        task("slow leave", Op("west", "leave")),
    ],
    (Role("worker", 5, (HERE,)),),
)


def held(played: Any, agent: str) -> list[int]:
    """Return for how long an agent was held back, wait by wait."""
    return [wait.c for wait in played.of(log.WAIT_END, agent, b=log.HELD_BACK)]


def test_who_needs_what_another_is_about_to_write_is_held_back_and_then_reads_it() -> None:
    played = play(OFFICE, "1 a slow till | 2 b slow till | 2 c slow safe", AWARE)
    assert (held(played, "b"), held(played, "c")) == ([4], [])
    assert [(row.tick, row.value) for row in played.of(log.INPUT, "b")] == [(6, 1)]
    assert (played.value("till"), played.count("rejected"), played.count("wasted_think_ticks")) == (2, 0, 0)
    assert played.count("blocked_ticks") == 4


def test_who_writes_what_others_have_read_is_not_held_back_nor_are_differences() -> None:
    played = play(OFFICE, "1 a slow note by till | 2 b slow till", AWARE)
    assert held(played, "b") == []
    played = play(OFFICE, "1 a slow enter | 2 b slow enter | 3 c slow leave", AWARE)
    assert (held(played, "b"), held(played, "c")) == ([], [3, 1])  # by a, then by b


def test_a_wait_that_changed_nothing_is_a_false_stall() -> None:
    # The post was full, so entering fails and changes nothing.
    full = room(
        (
            Site("east", "guard_post", HERE, 1, depends=("west",), room=1),
            Site("west", "guard_post", HERE, 1, depends=("east",)),
        ),
        [task("slow enter", Op("east", "enter")), task("slow leave", Op("west", "leave"))],
        (Role("worker", 2, (HERE,)),),
    )
    played = play(full, "1 a slow enter | 2 b slow leave", AWARE)
    assert (held(played, "b"), played.count("failed"), played.count("false_stall")) == ([4], 1, 4)


def test_nobody_is_held_back_for_longer_than_the_age_bound() -> None:
    told = "1 a slow till | 2 b slow till"
    assert [held(play(OFFICE, told, {"preset": AWARE, "age_bound": bound}), "b") for bound in (0, 2, 99)] == [
        [], [2], [4],
    ]  # fmt: skip


def test_on_random_schedules_no_wait_outlasts_the_age_bound() -> None:
    for seed in range(60):
        axes = {**dict(resolve(AWARE)), "age_bound": 1 + seed % 7}
        played = watch(random_schedule(seed, {"lockstep": False}, axes))
        began = {event.txn: event.tick for event in played.of(log.DECIDE)}
        for wait in played.of(log.WAIT_END, b=log.HELD_BACK):
            assert wait.tick - began[wait.txn] <= 1 + seed % 7


@pytest.mark.parametrize(("bound", "circles"), [(0, [14, 59]), (24, [])])
def test_two_wait_for_each_other_only_where_one_was_let_in_too_early(bound: int, circles: list[int]) -> None:
    played = contended.play(resolve({"preset": AWARE, "age_bound": bound}), range(60))
    assert [episode.number for episode in played if has_circle(episode.log)] == circles


def test_of_those_who_wait_for_a_lock_the_one_with_fewer_conflicts_goes_first() -> None:
    # As they come, c is in conflict with a, b and e, and d, which comes later, with a and c only.
    told = "1 a slow till | 1 b slow safe | 1 e slow note | 2 c slow all | 3 d slow till"
    orders = {}
    for scheduling in ("first come", "contention-aware"):
        played = play(OFFICE, told, {"preset": "two_phase_locking", "scheduling": scheduling}, ticks=60)
        ends = {agent: played.ticks(log.COMMIT, agent)[0] for agent in "abcd"}
        orders[scheduling] = sorted("cd", key=lambda agent: ends[agent])
    assert orders == {"first come": ["c", "d"], "contention-aware": ["d", "c"]}


def test_under_the_token_the_one_with_fewer_conflicts_goes_first_within_the_bound() -> None:
    # Each says it twice: who gets the token chooses anew.
    turns = ("1 a slow till", "3 b slow all", "4 c slow enter", "5 d slow leave")
    told = " | ".join(turn for turn in turns for _ in range(2))
    grants = {}
    for bound in (0, 40):
        axes = {"preset": "serial", "scheduling": "contention-aware", "age_bound": bound}
        played = play(OFFICE, told, axes, ticks=60)
        grants[bound] = "".join("abcde"[event.agent] for event in played.of(log.GRANT))
    assert grants[0] == "abcd"
    assert grants[40] == "acbd"  # as they come, b is in conflict with a, and d with c


def test_a_footprint_that_misses_a_site_holds_nobody_back_there() -> None:
    rules = Rules("office", OFFICE, Settings())
    till, both = rules.tasks[0], rules.tasks[4]
    assert uses(till).conflicts(uses(both))
    assert not uses(till, Footprint(missed=0)).conflicts(uses(both))
    assert uses(till, Footprint(frozenset({0}))).conflicts(uses(both))  # what is written is seen
    assert not uses(till, Footprint(frozenset({0}))).needs
    assert uses(rules.tasks[2], Footprint(added=0)).conflicts(uses(till))


def test_scheduling_keeps_the_guarantees_and_saves_thought() -> None:
    comparison = Comparison()
    rows = [comparison.row(Cell("ledger", protocol, seeds=6)) for protocol in ("occ", AWARE)]
    assert [row["success"] for row in rows] == [1, 1]
    assert rows[1]["wasted_inference"] < 0.25 * rows[0]["wasted_inference"]
    assert rows[1]["blocked"] > rows[0]["blocked"] == 0
    for seed in range(40):
        compare(random_schedule(seed, SOUND, dict(resolve(AWARE))))


@pytest.mark.parametrize(
    ("axes", "reason"),
    [
        ({"preset": "occ", "scheduling": "contention-aware"}, "needs reads = 'admission'"),
        ({"preset": "mtpo", "scheduling": "contention-aware"}, "lets nobody wait for what can be undone"),
        ({"preset": AWARE, "age_bound": -1}, "age_bound is a whole number from 0"),
        ({"preset": AWARE, "scheduling": "luck"}, "scheduling = 'luck' is unknown"),
    ],
)
def test_what_contradicts_scheduling_is_refused_with_the_reason(axes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        resolve(axes)


def test_a_digest_names_the_age_bound_only_where_it_is_set() -> None:
    assert "age_bound" not in Config().header
    assert resolve({"preset": AWARE, "age_bound": 7}).header["age_bound"] == 7
