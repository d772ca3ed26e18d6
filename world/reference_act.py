"""Thought, and acts one after the other: hold, refuse, fail or take effect."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import entropy, log, scenario, verbs
from .control import Answer, Blocked
from .reference_events import close_on_bodies, leave_depots
from .reference_state import Agent, Buffered, Transaction
from .reference_waits import begin_wait, end_hold, end_wait, hold, in_order
from .speculation import speculate
from .state import (
    COMMITTED,
    FAILED,
    IDLE,
    IN_THOUGHT,
    LOCKING,
    LOOK,
    LOOKING,
    MESSAGE,
    NO_SITE,
    NOBODY,
    OUT,
    REGISTRY,
    THINKING,
    WALKING,
    WORLD,
)
from .tasks import MAX_OPS, ResolvedOp

if TYPE_CHECKING:
    from .reference import World


def think(world: World) -> None:
    """Let everyone who thinks do so for a tick, or be refused by a protocol that stops thought."""
    hand_out_places(world)
    for index, me in enumerate(world.agents):
        if me.txn is None or me.stalled:
            continue
        if me.phase == LOCKING:
            speculate(world, me.txn)
        if me.phase != THINKING:
            continue
        if world.control.stops and _stops(world, me.txn):
            continue
        if me.wait is not None:
            continue  # for a place to think
        if me.thought_left > 0:
            me.thought_left -= 1
            world.thought_in_tick.add(index)
            continue
        world.record(log.THINK_END, index, me.txn.number)
        me.phase = WALKING
        if world.rules.settings.slip and world.rules.tasks[me.txn.task].thought:
            _slip(world, me.txn)


def _slip(world: World, txn: Transaction) -> None:
    """Let arguments go wrong at the end of a thought, less often the longer it was."""
    for op in world.rules.tasks[txn.task].ops:
        (nth, attempt), meant = txn.keys, txn.meant(op)
        keys = txn.agent, txn.task, nth, attempt * MAX_OPS + op.nth
        others = [argument for argument in world.rules.arguments[op.verb] if argument != meant]
        bits = world.draw(entropy.SLIP, *keys) >> (64 - entropy.PROBABILITY_BITS)
        if others and bits < int(world.rules.slip[txn.drawn]):
            wrong = others[world.draw(entropy.SLIPS_TO, *keys) % len(others)]
            txn.slipped[op.nth] = wrong
            world.record(
                log.SLIP, txn.agent, txn.number, op.nth, op.site, wrong, a=meant, b=txn.drawn, c=op.verb
            )  # fmt: skip


def hand_out_places(world: World) -> None:
    """Give places to think, where they are few, to those who have thought to do, first come first served.

    A place is kept to the end of the thought, in a stall too; one who stalls is passed over.
    """
    if world.rules.settings.thinkers is None:
        return
    thinking = {i: me for i, me in enumerate(world.agents) if me.thought_left > 0 and _wants_place(me)}
    free = world.rules.settings.thinkers - sum(me.placed for me in thinking.values())
    queue = {i: me.asked for i, me in thinking.items() if not (me.placed or me.stalled)}
    for agent in in_order(world, queue):
        me = thinking[agent]
        assert me.txn is not None
        if free > 0:
            if me.phase == THINKING:
                end_wait(world, agent, me.txn.task, world.now - me.wait_since)
            me.placed = True
            free -= 1
        elif me.wait is None:
            begin_wait(world, agent, me.txn.task, Blocked(NOBODY, log.FOR_THOUGHT))


def _wants_place(me: Agent) -> bool:
    return me.phase == THINKING or (me.phase == LOCKING and me.txn is not None and me.txn.guess is not None)


def _stops(world: World, txn: Transaction) -> bool:
    """Refuse a thought on what is no longer so: in the first op that rests on it."""
    for index in range(len(world.rules.tasks[txn.task].ops)):
        stale = world.control.check(world, txn, index, "think")
        if stale:
            end_wait(world, txn.agent, txn.task, world.now - world.agents[txn.agent].wait_since)
            world.stop(txn, index, stale, IN_THOUGHT)
            return True
    return False


def act(world: World) -> None:
    """End the looks that have come to their site, and let those act who are in reach, in the tick's seeded order."""
    for index, me in enumerate(world.agents):
        if me.stalled:
            me.stuck += me.holding != NOBODY
            continue
        if me.phase == LOOKING and (world.sees(index, me.look) or world.rules.settings.lockstep):
            world.renew(index, me.look, LOOK, 3)
            end_look(world, index)
    actors = [
        index
        for index, me in enumerate(world.agents)
        if me.phase == WALKING and not me.stalled and me.wait is None and world.in_reach(index)
    ]
    for agent in sorted(actors, key=lambda index: (world.draw(entropy.TIE, world.now, index), index)):
        txn = world.agents[agent].txn
        while txn is not None and world.agents[agent].txn is txn and _try(world, txn) and world.rules.settings.lockstep:
            pass


def end_look(world: World, agent: int) -> None:
    """Be free again after a look."""
    me = world.agents[agent]
    me.phase, me.look = IDLE, NO_SITE
    if world.region_at(agent) == NO_SITE:
        world.control.settle(world, agent)


def _try(world: World, txn: Transaction) -> bool:
    """Try the next op: hold, refuse, fail or take effect. Return True if the transaction goes on in this tick."""
    me, op, task = world.agents[txn.agent], world.op_of(txn), world.rules.tasks[txn.task]
    if txn.undoing and world.ranks:
        world.ranks.take_back(world, txn)
        return False
    if _holds(world, txn, op):
        return False
    log_reads(world, txn, op)
    stale = world.control.check(world, txn, txn.op, "act")
    if stale:
        world.refuse(txn, stale, 0)
        return False
    room = world.rules.blueprint.sites[op.site].room
    reason = verbs.world_refuses(op.verb, world.sites[op.site].value, me.hand, world.argument_of(txn, op), room)
    if reason != verbs.POSSIBLE:
        world.record(log.REFUSED_BY_WORLD, txn.agent, txn.number, txn.op, op.site, a=reason)
        world.settle(txn, FAILED)
        return False
    _take_effect(world, txn, op)
    txn.done += 1
    if me.phase == OUT and txn.op < len(task.ops) - 1:
        world.settle(txn, FAILED)  # its own gate closed on it
        return False
    txn.op += 1
    if txn.op == len(task.ops):
        txn.op -= 1  # stays on its last op while it settles
        stale = world.control.check(world, txn, txn.op, "settle")
        if stale:
            world.refuse(txn, stale, 1)
        else:
            world.settle(txn, COMMITTED)
    return me.txn is txn


def _holds(world: World, txn: Transaction, op: ResolvedOp) -> bool:
    """Hold an op that the protocol does not admit yet, or that meets an unsettled version.

    From read committed upward, what rests on an unsettled version, or overwrites it, waits for its writer. A wait
    for a lock is no hold: it ends when the lock is granted, at the beginning of a tick.
    """
    me = world.agents[txn.agent]
    others, kind = NOBODY, log.AT_SITE
    if world.control.admit(world, txn.agent, txn.task, "act") is Answer.WAIT:
        if me.txn is not txn or txn.undoing:
            return True  # a victim of its own wish, or given up for what it owes
        others, kind = world.control.waits_for(world, txn.agent)[:2]
        if kind == log.FOR_LOCK:
            end_hold(world, txn)
            begin_wait(world, txn.agent, txn.task)
            return True
        others = WORLD if others == NOBODY else others  # held, but for nobody in particular
    elif world.control.writes != "in place" and world.control.transaction == "task":
        for site in sorted({*op.pre} - txn.hidden | {op.site}):
            if world.sites[site].unsettled not in (NOBODY, txn.agent) and others == NOBODY:
                others = world.sites[site].unsettled
    if others == NOBODY:
        end_hold(world, txn)
        return False
    waits_on = hold(world, txn, others, kind)
    if waits_on and me.stuck >= world.rules.settings.patience and kind == log.AT_SITE:
        end_hold(world, txn)
        world.give_up(txn.agent, others)
    return True


def log_reads(world: World, txn: Transaction, op: ResolvedOp) -> None:
    """Log what an op rests on as it is tried, and what it would do."""
    txn.used[txn.op] = {site: replace(read) for site, read in txn.inputs.items()}
    for site in op.inputs:
        read = txn.inputs[site]
        world.record(
            log.READ, txn.agent, txn.number, txn.op, site, read.value, read.version, a=read.channel,
            b=int(read.promise), c=(site in op.pre) + 2 * (site in op.owned), d=int(read.own),
        )  # fmt: skip
    world.record(
        log.ACT, txn.agent, txn.number, txn.op, op.site, world.argument_of(txn, op), world.sites[op.site].version,
        other=txn.task, a=op.verb, b=int(premise_holds(world, txn, op)), c=_written(world, txn, op),
    )  # fmt: skip


def premise_holds(world: World, txn: Transaction, op: ResolvedOp) -> bool:
    """Tell whether an op's premise holds on the inputs of its transaction."""
    return op.premise_holds(world.argument_of(txn, op), {site: read.value for site, read in txn.inputs.items()})


def _written(world: World, txn: Transaction, op: ResolvedOp) -> int:
    return op.value_written(world.argument_of(txn, op), {site: read.value for site, read in txn.inputs.items()})


def _take_effect(world: World, txn: Transaction, op: ResolvedOp) -> None:
    me = world.agents[txn.agent]
    written = _written(world, txn, op)
    if world.control.writes != "in place" and world.is_record(op.site):
        txn.buffered.append(Buffered(txn.op, op, written))
        world.record(
            log.BUFFER, txn.agent, txn.number, txn.op, op.site, written, a=int(op.relative),
            b=world.argument_of(txn, op), d=op.verb,
        )  # fmt: skip
        own_write(world, txn, op.site, written, op.relative, buffered=True)
        return
    if op.verb == verbs.CORRECT:
        publish(world, txn, op)
        return
    before = world.sites[op.site].value
    if op.verb == verbs.DELIVER:
        _land(world, txn.agent, op.site)
    hand = verbs.hand_after(op.verb, before, me.hand)
    last = txn.op == len(world.rules.tasks[txn.task].ops) - 1
    world.write(
        txn.agent, txn.number, txn.op, op.site, before + written if op.relative else written, op.relative,
        world.argument_of(txn, op), op.verb, unsettled=not last and world.control.writes != "in place",
        held=world.control.mail == "at settle",
    )  # fmt: skip
    me.hand = hand
    seen = world.ranks.own(world, txn, op.site) if world.ranks else world.sites[op.site].value
    own_write(world, txn, op.site, seen, False, buffered=False)
    if op.verb == verbs.SET and written == 1:
        close_on_bodies(world, txn, op.site)


def publish(world: World, txn: Transaction, op: ResolvedOp) -> None:
    """Give the plan its next epoch: the entries change together, and the protocol tells those who follow them."""
    world.epoch += 1
    world.published = world.now
    changed = [(entry, value) for entry, value in op.entries if world.sites[entry].value != value]
    written = op.entries if world.ranks else changed  # at its rank it stands on all of them
    world.record(log.PUBLISHED, txn.agent, txn.number, txn.op, op.site, world.epoch, a=txn.task, b=len(changed))
    for entry, value in written:
        world.write(txn.agent, txn.number, txn.op, entry, value, False, 0, verbs.CORRECT)
    leave_depots(world)
    for entry in world.rules.plan:
        world.renew(txn.agent, entry, REGISTRY, 4)
    world.control.correct(world, txn.agent, [entry for entry, _ in changed])


def _land(world: World, agent: int, depot: int) -> None:
    """Note what is delivered where, and whether the depot is open."""
    me, notice = world.agents[agent], world.rules.notices.get(depot)
    world.sites[depot].got.add(me.hand)
    if len(me.landed) < world.rules.blueprint.parcels:
        me.landed.append((depot, notice is None or world.sites[notice].value < scenario.SHUT))


def own_write(world: World, txn: Transaction, site: int, value: int, difference: bool, buffered: bool) -> None:
    """An agent's own write renews the later ops' inputs of the same task."""
    read = txn.inputs.get(site)
    if read is None:
        return
    if buffered and read.promise and read.promised is None:
        read.promised = read.value  # whether it is kept is still asked
    read.value = read.value + value if difference else value
    read.promise = read.promise and buffered
    if buffered:
        read.own = True
    else:
        read.version, read.outdated = world.sites[site].version, False
        if read.channel == MESSAGE:
            read.channel = REGISTRY  # it no longer rests on what was told
