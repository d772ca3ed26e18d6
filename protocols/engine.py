"""The compiled engine: one tick, top to bottom. The order of the lines of `tick` is the semantics.

The twin of `world.reference.World`; both must agree event for event.
"""

from __future__ import annotations

import numpy as np

from ..world import actions, entropy, log, scenario, verbs
from ..world.context import (
    action_rules,
    agent_rules,
    agents_of,
    beliefs_of,
    cell_rule,
    correction_rule,
    counts_of,
    distances,
    followings,
    gates,
    goal_rules,
    goals_of,
    inputs_of,
    jobs_of,
    mask_of,
    neighbours,
    op_rule,
    parcels_of,
    regions,
    sight_of,
    site_rules,
    sites_of,
    tally_of,
    task_inputs,
    task_rules,
    thoughts,
    world_of,
)
from ..world.jit import compiled, entry_point, inlined, lowest
from ..world.judging import argument_of, count_told, judge_executed, judge_refused, outcome_on, value_written
from ..world.kernel import (
    answer_acts,
    believed_tick,
    bit,
    credit,
    deliver,
    draw,
    emit,
    has,
    is_current,
    next_job,
    release_mail,
    renew,
    reset_world,
    sees,
    send,
    sense_sites,
    stand_on,
    world_events,
    write,
)
from ..world.layout import UNREACHABLE
from ..world.observe import write_mask, write_observation
from ..world.rules import KEEP
from ..world.scoring import put_out_boat, score
from ..world.settings import QUANTILES
from ..world.state import (
    ABORTED,
    COMMITTED,
    CORRECTION,
    COUNTER_INDEX,
    FACT,
    FAILED,
    IDLE,
    LOOK,
    LOOKING,
    MESSAGE,
    NO_CELL,
    NO_JOB,
    NO_OUTCOME,
    NO_SITE,
    NO_TASK,
    NO_TXN,
    NOBODY,
    NONE,
    OUT,
    PARTIAL,
    PROMISE,
    QUEUED,
    REGISTRY,
    REJECTED,
    RUNNING,
    THINKING,
    WALKING,
    WORLD,
)
from .token import grant, join_queue, let_go
from .validation import stale_scope

world_refuses = compiled(verbs.world_refuses)
hand_after = compiled(verbs.hand_after)

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_QUANTILES = np.uint64(QUANTILES)
_ILLEGAL, _DECISIONS = COUNTER_INDEX["illegal_actions"], COUNTER_INDEX["decisions"]
_THINK, _WASTED = COUNTER_INDEX["think_ticks"], COUNTER_INDEX["wasted_think_ticks"]
_BLOCKED, _VICTIMS, _ACCIDENTS = (COUNTER_INDEX[name] for name in ("blocked_ticks", "victims", "accidents"))
_COMMITTED, _BROKE = COUNTER_INDEX["committed"], COUNTER_INDEX["broke_invariant"]
_REJECTED, _FAILED = COUNTER_INDEX["rejected"], COUNTER_INDEX["failed"]


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
        walk(c, b, moving)
        act(c, b, moving)
    if c.token != 0:
        count_queue(c, b)
    if world.next_event <= world.tick or (c.boats > 0 and sites_of(c, b)[c.gate].value == 1):
        world_events(c, b)
    if (c.stocked | c.posts) & world.dirty != _ZERO:
        answer_acts(c, b)
    if world.next_due <= world.tick:
        deliver(c, b)
    if (world.dirty | world.moved) != _ZERO or c.token != 0:
        sense(c, b)
    if world.changed != 0 or world.tick >= c.horizon:
        score(c, b)


# ---------------------------------------------------------------------- decide


@inlined
def decide(c, b, choices):
    """Let every ready agent's choice begin."""
    agents, ready = agents_of(c, b), _ZERO
    for a in range(c.agents):
        ready |= np.uint64(agents[a].ready) << np.uint64(a)
        agents[a].ready = 0
    while ready != _ZERO:
        a = lowest(ready)
        ready &= ready - _ONE
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
            open_transaction(c, b, a, index)
        else:
            join_queue(c, b, a, index)
        return
    step = NO_CELL
    if kind == actions.MOVE:
        step = neighbours(c)[me.cell, index]
    elif kind == actions.DO:
        step = followings(c)[agent_rules(c)[a].stations[me.side], me.cell]
    if step != NO_CELL and regions(c)[step] >= 0 and regions(c)[step] != regions(c)[me.cell] and not may_start(c, b, a):
        join_queue(c, b, a, index if kind == actions.DO else NO_TASK)
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
    me.step = step
    if step == NO_CELL and me.phase != WALKING and regions(c)[me.cell] < 0:
        let_go(c, b, a)


@inlined
def may_start(c, b, a):
    """Tell whether the token, where there is one, lets the agent start."""
    return c.token == 0 or c.lockstep != 0 or world_of(c, b).holder == a


@compiled
def open_transaction(c, b, a, index):
    """Freeze the inputs, draw the thought, and start to think."""
    world, me, task = world_of(c, b), agents_of(c, b)[a], task_rules(c)[index]
    job = NO_JOB
    nth = tally_of(c, b, a)[index, 0]
    attempt = tally_of(c, b, a)[index, 1]
    me.argument = op_rule(c, index, 0).argument
    if task.jobs != 0:
        job = next_job(c, b, a, index)
        nth = job
        attempt = jobs_of(c, b, a)[job].attempt
        me.argument = jobs_of(c, b, a)[job].amount
    thought = 0
    if task.thought != 0 and c.lockstep == 0:
        thought = thoughts(c)[draw(c, b, entropy.THOUGHT, a, index, nth, attempt) % _QUANTILES]
    me.txn = world.next_txn
    world.next_txn += 1
    counts_of(c, b)[_DECISIONS] += 1
    me.task = index
    me.job = job
    me.op = 0
    me.done = 0
    me.pending = 0
    me.broke = 0
    me.decided = world.tick
    me.thought = thought
    me.outcome = NO_OUTCOME
    me.show |= me.stale
    me.stale = _ZERO
    me.thought_left = thought
    me.stuck = 0
    me.phase = THINKING
    emit(c, b, log.DECIDE, a, me.txn, 0, NO_SITE, me.argument, 0, NOBODY, index, thought, attempt, nth, 0)
    sites, inputs, task_input = sites_of(c, b), inputs_of(c, b, a, 0), task_inputs(c)[index]
    if c.admission_reads != 0:
        for slot in range(task.inputs):
            renew(c, b, a, task_input[slot], REGISTRY, 2)
    for slot in range(task.inputs):
        site = task_input[slot]
        belief, frozen = beliefs_of(c, b, a)[site], inputs[slot]
        frozen.value = belief.value
        frozen.version = belief.version
        frozen.channel = belief.channel
        frozen.promise = belief.promise
        frozen.outdated = 1 if belief.version != sites[site].version else 0
        frozen.own = 0
        emit(
            c, b, log.INPUT, a, me.txn, 0, site, frozen.value, frozen.version, NOBODY, frozen.channel, frozen.promise,
            believed_tick(c, b, a, site), 0, 0,
        )  # fmt: skip
    if c.admission_reads != 0:
        for o in range(task.ops):
            if not outcome_on(c, b, a, 0, o, _ZERO)[0]:
                settle(c, b, a, REJECTED, 1)
                return


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


# ---------------------------------------------------------------------- think, walk


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
    return thinking, moving


@inlined
def think(c, b, thinking):
    """Spend a think tick, or get up and go; return the set of those who go."""
    agents, going = agents_of(c, b), _ZERO
    while thinking != _ZERO:
        a = lowest(thinking)
        thinking &= thinking - _ONE
        me = agents[a]
        if me.thought_left > 0:
            me.thought_left -= 1
            counts_of(c, b)[_THINK] += 1
            credit(c, b, a, -c.think_cost)
            continue
        emit(c, b, log.THINK_END, a, me.txn, 0, NO_SITE, 0, 0, NOBODY, 0, 0, 0, 0, 0)
        me.phase = WALKING
        going |= bit(a)
    return going


@compiled
def count_queue(c, b):
    """Count the agents that wait for admission in this tick."""
    for a in range(c.agents):
        if agents_of(c, b)[a].phase == QUEUED:
            counts_of(c, b)[_BLOCKED] += 1


@inlined
def in_reach(c, b, a):
    """Tell whether the next op's site is at hand: its cell or one next to it."""
    me = agents_of(c, b)[a]
    return c.lockstep != 0 or distances(c)[op_rule(c, me.task, me.op).site, me.cell] <= 1


@inlined
def walk(c, b, moving):
    """Move those who are on their way by a cell: steps chosen, looks, and the way to the next op."""
    agents = agents_of(c, b)
    while moving != _ZERO:
        a = lowest(moving)
        moving &= moving - _ONE
        me = agents[a]
        if me.step != NO_CELL:
            take_step(c, b, a)
        elif me.phase == LOOKING:
            if not sees(c, b, a, me.look) and c.lockstep == 0:
                walk_towards(c, b, a, me.look)
        elif me.phase == WALKING and not in_reach(c, b, a):
            if c.manual != 0:
                stuck(c, b, a)
            else:
                walk_towards(c, b, a, op_rule(c, me.task, me.op).site)


@inlined
def take_step(c, b, a):
    """Take the step chosen in this tick; in lockstep a crossing is made whole."""
    me = agents_of(c, b)[a]
    cell = me.step
    me.step = NO_CELL
    moved = step_to(c, b, a, cell)
    if not moved:
        emit(c, b, log.REFUSED_BY_WORLD, a, NO_TXN, 0, gates(c)[cell], 0, 0, NOBODY, verbs.GATE_CLOSED, 0, 0, 0, 0)
    target = agent_rules(c)[a].stations[me.side]
    if c.lockstep != 0 and c.manual == 0 and target >= 0:
        while moved and distances(c)[target, me.cell] > 0:
            moved = step_to(c, b, a, followings(c)[target, me.cell])
    count_trip(c, b, a)
    if me.phase == IDLE and regions(c)[me.cell] < 0:
        let_go(c, b, a)


@inlined
def count_trip(c, b, a):
    """A crossing is made on reaching the station that the agent is bound for."""
    me = agents_of(c, b)[a]
    target = agent_rules(c)[a].stations[me.side]
    if target >= 0 and distances(c)[target, me.cell] == 0:
        me.side = 1 - me.side
        me.trips += 1
        me.remask = 1
        world_of(c, b).changed = 1


@inlined
def walk_towards(c, b, a, target):
    """Take a step on a shortest path, or be stopped."""
    me = agents_of(c, b)[a]
    cell = followings(c)[target, me.cell]
    enters = regions(c)[cell] >= 0 and regions(c)[cell] != regions(c)[me.cell]
    if me.txn == NO_TXN and enters and not may_start(c, b, a):
        join_queue(c, b, a, NO_TASK)
    elif distances(c)[target, me.cell] < UNREACHABLE and step_to(c, b, a, followings(c)[target, me.cell]):
        me.stuck = 0
        count_trip(c, b, a)
    else:
        stuck(c, b, a)


@compiled
def stuck(c, b, a):
    """Physics fails and never waits inside a transaction: after `patience` ticks the agent gives up."""
    me = agents_of(c, b)[a]
    me.stuck += 1
    if me.stuck < c.patience:
        return
    me.stuck = 0
    if me.txn != NO_TXN:
        site = op_rule(c, me.task, me.op).site
        emit(c, b, log.REFUSED_BY_WORLD, a, me.txn, me.op, site, 0, 0, NOBODY, verbs.GATE_CLOSED, 0, 0, 0, 0)
        settle(c, b, a, FAILED, 0)
    else:
        emit(c, b, log.REFUSED_BY_WORLD, a, NO_TXN, 0, me.look, 0, 0, NOBODY, verbs.GATE_CLOSED, 0, 0, 0, 0)
        end_look(c, b, a)


@inlined
def step_to(c, b, a, cell):
    """Move to a neighbouring cell unless a closed gate stops it; a region's border settles at once."""
    me = agents_of(c, b)[a]
    if cell == me.cell:
        return True
    place = cell_rule(c, cell)
    if place.gate >= 0 and sites_of(c, b)[place.gate].value == 1:
        return False
    before, after = cell_rule(c, me.cell).region, place.region
    if c.see_all == 0:
        # Beliefs of what is in sight are not dated anew in every tick: on the first step away they get their date.
        seen = sight_of(c, a)[me.cell]
        if not has(world_of(c, b).moved, a):
            beliefs, last = beliefs_of(c, b, a), world_of(c, b).tick - 1
            while seen != _ZERO:
                site = lowest(seen)
                seen &= seen - _ONE
                if beliefs[site].tick < last:
                    beliefs[site].tick = last
        world_of(c, b).moved |= bit(a)
    me.reseen = 1
    me.remask = 1
    me.cell = cell
    stand_on(me, place)
    if before != after:
        if before >= 0:
            border(c, b, a, before, -1)
        if after >= 0:
            border(c, b, a, after, 1)
        elif me.txn == NO_TXN:
            let_go(c, b, a)
    return True


@compiled
def border(c, b, a, region, change):
    """Cross a region's border: a relative write that settles at once."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    txn = world.next_txn
    world.next_txn += 1
    emit(c, b, log.BORDER, a, txn, 0, region, 0, 0, NOBODY, change, me.cell, 0, 0, 0)
    me.promised = 0
    broke = me.broke
    me.broke = 0
    value = sites_of(c, b)[region].value + change
    write(c, b, a, txn, 0, region, value, 1, change, verbs.CROSS, 0, 0, NOBODY)
    emit(c, b, log.COMMIT, a, txn, 0, NO_SITE, 0, 0, NOBODY, 0, 0, 0, 0, 0)
    counts_of(c, b)[_COMMITTED] += 1
    counts_of(c, b)[_BROKE] += me.broke
    me.broke = broke
    if world.holder == a:
        world.holder_settled = 1


# ---------------------------------------------------------------------- act


@compiled
def act(c, b, moving):
    """Judge the acts of this tick one after the other, in the tick's seeded order."""
    agents = agents_of(c, b)
    waiting, left = _ZERO, moving
    while left != _ZERO:
        a = lowest(left)
        left &= left - _ONE
        me = agents[a]
        if me.phase == LOOKING and (c.lockstep != 0 or sees(c, b, a, me.look)):
            renew(c, b, a, me.look, LOOK, 3)
            end_look(c, b, a)
        elif me.phase == WALKING and in_reach(c, b, a):
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


@compiled
def end_look(c, b, a):
    """A look is over; outside a region nothing is held for it any more."""
    me = agents_of(c, b)[a]
    me.phase = IDLE
    me.look = NO_SITE
    if regions(c)[me.cell] < 0:
        let_go(c, b, a)


@compiled
def attempt_op(c, b, a):
    """Try the next op: hold, refuse, fail or take effect. Return True if the transaction goes on in this tick."""
    me, task = agents_of(c, b)[a], task_rules(c)[agents_of(c, b)[a].task]
    o = me.op
    rule = op_rule(c, me.task, o)
    if c.closed != 0 and holds(c, b, a, rule):
        return False
    use_inputs(c, b, a, o, rule)
    if c.at_act != 0:
        scope = first_stale(c, b, a, 0 if c.whole_task != 0 else o, o, 0)
        if scope != 0:
            dropped = me.pending if c.whole_task != 0 else 0
            judge_refused(c, b, a, dropped | (1 << o), scope)
            refuse(c, b, a, 0 if c.whole_task != 0 else o, o)
            return False
    there = sites_of(c, b)[rule.site]
    if c.buffered == 0 or rule.record == 0:
        judge_executed(c, b, a, o)
    reason = world_refuses(rule.verb, there.value, me.hand, argument_of(me, rule))
    if reason != verbs.POSSIBLE:
        emit(c, b, log.REFUSED_BY_WORLD, a, me.txn, o, rule.site, 0, 0, NOBODY, reason, 0, 0, 0, 0)
        settle(c, b, a, FAILED, 0)
        return False
    take_effect(c, b, a, o, rule, o == task.ops - 1)
    me.done += 1
    if me.phase == OUT and o < task.ops - 1:
        settle(c, b, a, FAILED, 0)  # its own gate closed on it
        return False
    if o < task.ops - 1:
        me.op += 1
        return True
    if c.at_settle != 0:
        scope = first_stale(c, b, a, 0, o, 1)
        if scope != 0:
            judge_refused(c, b, a, me.pending if c.whole_task != 0 else 0, scope)
            refuse(c, b, a, 0, o)
            return False
    settle(c, b, a, COMMITTED, 0)
    return False


@compiled
def holds(c, b, a, rule):
    """From read committed upward: what rests on, or overwrites, an unsettled version waits for its writer."""
    me, sites, task_input = agents_of(c, b)[a], sites_of(c, b), task_inputs(c)[agents_of(c, b)[a].task]
    others, lowest = NOBODY, c.sites
    pre = rule.pre
    for slot in range(c.inputs):
        if has(pre, slot) and task_input[slot] < lowest:
            unsettled = sites[task_input[slot]].unsettled
            if unsettled != NOBODY and unsettled != a:
                others, lowest = unsettled, task_input[slot]
    unsettled = sites[rule.site].unsettled
    if rule.site < lowest and unsettled != NOBODY and unsettled != a:
        others = unsettled
    if others == me.holding and others != NOBODY:
        me.stuck += 1
        counts_of(c, b)[_BLOCKED] += 1
        if me.stuck >= c.patience:
            emit(c, b, log.WAIT_END, a, me.txn, 0, NO_SITE, 0, 0, me.holding, me.task, 1, me.stuck, 0, 0)
            emit(c, b, log.VICTIM, a, me.txn, 0, NO_SITE, 0, 0, me.holding, 0, 0, 0, 0, 0)
            counts_of(c, b)[_VICTIMS] += 1
            me.holding = NOBODY
            me.stuck = 0
            if c.whole_task != 0:
                judge_refused(c, b, a, me.pending, 0)
            settle(c, b, a, ABORTED, 0)
        return True
    if me.holding != NOBODY:
        emit(c, b, log.WAIT_END, a, me.txn, 0, NO_SITE, 0, 0, me.holding, me.task, 1, me.stuck, 0, 0)
        me.holding = NOBODY
        me.stuck = 0
    if others != NOBODY:
        emit(c, b, log.WAIT_BEGIN, a, me.txn, 0, NO_SITE, 0, 0, others, me.task, 1, 0, 0, 0)
        me.holding = others
        me.stuck = 1
        counts_of(c, b)[_BLOCKED] += 1
    return others != NOBODY


@inlined
def use_inputs(c, b, a, o, rule):
    """Copy and log the inputs as this op uses them."""
    me, task = agents_of(c, b)[a], task_rules(c)[agents_of(c, b)[a].task]
    live, used = inputs_of(c, b, a, 0), inputs_of(c, b, a, 1 + o)
    pre = rule.pre
    for slot in range(task.inputs):
        used[slot] = live[slot]
        in_pre = has(pre, slot)
        owned = has(rule.owned, slot)
        if c.logs > 0 and (in_pre or owned):
            read = live[slot]
            emit(
                c, b, log.READ, a, me.txn, o, task_inputs(c)[me.task, slot], read.value, read.version, NOBODY,
                read.channel, read.promise, (1 if in_pre else 0) + (2 if owned else 0), read.own, 0,
            )  # fmt: skip
    count_told(c, b, a, o)
    if c.logs > 0:
        premise, written = outcome_on(c, b, a, 0, o, _ZERO)
        emit(
            c, b, log.ACT, a, me.txn, o, rule.site, argument_of(me, rule), sites_of(c, b)[rule.site].version, me.task,
            rule.verb, 1 if premise else 0, written, 0, 0,
        )  # fmt: skip


@compiled
def first_stale(c, b, a, first, last, moment):
    """Log every input that is not current; return the scope of the first, or 0."""
    me = agents_of(c, b)[a]
    found = 0
    for slot in range(task_rules(c)[me.task].inputs):
        scope = stale_scope(c, b, a, slot, first, last)
        if scope == 0:
            continue
        site = task_inputs(c)[me.task, slot]
        emit(
            c, b, log.CHECK_FAILED, a, me.txn, last, site, 0, inputs_of(c, b, a, 0)[slot].version,
            sites_of(c, b)[site].version, scope, moment, 0, 0, 0,
        )  # fmt: skip
        if found == 0:
            found = scope
    return found


@compiled
def refuse(c, b, a, first, last):
    """Reject the transaction; semantic feedback renews the beliefs that were stale."""
    me = agents_of(c, b)[a]
    if c.semantic != 0:
        for slot in range(task_rules(c)[me.task].inputs):
            if stale_scope(c, b, a, slot, first, last) != 0:
                site = task_inputs(c)[me.task, slot]
                me.stale |= bit(site)
                channel = beliefs_of(c, b, a)[site].channel
                renew(c, b, a, site, channel if channel != NONE else REGISTRY, 1)
    settle(c, b, a, REJECTED, 0)


@compiled
def take_effect(c, b, a, o, rule, last):
    """Write, in place or into the buffer; the later ops of the task see it."""
    me, there = agents_of(c, b)[a], sites_of(c, b)[rule.site]
    written = outcome_on(c, b, a, 0, o, _ZERO)[1]
    if c.buffered != 0 and rule.record != 0:
        me.pending |= 1 << o
        me.pending_value[o] = written
        emit(
            c, b, log.BUFFER, a, me.txn, o, rule.site, written, 0, NOBODY, rule.relative, argument_of(me, rule), 0,
            rule.verb, 0,
        )  # fmt: skip
        own_write(c, b, a, rule.site, written, rule.relative, True)
        return
    if rule.verb == verbs.CORRECT:
        publish(c, b, a, o, rule)
        return
    before = there.value
    if rule.verb == verbs.DELIVER:
        land(c, b, a, rule.site)
    me.hand = hand_after(rule.verb, before, me.hand)
    value = before + written if rule.relative != 0 else written
    unsettled = 1 if c.buffered != 0 and not last else 0
    write(
        c, b, a, me.txn, o, rule.site, value, rule.relative, argument_of(me, rule), rule.verb, unsettled,
        c.mail_at_settle, NOBODY,
    )  # fmt: skip
    own_write(c, b, a, rule.site, there.value, 0, False)
    if rule.verb == verbs.SET and written == 1:
        close_on_bodies(c, b, a, rule.site)


@compiled
def publish(c, b, a, o, rule):
    """Give the plan its next epoch: the entries change together, and those who follow them are told."""
    world, me, sites = world_of(c, b), agents_of(c, b)[a], sites_of(c, b)
    world.epoch += 1
    world.published = world.tick
    entries, changed = correction_rule(c, rule.correction), _ZERO
    for entry in range(c.sites):
        if entries[entry] != KEEP and sites[entry].value != entries[entry]:
            changed |= bit(entry)
    many = 0
    for entry in range(c.sites):
        many += np.int64(has(changed, entry))
    emit(c, b, log.PUBLISHED, a, me.txn, o, rule.site, world.epoch, 0, NOBODY, me.task, many, 0, 0, 0)
    for entry in range(c.sites):
        if has(changed, entry):
            write(c, b, a, me.txn, o, entry, entries[entry], 0, 0, verbs.CORRECT, 0, 0, NOBODY)
    for entry in range(c.sites):
        if has(c.plan, entry):
            renew(c, b, a, entry, REGISTRY, 4)
    for entry in range(c.sites):
        if has(changed, entry):
            there = sites[entry]
            send(c, b, a, CORRECTION, entry, there.value, there.version, world.tick, NO_TXN)


@compiled
def land(c, b, a, depot):
    """Note what is delivered where, and whether the depot is open."""
    me, sites = agents_of(c, b)[a], sites_of(c, b)
    sites[depot].got |= bit(me.hand)
    if me.landed < c.parcels:
        notice, parcel = site_rules(c)[depot].notice, parcels_of(c, b, a)[me.landed]
        parcel.site = depot
        parcel.good = 1 if notice < 0 or sites[notice].value < scenario.SHUT else 0
        me.landed += 1
        world_of(c, b).changed = 1


@compiled
def own_write(c, b, a, site, value, relative, buffered):
    """An agent's own write renews the later ops' inputs of the same task."""
    me = agents_of(c, b)[a]
    inputs = inputs_of(c, b, a, 0)
    for slot in range(task_rules(c)[me.task].inputs):
        if task_inputs(c)[me.task, slot] != site:
            continue
        read = inputs[slot]
        read.value = read.value + value if relative != 0 else value
        if buffered:
            read.own = 1
        else:
            read.promise = 0
            read.version = sites_of(c, b)[site].version
            read.outdated = 0
            if read.channel == MESSAGE:
                read.channel = REGISTRY


@compiled
def close_on_bodies(c, b, a, gate):
    """A gate that closes on bodies is an accident: it costs a boat, and puts the bodies out of play."""
    world, agents = world_of(c, b), agents_of(c, b)
    bodies = 0
    for other in range(c.agents):
        if agents[other].phase != OUT and gates(c)[agents[other].cell] == gate:
            bodies += 1
    if bodies == 0:
        return
    counts_of(c, b)[_ACCIDENTS] += 1
    credit(c, b, a, -c.accident_cost)
    put_out_boat(c, b, a, gate, bodies)
    caught = _ZERO
    for other in range(c.agents):
        if agents[other].phase != OUT and gates(c)[agents[other].cell] == gate:
            caught |= bit(other)
    for other in range(c.agents):
        if has(caught, other):
            put_out(c, b, other, a)
    world.changed = 1


@compiled
def put_out(c, b, a, cause):
    """Take an agent out of play; a region it stood in is cleared by the world."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    emit(c, b, log.PUT_OUT, a, NO_TXN, 0, NO_SITE, 0, 0, cause, 0, 0, 0, 0, 0)
    if me.txn != NO_TXN and a != cause:
        settle(c, b, a, FAILED, 0)
    elif me.phase == QUEUED:
        waited = world.tick - me.queued_since  # this tick's waiting is not over
        emit(c, b, log.WAIT_END, a, NO_TXN, 0, NO_SITE, 0, 0, world.holder, me.queued_task, 0, waited, 0, 0)
    region = regions(c)[me.cell]
    me.phase = OUT
    me.step = NO_CELL
    me.look = NO_SITE
    if region >= 0:
        value = sites_of(c, b)[region].value - 1
        write(c, b, WORLD, NO_TXN, 0, region, value, 1, -1, verbs.CROSS, 0, 0, a)
    let_go(c, b, a)


@compiled
def settle(c, b, a, outcome, before_thought):
    """End a transaction: buffered writes take effect together or are dropped, and all that it held is let go."""
    world, me, counts = world_of(c, b), agents_of(c, b)[a], counts_of(c, b)
    task = task_rules(c)[me.task]
    txn = me.txn
    if me.holding != NOBODY:
        emit(c, b, log.WAIT_END, a, txn, 0, NO_SITE, 0, 0, me.holding, me.task, 1, me.stuck, 0, 0)
        me.holding = NOBODY
    keeps = outcome == COMMITTED or (c.whole_task == 0 and me.done > 0)
    buffered, kept = 0, 0
    for o in range(task.ops):
        buffered += (me.pending >> o) & 1
    if keeps and buffered > 0:
        for o in range(task.ops):
            if (me.pending >> o) & 1:
                judge_executed(c, b, a, o)
        for o in range(task.ops):
            if (me.pending >> o) & 1:
                rule = op_rule(c, me.task, o)
                if rule.verb == verbs.CORRECT:
                    publish(c, b, a, o, rule)
                    continue
                value = me.pending_value[o]
                if rule.relative != 0:
                    value += sites_of(c, b)[rule.site].value
                write(
                    c, b, a, txn, o, rule.site, value, rule.relative, argument_of(me, rule), rule.verb, 0, 0, NOBODY
                )  # fmt: skip
        kept = buffered
    ended = outcome
    if outcome != COMMITTED and (me.done > buffered or kept > 0):
        ended = PARTIAL
    spent = me.thought - me.thought_left
    kind = log.COMMIT
    detail = before_thought
    if ended == PARTIAL:
        kind, detail = log.PARTIAL_COMMIT, outcome
    elif ended == REJECTED:
        kind = log.REJECT
        counts[_REJECTED] += 1
    elif ended == ABORTED:
        kind = log.ABORT
    elif ended == FAILED:
        kind = log.FAIL
        counts[_FAILED] += 1
    if ended == COMMITTED or ended == PARTIAL:
        counts[_COMMITTED] += 1
        counts[_BROKE] += me.broke
    else:
        counts[_WASTED] += spent
    emit(c, b, kind, a, txn, 0, NO_SITE, 0, 0, NOBODY, spent, detail, kept, 0, 0)
    if c.buffered != 0:
        for site in range(c.sites):
            if sites_of(c, b)[site].unsettled == a:
                sites_of(c, b)[site].unsettled = NOBODY
    if c.mail_at_settle != 0:
        release_mail(c, b, txn, ended == COMMITTED or ended == PARTIAL)
    use_up(c, b, a, task, ended == REJECTED or ended == ABORTED)
    me.outcome = ended
    me.txn = NO_TXN
    me.task = NO_TASK
    me.thought_left = 0
    me.stuck = 0
    me.pending = 0
    me.broke = 0
    if me.phase != OUT:
        me.phase = IDLE
    if world.holder == a:
        world.holder_settled = 1
    if regions(c)[me.cell] < 0:
        let_go(c, b, a)


@compiled
def use_up(c, b, a, task, again):
    """A commit or a failed act uses its order up; a rejected one does not."""
    me = agents_of(c, b)[a]
    if task.jobs != 0:
        job = jobs_of(c, b, a)[me.job]
        if again:
            job.attempt += 1
        else:
            job.used = 1
            me.rejob = 1
            me.remask = 1
            world_of(c, b).changed = 1
            goals = goals_of(c, b)
            for g in range(c.goals):
                if goal_rules(c)[g].kind == scenario.TOTAL and goal_rules(c)[g].site == op_rule(c, job.task, 0).site:
                    goals[g].open -= 1
        return
    tally = tally_of(c, b, a)
    if again:
        tally[me.task, 1] += 1
    else:
        tally[me.task, 0] += 1
        tally[me.task, 1] = 0
        world_of(c, b).changed = 1


# ---------------------------------------------------------------------- sense, run


@inlined
def sense(c, b):
    """Let everyone see what changed in sight, and hand on the token."""
    world, agents = world_of(c, b), agents_of(c, b)
    due = world.moved
    if world.dirty != _ZERO:
        for a in range(c.agents):
            due |= np.uint64(sight_of(c, a)[agents[a].cell] & world.dirty != _ZERO) << np.uint64(a)
    while due != _ZERO:
        a = lowest(due)
        due &= due - _ONE
        if agents[a].phase != OUT:
            candidates = sight_of(c, a)[agents[a].cell]
            sense_sites(c, b, a, candidates if has(world.moved, a) else candidates & world.dirty)
    world.dirty = _ZERO
    world.moved = _ZERO
    if c.token != 0:
        grant(c, b)


@inlined
def would_be_ready(c, b, a):
    """Tell whether the agent must act next, were the world to go on."""
    me = agents_of(c, b)[a]
    if c.lockstep != 0 and world_of(c, b).tick % c.agents != a:
        return False
    return me.phase == IDLE or (me.phase == WALKING and c.manual != 0 and not in_reach(c, b, a))


@inlined
def present(c, b):
    """Write observation and mask of every agent that must act now; return the set of them.

    At the end of an episode those who would have been next see the final state, and nobody is ready.
    """
    world, agents, due = world_of(c, b), agents_of(c, b), _ZERO
    if c.lockstep == 0 and c.manual == 0:
        for a in range(c.agents):
            due |= np.uint64(agents[a].phase == IDLE) << np.uint64(a)
    else:
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
        if me.remask != 0 or c.manual != 0:
            write_mask(c, b, a)
            me.remask = 0
            me.full_mask[0] = mask[0]
            me.full_mask[1] = mask[1]
        else:
            mask[0] = me.full_mask[0]
            mask[1] = me.full_mask[1]
    return due


@compiled
def begin_episode(c, b, seed):
    """Reset one world and show it to its agents."""
    reset_world(c, b, seed)
    for a in range(c.agents):
        sense_sites(c, b, a, sight_of(c, a)[agents_of(c, b)[a].cell])
        write_observation(c, b, a)
        mask_of(c, b, a)[0] = _ONE
        mask_of(c, b, a)[1] = _ZERO
    present(c, b)


@entry_point
def reset_worlds(context, first, last, seeds):
    """Begin the episodes of worlds `first` to `last` - 1; `seeds` is [B] uint64."""
    c = context[0]
    for b in range(first, last):
        begin_episode(c, b, seeds[b])


@entry_point
def reset_chosen(context, chosen, seeds):
    """Begin the episodes of the worlds that are `chosen`, [B] bool; `seeds` is [B] uint64."""
    c = context[0]
    for b in range(len(chosen)):
        if chosen[b]:
            begin_episode(c, b, seeds[b])


@entry_point
def random_choices(context, choices, streams):
    """Fill `choices`, [B, A] int32, with a random allowed action for every agent that must act; return their number.

    `streams` is [B] uint64, not zero: one xorshift generator a world, moved on in place.
    """
    c = context[0]
    many = 0
    for b in range(len(streams)):
        agents, word, ready = agents_of(c, b), streams[b], _ZERO
        for a in range(c.agents):
            ready |= np.uint64(agents[a].ready) << np.uint64(a)
        while ready != _ZERO:
            a = lowest(ready)
            ready &= ready - _ONE
            many += 1
            mask = mask_of(c, b, a)
            while True:  # waiting is always allowed, so this ends
                word ^= word << np.uint64(13)
                word ^= word >> np.uint64(7)
                word ^= word << np.uint64(17)
                action = np.int64(((word >> np.uint64(32)) * np.uint64(c.actions)) >> np.uint64(32))
                if has(mask[action >> 6], action & 63):
                    break
            choices[b, a] = action
        streams[b] = word
    return many


@entry_point
def summarize(context, b, summary, rewards, masks):
    """Fill what a view of one world reads at each step.

    `summary` is [A + 2, 2] int64: (ready, ready in) of each agent, then (status, 0) and (ticks of the step, tick);
    `rewards` is [A] float64; `masks` is [A, actions] int8.
    """
    c = context[0]
    world, agents = world_of(c, b), agents_of(c, b)
    for a in range(c.agents):
        me = agents[a]
        summary[a, 0] = me.ready
        wait = 1
        if me.ready != 0 or world.status != RUNNING:
            wait = 0
        elif me.phase == OUT:
            wait = c.horizon - world.tick
        elif c.lockstep != 0 and (me.phase == IDLE or me.phase == WALKING):
            wait = (a - world.tick) % c.agents
        elif me.phase == THINKING:
            wait = 1 + me.thought_left
        summary[a, 1] = wait
        rewards[a] = me.earned
        mask = mask_of(c, b, a)
        for action in range(c.actions):
            masks[a, action] = 1 if has(mask[action >> 6], action & 63) else 0
    summary[c.agents, 0] = world.status
    summary[c.agents, 1] = 0
    summary[c.agents + 1, 0] = world.elapsed
    summary[c.agents + 1, 1] = world.tick


@entry_point
def step_worlds(context, first, last, choices, to_decision, margin):
    """Step worlds `first` to `last` - 1; `choices` is [B, A] int32.

    With `to_decision` a world runs until some agent must act, it ends, or fewer than `margin` log rows are left.
    """
    c = context[0]
    for b in range(first, last):
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
