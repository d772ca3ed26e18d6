"""How an episode begins, compiled: places, jobs, events, goals and first beliefs, laid out for a seed."""

from __future__ import annotations

import numpy as np

from . import entropy, scenario, verbs
from .context import (
    agent_rules,
    agents_of,
    beliefs_of,
    cell_rule,
    counts_of,
    event_rules,
    events_of,
    goal_rules,
    goals_of,
    heard_of,
    job_tasks,
    jobs_of,
    locks_of,
    op_rule,
    pipe_of,
    seen_of,
    sent_of,
    settled_of,
    sight_of,
    sights_of,
    site_rules,
    sites_of,
    tally_of,
    thoughts_left,
    world_of,
)
from .jit import compiled
from .kernel import draw, stand_on, take_in_hand, touch_all
from .phases import enter
from .rank_calls import RESET_CHAIN, about
from .state import (
    EXPECTED,
    IDLE,
    MESSAGE,
    NEVER,
    NO_BORDER,
    NO_CELL,
    NO_RANK,
    NO_SITE,
    NO_TXN,
    NO_VERSION,
    NOBODY,
    NONE,
)
from .versions import forget_followed

_ONE, _ZERO = np.uint64(1), np.uint64(0)


@compiled
def reset_world(c, b, seed):
    """Lay out one world for a seed: places, jobs, events, targets, first beliefs."""
    from_rules = site_rules(c)
    world = world_of(c, b)
    world.seed = seed
    world.dirty = _ZERO
    world.moved = _ZERO
    world.idle = _ZERO
    world.thinking = _ZERO
    world.walking = _ZERO
    world.looking = _ZERO
    world.queued = _ZERO
    world.waiting = _ZERO
    world.near = _ZERO
    world.stepping = _ZERO
    world.holder_wrote = _ZERO
    world.tick = 0
    world.status = 0
    world.next_txn = 0
    world.holder = NOBODY
    world.holder_since = 0
    world.holder_settled = 0
    touch_all(c, b)
    world.writer = NOBODY
    world.elapsed = 0
    world.paid = 0
    world.goals_met = 0
    world.goals_open = c.goals
    world.goals_lost = 0
    world.last_goal_tick = 0
    world.next_event = 0
    world.turn_due = 0
    world.mail_first = 0
    world.mail_count = 0
    world.next_due = NEVER
    world.message_number = 0
    world.log_count = 0
    world.broken = 0
    world.robbed = _ZERO
    world.thefts = 0
    world.epoch = 0
    world.published = 0
    world.corrector = NOBODY
    world.changed_entries = _ZERO
    world.acknowledged = _ZERO
    world.unanswered = _ZERO
    world.under_way = _ZERO
    world.fenced = _ZERO
    world.stalled = _ZERO
    world.ready = _ZERO
    world.settles = 0
    world.newest = NO_RANK
    world.quiet = NO_RANK
    world.final = 1
    forget_followed(c, b, NO_SITE)
    counts = counts_of(c, b)
    for index in range(c.counters):
        counts[index] = 0
    sites = sites_of(c, b)
    for s in range(c.sites):
        there = sites[s]
        there.value = from_rules[s].value
        there.version = 0
        there.unsettled = NOBODY
        there.writer = NOBODY
        there.writer_version = 0
        there.other_writer_version = 0
        there.changed = 0
        there.got = _ZERO
        there.stock = from_rules[s].stock
        lock = locks_of(c, b)[s]
        lock.shared = _ZERO
        lock.increment = _ZERO
        lock.exclusive = _ZERO
        lock.granted = 0
        settled_of(c, b)[s].read = 0
        settled_of(c, b)[s].pivot = 0
        if c.ranks != 0:
            about(c, b, RESET_CHAIN, s, 0)
    _reset_agents(c, b)
    events, event_rule = events_of(c, b), event_rules(c)
    for w in range(c.events):
        rule = event_rule[w]
        late = draw(c, b, entropy.ARRIVAL, rule.source, rule.nth, 0, 0) % np.uint64(rule.jitter + 1)
        events[w].due = rule.base + np.int64(late)
        events[w].state = EXPECTED
    _reset_goals(c, b)


@compiled
def _reset_agents(c, b):
    from_rules, agents = site_rules(c), agents_of(c, b)
    for a in range(c.agents):
        _reset_agent(c, b, a, agents[a])
        beliefs = beliefs_of(c, b, a)
        for s in range(c.sites):
            beliefs[s].value = from_rules[s].value
            beliefs[s].version = 0
            beliefs[s].channel = MESSAGE if from_rules[s].known != 0 else NONE
            agents[a].known |= np.uint64(from_rules[s].known != 0) << np.uint64(s)
            beliefs[s].tick = 0
            beliefs[s].arrived = 0
            beliefs[s].promise = 0
        for t in range(c.tasks):
            _tally_zero(c, b, a, t)
        for other in range(c.agents):
            pipe_of(c, b)[a, other] = 0
            sent_of(c, b)[a, other, 0] = 0
            sent_of(c, b)[a, other, 1] = 0
            sent_of(c, b)[a, other, 2] = 0
            sent_of(c, b)[a, other, 3] = 0
            heard_of(c, b, a)[other] = 0


@compiled
def _tally_zero(c, b, a, t):
    tally, seen = tally_of(c, b, a), seen_of(c, b, a)
    tally[t, 0] = 0
    tally[t, 1] = 0
    tally[t, 2] = 0
    for slot in range(c.inputs):
        seen[t, slot, 0] = NO_VERSION
        seen[t, slot, 1] = NO_VERSION


@compiled
def _reset_agent(c, b, a, me):
    rule = agent_rules(c)[a]
    me.stale = _ZERO
    me.known = _ZERO
    me.show = ~_ZERO
    me.aging = _ZERO
    me.reseen = 1
    me.rejob = 1
    me.shown = -1
    me.remask = 1
    me.cell = rule.home
    enter(c, b, a, IDLE)
    take_in_hand(c, b, a, rule.hand)
    me.landed = 0
    me.orders = 0
    me.hold = 0
    me.copy_due = NEVER
    me.answer_due = NEVER
    me.copies = 0
    me.answers = 0
    me.stalled = 0
    me.stalls = 0
    me.stall_at = NEVER
    me.age = 0
    me.locks = _ZERO
    me.wrote = _ZERO
    me.lock_next = 0
    me.lock_site = NO_SITE
    me.lock_mode = 0
    me.lock_since = 0
    me.waits = 0
    me.placed = 0
    me.speculates = 0
    me.asked = 0
    me.spoiled = 0
    me.back = 0
    me.wait_whom = NOBODY
    me.wait_site = NO_SITE
    me.wait_since = 0
    me.snapshot = 0
    me.rank = NO_RANK
    me.undoing = 0
    me.border_rank = NO_BORDER
    me.blocker = NOBODY
    me.judged = 0
    me.hidden = _ZERO
    me.missed = NO_SITE
    me.added = NO_SITE
    me.task = -1
    me.op = 0
    me.txn = NO_TXN
    me.job = -1
    thoughts_left(c, b)[a] = 0
    me.thought = 0
    me.decided = 0
    me.stuck = 0
    me.holding = NOBODY
    me.queued_since = 0
    me.queued_task = -1
    me.step = NO_CELL
    me.look = NO_SITE
    me.sought = 0
    me.fresh = _ZERO
    me.outcome = 0
    me.broke = 0
    me.done = 0
    me.argument = 0
    me.drawn = 0
    me.slipped = 0
    me.pending = 0
    me.trips = 0
    me.side = 0
    me.promised = 0
    me.inbox = 0
    me.inbox_kind = 0
    me.inbox_sender = 0
    me.inbox_site = NO_SITE
    me.inbox_value = 0
    me.ready = 0
    me.earned = 0.0
    if rule.stations[0] >= 0:
        start = np.int64(draw(c, b, entropy.START, a, 0, 0, 0) & _ONE)
        me.side = 1 - start
        me.cell = rule.ends[start]
    sights_of(c, b)[a] = sight_of(c, a)[me.cell]
    stand_on(c, b, a, cell_rule(c, me.cell))
    jobs = jobs_of(c, b, a)
    for n in range(c.jobs):
        jobs[n].task = -1
        jobs[n].used = 1
        jobs[n].attempt = 0
        if rule.jobs > 0:
            among = job_tasks(c)[a, n % c.turns]
            which = draw(c, b, entropy.JOB_TASK, a, n, 0, 0) % np.uint64(among[0])
            amount = draw(c, b, entropy.JOB_AMOUNT, a, n, 0, 0) % np.uint64(c.job_high - c.job_low + 1)
            jobs[n].task = among[np.int64(which) + 1]
            jobs[n].amount = c.job_low + np.int64(amount)
            jobs[n].used = 0
            me.orders += np.int64(op_rule(c, jobs[n].task, 0).verb == verbs.TAKE)


@compiled
def _reset_goals(c, b):
    goals, rules = goals_of(c, b), goal_rules(c)
    for g in range(c.goals):
        goals[g].met = 0
        goals[g].lost = 0
        goals[g].target = rules[g].target
        goals[g].open = 0
        if rules[g].kind != scenario.TOTAL:
            continue
        total = site_rules(c)[rules[g].site].value
        for a in range(c.agents):
            jobs = jobs_of(c, b, a)
            for n in range(c.jobs):
                if jobs[n].used == 0 and op_rule(c, jobs[n].task, 0).site == rules[g].site:
                    total += jobs[n].amount
                    goals[g].open += 1
        goals[g].target = total
