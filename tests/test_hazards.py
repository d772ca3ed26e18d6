"""The auditor on planted histories: it finds each hazard where it is, under its own name, and nothing elsewhere.

A schedule stands in one line, time runs left to right: "1 a add | 3 b add" lets a choose to add in tick 1, b in tick 3.
Agents are a, b, c; a task named "slow ..." thinks for `think` ticks, all others are done on reflex.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

from stalegrid.protocols.presets import PRESETS, resolve
from stalegrid.protocols.textbook import Textbook
from stalegrid.world import log
from stalegrid.world.audit import EpisodeReport, audit_episode
from stalegrid.world.reference import World
from stalegrid.world.rules import Rules
from stalegrid.world.scenario import VALUE, Blueprint, Drift, Goal, Invariant, Op, Role, Site, Task
from stalegrid.world.scenarios import SCENARIOS
from stalegrid.world.settings import Settings
from stalegrid.world.state import COUNTERS

AGENTS = "abc"
ROOM = ("#########", "#.......#", "#.......#", "#.......#", "#########")
HOME = (2, 3)
# Cells within reach of home, without a step.
HERE, NORTH, SOUTH, WEST, EAST = HOME, (1, 3), (3, 3), (2, 2), (2, 4)
FAR = (1, 7)


def task(name: str, *ops: Op) -> Task:
    """Return a task that any agent may choose."""
    return Task(name, ops, ("one", "two", "three"), thought=name.startswith("slow"))


def blueprint(sites: tuple[Site, ...], *tasks: Task, sight: int | None = None, **more: Any) -> Blueprint:
    """Return a room with three agents in its middle; its goal is out of reach."""
    return Blueprint(
        map=ROOM,
        sites=sites,
        roles=(Role("one", 1, (HOME,), sight=sight), Role("two", 1, (HOME,)), Role("three", 1, (HOME,))),
        tasks=tasks,
        goals=(Goal(VALUE, site=sites[0].name, target=99),),
        bound=lambda think, delay: 99,
        **more,
    )


def play(plan: Blueprint, schedule: str, protocol: Any = "none", ticks: int = 20, **settings: Any) -> EpisodeReport:
    """Run a schedule on the reference engine and audit its log; an agent that is busy lets its turn go by."""
    defaults = {"think": 4, "think_law": "constant", "delay_law": "constant", "max_cycles": ticks}
    rules = Rules("planted", plan, Settings(**{**defaults, **settings}))
    names = [action.name for action in rules.actions]
    turns: dict[tuple[int, int], int] = {}
    for turn in schedule.split(" | "):
        tick, agent, action = turn.split(" ", 2)
        name = action if action in names else f"do {action}"
        turns[int(tick), AGENTS.index(agent)] = names.index(name)
    world = World(rules, Textbook(resolve(protocol)), seed=0)
    for tick in range(1, ticks + 1):
        world.tick([turns.get((tick, agent), 0) for agent in range(len(world.agents))])
    return audit_episode(rules, world.event_array())


def found(report: EpisodeReport) -> dict[str, int]:
    """Return the counters that speak of hazards, zeros left out."""
    others = ("outdated_belief", "drift", "same_tick", "victims", "false_stall")
    return {name: count for name, count in report.counts.items() if count and ("." in name or name in others)}


# ---------------------------------------------------------------------- lost update

TILL = blueprint(
    (Site("till", "counter", NORTH),),
    task("slow add", Op("till", "add", 1)),
    task("add", Op("till", "add", 2)),
    task("take back", Op("till", "add", -2)),
)


def test_an_addition_written_over_by_an_older_read_is_a_lost_update_and_nothing_else():
    report = play(TILL, "1 a slow add | 3 b add")
    assert found(report) == {"lost_update.decisive": 1}
    (finding,) = report.findings
    (named,) = finding.named
    assert (finding.tick, finding.agent, finding.verb) == (5, 0, "add")
    assert (named.site, named.value, named.version, named.sensed) == (0, 0, 0, 0)
    assert (named.current_value, named.current_version, named.writer, named.superseded) == (2, 1, 1, 3)


def test_a_value_that_came_back_is_no_lost_update():
    assert found(play(TILL, "1 a slow add | 2 b add | 3 b take back")) == {}


def test_an_agents_own_write_supersedes_none_of_its_inputs():
    assert found(play(TILL, "1 a add | 2 a slow add | 9 a add")) == {}


def test_two_additions_in_one_tick_are_named_same_tick():
    assert found(play(TILL, "1 a add | 1 b add")) == {"lost_update.decisive": 1, "same_tick": 1}


def test_what_the_world_adds_meanwhile_is_drift():
    drifting = blueprint(TILL.sites, *TILL.tasks, drift=(Drift("till", 1, 3, 1, 0, 5),))
    assert found(play(drifting, "1 a slow add")) == {"drift": 1}
    assert found(play(drifting, "1 a slow add", "object_cas")) == {"drift": 1}


def test_object_cas_prevents_the_lost_update():
    report = play(TILL, "1 a slow add | 3 b add", "object_cas")
    assert found(report) == {"lost_update.prevented": 1}
    assert report.counts["rejected"] == 1


def test_refusing_for_a_value_that_came_back_is_a_false_reject():
    report = play(TILL, "1 a slow add | 2 b add | 3 b take back", "object_cas")
    assert found(report) == {"lost_update.false_reject": 1}
    assert [named.site for named in report.findings[0].named] == [0]


# ---------------------------------------------------------------------- stale read

LIBRARY = blueprint(
    (
        Site("app", "interface", NORTH, depends=("one", "two")),
        Site("one", "board", EAST, value=1),
        Site("two", "board", WEST, value=2),
    ),
    task("slow build", Op("app", "build", 10)),
    task("raise one", Op("one", "write", 2)),
    task("keep one", Op("one", "write", 1)),
    task("lower two", Op("two", "write", 1)),
    task("empty two", Op("two", "write", 0)),
)


def test_a_build_on_a_superseded_dependency_is_a_stale_read():
    report = play(LIBRARY, "1 a slow build | 3 b raise one")
    assert found(report) == {"stale_read.decisive": 1}
    assert [named.site for named in report.findings[0].named] == [1]


def test_a_build_whose_premise_broke_meanwhile_is_a_stale_read():
    report = play(LIBRARY, "1 a slow build | 3 b empty two", "sight_check")
    assert found(report) == {"stale_read.prevented": 1}


def test_superseded_dependencies_that_leave_the_result_alone_are_exposed_and_not_decisive():
    assert found(play(LIBRARY, "1 a slow build | 2 b raise one | 3 b lower two")) == {"stale_read.exposed": 1}
    refused = play(LIBRARY, "1 a slow build | 2 b raise one | 3 b lower two", "sight_check")
    assert found(refused) == {"stale_read.false_reject": 1}


def test_writing_the_same_value_supersedes_nothing():
    assert found(play(LIBRARY, "1 a slow build | 3 b keep one", "sight_check")) == {}


def test_inputs_that_only_together_break_a_premise_are_all_named():
    posts = blueprint(
        tuple(
            Site(name, "guard_post", cell, value=1, depends=tuple({"x", "y", "z"} - {name}))
            for name, cell in (("x", NORTH), ("y", EAST), ("z", WEST))
        ),
        task("slow leave", Op("x", "leave", 1)),
        task("leave y", Op("y", "leave")),
        task("leave z", Op("z", "leave")),
        invariants=(Invariant("somebody on duty", 1, ("x", "y", "z"), 1),),
    )
    report = play(posts, "1 a slow leave | 2 b leave y | 3 b leave z")
    assert found(report) == {"stale_read.decisive": 1}
    assert [named.site for named in report.findings[0].named] == [1, 2]
    assert report.counts["broke_invariant"] == report.counts["invariant_violations"] == 1


def test_an_act_counts_as_executed_even_where_the_world_then_refuses_it():
    take = Op("shelf", "take", 5)
    shelf = blueprint((Site("shelf", "shelf", NORTH, value=5),), task("slow take", take), task("take", take))
    report = play(shelf, "1 a slow take | 3 b take")
    assert found(report) == {"stale_read.decisive": 1}
    assert report.counts["failed"] == 1


# ---------------------------------------------------------------------- what was outdated before

ROUND = blueprint(
    (
        Site("app", "interface", FAR, depends=("lib",)),
        Site("lib", "interface", HERE, value=1),
        Site("till", "counter", HERE),
        Site("sign", "board", FAR),
    ),
    task("slow build", Op("app", "build")),
    task("slow add", Op("till", "add", 1)),
    task("refactor", Op("lib", "refactor")),
    task("add", Op("till", "add", 2)),
    sight=1,
)


def test_an_input_that_was_old_at_the_decision_is_an_outdated_belief_and_no_stale_read():
    assert found(play(ROUND, "1 a look sign | 6 b refactor | 8 a slow build")) == {"outdated_belief": 1}
    assert found(play(ROUND, "1 a look sign | 6 b refactor | 8 a slow build", "sight_check")) == {"outdated_belief": 1}


def test_a_lost_update_counts_whatever_the_age_of_the_read():
    assert found(play(ROUND, "1 a look sign | 6 b add | 8 a slow add")) == {"lost_update.decisive": 1}


def test_a_refusal_repeated_for_the_same_version_is_a_retry_and_a_new_version_is_prevented_anew():
    blind = blueprint((Site("till", "counter", HERE), Site("sign", "board", EAST)), *TILL.tasks, sight=0)
    opaque = {"preset": "object_cas", "feedback": "opaque"}
    once = "1 a look sign | 4 b add | 6 a slow add | 11 a slow add"
    assert found(play(blind, once, opaque)) == {"lost_update.prevented": 1, "lost_update.retries": 1}
    assert found(play(blind, f"{once} | 13 b add", opaque)) == {"lost_update.prevented": 2}


# ---------------------------------------------------------------------- messages: a bridge, a gate, a walker

BRIDGE = Blueprint(
    map=("#######", "#.....#", "###.###", "###.###", "#######"),
    sites=(
        Site("deck", "region", cells=((1, 3),), listeners=("operator",), announced=True, known=True),
        Site("gate", "switch", (3, 3), cells=((1, 3),), known=True),
    ),
    roles=(Role("operator", 1, ((3, 3),)), Role("walker", 1, ((1, 1),), (((1, 1), (1, 5)),), trips=9)),
    tasks=(
        Task("cross", (Op("deck", "cross"),), ("walker",), thought=False),
        Task("slow close", (Op("gate", "set", 1),), ("operator",)),
    ),
    goals=(Goal(VALUE, site="deck", target=99),),
    bound=lambda think, delay: 99,
    invariants=(Invariant("no body under a closing gate", 0, ("gate",)),),
)
ON_DECK = "2 b cross | 3 b cross"


def test_a_gate_closed_on_a_body_that_was_not_seen_coming_is_a_stale_read():
    report = play(BRIDGE, f"1 a slow close | {ON_DECK}")
    assert found(report) == {"stale_read.decisive": 1}
    assert report.counts["accidents"] == report.counts["broke_invariant"] == 1


def test_a_premise_already_false_on_the_inputs_is_a_gamble_and_never_decisive():
    assert found(play(BRIDGE, f"{ON_DECK} | 4 a slow close | 6 b cross")) == {"stale_read.exposed": 1}


def test_an_act_on_a_fact_superseded_in_transit_is_a_desync():
    report = play(BRIDGE, f"{ON_DECK} | 4 a slow close", sight=1, delay=9)
    assert found(report) == {"action_message_desync.decisive": 1}
    counts = report.counts
    assert (counts["told_inputs"], counts["age_thought"]) == (1, 4)
    assert (counts["delivered"], counts["age_source"], counts["age_transit"]) == (2, 0, 18)  # the other clears the deck


def test_stamps_prevent_the_desync_and_a_second_try_on_the_same_word_is_a_retry():
    opaque = {"preset": "stamped", "feedback": "opaque"}
    report = play(BRIDGE, f"{ON_DECK} | 4 a slow close | 9 a slow close", opaque, sight=1, delay=15)
    assert found(report) == {"action_message_desync.prevented": 1, "action_message_desync.retries": 1}
    assert report.counts["accidents"] == 0


def test_acting_on_a_promise_not_yet_kept_is_a_desync_and_on_a_kept_one_is_none():
    promised = f"{ON_DECK} | 4 b promise cross | 6 a slow close"
    assert found(play(BRIDGE, promised, sight=1)) == {"action_message_desync.decisive": 1}
    assert found(play(BRIDGE, f"{promised} | 8 b cross", sight=1)) == {}
    assert found(play(BRIDGE, promised, "stamped", sight=1)) == {"action_message_desync.prevented": 1}


def test_a_promise_that_no_version_followed_is_prevented_once_and_retried_after():
    blind = blueprint((Site("till", "counter", NORTH, listeners=("one",), known=True),), *TILL.tasks, sight=0)
    opaque = {"preset": "stamped", "feedback": "opaque"}
    report = play(blind, "1 b promise add | 2 a slow add | 7 a slow add", opaque)
    assert found(report) == {"action_message_desync.prevented": 1, "action_message_desync.retries": 1}


# ---------------------------------------------------------------------- tasks of several ops

BUFFERED = {"writes": "buffered"}
SHOP = blueprint(
    (
        Site("x", "counter", NORTH),
        Site("y", "counter", EAST),
        Site("far", "counter", FAR),
        Site("door", "switch", WEST),
    ),
    task("slow x y", Op("x", "add", 1), Op("y", "add", 1)),
    task("slow x far", Op("x", "add", 1), Op("far", "add", 1)),
    task("slow x x", Op("x", "add", 1), Op("x", "add", 1)),
    task("slow x door", Op("x", "add", 1), Op("door", "set", 1)),
    task("door far", Op("door", "set", 1), Op("far", "add", 1)),
    task("add x", Op("x", "add", 5)),
    task("add y", Op("y", "add", 5)),
)


def test_a_buffered_write_is_judged_when_it_takes_effect_and_not_when_it_is_tried():
    # Under way to the far counter a finds its read of x superseded; written in place it had been current.
    assert found(play(SHOP, "1 a slow x far | 6 b add x", BUFFERED)) == {"lost_update.decisive": 1}
    assert found(play(SHOP, "1 a slow x far | 6 b add x")) == {}


def test_an_own_buffered_write_is_no_input_that_others_could_supersede():
    assert found(play(SHOP, "1 a slow x x | 3 b add x", BUFFERED)) == {"lost_update.decisive": 1}


def test_occ_refuses_the_task_for_an_input_of_an_earlier_op():
    report = play(SHOP, "1 a slow x far | 6 b add x", "occ")
    assert found(report) == {"lost_update.prevented": 1}
    assert (report.counts["rejected"], report.findings[0].op) == (1, 0)


def test_a_check_at_settle_prevents_what_waits_to_be_written():
    at_settle = {**BUFFERED, "transaction": "task", "scopes": ("written",), "validated": ("settle",)}
    assert found(play(SHOP, "1 a slow x far | 6 b add x", at_settle)) == {"lost_update.prevented": 1}


def test_op_by_op_the_write_before_the_refused_one_is_kept_and_judged_as_executed():
    op_by_op = {**BUFFERED, "scopes": ("written",), "validated": ("act",)}
    kept = play(SHOP, "1 a slow x y | 3 b add y", op_by_op)
    assert found(kept) == {"lost_update.prevented": 1}
    assert (kept.counts["committed"], kept.counts["rejected"]) == (2, 0)
    spoilt = play(SHOP, "1 a slow x far | 6 b add x | 6 c slow x far", op_by_op, ticks=30)
    assert found(spoilt)["lost_update.decisive"] >= 1


def test_what_a_victim_of_waiting_had_pending_is_prevented():
    whole_task = {**BUFFERED, "transaction": "task"}
    waits = "1 a slow x door | 4 b door far | 6 c add x"
    report = play(SHOP, waits, whole_task, patience=2)
    assert found(report) == {"lost_update.prevented": 1, "victims": 1}
    assert report.counts["blocked_ticks"] == 2


# ---------------------------------------------------------------------- the token


def test_waiting_for_a_holder_who_changes_nothing_of_mine_is_a_false_stall():
    apart = "1 a slow x y | 1 b add x | 2 a add y | 2 b add x"
    report = play(SHOP, apart, "serial")
    assert found(report) == {"false_stall": 1}


def test_waiting_for_a_holder_who_writes_what_i_read_is_no_false_stall():
    report = play(TILL, "1 a add | 1 b add | 2 a slow add | 2 b slow add", "serial")
    assert found(report) == {}
    assert report.counts["blocked_ticks"] > 0


# ---------------------------------------------------------------------- whole episodes


def episode(scenario: str, protocol: Any, seed: int) -> tuple[World, EpisodeReport]:
    """Play at random and audit."""
    chosen = SCENARIOS[scenario]
    plan = chosen.build(**chosen.sizes["tiny"])
    rules = Rules(scenario, plan, Settings(think=plan.think, delay=plan.delay))
    world, rng = World(rules, Textbook(resolve(protocol)), seed), random.Random(seed)
    while world.status == 0:
        masks = [np.flatnonzero(world.mask(agent)).tolist() for agent in range(len(world.agents))]
        world.tick([rng.choice(mask) for mask in masks])
    return world, audit_episode(rules, world.event_array())


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_serial_run_holds_no_hazard(scenario: str):
    for seed in range(20):
        _, report = episode(scenario, "serial", seed)
        assert [name for name in found(report) if name != "false_stall"] == []


@pytest.mark.parametrize("protocol", PRESETS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_counted_hazard_has_its_finding_and_a_guarantee_leaves_none_decisive(scenario: str, protocol: str):
    guarantees = resolve(protocol).guarantees
    for seed in range(3):
        world, report = episode(scenario, protocol, seed)
        assert tuple(report.counts) == COUNTERS
        findings = Counter(f"{finding.hazard}.{finding.level}" for finding in report.findings)
        assert findings == {name: count for name, count in report.counts.items() if "." in name and count}
        assert [hazard for hazard in guarantees if report.counts[f"{hazard}.decisive"]] == []
        assert (report.goals_met, report.goals, report.ticks) == (sum(world.met), len(world.met), world.now)


def test_an_empty_log_is_an_episode_in_which_nothing_happened():
    report = audit_episode(Rules("planted", TILL, Settings()), np.zeros(0, log.EVENT))
    assert (set(report.counts.values()), report.ticks, report.terminated) == ({0}, 0, False)


def test_a_log_without_its_beginning_is_refused():
    rules = Rules("planted", TILL, Settings())
    world = World(rules, Textbook(resolve("none")), seed=0)
    for _ in range(3):
        world.tick([next(i for i, action in enumerate(rules.actions) if action.name == "do add"), 0, 0])
    events = world.event_array()
    with pytest.raises(ValueError, match="needs the whole log"):
        audit_episode(rules, events[events["tick"] > 1])
