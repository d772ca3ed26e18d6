"""Plans in epochs: what is held from publication on, when the boundary comes, and who is fenced after it.

Carriers a, b, c and planners d, e are those of test_corrections.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stalegrid.protocols.presets import resolve
from stalegrid.world import log
from stalegrid.world.rules import Rules
from stalegrid.world.scenario import Op
from stalegrid.world.settings import Settings

from .schedules import SOUND, RandomSchedule, random_schedule
from .test_corrections import EPOCHS, LEFT, PLAN, ROLES, SITES, TASKS, epochs, late
from .test_engines_agree import compare
from .turns import play, room, task

# ---------------------------------------------------------------------- the hold and the boundary


@pytest.mark.parametrize("adopt_timeout", [0, 24])
def test_without_delay_and_with_nobody_thinking_a_correction_is_the_plan_in_its_tick(adopt_timeout: int):
    played = play(PLAN, "2 d correct both | 3 a left 1 | 3 b right 1", epochs(adopt_timeout=adopt_timeout))
    for kind, many in ((log.PUBLISHED, 1), (log.RECEIVED, 3), (log.ACKNOWLEDGED, 3), (log.ADOPTED, 1)):
        assert played.ticks(kind) == [2] * many
    (adopted,) = played.of(log.ADOPTED)
    assert (adopted.a, adopted.b) == (0, 0)
    assert (played.count("messages"), played.count("committed"), played.count("blocked_ticks")) == (6, 3, 0)


def test_an_op_that_follows_a_changed_entry_is_held_to_the_boundary_and_all_others_run():
    told = "2 d correct left | 3 a left 0 | 3 b right 0 | 3 c free | 4 c right 0"
    played = play(PLAN, told, EPOCHS, delay=3)
    assert played.ticks(log.ADOPTED) == [8]  # three ticks to the members, three back
    assert played.ticks(log.WAIT_BEGIN, "a", b=log.FOR_EPOCH) == [3]
    assert (played.ticks(log.REJECT, "a"), played.ticks(log.COMMIT, "a")) == ([9], [])  # at its next act
    assert (played.ticks(log.COMMIT, "b"), played.ticks(log.COMMIT, "c")) == ([3], [3, 4])
    assert played.ticks(log.SENSE, "a", site=LEFT, value=1) == [8]
    assert (late(played), played.count("torn")) == ((0, 0), 0)


def test_an_op_that_comes_after_publication_in_its_tick_is_held_and_one_before_is_done():
    seen = set()
    for seed in range(12):
        played = play(PLAN, "2 a left 0 | 2 d correct left", EPOCHS, seed=seed, delay=2, ticks=9)
        done = bool(played.of(log.COMMIT, "a"))
        (published,), (last,) = played.of(log.PUBLISHED), played.of(log.THINK_END, "a")
        begun = next(e for e in played.events if e.agent == 0 and e.kind in (log.ACT, log.WAIT_BEGIN))
        assert done == (played.events.index(begun) < played.events.index(published)), last
        assert played.ticks(log.WAIT_BEGIN, "a", b=log.FOR_EPOCH) == ([] if done else [2])
        seen.add(done)
    assert seen == {False, True}


def test_a_thinking_member_acknowledges_at_its_think_end_and_the_boundary_waits_for_it():
    played = play(PLAN, "1 a slow free | 2 d correct left", EPOCHS)
    assert played.ticks(log.RECEIVED) == [2, 2, 2]
    (end,) = played.ticks(log.THINK_END, "a")
    assert end > 3
    assert played.ticks(log.ACKNOWLEDGED, "a") == played.ticks(log.ADOPTED) == [end]
    assert played.ticks(log.ACKNOWLEDGED, "b") == played.ticks(log.ACKNOWLEDGED, "c") == [2]


@pytest.mark.parametrize("interruption", ["stop", "checkpoint"])
def test_a_thinking_member_acknowledges_at_once_where_thought_is_stopped(interruption: str):
    told = "1 a slow free | 1 b slow left 0 | 2 d correct left"
    played = play(PLAN, told, epochs(interruption=interruption))
    assert played.ticks(log.ACKNOWLEDGED) == [2, 2, 2]
    assert played.ticks(log.ADOPTED) == [2]
    assert played.ticks(log.COMMIT, "a") == [5]


@pytest.mark.parametrize("adopt_timeout", [0, 1, 7])
def test_the_boundary_comes_at_the_latest_after_the_timeout_and_fences_who_did_not_answer(adopt_timeout: int):
    played = play(PLAN, "2 d correct left", epochs(adopt_timeout=adopt_timeout), loss=1)
    (adopted,) = played.of(log.ADOPTED)
    assert (adopted.tick, adopted.a, adopted.b) == (2 + adopt_timeout, adopt_timeout, 3)
    stubborn = play(PLAN, "1 a slow free | 2 d correct left", epochs(adopt_timeout=adopt_timeout), think=20)
    (adopted,) = stubborn.of(log.ADOPTED)
    assert (adopted.tick, adopted.b) == (2 + adopt_timeout, 1)


def test_a_fenced_members_plan_bound_op_is_refused_with_the_plan_which_lifts_the_fence():
    told = "2 d correct left | 8 a free | 9 a right 0 | 10 a right 0 | 11 a left 1 | 11 b left 0 | 12 b left 1"
    played = play(PLAN, told, epochs(adopt_timeout=4), loss=1)
    assert played.ticks(log.ADOPTED) == [6]
    assert (played.ticks(log.COMMIT, "a"), played.ticks(log.REJECT, "a")) == ([8, 10, 11], [9])
    assert played.ticks(log.SENSE, "a", site=LEFT, value=1) == [9]
    assert (played.ticks(log.COMMIT, "b"), played.ticks(log.REJECT, "b")) == ([12], [11])
    assert late(played) == (0, 0)


@pytest.mark.parametrize("rule", ["version", "premise"])
def test_a_fenced_members_op_is_not_refused_for_an_entry_that_the_protocol_does_not_see(rule: str):
    # What a also read, the sign, is written while it thinks: by premise that does not matter, by version it does.
    by_sign = task("slow by sign left", Op("till", "add", 1, rests_on=("sign",), follows="left"), roles=("carrier",))
    plan = room(SITES, (*TASKS, by_sign), ROLES)
    told, protocol = "2 d correct right | 8 a slow by sign left | 9 b sign", {"preset": "full", "rule": rule}
    seen = set()
    for seed in range(20):
        played = play(plan, told, {**protocol, "adopt_timeout": 4}, seed=seed, loss=1, visibility=0.5)
        assert played.of(log.ADOPTED)[0].b == 3  # all carriers are fenced
        entry, sign = (played.of(log.INPUT, "a", site=played.sites.index(name))[0].d == 0 for name in ("left", "sign"))
        assert bool(played.of(log.REJECT, "a")) == (entry or (sign and rule == "version"))
        seen.add((entry, sign))
    assert len(seen) == 4


def test_lost_copies_are_sent_again_every_resend_ticks():
    played = play(PLAN, "2 d correct left", epochs(adopt_timeout=10, resend=3), loss=1)
    before = [copy.tick for copy in played.of(log.COPY) if copy.tick < 12]
    assert before == [tick for tick in (2, 5, 8, 11) for _ in range(3)]
    assert played.count("messages") == len(played.of(log.COPY)) + len(played.of(log.ACKNOWLEDGED))


def test_only_those_who_have_not_acknowledged_are_sent_another_copy():
    played = play(PLAN, "1 a slow free | 2 d correct left", epochs(resend=2), think=9)
    assert [copy.other for copy in played.of(log.COPY) if copy.tick > 2] == [0] * len(played.of(log.COPY)[3:])


# ---------------------------------------------------------------------- several corrections


@pytest.mark.parametrize("delay", [0, 3])
def test_of_two_corrections_decided_on_one_epoch_the_second_is_refused_and_nothing_of_it_is_done(delay: int):
    for seed in range(6):
        played = play(PLAN, "1 d correct slow both | 1 e correct slow back", EPOCHS, seed=seed, delay=delay)
        (published,), (refused,) = played.of(log.PUBLISHED), played.of(log.REJECT)
        assert {published.agent, refused.agent} == {3, 4}
        assert len(played.of(log.ADOPTED)) == 1
        value = 1 if published.agent == 3 else 2
        assert (played.value("left"), played.value("right")) == (value, value)
        assert {write.agent for write in played.of(log.WRITE)} == {published.agent}


def test_a_correction_during_preparation_waits_for_the_boundary_or_is_refused():
    played = play(PLAN, "2 d correct left | 3 e correct right | 12 e correct right", EPOCHS, delay=3)
    assert played.ticks(log.PUBLISHED)[-1] == 12
    turns = [event.kind for event in played.events if event.kind in (log.PUBLISHED, log.ADOPTED)]
    assert turns == [log.PUBLISHED, log.ADOPTED] * (len(turns) // 2)
    assert played.ticks(log.PUBLISHED, "e")[0] > 8


# ---------------------------------------------------------------------- whatever happens


def survives(seed: int, preset: str, **more: Any) -> None:
    """Play the plan at random; no act may be late or torn, and one correction is in preparation at a time."""
    for blueprint_of in ("plan", "random"):
        numbers = {"adopt_timeout": seed % 9, "resend": 1 + seed % 4}
        schedule = random_schedule(seed, {**SOUND, **more}, dict(resolve(preset)) | numbers)
        if blueprint_of == "plan":
            rules = Rules("plan", PLAN, Settings(**{**more, "max_cycles": 60}))
            schedule = RandomSchedule(rules, schedule.config, seed, seed=seed)
        report = compare(schedule)
        hazards = ("stale_correction.decisive", "late_decided_before", "late_decided_after", "torn")
        assert {name: report.counts[name] for name in hazards if report.counts[name]} == {}, str(schedule)


@settings(derandomize=True, database=None, deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    preset=st.sampled_from(("epoch_plans", "stamped_epochs", "full")),
    delay=st.integers(0, 8),
    loss=st.sampled_from((0.0, 0.3, 0.8, 1.0)),
    think=st.integers(0, 9),
    stall=st.sampled_from((0, 1, 4)),
    duplication=st.sampled_from((0.0, 0.5)),
    lockstep=st.booleans(),
)
def test_in_epochs_nothing_is_late_or_torn_whatever_delay_loss_stall_and_think(seed: int, preset: str, **dials: Any):
    survives(seed, preset, stall_every=7, **dials)


@pytest.mark.long
@pytest.mark.parametrize("preset", ["epoch_plans", "stamped_epochs", "full"])
def test_in_epochs_nothing_is_late_or_torn_in_a_thousand_more_worlds(preset: str):
    for seed in range(1_000):
        dials = {"delay": seed % 10, "loss": seed % 4 / 4, "think": seed % 7, "stall": seed % 5, "stall_every": 7}
        survives(seed, preset, **dials)
