"""Compare protocols: the same seeds and minds under each, judged by the auditor, one row a combination."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .agents.minds import rule_of
from .episodes import Episode, count_episodes, run_episodes
from .make import Protocol
from .protocols.config import Config
from .protocols.own import check_own
from .protocols.presets import PRESETS, name_of, resolve
from .reading import make_rules
from .world.audit import EpisodeReport, audit_episode, metrics
from .world.audit.anomalies import LEVELS as ISOLATION_LEVELS
from .world.audit.certificates import Certificate, check_all, replay_all
from .world.audit.episode_judge import judge_episodes, rank
from .world.audit.isolation import Count, counts
from .world.audit.units import Units, read_logs
from .world.control import Control
from .world.rules import Rules
from .world.scenarios import SCENARIOS
from .world.seeds import SEEDS
from .world.state import HAZARDS, LEVELS

FIRST_TEST_SEED = 1_000_000  # 0-9,999 train, 10,000-10,999 validate
REFERENCE = "serial"
BASELINE = "none"

Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One combination to measure. `seeds` are consecutive from `first_seed`."""

    scenario: str
    protocol: Protocol
    mind: str = "naive"
    size: str = "small"
    seeds: int = 64
    first_seed: int = FIRST_TEST_SEED
    settings: tuple[tuple[str, Any], ...] = ()
    contention: str = "usual"  # a level of `world.scenario.CONTENTION`; what `settings` says goes before it

    def rules(self) -> Rules:
        """Return the scenario under its settings."""
        scenario = SCENARIOS[self.scenario]
        changed = scenario.at(self.size, self.contention) if self.size in scenario.sizes else {}
        return make_rules(self.scenario, size=self.size, **{**changed, **dict(self.settings)})

    @property
    def config(self) -> Config | Control:
        """Return the protocol's config, or a user's own protocol."""
        return self.protocol if isinstance(self.protocol, Control) else resolve(self.protocol)

    @property
    def name(self) -> str:
        """Return the protocol's name."""
        return self.protocol.name if isinstance(self.protocol, Control) else name_of(resolve(self.protocol))

    def key(self) -> tuple[Any, ...]:
        """Return what two cells must share to be paired."""
        return (self.scenario, self.mind, self.size, self.seeds, self.first_seed, self.settings, self.contention)


@dataclass(frozen=True)
class Run:
    """The episodes of a cell, judged: by the auditor, or by the kernel's counters alone, then without a digest."""

    rules: Rules
    reports: tuple[EpisodeReport, ...]
    decisions: tuple[Count, ...] = ()
    digest: str | None = None
    isolation: Row | None = None

    @property
    def shares(self) -> list[float]:
        """S of each episode."""
        return [report.goals_met / report.goals if report.goals else 1.0 for report in self.reports]

    def total(self, counter: str) -> int:
        """Return the sum of a counter over the episodes."""
        return sum(report.counts[counter] for report in self.reports)

    def mean(self, counter: str) -> float:
        """Return the mean of a counter per episode."""
        return self.total(counter) / len(self.reports)


def default_cells(**common: Any) -> list[Cell]:
    """Return the one-hazard scenarios x (none, its cure, serial)."""
    return [
        Cell(scenario.name, protocol, **common)
        for scenario in SCENARIOS.values()
        if scenario.hazard is not None and scenario.cure is not None
        for protocol in (BASELINE, scenario.cure, REFERENCE)
    ]


def all_cells(**common: Any) -> list[Cell]:
    """Return every scenario x every preset."""
    return [Cell(scenario, protocol, **common) for scenario in SCENARIOS for protocol in PRESETS]


def check_cells(cells: Iterable[Cell]) -> None:
    """Refuse what cannot run before anything runs.

    Raises: ValueError that says what is allowed.
    """
    for cell in cells:
        if cell.seeds < 1:
            raise ValueError(f"seeds is a whole number from 1; got {cell.seeds}")
        if not 0 <= cell.first_seed <= SEEDS - cell.seeds:
            raise ValueError(f"seeds lie between 0 and 2**64 - 1; got {cell.seeds} from {cell.first_seed}")
        if cell.scenario not in SCENARIOS:
            raise ValueError(f"unknown scenario {cell.scenario!r}; available are {', '.join(SCENARIOS)}")
        rule_of(cell.mind, cell.scenario)
        if isinstance(cell.config, Control):
            check_own(cell.config)
        cell.rules()


class Comparison:
    """Runs cells; the runs that rows are paired with (`none`, `serial`) are made once and kept."""

    def __init__(self, audit: bool = False, counters: bool = False) -> None:
        self.audit = audit  # rows also say at which level episodes are isolated
        self.counters = counters  # no log is kept, nothing is audited: what the kernel counts has to do
        self._kept: dict[tuple[Any, ...], Run] = {}

    def run(self, cell: Cell) -> Run:
        """Run and audit the episodes of a cell."""
        if isinstance(cell.protocol, Control):
            return self._run(cell)
        key = (*cell.key(), cell.config)
        if cell.name not in (BASELINE, REFERENCE):
            return self._run(cell)
        if key not in self._kept:
            self._kept[key] = self._run(cell)
        return self._kept[key]

    def _run(self, cell: Cell) -> Run:
        rules = cell.rules()
        seeds = range(cell.first_seed, cell.first_seed + cell.seeds)
        if self.counters:
            return Run(rules, tuple(count_episodes(rules, compiled_config(cell), cell.mind, seeds)))
        episodes: list[Episode] = run_episodes(rules, cell.config, cell.mind, seeds)
        reports = tuple(audit_episode(rules, episode.events) for episode in episodes)
        units = read_logs(rules, [episode.events for episode in episodes])
        decisions = tuple(counts(units, [report.tore for report in reports]))
        joined = "".join(episode.digest for episode in episodes)
        found = isolation(units, decisions, cell.config) if self.audit else None
        return Run(rules, reports, decisions, hashlib.sha256(joined.encode()).hexdigest(), found)

    def row(self, cell: Cell) -> Row:
        """Return the row of a cell."""
        run = self.run(cell)
        none = self.run(_with(cell, BASELINE))
        serial = self.run(_with(cell, REFERENCE))
        row = _row(cell, run, none, serial)
        return {**row, "isolation": run.isolation} if self.audit else row


def compiled_config(cell: Cell) -> Config:
    """Return the config of a cell whose episodes the kernel can count.

    Raises: ValueError for a user's own protocol.
    """
    config = cell.config
    if isinstance(config, Control):
        raise ValueError(f"{cell.name} runs on the readable engine, which keeps no counters: omit --counters")
    return config


def _with(cell: Cell, protocol: str) -> Cell:
    return replace(cell, protocol=protocol)


def _row(cell: Cell, run: Run, none: Run, serial: Run) -> Row:
    rules, reports = run.rules, run.reports
    totals = {name: run.total(name) for name in reports[0].counts}
    goals = [[report.goals_met for report in one.reports] for one in (run, serial)]
    ticks = [[report.ticks_to_goals for report in one.reports] for one in (run, serial)]
    thought = [[report.counts["think_ticks"] for report in one.reports] for one in (run, serial)]
    success = metrics.success_interval(run.shares)
    efficiency = metrics.efficiency_interval(goals[0], ticks[0], goals[1], ticks[1])
    inference = metrics.inference_interval(goals[0], thought[0], goals[1], thought[1])
    return {
        "scenario": cell.scenario,
        "protocol": cell.name,
        "mind": cell.mind,
        "agents": len(rules.agent_names),
        "think": rules.settings.think,
        "delay": rules.settings.delay,
        "contention": cell.contention,
        "seeds": cell.seeds,
        "success": success.value,
        "compatibility": metrics.compatibility(
            sum(one.incompatible for one in run.decisions), sum(one.committed for one in run.decisions)
        ),
        "efficiency": efficiency.value,
        "inference": inference.value,
        "wasted_inference": metrics.wasted_inference(totals),
        "blocked": metrics.blocked_share(totals, len(rules.agent_names), sum(report.ticks for report in reports)),
        "hazards": {hazard: {level: run.mean(f"{hazard}.{level}") for level in LEVELS} for hazard in HAZARDS},
        "outdated_belief": run.mean("outdated_belief"),
        "drift": run.mean("drift"),
        "victims": run.mean("victims"),
        "false_stall": run.mean("false_stall"),
        "invariant_violations": run.mean("invariant_violations"),
        "accidents": run.mean("accidents"),
        "messages": run.mean("messages"),
        "slips": run.mean("slips"),
        "intervals": {
            "success": [success.low, success.high],
            "efficiency": [efficiency.low, efficiency.high],
            "inference": [inference.low, inference.high],
        },
        "versus_none": _versus(run, none),
        "versus_serial": _versus(run, serial),
        "corrections": None if run.digest is None else _corrections(run),
        "digest": run.digest,
    }


def certificates_of(units: Units, protocol: Config | Control) -> list[Certificate | None]:
    """Check the certificate that a protocol hands out for each episode; None where it hands out none."""
    kind = None if isinstance(protocol, Control) else protocol.certificate_in(units.rules.settings)
    return [None] * units.episodes if kind is None else [*check_all(units, kind)]


def replays_of(units: Units, protocol: Config | Control) -> list[Certificate | None]:
    """Look for a serial order of each episode by replay; None where the protocol does not validate premises."""
    is_replayed = isinstance(protocol, Config) and protocol.is_replayed
    return [*replay_all(units)] if is_replayed else [None] * units.episodes


def isolation(units: Units, decisions: Sequence[Count], protocol: Config | Control) -> Row:
    """Say how far transactions were kept apart, on the headline bracket and by decisions.

    `held` is the strongest level that every episode held, `episodes` how many held each as their strongest; `backward`
    counts the decisions per episode on a cycle by an edge to an earlier commit, `cut_off` those that count nowhere, for
    their ranks were not quiet at the end; `replays` in how many episodes a serial order was looked for by replay, and
    found; `agents` is the share of each agent's decisions that rested on no unsettled
    or fractured state and lie on no cycle, in the order of the agents, and `isolated` that of all; `drift` how many
    decisions an episode has on cycles that only the world closes.
    """
    many, names = len(decisions), units.rules.agent_names
    verdicts = judge_episodes(units, range(many))
    strongest = [verdict.held for verdict in verdicts]
    certificates, replays = certificates_of(units, protocol), replays_of(units, protocol)
    made = [sum(one.committed_by[agent] for one in decisions) for agent in range(len(names))]
    kept = [sum(one.isolated[agent] for one in decisions) for agent in range(len(names))]
    return {
        "held": min(strongest, key=rank),
        "episodes": {level: strongest.count(level) for level in ISOLATION_LEVELS},
        "anomalies": {
            name: sum(name in verdict.judgement.anomalies for verdict in verdicts)
            for name in sorted({name for verdict in verdicts for name in verdict.judgement.anomalies})
        },
        "drift": sum(verdict.drifting for verdict in verdicts) / many,
        "isolated": sum(kept) / sum(made) if sum(made) else None,
        "agents": {name: kept[agent] / made[agent] if made[agent] else None for agent, name in enumerate(names)},
        "backward": sum(one.backward for one in decisions) / many,
        "cut_off": sum(one.cut_off for one in decisions) / many,
        "certificates": {
            "checked": sum(one is not None for one in certificates),
            "broken": sum(one is not None and not one.holds for one in certificates),
        },
        "replays": {
            "tried": sum(one is not None for one in replays),
            "serial": sum(one is not None and one.holds for one in replays),
        },
    }


def _corrections(run: Run) -> Row:
    """Say how corrections of the plan spread: means per episode, latency and skew per correction that all came to know.

    `late` is split by when the act was decided on, before or after the publication. Latency and skew are None where
    nothing was corrected.
    """
    of = [report.corrections for report in run.reports]
    many, adopted = len(of), sum(one.adopted for one in of)
    return {
        "published": sum(one.published for one in of) / many,
        "late": {"decided_before": run.mean("late_decided_before"), "decided_after": run.mean("late_decided_after")},
        "torn": run.mean("torn"),
        "adoption_latency": sum(one.latency for one in of) / adopted if adopted else None,
        "audience_skew": sum(one.skew for one in of) / adopted if adopted else None,
        "held": sum(one.held for one in of) / many,
        "fenced": sum(one.fenced for one in of) / many,
    }


def _versus(run: Run, other: Run) -> Row:
    found = metrics.difference_interval(run.shares, other.shares)
    return {"difference": found.value, "interval": [found.low, found.high]}


def label(row: Row) -> str:
    """Name a row's scenario, and its level of contention unless it is the usual one."""
    level = row["contention"]
    return str(row["scenario"]) + ("" if level == "usual" else f", {level} contention")


def regained(rows: Sequence[Row]) -> list[str]:
    """Say, for each row between none and serial, which share of S(serial) - S(none) it wins back."""
    lines = []
    for row in rows:
        if row["protocol"] in (BASELINE, REFERENCE):
            continue
        above_none = row["versus_none"]["difference"]
        gap = above_none - row["versus_serial"]["difference"]
        if abs(gap) > 1e-9:
            share = f"regains {above_none / gap:.0%} of S(serial) - S(none)"
            lines.append(f"{label(row)}, {row['mind']}: {row['protocol']} {share}")
    return lines
