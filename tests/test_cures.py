"""Who cures what: the literal table is measured, defence by defence and set by set."""

from __future__ import annotations

import pytest

from stalegrid.compare import Cell, Comparison
from stalegrid.cures import CLAIMS, CURES, holds, measure, one_hazard_scenarios
from stalegrid.protocols.config import Config
from stalegrid.protocols.presets import DEFENCES, PRESETS, name_of, resolve, sixteen_sets


def test_every_one_hazard_scenario_has_a_claim_for_each_single_defence() -> None:
    assert set(CLAIMS) == set(one_hazard_scenarios())
    assert all(set(row) == set(DEFENCES) for row in CLAIMS.values())


def test_each_scenario_is_cured_by_some_single_defence() -> None:
    assert all(CURES in row.values() for row in CLAIMS.values())


def test_the_claims_hold_for_every_single_defence() -> None:
    assert [row["protocol"] for row in measure(24, 1_000_000, False, lambda many: None) if not holds(row)] == []


@pytest.mark.long
def test_the_claims_hold_for_all_sixteen_sets() -> None:
    rows = measure(64, 1_000_000, True, lambda many: None)
    assert [(row["scenario"], row["set"]) for row in rows if not holds(row)] == []


def test_there_are_sixteen_sets_and_each_is_resolved_by_its_name() -> None:
    sets = sixteen_sets()
    assert len(sets) == 16
    for name, config in sets.items():
        assert resolve(name) == config
        assert name_of(config) == name
    assert sets["none"] == Config()
    assert sets["stamped_epochs"] == resolve("message+plan")
    assert all(resolve(scope) == resolve(preset) for scope, preset in DEFENCES.items())


def test_a_set_with_an_unknown_defence_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"written\+message, of written, sensor, message, plan"):
        resolve("written+sight")


def test_a_preset_that_is_a_set_keeps_its_own_name() -> None:
    assert [name for name, axes in PRESETS.items() if name_of(Config(**axes)) != name] == []


def test_without_a_protocol_corrections_come_late_and_torn_and_epochs_leave_neither() -> None:
    comparison = Comparison()
    none, epochs = (comparison.row(Cell("reroute", name, seeds=32))["corrections"] for name in ("none", "epoch_plans"))
    assert none["torn"] > 1
    assert none["late"]["decided_before"] > 1
    assert none["late"]["decided_after"] > 1
    assert epochs["torn"] == epochs["late"]["decided_before"] == epochs["late"]["decided_after"] == 0
    assert epochs["published"] == none["published"] == 3
    # The price: nobody follows the plan until the boundary.
    assert epochs["held"] > 10
    assert epochs["adoption_latency"] < none["adoption_latency"]


@pytest.mark.parametrize(
    "settings",
    [
        {"delay": 0, "think": 0}, {"delay": 6}, {"delay": 6, "think": 24}, {"delay": 12, "loss": 0.5},
        {"delay": 6, "stall": 30, "stall_every": 80}, {"delay": 60, "loss": 0.9, "stall": 20, "stall_every": 50},
    ],
)  # fmt: skip
@pytest.mark.parametrize("protocol", ["epoch_plans", "stamped_epochs", "full"])
def test_no_correction_is_late_or_torn_whoever_thinks_stalls_or_loses_a_copy(
    protocol: str, settings: dict[str, float]
) -> None:
    run = Comparison().run(Cell("reroute", protocol, seeds=8, settings=tuple(settings.items())))
    assert run.total("stale_correction.decisive") == run.total("torn") == 0
    assert sum(report.corrections.published for report in run.reports) >= 8
