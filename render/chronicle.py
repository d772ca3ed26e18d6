"""What the log of an episode says, laid out by tick for drawing: transactions, verdicts, locks, epochs, versions."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from numpy.typing import NDArray

from ..world import log
from ..world.audit import EpisodeReport, Evidence
from ..world.rules import Rules
from ..world.scenario import PASSES
from ..world.state import (
    ABORTED,
    COMMITTED,
    FAILED,
    NEVER,
    NO_OUTCOME,
    NO_TASK,
    NO_TXN,
    NOBODY,
    PARTIAL,
    REJECTED,
)

# Between two ticks agents walk, then they act: so long before a tick's end, in ticks, its acts are shown. What they
# rest on is still there then, and what they did is not yet.
ACT = 0.2

BEFORE_THOUGHT = (log.ADMISSION, log.FOR_LOCK, log.FOR_RANK, log.FOR_THOUGHT, log.HELD_BACK)  # what one waits for
_SETTLED = {
    log.COMMIT: COMMITTED, log.PARTIAL_COMMIT: PARTIAL, log.REJECT: REJECTED, log.ABORT: ABORTED, log.FAIL: FAILED,
    log.VICTIM: ABORTED,
}  # fmt: skip


class Input(NamedTuple):
    """What a transaction rests on, as it was frozen."""

    site: int
    value: int
    version: int
    channel: int
    promise: bool
    sensed: int  # tick


@dataclass
class Span:
    """One transaction from its decision to its end; ticks."""

    txn: int
    agent: int
    task: int
    decided: int
    thinks: int  # think ticks drawn
    began: int = NEVER  # of thought, where it did not wait
    thought: int = NEVER  # end of thought
    acts: list[int] = field(default_factory=list)
    settled: int = NEVER
    outcome: int = NO_OUTCOME
    inputs: list[Input] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """An act that rested on a world that is gone: carried out, or caught."""

    tick: int
    agent: int
    caught: bool
    hazard: str
    txn: int
    site: int  # that the act was about
    named: tuple[Evidence, ...]

    @property
    def when(self) -> float:
        """Time at which it falls, in ticks: that of the act, within its tick."""
        return self.tick - ACT


class Accident(NamedTuple):
    """Bodies on which something closed."""

    tick: int
    agent: int
    site: int
    bodies: int
    boat: bool  # one was lost


class VersionView(NamedTuple):
    """One version of a site."""

    site: int
    tick: int
    value: int
    version: int
    writer: int  # an agent, state.WORLD, or NOBODY for the initial value


class Chronicle:
    """All of an episode that is not in its scenes; asked by tick."""

    def __init__(self, rules: Rules, events: NDArray[Any], report: EpisodeReport) -> None:
        """Read a log once, from its beginning."""
        self.rules = rules
        self.spans: dict[int, Span] = {}
        self.accidents: list[Accident] = []
        self.versions: list[list[VersionView]] = [
            [VersionView(index, 0, site.value, 0, NOBODY)] for index, site in enumerate(rules.blueprint.sites)
        ]
        self.counted: dict[str, list[int]] = defaultdict(list)  # ticks at which something countable happened
        self.published: list[tuple[int, int]] = []  # (tick, epoch)
        self.plans: dict[int, list[tuple[int, int]]] = defaultdict(list)  # agent -> (tick, epoch it knows)
        self.held: list[tuple[int, int]] = []  # (tick, agent) who begins to wait for a new plan
        self.adopted: list[tuple[int, int]] = []
        self.passed: list[int] = []  # ticks at which a boat passed
        self.put_out: dict[int, int] = {}  # agent -> tick at which an accident put it out of play
        self._locks: list[tuple[int, int, int, int, int]] = []  # (tick, site, agent, mode, +1 granted or -1 released)
        self.broken: dict[int, int] = {}  # transaction -> the first invariant that it broke
        self._by_agent: dict[int, list[Span]] = defaultdict(list)
        for row in events[events["kind"] != log.SENSE]:
            self._read(int(row["kind"]), row)
        self.verdicts = self._verdicts(report)

    def _read(self, kind: int, row: Any) -> None:
        tick, agent, txn, site = (int(row[name]) for name in ("tick", "agent", "txn", "site"))
        span = self.spans.get(txn) if txn != NO_TXN else None
        if kind == log.DECIDE:
            span = self.spans[txn] = Span(txn, agent, int(row["a"]), tick, int(row["b"]), tick)
            self._by_agent[agent].append(span)
        elif kind == log.INPUT and span is not None:
            view = Input(site, int(row["value"]), int(row["version"]), int(row["a"]), bool(row["b"]), int(row["c"]))
            span.inputs.append(view)
        elif kind == log.WAIT_END and span is not None and int(row["b"]) in BEFORE_THOUGHT:
            span.began = tick
        elif kind == log.WAIT_BEGIN and int(row["b"]) == log.FOR_EPOCH:
            self.held.append((tick, agent))
        elif kind == log.THINK_END and span is not None:
            span.thought = tick
        elif kind == log.ACT and span is not None:
            span.acts.append(tick)
        elif kind in _SETTLED and span is not None:
            span.settled, span.outcome = tick, _SETTLED[kind]
            self.counted[{COMMITTED: "committed", PARTIAL: "committed"}.get(span.outcome, "refused")].append(tick)
        elif kind == log.WRITE:
            self.versions[site].append(VersionView(site, tick, int(row["value"]), int(row["version"]), agent))
            if span is None and txn != NO_TXN and agent >= 0:  # a crossing: decided and done in one
                span = self.spans[txn] = Span(txn, agent, NO_TASK, tick, 0, tick, tick)
                self._by_agent[agent].append(span)
            if span is not None and not span.acts:
                span.acts.append(tick)
        elif kind == log.INVARIANT_BROKEN:
            if txn not in self.broken:
                self.broken[txn] = int(row["a"])
                self.counted["broke"].append(tick)
        elif kind == log.ACCIDENT:
            self.accidents.append(Accident(tick, agent, site, int(row["value"]), int(row["a"]) >= 0))
        elif kind == log.PUT_OUT:
            self.put_out[agent] = tick
        elif kind == log.WORLD_EVENT and int(row["c"]) == PASSES:
            self.passed.append(tick)
        elif kind == log.SEND:
            self.counted["messages"].append(tick)
        elif kind in (log.GRANT, log.RELEASE):
            self._locks.append((tick, site, agent, int(row["a"]), 1 if kind == log.GRANT else -1))
        elif kind == log.PUBLISHED:
            self.published.append((tick, int(row["value"])))
            self.plans[agent].append((tick, int(row["value"])))
        elif kind == log.RECEIVED:
            self.plans[agent].append((tick, int(row["value"])))
        elif kind == log.ADOPTED:
            self.adopted.append((tick, int(row["value"])))

    def _verdicts(self, report: EpisodeReport) -> list[Verdict]:
        found: dict[tuple[int, int, int, bool], Verdict] = {}
        for finding in report.findings:
            if finding.level not in ("decisive", "prevented"):
                continue
            caught = finding.level == "prevented"
            site = self.rules.tasks[finding.task].ops[finding.op].site
            key = (finding.tick, finding.agent, finding.txn, caught)
            named = (*found[key].named, *finding.named) if key in found else finding.named
            hazard = found[key].hazard if key in found else finding.hazard
            found[key] = Verdict(finding.tick, finding.agent, caught, hazard, finding.txn, site, named)
        for verdict in found.values():
            self.counted["caught" if verdict.caught else "went wrong"].append(verdict.tick)
        for ticks in self.counted.values():
            ticks.sort()
        return sorted(found.values(), key=lambda verdict: (verdict.tick, verdict.agent))

    def marks(self) -> list[tuple[float, bool]]:
        """List (time, caught) of all that went wrong or was caught, accidents included, in order."""
        return sorted({(v.when, v.caught) for v in self.verdicts} | {(a.tick - ACT, False) for a in self.accidents})

    def accident_of(self, verdict: Verdict) -> Accident | None:
        """Return the accident that an act led to."""
        return next((one for one in self.accidents if (one.tick, one.agent) == (verdict.tick, verdict.agent)), None)

    def open_span(self, agent: int, tick: int) -> Span | None:
        """Return the transaction that an agent has open after a tick; one that ends in it no longer is."""
        spans = self._by_agent[agent]
        nth = bisect_right(spans, tick, key=lambda span: span.decided) - 1
        return spans[nth] if nth >= 0 and spans[nth].settled > tick else None

    def spans_of(self, agent: int, first: int, last: int) -> list[Span]:
        """Return an agent's transactions that touch the ticks from `first` to `last`."""
        return [span for span in self._by_agent[agent] if span.decided <= last and span.settled >= first]

    def ghosts(self, agent: int, tick: int) -> list[Input]:
        """Return the inputs of an agent's open transaction that decide something and hold no longer after a tick."""
        span = self.open_span(agent, tick)
        if span is None or span.task == NO_TASK:
            return []
        decisive = self.rules.tasks[span.task].reads
        found = []
        for view in span.inputs:
            if view.site in decisive:
                now = self.version_at(view.site, tick)
                if now.value != view.value and now.writer != agent:
                    found.append(view)
        return found

    def changes(self, verdict: Verdict) -> list[VersionView]:
        """List what others wrote, between the decision and the tick of the act, of the sites that a verdict names."""
        span = self.spans.get(verdict.txn)
        if span is None:
            return []
        known = {one.site: one.version for one in verdict.named}
        found = [
            version
            for site, told in known.items()
            for version in self.versions[site]
            if span.decided <= version.tick < verdict.tick
            and version.version > told
            and version.writer != verdict.agent
        ]
        return sorted(found, key=lambda version: version.tick)

    def cause(self, verdict: Verdict) -> VersionView | None:
        """Return the change since which what a verdict names is no longer so, up to the act; None if it was before.

        Of a region: that with which the first of those came who are on it at the act; others may have been and gone.
        """
        changes = self.changes(verdict)
        found = []
        for one in verdict.named:
            since = None
            there = self.bodies_on(one.site, one.current_version)
            for change in (change for change in changes if change.site == one.site):
                if there:
                    since = since or (change if change.writer in there and self.enters(change) else None)
                elif change.value == one.value:
                    since = None
                else:
                    since = since or change
            if since is not None:
                found.append(since)
        return min(found, key=lambda version: version.tick, default=None)

    def enters(self, version: VersionView) -> bool:
        """Tell whether a version of a region is somebody's coming."""
        return version.value > self.versions[version.site][version.version - 1].value

    def bodies_on(self, site: int, version: int) -> list[int]:
        """Return who is on a region at one of its versions, those who came first first; nobody is on another site."""
        if self.rules.blueprint.sites[site].kind != "region":
            return []
        there: list[int] = []
        for one in self.versions[site][1 : version + 1]:
            if one.writer < 0:  # the world carries off whom an accident put out of play
                there = [agent for agent in there if self.put_out.get(agent, NEVER) > one.tick]
            elif self.enters(one):
                there.append(one.writer)
            elif one.writer in there:
                there.remove(one.writer)
        return there

    def version_at(self, site: int, tick: int) -> VersionView:
        """Return the version that a site has after a tick."""
        versions = self.versions[site]
        return versions[max(0, bisect_right(versions, tick, key=lambda version: version.tick) - 1)]

    def count(self, what: str, tick: int) -> int:
        """Return how often something has happened up to a tick."""
        return bisect_right(self.counted[what], tick)

    def thought_until(self, tick: int) -> int:
        """Return the think ticks of all agents up to a tick."""
        return sum(
            min(span.thinks, max(0, min(tick, span.settled) - max(span.began, span.decided) + 1))
            for span in self.spans.values()
            if span.decided <= tick
        )

    def locks_at(self, tick: int) -> dict[int, list[tuple[int, int]]]:
        """Return (agent, mode) of the locks that are held after a tick, by site."""
        held: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for when, site, agent, mode, change in self._locks:
            if when > tick:
                break
            if site < 0:
                continue  # the token, which the scene shows
            if change > 0:
                held[site].append((agent, mode))
            else:
                held[site] = [one for one in held[site] if one[0] != agent]
        return {site: holders for site, holders in held.items() if holders}

    def epoch_at(self, tick: int) -> int:
        """Return the newest epoch published."""
        return max((epoch for when, epoch in self.published if when <= tick), default=0)

    def epoch_known(self, agent: int, tick: int) -> int:
        """Return the newest epoch that an agent has a copy of."""
        return max((epoch for when, epoch in self.plans[agent] if when <= tick), default=0)

    def epoch_adopted(self, tick: int) -> int:
        """Return the newest epoch adopted by all at once; 0 where corrections are broadcast."""
        return max((epoch for when, epoch in self.adopted if when <= tick), default=0)
