"""The transactions of episodes as tables: what each read and wrote, and when, from the log alone.

The unit is the decision. A border crossing is a transaction of its own, and so is every write of the world. Many
episodes of the same rules stand in the same tables, one after the other: what is asked of them is asked of all at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import log
from ..rules import Rules
from ..state import AT_SETTLE, MESSAGE, NEVER, WORLD
from ..tasks import MAX_OPS, ResolvedOp
from .quiet import AtQuiescence
from .sums import SETTLES

DECISION, CROSSING, BY_WORLD = range(3)

# What counts as read, each bracket with those before it.
PRE, HEADLINE, OBSERVED = range(3)
BRACKETS = ("pre", "headline", "observed")

UNIT = np.dtype(
    [
        ("episode", np.int64),
        ("sort", np.int64),  # DECISION, CROSSING or BY_WORLD
        ("agent", np.int64),  # or WORLD
        ("txn", np.int64),  # its number in the log; the n-th write of the world
        ("task", np.int64),  # of a decision, else -1
        ("decided", np.int64),  # tick
        ("settled", np.int64),  # tick, or NEVER
        ("begun", np.int64),  # row of the log
        ("ended", np.int64),  # row of the log, or NEVER
        ("last_act", np.int64),  # row at which its last act that counts took effect, or -1
        ("committed", np.bool_),  # or partial; False where it is open at the end
        ("partial", np.bool_),
        ("installed", np.bool_),  # what it had buffered was installed
        ("rank", np.int64),  # twice its rank, one more if it comes directly after it; 0 where there are no ranks
        ("undone", np.bool_),  # it had settled, was taken back, and was not done again
    ]
)
ACT = np.dtype(
    [
        ("unit", np.int64),
        ("op", np.int64),
        ("argument", np.int64),
        ("premise", np.bool_),
        ("written", np.int64),  # value or difference that it would write
        ("buffered", np.bool_),
        ("row", np.int64),  # of the log, when it took effect: for a buffered write at settle
        ("tick", np.int64),
    ]
)
WRITTEN = np.dtype(
    [
        ("unit", np.int64),
        ("op", np.int64),
        ("site", np.int64),  # counted on from episode to episode
        ("version", np.int64),
        ("value", np.int64),
        ("relative", np.bool_),
        ("row", np.int64),
    ]
)
USED = np.dtype(
    [
        ("act", np.int64),
        ("unit", np.int64),
        ("site", np.int64),  # counted on from episode to episode
        ("version", np.int64),
        ("value", np.int64),
        ("promise", np.bool_),
        ("own", np.bool_),  # what an earlier op of the same task wrote stands in the value
        ("taken", np.int64),  # txn that wrote it and was taken back (`quiet.NOWHERE`: nobody wrote it), or NO_TXN
        ("row", np.int64),  # of the log, when it was last relied on: its act's, or when it was read again
        ("bracket", np.int64),  # the narrowest that has it
    ]
)

_KINDS = (
    log.DECIDE, log.READ, log.ACT, log.WRITE, log.BUFFER, log.BORDER, log.CHECK_FAILED, log.REFUSED_BY_WORLD,
    log.INVARIANT_BROKEN, log.REVOKED, *SETTLES,
)  # fmt: skip
_IS_WANTED = np.isin(np.arange(len(log.KINDS)), _KINDS)


@dataclass(frozen=True)
class Units:
    """Transactions, their acts that took effect, what those used, and the versions in the order of installation."""

    rules: Rules
    episodes: int
    first: NDArray[np.int64]  # [episodes + 1] the first unit of each episode; the numbers of the log count from there
    unit: NDArray[Any]  # UNIT: of each episode by number, then all writes of the world
    act: NDArray[Any]  # ACT, by unit and op
    used: NDArray[Any]  # USED, by unit and op; no own write among them unless it was in place
    written: NDArray[Any]  # WRITTEN, by site and version
    silent: NDArray[np.int64]  # uses of read-modify-writes that made no version, for they wrote back what stood there
    broke: NDArray[np.bool_]  # of each unit: it broke an invariant
    logs: tuple[NDArray[Any], ...]
    ranks: tuple[AtQuiescence | None, ...]  # of each episode under ranks; the tables are of what it came to

    @property
    def sites(self) -> int:
        """How many sites an episode has."""
        return len(self.rules.site_names)

    @property
    def by_world(self) -> NDArray[np.bool_]:
        """Of each version: the world wrote it."""
        return np.asarray(self.unit["sort"][self.written["unit"]] == BY_WORLD)


def read_logs(rules: Rules, logs: Sequence[NDArray[Any]]) -> Units:
    """Read whole logs of episodes of the same rules, each [n] log.EVENT."""
    ranks = tuple(AtQuiescence(rules, events) if (events["kind"] == log.RANK).any() else None for events in logs)
    told = [events if one is None else one.events for one, events in zip(ranks, logs, strict=True)]
    chosen = [np.flatnonzero(_IS_WANTED[events["kind"]]) for events in told]
    lengths = [len(rows) for rows in chosen]
    episode = np.repeat(np.arange(len(logs)), lengths)
    row = np.concatenate([*chosen, np.zeros(0, np.int64)]).astype(np.int64)
    events = log.join([one[rows] for one, rows in zip(told, chosen, strict=True)])
    kind = events["kind"]
    opens = (kind == log.DECIDE) | (kind == log.BORDER)
    many = np.bincount(episode[opens], minlength=len(logs))
    first = np.concatenate(([0], np.cumsum(many)))  # transactions are numbered from 0 in each log
    worldly = (kind == log.WRITE) & (events["agent"] == WORLD)
    number = first[episode] + events["txn"]
    number[worldly] = first[-1] + np.arange(np.count_nonzero(worldly))
    unit = np.zeros(first[-1] + np.count_nonzero(worldly), UNIT)
    unit["settled"] = unit["ended"] = NEVER
    unit["last_act"] = unit["task"] = -1
    for what, sort in ((kind == log.DECIDE, DECISION), (kind == log.BORDER, CROSSING), (worldly, BY_WORLD)):
        them = number[what]
        unit["sort"][them] = sort
        for name, column in (
            ("episode", episode), ("agent", events["agent"]), ("txn", events["txn"]), ("decided", events["tick"]),
            ("begun", row),
        ):  # fmt: skip
            unit[name][them] = column[what]
    unit["task"][number[kind == log.DECIDE]] = events["a"][kind == log.DECIDE]
    unit["txn"][first[-1] :] = np.arange(len(unit) - first[-1])
    settles = np.isin(kind, SETTLES) | worldly
    them = number[settles]
    unit["settled"][them], unit["ended"][them] = events["tick"][settles], row[settles]
    unit["committed"][them] = np.isin(kind[settles], (log.COMMIT, log.PARTIAL_COMMIT, log.WRITE))
    unit["partial"][them] = kind[settles] == log.PARTIAL_COMMIT
    unit["installed"][them] = unit["committed"][them] & (events["c"][settles] > 0) & ~worldly[settles]
    writes = kind == log.WRITE
    unit["rank"][number[writes]] = events["e"][writes]
    unit["undone"][number[kind == log.REVOKED]] = True
    broke = np.zeros(len(unit), np.bool_)
    broke[number[(kind == log.INVARIANT_BROKEN) & (events["txn"] >= 0)]] = True
    site = events["site"].astype(np.int64) + episode * len(rules.site_names)
    act = _acts(unit, events, number, row)
    used = _used(rules, unit, act, events, number, site)
    written = _written(events, number, row, site)
    silent = _silent(rules, unit, act, used, written)
    return Units(rules, len(logs), first, unit, act, used, written, silent, broke, tuple(logs), ranks)


def _key(unit: NDArray[Any], op: NDArray[Any]) -> NDArray[np.int64]:
    return np.asarray(unit * MAX_OPS + op, np.int64)


def _acts(unit: NDArray[Any], events: NDArray[Any], number: NDArray[Any], row: NDArray[Any]) -> NDArray[Any]:
    """Return the acts that took effect, of transactions that settled with what they did or are still open."""
    kind, key = events["kind"], _key(number, events["op"])
    is_act = kind == log.ACT
    by_world = (kind == log.REFUSED_BY_WORLD) & (events["txn"] >= 0)  # a step that a gate stops is no act
    refused = key[((kind == log.CHECK_FAILED) & (events["b"] != AT_SETTLE)) | by_world]
    buffered = np.isin(key[is_act], key[kind == log.BUFFER])
    whose = number[is_act]
    # What is still open counts if it has left a mark.
    lives = unit["committed"][whose] | np.isin(whose, number[kind == log.WRITE])
    counts = lives & ~np.isin(key[is_act], refused) & (~buffered | unit["installed"][whose])
    rows = np.flatnonzero(is_act)[counts]
    act = np.zeros(len(rows), ACT)
    for name, column in (
        ("unit", number), ("op", events["op"]), ("argument", events["value"]), ("premise", events["b"]),
        ("written", events["c"]), ("row", row), ("tick", events["tick"]),
    ):  # fmt: skip
        act[name] = column[rows]
    act["buffered"] = buffered[counts]
    late = act["buffered"]
    act["row"][late], act["tick"][late] = unit["ended"][act["unit"][late]], unit["settled"][act["unit"][late]]
    act = act[np.lexsort((act["op"], act["unit"]))]
    np.maximum.at(unit["last_act"], act["unit"], act["row"])
    return act


def _used(
    rules: Rules, unit: NDArray[Any], act: NDArray[Any], events: NDArray[Any], number: NDArray[Any], site: NDArray[Any]
) -> NDArray[Any]:
    rows = np.flatnonzero(events["kind"] == log.READ)
    keys, key = _key(act["unit"], act["op"]), _key(number[rows], events["op"][rows])
    at = np.minimum(np.searchsorted(keys, key), max(0, len(keys) - 1))
    found = keys[at] == key if len(keys) else np.zeros(len(rows), np.bool_)
    rows, at = rows[found], at[found]
    at_site, channel, role = events["site"][rows], events["a"][rows], events["c"][rows]
    task = unit["task"][number[rows]]
    used = np.zeros(len(rows), USED)
    used["act"] = at
    for name, column in (
        ("unit", number), ("site", site), ("version", events["version"]), ("value", events["value"]),
        ("promise", events["b"]), ("own", events["d"]), ("taken", events["other"]),
    ):  # fmt: skip
        used[name] = column[rows]
    used["row"] = np.maximum(act["row"][at], events["e"][rows])
    # Own writes renew the later ops' inputs, also those that wrote back what stood there and so made no version.
    owned = np.logical_or.accumulate(_of_ops(rules, lambda op: op.owned), axis=1)
    op = events["op"][rows]
    used["own"] |= (op > 0) & owned[task, op - 1, at_site]
    told = (channel == MESSAGE) & ~np.isin(at_site, rules.plan)
    declared = _of_ops(rules, lambda op: op.declared)[task, op, at_site]
    used["bracket"] = np.where(role & 1 == 0, OBSERVED, np.where(told | declared, HEADLINE, PRE))
    return used[np.argsort(at, kind="stable")]


def _silent(
    rules: Rules, unit: NDArray[Any], act: NDArray[Any], used: NDArray[Any], written: NDArray[Any]
) -> NDArray[np.int64]:
    modifies = _of_ops(rules, lambda op: (op.site,) if op.modifies else ())
    whose = act[used["act"]]
    own_site = modifies[unit["task"][used["unit"]], whose["op"], used["site"] % len(rules.site_names)]
    made_one = np.isin(_key(whose["unit"], whose["op"]), _key(written["unit"], written["op"]))
    return np.flatnonzero(own_site & ~made_one & ~used["own"])


def _of_ops(rules: Rules, pick: Callable[[ResolvedOp], Collection[int]]) -> NDArray[np.bool_]:
    """Return which sites are picked of each op, [T, 4, S] bool."""
    found = np.zeros((len(rules.tasks), MAX_OPS, len(rules.site_names)), np.bool_)
    for t, task in enumerate(rules.tasks):
        for o, op in enumerate(task.ops):
            found[t, o, list(pick(op))] = True
    return found


def _written(events: NDArray[Any], number: NDArray[Any], row: NDArray[Any], site: NDArray[Any]) -> NDArray[Any]:
    rows = np.flatnonzero(events["kind"] == log.WRITE)
    written = np.zeros(len(rows), WRITTEN)
    for name, column in (
        ("unit", number), ("op", events["op"]), ("site", site), ("version", events["version"]),
        ("value", events["value"]), ("relative", events["a"]), ("row", row),
    ):  # fmt: skip
        written[name] = column[rows]
    return written[np.lexsort((written["version"], written["site"]))]
