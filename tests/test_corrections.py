"""Corrections of the plan, told to everyone or adopted by all at one boundary: what followers may do, and when.

Carriers a, b, c count themselves into a yard by an entry of the plan ("left 0": if left says 0), planners d, e correct.
"""

from __future__ import annotations

from typing import Any

import pytest

from stalegrid.world import log, verbs
from stalegrid.world.rules import Rules
from stalegrid.world.scenario import Op, Role, Site, Task
from stalegrid.world.settings import Settings

from .turns import HERE, Played, play, room, task

LEFT, RIGHT = 1, 2
SITES = (
    Site("yard", "guard_post", HERE),
    Site("left", "plan", known=True),
    Site("right", "plan", known=True),
    Site("sign", "board", HERE, value=1),
    Site("till", "counter", HERE),
)


def follow(name: str) -> Task:
    """Return the task of a carrier that follows the entry that its name says."""
    *_, entry, value = name.split()
    return task(name, Op("yard", "enter", follows=entry, when=int(value)), roles=("carrier",))


def correct(name: str, *entries: tuple[str, int], **more: Any) -> Task:
    """Return a correction; its anchor is the first entry."""
    return task(name, Op(entries[0][0], "correct", entries=entries, **more), roles=("planner",))


TASKS = (
    *(follow(f"{slow}{entry} {value}") for slow in ("", "slow ") for entry in ("left", "right") for value in (0, 1)),
    task("free", Op("yard", "enter"), roles=("carrier",)),
    task("slow free", Op("yard", "enter"), roles=("carrier",)),
    correct("left", ("left", 1)),
    correct("right", ("right", 1)),
    correct("both", ("left", 1), ("right", 1)),
    correct("slow both", ("left", 1), ("right", 1)),
    correct("slow back", ("left", 2), ("right", 2)),
    correct("only right", ("left", 0), ("right", 1)),
    correct("slow by sign", ("left", 1), rests_on=("sign",), premise=verbs.DEPS_PRESENT),
    task("sign", Op("sign", "write", 2), roles=("carrier",)),
    task("slow build", Op("till", "add", 1, rests_on=("sign",)), roles=("carrier",)),
)
ROLES = (Role("carrier", 3, (HERE,)), Role("planner", 2, (HERE,)))
APART = room(SITES, TASKS, ROLES)
PLAN = room(SITES, TASKS, ROLES, constraints=(("left", "right"),))


def late(played: Played) -> tuple[int, int]:
    """Return the late acts decided on before and after the newest correction was published."""
    split = played.count("late_decided_before"), played.count("late_decided_after")
    assert sum(split) == played.count("stale_correction.decisive")
    return split


EPOCHS = "epoch_plans"


def epochs(**more: Any) -> dict[str, Any]:
    """Return epoch_plans with other axes or numbers."""
    return {"preset": EPOCHS, **more}


# ---------------------------------------------------------------------- broadcast


def test_a_followers_entry_changes_when_its_copy_arrives_and_not_before():
    played = play(PLAN, "2 d correct both", delay=5, delay_law="uniform", seed=3)
    due = {(sent.other, sent.site): sent.b for sent in played.of(log.SEND)}
    arrived = {(copy.agent, copy.site): copy.tick for copy in played.of(log.DELIVER)}
    assert set(due) == {(agent, site) for agent in range(3) for site in (LEFT, RIGHT)}
    assert arrived == due
    assert len(set(due.values())) > 1  # or the test shows nothing
    assert played.count("messages") == 6


@pytest.mark.parametrize("follows_at", [3, 6, 7, 8, 9])
def test_a_follower_acts_on_the_old_entry_until_its_copy_has_arrived(follows_at: int):
    played = play(PLAN, f"2 d correct left | {follows_at} a left 0", delay=5)
    copy_is_there = follows_at > 7
    assert late(played) == (0, 0 if copy_is_there else 1)  # afterwards it is a gamble


def test_a_late_act_is_split_by_whether_it_was_decided_on_before_or_after_publication():
    assert late(play(PLAN, "1 a slow left 0 | 2 d correct left")) == (1, 0)
    assert late(play(PLAN, "2 d correct left | 3 a left 0", delay=9)) == (0, 1)
    assert late(play(PLAN, "1 a slow left 0 | 2 d correct left | 3 b left 0 | 4 c left 0", delay=9)) == (1, 2)


def test_an_act_of_the_tick_of_publication_is_late_exactly_if_it_comes_after_it():
    seen = set()
    for seed in range(12):
        played = play(PLAN, "2 a left 0 | 2 d correct left", seed=seed, ticks=5)
        (published,), (act,) = played.of(log.PUBLISHED), played.of(log.ACT, "a")
        is_late = played.events.index(published) < played.events.index(act)
        assert late(played) == (int(is_late), 0)
        seen.add(is_late)
    assert seen == {False, True}


def test_an_act_before_publication_is_not_late_and_an_entry_left_as_it_was_makes_none_late():
    assert late(play(PLAN, "1 a slow left 0 | 6 d correct left")) == (0, 0)
    assert late(play(PLAN, "1 a slow left 0 | 2 d correct only right")) == (0, 0)
    assert late(play(PLAN, "1 a slow left 0 | 1 b slow right 0 | 2 d correct only right")) == (1, 0)


def test_an_entry_corrected_and_corrected_back_makes_nothing_late():
    back = room(SITES, (*TASKS, correct("undo", ("left", 0))), ROLES)
    assert late(play(back, "1 a slow left 0 | 2 d correct left | 3 d correct undo")) == (0, 0)


@pytest.mark.parametrize("value", [0, 1])
def test_a_lost_copy_never_comes_and_an_act_whose_premise_fails_on_the_old_entry_is_a_gamble(value: int):
    played = play(PLAN, f"2 d correct left | 9 a left {value}", loss=1)
    assert (played.count("messages"), played.count("delivered")) == (3, 0)
    assert late(played) == (0, 1 - value)


def test_a_gamble_decided_on_before_publication_is_no_stale_correction():
    assert late(play(PLAN, "1 a slow left 1 | 2 d correct left")) == (0, 0)


# ---------------------------------------------------------------------- torn

TORN = "1 a slow left 0 | 2 d correct both | 3 b right 1"


def test_two_agents_who_follow_different_epochs_of_a_constraint_are_torn():
    assert play(PLAN, TORN).count("torn") == 1
    assert play(PLAN, "2 d correct both | 3 a left 0 | 4 b slow right 1", loss=0.5, seed=1).count("messages") == 6


@pytest.mark.parametrize(
    "schedule",
    [
        "1 a left 0 | 2 d correct both | 3 b right 1",  # the old one before publication
        "1 a slow left 0 | 1 b slow right 0 | 2 d correct both",  # both by the old
        "2 d correct both | 3 a left 1 | 3 b right 1",  # both by the new
        "1 a slow left 0 | 2 d correct both | 6 a right 1",  # one agent
        "1 a slow left 0 | 2 d correct both | 3 b free",  # one follows nothing
    ],
)
def test_nothing_is_torn_without_two_agents_and_two_epochs_after_publication(schedule: str):
    assert play(PLAN, schedule).count("torn") == 0


def test_without_a_constraint_nothing_is_torn():
    played = play(APART, TORN)
    assert (played.count("torn"), late(played)) == (0, (1, 0))


# ---------------------------------------------------------------------- who may correct what


def test_a_correction_of_an_unknown_entry_is_refused_at_construction_with_a_sentence():
    named = correct("both", ("left", 1), ("yard", 1)), correct("both", ("left", 1), ("up", 1)), correct("up", ("up", 1))
    for wrong in named:
        with pytest.raises(ValueError, match=r"no entry of the plan; the plan has left, right|no site .*'up'"):
            Rules("wrong", room(SITES, (*TASKS[:1], wrong), ROLES), Settings())


@pytest.mark.parametrize("protocol", ["none", EPOCHS, "full"])
def test_a_correction_by_a_role_without_the_right_is_masked_and_counted_and_does_nothing(protocol: str):
    played = play(PLAN, "2 a correct left | 3 b left 0", protocol, illegal=1)
    assert played.of(log.PUBLISHED) == []
    assert (played.count("illegal_actions"), played.count("committed"), played.value("left")) == (1, 1, None)


STALE_CORRECTOR = "1 d correct slow by sign | 2 a sign"


@pytest.mark.parametrize(
    "checked",
    [
        {"corrector": "checked", "validated": ("act",)},
        epochs(corrector="checked"),
        {"preset": "occ", "corrector": "checked"},
        {"preset": "full", "interruption": "think to the end"},
        "full",
    ],
)
def test_a_checked_corrector_whose_own_reads_are_stale_is_refused(checked: Any):
    played = play(PLAN, STALE_CORRECTOR, checked)
    assert (played.of(log.PUBLISHED), len(played.of(log.REJECT, "d"))) == ([], 1)
    current = play(PLAN, "1 d correct slow by sign | 6 a sign", checked)
    assert current.ticks(log.PUBLISHED) == [5]


@pytest.mark.parametrize("unchecked", ["none", "object_cas", EPOCHS, "stamped_epochs"])
def test_an_unchecked_corrector_is_let_through(unchecked: Any):
    played = play(PLAN, STALE_CORRECTOR, unchecked)
    assert (played.ticks(log.PUBLISHED), played.of(log.REJECT)) == ([5], [])
