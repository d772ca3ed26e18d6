"""From one protocol to another in the middle of an episode, for a fork: what of the old one goes on under the new.

World, beliefs, mail in flight, thought and walks go on as they are. A transaction that is under way goes on too, with
the inputs it froze, and is judged by the new protocol from here on, unless that would be at a loss:

- a token, locks and snapshots admit a transaction before it thinks, so what the new protocol would have admitted by
  others than the old one is given up, and its agent decides anew; what the old one alone admitted needs no leave;
- writes that wait for settle, versions that are not settled and mail that is held are given up with their transaction
  where the new protocol does not know how to settle them.

Who waits to be let in by what is there no more decides anew; so does everyone who waits where transactions are given
up. Nobody stands in a region without its lock where regions are locked; a token is free. A correction in preparation is
the plan of all where the new protocol has no epochs; where the old one has none, who does not know the plan is fenced.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..world import log
from ..world.rules import GRAINS
from ..world.state import (
    ABORTED,
    CORRECTION,
    GONE,
    IDLE,
    INCREMENT,
    LOCK_MODES,
    LOCKING,
    LOOKING,
    NEVER,
    NO_JOB,
    NO_SITE,
    NO_TASK,
    NO_TXN,
    NOBODY,
    OUT,
    PARTIAL,
    QUEUED,
    REGISTRY,
    State,
)
from .config import AXES, Config
from .single import CompiledEngine

# Axes that may differ while a transaction goes on.
_GOES_ON = (
    "reads", "writes", "transaction", "scopes", "rule", "validated", "messages", "delivery", "mail", "corrections",
    "corrector", "feedback", "interruption", "scheduling",
    "speculation",
)  # fmt: skip
# Axes that say who is let in and when, by the one that switches them off, and the value with which it does.
_LET_IN = {
    "order": ("none", ("order",)),
    "pivot": ("commits", ("pivot",)),
    "locks": ("none", ("locks", "lock_moment", "deadlock", "victim")),
}
_EVERYTHING = ~np.uint64(0)


def hand_over(old: CompiledEngine, new: CompiledEngine) -> NDArray[Any]:
    """Put the world of one engine into another, which was reset from the same seed; return what is logged meanwhile.

    The scenario and its sizes must be the same; protocol and settings may differ. The old engine is used up.
    """
    state, events = old.batch.state, _Log(old.tick)
    leave(old, new.config, events)
    for name, array in state._asdict().items():
        if name not in ("log", "observation", "mask", "mail"):
            getattr(new.batch.state, name)[...] = array
    _move_mail(state, new.batch.state, new.config.delivery == "fifo")
    _take_up(new, events)
    new.show_anew()
    return events.array()


class _Log:
    """Rows to be logged in one tick."""

    def __init__(self, tick: int) -> None:
        self.tick = tick
        self.rows: list[tuple[int, ...]] = []

    def emit(self, kind: int, agent: int, txn: int = NO_TXN, site: int = NO_SITE, **columns: int) -> None:
        """Add a row, as `world.log` explains it."""
        row = {"kind": kind, "tick": self.tick, "agent": agent, "txn": txn, "site": site, "other": NOBODY, **columns}
        self.rows.append(tuple(row.get(name, 0) for name in log.COLUMNS))

    def array(self) -> NDArray[Any]:
        """Return the rows as [n] log.EVENT."""
        return np.array(self.rows, log.EVENT)


def gives_up(old: Config, new: Config) -> bool:
    """Tell whether transactions under way cannot go on from one protocol to the other."""
    needless = {axis for switch, (off, axes) in _LET_IN.items() if getattr(new, switch) == off for axis in axes}
    return (
        any(getattr(old, axis) != getattr(new, axis) for axis in AXES if axis not in _GOES_ON and axis not in needless)
        or (old.writes != "in place" and new.writes != old.writes)
        or (old.closed and not new.closed)
        or (old.mail == "at settle" and new.mail != "at settle")
    )


def leave(engine: CompiledEngine, new: Config, events: _Log) -> None:
    """Undo what only the engine's own protocol knows how to end."""
    state, config = engine.batch.state, engine.config
    agents = state.agent[0]
    dropped = gives_up(config, new)
    let_in = ["scheduling", "speculation", *(axis for _, axes in _LET_IN.values() for axis in axes)]
    freed = dropped or any(getattr(config, axis) != getattr(new, axis) for axis in let_in)
    for a, me in enumerate(agents):
        if me["holding"] != NOBODY and config != new:
            _end_hold(a, me, events)  # the new protocol begins its own, at the op's next attempt
        if freed:
            _end_wait(engine, a, events)
        # Who has not been admitted yet has nothing that could go on.
        if me["txn"] != NO_TXN and (dropped or (freed and me["phase"] == LOCKING)):
            _give_up(engine, a, events)
    if freed:
        _let_go(engine, events)
    if dropped:
        # Conflicts are those of transactions that ran side by side: none is left.
        state.world["settles"], agents["snapshot"] = 0, 0
        state.settled["read"], state.settled["pivot"] = 0, 0
    if new.interruption != "checkpoint":
        state.tally[0, :, :, 2] = 0  # thought that a retry would have kept
    if config.corrections == "epoch" and new.corrections != "epoch" and state.world[0]["epoch"] > 0:
        _adopt(engine, events)
    if config.corrections != "epoch" and new.corrections == "epoch":
        _fence(engine, events)


def _end_wait(engine: CompiledEngine, a: int, events: _Log) -> None:
    """Let nobody wait to be let in: this tick's waiting is over."""
    me, by_lock = engine.batch.state.agent[0][a], engine.config.locks != "none"
    queued = me["phase"] == QUEUED
    if queued or me["waits"] in (log.FOR_LOCK, log.HELD_BACK):
        task, since = (me["queued_task"], me["queued_since"]) if queued else (me["task"], me["wait_since"])
        whom = NOBODY if by_lock else int(engine.batch.state.world[0]["holder"])
        site, kind = (int(me["wait_site"]), log.FOR_LOCK) if by_lock else (NO_SITE, int(me["waits"]))
        waited = engine.tick - int(since) + 1
        events.emit(log.WAIT_END, a, int(me["txn"]), site=site, other=whom, a=int(task), b=kind, c=waited)
        me["waits"] = 0
    if queued:
        me["phase"], me["queued_task"] = IDLE if me["look"] == NO_SITE else LOOKING, NO_TASK
    me["lock_site"] = NO_SITE


def _let_go(engine: CompiledEngine, events: _Log) -> None:
    """Let go of the token and of all locks."""
    state = engine.batch.state
    world = state.world[0]
    if world["holder"] != NOBODY:
        events.emit(log.RELEASE, int(world["holder"]))
        world["holder"] = NOBODY
    for a, me in enumerate(state.agent[0]):
        for site, lock in enumerate(state.lock[0]):
            for mode, name in enumerate(LOCK_MODES):
                if lock[name] >> np.uint64(a) & np.uint64(1):
                    events.emit(log.RELEASE, a, int(me["txn"]), site, a=mode)
        me["locks"] = 0
    for name in LOCK_MODES:
        state.lock[name] = 0


def _end_hold(a: int, me: Any, events: _Log) -> None:
    whom, kind, waited = int(me["holding"]), int(me["hold"]), int(me["stuck"])
    events.emit(log.WAIT_END, a, int(me["txn"]), other=whom, a=int(me["task"]), b=kind, c=waited)
    me["holding"], me["stuck"] = NOBODY, 0


def _find_place(a: int, me: Any, tick: int, events: _Log) -> None:
    """End the wait for a place to think, if there is one: this tick's waiting is over."""
    me["placed"] = 1
    if me["waits"] == log.FOR_THOUGHT:
        task, waited = int(me["task"]), tick - int(me["wait_since"]) + 1
        events.emit(log.WAIT_END, a, int(me["txn"]), a=task, b=log.FOR_THOUGHT, c=waited)
        me["waits"] = 0


def _give_up(engine: CompiledEngine, a: int, events: _Log) -> None:
    """Abort a transaction: what it did stays, what it was about to do is dropped; its orders stay open.

    So it is where it has done something, too: it has not failed, and its agent can see what is left to do.
    """
    state, tick = engine.batch.state, engine.tick
    me, txn = state.agent[0][a], int(state.agent[0][a]["txn"])
    _find_place(a, me, tick, events)
    useful, buffered = int(me["thought"] - state.thought_left[0, a]), int(me["pending"]).bit_count()
    ended = PARTIAL if me["done"] > buffered else ABORTED
    kind = log.PARTIAL_COMMIT if ended == PARTIAL else log.ABORT
    events.emit(kind, a, txn, a=useful + int(me["spoiled"]), b=ABORTED if ended == PARTIAL else 0)
    for there in state.site[0]:
        if there["unsettled"] == a:
            there["unsettled"] = NOBODY
    for mail in _in_flight(state):
        if mail["held"] == txn and ended == PARTIAL:
            mail["held"], mail["due"], mail["sent"] = NO_TXN, mail["due"] + tick - mail["sent"], tick
        elif mail["held"] == txn:
            _drop(mail, events)
    tally = state.tally[0][a][int(me["task"])]
    if me["job"] == NO_JOB:
        tally[1] += 1
    else:
        state.job[0][a][int(me["job"])]["attempt"] += 1
    if engine.config.interruption == "checkpoint":
        tally[2] = (int(tally[2]) + useful) * engine.config.kept // 100
    me["phase"], me["outcome"], me["txn"], me["task"], me["job"] = IDLE, ended, NO_TXN, NO_TASK, NO_JOB
    for name in ("stuck", "pending", "broke"):
        me[name] = 0
    state.thought_left[0, a] = 0


def _in_flight(state: State) -> Iterator[Any]:
    world = state.world[0]
    return (mail for mail in state.mail[0, int(world["mail_first"]) : int(world["mail_count"])] if mail["due"] != GONE)


def _drop(mail: Any, events: _Log) -> None:
    sender, receiver, site = int(mail["sender"]), int(mail["receiver"]), int(mail["site"])
    events.emit(log.DROP, sender, int(mail["held"]), site, other=receiver, c=int(mail["number"]))
    mail["due"] = GONE


def _adopt(engine: CompiledEngine, events: _Log) -> None:
    """Make the newest epoch the plan of all, and forget that it was in preparation."""
    state, world = engine.batch.state, engine.batch.state.world[0]
    if world["corrector"] != NOBODY:
        waited = engine.tick - int(world["published"])
        events.emit(log.ADOPTED, int(world["corrector"]), value=int(world["epoch"]), a=waited)
    for a, me in enumerate(state.agent[0]):
        me["copy_due"], me["answer_due"] = NEVER, NEVER
        for entry in engine.rules.plan if me["phase"] != OUT else ():
            there, belief = state.site[0][entry], state.belief[0][a][entry]
            if not _knows(state, a, entry):
                value, version = int(there["value"]), int(there["version"])
                events.emit(log.SENSE, a, site=entry, value=value, version=version, a=REGISTRY, b=4)
                belief["arrived"] = engine.tick
            belief["value"], belief["version"], belief["promise"] = there["value"], there["version"], 0
            belief["channel"], belief["tick"] = REGISTRY, engine.tick
            me["known"] |= np.uint64(1 << entry)
    world["corrector"] = NOBODY
    for name in ("changed_entries", "acknowledged", "unanswered", "fenced"):
        world[name] = 0


def _fence(engine: CompiledEngine, events: _Log) -> None:
    """Let who does not know the newest epoch be refused until it knows: nobody sends it a copy any more.

    Corrections on their way go: they would overwrite what a member has adopted.
    """
    state, world = engine.batch.state, engine.batch.state.world[0]
    for mail in _in_flight(state):
        if mail["kind"] == CORRECTION:
            _drop(mail, events)
    members = {a for a in engine.rules.members if state.agent[0][a]["phase"] != OUT}
    behind = {a for a in members for entry in engine.rules.plan if not _knows(state, a, entry)}
    world["fenced"], world["acknowledged"] = (sum(1 << a for a in group) for group in (behind, members - behind))


def _knows(state: State, a: int, site: int) -> bool:
    there, belief = state.site[0][site], state.belief[0][a][site]
    return bool(belief["version"] == there["version"] and not belief["promise"])


def _move_mail(old: State, new: State, fifo: bool) -> None:
    """Move the mail in flight; how much room there is for it depends on the delay."""
    kept = list(_in_flight(old))
    if len(kept) > new.mail.shape[1]:
        raise ValueError(f"{len(kept)} messages are in flight: too many for so short a delay; fork at another tick")
    for place, mail in enumerate(kept):
        new.mail[0, place] = mail
        if fifo and mail["held"] == NO_TXN:  # no message sent from here on overtakes it
            pair = 0, int(mail["sender"]), int(mail["receiver"])
            new.pipe[pair] = max(new.pipe[pair], mail["due"])
    there = new.world[0]
    there["mail_first"], there["mail_count"], there["log_count"] = 0, len(kept), 0
    there["next_due"] = min((int(mail["due"]) for mail in kept if mail["held"] == NO_TXN), default=NEVER)


def _take_up(engine: CompiledEngine, events: _Log) -> None:
    """Make ready what the new protocol expects, and have everything shown to the agents anew."""
    state = engine.batch.state
    state.world["ready"], state.world["turn_due"] = 0, 0
    if engine.rules.settings.thinkers is None:
        for a, me in enumerate(state.agent[0]):
            _find_place(a, me, events.tick, events)
    if engine.rules.settings.is_perfect:
        state.agent["hidden"], state.agent["missed"], state.agent["added"] = 0, NO_SITE, NO_SITE
    if engine.config.locks != "none":
        for a, me in enumerate(state.agent[0]):
            region = engine.rules.region_of.get(int(me["cell"]), NO_SITE)
            if region == NO_SITE or me["phase"] == OUT:
                continue
            site = int(engine.rules.lock_of[GRAINS.index(engine.config.locks)][region])
            lock, mine = state.lock[0][site], np.uint64(1 << a)
            if not lock["increment"] & mine:
                lock["increment"] |= mine
                lock["granted"] = engine.tick
                me["locks"] |= np.uint64(1 << site)
                events.emit(log.GRANT, a, int(me["txn"]), site, a=INCREMENT)
    agents = state.agent
    agents["ready"], agents["shown"], agents["show"] = 0, -1, _EVERYTHING
    agents["reseen"], agents["rejob"], agents["remask"] = 1, 1, 1
