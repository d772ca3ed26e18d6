"""Validation: an act takes effect only if the inputs that it rests on are still current.

Prevents: lost update (scope written), stale read (sensor), action-message desync (message), stale correction (plan).
Costs: thought that is refused is thought again; a version that changed without mattering refuses all the same.
Source: Kung and Robinson, On Optimistic Methods for Concurrency Control, TODS 6(2), 1981 (backward validation).
"""

from __future__ import annotations

from ..world.context import agents_of, inputs_of, op_rule, task_inputs, world_of
from ..world.control import Stale
from ..world.jit import compiled, inlined
from ..world.kernel import has, is_input_current
from ..world.reference import World
from ..world.reference_state import Input, Transaction
from ..world.state import MESSAGE, PLANNED, SENSED, TOLD, WRITTEN
from ..world.tasks import ResolvedOp


class Validation:
    """Check the inputs of the op (or, with `whole_task`, of all ops so far) against the current versions."""

    def __init__(
        self, scopes: int, moments: tuple[str, ...], whole_task: bool, checks_correctors: bool, has_epochs: bool
    ) -> None:
        self.scopes = scopes
        self.moments = moments
        self.whole_task = whole_task
        self.checks_correctors = checks_correctors
        self.has_epochs = has_epochs

    def check(self, world: World, txn: Transaction, op: int, moment: str, is_fenced: bool) -> list[Stale]:
        """Return the stale inputs, one entry a site, in site order.

        A fenced agent may follow no entry, stale or not. A corrector has its own reads checked where that is asked for;
        under epochs none corrects an epoch twice.
        """
        if moment not in self.moments:
            return []
        ops = world.rules.tasks[txn.task].ops[self.first(op, moment) : op + 1]
        stale = self.stale(world, txn, ops, is_fenced)
        return [Stale(site, stale[site]) for site in sorted(stale)]

    def first(self, op: int, moment: str) -> int:
        """Return the first op that is checked with one."""
        return 0 if moment == "settle" or (self.whole_task and moment != "think") else op

    def stale(self, world: World, txn: Transaction, ops: tuple[ResolvedOp, ...], is_fenced: bool) -> dict[int, int]:
        """Return the inputs of these ops that are not current, and the scope that says so."""
        stale: dict[int, int] = {}
        for op in ops:
            for site in op.inputs:
                if site in txn.hidden:
                    continue
                if is_fenced and site == op.follow:
                    stale.setdefault(site, PLANNED)
                scope = self.scope_of(world, op, txn.inputs[site], site)
                if scope and site not in stale and not world.is_current(txn.inputs[site], site):
                    stale[site] = scope
        return stale

    def scope_of(self, world: World, op: ResolvedOp, read: Input, site: int) -> int:
        """Return the scope in which an op's input is checked, or 0."""
        scopes, scope = self.scopes, 0
        if op.plan and self.checks_correctors:
            scopes |= SENSED | TOLD
        if site in op.pre and site in world.rules.plan:
            scope = PLANNED
        elif site in op.pre and read.channel == MESSAGE:
            scope = TOLD
        elif site in op.pre and not (site == op.site and op.modifies):
            scope = SENSED
        if site in op.owned and not scope & scopes:
            scope = PLANNED if op.plan and self.has_epochs else WRITTEN
        return scope & scopes


@compiled
def stale_scope(c, b, a, slot, first, last):
    """Return the scope in which the first of ops `first` to `last` finds this input not current, or 0."""
    me = agents_of(c, b)[a]
    read = inputs_of(c, b, a, 0)[slot]
    site = task_inputs(c)[me.task, slot]
    if has(me.hidden, site):
        return 0
    fenced = c.epochs != 0 and has(world_of(c, b).fenced, a)
    current = is_input_current(c, b, a, slot)
    if current and not fenced:
        return 0
    for o in range(first, last + 1):
        rule = op_rule(c, me.task, o)
        if fenced and slot == rule.follow:
            return PLANNED
        if not current:
            scope = checking_scope(c, rule, read, slot, site)
            if scope != 0:
                return scope
    return 0


@inlined
def checking_scope(c, rule, read, slot, site):
    """Return the scope in which an op's input is checked, or 0."""
    scopes = c.scopes
    if rule.correction >= 0 and c.corrector != 0:
        scopes |= SENSED | TOLD
    in_pre = has(rule.pre, slot)
    scope = 0
    if in_pre and has(c.plan, site):
        scope = PLANNED
    elif in_pre and read.channel == MESSAGE:
        scope = TOLD
    elif in_pre and not (slot == rule.own and rule.modifies != 0):
        scope = SENSED
    if has(rule.owned, slot) and scope & scopes == 0:
        scope = PLANNED if rule.correction >= 0 and c.epochs != 0 else WRITTEN
    return scope & scopes
