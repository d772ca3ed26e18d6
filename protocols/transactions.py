"""The life of a transaction, compiled: it opens, tries its ops one by one, takes effect and settles."""

from __future__ import annotations

import numpy as np

from ..world import entropy, log, scenario, verbs
from ..world.context import (
    agents_of,
    beliefs_of,
    cell_rule,
    correction_rule,
    counts_of,
    goal_rules,
    goals_of,
    inputs_of,
    jobs_of,
    op_rule,
    parcels_of,
    settled_of,
    site_rules,
    sites_of,
    tally_of,
    task_inputs,
    task_rules,
    thoughts,
    world_of,
)
from ..world.jit import compiled, how_many, inlined, lowest
from ..world.judging import argument_of, count_told, judge_executed, judge_refused, outcome_on
from ..world.kernel import (
    believed_tick,
    bit,
    credit,
    draw,
    emit,
    has,
    next_job,
    release_mail,
    renew,
    send,
    write,
)
from ..world.rules import KEEP
from ..world.scoring import put_out_boat
from ..world.settings import QUANTILES
from ..world.state import (
    ABORTED,
    AT_ACT,
    AT_SETTLE,
    COMMITTED,
    CORRECTION,
    COUNTER_INDEX,
    FAILED,
    FAR,
    IDLE,
    IN_THOUGHT,
    LOCKING,
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
    QUEUED,
    REGISTRY,
    REJECTED,
    THINKING,
    WORLD,
    WRITTEN,
)
from .branch import is_written_again
from .epochs import carry_epoch, holds_for_epoch, prepare
from .locks import (
    TIMEOUT,
    WAIT_DIE,
    WOUND_WAIT,
    deadlock_victim,
    in_the_way,
    is_younger,
    lock_blocker,
    longest_waiting,
    release_locks,
    take_lock,
    take_locks,
    take_to_act,
)
from .pivots import conflict_scope, pivot_reads, pivot_that_blocks, summarise
from .premises import wrong_scope
from .snapshots import overwrites
from .token import let_go
from .validation import stale_scope

world_refuses = compiled(verbs.world_refuses)
hand_after = compiled(verbs.hand_after)

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_QUANTILES = np.uint64(QUANTILES)
_DECISIONS, _WASTED = COUNTER_INDEX["decisions"], COUNTER_INDEX["wasted_think_ticks"]
_BLOCKED, _VICTIMS, _ACCIDENTS = (COUNTER_INDEX[name] for name in ("blocked_ticks", "victims", "accidents"))
_COMMITTED, _BROKE = COUNTER_INDEX["committed"], COUNTER_INDEX["broke_invariant"]
_REJECTED, _FAILED = COUNTER_INDEX["rejected"], COUNTER_INDEX["failed"]


@compiled
def open_transaction(c, b, a, index):
    """Freeze the inputs, draw the thought, and start to think."""
    world, me, task = world_of(c, b), agents_of(c, b)[a], task_rules(c)[index]
    job, tally = NO_JOB, tally_of(c, b, a)[index]
    nth, attempt, saved = tally[0], tally[1], tally[2]
    me.argument = op_rule(c, index, 0).argument
    if task.jobs != 0:
        job = next_job(c, b, a, index)
        nth = job
        attempt = jobs_of(c, b, a)[job].attempt
        me.argument = jobs_of(c, b, a)[job].amount
    thought = 0
    if task.thought != 0 and c.lockstep == 0:
        thought = thoughts(c)[draw(c, b, entropy.THOUGHT, a, index, nth, attempt) % _QUANTILES]
    saved = min(saved, thought)
    thought -= saved
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
    me.wrote = _ZERO
    if me.outcome != ABORTED:
        me.age = world.tick
    me.outcome = NO_OUTCOME
    me.show |= me.stale
    me.stale = _ZERO
    me.thought_left = thought
    me.stuck = 0
    me.phase = LOCKING
    emit(c, b, log.DECIDE, a, me.txn, 0, NO_SITE, me.argument, 0, NOBODY, index, thought, attempt, nth, saved)
    if c.locks != 0 and c.lockstep == 0:
        release_locks(c, b, a, 0)  # of a border that it did not cross
        me.lock_next = 0
        txn = me.txn
        if not take_locks(c, b, a):
            avert_deadlock(c, b, a)
            if me.txn == txn:  # no victim of its own wish
                begin_lock_wait(c, b, a, index)
            return
    admit(c, b, a)


@compiled
def avert_deadlock(c, b, a):
    """Compare ages as a wait begins, or abort a victim of each circle that it has closed: see `Locks`."""
    agents = agents_of(c, b)
    if c.deadlock == TIMEOUT:
        return
    others = in_the_way(c, b, a) if agents[a].txn != NO_TXN else _ZERO
    if c.deadlock == WAIT_DIE:
        dies = False
        while others != _ZERO:
            other = lowest(others)
            others &= others - _ONE
            if agents[other].txn != NO_TXN and is_younger(c, b, a, other):
                dies = True
        if dies:
            give_up(c, b, a, lock_blocker(c, b, a))
    elif c.deadlock == WOUND_WAIT:
        while others != _ZERO:
            other = lowest(others)
            others &= others - _ONE
            if agents[other].txn != NO_TXN and is_younger(c, b, other, a):
                give_up(c, b, other, a)
    victim = deadlock_victim(c, b, a)
    while victim != NOBODY:
        give_up(c, b, victim, lock_blocker(c, b, victim))
        victim = deadlock_victim(c, b, a)


@compiled
def give_up(c, b, a, whom):
    """Abort an agent's transaction, the victim of waiting for another."""
    emit(c, b, log.VICTIM, a, agents_of(c, b)[a].txn, 0, NO_SITE, 0, 0, whom, 0, 0, 0, 0, 0)
    counts_of(c, b)[_VICTIMS] += 1
    if c.whole_task != 0:
        judge_refused(c, b, a, agents_of(c, b)[a].pending, 0)
    settle(c, b, a, ABORTED, 0)


@compiled
def begin_lock_wait(c, b, a, task):
    """Log that an agent waits for a lock."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    me.waits = 1
    me.wait_site = me.lock_site
    me.wait_since = world.tick
    emit(
        c, b, log.WAIT_BEGIN, a, me.txn, 0, me.lock_site, 0, 0, lock_blocker(c, b, a), task, log.FOR_LOCK,
        me.lock_mode, 0, 0,
    )  # fmt: skip


@compiled
def end_lock_wait(c, b, a, task, waited):
    """Log that an agent waits for that lock no more."""
    me = agents_of(c, b)[a]
    if me.waits != 0:
        me.waits = 0
        emit(
            c, b, log.WAIT_END, a, me.txn, 0, me.wait_site, 0, 0, NOBODY, task, log.FOR_LOCK, waited, 0, 0
        )  # fmt: skip


@compiled
def ask_again(c, b):
    """Let those go on who wait for locks with their transaction open, in the order in which they began to wait."""
    world, agents, waiting = world_of(c, b), agents_of(c, b), _ZERO
    for a in range(c.agents):
        if agents[a].waits != 0 and agents[a].txn != NO_TXN:
            waiting |= bit(a)
    while waiting != _ZERO:
        first = longest_waiting(c, b, waiting)
        waiting &= ~bit(first)
        me = agents[first]
        if me.waits == 0 or me.txn == NO_TXN:
            continue  # a victim of one before it
        txn, waited = me.txn, world.tick - me.wait_since
        if me.phase == LOCKING:
            has_all = take_locks(c, b, first)
        else:
            has_all = take_lock(c, b, first, me.lock_site, me.lock_mode)
        if has_all:
            end_lock_wait(c, b, first, me.task, waited)
            if me.phase == LOCKING:
                admit(c, b, first)
        elif me.lock_site != me.wait_site:
            avert_deadlock(c, b, first)
            if me.txn == txn:
                end_lock_wait(c, b, first, me.task, waited)
                begin_lock_wait(c, b, first, me.task)
        elif c.deadlock == TIMEOUT and world.tick - me.lock_since >= c.lock_timeout:
            give_up(c, b, first, lock_blocker(c, b, first))


@compiled
def admit(c, b, a):
    """Freeze the inputs, renewed by the registry where they are read at admission, and start to think.

    So are those of the token's holder within a region: what it did since the grant it need not have seen.
    """
    me = agents_of(c, b)[a]
    index = me.task
    reads = c.admission_reads != 0 or (world_of(c, b).holder == a and cell_rule(c, me.cell).region >= 0)
    task = task_rules(c)[index]
    me.phase = THINKING
    me.snapshot = world_of(c, b).settles
    sites, inputs, task_input = sites_of(c, b), inputs_of(c, b, a, 0), task_inputs(c)[index]
    if reads:
        for slot in range(task.inputs):
            if sites[task_input[slot]].unsettled == NOBODY:
                renew(c, b, a, task_input[slot], REGISTRY, 2)
    for slot in range(task.inputs):
        site = task_input[slot]
        belief, frozen = beliefs_of(c, b, a)[site], inputs[slot]
        sensed = believed_tick(c, b, a, site)
        frozen.value = belief.value
        frozen.version = belief.version
        frozen.channel = belief.channel
        frozen.promise = belief.promise
        if c.admission_reads != 0 and sites[site].unsettled != NOBODY:
            frozen.value = settled_of(c, b)[site].value
            frozen.version = settled_of(c, b)[site].version
            frozen.channel = REGISTRY
            frozen.promise = 0
            sensed = world_of(c, b).tick
        frozen.outdated = 1 if frozen.version != sites[site].version else 0
        frozen.own = 0
        emit(
            c, b, log.INPUT, a, me.txn, 0, site, frozen.value, frozen.version, NOBODY, frozen.channel, frozen.promise,
            sensed, 0, 0,
        )  # fmt: skip
    if reads:
        for o in range(task.ops):
            if not outcome_on(c, b, a, 0, o, _ZERO)[0]:
                settle(c, b, a, REJECTED, 1)
                return


@compiled
def attempt_op(c, b, a):
    """Try the next op: hold, refuse, fail or take effect. Return True if the transaction goes on in this tick."""
    me, task = agents_of(c, b)[a], task_rules(c)[agents_of(c, b)[a].task]
    o = me.op
    rule = op_rule(c, me.task, o)
    if (c.closed | c.epochs | c.as_needed) != 0 and holds(c, b, a, rule):
        return False
    use_inputs(c, b, a, o, rule)
    if (c.at_act | c.snapshots) != 0:
        scope, stale = first_stale(c, b, a, 0 if c.whole_task != 0 else o, o, AT_ACT)
        if scope != 0:
            dropped = me.pending if c.whole_task != 0 else 0
            judge_refused(c, b, a, dropped | (1 << o), scope)
            refuse(c, b, a, stale)
            return False
    there = sites_of(c, b)[rule.site]
    if c.buffered == 0 or rule.record == 0:
        judge_executed(c, b, a, o)
    reason = world_refuses(rule.verb, there.value, me.hand, argument_of(me, rule), site_rules(c)[rule.site].room)
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
        scope, stale = first_stale(c, b, a, 0, o, AT_SETTLE)
        if scope != 0:
            judge_refused(c, b, a, me.pending if c.whole_task != 0 else 0, scope)
            refuse(c, b, a, stale)
            return False
    settle(c, b, a, COMMITTED, 0)
    return False


@compiled
def holds(c, b, a, rule):
    """Hold an op: for an epoch, a lock or an unsettled version; see the reference."""
    me = agents_of(c, b)[a]
    others, kind = NOBODY, log.AT_SITE
    if c.epochs != 0 and holds_for_epoch(c, b, a, rule):
        others, kind = world_of(c, b).corrector, log.FOR_EPOCH
    elif c.as_needed != 0 and c.lockstep == 0 and not take_to_act(c, b, a, rule):
        txn = me.txn
        avert_deadlock(c, b, a)
        if me.txn == txn:
            end_hold(c, b, a)
            begin_lock_wait(c, b, a, me.task)
        return True
    elif c.closed != 0:
        if c.pivots != 0:
            others = pivot_that_blocks(c, b, a)
        if others == NOBODY:
            others = unsettled_by(c, b, a, rule)
    if others != NOBODY and others == me.holding and kind == me.hold:
        me.stuck += 1
        counts_of(c, b)[_BLOCKED] += 1
        if me.stuck >= c.patience and kind == log.AT_SITE:
            end_hold(c, b, a)
            give_up(c, b, a, others)
        return True
    end_hold(c, b, a)
    if others != NOBODY:
        emit(c, b, log.WAIT_BEGIN, a, me.txn, 0, NO_SITE, 0, 0, others, me.task, kind, 0, 0, 0)
        me.holding = others
        me.hold = kind
        me.stuck = 1
        counts_of(c, b)[_BLOCKED] += 1
    return others != NOBODY


@compiled
def unsettled_by(c, b, a, rule):
    """Name the other agent whose unsettled version an op rests on or overwrites, by the first such site."""
    sites, task_input = sites_of(c, b), task_inputs(c)[agents_of(c, b)[a].task]
    others, least = NOBODY, c.sites
    for slot in range(c.inputs):
        if has(rule.pre, slot) and task_input[slot] < least:
            unsettled = sites[task_input[slot]].unsettled
            if unsettled != NOBODY and unsettled != a:
                others, least = unsettled, task_input[slot]
    unsettled = sites[rule.site].unsettled
    if rule.site < least and unsettled != NOBODY and unsettled != a:
        others = unsettled
    return others


@compiled
def end_hold(c, b, a):
    """Log that an op is held no more."""
    me = agents_of(c, b)[a]
    if me.holding != NOBODY:
        emit(c, b, log.WAIT_END, a, me.txn, 0, NO_SITE, 0, 0, me.holding, me.task, me.hold, me.stuck, 0, 0)
        me.holding = NOBODY
        me.stuck = 0


@compiled
def stop_thought(c, b, a):
    """Refuse a thought on what is no longer so, in the first op that rests on it; tell whether there was one."""
    me = agents_of(c, b)[a]
    for o in range(task_rules(c)[me.task].ops):
        if c.by_premise != 0:
            for slot in range(task_rules(c)[me.task].inputs):
                inputs_of(c, b, a, 1 + o)[slot] = inputs_of(c, b, a, 0)[slot]
        refused = False
        for slot in range(task_rules(c)[me.task].inputs):
            if refusing_scope(c, b, a, slot, o, o, IN_THOUGHT) != 0:
                refused = True
        if refused:
            me.op = o
            use_inputs(c, b, a, o, op_rule(c, me.task, o))
            scope, stale = first_stale(c, b, a, o, o, IN_THOUGHT)
            judge_refused(c, b, a, 1 << o, scope)
            refuse(c, b, a, stale)
            return True
    return False


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
    """Log every input that refuses; return the scope of the first, or 0, and the set of their slots."""
    me = agents_of(c, b)[a]
    found, stale, conflicts = 0, _ZERO, _ZERO
    if c.pivots != 0 and moment == AT_ACT:
        conflicts = pivot_reads(c, b, a, last)
    for slot in range(task_rules(c)[me.task].inputs):
        scope = refusing_scope(c, b, a, slot, first, last, moment)
        if scope == 0 and has(conflicts, slot):
            scope = conflict_scope(c, task_inputs(c)[me.task, slot])
        if scope == 0:
            continue
        stale |= bit(slot)
        site = task_inputs(c)[me.task, slot]
        emit(
            c, b, log.CHECK_FAILED, a, me.txn, last, site, 0, inputs_of(c, b, a, 0)[slot].version,
            sites_of(c, b)[site].version, scope, moment, 0, 0, 0,
        )  # fmt: skip
        if found == 0:
            found = scope
    return found, stale


@compiled
def refusing_scope(c, b, a, slot, first, last, moment):
    """Return the scope in which an input refuses, by version, by premise or by its snapshot, or 0."""
    scope = 0
    if moment != AT_ACT or c.at_act != 0:
        if c.by_premise != 0:
            scope = wrong_scope(c, b, a, slot, first, last, moment)
        else:
            scope = stale_scope(c, b, a, slot, first, last)
    if scope == 0 and c.snapshots != 0 and moment == AT_ACT and overwrites(c, b, a, slot, last):
        scope = WRITTEN
    return scope


@compiled
def refuse(c, b, a, stale):
    """Reject the transaction; semantic feedback renews the beliefs that were stale, a set of slots."""
    me = agents_of(c, b)[a]
    if c.semantic != 0:
        for slot in range(task_rules(c)[me.task].inputs):
            if has(stale, slot):
                site = task_inputs(c)[me.task, slot]
                me.stale |= bit(site)
                channel = beliefs_of(c, b, a)[site].channel
                renew(c, b, a, site, channel if channel != NONE else REGISTRY, 1)
    if c.epochs != 0:
        carry_epoch(c, b, a)
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
    emit(c, b, log.PUBLISHED, a, me.txn, o, rule.site, world.epoch, 0, NOBODY, me.task, how_many(changed), 0, 0, 0)
    for entry in range(c.sites):
        if has(changed, entry):
            write(c, b, a, me.txn, o, entry, entries[entry], 0, 0, verbs.CORRECT, 0, 0, NOBODY)
    for entry in range(c.sites):
        if has(c.plan, entry):
            renew(c, b, a, entry, REGISTRY, 4)
    if c.epochs != 0:
        prepare(c, b, a, changed)
        return
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
    caught = _ZERO
    for other in range(c.agents):
        if agents[other].phase != OUT and cell_rule(c, agents[other].cell).gate == gate:
            caught |= bit(other)
    if caught == _ZERO:
        return
    counts_of(c, b)[_ACCIDENTS] += 1
    credit(c, b, a, -c.accident_cost)
    put_out_boat(c, b, a, gate, how_many(caught))
    while caught != _ZERO:
        other = lowest(caught)
        caught &= caught - _ONE
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
        site, kind = (me.wait_site, log.FOR_LOCK) if c.locks != 0 else (NO_SITE, log.ADMISSION)
        emit(c, b, log.WAIT_END, a, NO_TXN, 0, site, 0, 0, world.holder, me.queued_task, kind, waited, 0, 0)
        me.waits = 0
    region = cell_rule(c, me.cell).region
    me.phase = OUT
    me.figure[1] = np.float32(FAR)
    me.step = NO_CELL
    me.look = NO_SITE
    if region >= 0:
        value = sites_of(c, b)[region].value - 1
        write(c, b, WORLD, NO_TXN, 0, region, value, 1, -1, verbs.CROSS, 0, 0, a)
    let_all_go(c, b, a)


@compiled
def settle(c, b, a, outcome, before_thought):
    """End a transaction: buffered writes take effect together or are dropped, and all that it held is let go."""
    world, me, counts = world_of(c, b), agents_of(c, b)[a], counts_of(c, b)
    task = task_rules(c)[me.task]
    txn = me.txn
    end_hold(c, b, a)
    end_lock_wait(c, b, a, me.task, world.tick - me.wait_since)
    keeps = outcome == COMMITTED or (c.whole_task == 0 and me.done > 0)
    buffered, kept = how_many(np.uint64(me.pending)), 0
    if keeps and buffered > 0:
        for o in range(task.ops):
            if (me.pending >> o) & 1:
                judge_executed(c, b, a, o)
        for o in range(task.ops):
            if (me.pending >> o) & 1 and not (c.branch != 0 and is_written_again(c, b, a, o)):
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
    again = ended == REJECTED or ended == ABORTED
    if c.kept != 0:
        saved = tally_of(c, b, a)[me.task]
        saved[2] = (saved[2] + spent) * c.kept // 100 if again else 0
    use_up(c, b, a, task, again)
    if c.locks != 0:
        release_locks(c, b, a, 1)
    if c.pivots != 0 and (ended == COMMITTED or ended == PARTIAL):
        summarise(c, b, a)
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
    if cell_rule(c, me.cell).region < 0:
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


@inlined
def let_all_go(c, b, a):
    """Let go of the token and of every lock."""
    let_go(c, b, a)
    if c.locks != 0:
        release_locks(c, b, a, np.int64(agents_of(c, b)[a].txn != NO_TXN))
