"""Choices: what agents do next; how a transaction begins, is let in and freezes its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import actions, entropy, log
from .control import Answer
from .footprint import declare, log_error
from .reference_act import premise_holds
from .reference_mail import send
from .reference_state import Agent, Input, Transaction
from .reference_waits import begin_wait, end_wait, in_order, is_another, may_cross, may_start
from .reference_walk import enters_region
from .settings import QUANTILES, thought_chosen
from .speculation import guess, judge_guess
from .state import (
    ABORTED,
    FACT,
    LOCKING,
    LOOKING,
    NO_CELL,
    NO_JOB,
    NO_OUTCOME,
    NO_SITE,
    NO_TASK,
    NOBODY,
    NONE,
    PROMISE,
    REGISTRY,
    REJECTED,
    SYMBOL,
    THINKING,
    WALKING,
)

if TYPE_CHECKING:
    from .reference import World


def decide(world: World, ready: list[int], choices: list[int]) -> None:
    """Let those go on who wait to be let in, and begin what each ready agent has chosen."""
    allowed = {agent: world.mask(agent)[choices[agent]] for agent in ready}  # even if it is wounded before its turn
    _ask_again(world)
    for agent in ready:
        choice = choices[agent]
        illegal = not allowed[agent]
        action = world.rules.actions[0 if illegal else choice]
        me = world.agents[agent]
        me.inbox = 0
        if action.kind == actions.DO and not world.rules.tasks[action.index].crosses:
            if world.control.reads == "admission" or may_start(world, agent, action.index):
                _open(world, agent, action.index, action.thought)
            continue
        step = _step_chosen(world, agent, action)
        task = action.index if action.kind == actions.DO else NO_TASK
        if step != NO_CELL and enters_region(world, agent, step) and not may_cross(world, agent, task):
            continue
        world.record(log.CHOOSE, agent, a=world.rules.actions.index(action), b=int(illegal))
        if action.kind == actions.CHECK:
            me.stale = {site for site in range(len(world.sites)) if not _is_current_belief(world, agent, site)}
        elif action.kind == actions.LOOK_AT:
            me.phase, me.look = LOOKING, action.index
        elif action.kind == actions.TELL:
            belief = world.beliefs[agent][action.index]
            kind = PROMISE if belief.promise else FACT
            send(world, agent, kind, action.index, belief.value, belief.version, belief.tick)
        elif action.kind == actions.PROMISE_THAT:
            _promise(world, agent, action.index)
        elif action.kind == actions.SAY:
            send(world, agent, SYMBOL, NO_SITE, action.index, 0, world.now)
        me.step = step
        if step == NO_CELL and me.phase != WALKING and world.region_at(agent) == NO_SITE:
            world.control.settle(world, agent)


def _step_chosen(world: World, agent: int, action: actions.Action) -> int:
    me = world.agents[agent]
    if action.kind == actions.MOVE:
        return int(world.rules.layout.neighbour[me.cell][action.index])
    if action.kind == actions.DO:
        return int(world.rules.paths[world.rules.station(agent, me.side)][1][me.cell])
    return NO_CELL


def _open(world: World, agent: int, index: int, choice: int) -> None:
    """Open a transaction for a task, to be thought on as chosen, which may have to wait until it is let in."""
    me, task = world.agents[agent], world.rules.tasks[index]
    job = world.next_job(agent, index) if task.jobs else NO_JOB
    nth = job if task.jobs else world.completions.get((agent, index), 0)
    attempt = world.jobs[agent][job].attempt if task.jobs else world.attempts.get((agent, index), 0)
    argument = world.jobs[agent][job].amount if task.jobs else task.ops[0].argument
    drawn = 0
    if task.thought:
        drawn = int(world.rules.thought[world.draw(entropy.THOUGHT, agent, index, nth, attempt) % QUANTILES])
        drawn = thought_chosen(drawn, choice)
    thought = 0 if world.rules.settings.lockstep else drawn
    saved = min(thought, world.saved.get((agent, index), 0))
    if world.ranks:
        saved = max(saved, world.ranks.spares(agent, thought))
    thought -= saved
    known = declare(world, agent, index, nth, attempt)
    me.txn = Transaction(
        world.next_txn, agent, index, job, argument, thought, world.now, (nth, attempt), drawn, known=known
    )  # fmt: skip
    world.next_txn += 1
    me.age = me.age if me.outcome == ABORTED else world.now
    me.outcome, me.stale = NO_OUTCOME, set()
    me.thought_left, me.stuck, me.phase = thought, 0, LOCKING
    me.placed, me.asked = False, world.now
    world.record(
        log.DECIDE, agent, me.txn.number, value=argument, version=choice, a=index, b=thought, c=attempt, d=nth, e=saved
    )
    log_error(world, me.txn)
    if world.control.reads == "admission" and not world.rules.settings.lockstep:
        txn = me.txn
        if world.control.admit(world, agent, index, "decide") is Answer.WAIT:
            if me.txn is txn:  # no victim of its own wish
                begin_wait(world, agent, index)
                if world.control.speculates:
                    guess(world, txn)
            return
    _admit(world, me.txn)


def _ask_again(world: World) -> None:
    """Let those go on who wait for admission with their transaction open, or at a border on their way."""
    waiting = [i for i, me in enumerate(world.agents) if me.txn and me.wait and me.wait.kind != log.FOR_THOUGHT]
    for agent in in_order(world, {i: _place(world.agents[i]) for i in waiting}):
        me = world.agents[agent]
        if me.txn is None or me.wait is None:
            continue  # a victim of one before it
        txn, waited = me.txn, world.now - me.wait_since
        if world.control.admit(world, agent, txn.task, "retry") is Answer.GO:
            end_wait(world, agent, txn.task, waited)
            if me.phase == LOCKING:
                _admit(world, txn)
        elif me.txn is txn and me.wait is not None and is_another(me.wait, world.control.waits_for(world, agent)):
            end_wait(world, agent, txn.task, waited)
            begin_wait(world, agent, txn.task)


def _place(me: Agent) -> int:
    """Return the tick at which one counts as having come, who waits to be let in; held back, that is its decision."""
    assert me.txn is not None
    assert me.wait is not None
    return me.stands_back + (me.txn.decided if me.wait.kind == log.HELD_BACK else me.wait_since)


def _admit(world: World, txn: Transaction) -> None:
    """Freeze the inputs, renewed by the registry where they are read at admission, and start to think.

    So are those of the token's holder within a region: what it did since the grant it need not have seen.
    """
    agent, task = txn.agent, world.rules.tasks[txn.task]
    me = world.agents[agent]
    me.phase, me.stands_back = THINKING, 0
    reads = world.control.reads == "admission" or (world.holder == agent and world.region_at(agent) != NO_SITE)
    # The token's holder is told of everything, whatever it has declared.
    renewed = txn.known.renewed(task.inputs) if world.control.reads == "admission" else [*task.inputs]
    if reads:
        for site in renewed:
            if world.sites[site].unsettled == NOBODY:
                world.renew(agent, site, REGISTRY, 2, world.ranks.value(world, txn, site) if world.ranks else None)
    for site in task.inputs:
        belief, there = world.beliefs[agent][site], world.sites[site]
        frozen = Input(belief.value, belief.version, belief.channel, belief.promise, belief.tick)
        if world.control.reads == "admission" and there.unsettled != NOBODY and site in renewed:
            # The registry knows what has settled; what stands there now the agent may see for itself.
            frozen = Input(*there.settled, REGISTRY, False, world.now)
        frozen.outdated = frozen.version != there.version
        txn.inputs[site] = frozen
        world.record(
            log.INPUT, agent, txn.number, site=site, value=frozen.value, version=frozen.version,
            a=frozen.channel, b=int(frozen.promise), c=frozen.sensed, d=int(site in txn.hidden),
        )  # fmt: skip
    judge_guess(world, txn)
    if world.ranks:
        world.ranks.admitted(world, txn)
    if reads and not all(premise_holds(world, txn, op) for op in task.ops):
        world.settle(txn, REJECTED, before_thought=True)


def _promise(world: World, agent: int, index: int) -> None:
    """Tell the listeners what a task will leave, on what the agent believes now."""
    task = world.rules.tasks[index]
    op = task.ops[-1]
    belief = world.beliefs[agent][op.site]
    if task.crosses:
        value = belief.value - 1
    else:
        argument = world.jobs[agent][world.next_job(agent, index)].amount if op.from_job else op.argument
        written = op.value_written(argument, {site: about.value for site, about in enumerate(world.beliefs[agent])})
        value = belief.value + written if op.relative else written
    world.agents[agent].promised = True
    send(world, agent, PROMISE, op.site, value, belief.version, belief.tick)


def _is_current_belief(world: World, agent: int, site: int) -> bool:
    belief = world.beliefs[agent][site]
    read = Input(belief.value, belief.version, belief.channel, belief.promise, belief.tick)
    return belief.channel == NONE or world.is_current(read, site)
