"""An episode as a history of the exchange format: who read and wrote which version, and when.

Objects are the sites, tags their versions. Differences commute, so where all writes to a site are differences each
writer has an object of its own there: its readers saw it or did not, and no difference is laid on another. The entry of
a body into a region is such a difference: whoever read the region without it missed an insertion, which is a phantom.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import log
from ..rules import Rules
from ..state import NEVER, NO_TXN, PROMISE
from ..verbs import REGION
from .isolation import are_kept, is_own_walk, lost_silently, read_versions
from .quiet import NOWHERE
from .units import BRACKETS, BY_WORLD, DECISION, OBSERVED, Units

UNITS = ("decision", "op")

Op = tuple[str, str, str | None]  # ("r" or "w", object, tag)


class Member(NamedTuple):
    """What a transaction of a history is in its episode: a row of `Units.unit`, and one op of it or all (-1)."""

    unit: int
    op: int = -1


NO_ONE = "nobody"  # the process that stands for who wrote what a reader's rank cannot have seen


@dataclass(frozen=True)
class Transaction:
    """One transaction of a history; `member` is None where nobody wrote what was read, such as a promise not kept."""

    member: Member | None
    process: str
    type: str
    invoke: int
    complete: int | None
    ops: tuple[Op, ...]


@dataclass(frozen=True)
class EpisodeHistory:
    """What the exchange format says of an episode, and where each transaction is found in it."""

    id: str
    order: dict[str, list[str]]
    base: dict[str, dict[str, str | None]]
    transactions: tuple[Transaction, ...]

    def to_object(self) -> dict[str, Any]:
        """Return the history in the exchange format."""
        txns = [
            {
                "process": one.process,
                "type": one.type,
                "invoke": one.invoke,
                "complete": one.complete,
                "ops": [list(op) for op in one.ops],
            }
            for one in self.transactions
        ]
        return {"id": self.id, "order": self.order, "base": self.base, "txns": txns}

    def counted(self, rules: Rules) -> set[str]:
        """Return the objects that count who is in a region: the predicates of the auditor."""
        regions = {name for name, kind in zip(rules.site_names, rules.site_kinds, strict=True) if kind == REGION}
        return {name for name in self.order if name.partition("/")[0] in regions}


def history_of(
    units: Units,
    episode: int = 0,
    *,
    bracket: str = "headline",
    unit: str = "decision",
    world: bool = True,
    name: str = "episode",
) -> EpisodeHistory:
    """Return one episode as a history, as `histories_of` does many."""
    (told,) = histories_of(units, [episode], bracket=bracket, unit=unit, world=world, name=name)
    return told


def histories_of(
    units: Units,
    episodes: Iterable[int],
    *,
    bracket: str = "headline",
    unit: str = "decision",
    world: bool = True,
    name: str = "episode",
) -> Iterator[EpisodeHistory]:
    """Yield episodes as histories.

    `bracket` says what counts as read (`units.BRACKETS`), `unit` whether a transaction is a decision or each op of it.
    Without `world` its transactions are taken out: where it wrote last, what the agents wrote last stands.

    Raises: ValueError for an unknown bracket or unit.
    """
    if bracket not in BRACKETS:
        raise ValueError(f"a bracket is one of {', '.join(BRACKETS)}; got {bracket!r}")
    if unit not in UNITS:
        raise ValueError(f"a unit is one of {', '.join(UNITS)}; got {unit!r}")
    tables = _Tables(units, world)
    return (_Teller(tables, episode, BRACKETS.index(bracket), unit == "op").tell(name) for episode in episodes)


@dataclass
class _Site:
    """The versions of one site, in order: number, value, and the transaction that wrote it."""

    name: str
    versions: list[tuple[int, int, Member]] = field(default_factory=list)
    commutes: bool = True  # every write is a difference


class _Belief(NamedTuple):
    version: int
    value: int
    is_promise: bool  # for what is read: one that was never kept
    taken: int = NO_TXN  # who wrote it, if that was taken back


class _Tables:
    """What all episodes are told from, and where the rows of each begin; to search them for each would be quadratic."""

    def __init__(self, units: Units, world: bool) -> None:
        self.units = units
        self.written = units.written if world else units.written[~units.by_world]
        self.version, self.is_broken = (found.tolist() for found in read_versions(units, units.used))
        self.silent, self.silent_place = (found.tolist() for found in lost_silently(units, self.written))
        each = np.arange(units.episodes + 1)
        self.first_written = np.searchsorted(self.written["site"], each * units.sites).tolist()
        self.first_act = np.searchsorted(units.act["unit"], units.first).tolist()
        self.first_use = np.searchsorted(units.used["act"], np.arange(len(units.act) + 1)).tolist()
        self.first_silent = np.searchsorted(self.silent, [self.first_use[act] for act in self.first_act]).tolist()


class _Teller:
    """One episode on its way into a history."""

    def __init__(self, tables: _Tables, episode: int, bracket: int, by_op: bool) -> None:
        units = tables.units
        self.tables, self.units, self.episode, self.bracket, self.by_op = tables, units, episode, bracket, by_op
        self.events = units.logs[episode]
        self.sites = [_Site(name) for name in units.rules.site_names]
        self.writes: dict[Member, list[tuple[int, int, int]]] = {}  # op, site, version
        first = episode * units.sites
        for number, op, at, version, value, relative, _ in tables.written[
            slice(*tables.first_written[episode : episode + 2])
        ].tolist():
            site, member = self.sites[at - first], self._member(number, op)
            site.versions.append((version, value, member))
            site.commutes = site.commutes and relative
            self.writes.setdefault(member, []).append((op, at - first, version))
        self.order: dict[str, list[str]] = {}
        for site in self.sites:
            for version, _, member in site.versions:
                self.order.setdefault(self._object(site, member), []).append(str(version))
        self.silent: dict[Member, list[tuple[int, Op]]] = {}  # op, and what says that an update was lost
        for nth in range(*tables.first_silent[episode : episode + 2]):
            self._lose(tables.written, units.used[tables.silent[nth]], tables.silent_place[nth])
        self.base: dict[str, dict[str, str | None]] = {}
        self.failed: dict[tuple[str, str], Transaction] = {}  # of what was never so in the end, by object and tag

    def tell(self, name: str) -> EpisodeHistory:
        """Return the history."""
        told = sorted(self._transactions(), key=lambda one: (one.invoke, one.member or ()))
        return EpisodeHistory(name, self.order, self.base, (*told, *self.failed.values()))

    # ------------------------------------------------------------------ transactions

    def _transactions(self) -> Iterator[Transaction]:
        units, unit = self.units, self.units.unit
        snapshots = self._snapshots() if self.bracket == OBSERVED else {}
        first_use = self.tables.first_use
        ops: dict[Member, list[Op]] = {}
        ended: dict[Member, int] = {}  # tick
        for act in range(*self.tables.first_act[self.episode : self.episode + 2]):
            number, op = int(units.act["unit"][act]), int(units.act["op"][act])
            member = self._member(number, op)
            if member not in ops:
                ops[member] = [
                    read
                    for site, belief in snapshots.get(number, {}).items()
                    for read in self._read(member, site, self._as_read(site, belief, act))
                ]
            ops[member] += self._used(member, op, first_use[act], first_use[act + 1])
            ops[member] += [self._write(member, site, version) for o, site, version in self._written(member) if o == op]
            ops[member] += [silent for o, silent in self.silent.get(member, []) if o == op]
            ended[member] = int(units.act["tick"][act])
        for member, written in self.writes.items():
            if unit["sort"][member.unit] != DECISION:
                ops[member] = [self._write(member, site, version) for _, site, version in written]
                ops[member] += [silent for _, silent in self.silent.get(member, [])]
        for member, listed in ops.items():
            yield self._transaction(member, tuple(listed), ended.get(member, 0))

    def _transaction(self, member: Member, ops: tuple[Op, ...], ended: int) -> Transaction:
        """Number decisions with the even indexes of their ticks, what is done in a tick with its odd one."""
        one = self.units.unit[member.unit]
        is_open = one["ended"] == NEVER
        decided, settled = int(one["decided"]), int(one["settled"])
        done = 2 * (ended if self.by_op and one["sort"] == DECISION else settled) + 1
        begun = 2 * decided if one["sort"] == DECISION else done
        process = "world" if one["sort"] == BY_WORLD else self.units.rules.agent_names[one["agent"]]
        return Transaction(member, process, "info" if is_open else "ok", begun, None if is_open else done, ops)

    def _member(self, number: int, op: int) -> Member:
        by_op = self.by_op and self.units.unit["sort"][number] == DECISION
        return Member(number, op if by_op else -1)

    def _written(self, member: Member) -> list[tuple[int, int, int]]:
        return self.writes.get(member, [])

    # ------------------------------------------------------------------ reads and writes

    def _lose(self, written: NDArray[Any], use: Any, place: int) -> None:
        """Say by an object of its own that a read-modify-write lost an update and made no version."""
        loser = self._member(int(use["unit"]), op := int(self.units.act["op"][use["act"]]))
        site = self.sites[int(use["site"]) % self.units.sites].name
        name = f"{site}/unchanged by {self._label(Member(loser.unit, op))}"
        before, after = written[place - 1], written[place : place + 1]
        after = after[after["site"] == use["site"]]
        overwrites = [(before, "before"), *((one, "after") for one in after)]
        for one, tag in overwrites:
            number, o = int(one["unit"]), int(one["op"])
            self.silent.setdefault(self._member(number, o), []).append((o, ("w", name, tag)))
        self.silent.setdefault(loser, []).extend([(op, ("r", name, None)), (op, ("w", name, "unchanged"))])
        self.order[name] = ["before", "unchanged", *(tag for _, tag in overwrites[1:])]

    def _object(self, site: _Site, writer: Member) -> str:
        if not site.commutes:
            return site.name
        return f"{site.name}/{self._label(writer)}"

    def _label(self, member: Member) -> str:
        one = self.units.unit[member.unit]
        name = f"{'w' if one['sort'] == BY_WORLD else 't'}{one['txn']}"
        return name if member.op < 0 else f"{name}.{member.op}"

    def _write(self, member: Member, site: int, version: int) -> Op:
        return "w", self._object(self.sites[site], member), str(version)

    def _used(self, member: Member, op: int, start: int, stop: int) -> Iterator[Op]:
        """Yield what an op used, as far as the bracket has it."""
        columns = ["site", "value", "own", "bracket", "taken"]
        for use, (at, value, own, bracket, taken) in enumerate(self.units.used[start:stop][columns].tolist(), start):
            site = at - self.episode * self.units.sites
            if bracket > self.bracket:
                continue
            if own:
                yield from self._own(member, op, site)
            else:
                belief = _Belief(self.tables.version[use], value, self.tables.is_broken[use], taken)
                yield from self._read(member, site, belief)

    def _own(self, member: Member, op: int, site: int) -> Iterator[Op]:
        """Yield the read of what an earlier op had buffered, which by ops is another transaction."""
        for earlier in reversed(range(op)):
            writer = self._member(member.unit, earlier)
            for _, version in [found[1:] for found in self._written(writer) if found[:2] == (earlier, site)]:
                if writer != member:
                    yield "r", self._object(self.sites[site], writer), str(version)
                return

    def _read(self, member: Member, at: int, belief: _Belief) -> Iterator[Op]:
        """Yield the reads that using a version of a site comes to."""
        site = self.sites[at]
        if site.commutes:
            for writer in dict.fromkeys(writer for _, _, writer in site.versions):
                if writer != member and not self._walks(member, writer):
                    seen = [number for number, _, who in site.versions if who == writer and number <= belief.version]
                    yield "r", self._object(site, writer), str(seen[-1]) if seen else None
        elif not belief.is_promise:
            yield "r", site.name, self._newest(site, belief.version)
        if belief.taken != NO_TXN:
            yield "r", *self._taken_back(at, belief)
        elif belief.is_promise:
            yield "r", *self._promise(member, at, belief)

    def _as_read(self, site: int, belief: _Belief, act: int) -> _Belief:
        """Return what an observed belief is a read of, by the time of an act."""
        if ranks := self.units.ranks[self.episode]:
            txn = int(self.units.unit["txn"][self.units.act["unit"][act]])
            version, taken = ranks.version_believed(site, txn, belief.value, belief.version)
            return _Belief(version, belief.value, taken != NO_TXN, taken)
        if not belief.is_promise:
            return belief
        at = site + self.episode * self.units.sites
        promise = (np.array([what]) for what in (at, belief.version, belief.value, self.units.act["row"][act]))
        (is_kept,) = are_kept(self.units, *promise).tolist()
        return _Belief(belief.version + is_kept, belief.value, not is_kept)

    def _newest(self, site: _Site, version: int) -> str | None:
        """Return the tag of the newest version that is in the history and not newer than this one."""
        seen = [number for number, _, _ in site.versions if number <= version]
        return str(seen[-1]) if seen else None

    def _walks(self, member: Member, writer: Member) -> bool:
        return bool(is_own_walk(self.units, np.array([member.unit]), np.array([writer.unit]))[0])

    def _promise(self, member: Member, at: int, belief: _Belief) -> tuple[str, str]:
        """Return the object and the tag of a promise that was never kept, as its maker's write that was taken back."""
        reader, site = self.units.unit[member.unit], self.sites[at]
        told = self.events[: reader["begun"]]
        told = told[
            (told["kind"] == log.DELIVER)
            & (told["agent"] == reader["agent"])
            & (told["site"] == at)
            & (told["version"] == belief.version)
            & (told["value"] == belief.value)
            & (told["a"] == PROMISE)
        ]
        maker = self.units.rules.agent_names[told["other"][-1]] if len(told) else NO_ONE
        when = 2 * int(told["e"][-1]) + 1 if len(told) else 0
        tag = f"{belief.value}, promised after {belief.version} by {maker}"
        return self._fail(site, f"{site.name}/promises", tag, belief, None, maker, when)

    def _taken_back(self, at: int, belief: _Belief) -> tuple[str, str]:
        """Return the object and the tag of a write that was taken back, or of what nobody wrote at all."""
        units, site = self.units, self.sites[at]
        if belief.taken == NOWHERE:
            tag = f"{belief.value}, left there by no rank below"
            return self._fail(site, f"{site.name}/left by no rank", tag, belief, None, NO_ONE, 0)
        member = self._member(int(units.first[self.episode]) + belief.taken, 0)
        maker = units.rules.agent_names[units.unit["agent"][member.unit]]
        when = 2 * int(units.unit["decided"][member.unit])
        tag = f"{belief.value}, of {maker} in tick {when // 2}, taken back"
        return self._fail(site, f"{site.name}/taken back", tag, belief, member, maker, when)

    def _fail(
        self, site: _Site, apart: str, tag: str, belief: _Belief, member: Member | None, process: str, when: int
    ) -> tuple[str, str]:
        """Add a transaction that wrote what did not last; where writes commute, to an object `apart`."""
        name = apart if site.commutes else site.name
        self.order.setdefault(name, [])
        self.base.setdefault(name, {})[tag] = None if site.commutes else self._newest(site, belief.version)
        self.failed[name, tag] = Transaction(member, process, "fail", when, when, (("w", name, tag),))
        return name, tag

    # ------------------------------------------------------------------ what an agent observed

    def _snapshots(self) -> dict[int, dict[int, _Belief]]:
        """Return, for each decision, all that its agent believed when its inputs were frozen."""
        unit, blueprint = self.units.unit, self.units.rules.blueprint
        mine = range(*self.units.first[self.episode : self.episode + 2])
        decisions = {int(unit["txn"][number]): number for number in mine if unit["sort"][number] == DECISION}
        known = {at: _Belief(0, site.value, False) for at, site in enumerate(blueprint.sites) if site.known}
        beliefs = [dict(known) for _ in self.units.rules.agent_names]
        found: dict[int, dict[int, _Belief]] = {}
        kinds = (log.DECIDE, log.INPUT, log.SENSE, log.DELIVER)
        columns = ["kind", "agent", "txn", "site", "value", "version", "a", "b"]
        for kind, agent, txn, site, value, version, a, b in self.events[np.isin(self.events["kind"], kinds)][
            columns
        ].tolist():
            if kind == log.SENSE:
                beliefs[agent][site] = _Belief(version, value, False)
            elif kind == log.DELIVER and b == 1:
                beliefs[agent][site] = _Belief(version, value, a == PROMISE)
            elif kind in (log.DECIDE, log.INPUT):
                found[decisions[txn]] = dict(beliefs[agent])  # as of the last input, which is when they are frozen
        return found
