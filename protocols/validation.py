"""Validation: an act takes effect only if the inputs that it rests on are still current.

Prevents: lost update (scope written), stale read (sensor), action-message desync (message).
Costs: thought that is refused is thought again; a version that changed without mattering refuses all the same.
Source: Kung and Robinson, On Optimistic Methods for Concurrency Control, TODS 6(2), 1981 (backward validation).
"""

from __future__ import annotations

from ..world.control import Stale
from ..world.reference import Transaction, World
from ..world.state import MESSAGE, SENSED, TOLD, WRITTEN


class Validation:
    """Check the inputs of the op (or, with `whole_task`, of all ops so far) against the current versions."""

    def __init__(self, scopes: int, moments: tuple[str, ...], whole_task: bool) -> None:
        self.scopes = scopes
        self.moments = moments
        self.whole_task = whole_task

    def check(self, world: World, txn: Transaction, op: int, moment: str) -> list[Stale]:
        """Return the stale inputs, one entry a site, in site order."""
        if moment not in self.moments:
            return []
        ops = world.rules.tasks[txn.task].ops
        first = 0 if self.whole_task or moment == "settle" else op
        stale: dict[int, int] = {}
        for earlier in ops[first : op + 1]:
            for site in earlier.inputs:
                read = txn.inputs[site]
                scope = 0
                if site in earlier.pre and read.channel == MESSAGE:
                    scope = TOLD
                elif site in earlier.pre and not (site == earlier.site and earlier.modifies):
                    scope = SENSED
                if site == earlier.site and not scope & self.scopes:
                    scope = WRITTEN
                if scope & self.scopes and site not in stale and not world.is_current(read, site):
                    stale[site] = scope
        return [Stale(site, stale[site]) for site in sorted(stale)]
