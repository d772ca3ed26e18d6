"""What the world does by itself: events at their ticks, answers to acts, accidents; and agents that stand still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import entropy, log, scenario, verbs
from .reference_state import Transaction
from .reference_waits import end_wait
from .state import EXPECTED, FAILED, LOST, NEVER, NO_CELL, NO_SITE, NO_TXN, OUT, PASSED, QUEUED, WAITING, WORLD

if TYPE_CHECKING:
    from .reference import World


def world_events(world: World) -> None:
    """Let what is due in this tick happen, and then what answers it and the acts."""
    boats = world.rules.blueprint.boats
    for index, (what, source, nth, site, amount, _, _) in enumerate(world.rules.world_events):
        if world.due[index] != world.now:
            continue
        if what == scenario.ARRIVES:
            if world.boats[index] == LOST:
                continue
            world.boats[index] = WAITING
        elif what == scenario.CLOSES:
            world.closings[index] = LOST if _leads_to(world, nth) else PASSED
        elif what == scenario.RESTOCKS:
            _stock(world, site)
            continue
        world.record(log.WORLD_EVENT, WORLD, site=site, a=source, b=nth, c=what)
        world.write(WORLD, NO_TXN, 0, site, world.sites[site].value + amount, True, amount, verbs.WRITE)
    if boats and world.sites[world.rules.site_index[boats.gate]].value == 1:
        waiting = [n for n, boat in enumerate(world.boats) if boat == WAITING]
        board = world.rules.site_index[boats.board]
        for nth in waiting:
            world.boats[nth] = PASSED
            world.record(log.WORLD_EVENT, WORLD, site=board, a=0, b=nth, c=scenario.PASSES)
            world.write(WORLD, NO_TXN, 0, board, world.sites[board].value - 1, True, -1, verbs.WRITE)
    _answer_acts(world)


def _leads_to(world: World, nth: int) -> bool:
    """Tell whether an entry of the plan leads to the depot of the n-th closing."""
    depot = nth % len(world.rules.notices)
    return any(world.sites[entry].value == depot for entry in world.rules.plan)


def leave_depots(world: World) -> None:
    """Let a depot that is announced to close do so soon, where the corrected plan leads there no more."""
    closings = world.rules.blueprint.closings
    if closings is None or closings.grace is None:
        return
    for nth in range(closings.count):
        event = world.rules.event_of_closing(nth)  # its announcement is the event before it
        if world.closings[event] == EXPECTED and world.due[event - 1] <= world.now and not _leads_to(world, nth):
            world.due[event] = min(world.due[event], world.now + closings.grace)


def _answer_acts(world: World) -> None:
    """What the world does in answer to the acts of this tick: it stocks shelves again, and intruders come."""
    for index in sorted(world.written):
        shelf = world.sites[index]
        if shelf.stock > 0 and shelf.value == 0:
            refill = world.rules.blueprint.sites[index].refill
            if refill:
                world.due[world.rules.refills[index]] = world.now + refill
            else:
                _stock(world, index)
    for goods, posts in world.rules.posts_of.items():
        if not world.written.isdisjoint(posts):
            _answer_guards(world, goods, posts)


def _stock(world: World, index: int) -> None:
    """Lay the first item of a shelf out again, unless something lies there."""
    shelf, drawn = world.sites[index], world.rules.blueprint.sites[index]
    if shelf.stock > 0 and shelf.value == 0:
        shelf.stock -= 1
        world.record(log.WORLD_EVENT, WORLD, site=index, a=0, b=drawn.stock - shelf.stock, c=scenario.RESTOCKS)
        world.write(WORLD, NO_TXN, 0, index, drawn.value, False, drawn.value, verbs.PUT)


def _answer_guards(world: World, goods: int, posts: tuple[int, ...]) -> None:
    if sum(world.sites[post].value for post in posts) > 0:
        world.robbed.discard(goods)
    elif goods not in world.robbed:
        world.robbed.add(goods)
        world.thefts += 1
        world.record(log.WORLD_EVENT, WORLD, site=goods, a=0, b=world.thefts, c=scenario.STEALS)
        if world.sites[goods].value > 0:
            world.write(WORLD, NO_TXN, 0, goods, world.sites[goods].value - 1, True, -1, verbs.WRITE)


def close_on_bodies(world: World, txn: Transaction, gate: int) -> None:
    """Put out of play whoever stands in a gate that closes; that costs a boat."""
    bodies = world.bodies_at(gate)
    if not bodies:
        return
    waiting = [n for n, boat in enumerate(world.boats) if boat == WAITING]
    lost = waiting[0] if waiting else _next_boat(world)
    world.record(log.ACCIDENT, txn.agent, txn.number, site=gate, value=len(bodies), a=lost)
    if lost >= 0:
        if waiting:
            board = world.rules.world_events[0][3]
            world.write(WORLD, NO_TXN, 0, board, world.sites[board].value - 1, True, -1, verbs.WRITE)
        world.boats[lost] = LOST
    for body in bodies:
        _put_out(world, body, txn.agent)


def _next_boat(world: World) -> int:
    expected = [(world.due[n], n) for n, boat in enumerate(world.boats) if boat == EXPECTED]
    return min(expected)[1] if expected else -1


def _put_out(world: World, agent: int, cause: int) -> None:
    me = world.agents[agent]
    world.record(log.PUT_OUT, agent, other=cause)
    if me.txn is not None and agent != cause:
        world.settle(me.txn, FAILED)
    elif me.phase == QUEUED:
        # This tick's waiting is not over.
        end_wait(world, agent, me.queued_task, world.now - me.queued_since, world.holder)
    region = world.rules.region_of.get(me.cell)
    me.phase, me.step, me.look = OUT, NO_CELL, NO_SITE
    if region is not None:
        world.write(WORLD, NO_TXN, 0, region, world.sites[region].value - 1, True, -1, verbs.CROSS, announcer=agent)
    world.control.settle(world, agent)


def stall(world: World) -> None:
    """Let those stand still from the next tick on whose moment has come."""
    length, every = world.rules.settings.stall, world.rules.settings.stall_every
    if length == 0 or world.rules.settings.lockstep:
        return
    for index, me in enumerate(world.agents):
        if me.stalled:
            me.stalled -= 1
        if me.stall_at < world.now or me.stall_at == NEVER:
            late = world.draw(entropy.STALL, index, me.stalls) % (every - length)
            me.stall_at = every * me.stalls + late + 1
            me.stalls += 1
        if me.stall_at == world.now and me.phase != OUT:
            me.stalled = length
            world.record(log.STALLED, index, a=length)
