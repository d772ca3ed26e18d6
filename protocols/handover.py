"""From one protocol to another in the middle of an episode, for a fork: what of the old one goes on under the new.

World, beliefs, mail in flight, thought and walks go on as they are. A transaction that is under way goes on too, with
the inputs it froze, and is judged by the new protocol from here on, unless one of the two protocols would be at a loss:

- tokens and locks admit a transaction before it thinks, so where only one protocol has them, or the other has the
  others, what is under way is given up, and its agent decides anew;
- writes that wait for settle, versions that are not settled and mail that is held are given up with their transaction
  where the new protocol does not know how to settle them.

Who waits in a queue decides anew. Nobody stands in a region without its lock where regions are locked; a token is free.
A correction in preparation is the plan of all where the new protocol has no epochs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..world import log
from ..world.rules import GRAINS
from ..world.state import (
    ABORTED,
    GONE,
    IDLE,
    INCREMENT,
    LOOKING,
    NEVER,
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

_MODES = ("shared", "increment", "exclusive")
# Axes that may differ while a transaction goes on; the others, such as order and locks, say who is let in and when.
_GOES_ON = (
    "reads", "writes", "transaction", "scopes", "rule", "validated", "messages", "delivery", "mail", "corrections",
    "corrector", "feedback", "interruption",
)  # fmt: skip
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
    _move_mail(state, new.batch.state)
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
    return (
        any(getattr(old, axis) != getattr(new, axis) for axis in AXES if axis not in _GOES_ON)
        or (old.writes != "in place" and new.writes != old.writes)
        or (old.closed and not new.closed)
        or (old.mail == "at settle" and new.mail != "at settle")
    )


def leave(engine: CompiledEngine, new: Config, events: _Log) -> None:
    """Undo what only the engine's own protocol knows how to end."""
    state, config, rules = engine.batch.state, engine.config, engine.rules
    world, agents = state.world[0], state.agent[0]
    dropped = gives_up(config, new)
    for a, me in enumerate(agents):
        if me["holding"] != NOBODY and config != new:
            _end_hold(a, me, events)  # the new protocol begins its own, at the op's next attempt
        if me["txn"] != NO_TXN and dropped:
            _give_up(engine, a, events)
        if me["phase"] == QUEUED and dropped:
            site, kind = (me["wait_site"], log.FOR_LOCK) if config.locks != "none" else (NO_SITE, log.ADMISSION)
            waited = engine.tick - int(me["queued_since"]) + 1
            events.emit(
                log.WAIT_END, a, site=int(site), other=int(world["holder"]), a=int(me["queued_task"]), b=kind, c=waited
            )
            me["phase"] = IDLE if me["look"] == NO_SITE else LOOKING
            me["queued_task"], me["waits"] = NO_TASK, 0
    if dropped and world["holder"] != NOBODY:
        events.emit(log.RELEASE, int(world["holder"]))
        world["holder"] = NOBODY
    if dropped and config.locks != "none":
        for a, me in enumerate(agents):
            for site in range(len(rules.site_names)):
                for mode, name in enumerate(_MODES):
                    if state.lock[0][site][name] >> np.uint64(a) & np.uint64(1):
                        events.emit(log.RELEASE, a, site=site, a=mode)
            me["locks"], me["lock_site"], me["waits"] = 0, NO_SITE, 0
        state.lock[0][[*_MODES]] = np.zeros((), state.lock.dtype[[*_MODES]])
    if config.corrections == "epoch" and new.corrections != "epoch" and world["epoch"] > 0:
        _adopt(engine, events)


def _end_hold(a: int, me: Any, events: _Log) -> None:
    whom, kind, waited = int(me["holding"]), int(me["hold"]), int(me["stuck"])
    events.emit(log.WAIT_END, a, int(me["txn"]), other=whom, a=int(me["task"]), b=kind, c=waited)
    me["holding"], me["stuck"] = NOBODY, 0


def _give_up(engine: CompiledEngine, a: int, events: _Log) -> None:
    """Abort a transaction: what it did stays, what it was about to do is dropped; its orders stay open."""
    state, tick = engine.batch.state, engine.tick
    me, txn, task = state.agent[0][a], int(state.agent[0][a]["txn"]), int(state.agent[0][a]["task"])
    if me["waits"]:
        waited = tick - int(me["wait_since"])
        events.emit(log.WAIT_END, a, txn, int(me["wait_site"]), a=task, b=log.FOR_LOCK, c=waited)
    spent, buffered = int(me["thought"] - me["thought_left"]), int(me["pending"]).bit_count()
    ended = PARTIAL if me["done"] > buffered else ABORTED
    kind = log.PARTIAL_COMMIT if ended == PARTIAL else log.ABORT
    events.emit(kind, a, txn, a=spent, b=ABORTED if ended == PARTIAL else 0)
    for there in state.site[0]:
        if there["unsettled"] == a:
            there["unsettled"] = NOBODY
    for mail in state.mail[0]:
        if mail["due"] != GONE and mail["held"] == txn:
            if ended == PARTIAL:
                mail["held"], mail["due"], mail["sent"] = NO_TXN, mail["due"] + tick - mail["sent"], tick
            else:
                mail["due"] = GONE
                events.emit(log.DROP, int(mail["sender"]), txn, other=int(mail["receiver"]), c=int(mail["number"]))
    me["phase"], me["outcome"], me["txn"], me["task"], me["job"] = IDLE, ended, NO_TXN, NO_TASK, -1
    for name in ("thought_left", "stuck", "pending", "broke", "waits"):
        me[name] = 0
    me["lock_site"] = NO_SITE


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
            if belief["version"] != there["version"] or belief["value"] != there["value"]:
                value, version = int(there["value"]), int(there["version"])
                events.emit(log.SENSE, a, site=entry, value=value, version=version, a=REGISTRY, b=4)
                belief["arrived"] = engine.tick
            belief["value"], belief["version"], belief["promise"] = there["value"], there["version"], 0
            belief["channel"], belief["tick"] = REGISTRY, engine.tick
    world["corrector"], world["changed_entries"], world["fenced"], world["unanswered"] = NOBODY, 0, 0, 0


def _move_mail(old: State, new: State) -> None:
    """Move the mail in flight; how much room there is for it depends on the delay."""
    world = old.world[0]
    mail = old.mail[0, int(world["mail_first"]) : int(world["mail_count"])]
    kept = mail[mail["due"] != GONE]
    if len(kept) > new.mail.shape[1]:
        raise ValueError(f"{len(kept)} messages are in flight: too many for so short a delay; fork at another tick")
    new.mail[0, : len(kept)] = kept
    under_way = kept[kept["held"] == NO_TXN]["due"]
    there = new.world[0]
    there["mail_first"], there["mail_count"], there["log_count"] = 0, len(kept), 0
    there["next_due"] = min(under_way.tolist(), default=NEVER)


def _take_up(engine: CompiledEngine, events: _Log) -> None:
    """Make ready what the new protocol expects, and have everything shown to the agents anew."""
    state = engine.batch.state
    state.world["ready"] = 0
    if engine.config.locks != "none":
        for a, me in enumerate(state.agent[0]):
            region = engine.rules.region_of.get(int(me["cell"]), NO_SITE)
            if region == NO_SITE or me["phase"] == OUT:
                continue
            site = int(engine.rules.lock_of[GRAINS.index(engine.config.locks)][region])
            if not int(me["locks"]) >> site & 1:
                state.lock[0][site]["increment"] |= np.uint64(1 << a)
                me["locks"] |= np.uint64(1 << site)
                events.emit(log.GRANT, a, site=site, a=INCREMENT)
    agents = state.agent
    agents["ready"], agents["shown"], agents["show"] = 0, -1, _EVERYTHING
    agents["reseen"], agents["rejob"], agents["remask"] = 1, 1, 1
