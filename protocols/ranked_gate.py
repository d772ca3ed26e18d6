"""Where ranks hold up, compiled: before an act, on the way, and who waits at a border; the twin of `Preorder.admit`."""

from __future__ import annotations

import numpy as np

from ..world import log, verbs
from ..world.chains import own_at
from ..world.context import agents_of, op_rule, rank_of, site_rules, sites_of, task_inputs, world_of
from ..world.jit import compiled, lowest
from ..world.kernel import bit, has
from ..world.state import LOCKING, NO_TXN
from .admission import admit
from .ranked_hands import force, take_back
from .ranked_judges import changed_at, judges
from .ranked_slots import is_quiet, owes, rank_task
from .ranked_undo import withdraw
from .settling import give_up
from .waiting import end_hold, end_wait, hold, leave_queue, longest_waiting, queued

_ZERO = np.uint64(0)
_IRREVERSIBLE = np.uint64(sum(1 << index for index, verb in enumerate(verbs.VERBS) if verb.inverse is None))


@compiled
def admit_act(c, b, a):
    """Judge first what the owner was told; then an op may have to wait. What it owes goes before any wait.

    Return the set of the slots for which the op is refused as it is tried, as bits, or -1 if it is not tried.
    """
    me = agents_of(c, b)[a]
    if me.undoing != 0:
        take_back(c, b, a, 0)
        return -1
    slot = rank_of(c, b, me.rank)
    if slot.forced != 0:
        withdraw(c, b, a)
        return -1
    if slot.told != 0:
        changed = changed_at(c, b, me.rank)
        if judges(c, b, me.rank):
            end_hold(c, b, a)
            return np.int64(changed)
    if is_held(c, b, a, op_rule(c, me.task, me.op)):
        if owes(c, b, a):
            withdraw(c, b, a)
        else:
            hold(c, b, a, me.blocker, log.FOR_RANK)
        return -1
    end_hold(c, b, a)
    return 0


@compiled
def is_held(c, b, a, rule):
    """Tell whether an op has to wait: what cannot be undone for quiet, what is done in the open for higher effects."""
    me = agents_of(c, b)[a]
    if has(_IRREVERSIBLE, rule.verb):
        return not is_quiet(c, b, a, me.rank - 1)
    if rule.record != 0:
        return False
    # An act in the open is done once the open is as its rank sees it, where it rests on it or overwrites it.
    meets = _ZERO if rule.relative != 0 else bit(rule.site)
    for place in range(c.inputs):
        if has(rule.pre, place) and site_rules(c)[task_inputs(c)[me.task, place]].record == 0:
            meets |= bit(task_inputs(c)[me.task, place])
    filled, stocked = _ZERO, meets & c.stocked
    while stocked != _ZERO:
        shelf = lowest(stocked)
        stocked &= ~bit(shelf)
        takes = shelf != rule.site or rule.verb == verbs.TAKE  # or only rests on it
        if takes and sites_of(c, b)[shelf].value == own_at(c, b, shelf, me.rank):
            filled |= bit(shelf)
    return force(c, b, a, meets, filled)


@compiled
def ask_again(c, b):
    """Let those go on who wait to be ranked, or at a border on their way, in the order in which they began to wait."""
    world, agents, waiting = world_of(c, b), agents_of(c, b), _ZERO
    for a in range(c.agents):
        if agents[a].waits == log.FOR_RANK and agents[a].txn != NO_TXN:
            waiting |= bit(a)
    while waiting != _ZERO:
        first = longest_waiting(c, b, waiting)
        waiting &= ~bit(first)
        me = agents[first]
        waited = world.tick - me.wait_since
        if me.phase == LOCKING:
            if owes(c, b, first):
                give_up(c, b, first, me.blocker)
            elif rank_task(c, b, first):
                end_wait(c, b, first, me.task, waited)
                admit(c, b, first)
        elif rank_of(c, b, me.rank).forced != 0 or owes(c, b, first):
            withdraw(c, b, first)
        elif is_quiet(c, b, first, me.rank - 1):
            end_wait(c, b, first, me.task, waited)


@compiled
def let_in(c, b):
    """Let those into a region who wait for ranks without a transaction, first come first served."""
    queue = queued(c, b)
    while queue != _ZERO:
        first = longest_waiting(c, b, queue)
        queue &= ~bit(first)
        if is_quiet(c, b, first, agents_of(c, b)[first].border_rank):
            leave_queue(c, b, first)
