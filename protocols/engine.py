"""The compiled engine: one tick, top to bottom. The order of the lines of `tick` is the semantics.

The twin of `world.reference.World`; both must agree event for event.
"""

from __future__ import annotations

import numpy as np

from ..world import actions, entropy, log
from ..world.context import (
    FIGURE_STEP,
    action_rules,
    agent_rules,
    agents_of,
    beliefs_of,
    cell_rule,
    counts_of,
    figure_at,
    jobs_of,
    mask_of,
    neighbours,
    op_rule,
    sites_of,
    task_inputs,
    task_rules,
    way,
    world_of,
)
from ..world.events import answer_acts, world_events
from ..world.jit import add_at, compiled, entry_point, how_many, inlined, lowest, member, member_of_16, show_flag
from ..world.judging import value_written
from ..world.kernel import believed_tick, bit, credit, draw, emit, has, is_current, next_job, renew, sense_sites
from ..world.mail import deliver, send
from ..world.masks import write_mask
from ..world.memory import first_fixed
from ..world.observe import write_observation
from ..world.rank_calls import ASK_AGAIN, RECALL, about
from ..world.reset import reset_world
from ..world.rows import fill_rows
from ..world.scoring import score
from ..world.slips import slip
from ..world.speculation import speculate_compiled
from ..world.state import (
    COUNTER_INDEX,
    FACT,
    IDLE,
    LOCKING,
    LOOK,
    LOOKING,
    NEVER,
    NO_CELL,
    NO_SITE,
    NO_TASK,
    NO_TXN,
    NOBODY,
    NONE,
    OUT,
    PROMISE,
    QUEUED,
    RUNNING,
    SYMBOL,
    THINKING,
    WALKING,
)
from .acting import attempt_op, stop_thought
from .admission import ask_again, open_transaction
from .epochs import turn_epoch
from .forward import stop_readers
from .locks import longest_waiting, take_lock
from .movement import end_look, in_reach, may_enter, may_start, region_entered, walk
from .settling import end_lock_wait, let_all_go
from .token import grant, join_queue

_ZERO, _ONE = np.uint64(0), np.uint64(1)
SHARE = 8  # worlds that a thread takes at a time
_ILLEGAL, _THINK, _BLOCKED = (COUNTER_INDEX[name] for name in ("illegal_actions", "think_ticks", "blocked_ticks"))


@inlined
def tick(c, b, choices):
    """Advance one world by one tick, in place; `choices` is [B, A] int32."""
    world = world_of(c, b)
    world.tick += 1
    world.writer = NOBODY
    decide(c, b, choices)
    thinking, moving = who_is_at_what(c, b)
    if thinking != _ZERO:
        moving |= think(c, b, thinking)
    if moving != _ZERO:
        arrived = walk(c, b, moving)
        if arrived != _ZERO:
            act(c, b, arrived)
    if (c.token | c.locks | c.thinkers | c.holds_back | c.ranks) != 0:
        count_queue(c, b)
    if world.next_event <= world.tick or (c.boats > 0 and sites_of(c, b)[c.gate].value == 1):
        world_events(c, b)
    if (c.stocked | c.posts) & world.dirty != _ZERO:
        answer_acts(c, b)
    if world.next_due <= world.tick:
        deliver(c, b)
    if c.forward != 0 and world.dirty != _ZERO:
        stop_readers(c, b)
    if c.epochs != 0 and (world.corrector != NOBODY or (world.unanswered | world.under_way) != _ZERO):
        turn_epoch(c, b)
    if (world.dirty | world.moved) != _ZERO or (c.token | c.locks | c.ranks) != 0:
        sense(c, b)
    if c.stall > 0 and c.lockstep == 0:
        stall(c, b)
    if (world.touched_sites | world.touched_agents | np.uint64(world.happened)) != _ZERO or world.tick >= c.horizon:
        score(c, b)


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
        step = way(c, agent_rules(c)[a].stations[me.side], me.cell).following
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
        me.phase = LOOKING
        me.look = index
    elif kind == actions.TELL:
        belief = beliefs_of(c, b, a)[index]
        what = PROMISE if belief.promise != 0 else FACT
        send(c, b, a, what, index, belief.value, belief.version, believed_tick(c, b, a, index), NO_TXN)
    elif kind == actions.PROMISE_THAT:
        promise(c, b, a, index)
    elif kind == actions.SAY:
        send(c, b, a, SYMBOL, NO_SITE, index, 0, world_of(c, b).tick, NO_TXN)
    me.step = step
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


@inlined
def who_is_at_what(c, b):
    """Return the sets of agents that think, and of those that walk, look or step."""
    agents = agents_of(c, b)
    thinking, moving = _ZERO, _ZERO
    for a in range(c.agents):
        me = agents[a]
        thinking |= np.uint64(me.phase == THINKING) << np.uint64(a)
        moves = (me.phase == WALKING) | (me.phase == LOOKING) | (me.step != NO_CELL)
        moving |= np.uint64(moves) << np.uint64(a)
    if c.speculates != 0:
        for a in range(c.agents):
            me = agents[a]
            thinks = (me.phase == LOCKING) & (me.speculates != 0) & (me.thought_left > 0)
            thinking |= np.uint64(thinks) << np.uint64(a)
    if c.stall > 0:
        still = world_of(c, b).stalled
        for a in range(c.agents):
            if has(still, a) and agents[a].holding != NOBODY:
                agents[a].stuck += 1
                counts_of(c, b)[_BLOCKED] += 1
        thinking &= ~still
        moving &= ~still
    return thinking, moving


@inlined
def think(c, b, thinking):
    """Spend a think tick, or get up and go; return the set of those who go."""
    agents, going = agents_of(c, b), _ZERO
    if c.thinkers > 0:
        hand_out_places(c, b, thinking)
    while thinking != _ZERO:
        a = lowest(thinking)
        thinking &= thinking - _ONE
        me = agents[a]
        if me.phase == LOCKING:
            speculate_compiled(c, b, a)
            continue
        if c.stops != 0 and c.forward == 0 and stop_thought(c, b, a):
            continue
        if me.waits != 0:
            continue  # for a place to think
        if me.thought_left > 0:
            me.thought_left -= 1
            counts_of(c, b)[_THINK] += 1
            credit(c, b, a, -c.think_cost)
            continue
        emit(c, b, log.THINK_END, a, me.txn, 0, NO_SITE, 0, 0, NOBODY, 0, 0, 0, 0, 0)
        me.phase = WALKING
        if c.slip != 0:
            slip(c, b, a)
        going |= bit(a)
    return going


@compiled
def first_to_ask(c, b, queue):
    """Return who of a set, which is not empty, asked first for a place to think."""
    agents, first, first_key = agents_of(c, b), NOBODY, _ZERO
    for a in range(c.agents):
        if not has(queue, a):
            continue
        key = draw(c, b, entropy.TIE, agents[a].asked, a, 0, 0)
        earlier = first == NOBODY or agents[a].asked < agents[first].asked
        if earlier or (agents[a].asked == agents[first].asked and key < first_key):
            first, first_key = a, key
    return first


@compiled
def hand_out_places(c, b, thinking):
    """Give places to think to those who have thought to do, first come first served; see the reference."""
    world, agents = world_of(c, b), agents_of(c, b)
    free, queue = c.thinkers, _ZERO
    for a in range(c.agents):
        me = agents[a]
        speculates = me.phase == LOCKING and me.speculates != 0
        if (me.phase != THINKING and not speculates) or me.thought_left == 0:
            continue
        if me.placed != 0:
            free -= 1
        elif has(thinking, a):
            queue |= bit(a)
    while queue != _ZERO:
        a = first_to_ask(c, b, queue)
        queue &= ~bit(a)
        me = agents[a]
        if free > 0:
            if me.phase == THINKING:
                end_lock_wait(c, b, a, me.task, world.tick - me.wait_since)
            me.placed = 1
            free -= 1
        elif me.waits == 0:
            me.waits = log.FOR_THOUGHT
            me.wait_site = NO_SITE
            me.wait_since = world.tick
            emit(
                c, b, log.WAIT_BEGIN, a, me.txn, 0, NO_SITE, 0, 0, NOBODY, me.task, log.FOR_THOUGHT, 0, 0, 0
            )  # fmt: skip


@compiled
def count_queue(c, b):
    """Count the agents that wait for admission in this tick."""
    for a in range(c.agents):
        me = agents_of(c, b)[a]
        if me.phase == QUEUED or me.waits != 0:
            counts_of(c, b)[_BLOCKED] += 1


@compiled
def act(c, b, arrived):
    """Judge the acts of this tick one after the other, in the tick's seeded order."""
    agents, waiting = agents_of(c, b), _ZERO
    while arrived != _ZERO:
        a = lowest(arrived)
        arrived &= arrived - _ONE
        me = agents[a]
        if me.phase == LOOKING:
            renew(c, b, a, me.look, LOOK, 3)
            end_look(c, b, a)
        elif me.phase == WALKING:  # and no victim of those who walked after it
            waiting |= bit(a)
    while waiting != _ZERO:
        first = NOBODY
        if waiting & (waiting - _ONE) == _ZERO:
            first = lowest(waiting)
        else:
            least = _ZERO
            for a in range(c.agents):
                if has(waiting, a):
                    key = draw(c, b, entropy.TIE, world_of(c, b).tick, a, 0, 0)
                    if first == NOBODY or key < least:
                        first, least = a, key
        waiting &= ~bit(first)
        txn = agents[first].txn
        while txn != NO_TXN and agents[first].txn == txn and attempt_op(c, b, first) and c.lockstep != 0:
            pass


@inlined
def sense(c, b):
    """Let everyone see what changed in sight, and hand on the token."""
    world, agents = world_of(c, b), agents_of(c, b)
    due = world.moved
    if world.dirty != _ZERO:
        for a in range(c.agents):
            due |= np.uint64(agents[a].sight & world.dirty != _ZERO) << np.uint64(a)
    while due != _ZERO:
        a = lowest(due)
        due &= due - _ONE
        if agents[a].phase != OUT:
            candidates = agents[a].sight
            sense_sites(c, b, a, candidates if has(world.moved, a) else candidates & world.dirty)
    world.dirty = _ZERO
    world.moved = _ZERO
    if c.token != 0:
        grant(c, b)
    if c.locks != 0:
        let_in(c, b)
    if c.ranks != 0 and c.lockstep == 0:
        about(c, b, RECALL, 0, 0)


@compiled
def let_in(c, b):
    """Let those into a region who wait for its lock without a transaction, first come first served."""
    world, agents, queue = world_of(c, b), agents_of(c, b), _ZERO
    for a in range(c.agents):
        if agents[a].phase == QUEUED:
            queue |= bit(a)
    while queue != _ZERO:
        first = longest_waiting(c, b, queue)
        queue &= ~bit(first)
        me = agents[first]
        if take_lock(c, b, first, me.lock_site, me.lock_mode):
            end_lock_wait(c, b, first, me.queued_task, world.tick - me.queued_since + 1)
            me.phase = IDLE if me.look == NO_SITE else LOOKING
            me.queued_task = NO_TASK


@compiled
def stall(c, b):
    """Let those stand still from the next tick on whose moment has come."""
    world = world_of(c, b)
    for a in range(c.agents):
        me = agents_of(c, b)[a]
        if me.stalled > 0:
            me.stalled -= 1
        if me.stall_at < world.tick or me.stall_at == NEVER:
            late = draw(c, b, entropy.STALL, a, me.stalls, 0, 0) % np.uint64(c.stall_every - c.stall)
            me.stall_at = c.stall_every * me.stalls + np.int64(late) + 1
            me.stalls += 1
        if me.stall_at == world.tick and me.phase != OUT:
            me.stalled = c.stall
            emit(c, b, log.STALLED, a, NO_TXN, 0, NO_SITE, 0, 0, NOBODY, c.stall, 0, 0, 0, 0)
        if me.stalled > 0:
            world.stalled |= bit(a)
        else:
            world.stalled &= ~bit(a)


@inlined
def would_be_ready(c, b, a):
    """Tell whether the agent must act next, were the world to go on."""
    me = agents_of(c, b)[a]
    if c.lockstep != 0 and world_of(c, b).tick % c.agents != a:
        return False
    if has(world_of(c, b).stalled, a):
        return False
    return me.phase == IDLE or (me.phase == WALKING and c.manual != 0 and me.waits == 0 and not in_reach(c, b, a))


@inlined
def present(c, b):
    """Write observation and mask of every agent that must act now; return the set of them.

    At the end of an episode those who would have been next see the final state, and nobody is ready.
    """
    world, agents, due = world_of(c, b), agents_of(c, b), _ZERO
    busy = figure_at(c, b, 0) + 12
    for a in range(c.agents):
        is_idle = np.int64(agents[a].phase == IDLE)
        due |= np.uint64(is_idle) << np.uint64(a)
        show_flag(busy + a * FIGURE_STEP, is_idle == 0)
    if (c.lockstep | c.manual | c.stall) != 0:
        due = _ZERO
        for a in range(c.agents):
            due |= np.uint64(would_be_ready(c, b, a)) << np.uint64(a)
    left = due
    while left != _ZERO:
        a = lowest(left)
        left &= left - _ONE
        write_observation(c, b, a)
        if world.status != RUNNING:
            continue
        me, mask = agents[a], mask_of(c, b, a)
        me.ready = 1
        world.ready |= bit(a)
        moves = cell_rule(c, me.cell).moves
        if me.phase == WALKING:  # on its own feet, with a thought to carry out
            mask[0] = _ONE | moves
            mask[1] = _ZERO
            continue
        if me.remask != 0:
            write_mask(c, b, a)
            me.remask = 0
        mask[0] = me.full_mask[0] | moves
        mask[1] = me.full_mask[1]
    return due


@compiled
def begin_episode(c, b, seed, anew):
    """Reset one world, unless it is to be shown `anew` as it is, and show it to its agents."""
    if not anew:
        reset_world(c, b, seed)
    for a in range(c.agents):
        if not anew:
            sense_sites(c, b, a, agents_of(c, b)[a].sight)
        write_observation(c, b, a)
        mask_of(c, b, a)[0] = _ONE
        mask_of(c, b, a)[1] = _ZERO
    present(c, b)
    if c.rows_kept != 0:
        fill_rows(c, b)


@entry_point
def reset_chosen(context, turn, chosen, seeds, anew):
    """Begin the episodes of the worlds that are `chosen`, [B] bool; `seeds` is [B] uint64.

    With `anew` they go on as they are, and are shown to their agents again. `turn` is as in `step_worlds`.
    """
    c = first_fixed(context)
    worlds = len(chosen)
    first, last = take_worlds(turn, 0, worlds)
    while first < last:
        for b in range(first, last):
            if chosen[b]:
                begin_episode(c, b, seeds[b], anew)
        first, last = take_worlds(turn, last - first, worlds)


@entry_point
def random_choices(context, choices, streams):
    """Fill `choices`, [B, A] int32, with a random allowed action for every agent that must act; return their number.

    `streams` is [B] uint64, not zero: one xorshift generator a world, moved on in place.
    """
    c = first_fixed(context)
    many = 0
    for b in range(len(streams)):
        word, ready = streams[b], world_of(c, b).ready
        while ready != _ZERO:
            a = lowest(ready)
            ready &= ready - _ONE
            many += 1
            mask = mask_of(c, b, a)
            word ^= word << np.uint64(13)
            word ^= word >> np.uint64(7)
            word ^= word << np.uint64(17)
            low, high = mask[0], mask[1]
            nth = np.int64(((word >> np.uint64(32)) * np.uint64(how_many(low) + how_many(high))) >> np.uint64(32))
            if c.actions <= 16:
                action = member_of_16(low, nth)
            elif nth < how_many(low):
                action = member(low, nth)
            else:
                action = 64 + member(high, nth - how_many(low))
            choices[b, a] = action
        streams[b] = word
    return many


@entry_point
def show_rows(context, worlds):
    """Fill the rows of `worlds` worlds, after their state was changed from outside; see `state.Rows`."""
    c = first_fixed(context)
    for b in range(worlds):
        fill_rows(c, b)


@entry_point
def step_worlds(context, turn, choices, to_decision, margin):
    """Step every world that no other thread has taken yet; `choices` is [B, A] int32.

    `turn` is empty for a caller alone, else a turn of the crew: threads take a few worlds at a time, so that one which
    comes late finds less to do. With `to_decision` a world runs until some agent must act, it ends, or fewer than
    `margin` log rows are left.
    """
    c = first_fixed(context)
    worlds = len(choices)
    first, last = take_worlds(turn, 0, worlds)
    while first < last:
        for b in range(first, last):
            step_world(c, b, choices, to_decision, margin)
        first, last = take_worlds(turn, last - first, worlds)


@inlined
def take_worlds(turn, done, worlds):
    """Say how many of the worlds taken last are done; take the next ones: return the first and the end of them."""
    if len(turn) == 0:
        return (0, worlds) if done == 0 else (worlds, worlds)
    counter = np.int64(turn.ctypes.data)
    add_at(counter + 64, done)
    first = add_at(counter, SHARE)
    return first, min(worlds, first + SHARE)


@inlined
def step_world(c, b, choices, to_decision, margin):
    """Step one world."""
    world, agents = world_of(c, b), agents_of(c, b)
    world.elapsed = 0
    for a in range(c.agents):
        agents[a].earned = 0.0
    while world.status == RUNNING:
        tick(c, b, choices)
        world.elapsed += 1
        ready = present(c, b)
        if not to_decision or ready != _ZERO or (c.logs > 0 and c.logs - world.log_count < margin):
            break
    if c.rows_kept != 0:
        fill_rows(c, b)
