"""Rows of a comparison as a table for people, as JSON or as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from .compare import Row
from .world.audit import metrics
from .world.state import HAZARDS

SHORT = {
    "stale_read": "stale read",
    "lost_update": "lost update",
    "stale_correction": "stale corr.",
    "action_message_desync": "desync",
}
FORMATS = ("table", "json", "csv")


def number(value: float | None, digits: int = 2) -> str:
    """Return a number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def interval(ends: Sequence[float | None]) -> str:
    """Return an interval."""
    return "-" if ends[0] is None or ends[1] is None else f"{ends[0]:.2f}-{ends[1]:.2f}"


def at_stake(level: dict[str, float], seeds: int) -> int:
    """Return how many acts could have gone wrong by a hazard: exposed, decisive and prevented ones."""
    return round((level["exposed"] + level["decisive"] + level["prevented"]) * seeds)


def decisive(row: Row) -> str:
    """Return the decisive acts of all kinds over what was at stake; a zero with what it still allows."""
    wrong = round(sum(row["hazards"][hazard]["decisive"] for hazard in HAZARDS) * row["seeds"])
    stake = sum(at_stake(row["hazards"][hazard], row["seeds"]) for hazard in HAZARDS)
    if wrong or not stake:
        return f"{wrong}/{stake}"
    return f"0/{stake} <{metrics.upper_bound(0, stake):.1%}"


def kinds(row: Row) -> str:
    """Name the hazards that were decisive, the most frequent first."""
    found = [(row["hazards"][hazard]["decisive"], SHORT[hazard]) for hazard in HAZARDS if row["hazards"][hazard]["decisive"]]
    return ", ".join(name for _, name in sorted(found, reverse=True)) or "none"


def table(rows: Sequence[Row]) -> Table:
    """Return the table that fits a terminal of 80 columns; the JSON rows have everything."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    minds = {row["mind"] for row in rows}
    for name in ("scenario", "protocol", *(("mind",) if len(minds) > 1 else ())):
        made.add_column(name, no_wrap=True)
    for name in ("S", "95 %", "E", "I"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("decisive", justify="right", no_wrap=True)
    made.add_column("of kind", no_wrap=True)
    made.add_column("refused", justify="right", no_wrap=True)
    last = None
    for row in rows:
        if last is not None and row["scenario"] != last:
            made.add_section()
        first = row["scenario"] if row["scenario"] != last else ""
        last = row["scenario"]
        refused = sum(row["hazards"][h][level] for h in HAZARDS for level in ("prevented", "false_reject", "retries"))
        made.add_row(
            first, row["protocol"], *((row["mind"],) if len(minds) > 1 else ()), number(row["success"]),
            interval(row["intervals"]["success"]), number(row["efficiency"]), number(row["inference"]), decisive(row),
            kinds(row), number(refused, 1),
        )  # fmt: skip
    return made


LEGEND = (
    "S: share of goals met.  E: goals per tick, I: think ticks per goal, over the serial run's.\n"
    "decisive: acts gone wrong / acts at stake, over all seeds (a zero: what it still allows).\n"
    "refused: acts refused per episode."
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
    writer = csv.DictWriter(out, list(flat(rows[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat(row) for row in rows)
    return out.getvalue()
