"""The compiled world: logging, renewing beliefs, mail, writes, borders: the twin of `reference.World`'s lower half.

Every function takes `(c, b)`, see `context`. The order of log records is the semantics and equals the reference's.
"""

from __future__ import annotations

import numpy as np

from . import entropy, log, scenario, verbs
from .context import (
    agent_rules,
    agents_of,
    beliefs_of,
    cell_rule,
    constraint_rules,
    counts_of,
    delays,
    event_rules,
    events_of,
    followed_of,
    goal_rules,
    goals_of,
    invariant_rules,
    job_tasks,
    jobs_of,
    locks_of,
    log_of,
    mail_of,
    op_rule,
    pipe_of,
    seen_of,
    sent_of,
    settled_of,
    sight_of,
    site_rules,
    sites_of,
    tally_of,
    world_of,
)
from .jit import compiled, inlined, lowest
from .rules import PROBABILITY_BITS
from .settings import QUANTILES
from .state import (
    COUNTER_INDEX,
    EXPECTED,
    FACT,
    GONE,
    IDLE,
    LOST,
    MESSAGE,
    NEVER,
    NO_CELL,
    NO_SITE,
    NO_TXN,
    NO_VERSION,
    NOBODY,
    NONE,
    OUT,
    PASSED,
    PROMISE,
    SENSOR,
    WAITING,
    WORLD,
)

_ONE, _ZERO = np.uint64(1), np.uint64(0)
_MESSAGES, _VIOLATIONS = COUNTER_INDEX["messages"], COUNTER_INDEX["invariant_violations"]
_SOURCE, _TRANSIT, _DELIVERED = (COUNTER_INDEX[name] for name in ("age_source", "age_transit", "delivered"))
SHIFT = np.uint64(64 - PROBABILITY_BITS)
_QUANTILES = np.uint64(QUANTILES)


@inlined
def bit(index):
    """Return the set of one member."""
    return _ONE << np.uint64(index)


@inlined
def has(members, index):
    """Tell whether a set holds a member."""
    return (members >> np.uint64(index)) & _ONE != _ZERO


@inlined
def emit(c, b, kind, agent, txn, op, site, value, version, other, a0, b0, c0, d0, e0):
    """Append one event, where a log is kept."""
    if c.logs > 0:
        _append(c, b, kind, agent, txn, op, site, value, version, other, a0, b0, c0, d0, e0)


@compiled
def _append(c, b, kind, agent, txn, op, site, value, version, other, a0, b0, c0, d0, e0):
    # A full log counts on, so that the loss is noticed.
    world = world_of(c, b)
    at = world.log_count
    world.log_count = at + 1
    if at >= c.logs:
        return
    row = log_of(c, b)[at]
    row.kind = kind
    row.tick = world.tick
    row.agent = agent
    row.txn = txn
    row.op = op
    row.site = site
    row.value = value
    row.version = version
    row.other = other
    row.a = a0
    row.b = b0
    row.c = c0
    row.d = d0
    row.e = e0


@inlined
def draw(c, b, purpose, k1, k2, k3, k4):
    """Draw 64 bits for this world's seed."""
    return entropy.draw_compiled(world_of(c, b).seed, purpose, k1, k2, k3, k4)


@inlined
def credit(c, b, a, amount):
    """Add to what an agent earns in this step, discounted by the ticks since its beginning."""
    if amount != 0.0:
        agents_of(c, b)[a].earned += amount * c.discount ** world_of(c, b).elapsed
    return


@inlined
def sees(c, b, a, site):
    """Tell whether an agent has a site in sight."""
    return has(sight_of(c, a)[agents_of(c, b)[a].cell], site)


@inlined
def believed_tick(c, b, a, site):
    """When a belief was sensed: what is in sight was sensed at the end of the tick before this one."""
    belief = beliefs_of(c, b, a)[site]
    last = world_of(c, b).tick - 1
    if sees(c, b, a, site) and belief.tick < last:
        return last
    return belief.tick


@inlined
def _outdate(me, belief, site):
    """Note that what the agent is shown of a site is out of date."""
    me.show |= bit(site)
    if belief.channel == NONE:
        me.remask = 1


@compiled
def renew(c, b, a, site, channel, why):
    """Give an agent the true value and version of a site."""
    there, belief = sites_of(c, b)[site], beliefs_of(c, b, a)[site]
    changed = belief.version != there.version or belief.channel != channel or belief.promise != 0
    tick = world_of(c, b).tick
    _outdate(agents_of(c, b)[a], belief, site)
    belief.value = there.value
    belief.version = there.version
    belief.channel = channel
    belief.tick = tick
    belief.arrived = tick
    belief.promise = 0
    if changed:
        emit(c, b, log.SENSE, a, NO_TXN, 0, site, there.value, there.version, NOBODY, channel, why, 0, 0, 0)


@inlined
def sense_sites(c, b, a, candidates):
    """Let an agent see those of `candidates` that differ from what it believes."""
    beliefs, sites, tick = beliefs_of(c, b, a), sites_of(c, b), world_of(c, b).tick
    while candidates != _ZERO:
        site = lowest(candidates)
        candidates &= candidates - _ONE
        belief, there = beliefs[site], sites[site]
        unseen = belief.promise != 0 or belief.channel == NONE or belief.channel == MESSAGE
        if unseen or belief.version != there.version:
            _outdate(agents_of(c, b)[a], belief, site)
            belief.value = there.value
            belief.version = there.version
            belief.channel = SENSOR
            belief.tick = tick
            belief.arrived = tick
            belief.promise = 0
            emit(c, b, log.SENSE, a, NO_TXN, 0, site, there.value, there.version, NOBODY, SENSOR, 0, 0, 0, 0)


@compiled
def send(c, b, sender, kind, site, value, stamp, sensed, held):
    """Send to every listener of a site; the channel may lose, double and delay."""
    listeners = site_rules(c)[site].listeners & ~bit(sender)
    world, counts = world_of(c, b), counts_of(c, b)
    mail, sent, pipe = mail_of(c, b), sent_of(c, b), pipe_of(c, b)
    while listeners != _ZERO:
        receiver = lowest(listeners)
        listeners &= listeners - _ONE
        nth = sent[sender, receiver, kind]
        sent[sender, receiver, kind] = nth + 1
        pair = sender * 256 + receiver
        copies = 1
        if c.lockstep == 0 and c.duplication > 0:
            if (draw(c, b, entropy.DUPLICATION, pair, kind, nth, 0) >> SHIFT) < c.duplication:
                copies = 2
        for copy in range(copies):
            lost = False
            if c.lockstep == 0 and c.loss > 0:
                lost = (draw(c, b, entropy.LOSS, pair, kind, nth, copy) >> SHIFT) < c.loss
            due = world.tick
            if c.lockstep == 0:
                due += delays(c)[draw(c, b, entropy.DELAY, pair, kind, nth, copy) % _QUANTILES]
            if c.fifo != 0 and not lost:
                due = max(due, pipe[sender, receiver])
                pipe[sender, receiver] = due
            number = world.message_number
            world.message_number = number + 1
            if copy == 0:  # a duplicate is the channel's doing
                counts[_MESSAGES] += 1
                credit(c, b, sender, -c.message_cost)
            fate = (1 if lost else 0) + 2 * copy
            emit(c, b, log.SEND, sender, NO_TXN, 0, site, value, stamp, receiver, kind, due, number, sensed, fate)
            if lost:
                continue
            if world.mail_count == c.mails:
                _close_gaps(c, b)
            at = world.mail_count
            world.mail_count = at + 1
            if at >= c.mails:
                continue  # noticed by the caller: see `batch`
            row = mail[at]
            row.due = due
            row.number = number
            row.sender = sender
            row.receiver = receiver
            row.kind = kind
            row.site = site
            row.value = value
            row.stamp = stamp
            row.sensed = sensed
            row.sent = world.tick
            row.held = held
            if held == NO_TXN and due < world.next_due:
                world.next_due = due


@compiled
def release_mail(c, b, txn, settled):
    """Mail held for a transaction goes out when it settles, or never."""
    world, mail, pipe = world_of(c, b), mail_of(c, b), pipe_of(c, b)
    for at in range(world.mail_first, world.mail_count):
        row = mail[at]
        if row.due == GONE or row.held != txn:
            continue
        if not settled:
            emit(c, b, log.DROP, row.sender, txn, 0, row.site, 0, 0, row.receiver, 0, 0, row.number, 0, 0)
            row.due = GONE
            continue
        row.due += world.tick - row.sent
        row.sent = world.tick
        row.held = NO_TXN
        if c.fifo != 0:
            row.due = max(row.due, pipe[row.sender, row.receiver])
            pipe[row.sender, row.receiver] = row.due
        if row.due < world.next_due:
            world.next_due = row.due


@compiled
def _close_gaps(c, b):
    world, mail = world_of(c, b), mail_of(c, b)
    kept = 0
    for at in range(world.mail_first, world.mail_count):
        if mail[at].due != GONE:
            mail[kept] = mail[at]
            kept += 1
    world.mail_first = 0
    world.mail_count = kept


@inlined
def deliver(c, b):
    """Hand over the mail that is due, in order of sending."""
    world, mail, counts = world_of(c, b), mail_of(c, b), counts_of(c, b)
    earliest, first, last = NEVER, world.mail_first, world.mail_count
    for at in range(first, last):
        row = mail[at]
        # One branch to guess, not one a reason.
        on_its_way = (row.due > world.tick) & (row.held == NO_TXN)
        earliest = min(earliest, row.due if on_its_way else NEVER)
        if on_its_way | (row.due == GONE) | (row.held != NO_TXN):
            continue
        row.due = GONE
        me, belief = agents_of(c, b)[row.receiver], beliefs_of(c, b, row.receiver)[row.site]
        # What one sees for oneself no message changes, nor what the token's holder knows; stamped, only what is newer
        # is believed.
        believed = me.phase != OUT and not sees(c, b, row.receiver, row.site) and world.holder != row.receiver
        promise = 1 if row.kind == PROMISE else 0
        if believed and c.stamped != 0 and belief.channel != NONE:
            believed = 2 * row.stamp + promise > 2 * belief.version + belief.promise
        emit(
            c, b, log.DELIVER, row.receiver, NO_TXN, 0, row.site, row.value, row.stamp, row.sender, row.kind,
            1 if believed else 0, row.number, row.sensed, row.sent,
        )  # fmt: skip
        counts[_DELIVERED] += 1
        counts[_SOURCE] += row.sent - row.sensed
        counts[_TRANSIT] += world.tick - row.sent
        if me.phase != OUT:
            me.inbox += 1
            me.inbox_kind = row.kind
            me.inbox_sender = row.sender
            me.inbox_site = row.site
            me.inbox_value = row.value
        if believed:
            _outdate(me, belief, row.site)
            belief.value = row.value
            belief.version = row.stamp
            belief.channel = MESSAGE
            belief.tick = row.sensed
            belief.arrived = world.tick
            belief.promise = promise
    while first < last and mail[first].due == GONE:
        first += 1
    world.mail_first = first
    if first == last:
        world.mail_first = 0
        world.mail_count = 0
    world.next_due = earliest


@compiled
def judge_invariants(c, b, agent, txn):
    """Note which invariants hold; the transaction that breaks one is named."""
    world, sites, rules = world_of(c, b), sites_of(c, b), invariant_rules(c)
    for index in range(c.invariants):
        rule = rules[index]
        broken = False
        total = 0
        for site in range(c.sites):
            if not has(rule.sites, site):
                continue
            total += sites[site].value
            if rule.kind == scenario.CLEAR_WHEN_CLOSED and sites[site].value == 1:
                for region in range(c.sites):
                    if has(site_rules(c)[site].commands, region) and sites[region].value > 0:
                        broken = True
        if rule.kind == scenario.AT_LEAST:
            broken = total < rule.floor
        was = (world.broken >> index) & 1
        if broken and was == 0:
            world.broken |= 1 << index
            if agent >= 0:
                emit(c, b, log.INVARIANT_BROKEN, agent, txn, 0, NO_SITE, 0, 0, NOBODY, index, 0, 0, 0, 0)
                counts_of(c, b)[_VIOLATIONS] += 1
                agents_of(c, b)[agent].broke = 1
        elif not broken and was == 1:
            world.broken &= ~(1 << index)


@compiled
def write(c, b, agent, txn, op, site, value, relative, argument, verb, unsettled, held, announcer):
    """Give a site a new version, unless the value stays the same."""
    world, there = world_of(c, b), sites_of(c, b)[site]
    if c.value_goals != 0:
        world.changed = 1
    if agent >= 0:
        world.writer = agent
    if value != there.value:
        before = there.value
        if unsettled != 0 and there.unsettled == NOBODY:
            settled_of(c, b)[site].value = before
            settled_of(c, b)[site].version = there.version
        there.value = value
        there.version += 1
        if agent != WORLD:  # what drifts on top of an unsettled version does not settle it
            there.unsettled = agent if unsettled != 0 else NOBODY
        there.changed = world.tick
        if agent >= 0:
            if there.writer != agent:
                there.other_writer_version = there.writer_version
                there.writer = agent
            there.writer_version = there.version
        world.dirty |= bit(site)
        if c.constraints > 0 and has(c.plan, site):
            forget_followed(c, b, site)
        if world.holder == agent:
            world.holder_wrote |= bit(site)
        if c.locks != 0 and agent >= 0 and agents_of(c, b)[agent].txn == txn:
            agents_of(c, b)[agent].wrote |= bit(site)
        emit(
            c, b, log.WRITE, agent, txn, op, site, value, there.version, before, relative, argument, unsettled, verb, 0
        )  # fmt: skip
        if c.invariants > 0:
            judge_invariants(c, b, agent, txn)
    if site_rules(c)[site].announced != 0 and (agent >= 0 or announcer >= 0):
        sender = agent if agent >= 0 else announcer
        send(c, b, sender, FACT, site, there.value, there.version, world.tick, txn if held != 0 else NO_TXN)


@compiled
def forget_followed(c, b, entry):
    """An entry of the plan was corrected: what was done before makes no torn pair any more."""
    for k in range(c.constraints):
        if entry < 0 or has(constraint_rules(c)[k], entry):
            for a in range(c.agents):
                followed_of(c, b, k)[a].mark = 0


@inlined
def others_wrote(there, agent, version):
    """Tell whether an agent other than `agent` wrote the site after `version`."""
    if there.writer != agent:
        return there.writer_version > version
    return there.other_writer_version > version


@inlined
def is_current(there, read):
    """Tell whether an input or belief is current: its version stands, or the very next one kept the promise."""
    if read.promise != 0:
        return there.version == read.version + 1 and there.value == read.value
    return there.version == read.version


@compiled
def world_events(c, b):
    """Boats arrive, things drift; boats pass a closed gate."""
    world, sites, rules, events = world_of(c, b), sites_of(c, b), event_rules(c), events_of(c, b)
    world.next_event = NEVER
    for index in range(c.events):
        rule, event = rules[index], events[index]
        if event.due > world.tick and event.due < world.next_event:
            world.next_event = event.due
        if event.due != world.tick:
            continue
        if rule.what == scenario.ARRIVES:
            if event.state == LOST:
                continue
            event.state = WAITING
        elif rule.what == scenario.CLOSES:
            event.state = LOST if leads_to(c, b, rule.nth % c.depots) else PASSED
            world.changed = 1
        emit(c, b, log.WORLD_EVENT, WORLD, NO_TXN, 0, rule.site, 0, 0, NOBODY, rule.source, rule.nth, rule.what, 0, 0)
        value = sites[rule.site].value + rule.amount
        write(c, b, WORLD, NO_TXN, 0, rule.site, value, 1, rule.amount, verbs.WRITE, 0, 0, NOBODY)
    if c.boats == 0 or sites[c.gate].value != 1:
        return
    for index in range(c.boats):
        if events[index].state == WAITING:
            events[index].state = PASSED
            world.changed = 1
            emit(c, b, log.WORLD_EVENT, WORLD, NO_TXN, 0, c.board, 0, 0, NOBODY, 0, index, scenario.PASSES, 0, 0)
            write(c, b, WORLD, NO_TXN, 0, c.board, sites[c.board].value - 1, 1, -1, verbs.WRITE, 0, 0, NOBODY)


@compiled
def leads_to(c, b, depot):
    """Tell whether an entry of the plan leads to a depot, by its number among those that close."""
    for entry in range(c.sites):
        if has(c.plan, entry) and sites_of(c, b)[entry].value == depot:
            return True
    return False


@compiled
def answer_acts(c, b):
    """What the world does in answer to the acts of this tick: it stocks shelves again, and intruders come."""
    world, sites = world_of(c, b), sites_of(c, b)
    taken = world.dirty & c.stocked
    while taken != _ZERO:
        shelf = lowest(taken)
        taken &= taken - _ONE
        if sites[shelf].value != 0 or sites[shelf].stock == 0:
            continue
        sites[shelf].stock -= 1
        nth = site_rules(c)[shelf].stock - sites[shelf].stock
        emit(c, b, log.WORLD_EVENT, WORLD, NO_TXN, 0, shelf, 0, 0, NOBODY, 0, nth, scenario.RESTOCKS, 0, 0)
        item = site_rules(c)[shelf].value
        write(c, b, WORLD, NO_TXN, 0, shelf, item, 0, item, verbs.PUT, 0, 0, NOBODY)
    if world.dirty & c.posts == _ZERO:
        return
    for goods in range(c.sites):
        if world.dirty & site_rules(c)[goods].posts != _ZERO:
            _answer_guards(c, b, goods, site_rules(c)[goods].posts)


@compiled
def _answer_guards(c, b, goods, posts):
    world, sites = world_of(c, b), sites_of(c, b)
    guards = 0
    for post in range(c.sites):
        if has(posts, post):
            guards += sites[post].value
    if guards > 0:
        world.robbed &= ~bit(goods)
    elif not has(world.robbed, goods):
        world.robbed |= bit(goods)
        world.thefts += 1
        emit(c, b, log.WORLD_EVENT, WORLD, NO_TXN, 0, goods, 0, 0, NOBODY, 0, world.thefts, scenario.STEALS, 0, 0)
        if sites[goods].value > 0:
            write(c, b, WORLD, NO_TXN, 0, goods, sites[goods].value - 1, 1, -1, verbs.WRITE, 0, 0, NOBODY)


@compiled
def next_job(c, b, a, task):
    """Return the index of the agent's next open job of a task, or -1."""
    jobs = jobs_of(c, b, a)
    for index in range(c.jobs):
        if jobs[index].task == task and jobs[index].used == 0:
            return index
    return -1


@compiled
def reset_world(c, b, seed):
    """Lay out one world for a seed: places, jobs, events, targets, first beliefs."""
    from_rules = site_rules(c)
    world = world_of(c, b)
    world.seed = seed
    world.dirty = _ZERO
    world.moved = _ZERO
    world.holder_wrote = _ZERO
    world.tick = 0
    world.status = 0
    world.next_txn = 0
    world.holder = NOBODY
    world.holder_since = 0
    world.holder_settled = 0
    world.changed = 1
    world.writer = NOBODY
    world.elapsed = 0
    world.goals_met = 0
    world.goals_lost = 0
    world.last_goal_tick = 0
    world.next_event = 0
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
    world.fenced = _ZERO
    world.stalled = _ZERO
    world.ready = _ZERO
    world.settles = 0
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


@compiled
def _tally_zero(c, b, a, t):
    tally, seen = tally_of(c, b, a), seen_of(c, b, a)
    tally[t, 0] = 0
    tally[t, 1] = 0
    tally[t, 2] = 0
    for slot in range(c.inputs):
        seen[t, slot, 0] = NO_VERSION
        seen[t, slot, 1] = NO_VERSION


@inlined
def stand_on(me, place):
    """Note the row and column of the cell an agent stands on."""
    me.row = place.row
    me.column = place.column
    me.figure[1] = np.float32(place.row)
    me.figure[2] = np.float32(place.column)


@compiled
def _reset_agent(c, b, a, me):
    rule = agent_rules(c)[a]
    me.stale = _ZERO
    me.show = ~_ZERO
    me.reseen = 1
    me.rejob = 1
    me.shown = -1
    me.remask = 1
    me.cell = rule.home
    me.phase = IDLE
    me.hand = rule.hand
    me.landed = 0
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
    me.border = NO_SITE
    me.lock_next = 0
    me.lock_site = NO_SITE
    me.lock_mode = 0
    me.lock_since = 0
    me.waits = 0
    me.wait_site = NO_SITE
    me.wait_since = 0
    me.snapshot = 0
    me.task = -1
    me.op = 0
    me.txn = NO_TXN
    me.job = -1
    me.thought_left = 0
    me.thought = 0
    me.decided = 0
    me.stuck = 0
    me.holding = NOBODY
    me.queued_since = 0
    me.queued_task = -1
    me.step = NO_CELL
    me.look = NO_SITE
    me.outcome = 0
    me.broke = 0
    me.done = 0
    me.argument = 0
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
    me.figure[0] = np.float32(1.0)
    me.figure[3] = np.float32(0.0)
    if rule.stations[0] >= 0:
        start = np.int64(draw(c, b, entropy.START, a, 0, 0, 0) & _ONE)
        me.side = 1 - start
        me.cell = rule.ends[start]
    stand_on(me, cell_rule(c, me.cell))
    jobs = jobs_of(c, b, a)
    for n in range(c.jobs):
        jobs[n].task = -1
        jobs[n].used = 1
        jobs[n].attempt = 0
        if rule.jobs > 0:
            which = draw(c, b, entropy.JOB_TASK, a, n, 0, 0) % np.uint64(rule.jobs)
            amount = draw(c, b, entropy.JOB_AMOUNT, a, n, 0, 0) % np.uint64(c.job_high - c.job_low + 1)
            jobs[n].task = job_tasks(c)[a, which]
            jobs[n].amount = c.job_low + np.int64(amount)
            jobs[n].used = 0


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
