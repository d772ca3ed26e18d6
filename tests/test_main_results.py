"""What the first stage claims, on test seeds: each defence cures its own hazard and no other, and serial has none."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from stalegrid.compare import Cell, Comparison, Row, Run
from stalegrid.episodes import run_episodes
from stalegrid.make import make_rules
from stalegrid.protocols.presets import PRESETS, resolve
from stalegrid.world.audit import audit_episode
from stalegrid.world.scenarios import SCENARIOS
from stalegrid.world.state import HAZARDS

MINDS = ("naive", "careful", "random")
HAZARD = {"ledger": "lost_update", "drawbridge": "action_message_desync"}
CURE = {"ledger": "object_cas", "drawbridge": "stamped"}
OTHERS = {"ledger": ("sight_check", "stamped"), "drawbridge": ("sight_check", "object_cas")}
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
def test_occ_cures_both(scenario: str, mind: str) -> None:
    assert happened(run(scenario, "occ", mind), "decisive") == {}
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


@pytest.mark.parametrize("mind", ["naive", "careful"])
def test_where_nothing_is_shared_no_protocol_but_serial_refuses_delays_or_stalls_anything(mind: str) -> None:
    makespans = [report.ticks for report in run("disjoint", "none", mind).reports]
    for protocol in PRESETS:
        reports = run("disjoint", protocol, mind).reports
        assert all(report.goals_met == report.goals for report in reports)
        if protocol == "serial":
            assert all(one.ticks > makespan for one, makespan in zip(reports, makespans, strict=True))
            continue
        assert [report.ticks for report in reports] == makespans
        for counter in ("rejected", "blocked_ticks", "false_stall", "victims", "failed"):
            assert sum(report.counts[counter] for report in reports) == 0


@pytest.mark.parametrize("mind", ["naive", "careful"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_serial_meets_nearly_every_goal(scenario: str, mind: str) -> None:
    assert row(scenario, "serial", mind)["success"] >= 0.95


@pytest.mark.parametrize("mind", MINDS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_serial_has_no_decisive_hazard_at_any_think_time_delay_and_loss(scenario: str, mind: str) -> None:
    for think in (0, 1, 6, 24):
        for delay in (0, 6, 24):
            for loss in (0.0, 0.3):
                seeds = 3 if mind == "random" else 8  # who acts at random plays to the horizon
                found = run(scenario, "serial", mind, seeds, think=think, delay=delay, loss=loss)
                assert happened(found, "decisive") == {}, (think, delay, loss)
                assert happened(found, "prevented") == {}, (think, delay, loss)


@pytest.mark.parametrize("mind", ["naive", "careful"])
@pytest.mark.parametrize("protocol", PRESETS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_in_lockstep_nothing_is_even_exposed(scenario: str, protocol: str, mind: str) -> None:
    found = run(scenario, protocol, mind, 16, lockstep=True)
    for level in ("exposed", "decisive", "prevented", "false_reject", "retries"):
        assert happened(found, level) == {}


@pytest.mark.parametrize("mind", MINDS)
@pytest.mark.parametrize("protocol", PRESETS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_kernel_counts_what_the_auditor_counts(scenario: str, protocol: str, mind: str) -> None:
    rules = make_rules(scenario)
    for episode in run_episodes(rules, resolve(protocol), mind, range(1_000_000, 1_000_016)):
        assert episode.counts == audit_episode(rules, episode.events).counts
