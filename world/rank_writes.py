"""How a write enters into its place by rank, compiled: the twin of `protocols.preorder_writes`."""

from __future__ import annotations

from . import log
from .chains import is_refilled, lay_on, own_at, value_at, with_laid
from .context import (
    agents_of,
    chain_at,
    chain_base,
    rank_of,
    rank_reads,
    site_rules,
    sites_of,
    task_inputs,
    task_rules,
    world_of,
)
from .jit import compiled
from .kernel import emit, has
from .ranks import AFTER, OPEN, REFILLED, SETTLED, TOP, VALUE
from .state import LAID_VALUE, NO_BORDER, NO_RANK, NO_SITE, NO_TXN, NOBODY, OUT, UNLAID, WORLD
from .versions import install


@compiled
def rank_of_write(c, b, agent, txn):
    """Return the rank of a write: its transaction's, also for borders crossed on the way; else NO_RANK."""
    if agent < 0 or txn == NO_TXN:
        return NO_RANK
    return agents_of(c, b)[agent].rank


@compiled
def make_way(c, b, agent, txn, site):
    """Undo what stands above a late write to a record site; tell whether there was anything."""
    rank = rank_of_write(c, b, agent, txn)
    if rank == NO_RANK or site_rules(c)[site].record == 0:
        return False
    version = sites_of(c, b)[site].version
    for above in range(world_of(c, b).newest, rank, -1):
        if chain_at(c, b, site, above).how != UNLAID:
            reinstall(c, b, log.UNDO, above, site, value_at(c, b, site, above), 0)
    reinstall(c, b, log.UNDO, NO_RANK, site, own_at(c, b, site, rank), 0)
    return sites_of(c, b)[site].version != version


@compiled
def laid(c, b, agent, txn, op, site, before, value, how):
    """Enter a write into its place by rank, do again what stands above, and tell who has read too early."""
    world = world_of(c, b)
    if c.lockstep != 0:
        lay(c, b, WORLD, NO_TXN, site, world.newest, AFTER, value - before, 0, 0)
        return
    rank = rank_of_write(c, b, agent, txn)
    if rank != NO_RANK:
        slot, written = rank_of(c, b, rank), value if how == VALUE else value - before
        if slot.txn == txn:
            slot.done |= 1 << op
            slot.before[op] = before
            slot.written[op] = written
            slot.hand[op] = agents_of(c, b)[agent].hand
        else:
            slot.walked = 1
            emit_rank(c, b, agent, txn, rank, 2)
        lay(c, b, agent, txn, site, rank, how, written, op, 0)
        if site_rules(c)[site].record != 0:
            for above in range(rank + 1, world.newest + 1):
                if chain_at(c, b, site, above).how != UNLAID:
                    reinstall(c, b, log.REDO, above, site, value_at(c, b, site, above + 1), 0)
        elif how == VALUE and value == 0:
            pass_down(c, b, site, rank)
    elif agent < 0 and how == VALUE:
        rank = refill(c, b, site, value)
    else:
        rank = world.newest
        if agent >= 0:
            me = agents_of(c, b)[agent]
            if value > before and me.border_rank != NO_BORDER:
                rank = me.border_rank
                me.border_rank = NO_BORDER
            emit_rank(c, b, agent, txn, rank, 3)
        lay(c, b, agent, txn, site, rank, AFTER, value - before, 0, 0)
    agree(c, b, site)
    tell(c, b, site, rank, agent)


@compiled
def refill(c, b, site, item):
    """The world fills a shelf again: that belongs to the rank that has emptied it; return after which rank it comes."""
    world = world_of(c, b)
    top = top_rank(c, b, site)
    if top == NO_RANK:
        rank = world.quiet if chain_base(c, b, site).value == 0 else world.newest
    elif chain_at(c, b, site, top).how == LAID_VALUE and chain_at(c, b, site, top).value == 0:
        lay(c, b, WORLD, NO_TXN, site, top, REFILLED, item, 0, 0)
        return top
    else:
        rank = world.newest
    lay(c, b, WORLD, NO_TXN, site, rank, AFTER, item, 0, 0)
    return rank


@compiled
def pass_down(c, b, site, rank):
    """A late rank has emptied a shelf that was filled again for a higher one: it is filled for the late one instead.

    So the last taking is the one whose filling is still to come.
    """
    top = top_rank(c, b, site)
    if top > rank and is_refilled(c, b, site, top):
        item = chain_at(c, b, site, top).value
        lay(c, b, WORLD, NO_TXN, site, top, VALUE, 0, 0, 1)
        lay(c, b, WORLD, NO_TXN, site, rank, REFILLED, item, 0, 0)


@compiled
def top_rank(c, b, site):
    """Return the highest rank that has laid anything on a site, or NO_RANK."""
    world = world_of(c, b)
    for rank in range(world.newest, world.quiet, -1):
        if chain_at(c, b, site, rank).how != UNLAID:
            return rank
    return NO_RANK


@compiled
def emit_rank(c, b, agent, txn, rank, what):
    """Log the rank of a transaction."""
    emit(c, b, log.RANK, agent, txn, 0, NO_SITE, rank, 0, NOBODY, what, 0, 0, 0, 0)


@compiled
def lay(c, b, agent, txn, site, rank, how, value, op, is_inverse):
    """Lay a value or a difference on a site at a rank."""
    lay_on(c, b, site, rank, how, value)
    emit(c, b, log.LAID, agent, txn, op, site, value, 0, NOBODY, how, rank, is_inverse, 0, 0)


@compiled
def take(c, b, rank, op, site):
    """Take what a rank has written away from where it stands."""
    slot = rank_of(c, b, rank)
    chain_at(c, b, site, rank).how = UNLAID
    emit(c, b, log.TAKEN, slot.agent, slot.txn, op, site, 0, 0, NOBODY, 0, rank, 0, 0, 0)


@compiled
def agree(c, b, site):
    """Make the top of the chain and the site agree: a record site follows its chain, a physical one leads it."""
    top, there = value_at(c, b, site, TOP), sites_of(c, b)[site].value
    if top == there:
        return
    if site_rules(c)[site].record != 0:
        reinstall(c, b, log.REDO, NO_RANK, site, top, 0)
    else:
        lay(c, b, WORLD, NO_TXN, site, world_of(c, b).newest, AFTER, there - top, 0, 0)


@compiled
def reinstall(c, b, kind, rank, site, value, is_last):
    """Give a record site a version by undoing or doing again what a rank has done, or the world (NO_RANK)."""
    if value == sites_of(c, b)[site].value:
        return
    agent, txn = WORLD, NO_TXN
    if rank != NO_RANK:
        agent, txn = rank_of(c, b, rank).agent, rank_of(c, b, rank).txn
    install(c, b, kind, agent, txn, 0, site, value, is_last, rank, 0, 0, 1)


@compiled
def tell(c, b, site, rank, author):
    """Tell the owners of higher ranks that have read something else at their rank."""
    world, found = world_of(c, b), chain_base(c, b, site).value
    for higher in range(world.quiet + 1, world.newest + 1):
        slot, here = rank_of(c, b, higher), chain_at(c, b, site, higher)
        may_hear = higher > rank and slot.told == 0 and (slot.state == OPEN or slot.state == SETTLED)
        reads = task_rules(c)[slot.task].reads & ~slot.hidden
        if may_hear and has(reads, site) and agents_of(c, b)[slot.agent].phase != OUT:
            place = 0
            while task_inputs(c)[slot.task, place] != site:
                place += 1
            if rank_reads(c, b, higher)[place] != found:
                slot.told = 1
                notify(c, b, higher, site, author, 0)
        found = with_laid(found, here) + here.after


@compiled
def notify(c, b, rank, site, author, is_forced):
    """Log what an owner is told: what stands at its rank now, or that a lower rank waits for its inverse."""
    slot = rank_of(c, b, rank)
    value = value_at(c, b, site, rank)
    emit(c, b, log.NOTIFY, slot.agent, slot.txn, 0, site, value, 0, author, is_forced, rank, 0, 0, 0)
