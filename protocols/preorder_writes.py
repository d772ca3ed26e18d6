"""How a write enters into its place by rank: what stands above gives way, and is done again on top of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..world import log
from ..world.ranks import AFTER, OPEN, REFILLED, SETTLED, TOP, VALUE
from ..world.state import NO_RANK, NO_TXN, OUT, WORLD
from .preorder_slots import Done, Slot

if TYPE_CHECKING:
    from ..world.reference import World
    from .preorder import Preorder


def make_way(ranks: Preorder, world: World, agent: int, txn: int, site: int) -> bool:
    """Undo what stands above a late write to a record site; tell whether there was anything."""
    rank = _rank_of(world, agent, txn)
    if rank < 0 or not world.is_record(site):
        return False
    before = world.sites[site].version
    for above in reversed(_above(ranks, site, rank)):
        reinstall(ranks, world, log.UNDO, above, site, ranks.chains.value(site, above))
    reinstall(ranks, world, log.UNDO, -1, site, ranks.chains.own(site, rank))  # and what the world has done since
    return world.sites[site].version != before


def laid(
    ranks: Preorder, world: World, agent: int, txn: int, op: int, site: int, before: int, value: int, how: int
) -> None:
    """Enter a write into its place by rank, do again what stands above, and tell who has read too early."""
    if world.rules.settings.lockstep:
        lay(ranks, world, WORLD, NO_TXN, site, ranks.newest, AFTER, value - before)
        return
    rank = _rank_of(world, agent, txn)
    if rank >= 0:
        slot = ranks.slots[rank]
        written = value if how == VALUE else value - before
        if slot.txn.number == txn:
            resolved = world.rules.tasks[slot.txn.task].ops[op]
            slot.done.append(Done(op, resolved, site, before, written, world.agents[agent].hand))
        else:
            slot.walked = True
            world.record(log.RANK, agent, txn, value=rank, a=2)
        lay(ranks, world, agent, txn, site, rank, how, written, op)
        for above in _above(ranks, site, rank) if world.is_record(site) else ():
            reinstall(ranks, world, log.REDO, above, site, ranks.chains.value(site, above + 1))
        if not world.is_record(site) and how == VALUE and value == 0:
            _pass_down(ranks, world, site, rank)
    elif agent < 0 and how == VALUE:
        rank = refill(ranks, world, site, value)
    else:
        rank = ranks.newest
        if agent >= 0:
            rank = ranks.borders.pop(agent, rank) if value > before else rank
            world.record(log.RANK, agent, txn, value=rank, a=3)
        lay(ranks, world, agent, txn, site, rank, AFTER, value - before)
    agree(ranks, world, site)
    tell(ranks, world, site, rank, agent)


def refill(ranks: Preorder, world: World, site: int, item: int) -> int:
    """The world fills a shelf again: that belongs to the rank that has emptied it; return after which rank it comes."""
    top = top_rank(ranks, site)
    if ranks.chains.laid[site].get(top) == (VALUE, 0):
        lay(ranks, world, WORLD, NO_TXN, site, top, REFILLED, item)
        return top
    rank = ranks.chains.quiet if top == NO_RANK and ranks.chains.base[site] == 0 else ranks.newest
    lay(ranks, world, WORLD, NO_TXN, site, rank, AFTER, item)
    return rank


def _pass_down(ranks: Preorder, world: World, site: int, rank: int) -> None:
    """A late rank has emptied a shelf that was filled again for a higher one: it is filled for the late one instead.

    So the last taking is the one whose filling is still to come.
    """
    top = top_rank(ranks, site)
    if top > rank and ranks.chains.is_refilled(site, top):
        item = ranks.chains.laid[site][top][1]
        lay(ranks, world, WORLD, NO_TXN, site, top, VALUE, 0, is_inverse=True)
        lay(ranks, world, WORLD, NO_TXN, site, rank, REFILLED, item)


def top_rank(ranks: Preorder, site: int) -> int:
    """Return the highest rank that has laid anything on a site, or NO_RANK."""
    return max(ranks.chains.laid[site], default=NO_RANK)


def lay(
    ranks: Preorder, world: World, agent: int, txn: int, site: int, rank: int, how: int, value: int, op: int = 0,
    is_inverse: bool = False,
) -> None:  # fmt: skip
    """Lay a value or a difference on a site at a rank."""
    ranks.chains.lay(site, rank, how, value)
    world.record(log.LAID, agent, txn, op, site, value, a=how, b=rank, c=int(is_inverse))


def take(ranks: Preorder, world: World, slot: Slot, done: Done) -> None:
    """Take what a rank has written away from where it stands."""
    ranks.chains.take(done.site, slot.rank)
    world.record(log.TAKEN, slot.agent, slot.txn.number, done.op_index, done.site, b=slot.rank)


def agree(ranks: Preorder, world: World, site: int) -> None:
    """Make the top of the chain and the site agree: a record site follows its chain, a physical one leads it."""
    top, there = ranks.chains.value(site, TOP), world.sites[site].value
    if top == there:
        return
    if world.is_record(site):
        reinstall(ranks, world, log.REDO, -1, site, top)
    else:
        lay(ranks, world, WORLD, NO_TXN, site, ranks.newest, AFTER, there - top)


def _above(ranks: Preorder, site: int, rank: int) -> list[int]:
    return sorted(other for other in ranks.chains.laid[site] if other > rank)


def _rank_of(world: World, agent: int, txn: int) -> int:
    """Return the rank of a write: its transaction's, also for borders crossed on the way; -1 if it has none."""
    if agent < 0 or txn == NO_TXN:
        return -1
    under_way = world.agents[agent].txn
    return -1 if under_way is None else under_way.rank


def reinstall(
    ranks: Preorder, world: World, kind: int, rank: int, site: int, value: int, is_last: bool = False
) -> None:
    """Give a record site a version by undoing or doing again what a rank has done, or the world (-1)."""
    if value == world.sites[site].value:
        return
    slot = ranks.slots.get(rank)
    agent, txn = (slot.agent, slot.txn.number) if slot else (WORLD, NO_TXN)
    world.install(kind, agent, txn, 0, site, value, int(is_last), rank)


def tell(ranks: Preorder, world: World, site: int, rank: int, author: int) -> None:
    """Tell the owners of higher ranks that have read something else at their rank."""
    for slot in ranks.slots.values():
        if slot.rank <= rank or slot.told or slot.state not in (OPEN, SETTLED) or site not in slot.reads:
            continue
        if world.agents[slot.agent].phase != OUT and ranks.chains.value(site, slot.rank) != slot.reads[site]:
            slot.told = True
            notify(ranks, world, slot, site, author, is_forced=False)


def notify(ranks: Preorder, world: World, slot: Slot, site: int, author: int, is_forced: bool) -> None:
    """Log what an owner is told: what stands at its rank now, or that a lower rank waits for its inverse."""
    value = ranks.chains.value(site, slot.rank)
    world.record(
        log.NOTIFY, slot.agent, slot.txn.number, site=site, value=value, other=author, a=int(is_forced), b=slot.rank
    )
