"""`stalegrid bench`: agent-steps per CPU-second on one core, observations and random actions included."""

from __future__ import annotations

import json
import platform
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from .make import compile_engine, make_rules, parallel_env
from .protocols.batch import Batch
from .protocols.config import Config
from .protocols.engine import random_choices
from .protocols.presets import name_of, resolve
from .world.rules import Rules

ROUNDS = 5


def machine() -> str:
    """Name the machine."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = named[0].split(":", 1)[1].strip() if named else model
    return f"{model}, Python {platform.python_version()}, {platform.system()}"


def measure(
    scenarios: list[str], protocols: list[str], worlds: int, seconds: float, size: str, settings: dict[str, Any],
    axes: dict[str, Any],
) -> list[dict[str, Any]]:  # fmt: skip
    """Measure every combination; medians of several rounds of `seconds` / ROUNDS CPU-seconds.

    Raises: ValueError for what cannot run.
    """
    if worlds < 1 or seconds <= 0:
        raise ValueError(f"worlds and seconds are above 0; got {worlds} and {seconds}")
    found = []
    for scenario in scenarios:
        for protocol in protocols:
            config = resolve({"preset": protocol, **axes})
            rules = make_rules(scenario, size=size, **settings)
            compile_engine()
            batch = _batch(rules, config, worlds, seconds)
            single = _parallel(scenario, config, size, settings, seconds)
            found.append(
                {
                    "scenario": scenario, "protocol": name_of(config), "agents": len(rules.agent_names),
                    "grid": f"{rules.layout.rows}x{rules.layout.columns}", "worlds": worlds, "parallel_env": single,
                    "batch": batch["agent_steps"], "decisions": batch["decisions"],
                    "rss_mb": _peak_mb(),
                    "machine": machine(),
                }
            )  # fmt: skip
    return found


def _peak_mb() -> float:
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _median_rate(seconds: float, work: Callable[[], float]) -> float:
    """Return the median over rounds of what `work` did a CPU-second."""
    work()
    rates = []
    for _ in range(ROUNDS):
        done, start = 0.0, time.process_time()
        while time.process_time() - start < seconds / ROUNDS:
            done += work()
        rates.append(done / (time.process_time() - start))
    return float(np.median(rates))


def _batch(rules: Rules, config: Config, worlds: int, seconds: float) -> dict[str, float]:
    batch = Batch(rules, config, worlds)
    choices = np.zeros((worlds, batch.agents), np.int32)
    seeds = np.arange(worlds, dtype=np.uint64)
    random = np.arange(1, worlds + 1, dtype=np.uint64)
    batch.reset(seeds)
    ticks, decided = 0, 0

    def work() -> float:
        nonlocal ticks, decided
        before = int(batch.state.world["tick"].sum())
        for _ in range(16):
            decided += random_choices(batch.context, choices, random)
            batch.step(choices)
        done = int(batch.state.world["tick"].sum()) - before
        ticks += done
        ended = ~batch.running
        if ended.any():
            seeds[ended] += np.uint64(worlds)
            batch.reset_chosen(ended, seeds)
        return float(done * batch.agents)

    rate = _median_rate(seconds, work)
    return {"agent_steps": rate, "decisions": rate * decided / max(1, ticks * batch.agents)}


def _parallel(scenario: str, config: Config, size: str, settings: dict[str, Any], seconds: float) -> float:
    env = parallel_env(scenario, config, size=size, **settings)
    env.reset(seed=0)
    names, many = env.possible_agents, len(env.action_table)
    drawn = np.random.default_rng(0).integers(0, many, (4096, len(names))).tolist()
    turn = 0

    def work() -> float:
        nonlocal turn
        for _ in range(100):
            if not env.agents:
                env.reset()
            turn = (turn + 1) % len(drawn)
            env.step(dict(zip(names, drawn[turn], strict=True)))
        return 100.0 * len(names)

    return _median_rate(seconds, work)


def show(console: Console, found: list[dict[str, Any]], form: str, out: Path | None) -> None:
    """Print what was measured."""
    text = json.dumps(found, indent=1)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
    if form == "json":
        if out is None:
            print(text)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("scenario", "protocol", "agents", "grid", "ParallelEnv", "batch", "decisions", "RSS"):
        table.add_column(name, justify="left" if name in ("scenario", "protocol") else "right")
    for row in found:
        table.add_row(
            row["scenario"], row["protocol"], str(row["agents"]), row["grid"], f"{row['parallel_env'] / 1e3:,.0f} k",
            f"{row['batch'] / 1e6:.1f} M", f"{row['decisions'] / 1e6:.1f} M", f"{row['rss_mb']:.0f} MB",
        )  # fmt: skip
    console.print(table)
    console.print(
        f"agent-steps (and decisions, in the batch of {found[0]['worlds']}) per CPU-second, one core, random actions, "
        f"counters on, log off.\n{machine()}",
        style="dim", highlight=False,
    )  # fmt: skip
