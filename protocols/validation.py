"""Validation: an act takes effect only if the inputs that it rests on are still current.

Prevents: lost update (scope written), stale read (sensor), action-message desync (message), stale correction (plan).
Costs: thought that is refused is thought again; a version that changed without mattering refuses all the same.
Source: Kung and Robinson, On Optimistic Methods for Concurrency Control, TODS 6(2), 1981 (backward validation).
"""

from __future__ import annotations

from ..world.context import agents_of, inputs_of, op_rule, sites_of, task_inputs, world_of
from ..world.control import Stale
from ..world.jit import compiled
from ..world.kernel import has, is_current
from ..world.reference import World
from ..world.reference_state import Transaction
from ..world.state import MESSAGE, PLANNED, SENSED, TOLD, WRITTEN


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
        ops = world.rules.tasks[txn.task].ops
        first = 0 if moment == "settle" or (self.whole_task and moment != "think") else op
        stale: dict[int, int] = {}
        for earlier in ops[first : op + 1]:
            scopes = self.scopes
            if earlier.plan and self.checks_correctors:
                scopes |= SENSED | TOLD
            for site in earlier.inputs:
                read = txn.inputs[site]
                if is_fenced and site == earlier.follow:
                    stale.setdefault(site, PLANNED)
                scope = 0
                if site in earlier.pre and site in world.rules.plan:
                    scope = PLANNED
                elif site in earlier.pre and read.channel == MESSAGE:
                    scope = TOLD
                elif site in earlier.pre and not (site == earlier.site and earlier.modifies):
                    scope = SENSED
                if site in earlier.owned and not scope & scopes:
                    scope = PLANNED if earlier.plan and self.has_epochs else WRITTEN
                if scope & scopes and site not in stale and not world.is_current(read, site):
                    stale[site] = scope
        return [Stale(site, stale[site]) for site in sorted(stale)]


@compiled
def stale_scope(c, b, a, slot, first, last):
    """Return the scope in which the first of ops `first` to `last` finds this input not current, or 0."""
    me = agents_of(c, b)[a]
    read = inputs_of(c, b, a, 0)[slot]
    site = task_inputs(c)[me.task, slot]
    fenced = c.epochs != 0 and has(world_of(c, b).fenced, a)
    current = is_current(sites_of(c, b)[site], read)
    if current and not fenced:
        return 0
    for o in range(first, last + 1):
        rule = op_rule(c, me.task, o)
        if fenced and slot == rule.follow:
            return PLANNED
        if current:
            continue
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
        if scope & scopes != 0:
            return scope
    return 0
