"""Histories judged by enumeration, from the definitions, on the objects of the exchange format; and random tiny ones.

Written apart from the auditor and sharing nothing with it: orders of transactions are tried one by one, cycles are
enumerated edge by edge.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise, permutations
from typing import Any

Txn = dict[str, Any]
Edge = tuple[int, int, str]


class BruteForce:
    """One history, taken apart into plain dicts."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.txns: list[Txn] = found["txns"]
        self.order: dict[str, list[Any]] = found["order"]
        self.base = {name: {str(t): on for t, on in tags.items()} for name, tags in found.get("base", {}).items()}
        self.writer = {(op[1], op[2]): at for at, txn in enumerate(self.txns) for op in txn["ops"] if op[0] == "w"}
        self.committed = [at for at, txn in enumerate(self.txns) if self.is_committed(txn)]

    def is_committed(self, txn: Txn) -> bool:
        if txn["type"] == "info":
            return any(op[0] == "w" and op[2] in self.order.get(op[1], []) for op in txn["ops"])
        return bool(txn["type"] == "ok")

    def installed(self, at: int, name: str) -> list[Any]:
        """What a transaction installed of an object, in its own order."""
        ops = self.txns[at]["ops"]
        return [op[2] for op in ops if op[0] == "w" and op[1] == name and op[2] in self.order.get(name, [])]

    def is_intermediate(self, name: str, tag: Any) -> bool:
        at = self.writer[name, tag]
        tags = [op[2] for op in self.txns[at]["ops"] if op[0] == "w" and op[1] == name]
        return any(later in self.order.get(name, []) for later in tags[tags.index(tag) + 1 :])

    def next_writer(self, name: str, tag: Any) -> int | None:
        order = self.order.get(name, [])
        while tag is not None and tag not in order:
            tag = self.base[name][str(tag)]
        rest = order[order.index(tag) + 1 :] if tag is not None else order
        return self.writer[name, rest[0]] if rest else None

    # ------------------------------------------------------------------ single operations

    def reads(self) -> Iterator[tuple[int, str, Any]]:
        """Reads by committed transactions of what others wrote, or of an initial version."""
        for at in self.committed:
            for verb, name, tag in self.txns[at]["ops"]:
                if verb == "r" and self.writer.get((name, tag)) != at:
                    yield at, name, tag

    def wrong_reads(self) -> set[str]:
        found = set()
        for _, name, tag in self.reads():
            if tag is None:
                continue
            if self.is_intermediate(name, tag):
                found.add("G1b")
            elif tag not in self.order.get(name, []):
                found.add("G1a")
        for at in self.committed:
            last: dict[str, Any] = {}
            for verb, name, tag in self.txns[at]["ops"]:
                wrong = last[name] != tag if name in last else self.writer.get((name, tag)) == at
                if verb == "r" and wrong:
                    found.add("internal")
                last[name] = tag
        return found

    def has_lost_update(self) -> bool:
        for at in self.committed:
            read: dict[str, list[int]] = {}
            for verb, name, tag in self.txns[at]["ops"]:
                order = self.order.get(name, [])
                if verb == "r":
                    if self.writer.get((name, tag)) == at:
                        continue
                    while tag is not None and tag not in order:
                        tag = self.base[name][str(tag)]
                    read.setdefault(name, []).append(-1 if tag is None else order.index(tag))
                elif tag in order:
                    for place in read.get(name, []):
                        between = order[place + 1 : max(order.index(tag), place + 1)]
                        if any(self.writer[name, other] != at for other in between):
                            return True
        return False

    # ------------------------------------------------------------------ cycles

    def edges(self, real_time: bool) -> set[Edge]:
        found: set[Edge] = set()
        for name, tags in self.order.items():
            for one, two in pairwise(tags):
                found.add((self.writer[name, one], self.writer[name, two], "ww"))
        for at, name, tag in self.reads():
            if tag is not None and (tag in self.order.get(name, []) or self.is_intermediate(name, tag)):
                found.add((self.writer[name, tag], at, "wr"))
            after = self.next_writer(name, tag)
            if after is not None:
                found.add((at, after, "rw"))
        if real_time:
            for one in self.committed:
                end = self.txns[one]["complete"]
                if self.txns[one]["type"] == "ok" and end is not None:
                    found |= {(one, two, "rt") for two in self.committed if end < self.txns[two]["invoke"]}
        return {edge for edge in found if edge[0] != edge[1]}

    def cycles(self, real_time: bool) -> Iterator[tuple[str, ...]]:
        """The kinds of the edges of each simple cycle, from its lowest transaction on."""
        out: dict[int, list[tuple[int, str]]] = {}
        for source, target, kind in self.edges(real_time):
            out.setdefault(source, []).append((target, kind))

        def follow(first: int, node: int, seen: tuple[int, ...], kinds: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
            for target, kind in out.get(node, []):
                if target == first:
                    yield (*kinds, kind)
                elif target > first and target not in seen:
                    yield from follow(first, target, (*seen, target), (*kinds, kind))

        for first in self.committed:
            yield from follow(first, first, (first,), ())

    @staticmethod
    def cycle_name(kinds: tuple[str, ...]) -> str:
        suffix = "-realtime" if "rt" in kinds else ""
        many = kinds.count("rw")
        if not many:
            return ("G1c" if "wr" in kinds else "G0") + suffix
        if many == 1:
            return "G-single" + suffix
        following = zip(kinds, (*kinds[1:], kinds[0]), strict=True)
        return ("G2-item" if ("rw", "rw") in following else "G-nonadjacent") + suffix

    def cycle_names(self) -> set[str]:
        return {self.cycle_name(kinds) for kinds in self.cycles(real_time=True)}

    # ------------------------------------------------------------------ levels

    def has_serial_order(self, real_time: bool) -> bool:
        """Whether the transactions, run one after the other in some order, read what they read and leave `order`."""
        late = {edge[:2] for edge in self.edges(real_time=True) if edge[2] == "rt"} if real_time else set()
        for line in permutations(self.committed):
            if any((two, one) in late for place, one in enumerate(line) for two in line[place + 1 :]):
                continue
            if self.runs(line):
                return True
        return False

    def runs(self, line: tuple[int, ...]) -> bool:
        current: dict[str, Any] = {}
        installed: dict[str, list[Any]] = {name: [] for name in self.order}
        for at in line:
            for verb, name, tag in self.txns[at]["ops"]:
                if verb == "w":
                    current[name] = tag
                elif current.get(name) != tag:
                    return False
            for name in {op[1] for op in self.txns[at]["ops"] if op[0] == "w"}:
                tags = self.installed(at, name)
                if self.txns[at]["type"] == "info":  # what it did not commit was never there
                    current[name] = tags[-1] if tags else (installed.get(name) or [None])[-1]
                installed.setdefault(name, []).extend(tags)
        return all(tags == self.order.get(name, []) for name, tags in installed.items())

    def levels(self) -> dict[str, bool]:
        names = self.cycle_names()
        reads = self.wrong_reads()
        uncommitted = "G0" not in names
        committed = uncommitted and not names & {"G1c"} and not reads & {"G1a", "G1b"}
        snapshot = committed and not names & {"G-single", "G-nonadjacent"} and "internal" not in reads
        return {
            "read-uncommitted": uncommitted,
            "read-committed": committed,
            "snapshot-isolation": snapshot and not self.has_lost_update(),
            "serializable": self.has_serial_order(real_time=False),
            "strict-serializable": self.has_serial_order(real_time=True),
        }


def random_history(seed: int) -> dict[str, Any]:
    """A tiny history: up to five transactions on up to three objects, of every type, with reads of anything written.

    Half of them are drawn as an execution, written in place and read as it stands but for a few wrong reads; the rest
    has its order and reads drawn at large.
    """
    rng = random.Random(seed)
    names = "xyz"[: rng.choice((1, 2, 2, 3))]
    many = rng.randint(1, 5)
    tags = dict.fromkeys(names, 0)
    txns: list[Txn] = []
    for _ in range(many):
        kind = rng.choice(("ok",) * 6 + ("fail", "info"))
        ops: list[list[Any]] = []
        for _ in range(rng.randint(0, 4)):
            name = rng.choice(names)
            if rng.random() < 0.45:
                tags[name] += 1
                ops.append(["w", name, tags[name]])
            else:
                ops.append(["r", name, None])
        invoke = rng.randint(0, 8)
        complete = rng.choice((None, invoke + rng.randint(0, 4))) if kind == "info" else invoke + rng.randint(0, 4)
        txns.append({"process": rng.randint(0, 2), "type": kind, "invoke": invoke, "complete": complete, "ops": ops})
    order: dict[str, list[Any]] = {name: [] for name in names}
    base: dict[str, dict[str, Any]] = {name: {} for name in names}
    if rng.random() < 0.5:
        _execute(rng, txns, order, base)
    else:
        _draw(rng, txns, order, base)
    return {"id": seed, "order": order, "base": base, "txns": txns}


def _execute(rng: random.Random, txns: list[Txn], order: dict[str, list[Any]], base: dict[str, dict[str, Any]]) -> None:
    """Run the operations, serially or interleaved, in place or with reads that go wrong now and then."""
    steps = [(at, op) for at, txn in enumerate(txns) for op in txn["ops"]]
    if rng.random() < 0.5:
        ranked = {at: rng.random() for at in range(len(txns))}
        steps.sort(key=lambda step: ranked[step[0]])
    else:
        lines = {at: [op for one, op in steps if one == at] for at in range(len(txns))}
        at_random = [at for at, _ in steps]
        rng.shuffle(at_random)
        steps = [(at, lines[at].pop(0)) for at in at_random]
    slips = rng.choice((0, 0, 0.2))
    for at, op in steps:
        verb, name, tag = op
        own = [other[2] for other in txns[at]["ops"][: _place(txns[at]["ops"], op)] if other[:2] == ["w", name]]
        if verb == "r":
            now = [None, *order[name]]
            op[2] = rng.choice([*now, *_int_keys(base[name])]) if rng.random() < slips else (own or now)[-1]
        elif txns[at]["type"] == "fail" or (txns[at]["type"] == "info" and rng.random() < 0.5):
            base[name][str(tag)] = (order[name] or [None])[-1]
        else:
            order[name].append(tag)


def _draw(rng: random.Random, txns: list[Txn], order: dict[str, list[Any]], base: dict[str, dict[str, Any]]) -> None:
    """Draw the order of the versions, then what is read."""
    written: dict[str, list[Any]] = {name: [] for name in order}
    for txn in txns:
        for name in order:
            own = [op[2] for op in txn["ops"] if op[:2] == ["w", name]]
            written[name] += own
            keep = [tag for tag in own[:-1] if rng.random() < 0.5] + own[-1:]
            if txn["type"] == "fail" or (txn["type"] == "info" and rng.random() < 0.4):
                keep = keep[:-1] if txn["type"] == "info" and rng.random() < 0.5 else []
            places = sorted(rng.randint(0, len(order[name])) for _ in keep)
            for shift, (place, tag) in enumerate(zip(places, keep, strict=True)):
                order[name].insert(place + shift, tag)
    for name, tags in written.items():
        for tag in tags:
            if tag not in order[name]:
                base[name][str(tag)] = rng.choice([None, *order[name], *_int_keys(base[name])])
        for txn in txns:
            for op in txn["ops"]:
                if op[:2] == ["r", name]:
                    op[2] = rng.choice([None, *tags])


def _place(ops: list[list[Any]], op: list[Any]) -> int:
    return next(place for place, other in enumerate(ops) if other is op)


def _int_keys(tags: dict[str, Any]) -> list[int]:
    return [int(tag) for tag in tags]
