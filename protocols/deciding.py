"""What agents choose begins, compiled: a transaction, a step, a look, a message, or nothing."""

from __future__ import annotations

import numpy as np

from ..world import actions, log
from ..world.context import (
    action_rules,
    agent_rules,
    agents_of,
    beliefs_of,
    cell_rule,
    counts_of,
    jobs_of,
    mask_of,
    neighbours,
    next_cell,
    op_rule,
    sites_of,
    task_inputs,
    task_rules,
    world_of,
)
from ..world.jit import compiled, inlined, lowest
from ..world.judging import value_written
from ..world.kernel import believed_tick, bit, emit, has, is_current, next_job
from ..world.mail import send
from ..world.phases import enter
from ..world.rank_calls import ASK_AGAIN, about
from ..world.state import (
    COUNTER_INDEX,
    FACT,
    LOOKING,
    NO_CELL,
    NO_SITE,
    NO_TASK,
    NO_TXN,
    NOBODY,
    NONE,
    PROMISE,
    SYMBOL,
    WALKING,
)
from .admission import ask_again, open_transaction
from .movement import may_enter, may_start, region_entered
from .settling import let_all_go
from .token import join_queue

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_ILLEGAL = COUNTER_INDEX["illegal_actions"]


@inlined
def decide(c, b, choices):
    """Let every ready agent's choice begin."""
    world, agents = world_of(c, b), agents_of(c, b)
    ready = world.ready
    world.ready = _ZERO
    if (c.locks | c.holds_back) != 0:
        ask_again(c, b)
    if c.ranks != 0:
        about(c, b, ASK_AGAIN, 0, 0)
    while ready != _ZERO:
        a = lowest(ready)
        ready &= ready - _ONE
        agents[a].ready = 0
        may = allowed(c, b, a, choices[b, a])
        mask = mask_of(c, b, a)
        mask[0] = _ONE  # until it is ready again it may only wait
        mask[1] = _ZERO
        begin(c, b, a, choices[b, a], may)


@inlined
def allowed(c, b, a, choice):
    """Tell whether the mask lets an action through; an index outside the table is no action."""
    return 0 <= choice < c.actions and has(mask_of(c, b, a)[choice >> 6], choice & 63)


@inlined
def begin(c, b, a, choice, may):
    """Begin what one agent chose: a transaction, a step, a look, a message, or nothing."""
    me = agents_of(c, b)[a]
    illegal = not may
    if illegal:
        choice = 0
        counts_of(c, b)[_ILLEGAL] += 1
    kind, index = action_rules(c)[choice, 0], action_rules(c)[choice, 1]
    me.inbox = 0
    if kind == actions.DO and task_rules(c)[index].crosses == 0:
        if may_start(c, b, a):
            open_transaction(c, b, a, index, action_rules(c)[choice, 2])
        else:
            join_queue(c, b, a, index)
        return
    step = NO_CELL
    if kind == actions.MOVE:
        step = neighbours(c)[me.cell, index]
    elif kind == actions.DO:
        step = next_cell(c, agent_rules(c)[a].stations[me.side], me.cell)
    bound = (c.token | c.locks | c.ranks) != 0
    if bound and step != NO_CELL:
        region = region_entered(c, me, step)
        if region != NO_SITE and not may_enter(c, b, a, region, index if kind == actions.DO else NO_TASK):
            return
    emit(c, b, log.CHOOSE, a, NO_TXN, 0, NO_SITE, 0, 0, NOBODY, choice, 1 if illegal else 0, 0, 0, 0)
    if kind == actions.CHECK:
        me.show |= me.stale
        me.stale = _ZERO
        for site in range(c.sites):
            belief = beliefs_of(c, b, a)[site]
            if belief.channel != NONE and not is_current(sites_of(c, b)[site], belief):
                me.stale |= bit(site)
        me.show |= me.stale
    elif kind == actions.LOOK_AT:
        me.look = index
        enter(c, b, a, LOOKING)
    elif kind == actions.TELL:
        belief = beliefs_of(c, b, a)[index]
        what = PROMISE if belief.promise != 0 else FACT
        send(c, b, a, what, index, belief.value, belief.version, believed_tick(c, b, a, index), NO_TXN)
    elif kind == actions.PROMISE_THAT:
        promise(c, b, a, index)
    elif kind == actions.SAY:
        send(c, b, a, SYMBOL, NO_SITE, index, 0, world_of(c, b).tick, NO_TXN)
    me.step = step
    world_of(c, b).stepping |= np.uint64(step != NO_CELL) << np.uint64(a)
    if bound and step == NO_CELL and me.phase != WALKING and cell_rule(c, me.cell).region < 0:
        let_all_go(c, b, a)


@compiled
def promise(c, b, a, index):
    """Promise the value that the task's last write would leave on what the agent believes."""
    me, task = agents_of(c, b)[a], task_rules(c)[index]
    rule = op_rule(c, index, task.ops - 1)
    beliefs = beliefs_of(c, b, a)
    belief = beliefs[rule.site]
    me.promised = 1
    value = belief.value - 1
    if task.crosses == 0:
        total = 0
        for slot in range(task.inputs):
            if has(rule.deps, slot):
                total += beliefs[task_inputs(c)[index, slot]].value
        argument = rule.argument
        if rule.from_job != 0:
            argument = jobs_of(c, b, a)[next_job(c, b, a, index)].amount
        value = value_written(rule.writes, argument, belief.value, total)
        if rule.relative != 0:
            value += belief.value
    send(c, b, a, PROMISE, rule.site, value, belief.version, believed_tick(c, b, a, rule.site), NO_TXN)
