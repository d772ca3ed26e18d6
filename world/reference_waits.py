"""Who waits, for whom and for what: to be let in, at a border, for a lock, or at the site of its next op."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import log
from .control import Answer, Blocked
from .reference_state import Transaction
from .state import IDLE, LOOKING, NO_SITE, NO_TASK, NOBODY, QUEUED, REGISTRY

if TYPE_CHECKING:
    from .reference import World


def may_start(world: World, agent: int, task: int) -> bool:
    """Ask the protocol; one that may not start joins the queue."""
    if world.rules.settings.lockstep or world.control.admit(world, agent, task, "decide") is Answer.GO:
        return True
    me = world.agents[agent]
    me.phase, me.queued_task, me.queued_since = QUEUED, task, world.now
    begin_wait(world, agent, task)
    return False


def may_cross(world: World, agent: int, task: int) -> bool:
    """Ask the protocol about the border ahead; one that may not cross waits."""
    me = world.agents[agent]
    if me.txn is None:
        return may_start(world, agent, task)
    txn = me.txn
    if world.rules.settings.lockstep or world.control.admit(world, agent, NO_TASK, "cross") is Answer.GO:
        return True
    if me.txn is txn:
        begin_wait(world, agent, txn.task)
    return False


def ask_the_queue(world: World) -> None:
    """Ask again about those who wait without a transaction, first come first served."""
    queue = {i: me.queued_since + me.stands_back for i, me in enumerate(world.agents) if me.phase == QUEUED}
    for agent in in_order(world, queue):
        me = world.agents[agent]
        if world.control.admit(world, agent, me.queued_task, "sense") is not Answer.GO:
            continue
        leave_queue(world, agent)
        if world.control.renews:
            world.record(log.GRANT, agent)
            for site in range(len(world.sites)):
                world.renew(agent, site, REGISTRY, 2)


def leave_queue(world: World, agent: int) -> None:
    """Take an agent out of the queue, in the tick's sensing; it goes on where it was."""
    me = world.agents[agent]
    end_wait(world, agent, me.queued_task, world.now - me.queued_since + 1)
    me.phase, me.queued_task = IDLE if me.look == NO_SITE else LOOKING, NO_TASK


def in_order(world: World, since: dict[int, int]) -> list[int]:
    """Return agents in the order of the ticks given, those of one tick in its seeded order."""
    return sorted(since, key=lambda agent: (since[agent], world.tie(since[agent], agent), agent))


def begin_wait(world: World, agent: int, task: int, wait: Blocked | None = None) -> None:
    """Note and log for whom and what an agent waits from now on; by default it is what the protocol says."""
    me = world.agents[agent]
    me.wait, me.wait_since = wait or world.control.waits_for(world, agent), world.now
    world.record(
        log.WAIT_BEGIN, agent, world.txn_of(agent), site=me.wait.site, other=me.wait.whom, a=task, b=me.wait.kind,
        c=me.wait.mode,
    )  # fmt: skip


def is_another(wait: Blocked, now: Blocked) -> bool:
    """Tell whether a wait that goes on is to be logged anew: for another lock, or for another who holds one back."""
    return now.site != wait.site or (now.kind == log.HELD_BACK and now.whom != wait.whom)


def end_wait(world: World, agent: int, task: int, waited: int, whom: int = NOBODY) -> None:
    """End a wait for admission or a lock, if there is one, after so many ticks."""
    me = world.agents[agent]
    if me.wait is None:
        return
    world.record(
        log.WAIT_END, agent, world.txn_of(agent), site=me.wait.site, other=whom, a=task, b=me.wait.kind, c=waited
    )  # fmt: skip
    me.wait = None


def hold(world: World, txn: Transaction, others: int, kind: int) -> bool:
    """Let an agent stand where it is and wait, one tick more; tell whether it has waited for the same before."""
    me = world.agents[txn.agent]
    if (me.holding, me.hold) == (others, kind):
        me.stuck += 1
        return True
    end_hold(world, txn)
    world.record(log.WAIT_BEGIN, txn.agent, txn.number, other=others, a=txn.task, b=kind)
    me.holding, me.hold, me.stuck = others, kind, 1
    return False


def end_hold(world: World, txn: Transaction) -> None:
    """End the wait at a site, if there is one."""
    me = world.agents[txn.agent]
    if me.holding != NOBODY:
        world.record(log.WAIT_END, txn.agent, txn.number, other=me.holding, a=txn.task, b=me.hold, c=me.stuck)
        me.holding, me.stuck = NOBODY, 0


def end_waits(world: World, txn: Transaction) -> None:
    """Let an agent wait no more, be it for a lock or at a site."""
    end_hold(world, txn)
    end_wait(world, txn.agent, txn.task, world.now - world.agents[txn.agent].wait_since)
