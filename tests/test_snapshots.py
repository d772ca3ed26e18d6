"""Snapshots and premises: what each refuses, what it lets through, and that the engines agree on it.

A line reads from left to right; see schedules. Posts are physical, counters and notes are records.
"""

from __future__ import annotations

import pytest

from stalegrid.compare import Cell, Comparison
from stalegrid.protocols.config import Config
from stalegrid.protocols.presets import resolve
from stalegrid.world import log, verbs
from stalegrid.world.scenario import Blueprint, Drift, Op, Role, Site
from stalegrid.world.scenarios import SCENARIOS
from stalegrid.world.state import HAZARDS, REGISTRY, WORLD

from .schedules import line
from .test_engines_agree import compare
from .test_episode_levels import judged, write
from .turns import HERE, Played, play, room, task

FAR = (2, 7)
SNAPSHOTS = ("snapshot", "serializable_snapshot")
SITES = (
    Site("x", "counter", HERE),
    Site("y", "counter", HERE),
    Site("yard", "guard_post", HERE, 1),
    Site("shelf", "shelf", HERE, 1),
)
WORK = room(
    SITES,
    (
        task("add x", Op("x", "add", 1)),
        task("add y", Op("y", "add", 1)),
        task("slow add x", Op("x", "add", 1)),
        task("slow x y", Op("x", "add", 1), Op("y", "add", 1)),
        task("slow read x add y", Op("y", "add", 1, rests_on=("x",))),
        task("slow read y add x", Op("x", "add", 1, rests_on=("y",))),
        task("enter yard", Op("yard", "enter")),
        task("slow enter yard", Op("yard", "enter")),
        task("slow take and add x", Op("shelf", "take", 1), Op("x", "add", 1)),
        task("slow see shelf", Op("x", "add", 1, rests_on=("shelf",))),
    ),
    (Role("worker", 3, (HERE,)),),
)  # fmt: skip


def outcome(played: Played, agent: str) -> int:
    """Return how an agent's first transaction settled: a kind of event."""
    kinds = (log.COMMIT, log.PARTIAL_COMMIT, log.REJECT, log.ABORT, log.FAIL)
    return next(event.kind for event in played.events if event.kind in kinds and event.agent == "abc".index(agent))


# ---------------------------------------------------------------------- read committed


def test_read_committed_loses_updates_and_refuses_nobody() -> None:
    report = compare(line("A reads ledger | B adds ledger | A adds ledger", "read_committed"))
    assert (report.counts["lost_update.decisive"], report.counts["rejected"]) == (1, 0)
    assert resolve("read_committed").guarantees == frozenset()


def test_read_committed_installs_the_writes_of_a_task_together() -> None:
    played = play(WORK, "1 a slow x y", "read_committed")
    assert len(set(played.ticks(log.WRITE, "a"))) == 1
    assert len(set(play(WORK, "1 a slow x y").ticks(log.WRITE, "a"))) == 2


# ---------------------------------------------------------------------- premise


def test_a_premise_that_still_holds_lets_the_act_through_and_a_version_does_not() -> None:
    text = "A reads shelf | B takes shelf | B puts shelf | A takes shelf"
    occ, premise = (compare(line(text, protocol)).counts for protocol in ("occ", "premise"))
    assert (occ["rejected"], premise["rejected"]) == (1, 0)
    assert occ["stale_read.false_reject"] + occ["lost_update.false_reject"] == 1


def test_a_premise_that_fails_refuses() -> None:
    report = compare(line("A reads east | B leaves west | A leaves east", "premise"))
    assert (report.counts["stale_read.prevented"], report.counts["rejected"]) == (1, 1)


def test_a_read_modify_write_whose_input_changed_would_write_something_else() -> None:
    report = compare(line("A reads ledger | B adds ledger | A adds ledger", "premise"))
    assert (report.counts["lost_update.prevented"], report.counts["rejected"]) == (1, 1)


def test_a_blind_overwrite_is_right_whatever_stands_there() -> None:
    text = "A reads note | B writes note 3 | A writes note"
    assert compare(line(text, "premise")).counts["rejected"] == 0
    assert compare(line(text, "occ")).counts["rejected"] == 1


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_premise_rule_rejects_nobody_falsely_and_lets_no_hazard_through(scenario: str) -> None:
    run = Comparison().run(Cell(scenario, "premise", seeds=12))
    assert [h for h in HAZARDS if run.total(f"{h}.false_reject") or run.total(f"{h}.decisive")] == []


def test_with_fewer_than_four_scopes_the_premise_rule_vouches_for_lost_updates_alone() -> None:
    everything = resolve("premise")
    assert everything.guarantees == frozenset(HAZARDS)
    fewer = Config(rule="premise", scopes=("written", "sensor"), validated=("act",))
    assert fewer.guarantees == {"lost_update"}


# ---------------------------------------------------------------------- first committer wins


@pytest.mark.parametrize("protocol", SNAPSHOTS)
def test_the_second_to_write_over_one_snapshot_is_refused(protocol: str) -> None:
    report = compare(line("A reads ledger | B adds ledger | A adds ledger", protocol))
    assert (report.counts["lost_update.prevented"], report.counts["rejected"]) == (1, 1)


@pytest.mark.parametrize("protocol", SNAPSHOTS)
def test_differences_commute(protocol: str) -> None:
    played = play(WORK, "1 a slow enter yard | 2 b enter yard", protocol)
    assert (played.count("committed"), played.value("yard")) == (2, 3)


@pytest.mark.parametrize("protocol", SNAPSHOTS)
def test_a_snapshot_holds_what_has_settled_and_not_what_an_open_transaction_did(protocol: str) -> None:
    played = play(WORK, "1 a slow take and add x | 6 b slow see shelf", protocol, ticks=9)
    taken = played.ticks(log.WRITE, "a", site=3)[0]
    told = played.of(log.INPUT, "b", site=3)[0]
    assert (told.value, told.version, told.a) == (1, 0, REGISTRY)
    assert told.tick == taken + 1


def test_the_first_act_that_would_overwrite_refuses_before_the_last() -> None:
    played = play(WORK, "1 a slow x y | 2 b add x", "snapshot", think=5)
    refused = played.of(log.CHECK_FAILED, "a")[0]
    assert (refused.op, refused.b) == (0, 0)


def test_a_snapshot_lets_write_skew_through_and_the_pivot_does_not() -> None:
    text = "A reads east | B reads west | A leaves east | B leaves west"
    assert compare(line(text, "snapshot")).counts["stale_read.decisive"] == 1
    report = compare(line(text, "serializable_snapshot"))
    assert (report.counts["stale_read.decisive"], report.counts["rejected"]) == (0, 1)


@pytest.mark.parametrize("protocol", SNAPSHOTS)
def test_a_difference_on_what_a_later_op_reads_does_not_commute(protocol: str) -> None:
    # Laid on b's entry, a's own would show it b's, and its snapshot the memo as it was before b.
    enters = Op("yard", "enter")
    yard = room(
        (Site("yard", "guard_post", HERE), Site("memo", "board", HERE), Site("pad", "board", HERE)),
        (
            task("slow yard, then pad on both", enters, write("pad", 8, "yard", "memo")),
            task("slow yard, then pad on memo", enters, write("pad", 8, "memo")),
            task("yard, then memo", enters, write("memo", 5)),
        ),
        (Role("worker", 2, (HERE,)),),
    )
    played = play(yard, "1 a slow yard, then pad on both | 2 b yard, then memo", protocol)
    assert (outcome(played, "a"), judged(played).held) == (log.REJECT, "strict-serializable")
    assert outcome(play(yard, "1 a slow yard, then pad on memo | 2 b yard, then memo", protocol), "a") == log.COMMIT


# ---------------------------------------------------------------------- pivots


def test_one_conflict_out_alone_refuses_nobody() -> None:
    played = play(WORK, "1 a slow read x add y | 2 b add x", "serializable_snapshot")
    assert (played.count("committed"), played.count("rejected")) == (2, 0)
    assert play(WORK, "1 a slow read x add y | 2 b add x", "occ").count("rejected") == 1


def test_who_read_what_another_writes_and_writes_what_the_other_read_is_refused() -> None:
    text = "1 a slow read x add y | 2 b slow read y add x"
    for protocol, rejected in (("snapshot", 0), ("serializable_snapshot", 1)):
        played = play(WORK, text, protocol)
        assert played.count("rejected") == rejected, protocol
    assert outcome(played, "b") == log.REJECT


def test_a_reader_that_has_settled_since_the_snapshot_still_counts() -> None:
    text = "1 b slow read x add y | 1 a slow read y add x"
    played = play(WORK, text, "serializable_snapshot")
    assert played.count("rejected") == 1


def test_after_a_refusal_the_next_snapshot_goes_through() -> None:
    played = play(
        WORK, "1 a slow read x add y | 2 b slow read y add x | 8 b slow read y add x", "serializable_snapshot"
    )
    assert (played.count("committed"), played.count("rejected")) == (2, 1)


LIGHT = room(
    (Site("memo", "board", HERE), Site("light", "switch", HERE), Site("pad", "board", HERE), Site("far", "board", FAR)),
    (
        task(
            "slow light by memo, then far",
            Op("light", "set", 2, rests_on=("memo",), premise=verbs.TRUE),
            write("far", 1),
        ),
        task("memo", write("memo", 5)),
        task("light", Op("light", "set", 7)),
        task("pad on light and memo", write("pad", 8, "light", "memo")),
    ),
    (Role("worker", 3, (HERE,)),),
)


def test_who_leads_to_a_pivot_that_cannot_be_taken_back_is_refused_itself() -> None:
    # a lights by the memo, in the open, and walks on; b writes the memo; c reads it, and the light as it had been.
    text = "1 a slow light by memo, then far | 6 b memo | 7 c pad on light and memo"
    played = play(LIGHT, text, "serializable_snapshot")
    assert [outcome(played, agent) for agent in "abc"] == [log.PARTIAL_COMMIT, log.COMMIT, log.REJECT]
    assert judged(played).held == "strict-serializable"
    # Nobody reads what c writes, so it is no pivot: only where its conflict leads tells.
    assert judged(play(LIGHT, text, "snapshot")).judgement.anomalies == ("G2-item",)


def test_what_drifts_on_top_of_an_unsettled_version_leaves_the_site_closed() -> None:
    drifting = Blueprint(**{**vars(LIGHT), "drift": (Drift("light", 1, 6, 1, 0, 1),)})
    played = play(drifting, "1 a slow light by memo, then far | 7 b light", "read_committed")
    assert [event.agent for event in played.of(log.WRITE, site=1)] == [0, WORLD, 1]
    assert played.ticks(log.WAIT_BEGIN, "b") == [7]
    assert played.ticks(log.WRITE, "b") > played.ticks(log.COMMIT, "a")


# ---------------------------------------------------------------------- presets and contradictions


@pytest.mark.parametrize(
    ("axes", "reason"),
    [
        ({"order": "first committer wins"}, "needs reads = 'admission'"),
        ({"order": "first committer wins", "reads": "admission"}, "needs writes = 'buffered'"),
        ({"preset": "snapshot", "locks": "site"}, "has nothing to check"),
        ({"pivot": "aborts"}, "needs order = 'first committer wins'"),
        ({"rule": "premise"}, "without scopes judges nothing"),
    ],
)
def test_a_contradiction_is_refused_with_the_reason(axes: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        resolve(axes)


@pytest.mark.parametrize("protocol", SNAPSHOTS)
def test_snapshots_vouch_for_lost_updates_alone(protocol: str) -> None:
    assert resolve(protocol).guarantees == {"lost_update"}


def test_snapshots_cure_the_ledger_and_leave_the_guards_broken_and_pivots_cure_them() -> None:
    comparison = Comparison()
    ledger, guards = (comparison.row(Cell(name, "snapshot", seeds=12)) for name in ("ledger", "guards"))
    assert (ledger["success"], ledger["hazards"]["lost_update"]["decisive"]) == (1, 0)
    assert guards["success"] < 0.6
    assert guards["hazards"]["stale_read"]["decisive"] > 2
    cured = comparison.row(Cell("guards", "serializable_snapshot", seeds=12))
    assert (cured["success"], cured["compatibility"], cured["hazards"]["stale_read"]["decisive"]) == (1, 1, 0)
