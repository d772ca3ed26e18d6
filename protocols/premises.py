"""The premise rule: what has changed refuses an act only if the act is no longer right.

Prevents: what validation prevents in its scopes, if it has all four; with fewer, lost update alone, for a premise can
fail by one scope's inputs and another's together.
Costs: less than versions do, for a change that does not matter refuses nobody. The predicates must be declared.
Source: Gawlick and Kinkade, Varieties of Concurrency Control in IMS/VS Fast Path, IEEE Database Engineering 8(2), 1985
(field calls: a predicate is verified again at commit); O'Neil, The Escrow Transactional Method, TODS 11(4), 1986.

Judged are the act that is tried and those whose writes wait for settle: what was done in the open stays whatever is
said of it now. A declared premise may widen what is checked and never narrow it: the verb's own is asked beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from ..world.context import agents_of, inputs_of, op_rule, task_inputs, task_rules, world_of
from ..world.control import Stale
from ..world.jit import compiled
from ..world.judging import classify, outcome_by
from ..world.kernel import bit, has
from ..world.reference import World
from ..world.reference_state import Input, Transaction
from ..world.state import AT_SETTLE, MESSAGE
from ..world.tasks import ResolvedOp
from .validation import Validation, checking_scope, stale_scope


class Premises:
    """Refuse what, with the stale inputs renewed, no longer holds or would write something else."""

    def __init__(self, validation: Validation) -> None:
        self.validation = validation

    def check(self, world: World, txn: Transaction, op: int, moment: str, is_fenced: bool) -> list[Stale]:
        """Return the stale inputs of the acts that are wrong now, one entry a site, in site order."""
        if moment not in self.validation.moments:
            return []
        ops, refused = world.rules.tasks[txn.task].ops, dict[int, int]()
        waiting = {index for index, _, _ in txn.buffered}
        for index in range(self.validation.first(op, moment), op + 1):
            is_tried = index == op and moment != "settle"
            if is_tried or index in waiting:
                used = txn.inputs if is_tried else txn.used[index]
                for site, scope in self._wrong(world, txn, ops[index], used, is_fenced).items():
                    refused.setdefault(site, scope)
        return [Stale(site, refused[site]) for site in sorted(refused)]

    def _wrong(
        self, world: World, txn: Transaction, op: ResolvedOp, used: Mapping[int, Input], is_fenced: bool
    ) -> dict[int, int]:
        """Return an op's stale inputs if they make it wrong; a fenced one, or a second correction, is not asked why."""
        stale = self.validation.stale(world, txn, (op,), is_fenced)
        if (is_fenced and op.follow in stale) or (op.plan and self.validation.has_epochs and stale):
            return stale
        # Old beliefs and the world's own drift may make up for what others have changed: it is asked alone too.
        exposed = {
            site: scope
            for site in op.pre
            if site not in txn.hidden
            and (scope := self.validation.scope_of(world, op, used[site], site))
            and _is_exposed(world, txn, used, site)
        }
        renewed = {site for site in stale if not used[site].own}
        if _worsens(world, txn, op, used, renewed) or _worsens(world, txn, op, used, exposed):
            return exposed | stale
        return {}


def _is_exposed(world: World, txn: Transaction, used: Mapping[int, Input], site: int) -> bool:
    """Tell whether another agent has changed an input since the decision."""
    read, there = used[site], world.sites[site]
    if read.own or read.value == there.value:
        return False
    others = any(writer >= 0 and writer != txn.agent for writer in there.writers[read.version :])
    if site in world.rules.plan and others:
        return True
    return others or read.promise if read.channel == MESSAGE else others and not read.outdated


def _worsens(
    world: World, txn: Transaction, op: ResolvedOp, used: Mapping[int, Input], renewed: Collection[int]
) -> bool:
    argument = world.argument_of(txn, op)
    before = {site: read.value for site, read in used.items()}
    after = {site: world.sites[site].value if site in renewed else value for site, value in before.items()}
    if op.value_written(argument, after) != op.value_written(argument, before):
        return True
    return any(
        op.premise_holds(argument, before, premise) and not op.premise_holds(argument, after, premise)
        for premise in (op.premise, op.usual_premise)
    )


# ---------------------------------------------------------------------- compiled

_ZERO = np.uint64(0)


@compiled
def _op_worsens(c, b, a, o, renewed):
    rule = op_rule(c, agents_of(c, b)[a].task, o)
    for premise in (rule.premise, rule.usual_premise):
        before = outcome_by(c, b, a, 1 + o, o, _ZERO, premise)
        after = outcome_by(c, b, a, 1 + o, o, renewed, premise)
        if before[1] != after[1] or (before[0] and not after[0]):
            return True
    return False


@compiled
def wrong_scope(c, b, a, slot, first, last, moment):
    """Return the scope in which an input is stale and makes one of these ops wrong, or 0.

    An op's inputs are those that it used, row 1 + o: at an act and in thought the live ones have just been copied.
    """
    me = agents_of(c, b)[a]
    is_fenced = c.epochs != 0 and has(world_of(c, b).fenced, a)
    for o in range(first, last + 1):
        if (o < last or moment == AT_SETTLE) and (me.pending >> o) & 1 == 0:
            continue
        rule, used = op_rule(c, me.task, o), inputs_of(c, b, a, 1 + o)
        mine = stale_scope(c, b, a, slot, o, o)
        exposed = classify(c, b, a, o)[0]
        if mine == 0 and not has(exposed, slot):
            continue
        stale, renewed = _ZERO, _ZERO
        for other in range(task_rules(c)[me.task].inputs):
            if stale_scope(c, b, a, other, o, o) != 0:
                stale |= bit(other)
                if used[other].own == 0:
                    renewed |= bit(other)
            site = task_inputs(c)[me.task, other]
            if has(me.hidden, site) or checking_scope(c, rule, used[other], other, site) == 0:
                exposed &= ~bit(other)
        if mine == 0 and not has(exposed, slot):
            continue
        fenced = is_fenced and rule.follow >= 0 and not has(me.hidden, task_inputs(c)[me.task, rule.follow])
        unasked = fenced or (rule.correction >= 0 and c.epochs != 0 and stale != _ZERO)
        if mine != 0 and (unasked or _op_worsens(c, b, a, o, renewed) or _op_worsens(c, b, a, o, exposed)):
            return mine
        if mine == 0 and not unasked and (_op_worsens(c, b, a, o, renewed) or _op_worsens(c, b, a, o, exposed)):
            return checking_scope(c, rule, used[slot], slot, task_inputs(c)[me.task, slot])
    return 0
