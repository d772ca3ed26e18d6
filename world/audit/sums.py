"""What can be counted without judging anything: sums over the log, ages of messages, waiting and stalls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import log
from ..log import BEGINS, SPOILED
from ..rules import Rules
from ..state import EXCLUSIVE, MESSAGE

SETTLES = (log.COMMIT, log.PARTIAL_COMMIT, log.REJECT, log.ABORT, log.FAIL)


def last_tick(events: NDArray[Any]) -> int:
    """Return the tick of the last event, which is the end's where the episode ended."""
    return int(events["tick"][-1]) if len(events) else 0


def sums(rules: Rules, events: NDArray[Any]) -> dict[str, int]:
    """Return every counter that needs no judgement of acts, by name."""
    kind, a = events["kind"], events["a"]
    many = np.bincount(kind, minlength=len(log.KINDS))
    committed = events["txn"][np.isin(kind, (log.COMMIT, log.PARTIAL_COMMIT))]
    committed = committed[~np.isin(committed, events["txn"][kind == log.REVOKED])]  # and taken back later
    wasted = np.isin(kind, (log.REJECT, log.FAIL, log.ABORT, log.REVOKED))
    # What was thought in vain while it waited counts for any transaction, and once.
    spoiled = events[(kind == log.SPECULATE) & (a == SPOILED)]
    spoiled = spoiled[~np.isin(spoiled["txn"], events["txn"][wasted])]
    delivered = events[kind == log.DELIVER]
    told, age_thought = _told(events)
    return {
        "victims": int(many[log.VICTIM]),
        "false_stall": false_stall(rules, events),
        "invariant_violations": int(many[log.INVARIANT_BROKEN]),
        "accidents": int(many[log.ACCIDENT]),
        # Not the channel's copies; but the protocol's own messages.
        "messages": int(np.count_nonzero((kind == log.SEND) & (events["e"] & 2 == 0)))
        + int(many[log.COPY] + many[log.ACKNOWLEDGED]),
        "committed": len(committed),
        "broke_invariant": len(np.intersect1d(committed, events["txn"][kind == log.INVARIANT_BROKEN])),
        "rejected": int(many[log.REJECT]),
        "failed": int(many[log.FAIL]),
        "think_ticks": _think_ticks(events),
        "wasted_think_ticks": int(a[wasted].sum() + spoiled["b"].sum()),
        "blocked_ticks": blocked_ticks(events),
        "age_source": int((delivered["e"] - delivered["d"]).sum()),
        "age_transit": int((delivered["tick"] - delivered["e"]).sum()),
        "age_thought": age_thought,
        "delivered": len(delivered),
        "told_inputs": told,
        "illegal_actions": int((events["b"][kind == log.CHOOSE] == 1).sum()),
        "decisions": int(many[log.DECIDE]),
        "slips": int(many[log.SLIP]),
    }


def goals_over_time(events: NDArray[Any]) -> tuple[int, int]:
    """Return how many goals are met at the end, and the last tick at which their number grew."""
    changes = events[(events["kind"] == log.GOAL) & (events["value"] >= 0)]
    ticks, where = np.unique(changes["tick"], return_inverse=True)
    growth = np.zeros(len(ticks), np.int64)
    np.add.at(growth, where, np.where(changes["value"] == 1, 1, -1))
    grown = ticks[growth > 0]
    return int(growth.sum()), int(grown[-1]) if len(grown) else 0


def _told(events: NDArray[Any]) -> tuple[int, int]:
    """Return how many inputs of acts a message told, and the ticks since their decisions."""
    decides = events[events["kind"] == log.DECIDE]
    reads = events[(events["kind"] == log.READ) & (events["a"] == MESSAGE)]
    # Transactions are numbered in the order in which they are decided.
    decided = decides["tick"][np.searchsorted(decides["txn"], reads["txn"])]
    return len(reads), int((reads["tick"] - decided).sum())


def _think_ticks(events: NDArray[Any]) -> int:
    settles = events[np.isin(events["kind"], SETTLES)]
    decides = events[events["kind"] == log.DECIDE]
    still_open = decides[~np.isin(decides["txn"], settles["txn"])]
    so_far = sum(_thought_so_far(events, *row) for row in still_open[["txn", "agent", "b"]].tolist())
    return int(settles["a"].sum()) + so_far


def _thought_so_far(events: NDArray[Any], txn: int, agent: int, drawn: int) -> int:
    """Return the think ticks of a transaction that is open at the end, none of them in a stall.

    There are none before admission but those of speculation, which goes on to the end of the thought or to admission.
    """
    own, end = events[events["txn"] == txn], last_tick(events)
    guesses = own[own["kind"] == log.SPECULATE]
    judged = guesses[guesses["a"] != BEGINS]
    spoiled = int(judged["b"][judged["a"] == SPOILED].sum())
    if (own["kind"] == log.THINK_END).any():
        return drawn + spoiled
    before = int(judged["b"].sum()) - spoiled
    if len(guesses) and not len(judged):
        return min(drawn, _awake(events, agent, int(guesses["tick"][0]), end))
    turns = own[np.isin(own["kind"], (log.DECIDE, log.WAIT_BEGIN, log.WAIT_END))]
    if turns["kind"][-1] == log.WAIT_BEGIN:
        return before + spoiled
    return spoiled + min(drawn, before + _awake(events, agent, int(turns["tick"][-1]), end))


def _awake(events: NDArray[Any], agent: int, begun: int, end: int) -> int:
    """Return the ticks from one to another in which an agent did not stall."""
    stalls = events[(events["kind"] == log.STALLED) & (events["agent"] == agent)]
    # A stall holds for the ticks after the one in which it is logged.
    still = sum(
        max(0, min(end, tick + ticks) - max(begun, tick + 1) + 1) for tick, ticks in stalls[["tick", "a"]].tolist()
    )
    return int(end - begun + 1 - still)


def blocked_ticks(events: NDArray[Any]) -> int:
    """Return the agent-ticks of waiting for admission or in a hold, waits that go on at the end included."""
    total, since = 0, {}
    waits = events[np.isin(events["kind"], (log.WAIT_BEGIN, log.WAIT_END))]
    for kind, agent, tick, ticks in waits[["kind", "agent", "tick", "c"]].tolist():
        if kind == log.WAIT_BEGIN:
            since[agent] = tick
        else:
            since.pop(agent, None)
            total += ticks
    return int(total + sum(last_tick(events) - tick + 1 for tick in since.values()))


@dataclass
class _Tenure:
    """A token or a lock in one agent's hands."""

    granted: int  # tick
    settled: bool = False
    wrote: set[int] = field(default_factory=set)  # sites


def false_stall(rules: Rules, events: NDArray[Any]) -> int:
    """Return the ticks waited for transactions that settled and changed none of the waiter's inputs.

    Who waits is asked when the token, or a lock that is in the way, is let go; what is still held at the end counts
    nothing.
    """
    if not (events["kind"] == log.RELEASE).any():
        return _held_in_vain(rules, events)
    total = 0
    tenures: dict[int, _Tenure] = {}  # of the token
    granted: dict[int, int] = {}  # site -> tick of the last grant of its lock
    wrote: dict[int, set[int]] = {}  # txn -> sites
    let_go, counted = (-1, -1), set[int]()  # (txn, site) of the last release, which may be of two modes, and for whom
    waiting: dict[int, tuple[int, int, int, int]] = {}  # agent -> tick of the beginning, task, site, mode
    kinds = (log.WAIT_BEGIN, log.WAIT_END, log.GRANT, log.RELEASE, log.WRITE, *SETTLES)
    relevant = events[np.isin(events["kind"], kinds)]
    columns = ["kind", "agent", "txn", "tick", "site", "a", "b", "c"]
    for kind, agent, txn, tick, site, a, b, c in relevant[columns].tolist():
        if kind == log.WAIT_BEGIN and b in (log.ADMISSION, log.FOR_LOCK):
            waiting[agent] = tick, a, site, c
        elif kind == log.WAIT_END and b in (log.ADMISSION, log.FOR_LOCK):
            waiting.pop(agent, None)
        elif kind == log.GRANT and site >= 0:
            granted[site] = tick
        elif kind == log.GRANT:
            tenures[agent] = _Tenure(tick)
        elif kind == log.RELEASE:
            since, changed = granted.get(site, 0), wrote.get(txn, set())
            if site < 0:
                tenure = tenures.pop(agent, None)
                if tenure is None or not tenure.settled:
                    continue
                since, changed = tenure.granted + 1, tenure.wrote
            elif b == 0:
                continue  # the lock of a border
            if site < 0 or (txn, site) != let_go:
                let_go, counted = (txn, site), set()
            for waiter, (begun, task, wanted, mode) in waiting.items():
                in_the_way = wanted == site and (mode != a or a == EXCLUSIVE)
                inputs = rules.tasks[task].inputs if task >= 0 else ()
                if (site < 0 or in_the_way) and waiter not in counted and changed.isdisjoint(inputs):
                    counted.add(waiter)
                    total += tick - max(begun, since) + 1
        elif kind == log.WRITE:
            wrote.setdefault(txn, set()).add(site)
            if agent in tenures:
                tenures[agent].wrote.add(site)
        elif agent in tenures and kind in SETTLES:
            tenures[agent].settled = True
    return int(total) + _held_in_vain(rules, events)


def _held_in_vain(rules: Rules, events: NDArray[Any]) -> int:
    """Return the ticks for which tasks were held back by transactions that changed none of their inputs."""
    begins = (events["kind"] == log.WAIT_BEGIN) & (events["b"] == log.HELD_BACK)
    if not begins.any():
        return 0
    total = 0
    wrote: dict[int, set[int]] = {}  # txn -> sites
    held: dict[int, tuple[int, int, int]] = {}  # agent -> tick of the beginning, task, by whom
    decided = set(events["txn"][events["kind"] == log.DECIDE].tolist())  # and no crossing of a border
    kinds = (log.WAIT_BEGIN, log.WAIT_END, log.WRITE, *SETTLES)
    relevant = events[np.isin(events["kind"], kinds)]
    for kind, agent, txn, tick, site, other, a, b in relevant[
        ["kind", "agent", "txn", "tick", "site", "other", "a", "b"]
    ].tolist():
        if kind == log.WAIT_BEGIN and b == log.HELD_BACK:
            held[agent] = tick, a, other
        elif kind == log.WAIT_END:
            held.pop(agent, None)
        elif kind == log.WRITE:
            wrote.setdefault(txn, set()).add(site)
        elif kind in SETTLES and txn in decided:
            for begun, task, by in held.values():
                if by == agent and wrote.get(txn, set()).isdisjoint(rules.tasks[task].inputs):
                    total += tick - begun + 1
    return total
