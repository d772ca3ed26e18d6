"""What a site holds at each rank, compiled: the twin of `ranks.Chains`, and whose writes broke an invariant."""

from __future__ import annotations

from .context import agents_of, chain_at, chain_base, counts_of, rank_of, sites_of, world_of
from .jit import compiled, inlined
from .ranks import AFTER, DIFFERENCE, REFILLED
from .state import COUNTER_INDEX, LAID_DIFFERENCE, LAID_REFILLED, LAID_VALUE, UNLAID

_BROKE = COUNTER_INDEX["broke_invariant"]


@compiled
def reset_chain(c, b, site):
    """An episode begins: nothing stands on a site but what is laid out."""
    chain_base(c, b, site).value = sites_of(c, b)[site].value
    for rank in range(c.ranks):
        chain_at(c, b, site, rank).how = UNLAID
        chain_at(c, b, site, rank).after = 0


@inlined
def with_laid(found, here):
    """Return what stands on a site with what one rank has laid on it."""
    if here.how == LAID_VALUE or here.how == LAID_REFILLED:
        return here.value
    return found + here.value if here.how == LAID_DIFFERENCE else found


@compiled
def value_at(c, b, site, rank):
    """Return what a reader of a rank sees: lower ranks only."""
    world, found = world_of(c, b), chain_base(c, b, site).value
    for lower in range(world.quiet + 1, min(rank, world.newest + 1)):
        here = chain_at(c, b, site, lower)
        found = with_laid(found, here) + here.after
    return found


@compiled
def own_at(c, b, site, rank):
    """Return what a rank sees with its own write on top; a shelf that it has emptied is filled after it."""
    if is_refilled(c, b, site, rank):
        return 0
    return with_laid(value_at(c, b, site, rank), chain_at(c, b, site, rank))


@compiled
def is_refilled(c, b, site, rank):
    """Tell whether a rank has emptied a shelf that has been filled again since."""
    return chain_at(c, b, site, rank).how == LAID_REFILLED


@compiled
def lay_on(c, b, site, rank, how, value):
    """Lay a value or a difference on a site; a second one of the same rank goes on top of the first."""
    if rank <= world_of(c, b).quiet:
        chain_base(c, b, site).value += value  # after what is quiet
        return
    here = chain_at(c, b, site, rank)
    if how == AFTER:
        here.after += value
    elif how == DIFFERENCE:
        here.value = here.value + value if here.how != UNLAID else value
        if here.how == UNLAID:
            here.how = LAID_DIFFERENCE
    else:
        here.how = LAID_REFILLED if how == REFILLED else LAID_VALUE
        here.value = value


@compiled
def fold(c, b, rank):
    """All ranks up to this one are quiet."""
    world = world_of(c, b)
    for site in range(c.sites):
        base = chain_base(c, b, site)
        for lower in range(world.quiet + 1, rank + 1):
            here = chain_at(c, b, site, lower)
            base.value = with_laid(base.value, here) + here.after
            here.how = UNLAID
            here.after = 0
    world.quiet = rank


@compiled
def note_broken(c, b, agent, txn):
    """Note that a transaction broke an invariant; that of a rank may have settled before."""
    world = world_of(c, b)
    for rank in range(world.quiet + 1, world.newest + 1):
        slot = rank_of(c, b, rank)
        if slot.agent == agent and slot.txn == txn:
            if slot.broke == 0 and slot.counted != 0:
                counts_of(c, b)[_BROKE] += 1
            slot.broke = 1
            return
    agents_of(c, b)[agent].broke = 1
