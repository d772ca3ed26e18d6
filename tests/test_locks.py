"""Two-phase locking: who goes with whom, who goes first, what a lock protects, and how deadlocks end.

Workers a to e add to counters (an exclusive lock), read one while they count themselves into a yard (a shared lock on
it, an increment lock on the yard), and lock the sites of a task in the order of its ops.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stalegrid.protocols.batch import Batch
from stalegrid.protocols.presets import resolve
from stalegrid.world import log
from stalegrid.world.rules import Rules
from stalegrid.world.scenario import VALUE, Blueprint, Goal, Invariant, Op, Role, Site
from stalegrid.world.settings import Settings
from stalegrid.world.state import REGISTRY

from .turns import HERE, Played, play, room, task

LOCKS = "two_phase_locking"
X, Y, YARD, HALL = range(4)
SITES = (
    Site("x", "counter", HERE),
    Site("y", "counter", HERE),
    Site("yard", "guard_post", HERE),
    Site("hall", "guard_post", HERE),
)


def add(*sites: str) -> tuple[Op, ...]:
    """Return ops that add to counters in this order."""
    return tuple(Op(site, "add", 1) for site in sites)


WORK = room(
    SITES,
    (
        task("add x", *add("x")),
        task("slow add x", *add("x")),
        task("slow add y", *add("y")),
        task("slow x y", *add("x", "y")),
        task("slow y x", *add("y", "x")),
        task("slow read x", Op("yard", "enter", rests_on=("x",))),
        task("slow read y", Op("yard", "enter", rests_on=("y",))),
        task("slow enter", Op("yard", "enter")),
        task("slow see yard", Op("hall", "enter", rests_on=("yard",))),
        task("slow enter and see", Op("yard", "enter"), Op("hall", "enter", rests_on=("yard",))),
        task("slow read x add y", Op("yard", "enter", rests_on=("x",)), *add("y")),
        task("slow y read x", *add("y"), Op("yard", "enter", rests_on=("x",))),
    ),
    (Role("worker", 5, (HERE,)),),
)


def admitted(played: Played, agent: str) -> list[int]:
    """Return the ticks in which an agent was let in: that of the last lock of each transaction."""
    return list({grant.txn: grant.tick for grant in played.of(log.GRANT, agent)}.values())


# ---------------------------------------------------------------------- who goes with whom


@pytest.mark.parametrize(
    ("mine", "yours"), [("read x", "read x"), ("enter", "enter"), ("enter", "read x"), ("add x", "add y")]
)
def test_shared_goes_with_shared_and_increment_with_increment(mine: str, yours: str):
    played = play(WORK, f"1 a slow {mine} | 2 b slow {yours}", LOCKS)
    assert (admitted(played, "a"), admitted(played, "b")) == ([1], [2])
    assert (played.count("blocked_ticks"), played.count("committed")) == (0, 2)


@pytest.mark.parametrize(
    ("mine", "yours"),
    [
        ("add x", "add x"),
        ("add x", "read x"),
        ("read x", "add x"),
        ("enter", "see yard"),
        ("see yard", "enter"),
        ("enter and see", "enter"),
        ("enter and see", "see yard"),
        ("enter", "enter and see"),
        ("see yard", "enter and see"),
        ("enter and see", "enter and see"),
    ],
)
def test_an_exclusive_lock_goes_with_none_nor_does_an_increment_with_a_read(mine: str, yours: str):
    played = play(WORK, f"1 a slow {mine} | 2 b slow {yours}", LOCKS)
    (settled,) = played.ticks(log.COMMIT, "a")
    assert (admitted(played, "a"), admitted(played, "b")) == ([1], [settled + 1])
    assert (played.count("blocked_ticks"), played.count("committed")) == (settled - 1, 2)


def test_a_reader_that_comes_after_a_waiting_writer_waits_behind_it():
    played = play(WORK, "1 a slow read x | 2 b slow add x | 3 c slow read x | 3 d slow read x", LOCKS)
    assert [admitted(played, agent) for agent in "abcd"] == [[1], [6], [11], [11]]
    assert [grant.agent for grant in played.of(log.GRANT, site=X)][:2] == [0, 1]


def test_inputs_are_renewed_at_admission_so_no_update_is_lost():
    played = play(WORK, " | ".join(f"1 {agent} slow add x" for agent in "abcde"), LOCKS, ticks=40)
    inputs = played.of(log.INPUT, site=X)
    assert [(read.value, read.version, read.a) for read in inputs] == [(n, n, REGISTRY) for n in range(5)]
    assert (played.value("x"), played.count("committed"), played.count("rejected")) == (5, 5, 0)


# ---------------------------------------------------------------------- deadlock

CROSSED = "1 c slow add x | 2 a slow x y | 3 b slow y x"


def test_two_tasks_that_lock_each_others_sites_deadlock_and_the_youngest_is_the_victim_at_once():
    played = play(WORK, CROSSED, LOCKS)
    (victim,) = played.of(log.VICTIM)
    assert played.ticks(log.GRANT, "a", site=X) == [victim.tick]  # only now does a wait for b
    assert (victim.agent, played.ticks(log.ABORT, "b"), played.count("victims")) == (1, [victim.tick], 1)
    assert (admitted(played, "a"), len(played.of(log.COMMIT, "a"))) == ([victim.tick + 1], 1)
    assert played.count("committed") == 2


@pytest.mark.parametrize(
    "cycle",
    [
        # b reads x with a; d wants to add to x and holds y, which b wants: one of two holders closes the cycle.
        "1 e slow add y | 2 a slow read x | 3 b slow read x add y | 3 d slow y x",
        "1 e slow add y | 3 a slow read x add y | 2 b slow read x | 3 d slow y x",
        # a reader behind a waiting writer: d waits for b and b for a, who waits for d.
        "1 e slow add y | 2 a slow read x add y | 2 d slow y read x | 3 b slow add x",
    ],
)
def test_a_cycle_is_found_whichever_holder_or_waiter_it_goes_through(cycle: str):
    played = play(WORK, cycle, LOCKS, ticks=60)
    agents = {decided.agent for decided in played.of(log.DECIDE)}
    assert played.count("committed") + played.count("victims") == len(agents)
    assert played.count("victims") <= 1
    for tick in played.ticks(log.VICTIM):
        assert tick < 20


def test_a_victims_age_is_kept_so_that_its_retry_outlives_a_younger_task():
    played = play(WORK, f"{CROSSED} | 6 d slow x y | 7 b slow y x | 14 d slow x y", LOCKS, ticks=60)
    assert [victim.agent for victim in played.of(log.VICTIM)] == [1, 3]
    assert played.count("committed") == 4


def test_those_who_only_wait_in_line_are_no_victims():
    told = " | ".join(f"{tick} {agent} slow x y" for tick, agent in enumerate("abcde", 1))
    played = play(WORK, told, LOCKS, ticks=60)
    assert (played.count("victims"), played.count("committed"), played.value("y")) == (0, 5, 5)


RING = 5


def commits_of_a_ring(episodes: int, crosswise: bool) -> np.ndarray[Any, Any]:
    """Let everybody try the same task again and again; return the commits, [episodes, agents]."""
    posts = [f"post {n}" for n in range(RING)]
    sites = tuple(
        Site(post, "guard_post", HERE, 1, depends=tuple(other for other in posts if other != post)) for post in posts
    )
    rounds = [
        task(f"slow {n}", Op(post, "leave", 1), Op(post, "enter"))
        if crosswise
        else task(f"slow {n}", Op(post, "leave", 0, premise=0), Op(posts[n - 1], "enter", rests_on=(post,)))
        for n, post in enumerate(posts)
    ]
    guards = room(sites, rounds, (Role("worker", RING, (HERE,)),))
    rules = Rules("ring", guards, Settings(think=2, max_cycles=150))
    batch = Batch(rules, resolve(LOCKS), episodes, keep_log=True)
    batch.reset(np.arange(episodes, dtype=np.uint64))
    commits = np.zeros((episodes, RING), np.int64)
    tasks = np.arange(1, RING + 1)
    while batch.running.any():
        batch.step((batch.state.agent["ready"] * tasks).astype(np.int32))
        for world in range(episodes):
            events = batch.drain(world)
            np.add.at(commits[world], events["agent"][events["kind"] == log.COMMIT], 1)
    return commits


@pytest.mark.parametrize("crosswise", [True, False])
def test_in_a_few_hundred_episodes_of_contention_everybody_commits(crosswise: bool):
    commits = commits_of_a_ring(200, crosswise)
    assert commits.min() > 0, f"episodes in which somebody starves: {np.flatnonzero(commits.min(axis=1) == 0)}"


@pytest.mark.long
@pytest.mark.parametrize("crosswise", [True, False])
def test_in_ten_thousand_episodes_of_contention_everybody_commits(crosswise: bool):
    assert commits_of_a_ring(10_000, crosswise).min() > 0


# ---------------------------------------------------------------------- borders, and who is put out of play

BRIDGE = Blueprint(
    map=("#######", "#.....#", "###.###", "###.###", "#######"),
    sites=(
        Site("deck", "region", cells=((1, 3),), known=True),
        Site("gate", "switch", (3, 3), cells=((1, 3),), known=True),
        Site("yard", "guard_post", (3, 3)),
        Site("bench", "guard_post", (1, 3)),
    ),
    roles=(Role("worker", 1, ((3, 3),)), Role("walker", 2, ((1, 1),), (((1, 1), (1, 5)),), trips=9)),
    tasks=(
        task("cross", Op("deck", "cross"), roles=("walker",)),
        task("slow watch", Op("yard", "enter", rests_on=("deck",))),
        task("slow rest", Op("bench", "enter", rests_on=("deck",)), roles=("walker",)),
        task("slow close", Op("gate", "set", 1)),
        task("slow open", Op("gate", "set", 0)),
    ),
    goals=(Goal(VALUE, site="deck", target=99),),
    bound=lambda think, delay: 99,
)
CROSS = " | ".join(f"{tick} {walker} cross" for tick in range(2, 8) for walker in "bc")


def test_a_border_waits_for_a_task_that_reads_the_region_and_walkers_go_together():
    played = play(BRIDGE, f"1 a slow watch | {CROSS}", LOCKS)
    (admission,), (settled,) = admitted(played, "a"), played.ticks(log.COMMIT, "a")
    borders = played.ticks(log.BORDER)
    assert borders
    assert not [tick for tick in borders if admission <= tick <= settled]
    free = play(BRIDGE, CROSS, LOCKS)
    assert (free.count("blocked_ticks"), free.ticks(log.BORDER, "b")) == (0, free.ticks(log.BORDER, "c"))


def test_who_read_a_region_and_stays_in_it_holds_up_nobody_once_it_has_settled():
    told = "2 b cross | 3 b cross | 4 b slow rest | " + " | ".join(f"{tick} c cross" for tick in range(6, 25))
    played = play(BRIDGE, told, LOCKS)
    (settled,) = [commit.tick for commit in played.of(log.COMMIT, "b") if commit.a]
    assert played.ticks(log.BORDER, "b") == [3]
    first, *_ = played.ticks(log.BORDER, "c")
    assert settled < first <= settled + 2


def test_who_opens_a_gate_reads_no_region_and_holds_nobody_up():
    played = play(BRIDGE, f"1 a slow open | {CROSS}", LOCKS)
    assert (played.count("blocked_ticks"), played.ticks(log.BORDER, "b")[0]) == (0, 3)


@pytest.mark.parametrize("at", range(1, 9))
def test_no_gate_closes_on_a_body_whenever_its_operator_decides(at: int):
    played = play(BRIDGE, f"{at} a slow close | {CROSS}", LOCKS, ticks=40)
    assert (played.count("accidents"), played.count("stale_read.decisive")) == (0, 0)


def test_what_an_agent_held_that_is_put_out_of_play_goes_to_the_next():
    trap = room(
        (Site("x", "counter", HERE), Site("gate", "switch", HERE, cells=((2, 4),))),
        (task("slow add x", *add("x")), task("close", Op("gate", "set", 1))),
        (Role("worker", 3, (HERE, (2, 4), HERE)),),
    )
    played = play(trap, "1 b slow add x | 2 c slow add x | 3 a close", LOCKS)
    assert played.ticks(log.PUT_OUT, "b") == [3]
    assert (admitted(played, "c"), len(played.of(log.COMMIT, "c"))) == ([4], 1)


# ---------------------------------------------------------------------- write skew

POSTS = room(
    (
        Site("east", "guard_post", HERE, 1, depends=("west",)),
        Site("west", "guard_post", HERE, 1, depends=("east",)),
    ),
    (task("slow east", Op("east", "leave", 1)), task("slow west", Op("west", "leave", 1))),
    (Role("worker", 2, (HERE,)),),
    invariants=(Invariant("somebody on duty", 1, ("east", "west"), 1),),
)


@pytest.mark.parametrize("later", range(5))
@pytest.mark.parametrize(("protocol", "possible"), [(LOCKS, False), ("occ", False), ("object_cas", True)])
def test_two_guards_leave_each_other_alone_only_where_reads_are_not_protected(
    protocol: str, possible: bool, later: int
):
    for seed in range(4):
        played = play(POSTS, f"1 a slow east | {1 + later} b slow west", protocol, seed=seed)
        assert played.count("invariant_violations") == int(possible)
        assert played.count("committed") == 1 + int(possible)
