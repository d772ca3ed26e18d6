"""Walking: the steps chosen, and the ways to an op or a look; at a region's border each step is a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import log, verbs
from .layout import UNREACHABLE
from .reference_act import end_look, own_write
from .reference_waits import may_cross
from .state import FAILED, IDLE, LOOKING, NO_CELL, NO_RANK, NO_SITE, NO_TASK, OUT, WALKING

if TYPE_CHECKING:
    from .reference import World


def walk(world: World) -> None:
    """Let everyone take a step who has one to take."""
    for index, me in enumerate(world.agents):
        if me.phase == OUT or me.stalled or (me.txn is not None and me.wait is not None):
            continue
        if me.step != NO_CELL:
            _cross_or_step(world, index)
        elif me.phase == LOOKING and not world.sees(index, me.look) and not world.rules.settings.lockstep:
            _walk_towards(world, index, me.look)
        elif me.phase == WALKING and me.txn is not None and not world.in_reach(index):
            if world.rules.settings.navigation == "manual":
                _stand_still(world, index)
            else:
                _walk_towards(world, index, world.op_of(me.txn).site)


def _cross_or_step(world: World, agent: int) -> None:
    """Take the step chosen in this tick; in lockstep a crossing is made whole."""
    me = world.agents[agent]
    crossing = world.rules.settings.navigation == "auto"
    target = world.rules.station(agent, me.side)
    step, me.step = me.step, NO_CELL
    moved = _step(world, agent, step)
    if not moved:
        world.record(log.REFUSED_BY_WORLD, agent, site=world.rules.gate_of.get(step, NO_SITE), a=verbs.GATE_CLOSED)
    while crossing and world.rules.settings.lockstep and moved and me.cell != world.rules.targets[target]:
        moved = _step(world, agent, int(world.rules.paths[target][1][me.cell]))
    _count_trip(world, agent)
    if me.phase == IDLE and world.region_at(agent) == NO_SITE:
        world.control.settle(world, agent)


def _count_trip(world: World, agent: int) -> None:
    me = world.agents[agent]
    role = world.rules.blueprint.roles[world.rules.role_of[agent]]
    if role.stations and me.cell == world.rules.targets[world.rules.station(agent, me.side)]:
        me.side = 1 - me.side
        me.trips += 1


def _walk_towards(world: World, agent: int, target: int) -> None:
    me = world.agents[agent]
    distance, following = world.rules.paths[target]
    step = int(following[me.cell])
    if enters_region(world, agent, step) and not may_cross(world, agent, NO_TASK):
        return  # waits at the border, and goes on once it is let in
    if distance[me.cell] < UNREACHABLE and _step(world, agent, step):
        me.stuck = 0
        _count_trip(world, agent)
    else:
        _stand_still(world, agent)


def _stand_still(world: World, agent: int) -> None:
    """Count a tick without a step; after `patience` of them give up: physics fails and never waits inside a task."""
    me = world.agents[agent]
    me.stuck += 1
    if me.stuck < world.rules.settings.patience:
        return
    me.stuck = 0
    if me.txn is not None and me.txn.undoing and world.ranks:
        world.ranks.take_back(world, me.txn, is_stuck=True)
    elif me.txn is not None:
        site = world.op_of(me.txn).site
        world.record(log.REFUSED_BY_WORLD, agent, me.txn.number, me.txn.op, site, a=verbs.GATE_CLOSED)
        world.settle(me.txn, FAILED)
    else:
        world.record(log.REFUSED_BY_WORLD, agent, site=me.look, a=verbs.GATE_CLOSED)
        end_look(world, agent)


def _step(world: World, agent: int, cell: int) -> bool:
    """Move to a neighbouring cell unless a closed gate stops it; a region's border settles at once."""
    me = world.agents[agent]
    gate = world.rules.gate_of.get(cell)
    if gate is not None and world.sites[gate].value == 1 and cell != me.cell:
        return False
    before, after = world.rules.region_of.get(me.cell), world.rules.region_of.get(cell)
    me.cell = cell
    if before != after:
        if before is not None:
            _cross_border(world, agent, before, -1)
        if after is not None:
            _cross_border(world, agent, after, +1)
        elif me.txn is None:
            world.control.settle(world, agent)
    return True


def _cross_border(world: World, agent: int, region: int, change: int) -> None:
    txn = world.next_txn
    world.next_txn += 1
    world.record(log.BORDER, agent, txn, site=region, a=change, b=world.agents[agent].cell)
    world.agents[agent].promised = False
    bodies = world.sites[region].value + change
    under_way = world.agents[agent].txn
    read = under_way.inputs.get(region) if under_way else None
    knew = read is not None and world.is_current(read, region)
    world.write(agent, txn, 0, region, bodies, relative=True, argument=change, verb=verbs.CROSS)
    # Its own crossing is no news to it, on top of what is so at its rank, where it has one.
    if under_way and under_way.rank != NO_RANK:
        own_write(world, under_way, region, change, True, buffered=False)
    elif under_way and knew:
        own_write(world, under_way, region, bodies, False, buffered=False)
    world.record(log.COMMIT, agent, txn)


def enters_region(world: World, agent: int, cell: int) -> bool:
    """Note the region that a step leads into, if any, and tell whether that is another one than before."""
    me = world.agents[agent]
    me.border = world.rules.region_of.get(cell, NO_SITE)
    return me.border not in (NO_SITE, world.rules.region_of.get(me.cell))
