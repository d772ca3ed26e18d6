"""Locks by grain, by moment and by what ends a deadlock. Workers a to e are those of test_locks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from stalegrid.protocols.config import Config
from stalegrid.world import log
from stalegrid.world.rules import Rules
from stalegrid.world.scenario import Op, Role, Site
from stalegrid.world.scenarios import SCENARIOS
from stalegrid.world.settings import Settings
from stalegrid.world.state import EXCLUSIVE, SHARED

from .test_locks import CROSSED, LOCKS, WORK, X, add, admitted
from .turns import HERE, play, room, task

AS_NEEDED = "locking_as_needed"
BOTH_ADD = "1 a slow add x | 2 b slow add x"


def with_axes(**axes: Any) -> dict[str, Any]:
    return {"preset": LOCKS, **axes}


# ---------------------------------------------------------------------- grain


@pytest.mark.parametrize(
    ("protocol", "mine", "yours", "together"),
    [
        (LOCKS, "add x", "add y", True),
        ("region_locking", "add x", "add y", False),  # all stand in one quarter of the room
        ("world_locking", "add x", "add y", False),
        ("region_locking", "enter", "enter", True),
        ("world_locking", "enter", "read x", False),
        ("world_locking", "see yard", "add x", False),
    ],
)
def test_a_coarse_lock_is_held_in_the_strongest_mode_that_any_of_its_sites_needs(
    protocol: str, mine: str, yours: str, together: bool
):
    played = play(WORK, f"1 a slow {mine} | 2 b slow {yours}", protocol)
    (settled,) = played.ticks(log.COMMIT, "a")
    assert admitted(played, "b") == [2 if together else settled + 1]
    assert len({grant.site for grant in played.of(log.GRANT)}) == (1 if protocol != LOCKS or mine == yours else 2)


def test_a_district_that_is_declared_has_a_lock_of_its_own():
    apart = replace(WORK, districts=(("y", "hall"),))
    assert admitted(play(apart, "1 a slow add x | 2 b slow add y", "region_locking"), "b") == [2]
    two_ways = play(apart, "1 e slow add x | 2 a slow x y | 3 b slow y x", "region_locking")
    assert two_ways.count("victims") == 1
    assert play(WORK, "1 e slow add x | 2 a slow x y | 3 b slow y x", "region_locking").count("victims") == 0


def test_the_quarters_of_the_map_are_the_regions_and_the_plan_is_one_by_itself():
    places = ((1, 1), (1, 7), (3, 7), (1, 2))
    sites = (*(Site(f"c{n}", "counter", place) for n, place in enumerate(places)), Site("p", "plan"), Site("q", "plan"))
    rules = Rules("quarters", room(sites, [task("slow", *add("c0"))], (Role("worker", 1, (HERE,)),)), Settings())
    assert rules.lock_of == ((0, 1, 2, 3, 4, 4), (0, 1, 2, 0, 4, 4), (0,) * 6)


@pytest.mark.parametrize("districts", [(("x",), ("x",)), (("nowhere",),)])
def test_a_district_of_what_is_not_there_or_is_in_two_is_refused(districts: tuple[tuple[str, ...], ...]):
    with pytest.raises(ValueError, match="one district at most"):
        play(replace(WORK, districts=districts), BOTH_ADD, LOCKS)


# ---------------------------------------------------------------------- moment


def test_as_needed_two_readers_of_one_counter_always_deadlock_and_ahead_never():
    for later in range(1, 5):
        told = f"1 a slow add x | {later} b slow add x"
        played = play(WORK, told, AS_NEEDED)
        (victim,) = played.of(log.VICTIM)
        assert (victim.agent, played.count("committed"), played.value("x")) == (1, 1, 1)
        assert play(WORK, told, LOCKS).count("victims") == 0


def test_as_needed_what_is_read_is_shared_before_thought_and_what_is_written_exclusive_only_at_the_act():
    played = play(WORK, "1 a slow add x", AS_NEEDED)
    modes = [(grant.tick, grant.a) for grant in played.of(log.GRANT, site=X)]
    assert modes == [(1, SHARED), (played.ticks(log.ACT)[0], EXCLUSIVE)]
    beside = play(WORK, "1 a slow add x | 2 b slow read x", AS_NEEDED)
    assert (admitted(beside, "b")[:1], beside.count("victims"), beside.count("committed")) == ([6], 0, 2)
    assert [grant.tick for grant in beside.of(log.GRANT, "b", site=X)] == [2]


def test_who_holds_a_lock_and_wants_to_write_goes_before_a_writer_that_came_first():
    note = room(
        (Site("note", "board", HERE), Site("yard", "guard_post", HERE)),
        (task("slow read write", Op("yard", "enter", rests_on=("note",)), Op("note", "write", 2)),
         task("write", Op("note", "write", 3))),
        (Role("worker", 2, (HERE,)),),
    )  # fmt: skip
    played = play(note, "1 a slow read write | 2 b write", AS_NEEDED)
    assert (played.count("victims"), played.count("committed"), played.value("note")) == (0, 2, 3)
    assert [write.agent for write in played.of(log.WRITE, site=0)] == [0, 1]


# ---------------------------------------------------------------------- what ends a deadlock


def test_wait_die_a_younger_task_gives_up_at_once_and_an_older_one_waits():
    young = play(WORK, BOTH_ADD, "wait_die")
    (victim,) = young.of(log.VICTIM)
    assert (victim.tick, victim.agent, victim.other, young.count("blocked_ticks")) == (2, 1, 0, 0)
    assert young.count("wasted_think_ticks") == 0  # it has not thought yet
    # Here b holds y, which a, who came first, comes to want.
    old = play(WORK, "1 c slow add x | 2 a slow x y | 3 b slow add y", with_axes(deadlock="wait-die", locks="site"))
    assert [victim.agent for victim in old.of(log.VICTIM)] == [0]  # younger than c
    waits = play(WORK, BOTH_ADD, {"preset": AS_NEEDED, "deadlock": "wait-die"})
    (victim,) = waits.of(log.VICTIM)
    assert (victim.agent, waits.of(log.WAIT_BEGIN, "a")[0].tick) == (1, 5)
    assert victim.tick == 6  # as it wants to write too


def test_wound_wait_an_older_task_takes_the_lock_from_a_younger_one_that_thinks():
    played = play(WORK, BOTH_ADD, {"preset": AS_NEEDED, "deadlock": "wound-wait"})
    (victim,) = played.of(log.VICTIM)
    assert (victim.tick, victim.agent, victim.other) == (5, 1, 0)
    assert (played.count("wasted_think_ticks"), played.ticks(log.COMMIT, "a")) == (4, [6])
    younger = play(WORK, BOTH_ADD, "wound_wait")
    assert (younger.count("victims"), younger.count("committed")) == (0, 2)


@pytest.mark.parametrize("protocol", ["wait_die", "wound_wait", "timeout_locking", LOCKS])
def test_no_policy_leaves_a_deadlock(protocol: str):
    played = play(WORK, CROSSED, {"preset": protocol, "lock_timeout": 8}, ticks=60)
    settled = sum(len(played.of(kind)) for kind in (log.COMMIT, log.ABORT))
    assert (settled, len(played.of(log.DECIDE))) == (3, 3)


def test_a_victims_age_is_kept_so_that_who_has_died_waits_for_those_who_came_since():
    played = play(WORK, "1 a slow add x | 2 b slow add x | 3 c slow add y | 4 b slow y x", "wait_die")
    assert [(victim.tick, victim.agent) for victim in played.of(log.VICTIM)] == [(2, 1)]
    assert (played.count("committed"), played.value("y")) == (3, 2)


@pytest.mark.parametrize("ticks", [1, 3, 30])
def test_who_waits_longer_than_the_timeout_gives_up(ticks: int):
    played = play(WORK, BOTH_ADD, {"preset": "timeout_locking", "lock_timeout": ticks}, think=10)
    given_up = played.ticks(log.VICTIM, "b")
    assert given_up == ([2 + ticks] if ticks < 10 else [])
    assert played.count("false_stall") == 0


@pytest.mark.parametrize(("victim", "loses"), [("youngest", 0), ("least thought sunk", 1)])
def test_the_victim_of_a_circle_is_the_youngest_or_who_has_thought_least(victim: str, loses: int):
    far = replace(WORK, roles=(Role("worker", 2, (HERE, (3, 7))),))
    told = "1 b add x | 2 a slow add x"  # b decides first, thinks not at all and has a way to go
    played = play(far, told, {"preset": AS_NEEDED, "victim": victim}, think=2)
    assert [one.agent for one in played.of(log.VICTIM)] == [loses]


# ---------------------------------------------------------------------- the space


@pytest.mark.parametrize(
    ("axes", "reason"),
    [
        ({"lock_moment": "as needed"}, "without locks has nothing to take"),
        ({"deadlock": "wait-die"}, "without locks has nothing to end"),
        ({"victim": "least thought sunk"}, "needs locks and deadlock = 'detection'"),
        ({"locks": "site", "reads": "admission", "deadlock": "wound-wait", "victim": "least thought sunk"}, "a circle"),
        ({"rule": "forward", "scopes": ("sensor",), "validated": ("act",)}, "give interruption"),
    ],
)
def test_a_contradiction_is_refused_with_its_reason(axes: dict[str, Any], reason: str):
    with pytest.raises(ValidationError, match=reason):
        Config(**axes)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
@pytest.mark.parametrize("size", ["tiny", "large"])
def test_every_scenario_has_regions_of_sites(scenario: Any, size: str):
    rules = Rules(scenario.name, scenario.build(**scenario.sizes[size]), Settings())
    fine, coarse, world = (len(set(lock_of)) for lock_of in rules.lock_of)
    assert fine >= coarse >= world == 1
