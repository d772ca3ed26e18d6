"""Torn corrections: two agents act on different epochs of the plan and break what it declares to agree."""

from __future__ import annotations

from collections.abc import Sequence

from ..state import NO_SITE
from .history import SiteHistory
from .verdicts import Act


class TornPairs:
    """For each constraint, the last act of each agent since an entry of it was corrected, and what it followed.

    Both acts of a pair come after the newer epoch was published, one by the older entry, one by the newer; a late act
    counts once, and entries that say the same break nothing.
    """

    def __init__(self, constraints: Sequence[frozenset[int]]) -> None:
        self.constraints = constraints
        self.followed: list[dict[int, tuple[bool, int]]] = [{} for _ in constraints]  # agent -> late?, value

    def forget(self, entry: int) -> None:
        """An entry was corrected: what was done before makes no pair any more."""
        for entries, followed in zip(self.constraints, self.followed, strict=True):
            if entry in entries:
                followed.clear()

    def judge(self, act: Act, sites: Sequence[SiteHistory]) -> int:
        """Return how many torn pairs an act completes."""
        if not self.constraints or act.op.follow == NO_SITE or not act.premise:
            return 0
        read = next(read for read in act.reads if read.site == act.op.follow)
        is_late = read.value != sites[read.site].value
        if is_late and not sites[read.site].written_by_others(act.agent, read.version):
            return 0
        found = 0
        for entries, followed in zip(self.constraints, self.followed, strict=True):
            if read.site not in entries:
                continue
            partners = [
                agent
                for agent, (late, value) in followed.items()
                if agent != act.agent and late != is_late and value != read.value
            ]
            found += min(1, len(partners)) if is_late else len(partners)
            followed[act.agent] = is_late, read.value
            for counted in (act.agent,) if is_late and partners else () if is_late else partners:
                del followed[counted]
        return found
