"""`stalegrid bench`: agent-steps, decisions and commits per CPU-second, observations and random play included."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .bench_parts import PARTS, Job, Row, grid, machine
from .compiling import compile_engine
from .protocols.presets import name_of, resolve


def run(
    parts: list[str], scenarios: list[str], protocols: list[str], job: dict[str, Any], axes: dict[str, Any]
) -> Iterator[Row]:  # fmt: skip
    """Measure the parts for every scenario under every protocol; `job` has the other fields of `Job`.

    Raises: ValueError for what cannot run.
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown or not parts:
        raise ValueError(f"--what is some of {', '.join(PARTS)}, or all; got {unknown[0] if unknown else ''!r}")
    if job["worlds"] < 1 or not 0 < job["seconds"] < inf:
        raise ValueError(f"worlds and seconds are above 0; got {job['worlds']} and {job['seconds']}")
    if job["ticks"] < 1:
        raise ValueError(f"ticks are a whole number from 1; got {job['ticks']}")
    jobs = [Job(place, resolve({"preset": name, **axes}), **job) for place in scenarios for name in protocols]
    shared = []
    for one in jobs:
        rules = one.rules
        shared.append(
            {
                "scenario": one.scenario, "protocol": name_of(one.config), "size": one.size,
                "agents": len(rules.agent_names), "sites": len(rules.site_names),
                "grid": grid(rules), "worlds": one.worlds,
                "ticks": one.ticks, "tailored": one.tailor, "machine": machine(),
            }
        )  # fmt: skip
    compile_engine()
    for part in parts:
        for one, facts in zip(jobs, shared, strict=True):
            for row in PARTS[part](one):
                yield {"part": part, **facts, **row}


# Heading of each figure, and how it is written.
_COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "agent_steps": ("agent-steps", lambda value: _short(value)),
    "decisions": ("decisions", lambda value: _short(value)),
    "commits": ("commits", lambda value: _short(value)),
    "deciding": ("deciding", "{:.0%}".format),
    "share": ("share", "{:.1%}".format),
    "times_none": ("x none", "{:.2f}".format),
    "times_off": ("x off", "{:.2f}".format),
    "times_plain": ("x plain", "{:.2f}".format),
    "times_first": ("x cost", "{:.2f}".format),
    "times_one": ("x one", "{:.2f}".format),
    "ns_an_agent": ("ns/agent", "{:,.0f}".format),
    "seconds": ("seconds", "{:.1f}".format),
    "cpu_seconds": ("CPU seconds", "{:.1f}".format),
    "gb_a_second": ("GB/s", "{:.1f}".format),
    "rss_mb_before": ("MB before", "{:,.0f}".format),
    "rss_mb": ("RSS in MB", "{:,.0f}".format),
}


def _short(value: float) -> str:
    """Write a rate: 11.4 M, 401 k; a dash where nothing is told."""
    if value == 0:
        return "-"
    return f"{value / 1e6:.1f} M" if value >= 1e6 else f"{value / 1e3:,.0f} k"


def write(found: list[Row], out: Path | None) -> None:
    """Write what has been measured so far to a file, if there is one."""
    if out is not None:
        part = out.with_name(out.name + ".part")
        part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        os.replace(part, out)


def show(console: Console, found: list[Row], form: str, out: Path | None) -> None:
    """Print what was measured."""
    if form == "json":
        if out is None:
            print(json.dumps(found, indent=1))
        return
    told = ("part", "scenario", "protocol", "size", "agents", "sites", "grid", "worlds", "tailored")
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in found:
        groups.setdefault(tuple(row[name] for name in told), []).append(row)
    for (part, scenario, protocol, size, many, sites, shape, worlds, made), rows in groups.items():
        ticks = {row["ticks"] for row in rows}
        console.print(
            f"{part}: {scenario} ({size}), {many} agents, {sites} sites, {shape}, {protocol}, {worlds} worlds"
            + (f", {ticks.pop()} ticks a call" if len(ticks) == 1 and ticks != {1} else "")
            + (", batches tailored" if made else ""),
            highlight=False,
        )
        columns = [name for name in _COLUMNS if any(row.get(name) for row in rows)]
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("")
        for name in columns:
            table.add_column(_COLUMNS[name][0], justify="right")
        for row in rows:
            figures = ("-" if row[name] is None else _COLUMNS[name][1](row[name]) for name in columns)
            table.add_row(row["what"], *figures)
        console.print(table)
    console.print(
        "A CPU-second on one core (threads: a second by the clock); random play, counters on, log off.\n" + machine(),
        style="dim", highlight=False,
    )  # fmt: skip
