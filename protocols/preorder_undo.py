"""Taking back: in the registry at once, on physical sites by walking there, what hands did last first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..world import log, verbs
from ..world.ranks import DIFFERENCE, OPEN, REFILLED, REOPENED, SETTLED, TOP, VALUE
from ..world.reference_waits import end_waits, hold, leave_queue
from ..world.state import ABORTED, IDLE, NO_RANK, NO_TXN, NOBODY, OUT, QUEUED, REGISTRY, REJECTED, WALKING, WORLD
from .preorder_judges import judges
from .preorder_slots import Done, Slot
from .preorder_writes import agree, lay, notify, refill, reinstall, take, tell, top_rank

if TYPE_CHECKING:
    from ..world.reference import World
    from ..world.reference_state import Agent, Transaction
    from .preorder import Preorder


def recall(ranks: Preorder, world: World) -> None:
    """The tick is over: who is free and was told something judges, takes back, and is asked to plan anew."""
    if world.rules.settings.lockstep:
        return
    for agent, me in enumerate(world.agents):
        if me.phase in (IDLE, QUEUED) and not me.stalled:
            _recall(ranks, world, agent, me)
    ranks.grow_quiet(world)
    for agent, me in enumerate(world.agents):
        reopened = ranks.slots_of(agent, REOPENED)
        if reopened and me.phase == IDLE:
            for site in range(len(world.sites)):
                world.renew(agent, site, REGISTRY, 5, ranks.chains.value(site, reopened[0].rank))


def _recall(ranks: Preorder, world: World, agent: int, me: Agent) -> None:
    while me.txn is None:
        mine = ranks.slots_of(agent, SETTLED)
        for slot in mine:
            if slot.forced or (slot.told and judges(ranks, world, slot)):
                slot.told, slot.forced, slot.doomed = False, False, True
                for later in mine:  # what hands did since is undone first
                    later.doomed |= later.rank > slot.rank and _by_hand(world, later) != []
        doomed = [slot for slot in mine if slot.doomed]
        if not doomed:
            return
        if me.phase == QUEUED:
            leave_queue(world, agent)
        _revoke(ranks, world, doomed[-1])


def _revoke(ranks: Preorder, world: World, slot: Slot) -> None:
    """Take back what had settled: its order is open again."""
    slot.state, slot.told, slot.forced, slot.doomed = OPEN, False, False, False
    world.reopen(slot.txn)
    if ends(ranks, world, slot.txn, REJECTED):
        world.settle(slot.txn, REJECTED)


def withdraw(ranks: Preorder, world: World, txn: Transaction) -> None:
    """Give up a transaction that waits, while its owner is called for elsewhere."""
    world.record(log.VICTIM, txn.agent, txn.number, other=ranks.blocker.get(txn.agent, NOBODY))
    end_waits(world, txn)
    if ends(ranks, world, txn, ABORTED):
        world.settle(txn, ABORTED)


def ends(ranks: Preorder, world: World, txn: Transaction, outcome: int) -> bool:
    """Undo what it did: in the registry at once, on physical sites by walking; tell whether it may settle now."""
    if txn.rank < 0:
        return True
    slot = ranks.slots[txn.rank]
    in_registry = [done for done in slot.done if world.is_record(done.site)]
    for done in reversed(in_registry):
        take(ranks, world, slot, done)
        reinstall(ranks, world, log.UNDO, slot.rank, done.site, ranks.chains.value(done.site, TOP), is_last=True)
        tell(ranks, world, done.site, slot.rank, slot.agent)
    txn.done -= len({done.op_index for done in in_registry})
    slot.done = _by_hand(world, slot)
    slot.state = REOPENED
    if not slot.done:
        return True
    txn.undoing, ranks.outcome[txn.number] = True, outcome
    txn.op = slot.done[-1].op_index
    world.agents[txn.agent].phase = WALKING
    return False


def take_back(ranks: Preorder, world: World, txn: Transaction, is_stuck: bool = False) -> None:
    """Stand at a site and perform the inverse there; what the world refuses stays."""
    slot = ranks.slots[txn.rank]
    done, me = slot.done[-1], world.agents[txn.agent]
    site, there, chains = done.site, world.sites[done.site], ranks.chains
    refilled = chains.is_refilled(site, slot.rank)
    item = chains.laid[site][slot.rank][1] if refilled else 0
    filled = {site} if refilled and there.value == chains.value(site, slot.rank) else set()
    if not is_stuck and not done.op.relative and force(ranks, world, txn, {site}, filled):
        hold(world, txn, ranks.blocker[txn.agent], log.FOR_RANK)
        return
    end_waits(world, txn)
    lowest = _gone_already(ranks, world, slot, site) if done.op.verb == verbs.SET else NO_RANK
    if lowest != NO_RANK:
        _take_unseen(ranks, world, lowest, slot, site)
        _return_or_settle(ranks, world, slot)
        return
    slot.done.pop()
    has_filling = refilled and there.value == item
    left = item if has_filling else done.written
    can, value, hand = verbs.inverse_of(done.op.verb, done.before, left, done.hand, there.value, me.hand)
    if done.op.verb == verbs.SET and done.before == 1 and world.bodies_at(site):
        can = False
    if is_stuck or not can:
        ranks.stays.add((site, slot.rank))
        reason = verbs.GATE_CLOSED if is_stuck else verbs.WRONG_ITEM
        world.record(log.REFUSED_BY_WORLD, txn.agent, txn.number, done.op_index, site, a=reason)
    else:
        me.hand = hand
        txn.done -= 1
        if refilled:
            lay(ranks, world, WORLD, NO_TXN, site, slot.rank, VALUE, 0, is_inverse=True)
        if value != there.value:
            world.install(log.UNDO, txn.agent, txn.number, done.op_index, site, value, 1, slot.rank)
        earlier = [one for one in slot.done if one.site == site]
        if done.op.relative:
            lay(ranks, world, txn.agent, txn.number, site, slot.rank, DIFFERENCE, -done.written, done.op_index, True)
        elif earlier:
            stocked = world.rules.blueprint.sites[site].stock > 0
            how = REFILLED if stocked and earlier[-1].written == 0 and done.before != 0 else VALUE
            lay(ranks, world, txn.agent, txn.number, site, slot.rank, how, done.before, done.op_index, True)
        else:
            take(ranks, world, slot, done)
        if has_filling:
            there.stock += 1  # what the world has laid out goes back with it
        elif refilled:
            refill(ranks, world, site, item)
        agree(ranks, world, site)
        tell(ranks, world, site, slot.rank, txn.agent)
    _return_or_settle(ranks, world, slot)


def _return_or_settle(ranks: Preorder, world: World, slot: Slot) -> None:
    """Go on to what is to be taken back before that, or settle if that was all."""
    if slot.done:
        slot.txn.op = slot.done[-1].op_index
        return
    slot.txn.undoing = False
    world.settle(slot.txn, ranks.outcome.pop(slot.txn.number))


def _gone_already(ranks: Preorder, world: World, slot: Slot, site: int) -> int:
    """Return down to which rank nothing need be done in the open to take back what its agent has set, else NO_RANK.

    It has been written over; or all is as before what the agent did there first, which it takes back next.
    """
    if top_rank(ranks, site) > slot.rank:
        return slot.rank
    for lower in sorted({slot.rank, *(rank for rank in ranks.chains.laid[site] if rank < slot.rank)}, reverse=True):
        other = ranks.slots[lower]
        if other.agent != slot.agent or not (other is slot or other.doomed):
            break
        if ranks.chains.value(site, lower) == world.sites[site].value:
            return lower
    return NO_RANK


def _take_unseen(ranks: Preorder, world: World, lowest: int, slot: Slot, site: int) -> None:
    """Take back all that an agent has set there from one of its ranks to another: that is so in the open already."""
    for rank in range(slot.rank, lowest - 1, -1):
        other = ranks.slots.get(rank)
        if other is None or other.agent != slot.agent:
            continue
        for done in [one for one in reversed(other.done) if one.site == site]:
            take(ranks, world, other, done)
            other.done.remove(done)
            other.txn.done -= 1
    agree(ranks, world, site)
    tell(ranks, world, site, lowest, slot.agent)


def force(ranks: Preorder, world: World, txn: Transaction, sites: set[int], filled: set[int]) -> bool:
    """Call back the owners of higher-ranked effects on physical sites; tell whether there are any.

    Who has emptied a shelf that is filled again is not in the way on sites that are as the caller's rank sees them.
    """
    above = [
        slot
        for slot in ranks.slots.values()
        if slot.rank > txn.rank
        and slot.agent != txn.agent
        and world.agents[slot.agent].phase != OUT
        and any(
            done.site in sites
            and (done.site, slot.rank) not in ranks.stays
            and not (done.site in filled and ranks.chains.is_refilled(done.site, slot.rank))
            for done in slot.done
        )
    ]
    for slot in above:
        if not slot.forced:
            slot.forced = True
            site = next(done.site for done in slot.done if done.site in sites)
            notify(ranks, world, slot, site, txn.agent, is_forced=True)
        ranks.blocker[txn.agent] = slot.agent
    return bool(above)


def owes(ranks: Preorder, agent: int) -> bool:
    """Tell whether an agent has something settled to judge or to take back."""
    return any(slot.is_called for slot in ranks.slots_of(agent, SETTLED))


def _by_hand(world: World, slot: Slot) -> list[Done]:
    return [done for done in slot.done if not world.is_record(done.site)]
