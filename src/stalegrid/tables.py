"""Rows of a comparison as a table for people, as JSON or as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich.table import Table

from .compare import Row, label
from .world.audit import metrics
from .world.state import HAZARDS

SHORT = {
    "stale_read": "stale read",
    "lost_update": "lost update",
    "stale_correction": "stale corr.",
    "action_message_desync": "desync",
}
FORMATS = ("table", "json", "csv")
REFUSED = ("prevented", "false_reject", "retries")


def number(value: float | None, digits: int = 2) -> str:
    """Return a number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def interval(ends: Sequence[float | None]) -> str:
    """Return an interval."""
    return "-" if ends[0] is None or ends[1] is None else f"{ends[0]:.2f}-{ends[1]:.2f}"


def at_stake(level: dict[str, float], seeds: int) -> int:
    """Return how many acts could have gone wrong by a hazard: exposed, decisive and prevented ones."""
    return round((level["exposed"] + level["decisive"] + level["prevented"]) * seeds)


def decisive(row: Row) -> tuple[str, str]:
    """Return the decisive acts over those at stake, and the kinds of the former; of a zero, what it still allows."""
    found = sorted(((row["hazards"][hazard]["decisive"], SHORT[hazard]) for hazard in HAZARDS), reverse=True)
    wrong = round(sum(many for many, _ in found) * row["seeds"])
    stake = sum(at_stake(row["hazards"][hazard], row["seeds"]) for hazard in HAZARDS)
    kinds = ", ".join(name for many, name in found if many)
    return f"{wrong}/{stake}", kinds or (f"< {_percent(metrics.upper_bound(0, stake))}" if stake else "-")


def _percent(share: float) -> str:
    """Return a share in percent with one digit behind the point, or with as many as it takes not to say 0.0."""
    return f"{share:.1%}" if share >= 0.0005 else f"{100 * share:.1g}%"


def table(rows: Sequence[Row]) -> Table:
    """Return the table that fits a terminal of 80 columns; the JSON rows have everything."""
    made = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    made.add_column("protocol", no_wrap=True)
    for name in ("S", "95 %", "E", "I", "decisive"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("of kind")
    made.add_column("refused", justify="right", no_wrap=True)
    several = len({row["mind"] for row in rows}) > 1
    groups = [list(group) for _, group in groupby(rows, lambda row: (label(row), row["mind"]))]
    for group in groups:
        made.add_row()
        # The scenario is a line of its own: names of protocols are long, and a terminal has 80 columns.
        made.add_row(label(group[0]) + (f", {group[0]['mind']}" if several else ""), style="bold")
        for row in group:
            refused = sum(row["hazards"][hazard][level] for hazard in HAZARDS for level in REFUSED)
            made.add_row(
                row["protocol"], number(row["success"]), interval(row["intervals"]["success"]),
                number(row["efficiency"]), number(row["inference"]), *decisive(row), number(refused, 1),
            )  # fmt: skip
    return made


def isolation_table(rows: Sequence[Row]) -> Table:
    """Return the table of what the graph auditor says of rows that were audited."""
    made = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    made.add_column("protocol", no_wrap=True)
    made.add_column("level held", no_wrap=True)
    for name in ("C", "backward", "isolated", "least", "drift"):
        made.add_column(name, justify="right", no_wrap=True)
    for _, group in groupby(rows, lambda row: (label(row), row["mind"])):
        for nth, row in enumerate(group):
            if nth == 0:
                made.add_row()
                made.add_row(label(row), style="bold")
            found = row["isolation"]
            least = min((share for share in found["agents"].values() if share is not None), default=None)
            made.add_row(
                row["protocol"], found["held"] or "none", number(row["compatibility"]), number(found["backward"], 1),
                number(found["isolated"]), number(least), number(found["drift"], 1),
            )  # fmt: skip
    return made


ISOLATION_LEGEND = (
    "\nlevel held: the strongest that every episode held, on what acts rest on.\n"
    "C: share of decisions on no forbidden cycle that broke no invariant.\n"
    "backward: decisions an episode on a cycle by an edge to an earlier commit.\n"
    "isolated: share of decisions on no unsettled or fractured state and no\n"
    "cycle; least: of the agent with the least. drift: decisions an episode on\n"
    "cycles that only the world closes.\n"
)
LEGEND = (
    "\nS: share of goals met. E: goals per tick, I: think ticks per goal, both over\n"
    "the serial run's; an episode that misses a goal counts as long as it may last.\n"
    "decisive: acts gone wrong / acts at stake, over all seeds;\n"
    "of kind: their hazards; of a zero, the share that it still allows.\n"
    "refused: acts per episode.\n"
)


def flat(row: Row) -> dict[str, Any]:
    """Return a row with nested keys joined by dots."""
    out: dict[str, Any] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{prefix}.{name}" if prefix else name, inner)
        elif isinstance(value, list):
            for name, inner in zip(("low", "high"), value, strict=True):
                walk(f"{prefix}.{name}", inner)
        else:
            out[prefix] = value

    walk("", row)
    return out


def as_text(rows: Sequence[Row], form: str) -> str:
    """Return rows as JSON (an array) or CSV."""
    if form == "json":
        return json.dumps(list(rows), indent=1) + "\n"
    if not rows:
        return ""
    out = io.StringIO()
    flats = [flat(row) for row in rows]
    # What is named after agents or anomalies is not in every row.
    writer = csv.DictWriter(out, list(dict.fromkeys(key for one in flats for key in one)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flats)
    return out.getvalue()
