"""How a transaction begins, compiled: it opens, waits for its locks or dies of waiting, and is admitted."""

from __future__ import annotations

import numpy as np

from ..world import entropy, log, settings
from ..world.context import (
    agents_of,
    beliefs_of,
    cell_rule,
    counts_of,
    inputs_of,
    jobs_of,
    op_rule,
    settled_of,
    sites_of,
    tally_of,
    task_inputs,
    task_rules,
    thoughts,
    thoughts_left,
    world_of,
)
from ..world.footprint import declare_compiled
from ..world.jit import compiled, lowest
from ..world.judging import outcome_on
from ..world.kernel import believed_tick, bit, draw, emit, has, next_job, renew_as
from ..world.phases import enter
from ..world.rank_calls import NOTE_ADMITTED, RANK_TASK, SPARED, about, value_below
from ..world.settings import QUANTILES
from ..world.speculation import guess_compiled, judge_guess_compiled
from ..world.state import (
    ABORTED,
    COUNTER_INDEX,
    LOCKING,
    NO_JOB,
    NO_OUTCOME,
    NO_SITE,
    NO_TXN,
    NOBODY,
    REGISTRY,
    REJECTED,
    THINKING,
)
from .deadlocks import TIMEOUT, avert_deadlock
from .locks import lock_blocker, release_locks, take_lock, take_locks
from .scheduling import held_back_by, ticks_back
from .settling import give_up, settle
from .waiting import begin_lock_wait, begin_rank_wait, end_wait, hold_back, leave_queue, longest_waiting, queued

thought_chosen = compiled(settings.thought_chosen)

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_QUANTILES = np.uint64(QUANTILES)
_DECISIONS = COUNTER_INDEX["decisions"]


@compiled
def open_transaction(c, b, a, index, choice):
    """Freeze the inputs, draw the thought, short or long as chosen, and start to think."""
    world, me, task = world_of(c, b), agents_of(c, b)[a], task_rules(c)[index]
    job, tally = NO_JOB, tally_of(c, b, a)[index]
    nth, attempt, saved = tally[0], tally[1], tally[2]
    me.argument = op_rule(c, index, 0).argument
    if task.jobs != 0:
        job = next_job(c, b, a, index)
        nth = job
        attempt = jobs_of(c, b, a)[job].attempt
        me.argument = jobs_of(c, b, a)[job].amount
    drawn = 0
    if task.thought != 0:
        drawn = thought_chosen(thoughts(c)[draw(c, b, entropy.THOUGHT, a, index, nth, attempt) % _QUANTILES], choice)
    thought = drawn if c.lockstep == 0 else 0
    saved = min(saved, thought)
    if c.ranks != 0:
        saved = max(saved, about(c, b, SPARED, a, thought))
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
    me.drawn = drawn
    me.slipped = 0
    me.placed = c.thinkers == 0
    me.asked = world.tick
    me.speculates = 0
    me.spoiled = 0
    me.wrote = _ZERO
    if me.outcome != ABORTED:
        me.age = world.tick
    me.outcome = NO_OUTCOME
    me.show |= me.stale
    me.stale = _ZERO
    thoughts_left(c, b)[a] = thought
    me.stuck = 0
    enter(c, b, a, LOCKING)
    emit(c, b, log.DECIDE, a, me.txn, 0, NO_SITE, me.argument, choice, NOBODY, index, thought, attempt, nth, saved)
    if c.imperfect != 0:
        declare_compiled(c, b, a, nth, attempt)
    if c.contention_aware != 0 and c.lockstep == 0:
        me.back = ticks_back(c, b, a, index)
        whom = held_back_by(c, b, a) if c.holds_back != 0 and c.age_bound > 0 else NOBODY
        if whom != NOBODY:
            hold_back(c, b, a, whom)
            if c.speculates != 0:
                guess_compiled(c, b, a)
            return
    if c.locks != 0 and c.lockstep == 0:
        release_locks(c, b, a, 0)  # of a border that it did not cross
        me.lock_next = 0
        txn = me.txn
        if not take_locks(c, b, a):
            avert_deadlock(c, b, a)
            if me.txn == txn:  # no victim of its own wish
                begin_lock_wait(c, b, a, index)
                if c.speculates != 0:
                    guess_compiled(c, b, a)
            return
    if c.ranks != 0 and c.lockstep == 0 and about(c, b, RANK_TASK, a, 0) == 0:
        begin_rank_wait(c, b, a, index)
        return
    admit(c, b, a)


@compiled
def admit(c, b, a):
    """Freeze the inputs, renewed by the registry where they are read at admission, and start to think.

    So are those of the token's holder within a region: what it did since the grant it need not have seen.
    """
    me = agents_of(c, b)[a]
    index = me.task
    reads = c.admission_reads != 0 or (world_of(c, b).holder == a and cell_rule(c, me.cell).region >= 0)
    task = task_rules(c)[index]
    enter(c, b, a, THINKING)
    me.back = 0
    me.snapshot = world_of(c, b).settles
    sites, inputs, task_input = sites_of(c, b), inputs_of(c, b, a, 0), task_inputs(c)[index]
    renewed = _ZERO
    if reads:
        renewed = renewed_at_admission(c, me)
        left = renewed
        while left != _ZERO:
            site = lowest(left)
            left &= left - _ONE
            if sites[site].unsettled == NOBODY:
                renew_as(c, b, a, site, REGISTRY, 2, value_below(c, b, a, site))
    is_true = True
    for slot in range(task.inputs):
        site = task_input[slot]
        belief, frozen = beliefs_of(c, b, a)[site], inputs[slot]
        guessed = frozen.value
        sensed = believed_tick(c, b, a, site)
        frozen.value = belief.value
        frozen.version = belief.version
        frozen.channel = belief.channel
        frozen.promise = belief.promise
        if c.admission_reads != 0 and sites[site].unsettled != NOBODY and has(renewed, site):
            frozen.value = settled_of(c, b)[site].value
            frozen.version = settled_of(c, b)[site].version
            frozen.channel = REGISTRY
            frozen.promise = 0
            sensed = world_of(c, b).tick
        is_true &= frozen.value == guessed
        frozen.outdated = 1 if frozen.version != sites[site].version else 0
        frozen.own = 0
        emit(
            c, b, log.INPUT, a, me.txn, 0, site, frozen.value, frozen.version, NOBODY, frozen.channel, frozen.promise,
            sensed, np.int64(has(me.hidden, site)), 0,
        )  # fmt: skip
    if c.ranks != 0:
        about(c, b, NOTE_ADMITTED, a, 0)
    judge_guess_compiled(c, b, a, is_true)
    if reads:
        for o in range(task.ops):
            if not outcome_on(c, b, a, 0, o, _ZERO)[0]:
                settle(c, b, a, REJECTED, 1)
                return


@compiled
def renewed_at_admission(c, me):
    """Return the set of sites that the registry renews: the inputs, as far as the protocol knows the footprint."""
    renewed = _ZERO
    for slot in range(task_rules(c)[me.task].inputs):
        renewed |= bit(task_inputs(c)[me.task, slot])
    # The token's holder is told of everything, whatever it has declared.
    if c.imperfect != 0 and c.admission_reads != 0:
        renewed &= ~me.hidden
        if me.missed != NO_SITE:
            renewed &= ~bit(me.missed)
        if me.added != NO_SITE:
            renewed |= bit(me.added)
    return renewed


@compiled
def ask_again(c, b):
    """Let those go on who wait for locks with their transaction open, in the order in which they began to wait."""
    world, agents, waiting = world_of(c, b), agents_of(c, b), _ZERO
    left = world.waiting
    while left != _ZERO:
        a = lowest(left)
        left &= left - _ONE
        if (agents[a].waits == log.FOR_LOCK or agents[a].waits == log.HELD_BACK) and agents[a].txn != NO_TXN:
            waiting |= bit(a)
    while waiting != _ZERO:
        first = longest_waiting(c, b, waiting)
        waiting &= ~bit(first)
        me = agents[first]
        if me.waits == 0 or me.txn == NO_TXN:
            continue  # a victim of one before it
        txn, waited = me.txn, world.tick - me.wait_since
        if me.waits == log.HELD_BACK:
            whom = held_back_by(c, b, first) if world.tick - me.decided < c.age_bound else NOBODY
            if whom != me.wait_whom:
                end_wait(c, b, first, me.task, waited)
            if whom == NOBODY:
                admit(c, b, first)
            elif me.waits == 0:
                hold_back(c, b, first, whom)
            continue
        if me.phase == LOCKING:
            has_all = take_locks(c, b, first)
        else:
            has_all = take_lock(c, b, first, me.lock_site, me.lock_mode)
        if has_all:
            end_wait(c, b, first, me.task, waited)
            if me.phase == LOCKING:
                admit(c, b, first)
        elif me.lock_site != me.wait_site:
            avert_deadlock(c, b, first)
            if me.txn == txn:
                end_wait(c, b, first, me.task, waited)
                begin_lock_wait(c, b, first, me.task)
        elif c.deadlock == TIMEOUT and world.tick - me.lock_since >= c.lock_timeout:
            give_up(c, b, first, lock_blocker(c, b, first))


@compiled
def let_in(c, b):
    """Let those into a region who wait for its lock without a transaction, first come first served."""
    queue = queued(c, b)
    while queue != _ZERO:
        first = longest_waiting(c, b, queue)
        queue &= ~bit(first)
        me = agents_of(c, b)[first]
        if take_lock(c, b, first, me.lock_site, me.lock_mode):
            leave_queue(c, b, first)
