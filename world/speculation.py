"""Speculation: who waits to be let in thinks on what it believes, and keeps the thought if that proves true.

Prevents: nothing; it takes the think time out of the wait, where what is waited for changes nothing that matters.
Costs: thought on what proves to be otherwise when it is let in: thrown away, and thought again.
Source: Reddy, Kitsuregawa, Speculative Locking Protocols to Improve Performance for Distributed Database Systems, IEEE
TKDE 16(2), 2004; there every outcome of who is waited for is worked on, here one guess: that it changes nothing. Kept
by value and not by version, as in Lipasti, Wilkerson, Shen, Value Locality and Load Value Prediction, ASPLOS 1996: a
thought rests on what it was told.

The guess is what the agent believes at its decision. It is judged when the inputs are frozen, all of them against all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import log
from .context import agents_of, beliefs_of, counts_of, inputs_of, task_inputs, task_rules, thoughts_left, world_of
from .jit import compiled
from .kernel import credit, emit
from .log import BEGINS, KEPT, SPOILED
from .state import COUNTER_INDEX, NO_SITE, NOBODY

if TYPE_CHECKING:
    from .reference import World
    from .reference_state import Transaction


def guess(world: World, txn: Transaction) -> None:
    """Let a transaction that has to wait think on what its agent believes now."""
    beliefs = world.beliefs[txn.agent]
    txn.guess = {site: beliefs[site].value for site in world.rules.tasks[txn.task].inputs}


def speculate(world: World, txn: Transaction) -> None:
    """Spend a tick of thought on the guess, if there is one and a place to think."""
    me = world.agents[txn.agent]
    has_place = me.placed or world.rules.settings.thinkers is None
    if txn.guess is None or me.thought_left == 0 or not has_place:
        return
    if not txn.has_speculated:
        txn.has_speculated = True
        world.record(log.SPECULATE, txn.agent, txn.number, a=BEGINS)
    me.thought_left -= 1
    world.thought_in_tick.add(txn.agent)


def judge_guess(world: World, txn: Transaction) -> None:
    """Keep what was thought, if all inputs are as guessed, or throw it away; who thinks anew asks for a new place."""
    me = world.agents[txn.agent]
    kept = txn.has_speculated and all(txn.inputs[site].value == value for site, value in (txn.guess or {}).items())
    if txn.has_speculated:
        thought = txn.thought - me.thought_left
        world.record(log.SPECULATE, txn.agent, txn.number, a=KEPT if kept else SPOILED, b=thought)
        if not kept:
            txn.spoiled, me.thought_left = thought, txn.thought
    if not kept:
        me.placed = False
    if txn.guess is None or (txn.has_speculated and not kept):
        me.asked = world.now
    txn.guess = None


# ---------------------------------------------------------------------- compiled

_MAY, _HAS_BEGUN = 1, 2
_THINK, _WASTED = COUNTER_INDEX["think_ticks"], COUNTER_INDEX["wasted_think_ticks"]


@compiled
def guess_compiled(c, b, a):
    """Let a transaction that has to wait think on what its agent believes now: row 0 of its inputs, till admission."""
    me = agents_of(c, b)[a]
    me.speculates = _MAY
    for slot in range(task_rules(c)[me.task].inputs):
        inputs_of(c, b, a, 0)[slot].value = beliefs_of(c, b, a)[task_inputs(c)[me.task, slot]].value


@compiled
def speculate_compiled(c, b, a):
    """Spend a tick of thought on the guess, if there is a place to think."""
    me = agents_of(c, b)[a]
    if me.placed == 0:
        return
    if me.speculates == _MAY:
        me.speculates = _HAS_BEGUN
        emit(c, b, log.SPECULATE, a, me.txn, 0, NO_SITE, 0, 0, NOBODY, BEGINS, 0, 0, 0, 0)
    thoughts_left(c, b)[a] -= 1
    counts_of(c, b)[_THINK] += 1
    credit(c, b, a, -c.think_cost)


@compiled
def judge_guess_compiled(c, b, a, is_true):
    """Keep what was thought, if all inputs are as guessed, or throw it away; who thinks anew asks for a new place."""
    me = agents_of(c, b)[a]
    begun = me.speculates == _HAS_BEGUN
    kept = begun and is_true
    if begun:
        thought = me.thought - thoughts_left(c, b)[a]
        said = KEPT if kept else SPOILED
        emit(c, b, log.SPECULATE, a, me.txn, 0, NO_SITE, 0, 0, NOBODY, said, thought, 0, 0, 0)
        if not kept:
            counts_of(c, b)[_WASTED] += thought
            me.spoiled = thought
            thoughts_left(c, b)[a] = me.thought
    if not kept:
        me.placed = c.thinkers == 0
    if me.speculates == 0 or (begun and not kept):
        me.asked = world_of(c, b).tick
    me.speculates = 0
