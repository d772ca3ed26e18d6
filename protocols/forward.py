"""Forward validation: who writes stops those who still think, or are on their way, on what it has superseded.

Prevents: nothing by itself, for it speaks of what is written from now on: what was old at the decision, and an act in
the tick of the write, are left to the checks of validation. It saves the thought and the way that they would refuse.
Costs: a reader is stopped though the new version might not have mattered to it, or it might have settled first.
Source: Haerder, Observations on Optimistic Concurrency Control Schemes, Information Systems 9(2), 1984; that it is the
reader who gives way is the broadcast commit of Menasce and Nakanishi, Optimistic versus Pessimistic Concurrency Control
Mechanisms in Database Management Systems, Information Systems 7(1), 1982.

Thought that is stopped without it (`interruption` with the rule `version`) asks backward: each tick the thinking reader
compares its inputs with what is current, and so finds what was old already. Nobody asks on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..world.context import agents_of, op_rule, task_inputs, task_rules, world_of
from ..world.jit import compiled
from ..world.judging import judge_refused
from ..world.kernel import has
from ..world.state import BY_WRITER, NO_TXN, THINKING, WALKING
from .acting import first_stale, refuse, use_inputs
from .validation import Validation, stale_scope
from .waiting import end_wait

if TYPE_CHECKING:
    from ..world.reference import World


class Forward:
    """In the tick of a write, after acts, world events and mail, stops its readers.

    Not at the write: the writer may be in the midst of a task, which is not to be stopped by what itself causes.
    """

    def __init__(self, validation: Validation) -> None:
        self.validation = validation

    def stop_readers(self, world: World, fenced: set[int]) -> None:
        """Stop every reader, again while there are any: what one had buffered may take effect as it is refused."""
        stopped = bool(world.written)
        while stopped:
            stopped = False
            for agent in range(len(world.agents)):
                stopped |= self._stop(world, agent, agent in fenced)

    def _stop(self, world: World, agent: int, is_fenced: bool) -> bool:
        """Refuse the first op to come that rests on what was written; tell whether there was one."""
        txn = world.agents[agent].txn
        if txn is None or world.agents[agent].phase not in (THINKING, WALKING):
            return False
        for op in range(txn.op, len(world.rules.tasks[txn.task].ops)):
            stale = self.validation.check(world, txn, op, "watch", is_fenced)
            if any(site in world.written for site, _ in stale):
                world.stop(txn, op, stale, BY_WRITER)
                return True
        return False


# ---------------------------------------------------------------------- compiled


@compiled
def stop_readers(c, b):
    """Stop every reader of what was written in this tick, again while there are any."""
    stopped = True
    while stopped:
        stopped = False
        for a in range(c.agents):
            me = agents_of(c, b)[a]
            if me.txn != NO_TXN and (me.phase == THINKING or me.phase == WALKING) and stop_reader(c, b, a):
                stopped = True


@compiled
def stop_reader(c, b, a):
    """Refuse the first op to come that rests on what was written; tell whether there was one."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    for o in range(me.op, task_rules(c)[me.task].ops):
        first = 0 if c.whole_task != 0 else o
        told = False
        for slot in range(task_rules(c)[me.task].inputs):
            if has(world.dirty, task_inputs(c)[me.task, slot]) and stale_scope(c, b, a, slot, first, o) != 0:
                told = True
        if told:
            me.op = o
            end_wait(c, b, a, me.task, world.tick - me.wait_since + 1)
            use_inputs(c, b, a, o, op_rule(c, me.task, o))
            scope, stale = first_stale(c, b, a, first, o, BY_WRITER)
            dropped = me.pending if c.whole_task != 0 else 0
            judge_refused(c, b, a, dropped | (1 << o), scope)
            refuse(c, b, a, stale)
            return True
    return False
