"""What a site holds at each rank: a settled value beneath, and the writes of ranks that are not quiet yet above it.

A protocol that orders transactions by rank keeps these chains, and the auditor rebuilds them from the log.
"""

from __future__ import annotations

from collections.abc import Iterable

from .state import NO_RANK

TOP = 2**31  # above every rank

# What `log.LAID` says in column a: a value, a difference, or a difference directly after a rank; or that a shelf which
# the rank has emptied is filled again, and holds this value for who comes after it.
VALUE, DIFFERENCE, AFTER, REFILLED = range(4)
# Where a rank stands; reopened: taken back, and kept for its owner's next decision.
OPEN, SETTLED, REOPENED, VOID = range(4)


class Chains:
    """For each site its value below all ranks that are not quiet, and by rank what was laid on it."""

    def __init__(self, values: Iterable[int]) -> None:
        self.base = list(values)
        self.quiet = NO_RANK  # every rank up to this one has become part of `base`
        self.laid: list[dict[int, tuple[int, int]]] = [{} for _ in self.base]  # rank -> what it says, which
        self.after: list[dict[int, int]] = [{} for _ in self.base]

    def value(self, site: int, rank: int) -> int:
        """Return what a reader of a rank sees: lower ranks only."""
        found, laid, after = self.base[site], self.laid[site], self.after[site]
        for lower in sorted({*laid, *after}):
            if lower >= rank:
                break
            found = self._with(site, lower, found) + after.get(lower, 0)
        return found

    def own(self, site: int, rank: int) -> int:
        """Return what a rank sees with its own write on top; a shelf that it has emptied is filled after it."""
        return 0 if self.is_refilled(site, rank) else self._with(site, rank, self.value(site, rank))

    def is_refilled(self, site: int, rank: int) -> bool:
        """Tell whether a rank has emptied a shelf that has been filled again since."""
        return rank in self.laid[site] and self.laid[site][rank][0] == REFILLED

    def lay(self, site: int, rank: int, how: int, value: int) -> None:
        """Lay a value or a difference on a site; a second one of the same rank goes on top of the first."""
        if how == AFTER:
            if rank <= self.quiet:
                self.base[site] += value
            else:
                self.after[site][rank] = self.after[site].get(rank, 0) + value
            return
        known, before = self.laid[site].get(rank, (DIFFERENCE, 0))
        self.laid[site][rank] = (known, before + value) if how == DIFFERENCE else (how, value)

    def take(self, site: int, rank: int) -> None:
        """Take away what a rank has laid on a site."""
        self.laid[site].pop(rank, None)

    def fold(self, rank: int) -> None:
        """All ranks up to this one are quiet."""
        for site in range(len(self.base)):
            self.base[site] = self.value(site, rank + 1)
            for chain in (self.laid[site], self.after[site]):
                for lower in [other for other in chain if other <= rank]:
                    del chain[lower]
        self.quiet = rank

    def _with(self, site: int, rank: int, below: int) -> int:
        how, value = self.laid[site].get(rank, (DIFFERENCE, 0))
        return below + value if how == DIFFERENCE else value
