"""`stalegrid audit` of one's own episodes: run, judged in every bracket, told with a witness for each anomaly."""

from __future__ import annotations

import json

import typer
from rich.console import Console
from rich.table import Table

from .judged import Judged, about, witness_lines
from .world.audit.anomalies import LEVELS

SHORT = ("RU", "RC", "SI", "SER", "STRICT")


def show(console: Console, judged: Judged, title: str) -> None:
    """Print the levels that an episode holds in each bracket, then the witnesses of the widest that was asked for."""
    console.print(f"{title}, seed {judged.seed}", style="bold", highlight=False, markup=False)
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
        for problem in certificate.problems:
            console.print(f"  {problem}", highlight=False, markup=False, soft_wrap=True)
    told: set[str] = set()
    for bracket, verdict in judged.verdicts.items():
        for witness in verdict.judgement.witnesses:
            if witness.anomaly in told:
                continue
            told.add(witness.anomaly)
            console.print(f"\n{witness.anomaly} ({bracket}): {about(witness.anomaly)}", highlight=False, markup=False)
            for line in witness_lines(judged.units, verdict.history, witness):
                console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def as_text(found: list[Judged]) -> str:
    """Return a JSON object a line, one for each episode."""
    return "".join(json.dumps(one.as_json()) + "\n" for one in found)


def exit_code(found: list[Judged]) -> None:
    """Stop with 1 if a protocol broke the certificate that it hands out.

    Raises: typer.Exit.
    """
    if any(one.certificate is not None and not one.certificate.holds for one in found):
        raise typer.Exit(1)
