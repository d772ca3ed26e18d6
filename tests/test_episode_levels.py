"""Episodes before the graph auditor: which schedule shows which anomaly, and who holds which level."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stalegrid import contended
from stalegrid.compare import Cell
from stalegrid.episodes import run_episodes
from stalegrid.judged import witness_lines
from stalegrid.protocols.presets import PRESETS, resolve
from stalegrid.protocols.textbook import Textbook
from stalegrid.world import log, verbs
from stalegrid.world.audit.anomalies import LEVELS
from stalegrid.world.audit.certificates import RANK, SETTLE, TOKEN, check, check_all, replay_all
from stalegrid.world.audit.episode_judge import EpisodeJudgement, judge_episode
from stalegrid.world.audit.exchange import read_histories, write_histories
from stalegrid.world.audit.isolation import counts, judge_units
from stalegrid.world.audit.judge import judge
from stalegrid.world.audit.units import BRACKETS, Units, read_logs
from stalegrid.world.reference import World
from stalegrid.world.scenario import VALUE, Blueprint, Drift, Goal, Op, Role, Site
from stalegrid.world.scenarios import SCENARIOS

from .schedules import random_schedule
from .turns import HERE, Played, play, room, task

STRICT = "strict-serializable"
# Who hands out a certificate of versions. Each holds every level on what its acts rest on; see test_quiet for ranks.
SAFE = tuple(name for name in PRESETS if resolve(name).certificate in (SETTLE, TOKEN))


def units_of(played: Played) -> Units:
    """Return the tables of a schedule's episode."""
    return read_logs(played.rules, [np.array([tuple(event) for event in played.events], log.EVENT)])


def judged(played: Played, **options: Any) -> EpisodeJudgement:
    """Judge a schedule's episode."""
    return judge_episode(units_of(played), **options)


# ---------------------------------------------------------------------- a schedule for each anomaly

SITES = (
    Site("x", "counter", HERE),
    Site("y", "counter", HERE),
    Site("note", "board", HERE),
    Site("memo", "board", HERE),
    Site("pad", "board", HERE),
    Site("yard", "guard_post", HERE, 2),
    Site("hall", "guard_post", HERE, 2),
)


def write(site: str, value: int, *rests_on: str) -> Op:
    """Return a blind write; what it rests on changes nothing of it."""
    return Op(site, "write", value, rests_on=rests_on, premise=verbs.TRUE if rests_on else None)


DESK = room(
    SITES,
    (
        task("add x", Op("x", "add", 1)),
        task("slow add x", Op("x", "add", 1)),
        task("add two", Op("x", "add", 2)),
        task("note memo", write("note", 1), write("memo", 1)),
        task("memo note", write("memo", 2), write("note", 2)),
        task("note twice", write("note", 3), write("memo", 3), write("note", 4)),
        task("slow note on memo", write("note", 5, "memo")),
        task("slow memo on note", write("memo", 6, "note")),
        task("read both", write("memo", 7, "note", "x")),
        task("read note", write("pad", 8, "note")),
        task("x then note", Op("x", "add", 1), write("note", 9)),
        task("count in and out", Op("yard", "enter"), Op("hall", "enter")),
        task("count out and in", Op("hall", "enter"), Op("yard", "enter")),
        task("step out and in", Op("yard", "leave"), Op("hall", "enter"), Op("yard", "enter")),
        task("slow count", write("note", 10, "yard")),
        task("see yard", write("pad", 11, "yard")),
    ),
    (Role("worker", 3, (HERE,)),),
)


@pytest.mark.parametrize(
    ("turns", "anomalies", "held"),
    [
        ("1 a slow add x | 3 b add two", ("lost update", "G-single"), "read-committed"),
        # The same amount twice: what is written back is what stands there, and makes no version.
        ("1 a slow add x | 3 b add x", ("lost update", "G-single"), "read-committed"),
        ("1 a slow add x | 3 b add x | 8 c add two", ("lost update", "G-single"), "read-committed"),
        ("1 a note memo | 1 b memo note", ("G0",), None),
        ("1 a slow note on memo | 1 b slow memo on note", ("G2-item",), "snapshot-isolation"),
        # Read what another wrote first and wrote again: the version in between, and not the one after it.
        ("1 a note twice | 2 b read note", ("G1b", "G-single"), "read-uncommitted"),
        # Saw x of a task, and missed the note that it wrote next: a fractured read.
        ("1 a x then note | 2 b read both", ("G-single",), "read-committed"),
        # Saw a count that somebody had stepped out of for a moment.
        ("1 a step out and in | 2 b see yard", ("G1b", "G-single"), "read-uncommitted"),
        # One after the other.
        ("1 a note memo | 4 b read note", (), STRICT),
    ],
)
def test_each_anomaly_has_a_schedule_that_shows_it_and_nothing_else(
    turns: str, anomalies: tuple[str, ...], held: str | None
) -> None:
    verdict = judged(play(DESK, turns))
    assert verdict.judgement.anomalies == anomalies
    assert verdict.held == held


def test_differences_commute_whatever_their_order() -> None:
    verdict = judged(play(DESK, "1 a count in and out | 1 b count out and in"))
    assert verdict.held == STRICT
    # A reader of one of them stands between those that it saw and those that it did not see.
    assert judged(play(DESK, "1 a slow count | 2 b count in and out | 8 b see yard")).held == STRICT


def test_the_same_schedules_under_two_phase_locking_hold_every_level() -> None:
    for turns in ("1 a slow add x | 3 b add x", "1 a note memo | 1 b memo note", "1 a note twice | 2 b read note"):
        played = play(DESK, turns, "two_phase_locking")
        assert judged(played).held == STRICT
        assert check(units_of(played), 0, SETTLE).holds


def test_by_ops_the_ops_of_a_task_are_transactions_and_a_write_in_between_is_none() -> None:
    played = play(DESK, "1 a note twice | 2 b read note")
    assert judged(played, unit="op").held == STRICT
    assert judged(play(DESK, "1 a note memo | 1 b memo note"), unit="op").held == STRICT
    assert "lost update" in judged(play(DESK, "1 a slow add x | 3 b add x"), unit="op").judgement.anomalies


def test_what_the_world_alone_brings_in_is_drift_and_refutes_no_level() -> None:
    drifting = Blueprint(**{**vars(DESK), "drift": (Drift("x", 1, 3, 1, 0, 5),)})
    verdict = judged(play(drifting, "1 a slow add x"))
    assert (verdict.held, verdict.judgement.anomalies) == (STRICT, ())
    assert verdict.drift == ("lost update", "G-single")
    assert verdict.drifting == 1


def test_declared_reads_and_told_ones_count_from_the_headline_on() -> None:
    skew = play(DESK, "1 a slow note on memo | 1 b slow memo on note")
    assert [judged(skew, bracket=bracket).held for bracket in BRACKETS] == [STRICT, *["snapshot-isolation"] * 2]
    lost = play(DESK, "1 a slow add x | 3 b add two")
    assert [judged(lost, bracket=bracket).held for bracket in BRACKETS] == ["read-committed"] * 3


def test_what_an_agent_saw_and_did_not_need_counts_only_among_the_observed() -> None:
    # Each saw what the other then wrote, and rests on something else.
    played = play(DESK, "1 a slow note on memo | 1 b slow add x")
    assert [judged(played, bracket=bracket).held for bracket in BRACKETS] == [STRICT, STRICT, "snapshot-isolation"]


BRIDGE = Blueprint(
    map=("#######", "#.....#", "###.###", "###.###", "#######"),
    sites=(
        Site("deck", "region", cells=((1, 3),), listeners=("keeper",), announced=True, known=True),
        Site("gate", "switch", (3, 3), cells=((1, 3),), known=True),
        Site("log", "board", (3, 3), known=True),
        Site("diary", "board", (3, 3), known=True),
    ),
    roles=(Role("keeper", 2, ((3, 3),)), Role("walker", 1, ((1, 1),), (((1, 1), (1, 5)),), trips=9)),
    tasks=(
        task("cross", Op("deck", "cross"), roles=("walker",)),
        task("slow close", Op("gate", "set", 1), roles=("keeper",)),
        task("slow log on deck", write("log", 1, "deck"), roles=("keeper",)),
        task("diary on both", write("diary", 1, "deck", "log"), roles=("keeper",)),
    ),
    goals=(Goal(VALUE, site="log", target=99),),
    bound=lambda think, delay: 99,
)


def test_who_read_a_region_before_a_body_came_in_missed_an_insertion() -> None:
    played = play(BRIDGE, "1 a slow log on deck | 2 c cross | 3 c cross | 4 b diary on both")
    verdict = judged(played)
    assert verdict.judgement.anomalies == ("phantom",)
    (witness,) = verdict.judgement.witnesses
    lines = witness_lines(units_of(played), verdict.history, witness)
    assert any("the walker crosses a border: 1 on the deck" in line for line in lines)
    assert judged(play(BRIDGE, "1 a slow log on deck | 2 c cross | 3 c cross", "two_phase_locking")).held == STRICT


def test_a_promise_that_is_kept_is_a_read_of_what_was_promised_and_any_other_an_aborted_read() -> None:
    on_deck = "2 c cross | 3 c cross | 4 c promise cross"
    kept = judged(play(BRIDGE, f"{on_deck} | 6 a slow close | 7 c cross", sight=1))
    assert (kept.held, kept.judgement.anomalies) == (STRICT, ())
    broken = judged(play(BRIDGE, f"{on_deck} | 6 a slow close", sight=1))
    assert broken.judgement.anomalies == ("G1a",)
    assert "promised" in broken.judgement.witnesses[0].steps[0]
    assert judged(play(BRIDGE, f"{on_deck} | 6 a slow close", sight=1), bracket="pre").held == STRICT


@pytest.mark.parametrize("bracket", ["headline", "observed"])
def test_an_accident_keeps_a_promise_to_those_alone_who_act_after_it(bracket: str) -> None:
    # The keeper b closes the gate on c, which it knows to be on the deck; then nobody is, as c had promised.
    closes = "2 c cross | 3 c cross | 4 b slow close | 4 c promise cross"
    for protocol in ("none", "stamped"):
        after = play(BRIDGE, f"{closes} | 5 a slow log on deck", protocol, sight=1)
        assert after.count("accidents") == 1
        assert "G1a" not in judged(after, bracket=bracket).judgement.anomalies
    before = play(BRIDGE, f"{closes} | 5 a diary on both", sight=1)
    assert before.count("accidents") == 1
    assert "G1a" in judged(before, bracket=bracket).judgement.anomalies


# ---------------------------------------------------------------------- scenarios under protocols

UNDER_NONE = {
    "ledger": {"lost update", "G-single"},
    "drawbridge": {"G1a", "G-single-realtime"},
    "moved_key": {"lost update", "G-single"},
    "refactor": {"G2-item"},
    "guards": {"G2-item"},
    "reroute": {"G-single-realtime"},
    "disjoint": set(),
    "exposure": set(),
}


def episodes(scenario: str, protocol: str, seeds: int, size: str = "tiny") -> Units:
    """Run episodes of test seeds."""
    cell = Cell(scenario, protocol, size=size)
    played = run_episodes(cell.rules(), cell.config, "naive", range(1_000_000, 1_000_000 + seeds))
    return read_logs(cell.rules(), [one.events for one in played])


def verdicts(units: Units, **options: Any) -> Iterator[EpisodeJudgement]:
    """Judge each."""
    return (judge_episode(units, episode, **options) for episode in range(units.episodes))


def no_findings(scenario: str, protocol: str, seeds: int, size: str = "tiny") -> None:
    """Demand no finding in the brackets of what acts rest on, and certificates that hold."""
    units = episodes(scenario, protocol, seeds, size)
    for bracket in ("pre", "headline"):
        for episode, verdict in enumerate(verdicts(units, bracket=bracket)):
            said = f"{scenario}, {protocol}, seed {1_000_000 + episode}, {bracket}"
            assert verdict.held == STRICT, f"{said}: {verdict.judgement.witnesses}"
    for episode in range(seeds):
        found = check(units, episode, str(resolve(protocol).certificate))
        assert found.holds, f"{scenario}, {protocol}, seed {1_000_000 + episode}: {found.problems}"
    assert not any(one.backward for one in counts(units))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_who_hands_out_a_certificate_has_no_finding_and_the_certificate_holds(scenario: str) -> None:
    assert {"serial", "two_phase_locking", "wound_wait", "occ", "occ_forward", "full"} <= set(SAFE)
    for protocol in SAFE:
        no_findings(scenario, protocol, 3)


def ranked_without_findings(scenario: str, seeds: int, size: str) -> None:
    """Demand that ranks are serial at quiescence."""
    units = episodes(scenario, "mtpo", seeds, size)
    for found, verdict in zip(check_all(units, RANK), verdicts(units), strict=True):
        assert found.holds, f"{scenario}: {found.problems}"
        assert verdict.held in LEVELS[3:], f"{scenario}: {verdict.judgement.witnesses}"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_ranks_are_serial_at_quiescence(scenario: str) -> None:
    ranked_without_findings(scenario, 3, "tiny")


@pytest.mark.long
@pytest.mark.parametrize("size", ["small", "medium"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_ranks_are_serial_over_many_seeds_at_full_size(scenario: str, size: str) -> None:
    ranked_without_findings(scenario, 64, size)


@pytest.mark.long
@pytest.mark.parametrize("protocol", SAFE)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nor_over_many_seeds_at_full_size(scenario: str, protocol: str) -> None:
    no_findings(scenario, protocol, 64, "small")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_premises_are_judged_by_replay_for_versions_may_differ(scenario: str) -> None:
    assert [one.problems for one in replay_all(episodes(scenario, "premise", 3)) if not one.holds] == []


@pytest.mark.parametrize(("scenario", "anomalies"), UNDER_NONE.items())
def test_without_a_protocol_each_scenario_shows_its_own_anomaly(scenario: str, anomalies: set[str]) -> None:
    units = episodes(scenario, "none", 6, "small")
    assert {name for verdict in verdicts(units) for name in verdict.judgement.anomalies} == anomalies


def test_what_the_order_of_settling_does_not_explain_the_order_of_first_acts_may() -> None:
    # A switch that is set as it was makes no version and closes to nobody: who did that first may settle last.
    found = [episode.log for episode in contended.play(resolve("premise"), range(80, 130))]
    replays = replay_all(read_logs(contended.rules(), found))
    assert [nth for nth, one in enumerate(replays, 80) if not one.holds] == [94, 128]


def test_an_order_that_is_none_is_found_out() -> None:
    units = episodes("ledger", "none", 4, "small")
    problems = [problem for episode in range(4) for problem in check(units, episode, SETTLE).problems]
    assert any("which comes later" in problem for problem in problems)
    assert any("done again in this order" in problem for problem in problems)
    assert not any(one.holds for one in replay_all(units))
    with pytest.raises(ValueError, match="a certificate is one of settle, token, rank; got 'first'"):
        check(units, 0, "first")


def test_the_token_does_not_make_its_holder_blind_to_what_it_did_itself_within_a_region() -> None:
    for seed in (1363, 2612):
        schedule = random_schedule(seed, {"lockstep": False}, dict(resolve("serial")))
        units = read_logs(schedule.rules, [play_out(schedule)])
        assert judge_episode(units).held == STRICT
        assert check(units, 0, "token").holds


# ---------------------------------------------------------------------- two ways to the same verdict


def play_out(schedule: Any) -> Any:
    """Play a random schedule on the readable engine and return its log."""
    world, choices = World(schedule.rules, Textbook(schedule.config), schedule.world_seed), schedule.choices()
    agents = range(len(world.agents))
    while world.status == 0:
        world.tick(
            [
                choices.pick(world.now + 1, agent, world.mask(agent), world.events) if world.is_ready(agent) else 0
                for agent in agents
            ]
        )
    return world.event_array()


def compare_ways(seeds: range) -> None:
    """Compare what all units of many episodes come to at once with the graph auditor's verdict on each."""
    for seed in seeds:
        schedule = random_schedule(seed)
        units = read_logs(schedule.rules, [play_out(schedule)])
        found, verdict = judge_units(units), judge_episode(units)
        guilty, back = np.zeros((2, len(units.unit)), bool)
        for one, is_guilty, goes_back in zip(
            verdict.history.transactions, verdict.judgement.is_guilty, verdict.judgement.goes_back, strict=True
        ):
            if one.member is not None:
                guilty[one.member.unit], back[one.member.unit] = is_guilty, goes_back
        assert (guilty == (found.cycle | found.aborted | found.intermediate)).all(), f"schedule {seed}"
        assert (back == found.backward).all(), f"schedule {seed}"
        config, settings = schedule.config, schedule.rules.settings
        if not settings.is_perfect:
            continue  # nothing is promised
        levels = verdict.judgement.levels
        assert levels["snapshot-isolation"] or config.order != "first committer wins", f"schedule {seed}"
        assert levels["serializable"] or config.pivot != "aborts", f"schedule {seed}"
        by_version = config.certificate and config.rule != "premise"
        if by_version and not (config.order == "token" and settings.lockstep):
            assert verdict.held == STRICT, f"schedule {seed}: {verdict.judgement.witnesses}"
            assert check(units, 0, str(config.certificate)).holds, f"schedule {seed}"


def test_many_at_once_and_one_by_one_come_to_the_same() -> None:
    compare_ways(range(150))


@pytest.mark.long
def test_many_at_once_and_one_by_one_come_to_the_same_over_thousands() -> None:
    compare_ways(range(150, 6_000))


def test_an_exported_history_is_judged_as_the_episode_was(tmp_path: Path) -> None:
    units = episodes("ledger", "none", 3, "small")
    found = list(verdicts(units))
    write_histories(tmp_path / "told.jsonl", (one.history.to_object() for one in found))
    for history, verdict in zip(read_histories(tmp_path / "told.jsonl"), found, strict=True):
        again = judge(history)
        assert again.levels == verdict.judgement.levels
        assert again.anomalies == verdict.judgement.anomalies


def test_episodes_in_one_table_do_not_feel_one_another() -> None:
    cell = Cell("guards", "none", size="tiny")
    played = run_episodes(cell.rules(), cell.config, "naive", range(5))
    together = counts(read_logs(cell.rules(), [one.events for one in played]))
    assert together == [counts(read_logs(cell.rules(), [one.events]))[0] for one in played]


def test_bad_brackets_and_units_are_named() -> None:
    units = episodes("ledger", "none", 1)
    with pytest.raises(ValueError, match="a bracket is one of pre, headline, observed; got 'all'"):
        judge_episode(units, bracket="all")
    with pytest.raises(ValueError, match="a unit is one of decision, op; got 'task'"):
        judge_episode(units, unit="task")
