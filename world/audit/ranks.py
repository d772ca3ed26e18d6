"""What the log says of ranks: the value of every site at the rank of a reader.

Under ranks an input is superseded by what a lower rank writes and not by what a higher one does: that comes after the
reader. The log says what stands where (`laid`, `taken`) and up to which rank all is quiet.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import log
from ..ranks import Chains
from ..rules import Rules
from .history import SiteHistory, Version


class Ranks:
    """The chains of an episode, rebuilt from its log."""

    def __init__(self, rules: Rules) -> None:
        self.chains = Chains(site.value for site in rules.blueprint.sites)
        self.rank_of: dict[int, int] = {}  # txn -> rank

    def read(self, row: tuple[int, ...]) -> None:
        """Read an event that speaks of ranks."""
        kind, _, _, txn, _, site, value, _, _, a, b, _, _, _ = row
        if kind == log.RANK:
            self.rank_of[txn] = value
        elif kind == log.LAID:
            self.chains.lay(site, b, a, value)
        elif kind == log.TAKEN:
            self.chains.take(site, b)
        else:
            self.chains.fold(value)

    def below(self, sites: Sequence[SiteHistory], txn: int) -> Sequence[SiteHistory]:
        """Return the sites as a transaction sees them: at its rank with its own writes, if it has one."""
        rank = self.rank_of.get(txn)
        if rank is None:
            return sites
        return [_AtRank(there, self.chains.own(index, rank)) for index, there in enumerate(sites)]


class _AtRank(SiteHistory):
    """A site with the value at one rank; whoever wrote below it has superseded what the reader has read."""

    def __init__(self, there: SiteHistory, value: int) -> None:
        self.site, self.value, self.versions = there.site, value, there.versions

    @property
    def newest(self) -> Version:
        """The current version, whatever its rank."""
        return self.versions[-1]

    def written_by_others(self, agent: int, after: int) -> bool:
        """What differs was written below: nobody writes there but by a rank of its own."""
        return True
