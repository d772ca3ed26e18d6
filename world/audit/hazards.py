"""The auditor: reads the log of an episode and says which acts rested on what was no longer so.

It is the same for every protocol and never asks which one ran. What it counts under which name is the list
`state.COUNTERS`; a compiled engine keeps the same counters while it runs, and both must agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import log, verbs
from ..rules import Rules
from ..state import (
    AT_SETTLE,
    COUNTERS,
    DECISIVE,
    DESYNC,
    EXPOSED,
    FALSE_REJECT,
    HAZARDS,
    LEVELS,
    LOST_UPDATE,
    PLANNED,
    PREVENTED,
    RETRIES,
    SENSED,
    STALE_CORRECTION,
    STALE_READ,
    TERMINATED,
    TOLD,
    WRITTEN,
)
from .corrections import spread
from .history import SiteHistory, Version, initial_history
from .ranks import Ranks
from .report import EpisodeReport, Evidence, Finding
from .sums import SETTLES, goals_over_time, last_tick, sums
from .torn import TornPairs
from .verdicts import NO_TAG, Act, Read, Verdict, hazard_of, judge

HAZARD_OF_SCOPE = {WRITTEN: LOST_UPDATE, SENSED: STALE_READ, TOLD: DESYNC, PLANNED: STALE_CORRECTION}

_WRITES = (log.WRITE, log.UNDO, log.REDO)
_RANKS = (log.RANK, log.LAID, log.TAKEN, log.QUIET)
_RELEVANT = (
    log.DECIDE, log.INPUT, log.READ, log.ACT, log.CHECK_FAILED, log.VICTIM, *_WRITES, *_RANKS, *SETTLES,
)  # fmt: skip


def audit_episode(rules: Rules, events: NDArray[Any]) -> EpisodeReport:
    """Judge one episode from its whole log, [n] log.EVENT, and the rules that the log's header names.

    Raises: ValueError if the log does not begin with the episode.
    """
    judged = _Audit(rules, events)
    judged.run()
    counts = dict.fromkeys(COUNTERS, 0)
    counts |= sums(rules, events)
    counts |= judged.counts
    ends = events[events["kind"] == log.END]
    goals_met, last_goal_tick = goals_over_time(events)
    return EpisodeReport(
        counts=counts,
        goals=len(rules.blueprint.goals),
        goals_met=goals_met,
        ticks=last_tick(events),
        last_goal_tick=last_goal_tick,
        agents=len(rules.agent_names),
        horizon=rules.max_cycles,
        terminated=bool(len(ends)) and bool(ends["a"][-1] == TERMINATED),
        findings=tuple(judged.findings),
        corrections=spread(rules, events),
        tore=frozenset(judged.tore),
    )


@dataclass
class _Open:
    """A transaction on its way."""

    task: int
    decided: int  # tick
    inputs: dict[int, Read] = field(default_factory=dict)  # by site, as last used
    frozen: dict[int, int] = field(default_factory=dict)  # site -> version of an input outdated when it was frozen
    pending: list[Act] = field(default_factory=list)  # their writes wait for settle
    tried: Act | None = None  # refused at the act
    is_refused: bool = False


class _Audit:
    """One pass over a log. Acts are judged as the sites stand at that point of the pass."""

    def __init__(self, rules: Rules, events: NDArray[Any]) -> None:
        self.rules = rules
        self.plan = frozenset(rules.plan)
        self.torn = TornPairs(rules.constraints)
        self.tore: set[int] = set()  # transactions that completed a torn pair
        self.sites: list[SiteHistory] = initial_history(rules)
        self.ranks = Ranks(rules)
        self.counts: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self.open: dict[int, _Open] = {}
        self.reads: list[tuple[int, ...]] = []  # of the act to come
        self.seen: set[tuple[bool, int, int, int, int]] = set()  # supersessions counted as prevented
        kind = events["kind"]
        # What the log says only later: which acts were refused or buffered, and who settled with what was pending.
        self.buffered = _pairs(events[kind == log.BUFFER])
        checks = events[kind == log.CHECK_FAILED]
        self.refused_when_tried = _pairs(checks[checks["b"] != AT_SETTLE])  # at the act, or in thought before it
        self.refused_sites: dict[int, list[int]] = {}
        for txn, site in checks[["txn", "site"]].tolist():
            self.refused_sites.setdefault(txn, []).append(site)
        self.keepers = set(events["txn"][np.isin(kind, SETTLES) & (events["c"] > 0)].tolist())
        self.rows: list[tuple[int, ...]] = events[np.isin(kind, _RELEVANT)].tolist()

    def run(self) -> None:
        """Read every relevant event once, in order."""
        steps = {
            log.DECIDE: self._decide, log.INPUT: self._input, log.READ: self.reads.append, log.ACT: self._act,
            log.CHECK_FAILED: self._check_failed, log.VICTIM: self._victim,
            **dict.fromkeys(_WRITES, self._write), **dict.fromkeys(_RANKS, self.ranks.read),
        }  # fmt: skip
        for row in self.rows:
            steps.get(row[0], self._settle)(row)

    # ------------------------------------------------------------------ the log, event by event

    def _decide(self, row: tuple[int, ...]) -> None:
        _, tick, _, txn, _, _, _, _, _, task, _, _, _, _ = row
        self.open[txn] = _Open(task, tick)

    def _input(self, row: tuple[int, ...]) -> None:
        _, _, _, txn, _, site, value, version, _, channel, promise, sensed, _, _ = row
        txn_open = self.open[txn]
        outdated = version != self.sites[site].newest.version
        txn_open.inputs[site] = Read(
            site, value, version, channel, bool(promise), sensed, False, False, outdated, site in self.plan
        )  # fmt: skip
        if outdated:
            txn_open.frozen[site] = version

    def _act(self, row: tuple[int, ...]) -> None:
        _, tick, agent, txn, index, _, argument, _, task, _, premise, written, _, _ = row
        txn_open = self.open[txn]
        reads = []
        for _, _, _, _, _, site, value, version, _, channel, promise, role, own, _ in self.reads:
            before = txn_open.inputs[site]
            # An own write in place renewed what has another version than the frozen input.
            sensed = before.sensed if version == before.version else self.sites[site].versions[version].tick
            outdated = txn_open.frozen.get(site) == version
            read = Read(
                site, value, version, channel, bool(promise), sensed, bool(role & 1), bool(own), outdated,
                site in self.plan,
            )  # fmt: skip
            txn_open.inputs[site] = read
            reads.append(read)
        self.reads.clear()
        op = self.rules.tasks[task].ops[index]
        act = Act(tick, agent, txn, task, index, op, argument, bool(premise), written, tuple(reads))
        if (txn, index) in self.buffered:
            txn_open.pending.append(act)
        elif (txn, index) in self.refused_when_tried:
            txn_open.tried = act
        else:
            self._executed(act, tick)

    def _write(self, row: tuple[int, ...]) -> None:
        _, tick, agent, txn, _, site, value, version, _, _, _, _, _, _ = row
        if (txn, row[4]) in self.buffered:
            self._take_effect(txn, tick)
        self.sites[site].install(Version(value, version, agent, tick, txn))
        self.torn.forget(site)

    def _settle(self, row: tuple[int, ...]) -> None:
        _, tick, _, txn, *_ = row
        if txn in self.keepers:
            self._take_effect(txn, tick)
        self.open.pop(txn, None)

    def _take_effect(self, txn: int, tick: int) -> None:
        """Judge what was pending together, as the sites stand before the first write of it."""
        pending, self.open[txn].pending = self.open[txn].pending, []
        for act in pending:
            self._executed(act, tick)

    def _check_failed(self, row: tuple[int, ...]) -> None:
        _, tick, _, txn, *_ = row
        txn_open = self.open[txn]
        if txn_open.is_refused:
            return  # one row for each stale input
        txn_open.is_refused = True
        refused = self._dropped(txn)
        if txn_open.tried is not None:
            refused.append(txn_open.tried)
        self._refused(refused, tick, row)

    def _victim(self, row: tuple[int, ...]) -> None:
        _, tick, _, txn, *_ = row
        self._prevented([(act, self._judge(act)) for act in self._dropped(txn)], tick, None)

    def _dropped(self, txn: int) -> list[Act]:
        return [] if txn in self.keepers else list(self.open[txn].pending)

    # ------------------------------------------------------------------ what counts

    def _judge(self, act: Act) -> Verdict:
        return judge(act, self.ranks.below(self.sites, act.txn))

    def _executed(self, act: Act, tick: int) -> None:
        """Count an act that the protocol let through, whether or not the world then carried it out."""
        verdict = self._judge(act)
        if torn := self.torn.judge(act, self.ranks.below(self.sites, act.txn)):
            self.counts["torn"] += torn
            self.tore.add(act.txn)
        if verdict.tag != NO_TAG or verdict.lost is not None:
            blamed: tuple[Read, ...] = ()
            if verdict.tag != NO_TAG:
                blamed = verdict.named
                self._count(verdict.tag, DECISIVE, act, tick, verdict.named)
                if verdict.tag == STALE_CORRECTION:
                    corrected = max(self.sites[read.site].newest.tick for read in verdict.named if read.planned)
                    before = self.open[act.txn].decided <= corrected
                    self.counts["late_decided_before" if before else "late_decided_after"] += 1
            if verdict.lost is not None:
                blamed = (*blamed, verdict.lost)
                self._count(LOST_UPDATE, DECISIVE, act, tick, (verdict.lost,))
            self.counts["same_tick"] += any(self.sites[read.site].newest.tick == tick for read in blamed)
            return
        by_hazard: dict[int, list[Read]] = {}
        for read in verdict.exposed:
            by_hazard.setdefault(hazard_of(act.op, read), []).append(read)
        for hazard, reads in by_hazard.items():
            self._count(hazard, EXPOSED, act, tick, reads)
        if not act.premise:
            return  # a gamble
        if verdict.wrong_outdated:
            self.counts["outdated_belief"] += 1
        elif verdict.wrong:
            self.counts["drift"] += 1

    def _refused(self, acts: list[Act], tick: int, row: tuple[int, ...]) -> None:
        """Count what a failed check refused."""
        _, _, agent, txn, index, _, _, _, _, scope, _, _, _, _ = row
        hazard = HAZARD_OF_SCOPE[scope]
        verdicts = [(act, self._judge(act)) for act in acts]
        if self._prevented(verdicts, tick, hazard):
            return
        if not any(verdict.wrong for _, verdict in verdicts):
            inputs = self.open[txn].inputs
            named = [inputs[site] for site in self.refused_sites[txn] if site in inputs]
            task = self.open[txn].task
            op = self.rules.tasks[task].ops[index]
            self._count(hazard, FALSE_REJECT, Act(tick, agent, txn, task, index, op, 0, True, 0, ()), tick, named)
        elif any(verdict.is_outdated for _, verdict in verdicts):
            self.counts["outdated_belief"] += 1
        else:
            self.counts["drift"] += 1

    def _prevented(self, verdicts: list[tuple[Act, Verdict]], tick: int, refusing: int | None) -> bool:
        """Count the first hazard and the first lost update that were prevented; tell whether there were any.

        The same supersession counts once for each agent, task and site; repeats are retries, under the hazard whose
        scope refused.
        """
        tagged = next((found for found in verdicts if found[1].tag != NO_TAG), None)
        losing = next((found for found in verdicts if found[1].lost is not None), None)
        for found, loses in ((tagged, False), (losing, True)):
            if found is None:
                continue
            act, verdict = found
            hazard, named = (LOST_UPDATE, (verdict.lost,)) if verdict.lost and loses else (verdict.tag, verdict.named)
            site = named[0].site
            key = (loses, act.agent, act.task, site, self.sites[site].newest.version)
            again = key in self.seen
            self.seen.add(key)
            if again:
                self._count(hazard if refusing is None else refusing, RETRIES, act, tick, named)
            else:
                self._count(hazard, PREVENTED, act, tick, named)
        return tagged is not None or losing is not None

    def _count(self, hazard: int, level: int, act: Act, tick: int, named: Iterable[Read]) -> None:
        self.counts[f"{HAZARDS[hazard]}.{LEVELS[level]}"] += 1
        evidence = tuple(self._evidence(act.agent, read) for read in named)
        verb = verbs.VERBS[act.op.verb].name
        self.findings.append(
            Finding(HAZARDS[hazard], LEVELS[level], tick, act.agent, act.txn, act.task, act.op_index, verb, evidence)
        )

    def _evidence(self, agent: int, read: Read) -> Evidence:
        now = self.sites[read.site].newest
        by = self.sites[read.site].superseding(agent, read.version)
        return Evidence(
            read.site, read.value, read.version, read.channel, read.promise, read.sensed, now.value, now.version,
            by.writer, by.tick,
        )  # fmt: skip


def _pairs(events: NDArray[Any]) -> set[tuple[int, int]]:
    """Return the (txn, op) of events."""
    return set(events[["txn", "op"]].tolist())
