"""What the scenarios claim, on test seeds: each defence cures its own hazard and no other, and serial has none."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import stalegrid
from stalegrid.compare import Cell, Comparison, Row, Run
from stalegrid.episodes import run_episodes
from stalegrid.protocols.presets import PRESETS, resolve
from stalegrid.reading import make_rules
from stalegrid.world import log
from stalegrid.world.audit import audit_episode
from stalegrid.world.scenarios import SCENARIOS
from stalegrid.world.state import HAZARDS, LOOK

from .playing import PROTOCOLS, every

MINDS = ("naive", "careful", "random")
HAZARD = {
    "ledger": "lost_update", "drawbridge": "action_message_desync", "moved_key": "stale_read",
    "refactor": "stale_read", "guards": "stale_read", "reroute": "stale_correction",
}  # fmt: skip
CURE = {
    "ledger": "object_cas", "drawbridge": "stamped", "moved_key": "sight_check", "refactor": "sight_check",
    "guards": "sight_check", "reroute": "epoch_plans",
}  # fmt: skip
# object_cas is missing for moved_key: to take is to write the shelf that was read, so it cures that too.
OTHERS = {
    "ledger": ("sight_check", "stamped"),
    "drawbridge": ("sight_check", "object_cas"),
    "moved_key": ("stamped",),
    "refactor": ("object_cas", "stamped"),
    "guards": ("object_cas", "stamped"),
    "reroute": ("object_cas", "sight_check", "stamped"),
}
FIRST = 1_000_000  # test seed
_COMPARISON = Comparison()


@cache
def run(scenario: str, protocol: str, mind: str = "naive", seeds: int = 64, **settings: Any) -> Run:
    """Run and audit the first test seeds."""
    return _COMPARISON.run(Cell(scenario, protocol, mind, seeds=seeds, settings=tuple(settings.items())))


@cache
def row(scenario: str, protocol: str, mind: str = "naive") -> Row:
    """Return the row that `stalegrid compare` prints."""
    return _COMPARISON.row(Cell(scenario, protocol, mind))


def happened(run: Run, level: str) -> dict[str, int]:
    """Return the hazards that reached a level, with how often."""
    counts = {hazard: run.total(f"{hazard}.{level}") for hazard in HAZARDS}
    return {hazard: many for hazard, many in counts.items() if many}


@pytest.mark.parametrize("scenario", HAZARD)
def test_without_a_protocol_the_hazard_bites_in_most_episodes_and_costs_goals(scenario: str) -> None:
    counts = [report.counts[f"{HAZARD[scenario]}.decisive"] for report in run(scenario, "none").reports]
    assert sum(many > 0 for many in counts) > 0.9 * len(counts)
    assert row(scenario, "none")["versus_serial"]["interval"][1] < 0


@pytest.mark.parametrize("scenario", HAZARD)
def test_it_is_the_only_hazard_there(scenario: str) -> None:
    assert set(happened(run(scenario, "none"), "decisive")) == {HAZARD[scenario]}


@pytest.mark.parametrize("scenario", HAZARD)
def test_the_cure_leaves_none_of_it_and_wins_goals_back(scenario: str) -> None:
    cured = run(scenario, CURE[scenario])
    assert cured.total(f"{HAZARD[scenario]}.decisive") == 0
    assert cured.total(f"{HAZARD[scenario]}.prevented") > 100  # a zero out of many
    assert row(scenario, CURE[scenario])["versus_none"]["interval"][0] > 0


@pytest.mark.parametrize("mind", ["naive", "careful"])
@pytest.mark.parametrize("scenario", HAZARD)
def test_occ_cures_them_all(scenario: str, mind: str) -> None:
    assert happened(run(scenario, "occ", mind), "decisive") == {}
    if (scenario, mind) == ("reroute", "careful"):
        # Who asks the registry before setting out is seldom late; what is lost then are orders that a correction
        # splits, and those no protocol saves but serial.
        assert row(scenario, "none", mind)["success"] > 0.9
        return
    assert row(scenario, "occ", mind)["versus_none"]["interval"][0] > 0


@pytest.mark.parametrize(("scenario", "other"), [(place, other) for place in OTHERS for other in OTHERS[place]])
def test_another_single_defence_changes_neither_the_hazard_nor_the_goals_met(scenario: str, other: str) -> None:
    low, high = row(scenario, "none")["intervals"]["success"]
    assert low <= row(scenario, other)["success"] <= high
    apart_low, apart_high = row(scenario, other)["versus_none"]["interval"]
    assert apart_low <= 0 <= apart_high
    # Nothing it checks is stale here, so it does not even change the course of an episode.
    decisive = f"{HAZARD[scenario]}.decisive"
    alone, defended = run(scenario, "none"), run(scenario, other)
    assert [report.counts[decisive] for report in defended.reports] == [
        report.counts[decisive] for report in alone.reports
    ]


def test_a_compare_and_set_cures_the_moved_key_for_to_take_is_to_write_what_was_read() -> None:
    cured = run("moved_key", "object_cas")
    assert cured.total("stale_read.decisive") == 0
    assert cured.total("stale_read.prevented") > 100
    assert row("moved_key", "object_cas")["versus_none"]["interval"][0] > 0


def test_the_longer_seekers_think_the_more_keys_have_moved() -> None:
    runs = [run("moved_key", "none", think=think) for think in (1, 3, 6, 12, 24)]
    stale = [one.total("stale_read.decisive") for one in runs]
    met = [sum(one.shares) for one in runs]
    assert stale == sorted(stale)
    assert stale[-1] > 2 * stale[0]
    assert met == sorted(met, reverse=True)


@pytest.mark.parametrize("protocol", PRESETS)
def test_nothing_goes_wrong_with_the_canary_that_nobody_renames(protocol: str) -> None:
    found = run("refactor", protocol)
    canary = {site for site, name in enumerate(found.rules.site_names) if name.startswith("canary")}
    built = next(n for n, name in enumerate(found.rules.task_names) if name == "build canary_module")
    goal = next(n for n, goal in enumerate(found.rules.blueprint.goals) if goal.site == "canary_module")
    findings = [finding for report in found.reports for finding in report.findings]
    assert len(canary) == 2
    assert not [finding for finding in findings if finding.task == built]
    assert not [finding for finding in findings if canary & {evidence.site for evidence in finding.named}]
    for episode in run_episodes(found.rules, resolve(protocol), "naive", range(1_000_000, 1_000_016)):
        goals = episode.events[(episode.events["kind"] == log.GOAL) & (episode.events["a"] == goal)]
        assert goals["value"].tolist() == [1]


@pytest.mark.parametrize("size", SCENARIOS["drawbridge"].sizes)
def test_the_careful_operator_looks_at_the_deck_from_the_bank_and_goes_back(size: str) -> None:
    rules = make_rules("drawbridge", size=size, delay=20, loss=0.3)
    deck, river = rules.site_names.index("deck"), rules.site_names.index("river")
    operator = rules.agent_names.index("operator_0")
    looks = 0
    for episode in run_episodes(rules, resolve("serial"), "careful", range(FIRST, FIRST + 8)):
        mine = episode.events[episode.events["agent"] == operator]
        sensed = mine[mine["kind"] == log.SENSE]
        looked = sensed[(sensed["a"] == LOOK) & np.isin(sensed["site"], (deck, river))]["site"].tolist()
        assert not (mine["kind"] == log.BORDER).any()
        assert all(then == river for now, then in pairwise(looked) if now == deck)
        looks += looked.count(deck)
    assert looks > 0


@pytest.mark.parametrize("protocol", ["none", "object_cas", "stamped"])
def test_two_guards_who_leave_on_each_others_word_leave_nobody_and_no_check_of_what_is_written_sees_it(
    protocol: str,
) -> None:
    left = run("guards", protocol)
    # The one who leaves second breaks the invariant, each time, and it alone rests on what is no longer so.
    assert left.total("invariant_violations") == left.total("stale_read.decisive") > 100
    assert left.total("rejected") == 0


@pytest.mark.parametrize("protocol", ["sight_check", "occ", "serial"])
def test_where_what_was_seen_is_checked_somebody_is_always_on_duty(protocol: str) -> None:
    kept = run("guards", protocol)
    assert kept.total("invariant_violations") == 0
    assert all(report.goals_met == report.goals for report in kept.reports)


def test_who_enters_a_post_without_having_left_it_has_had_no_break() -> None:
    env = stalegrid.parallel_env("guards", log=True)
    enter = {f"guard_{n}": [action.name for action in env.action_table].index(f"do enter post_{n}") for n in range(2)}
    _, infos = env.reset(seed=1)
    for _ in range(60):
        _, _, _, _, infos = env.step({agent: enter[agent] for agent in env.agents if infos[agent]["ready"]})
    true = dict(zip(env.state_legend, env.state(), strict=True))
    met = {name for name, value in true.items() if name.startswith("goal ") and value > 0}
    assert len(met) == 5  # the goods, and no list of breaks
    assert not [event for event in env.events_since(-1) if event["kind"] == "write"]


@pytest.mark.parametrize("mind", ["naive", "careful"])
def test_where_nothing_is_shared_only_one_token_or_one_lock_for_all_delays_or_stalls_anything(mind: str) -> None:
    makespans = [report.ticks for report in run("disjoint", "none", mind).reports]
    for protocol in PRESETS:
        reports = run("disjoint", protocol, mind).reports
        assert all(report.goals_met == report.goals for report in reports)
        if protocol in ("serial", "world_locking"):
            assert all(one.ticks > makespan for one, makespan in zip(reports, makespans, strict=True))
            assert sum(report.counts["rejected"] + report.counts["victims"] for report in reports) == 0
            continue
        assert [report.ticks for report in reports] == makespans
        for counter in ("rejected", "blocked_ticks", "false_stall", "victims", "failed"):
            assert sum(report.counts[counter] for report in reports) == 0


@pytest.mark.parametrize("mind", ["naive", "careful"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_serial_meets_nearly_every_goal(scenario: str, mind: str) -> None:
    assert row(scenario, "serial", mind)["success"] >= 0.95


@pytest.mark.parametrize("mind", ["naive", *(pytest.param(mind, marks=pytest.mark.long) for mind in MINDS[1:])])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_serial_has_no_decisive_hazard_at_any_think_time_delay_and_loss(scenario: str, mind: str) -> None:
    for think in (0, 1, 6, 24):
        for delay in (0, 6, 24):
            for loss in (0.0, 0.3):
                # Who acts at random plays to the horizon, and the episodes of reroute are long.
                seeds = 3 if mind == "random" or scenario == "reroute" else 8
                found = run(scenario, "serial", mind, seeds, think=think, delay=delay, loss=loss)
                assert happened(found, "decisive") == {}, (think, delay, loss)
                assert happened(found, "prevented") == {}, (think, delay, loss)


@pytest.mark.parametrize(("scenario", "protocol", "mind"), every(("naive", "careful")))
def test_in_lockstep_nothing_is_even_exposed(scenario: str, protocol: str, mind: str) -> None:
    found = run(scenario, protocol, mind, 16 if protocol in PROTOCOLS else 5, lockstep=True)
    for level in ("exposed", "decisive", "prevented", "false_reject", "retries"):
        assert happened(found, level) == {}


@pytest.mark.parametrize(("scenario", "protocol", "mind"), every(MINDS))
def test_the_kernel_counts_what_the_auditor_counts(scenario: str, protocol: str, mind: str) -> None:
    rules = make_rules(scenario)
    many = 16 if protocol in PROTOCOLS else 5
    for episode in run_episodes(rules, resolve(protocol), mind, range(FIRST, FIRST + many)):
        assert episode.counts == audit_episode(rules, episode.events).counts
