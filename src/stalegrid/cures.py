"""Who cures what: each one-hazard scenario under each set of the four single defences, and what is claimed of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.table import Table

from .compare import Cell, Comparison, Row
from .protocols.presets import DEFENCES, resolve, sixteen_sets
from .tables import SHORT
from .world.scenarios import SCENARIOS
from .world.state import HAZARDS

CURES, SILENT, FIRES = "cures", "does not fire", "fires without curing"

# The claim, one row a scenario, by the scope that a defence checks: see `presets.DEFENCES`. A defence cures if no
# decisive act of the scenario's hazard is left and more goals are met; it fires if it refuses or holds anything.
CLAIMS: Mapping[str, Mapping[str, str]] = {
    "ledger": {"written": CURES, "sensor": SILENT, "message": SILENT, "plan": SILENT},
    "drawbridge": {"written": SILENT, "sensor": SILENT, "message": CURES, "plan": SILENT},
    # To take a thing is to write the site that was read, so comparing what is written catches it as well.
    "moved_key": {"written": CURES, "sensor": CURES, "message": SILENT, "plan": SILENT},
    "refactor": {"written": SILENT, "sensor": CURES, "message": SILENT, "plan": SILENT},
    "guards": {"written": SILENT, "sensor": CURES, "message": SILENT, "plan": SILENT},
    "reroute": {"written": SILENT, "sensor": SILENT, "message": SILENT, "plan": CURES},
}


_SAID = {CURES: "cures", SILENT: "-", FIRES: "fires in vain"}
SETS_LEGEND = (
    "S, and decisive acts of the scenario's hazard per episode.\n"
    "w: written, s: sensor, m: message, p: plan; w.m. is the protocol written+message.\n"
)
LEGEND = "cures: nothing decisive is left and more goals are met. -: it refuses and holds nothing.\n"


def one_hazard_scenarios() -> list[str]:
    """Return the scenarios that show one hazard."""
    return [scenario.name for scenario in SCENARIOS.values() if scenario.hazard is not None]


def verdict(scenario: str, row: Row) -> str:
    """Say what a defence did, from its row of a comparison."""
    hazard = row["hazards"][SCENARIOS[scenario].hazard]
    low = row["versus_none"]["interval"][0]
    if hazard["decisive"] == 0 and low is not None and low > 0:
        return CURES
    refused = sum(row["hazards"][name][level] for name in HAZARDS for level in ("prevented", "false_reject", "retries"))
    return FIRES if refused or row["corrections"]["held"] else SILENT


def measure(seeds: int, first_seed: int, every_set: bool, done: Callable[[int], None]) -> list[Row]:
    """Measure every one-hazard scenario under the four defences, or under all sixteen sets of them.

    Returns the rows of a comparison, each with `set` (its scopes), `claim` and `verdict` for the single defences.
    """
    comparison, rows = Comparison(), []
    sets = sixteen_sets() if every_set else {name: resolve(name) for name in DEFENCES.values()}
    for scenario in one_hazard_scenarios():
        for config in sets.values():
            row = dict(comparison.row(Cell(scenario, config, seeds=seeds, first_seed=first_seed)))
            row["set"] = list(config.scopes)
            single = config.scopes[0] if len(config.scopes) == 1 else None
            row["claim"] = CLAIMS[scenario][single] if single else None
            row["verdict"] = verdict(scenario, row)
            rows.append(row)
            done(len(rows))
    return rows


def holds(row: Row) -> bool:
    """Tell whether a row is as claimed: a set cures if and only if one of its defences does."""
    if row["claim"] is not None:
        return bool(row["verdict"] == row["claim"])
    should_cure = any(CLAIMS[row["scenario"]][scope] == CURES for scope in row["set"])
    return bool((row["verdict"] == CURES) == should_cure)


def table(rows: list[Row]) -> Table:
    """Return the four defences as a table of verdicts, scenario by scenario."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    made.add_column("scenario")
    made.add_column("hazard")
    for name in DEFENCES.values():
        made.add_column(name)
    by_cell: dict[tuple[str, str], Row] = {(row["scenario"], "+".join(row["set"])): row for row in rows}
    for scenario in one_hazard_scenarios():
        cells = [by_cell[scenario, scope] for scope in DEFENCES]
        said = [_SAID[row["verdict"]] if holds(row) else f"[red]{_SAID[row['verdict']]}[/red]" for row in cells]
        made.add_row(scenario, SHORT[str(SCENARIOS[scenario].hazard)], *said)
    return made


def sets_table(rows: list[Row]) -> Table:
    """Return all sixteen sets as a table: S, and decisive acts of the scenario's hazard per episode."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    made.add_column("defences")
    scenarios = one_hazard_scenarios()
    for scenario in scenarios:
        made.add_column(scenario, justify="right")
    by_set: dict[str, dict[str, Row]] = {}
    for row in rows:  # initials, so that the table fits a terminal: w.m. is written+message
        name = "".join(scope[0] if scope in row["set"] else "." for scope in DEFENCES)
        by_set.setdefault(name, {})[row["scenario"]] = row
    for name, cells in by_set.items():
        made.add_row(name, *(_cell(cells[scenario]) for scenario in scenarios))
    return made


def _cell(row: Row) -> str:
    decisive = row["hazards"][SCENARIOS[row["scenario"]].hazard]["decisive"]
    said = f"{row['success']:.2f} {decisive:4.1f}"
    return said if holds(row) else f"[red]{said}[/red]"


def summary(rows: list[Row], seeds: int) -> str:
    """Say how many cells are as claimed."""
    wrong = [f"{row['scenario']} under {row['protocol']}" for row in rows if not holds(row)]
    if wrong:
        return f"Not as claimed: {', '.join(wrong)}."
    return f"{len(rows)} cells of {seeds} seeds, all as claimed: nothing decisive is left where a defence cures."


def as_json(rows: list[Row]) -> list[dict[str, Any]]:
    """Return what a row says of one cell."""
    return [
        {
            "scenario": row["scenario"], "defences": row["set"], "claim": row["claim"], "verdict": row["verdict"],
            "success": row["success"], "versus_none": row["versus_none"],
            "decisive": row["hazards"][SCENARIOS[row["scenario"]].hazard]["decisive"], "holds": holds(row),
        }
        for row in rows
    ]  # fmt: skip
