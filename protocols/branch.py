"""Branches: a task works on its own copy of the record sites, and merges what it made of them when it settles.

Prevents: nothing by itself: nobody sees a branch before the merge, and each site goes from what stood there to what the
branch ends with, in one version, or in none where that is the same. Checked at the merge, it prevents lost updates.
Costs: a conflict is found at the merge, after all of the thought and the walking. What was done to physical sites
stands by then: they cannot be branched, so what is checked at the merge alone protects none of them.
Source: Kung and Robinson, On Optimistic Methods for Concurrency Control, TODS 6(2), 1981 (private copies, write phase).
"""

from __future__ import annotations

from ..world.context import agents_of, op_rule, task_rules
from ..world.jit import compiled
from ..world.reference_state import Buffered, Transaction


class Branch:
    """Merge the last state of each site."""

    def merge(self, txn: Transaction) -> list[Buffered]:
        """Return the last write of each site, in the order of the ops."""
        last = {op.site: op_index for op_index, op, _ in txn.buffered}
        return [write for write in txn.buffered if last[write.op.site] == write.op_index]


@compiled
def is_written_again(c, b, a, o):
    """Tell whether a later op of the branch has written the site of op `o`."""
    me = agents_of(c, b)[a]
    for later in range(o + 1, task_rules(c)[me.task].ops):
        if (me.pending >> later) & 1 and op_rule(c, me.task, later).site == op_rule(c, me.task, o).site:
            return True
    return False
