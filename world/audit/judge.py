"""The verdict on a history: five levels, the anomalies that refute them, and a witness for each in words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from .anomalies import ANOMALIES, LEVELS, forbids
from .columns import INFO, Bools, History, Tag
from .graph import RT, RW, WR, WW, lost_updates, wrong_reads
from .naming import cycles
from .witness import Step, shortest_cycles


@dataclass(frozen=True)
class Witness:
    """One anomaly as it happened: the transactions in it, by their place in the history, and its steps in words."""

    anomaly: str
    transactions: tuple[int, ...]
    steps: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a history is worth. The two masks are over its transactions, committed or not, [T]."""

    name: Tag
    levels: dict[str, bool]
    anomalies: tuple[str, ...]  # in the order of the table
    witnesses: tuple[Witness, ...]  # one for each anomaly, or none where they were not asked for
    committed: int  # transactions
    is_guilty: Bools  # it is on a cycle or read what *serializable* forbids
    goes_back: Bools  # it is on such a cycle by an rw edge to one that had completed before

    @property
    def held(self) -> str | None:
        """The strongest level that holds; None if not even the weakest does."""
        return next((level for level in reversed(LEVELS) if self.levels[level]), None)

    def as_json(self) -> dict[str, Any]:
        """Return the object that `stalegrid audit` prints."""
        witnesses = [
            {"anomaly": one.anomaly, "transactions": list(one.transactions), "steps": list(one.steps)}
            for one in self.witnesses
        ]
        return {
            "id": self.name, "levels": self.levels, "anomalies": list(self.anomalies), "witnesses": witnesses,
        }  # fmt: skip


def levels_without(anomalies: Collection[str]) -> dict[str, bool]:
    """Tell of each level whether it holds in spite of some anomalies."""
    return {level: not any(forbids(level, name) for name in anomalies) for level in LEVELS}


def judge(history: History, predicates: Collection[str] = ()) -> Judgement:
    """Judge a history at the five levels, in time linear in its size.

    `predicates` names the objects that count what is in a region: a cycle that needs one of them is a phantom.
    """
    words = _Words(history)
    is_predicate = np.array([name in predicates for name in history.objects], bool)
    found = cycles(history, is_predicate)
    witnesses = {
        name: Witness(name, tuple(step.source for step in cycle), tuple(words.step(step) for step in cycle))
        for name, cycle in shortest_cycles(history, found.core, found.named).items()
    }
    is_guilty = found.is_on_cycle.copy()
    for name, ops in wrong_reads(history).items():
        is_guilty[history.op_txn[ops]] = True
        if len(ops):
            witnesses[name] = words.read(name, int(ops[0]))
    writes, seen = lost_updates(history)
    if len(writes):
        witnesses["lost update"] = words.lost(int(writes[0]), int(seen[0]))
    anomalies = tuple(name for name in ANOMALIES if name in witnesses)
    return Judgement(
        name=history.name,
        levels=levels_without(anomalies),
        anomalies=anomalies,
        witnesses=tuple(witnesses[name] for name in anomalies),
        committed=int(history.is_committed.sum()),
        is_guilty=is_guilty,
        goes_back=found.goes_back,
    )


class _Words:
    """Operations and edges of one history in sentences. T3 is the transaction at place 3, from 0."""

    def __init__(self, history: History) -> None:
        self.history = history

    def txn(self, place: int) -> str:
        return f"T{place} ({self.history.processes[self.history.process[place]]})"

    def version(self, version: int) -> str:
        history = self.history
        name, tag = history.objects[history.object_of[version]], history.tags[version]
        return f"the initial {name}" if tag is None else f"{name} = {tag}"

    def step(self, step: Step) -> str:
        history = self.history
        source, target = self.txn(step.source), self.txn(step.target)
        if step.kind == RT:
            sort = "po" if history.process[step.source] == history.process[step.target] else "rt"
            ended, began = history.complete[step.source], history.invoke[step.target]
            return f"{source} completed at {ended}, before {target} began at {began} [{sort}]"
        if step.kind == WR:
            return f"{source} wrote {self.version(step.version)}, which {target} read [wr]"
        after = self.version(int(history.next_version[step.version]))
        if step.kind == WW:
            return f"{source} wrote {self.version(step.version)}, which {target} overwrote with {after} [ww]"
        assert step.kind == RW
        laid = int(history.stands[step.version])
        under = f", laid on {self.version(laid)}" if laid != step.version else ""
        return f"{source} read {self.version(step.version)}{under}, after which {target} wrote {after} [rw]"

    def read(self, name: str, op: int) -> Witness:
        """Say what is wrong with one read."""
        history = self.history
        version, reader = int(history.version[op]), int(history.op_txn[op])
        writer = int(history.writer[version])
        said = f"{self.txn(reader)} read {self.version(version)}"
        if name == "internal":
            first = int(history.op_start[reader])
            site = history.object_of[version]
            before = [at for at in range(first, op) if history.object_of[history.version[at]] == site]
            if not before:
                said += ", which it wrote only later"
            else:
                verb = "written" if history.is_write[before[-1]] else "read"
                said += f" after it had {verb} {self.version(int(history.version[before[-1]]))}"
            return Witness(name, (reader,), (said,))
        if name == "G1a":
            kind = "is of unknown outcome and did not commit it" if history.outcome[writer] == INFO else "failed"
            said += f", which {self.txn(writer)} wrote, which {kind}"
        else:
            said += f", which {self.txn(writer)} wrote and later wrote again"
        return Witness(name, (writer, reader), (said,))

    def lost(self, op: int, seen: int) -> Witness:
        """Say which update was lost."""
        history = self.history
        version, txn = int(history.version[op]), int(history.op_txn[op])
        between = version - 1
        while history.writer[between] == txn:
            between -= 1
        other = int(history.writer[between])
        said = (
            f"{self.txn(txn)} read {self.version(seen)} and wrote {self.version(version)} over "
            f"{self.version(between)}, which {self.txn(other)} had written since"
        )
        return Witness("lost update", (other, txn), (said,))
