"""Serializable snapshots: a transaction with a conflict in and a conflict out is refused.

Prevents: write skew and all else that snapshots let through. Some concurrent transaction read what it writes (a
conflict in), and it read what another has written since (a conflict out): every cycle of snapshot transactions turns on
such a pivot.
Costs: pivots that lie on no cycle are refused too.
Source: Cahill, Roehm, Fekete, Serializable Isolation for Snapshot Databases, SIGMOD 2008; Ports and Grittner,
Serializable Snapshot Isolation in PostgreSQL, VLDB 2012 (the summary of committed transactions).

Committed transactions are kept as a summary that loses no conflict, two numbers a site: when a reader of it settled
last, and its newest version by a transaction that settled with a conflict out. Whoever read a site before that version
would make its writer a pivot that can no longer be refused, and is refused itself.

What was done in the open cannot be taken back: a transaction that has done so is as good as committed. Where a write
would make a pivot of one such, behind another such, it waits at its site until that one has settled.
"""

from __future__ import annotations

import numpy as np

from ..world.context import (
    agents_of,
    inputs_of,
    op_rule,
    settled_of,
    sites_of,
    task_inputs,
    task_rules,
    world_of,
)
from ..world.jit import compiled
from ..world.kernel import bit, has, is_input_current
from ..world.reference import World
from ..world.reference_state import Transaction
from ..world.state import COMMITTED, LOCKING, NO_TXN, NOBODY, PARTIAL, PLANNED, SENSED
from ..world.tasks import ResolvedOp


class Pivots:
    """Who read what, who wrote what, and when: conflicts between concurrent transactions."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """An episode begins."""
        self.settled = 0  # transactions so far
        self.snapshots: dict[int, int] = {}  # agent -> `settled` at its admission
        self.read: dict[int, int] = {}  # site -> number of the last settled transaction that had read it
        self.dangerous: dict[int, int] = {}  # site -> newest version by a settled transaction with a conflict out

    def admit(self, agent: int) -> None:
        """Take the time of a snapshot."""
        self.snapshots[agent] = self.settled

    def check(self, world: World, txn: Transaction, op: int) -> dict[int, int]:
        """Return what a transaction read that has changed since, where it is a pivot or leads to one."""
        changed = self._changed(world, txn, op + 1)
        if not changed:
            return {}
        written = _written(world.rules.tasks[txn.task].ops[: op + 1])
        if not self._is_read(world, txn.agent, written):
            if not any(self._leads_on(world, txn, site) for site in changed):
                return {}
        return {site: PLANNED if site in world.rules.plan else SENSED for site in changed}

    def blocks(self, world: World, txn: Transaction) -> int:
        """Name the agent whose transaction must settle first, for it could not be refused as the pivot, or NOBODY."""
        ops = world.rules.tasks[txn.task].ops
        written = _written(ops[: txn.done + 1])
        fixed = [other.txn for other in world.agents if other.txn not in (None, txn) and _in_the_open(world, other.txn)]
        for pivot in fixed:
            assert pivot is not None
            if _read(pivot, _done(world, pivot)).isdisjoint(written):
                continue
            changed = _written(_in_the_open(world, pivot))
            for reader in fixed:
                if (
                    reader is not None
                    and reader is not pivot
                    and not changed.isdisjoint(_read(reader, _done(world, reader)))
                ):
                    return pivot.agent
        return NOBODY

    def settle(self, world: World, agent: int) -> None:
        """Keep what a committed transaction read, and what it wrote if it has a conflict out."""
        txn = world.agents[agent].txn
        if txn is None or world.agents[agent].outcome not in (COMMITTED, PARTIAL):
            return
        self.settled += 1
        done = _done(world, txn)
        self.read |= dict.fromkeys(_read(txn, done), self.settled)
        if self._changed(world, txn, txn.done, settles=True):
            self.dangerous |= {site: world.sites[site].version for site in _written(done)}

    def _changed(self, world: World, txn: Transaction, many: int, settles: bool = False) -> set[int]:
        """Return the sites that the first ops read and others have changed: conflicts out.

        What an op itself has written since it read it is no conflict: first committer wins saw to that.
        """
        changed: set[int] = set()
        mine: set[int] = set()
        for index in reversed(range(many)):
            op = world.rules.tasks[txn.task].ops[index]
            if index < txn.done and (settles or not world.is_record(op.site)):
                mine |= _written((op,))
            reads = _read(txn, (op,)) - mine
            changed |= {site for site in reads if not world.is_current(txn.inputs[site], site)}
        return changed

    def _is_read(self, world: World, agent: int, written: set[int]) -> bool:
        """Tell whether another transaction, open or settled since the snapshot, read one of these sites."""
        since = self.snapshots.get(agent, self.settled)
        return any(self.read.get(site, 0) > since for site in written) or any(
            not written.isdisjoint(world.rules.tasks[me.txn.task].reads - me.txn.hidden)
            for other, me in enumerate(world.agents)
            if other != agent and me.txn is not None and me.phase != LOCKING
        )

    def _leads_on(self, world: World, txn: Transaction, site: int) -> bool:
        """Tell whether a site that was read has been written since by a transaction with a conflict out."""
        if self.dangerous.get(site, 0) > txn.inputs[site].version:
            return True
        others = [me.txn for me in world.agents if me.txn is not None and me.txn is not txn]
        return any(
            site in _written(_in_the_open(world, other)) and self._changed(world, other, other.done) for other in others
        )


def _written(ops: tuple[ResolvedOp, ...]) -> set[int]:
    return {site for op in ops for site in op.plan or (op.site,)}


def _read(txn: Transaction, ops: tuple[ResolvedOp, ...]) -> set[int]:
    return {site for op in ops for site in op.pre} - txn.hidden


def _done(world: World, txn: Transaction) -> tuple[ResolvedOp, ...]:
    return world.rules.tasks[txn.task].ops[: txn.done]


def _in_the_open(world: World, txn: Transaction | None) -> tuple[ResolvedOp, ...]:
    """Return the ops of a transaction that have changed the world for all to see."""
    if txn is None:
        return ()
    return tuple(op for op in _done(world, txn) if not world.is_record(op.site))


# ---------------------------------------------------------------------- compiled

_ZERO = np.uint64(0)


@compiled
def _sites_written(c, t, o):
    rule = op_rule(c, t, o)
    return c.plan if rule.correction >= 0 else bit(rule.site)


@compiled
def _written_by(c, b, a, many, in_the_open):
    """Return the set of sites that an agent's first ops write, or those of them that change in the open."""
    me, written = agents_of(c, b)[a], _ZERO
    for o in range(many):
        if in_the_open == 0 or op_rule(c, me.task, o).record == 0:
            written |= _sites_written(c, me.task, o)
    return written


@compiled
def _read_by(c, b, a, many):
    """Return the set of sites that an agent's first ops read."""
    me, read = agents_of(c, b)[a], _ZERO
    for o in range(many):
        for slot in range(task_rules(c)[me.task].inputs):
            if has(op_rule(c, me.task, o).pre, slot):
                read |= bit(task_inputs(c)[me.task, slot])
    return read & ~me.hidden


@compiled
def changed_since(c, b, a, many, settles):
    """Return the set of input slots that an agent's first ops read and others have changed: conflicts out."""
    me = agents_of(c, b)[a]
    changed, mine = _ZERO, _ZERO
    for back in range(many):
        o = many - 1 - back
        rule = op_rule(c, me.task, o)
        if o < me.done and (settles != 0 or rule.record == 0):
            mine |= _sites_written(c, me.task, o)
        for slot in range(task_rules(c)[me.task].inputs):
            site = task_inputs(c)[me.task, slot]
            if has(rule.pre, slot) and not has(mine | me.hidden, site) and not is_input_current(c, b, a, slot):
                changed |= bit(slot)
    return changed


@compiled
def is_read(c, b, a, written):
    """Tell whether another transaction, open or settled since an agent's snapshot, read one of these sites."""
    agents = agents_of(c, b)
    for site in range(c.sites):
        if has(written, site) and settled_of(c, b)[site].read > agents[a].snapshot:
            return True
    for other in range(c.agents):
        they = agents[other]
        if (
            other != a
            and they.txn != NO_TXN
            and they.phase != LOCKING
            and task_rules(c)[they.task].reads & ~they.hidden & written != _ZERO
        ):
            return True
    return False


@compiled
def leads_on(c, b, a, slot):
    """Tell whether an input's site has been written since by a transaction with a conflict out."""
    agents, site = agents_of(c, b), task_inputs(c)[agents_of(c, b)[a].task, slot]
    if settled_of(c, b)[site].pivot > inputs_of(c, b, a, 0)[slot].version:
        return True
    for other in range(c.agents):
        they = agents[other]
        if other == a or they.txn == NO_TXN or not has(_written_by(c, b, other, they.done, 1), site):
            continue
        if changed_since(c, b, other, they.done, 0) != _ZERO:
            return True
    return False


@compiled
def pivot_reads(c, b, a, last):
    """Return the set of input slots that have changed since, where the agent is a pivot or leads to one."""
    changed = changed_since(c, b, a, last + 1, 0)
    if changed == _ZERO or is_read(c, b, a, _written_by(c, b, a, last + 1, 0)):
        return changed
    for slot in range(c.inputs):
        if has(changed, slot) and leads_on(c, b, a, slot):
            return changed
    return _ZERO


@compiled
def pivot_that_blocks(c, b, a):
    """Name the agent whose transaction must settle first, for it could not be refused as the pivot, or NOBODY."""
    agents = agents_of(c, b)
    written = _written_by(c, b, a, agents[a].done + 1, 0)
    for pivot in range(c.agents):
        they = agents[pivot]
        if pivot == a or they.txn == NO_TXN or _read_by(c, b, pivot, they.done) & written == _ZERO:
            continue
        changed = _written_by(c, b, pivot, they.done, 1)
        if changed == _ZERO:
            continue
        for reader in range(c.agents):
            third = agents[reader]
            if reader == a or reader == pivot or third.txn == NO_TXN:
                continue
            if _written_by(c, b, reader, third.done, 1) != _ZERO and _read_by(c, b, reader, third.done) & changed:
                return pivot
    return NOBODY


@compiled
def summarise(c, b, a):
    """Keep what a committed transaction read, and what it wrote if it has a conflict out."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    world.settles += 1
    read, written = _read_by(c, b, a, me.done), _written_by(c, b, a, me.done, 0)
    goes_out = changed_since(c, b, a, me.done, 1) != _ZERO
    for site in range(c.sites):
        there = settled_of(c, b)[site]
        if has(read, site):
            there.read = world.settles
        if goes_out and has(written, site):
            there.pivot = sites_of(c, b)[site].version


@compiled
def conflict_scope(c, site):
    """Return the scope of an input that a pivot is refused for."""
    return PLANNED if has(c.plan, site) else SENSED
