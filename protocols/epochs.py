"""Epochs: a correction of the plan is prepared, acknowledged, and adopted by all at one boundary.

Prevents: stale correction: no op follows an entry that a published epoch has changed, so none is late and none torn.
Costs: ops that follow a changed entry are held from the publication to the boundary; a copy and an acknowledgement a
member, more where they are lost. Who does not answer in time is fenced: refused until it knows.
Source: Gray and Lamport, Consensus on Transaction Commit, TODS 31(1), 2006, for prepare and adopt; the fence from
Kleppmann, Designing Data-Intensive Applications, 2017, section 8.4 (fencing tokens). Fencing only at the boundary, and
not from the publication on, is as bad as no protocol: what was decided before acts after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..world import entropy, log
from ..world.context import agents_of, counts_of, delays, op_rule, task_inputs, thoughts_left, world_of
from ..world.jit import compiled, how_many, inlined, lowest
from ..world.kernel import bit, draw, emit, has, is_input_current, renew
from ..world.mail import SHIFT
from ..world.settings import QUANTILES
from ..world.state import (
    COUNTER_INDEX,
    NEVER,
    NO_SITE,
    NO_TXN,
    NOBODY,
    OUT,
    REGISTRY,
    THINKING,
)

if TYPE_CHECKING:
    from ..world.reference import World
    from ..world.reference_state import Transaction

_PLAN = 4  # column b of a sense event: the belief comes from the plan's registry


class Epochs:
    """One correction in preparation at a time; members are the agents whose tasks may follow the plan."""

    def __init__(self, adopt_timeout: int, resend: int, stops: bool) -> None:
        self.adopt_timeout = adopt_timeout
        self.resend = resend
        self.stops = stops  # stale thought is stopped, so a thinking member answers at once
        self.reset()

    def reset(self) -> None:
        """An episode begins."""
        self.corrector = NOBODY  # of the correction in preparation
        self.changed: frozenset[int] = frozenset()  # entries that it changes
        self.acknowledged: set[int] = set()
        self.unanswered: set[int] = set()  # members who have a copy and owe the acknowledgement
        self.fenced: set[int] = set()
        self.copy_due: dict[int, int] = {}  # member -> tick at which the earliest copy arrives
        self.answer_due: dict[int, int] = {}
        self.copies: dict[int, int] = {}  # sent so far, of this epoch
        self.answers: dict[int, int] = {}

    def members(self, world: World) -> list[int]:
        """Return the members who are in play."""
        return [agent for agent in sorted(world.rules.members) if world.agents[agent].phase != OUT]

    def correct(self, world: World, agent: int, entries: list[int]) -> None:
        """Prepare what has just been published, and send every other member a copy."""
        self.corrector, self.changed = agent, frozenset(entries)
        self.acknowledged, self.unanswered = {agent}, set()
        self.copy_due, self.answer_due, self.copies, self.answers = {}, {}, {}, {}
        for member in self.members(world):
            if member != agent:
                self._send(world, member)

    def _send(self, world: World, member: int) -> None:
        nth = self.copies[member] = self.copies.get(member, 0) + 1
        due, lost = world.channel(entropy.COPY_DELAY, entropy.COPY_LOSS, world.epoch, member, nth)
        world.record(log.COPY, self.corrector, value=world.epoch, other=member, b=due, e=int(lost))
        if not lost:
            self.copy_due[member] = min(due, self.copy_due.get(member, NEVER))

    def holds(self, world: World, txn: Transaction) -> bool:
        """Tell whether the next op has to wait for the boundary.

        It does if it follows an entry that is about to change, or would publish a second correction. One that was
        decided before the first was published need not wait: it is refused.
        """
        if self.corrector == NOBODY:
            return False
        op = world.rules.tasks[txn.task].ops[txn.op]
        if op.plan:
            return all(world.is_current(txn.inputs[entry], entry) for entry in {*op.plan} - txn.hidden)
        return op.follow in self.changed - txn.hidden

    def refused(self, world: World, txn: Transaction) -> None:
        """Take the refusal of a fenced member's plan-bound op for its receipt and its acknowledgement."""
        tried = world.rules.tasks[txn.task].ops[: txn.op + 1]
        if txn.agent in self.fenced and any(op.follow != NO_SITE for op in tried):
            self.acknowledged.add(txn.agent)
            self.unanswered.discard(txn.agent)
            self.copy_due.pop(txn.agent, None)
            self._adopt(world, txn.agent)

    def turn(self, world: World) -> None:
        """Send again, receive, acknowledge, and come to the boundary."""
        waited = world.now - world.published
        if self.corrector != NOBODY and waited > 0 and waited % self.resend == 0:
            for member in self.members(world):
                if member not in self.acknowledged:
                    self._send(world, member)
        for member in self.members(world):
            if self.copy_due.get(member, NEVER) <= world.now:
                del self.copy_due[member]
                world.record(log.RECEIVED, member, value=world.epoch)
                self.unanswered.add(member)
            me = world.agents[member]
            busy = me.stalled > 0 or (me.phase == THINKING and not self.stops)
            if member in self.unanswered and not busy:
                self.unanswered.remove(member)
                nth = self.answers[member] = self.answers.get(member, 0) + 1
                due, lost = world.channel(entropy.ACK_DELAY, entropy.ACK_LOSS, world.epoch, member, nth)
                world.record(log.ACKNOWLEDGED, member, value=world.epoch, b=due, e=int(lost))
                if not lost:
                    self.answer_due[member] = min(due, self.answer_due.get(member, NEVER))
            if self.answer_due.get(member, NEVER) <= world.now:
                del self.answer_due[member]
                self.acknowledged.add(member)
                if member in self.fenced and self.corrector == NOBODY:
                    self._adopt(world, member)
        late = set(self.members(world)) - self.acknowledged
        if self.corrector != NOBODY and (not late or waited >= self.adopt_timeout):
            world.record(log.ADOPTED, self.corrector, value=world.epoch, a=waited, b=len(late))
            self.corrector, self.changed = NOBODY, frozenset()
            for agent in range(len(world.agents)):
                if agent not in late and world.agents[agent].phase != OUT:
                    self._adopt(world, agent)
            self.fenced |= late

    def _adopt(self, world: World, member: int) -> None:
        self.fenced.discard(member)
        for entry in world.rules.plan:
            world.renew(member, entry, REGISTRY, _PLAN)


# ---------------------------------------------------------------------- compiled

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_QUANTILES = np.uint64(QUANTILES)
_MESSAGES = COUNTER_INDEX["messages"]


@compiled
def prepare(c, b, a, changed):
    """Prepare what has just been published, and send every other member a copy."""
    world, agents = world_of(c, b), agents_of(c, b)
    world.corrector = a
    world.turn_due = 0
    world.changed_entries = changed
    world.acknowledged = bit(a)
    world.unanswered = _ZERO
    world.under_way = _ZERO
    for member in range(c.agents):
        me = agents[member]
        me.copy_due = NEVER
        me.answer_due = NEVER
        me.copies = 0
        me.answers = 0
        if has(c.members, member) and me.phase != OUT and member != a:
            send_copy(c, b, member)


@compiled
def _over_channel(c, b, delay, loss, member, nth):
    """Return the tick at which a copy or an answer arrives, and whether it is lost."""
    world = world_of(c, b)
    due, lost = world.tick, False
    if c.lockstep == 0:
        if c.loss > 0:
            lost = (draw(c, b, loss, world.epoch, member, nth, 0) >> SHIFT) < c.loss
        due += delays(c)[draw(c, b, delay, world.epoch, member, nth, 0) % _QUANTILES]
    counts_of(c, b)[_MESSAGES] += 1
    return due, lost


@compiled
def send_copy(c, b, member):
    """Send a member a copy of the epoch in preparation."""
    world, me = world_of(c, b), agents_of(c, b)[member]
    me.copies += 1
    due, lost = _over_channel(c, b, entropy.COPY_DELAY, entropy.COPY_LOSS, member, me.copies)
    emit(
        c, b, log.COPY, world.corrector, NO_TXN, 0, NO_SITE, world.epoch, 0, member, 0, due, 0, 0, np.int64(lost)
    )  # fmt: skip
    if not lost:
        me.copy_due = min(due, me.copy_due)
        world.under_way |= bit(member)


@compiled
def holds_for_epoch(c, b, a, rule):
    """Tell whether an op has to wait for the boundary."""
    world = world_of(c, b)
    if world.corrector == NOBODY:
        return False
    me = agents_of(c, b)[a]
    if rule.correction >= 0:
        for slot in range(c.inputs):
            is_seen = has(rule.owned, slot) and not has(me.hidden, task_inputs(c)[me.task, slot])
            if is_seen and not is_input_current(c, b, a, slot):
                return False
        return True
    return rule.follow >= 0 and has(world.changed_entries & ~me.hidden, task_inputs(c)[me.task, rule.follow])


@compiled
def carry_epoch(c, b, a):
    """Take the refusal of a fenced member's plan-bound op for its receipt and its acknowledgement."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    follows = False
    for o in range(me.op + 1):
        if op_rule(c, me.task, o).follow >= 0:
            follows = True
    if has(world.fenced, a) and follows:
        world.acknowledged |= bit(a)
        world.turn_due = 0
        world.unanswered &= ~bit(a)
        me.copy_due = NEVER
        adopt(c, b, a)


@compiled
def adopt(c, b, a):
    """Let an agent act by the newest epoch."""
    world_of(c, b).fenced &= ~bit(a)
    entries = c.plan
    while entries != _ZERO:
        renew(c, b, a, lowest(entries), REGISTRY, _PLAN)
        entries &= entries - _ONE


@compiled
def turn_epoch(c, b):
    """Send again, receive, acknowledge, and come to the boundary."""
    world, agents = world_of(c, b), agents_of(c, b)
    waited = world.tick - world.published
    if world.corrector != NOBODY and waited > 0 and waited % c.resend == 0:
        left = in_play(c, b, c.members & ~world.acknowledged)
        while left != _ZERO:
            send_copy(c, b, lowest(left))
            left &= left - _ONE
    # Most members wait: for what is under way, or for the end of their thought. One branch to guess a member.
    turn_due, now = NEVER, _ZERO
    left = world.unanswered | world.under_way
    while left != _ZERO:
        member = lowest(left)
        left &= left - _ONE
        due = next_turn(c, b, member)
        is_due = due <= world.tick
        now |= np.uint64(is_due) << np.uint64(member)
        turn_due = min(turn_due, NEVER if is_due else due)
    while now != _ZERO:
        member = lowest(now)
        now &= now - _ONE
        take_part(c, b, member)
        turn_due = min(turn_due, next_turn(c, b, member))
    if world.corrector != NOBODY:
        late = c.members & ~world.acknowledged
        while late != _ZERO and agents[lowest(late)].phase == OUT:
            late &= late - _ONE
        if late == _ZERO or waited >= c.adopt_timeout:
            come_to_boundary(c, b, waited)
        else:
            turn_due = min(turn_due, world.published + c.adopt_timeout, world.tick + c.resend - waited % c.resend)
    world.turn_due = turn_due


@inlined
def next_turn(c, b, member):
    """Return the tick from which on a member may have something to do for an epoch, or NEVER."""
    world, me = world_of(c, b), agents_of(c, b)[member]
    answers = ticks_busy(c, b, member) + world.tick if has(world.unanswered, member) else NEVER
    return NEVER if me.phase == OUT else min(me.copy_due, me.answer_due, answers)


@inlined
def ticks_busy(c, b, a):
    """Return how many ticks an agent cannot acknowledge for at least: it stands still, or thinks and is not stopped."""
    me = agents_of(c, b)[a]
    thought = thoughts_left(c, b)[a] + 1 if (me.phase == THINKING) & (c.stops == 0) else 0
    return max(me.stalled, thought)


@inlined
def in_play(c, b, members):
    """Return those of a set of agents who are in play."""
    left, there = members, _ZERO
    while left != _ZERO:
        there |= np.uint64(agents_of(c, b)[lowest(left)].phase != OUT) << np.uint64(lowest(left))
        left &= left - _ONE
    return there


@compiled
def take_part(c, b, member):
    """Let a member receive what has arrived and acknowledge it, and take its acknowledgement."""
    world, me = world_of(c, b), agents_of(c, b)[member]
    if me.copy_due <= world.tick:
        me.copy_due = NEVER
        emit(c, b, log.RECEIVED, member, NO_TXN, 0, NO_SITE, world.epoch, 0, NOBODY, 0, 0, 0, 0, 0)
        world.unanswered |= bit(member)
    if has(world.unanswered, member) and ticks_busy(c, b, member) == 0:
        world.unanswered &= ~bit(member)
        me.answers += 1
        due, lost = _over_channel(c, b, entropy.ACK_DELAY, entropy.ACK_LOSS, member, me.answers)
        emit(
            c, b, log.ACKNOWLEDGED, member, NO_TXN, 0, NO_SITE, world.epoch, 0, NOBODY, 0, due, 0, 0, np.int64(lost)
        )  # fmt: skip
        if not lost:
            me.answer_due = min(due, me.answer_due)
            world.under_way |= bit(member)
    if me.answer_due <= world.tick:
        me.answer_due = NEVER
        world.acknowledged |= bit(member)
        if has(world.fenced, member) and world.corrector == NOBODY:
            adopt(c, b, member)
    if me.copy_due == NEVER and me.answer_due == NEVER:
        world.under_way &= ~bit(member)


@compiled
def come_to_boundary(c, b, waited):
    """Let all adopt the epoch in preparation, and fence those who have not acknowledged it."""
    world, agents = world_of(c, b), agents_of(c, b)
    late = in_play(c, b, c.members & ~world.acknowledged)
    emit(
        c, b, log.ADOPTED, world.corrector, NO_TXN, 0, NO_SITE, world.epoch, 0, NOBODY, waited, how_many(late), 0, 0, 0
    )  # fmt: skip
    world.corrector = NOBODY
    world.changed_entries = _ZERO
    for a in range(c.agents):
        if not has(late, a) and agents[a].phase != OUT:
            adopt(c, b, a)
    world.fenced |= late


@inlined
def end_thought(c, b, a):
    """Note that an agent that owes an acknowledgement may have ended its thought before its time, and can answer."""
    if c.epochs != 0 and has(world_of(c, b).unanswered, a):
        world_of(c, b).turn_due = 0
