"""Random schedules under locks: the log itself shows who held what, and that nobody changed it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from stalegrid.protocols.config import AXES
from stalegrid.protocols.presets import resolve
from stalegrid.world import log
from stalegrid.world.rules import GRAINS
from stalegrid.world.state import HAZARDS, INCREMENT, REGISTRY, SHARED

from .schedules import SOUND, random_schedule
from .test_locks import LOCKS
from .turns import Seen, watch

SETTLED = (log.COMMIT, log.PARTIAL_COMMIT, log.REJECT, log.ABORT, log.FAIL)
TOGETHER = {(SHARED, SHARED), (INCREMENT, INCREMENT)}


def broken_locks(events: Sequence[Seen], lock_of: Sequence[int]) -> list[str]:
    """Return what a log says against its locks; `lock_of` gives the site that stands for the lock of each."""
    held: set[tuple[int, int, int]] = set()  # agent, site, mode
    waits: dict[int, Seen] = {}
    versions: dict[int, int] = {}
    shrinking: set[int] = set()  # transactions that have let go of a lock
    wrong: list[str] = []
    for n, event in enumerate(events):
        lock = lock_of[event.site] if event.site >= 0 else event.site
        others = {mode for agent, site, mode in held if site == lock and agent != event.agent}
        if event.kind == log.GRANT:
            if event.site != lock or event.txn in shrinking:
                wrong.append(f"another lock, or not two-phase: {event}")
            converts = any((agent, site) == (event.agent, event.site) for agent, site, _ in held)
            held.add((event.agent, event.site, event.a))
            if any((mode, event.a) not in TOGETHER for mode in others):
                wrong.append(f"granted beside {others}: {event}")
            since = waits[event.agent].tick if event.agent in waits else event.tick
            ahead = [w for w in waits.values() if w.site == event.site and w.tick < since and not converts]
            if any((w.c, event.a) not in TOGETHER for w in ahead):
                wrong.append(f"overtook {ahead}: {event}")
        elif event.kind == log.RELEASE:
            held.remove((event.agent, event.site, event.a))
            shrinking |= {event.txn} if event.b else set()
        elif event.kind == log.WAIT_BEGIN and event.b == log.FOR_LOCK:
            waits[event.agent] = event
        elif event.kind == log.WAIT_END and event.b == log.FOR_LOCK:
            waits.pop(event.agent, None)
        elif event.kind == log.INPUT:
            # Where locks are taken as needed, what is only written is not locked yet, and may be unsettled.
            holds = any((agent, site) == (event.agent, lock) for agent, site, _ in held)
            if holds and (event.version, event.a) != (versions.get(event.site, 0), REGISTRY):
                wrong.append(f"not renewed: {event}")
        elif event.kind == log.WRITE:
            versions[event.site] = event.version
            if event.agent >= 0 and any(mode != INCREMENT or not event.a for mode in others):
                wrong.append(f"changed what others hold in {others}: {event}")
        elif event.kind in SETTLED and not is_border(events, n):
            at_settle = [later for later in events[n:] if later.tick == event.tick and later.agent == event.agent]
            let_go = {(later.agent, later.site, later.a) for later in at_settle if later.kind == log.RELEASE}
            kept = {lock for lock in held - let_go if lock[0] == event.agent and lock[2] != INCREMENT}
            if kept:
                wrong.append(f"still holds {kept}: {event}")
    return wrong


def is_border(events: Sequence[Seen], nth: int) -> bool:
    """Tell whether what settles is the crossing of a border."""
    return any(event.kind == log.BORDER and event.txn == events[nth].txn for event in events[:nth])


def protects(seed: int, **more: Any) -> None:
    """Play a random schedule under locks: no act is exposed to what others do, and the log is that of locks."""
    schedule = random_schedule(
        seed, {"lockstep": False, **SOUND}, {"reads": "admission", "order": "none", "scheduling": "first come"} | more
    )
    played = watch(schedule)
    levels = [f"{hazard}.{level}" for hazard in HAZARDS for level in ("exposed", "decisive", "prevented")]
    assert {name: played.count(name) for name in levels if played.count(name)} == {}, str(schedule)
    lock_of = schedule.rules.lock_of[GRAINS.index(schedule.config.locks)]
    assert broken_locks(played.events, lock_of) == [], str(schedule)


def test_on_random_schedules_what_is_locked_cannot_change():
    for seed in range(150):
        protects(seed, **kind_of_locks(seed))
        protects(seed, **dict(resolve(LOCKS)) | kind_of_locks(seed))


def kind_of_locks(seed: int) -> dict[str, Any]:
    """Return one of all kinds of locks, in turn."""
    kinds = itertools.product(GRAINS, AXES["lock_moment"].values, AXES["deadlock"].values)
    grain, moment, deadlock = list(kinds)[seed % 24]
    victim = AXES["victim"].values[seed // 24 % 2 if deadlock == "detection" else 0]
    return {
        "locks": grain, "lock_moment": moment, "deadlock": deadlock, "victim": victim, "lock_timeout": 1 + seed % 7
    }  # fmt: skip
