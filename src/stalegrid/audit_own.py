"""`stalegrid audit` of one's own episodes: run, judged in every bracket, told with a witness for each anomaly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from .audit import SHORT, written
from .compare import Cell
from .judged import Judged, judge_own, witness_lines
from .terminal import console, tell_line
from .world.audit.anomalies import ANOMALIES, LEVELS


def audit_episodes(cell: Cell, brackets: Sequence[str], unit: str, form: str, out: Path | None) -> bool:
    """Run the episodes of a cell and print the verdicts, `out` as of `audit.audit_files`.

    Returns whether every certificate that the protocol handed out holds.
    """
    all_hold = True
    for one in written(judge_own(cell, brackets, unit), form, out):
        if form == "table":
            _show(one)
        all_hold = all_hold and (one.certificate is None or one.certificate.holds)
    return all_hold


def _show(judged: Judged) -> None:
    """Print the levels that an episode holds in each bracket, then a witness of each anomaly."""
    console.print(judged.name, style="bold", highlight=False, markup=False)
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("bracket", *SHORT, "held", "drift"):
        made.add_column(column, no_wrap=column != "drift")
    for bracket, verdict in judged.verdicts.items():
        holds = ("yes" if verdict.judgement.levels[level] else "no" for level in LEVELS)
        made.add_row(bracket, *holds, verdict.held or "none", ", ".join(verdict.drift) or "-")
    console.print(made)
    certificate = judged.certificate
    if certificate is not None:
        said = "holds" if certificate.holds else "is broken"
        console.print(f"certificate over {certificate.listed} transactions: {said}", highlight=False)
    if judged.replay is not None:
        said = "done again one after the other they come to the same" if judged.replay.holds else "no order was found"
        console.print(f"replay of {judged.replay.listed} transactions: {said}", highlight=False)
    for order in (certificate, judged.replay):
        for problem in order.problems if order is not None else ():
            tell_line(problem, 2)
    if judged.cut_off:
        cut = f"{judged.cut_off} decisions are left out: their ranks were not quiet at the end"
        console.print(cut, style="dim", highlight=False)
    told: set[str] = set()
    for bracket, verdict in judged.verdicts.items():
        for witness in verdict.judgement.witnesses:
            if witness.anomaly in told:
                continue
            told.add(witness.anomaly)
            tell_line(f"\n{witness.anomaly} ({bracket}): {ANOMALIES[witness.anomaly].sentence}")
            for line in witness_lines(judged.units, verdict.history, witness):
                tell_line(line, 2)
