"""Ranks, compiled: how one is given, what its transaction reads, and what becomes of it as that settles.

The twin of `preorder.Preorder`, as far as nothing of it lets a transaction settle: see `ranked_undo` and `ranked_gate`.
"""

from __future__ import annotations

import numpy as np

from ..world.context import agents_of, beliefs_of, rank_of, sites_of, world_of
from ..world.jit import compiled
from ..world.kernel import renew
from ..world.phases import enter
from ..world.rank_writes import emit_rank
from ..world.ranks import OPEN, REOPENED, SETTLED, VOID
from ..world.state import NO_BORDER, NO_RANK, NO_TXN, OUT, QUEUED, REGISTRY
from .waiting import begin_rank_wait

_ZERO = np.uint64(0)
_SHOWN = 5  # column b of a sense event: what is so at a rank, or is so in truth


@compiled
def lowest_of(c, b, a, state):
    """Return the lowest rank of an agent that is in a state, or NO_RANK."""
    world = world_of(c, b)
    for rank in range(world.quiet + 1, world.newest + 1):
        if rank_of(c, b, rank).agent == a and rank_of(c, b, rank).state == state:
            return rank
    return NO_RANK


@compiled
def owes(c, b, a):
    """Tell whether an agent has something settled to judge or to take back."""
    world = world_of(c, b)
    for rank in range(world.quiet + 1, world.newest + 1):
        slot = rank_of(c, b, rank)
        if slot.agent == a and slot.state == SETTLED and (slot.told | slot.forced | slot.doomed) != 0:
            return True
    return False


@compiled
def is_quiet(c, b, a, rank):
    """Tell whether all ranks up to this one are quiet; else note whom the agent waits for."""
    world = world_of(c, b)
    if world.quiet >= rank or world.quiet == world.newest:
        return True
    agents_of(c, b)[a].blocker = rank_of(c, b, world.quiet + 1).agent
    return False


@compiled
def rank_task(c, b, a):
    """Give an open transaction a rank, the one that its agent has kept if there is one; tell whether it got one."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    rank = lowest_of(c, b, a, REOPENED)
    kept = 1 if rank != NO_RANK else 0
    if kept == 0:
        if world.newest - world.quiet >= c.window:
            return is_quiet(c, b, a, world.newest)
        world.newest += 1
        rank = world.newest
        rank_of(c, b, rank).stays = _ZERO
    slot = rank_of(c, b, rank)
    slot.agent = a
    slot.txn = me.txn
    slot.task = me.task
    slot.job = me.job
    slot.argument = me.argument
    slot.thought = me.thought
    slot.hidden = me.hidden
    slot.ops = 0
    slot.state = OPEN
    slot.told = 0
    slot.forced = 0
    slot.doomed = 0
    slot.walked = 0
    slot.outcome = 0
    slot.revoked = 0
    slot.broke = 0
    slot.counted = 0
    slot.done = 0
    slot.holds = 0
    me.rank = rank
    emit_rank(c, b, a, me.txn, rank, kept)
    return True


@compiled
def spared(c, b, a, thought):
    """Return how much of a thought its repair need not think again."""
    if lowest_of(c, b, a, REOPENED) == NO_RANK:
        return 0
    return thought - (thought * c.repair + 99) // 100


@compiled
def show_truth(c, b, a):
    """Show an agent the world as it is again, where the registry had told it what was so at its rank."""
    for site in range(c.sites):
        belief, there = beliefs_of(c, b, a)[site], sites_of(c, b)[site]
        if belief.version == there.version and belief.value != there.value and belief.channel == REGISTRY:
            renew(c, b, a, site, REGISTRY, _SHOWN)


@compiled
def may_enter(c, b, a, task):
    """Tell whether an agent may step into a region; one that may not waits for all lower ranks to be quiet."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    if me.txn != NO_TXN:
        if me.undoing != 0 or is_quiet(c, b, a, me.rank - 1):
            return True
        begin_rank_wait(c, b, a, me.task)
        return False
    if me.border_rank == NO_BORDER:
        me.border_rank = world.newest
    if is_quiet(c, b, a, me.border_rank):
        return True
    enter(c, b, a, QUEUED)
    me.queued_task = task
    me.queued_since = world.tick
    begin_rank_wait(c, b, a, task)
    return False


@compiled
def counts_once(c, b, a):
    """Tell whether a ranked transaction that settles with what it did counts as committed; one taken back does not."""
    slot = rank_of(c, b, agents_of(c, b)[a].rank)
    if slot.revoked != 0:
        return False
    slot.counted = 1
    agents_of(c, b)[a].broke = slot.broke
    return True


@compiled
def ranks_settle(c, b, a):
    """A transaction settles; or its agent chose something else, and lets go of the ranks that it kept."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    for rank in range(world.quiet + 1, world.newest + 1):
        slot = rank_of(c, b, rank)
        if slot.agent == a and me.phase == OUT:
            slot.told = 0
            slot.forced = 0
            slot.doomed = 0
        if slot.agent == a and slot.state == REOPENED and (me.phase == OUT or me.txn == NO_TXN):
            slot.state = VOID
    if me.txn == NO_TXN:
        me.border_rank = NO_BORDER
        show_truth(c, b, a)
        return
    if me.rank == NO_RANK:
        return
    slot = rank_of(c, b, me.rank)
    slot.ops = me.done
    slot.thought = me.thought
    if me.done != 0:
        slot.state = SETTLED
    elif slot.state != REOPENED or slot.walked != 0:
        slot.state = VOID
