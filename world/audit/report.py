"""What an audit of one episode says: the counters, and the findings behind them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .corrections import Corrections


@dataclass(frozen=True)
class Evidence:
    """An input that a finding names, and what had become of its site. For a message `version` is the stamp."""

    site: int
    value: int
    version: int
    channel: int
    promise: bool
    sensed: int  # tick
    current_value: int
    current_version: int
    writer: int  # of the newest version that superseded the input
    superseded: int  # tick of that version


@dataclass(frozen=True)
class Finding:
    """One thing that was counted, with the act it was found in."""

    hazard: str
    level: str
    tick: int
    agent: int
    txn: int
    task: int
    op: int
    verb: str
    named: tuple[Evidence, ...]


@dataclass(frozen=True)
class EpisodeReport:
    """What one episode came to. `counts` has a value for every name of `state.COUNTERS`."""

    counts: dict[str, int]
    goals: int
    goals_met: int
    ticks: int
    last_goal_tick: int  # when the number of met goals last grew; 0 if it never did
    agents: int
    horizon: int
    terminated: bool
    findings: tuple[Finding, ...] = ()
    corrections: Corrections = field(default_factory=Corrections)
    tore: frozenset[int] = frozenset()  # transactions that broke a constraint of the plan with one of another epoch

    @property
    def ticks_to_goals(self) -> int:
        """Ticks to the last goal met; the horizon if some goal was not."""
        return self.last_goal_tick if self.goals_met == self.goals else self.horizon
