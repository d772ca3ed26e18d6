"""The channel, compiled: messages are sent, lost, doubled, held, delayed and handed over."""

from __future__ import annotations

import numpy as np

from . import entropy, log
from .context import agents_of, beliefs_of, counts_of, delays, heard_of, mail_of, pipe_of, sent_of, site_rules, world_of
from .entropy import PROBABILITY_BITS
from .jit import compiled, inlined, lowest
from .kernel import bit, credit, draw, emit, outdate, sees
from .settings import QUANTILES
from .state import COUNTER_INDEX, GONE, MESSAGE, NEVER, NO_TXN, NONE, OUT, PROMISE, SYMBOL

_ONE, _ZERO = np.uint64(1), np.uint64(0)
_MESSAGES = COUNTER_INDEX["messages"]
_SOURCE, _TRANSIT, _DELIVERED = (COUNTER_INDEX[name] for name in ("age_source", "age_transit", "delivered"))
SHIFT = np.uint64(64 - PROBABILITY_BITS)  # from a draw to what a probability is compared with
_QUANTILES = np.uint64(QUANTILES)


@compiled
def send(c, b, sender, kind, site, value, stamp, sensed, held):
    """Send to every listener of a site, a symbol to everyone; the channel may lose, double and delay."""
    listeners = ~_ZERO >> np.uint64(64 - c.agents) if kind == SYMBOL else site_rules(c)[site].listeners
    listeners &= ~bit(sender)
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
        me, belief = agents_of(c, b)[row.receiver], beliefs_of(c, b, row.receiver)[max(row.site, 0)]
        tells = me.phase != OUT and row.kind != SYMBOL
        # What one sees for oneself no message changes, nor what the token's holder knows; stamped, only what is newer
        # is believed.
        believed = tells and not sees(c, b, row.receiver, row.site) and world.holder != row.receiver
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
        if not tells:
            if me.phase != OUT:
                heard_of(c, b, row.receiver)[row.sender] = 1 + row.value
        else:
            me.inbox_kind = row.kind
            me.inbox_sender = row.sender
            me.inbox_site = row.site
            me.inbox_value = row.value
        if believed:
            outdate(me, row.site)
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
