"""First committer wins: who would write over a version newer than its snapshot is refused.

Prevents: lost update. Not write skew: two tasks that each read what the other writes, and write different sites, both
commit.
Costs: thought that is refused is thought again.
Source: Berenson, Bernstein, Gray, Melton, O'Neil, O'Neil, A Critique of ANSI SQL Isolation Levels, SIGMOD 1995, section
4.2. That each act asks, and not only the last, is "first updater wins", as PostgreSQL and Oracle do it.

The snapshot is taken at admission: the inputs, settled versions only. A task settles in the turn of its last act, so
the check of that act is the one at settle. Blind differences commute and are exempt; what the task also reads is not,
be it in a later op, which would find its own difference laid on another's.
"""

from __future__ import annotations

from ..world.context import agents_of, op_rule, task_inputs, task_rules
from ..world.jit import compiled
from ..world.kernel import has, is_input_current
from ..world.reference import World
from ..world.reference_state import Transaction
from ..world.state import WRITTEN


class FirstCommitterWins:
    """Compare the versions of what is about to be written with those of the snapshot."""

    def check(self, world: World, txn: Transaction, op: int) -> dict[int, int]:
        """Return the sites of the write set that have a newer version, with the scope that says so.

        What an earlier op has changed in the open is written already: it was checked then.
        """
        overwritten: dict[int, int] = {}
        task = world.rules.tasks[txn.task]
        for index, each in enumerate(task.ops[: op + 1]):
            if index < op and not world.is_record(each.site):
                continue
            for site in each.owned or {each.site}.intersection(task.reads):
                if site not in txn.hidden and not world.is_current(txn.inputs[site], site):
                    overwritten[site] = WRITTEN
        return overwritten


@compiled
def overwrites(c, b, a, slot, last):
    """Tell whether an op up to the last would write an input's site over a version newer than the snapshot."""
    me = agents_of(c, b)[a]
    site = task_inputs(c)[me.task, slot]
    if has(me.hidden, site) or is_input_current(c, b, a, slot):
        return False
    read = has(task_rules(c)[me.task].reads, site)
    for o in range(last + 1):
        rule = op_rule(c, me.task, o)
        if o < last and rule.record == 0:
            continue
        if has(rule.owned, slot) or (read and rule.relative != 0 and rule.site == site):
            return True
    return False
