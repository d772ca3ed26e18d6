"""How a transaction ends, compiled: what it buffered takes effect or is dropped, and all that it held is let go."""

from __future__ import annotations

import numpy as np

from ..world import log, scenario, verbs
from ..world.context import (
    agents_of,
    cell_rule,
    correction_rule,
    counts_of,
    goal_rules,
    goal_touch,
    goals_of,
    jobs_of,
    op_rule,
    sites_of,
    tally_of,
    task_rules,
    thoughts_left,
    world_of,
)
from ..world.events import leave_depots
from ..world.jit import compiled, how_many, inlined, lowest
from ..world.judging import argument_of, judge_executed, judge_refused
from ..world.kernel import bit, emit, has, renew
from ..world.mail import release_mail, send
from ..world.phases import enter
from ..world.rank_calls import COUNTS_ONCE, RANKS_SETTLE, about
from ..world.rule_records import KEEP
from ..world.state import (
    ABORTED,
    COMMITTED,
    CORRECTION,
    COUNTER_INDEX,
    FAILED,
    IDLE,
    NO_RANK,
    NO_SITE,
    NO_TASK,
    NO_TXN,
    NOBODY,
    OUT,
    PARTIAL,
    REGISTRY,
    REJECTED,
)
from ..world.writes import write
from .branch import is_written_again
from .epochs import end_thought, prepare
from .locks import release_locks
from .pivots import summarise
from .scheduling import count_held_in_vain
from .token import let_go
from .waiting import end_hold, end_wait

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_WASTED, _VICTIMS = COUNTER_INDEX["wasted_think_ticks"], COUNTER_INDEX["victims"]
_COMMITTED, _BROKE = COUNTER_INDEX["committed"], COUNTER_INDEX["broke_invariant"]
_REJECTED, _FAILED = COUNTER_INDEX["rejected"], COUNTER_INDEX["failed"]


@compiled
def settle(c, b, a, outcome, before_thought):
    """End a transaction: buffered writes take effect together or are dropped, and all that it held is let go."""
    world, me, counts = world_of(c, b), agents_of(c, b)[a], counts_of(c, b)
    task = task_rules(c)[me.task]
    txn = me.txn
    end_hold(c, b, a)
    end_wait(c, b, a, me.task, world.tick - me.wait_since)
    keeps = outcome == COMMITTED or (c.whole_task == 0 and me.done > 0)
    buffered, kept = how_many(np.uint64(me.pending)), 0
    if keeps and buffered > 0:
        write_pending(c, b, a)
        kept = buffered
    ended = outcome
    if outcome != COMMITTED and (me.done > buffered or kept > 0):
        ended = PARTIAL
    spent = me.thought - thoughts_left(c, b)[a] + me.spoiled
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
        if me.rank == NO_RANK or about(c, b, COUNTS_ONCE, a, 0) != 0:
            counts[_COMMITTED] += 1
            counts[_BROKE] += me.broke
    else:
        counts[_WASTED] += spent - me.spoiled
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
        saved[2] = (saved[2] + spent - me.spoiled) * c.kept // 100 if again else 0
    use_up(c, b, a, task, again)
    if c.locks != 0:
        release_locks(c, b, a, 1)
    if c.holds_back != 0:
        count_held_in_vain(c, b, a)
    if c.pivots != 0 and (ended == COMMITTED or ended == PARTIAL):
        summarise(c, b, a)
    me.outcome = ended
    end_thought(c, b, a)
    if c.ranks != 0:
        about(c, b, RANKS_SETTLE, a, 0)
        me.rank = NO_RANK
        me.undoing = 0
    me.txn = NO_TXN
    me.task = NO_TASK
    thoughts_left(c, b)[a] = 0
    me.stuck = 0
    me.pending = 0
    me.broke = 0
    if me.phase != OUT:
        enter(c, b, a, IDLE)
    if world.holder == a:
        world.holder_settled = 1
    if cell_rule(c, me.cell).region < 0:
        let_go(c, b, a)


@compiled
def give_up(c, b, a, whom):
    """Abort an agent's transaction, the victim of waiting for another."""
    emit(c, b, log.VICTIM, a, agents_of(c, b)[a].txn, 0, NO_SITE, 0, 0, whom, 0, 0, 0, 0, 0)
    counts_of(c, b)[_VICTIMS] += 1
    if c.whole_task != 0:
        judge_refused(c, b, a, agents_of(c, b)[a].pending, 0)
    settle(c, b, a, ABORTED, 0)


@compiled
def write_pending(c, b, a):
    """Let the buffered writes take effect together, each judged by what stood before the first of them."""
    me = agents_of(c, b)[a]
    ops = task_rules(c)[me.task].ops
    for o in range(ops):
        if has(np.uint64(me.pending), o):
            judge_executed(c, b, a, o)
    for o in range(ops):
        if not has(np.uint64(me.pending), o) or (c.branch != 0 and is_written_again(c, b, a, o)):
            continue
        rule = op_rule(c, me.task, o)
        if rule.verb == verbs.CORRECT:
            publish(c, b, a, o, rule)
            continue
        value = me.pending_value[o]
        if rule.relative != 0:
            value += sites_of(c, b)[rule.site].value
        write(c, b, a, me.txn, o, rule.site, value, rule.relative, argument_of(me, rule), rule.verb, 0, 0, NOBODY)


@compiled
def publish(c, b, a, o, rule):
    """Give the plan its next epoch: the entries change together, and those who follow them are told."""
    world, me, sites = world_of(c, b), agents_of(c, b)[a], sites_of(c, b)
    world.epoch += 1
    world.published = world.tick
    entries, changed, written = correction_rule(c, rule.correction), _ZERO, _ZERO
    for entry in range(c.sites):
        if entries[entry] != KEEP and sites[entry].value != entries[entry]:
            changed |= bit(entry)
        if entries[entry] != KEEP and c.ranks != 0:  # at its rank it stands on all of them
            written |= bit(entry)
    written |= changed
    emit(c, b, log.PUBLISHED, a, me.txn, o, rule.site, world.epoch, 0, NOBODY, me.task, how_many(changed), 0, 0, 0)
    while written != _ZERO:
        entry = lowest(written)
        written &= written - _ONE
        write(c, b, a, me.txn, o, entry, entries[entry], 0, 0, verbs.CORRECT, 0, 0, NOBODY)
    if c.grace >= 0:
        leave_depots(c, b)
    plan = c.plan
    while plan != _ZERO:
        renew(c, b, a, lowest(plan), REGISTRY, 4)
        plan &= plan - _ONE
    if c.epochs != 0:
        prepare(c, b, a, changed)
        return
    while changed != _ZERO:
        entry = lowest(changed)
        changed &= changed - _ONE
        there = sites[entry]
        send(c, b, a, CORRECTION, entry, there.value, there.version, world.tick, NO_TXN)


@compiled
def use_up(c, b, a, task, again):
    """A commit or a failed act uses its order up; a rejected one does not."""
    me = agents_of(c, b)[a]
    if task.jobs != 0:
        job = jobs_of(c, b, a)[me.job]
        if again:
            job.attempt += 1
        if again == (job.used != 0):  # one that was used and is taken back is open again
            job.used = 1 - job.used
            if op_rule(c, job.task, 0).verb == verbs.TAKE:
                me.orders += 1 - 2 * job.used
            me.rejob = 1
            me.remask = 1
            if c.shipped_goals != 0:
                world_of(c, b).touched_agents |= bit(a)
            if me.phase != OUT:  # of one who is out of play no job is open
                count_job(c, b, job, 1 - 2 * job.used)
        return
    tally = tally_of(c, b, a)
    if again:
        tally[me.task, 1] += 1
    else:
        tally[me.task, 0] += 1
        tally[me.task, 1] = 0
        if c.done_goals != 0:
            world_of(c, b).touched_agents |= bit(a)


@compiled
def count_job(c, b, job, change):
    """Note for the goal about the total of a job's site that this job changes it no more (-1), or may again (1)."""
    site = op_rule(c, job.task, 0).site
    world_of(c, b).touched_sites |= bit(site) & c.goal_sites
    for word in range(c.goal_words):
        about = goal_touch(c)[c.agents + site, word]
        while about != _ZERO:
            g = 64 * word + lowest(about)
            about &= about - _ONE
            if goal_rules(c)[g].kind == scenario.TOTAL:
                goals_of(c, b)[g].open += change


@inlined
def let_all_go(c, b, a):
    """Let go of the token, of every lock and of the ranks that were kept."""
    let_go(c, b, a)
    if c.locks != 0:
        release_locks(c, b, a, np.int64(agents_of(c, b)[a].txn != NO_TXN))
    if c.ranks != 0:
        about(c, b, RANKS_SETTLE, a, 0)
