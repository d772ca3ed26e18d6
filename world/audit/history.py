"""The versions of every site, as the log's writes install them."""

from __future__ import annotations

from typing import NamedTuple

from ..rules import Rules
from ..state import NO_TXN, NOBODY


class Version(NamedTuple):
    """One version of a site; the writer is an agent, `WORLD`, or `NOBODY` for the initial value."""

    value: int
    version: int
    writer: int
    tick: int
    txn: int


class SiteHistory:
    """The versions of one site, oldest first; a version's number is its place."""

    __slots__ = ("_last_agent", "_last_by_agent", "_last_by_others", "site", "value", "versions")

    def __init__(self, site: int, value: int) -> None:
        self.site = site
        self.value = value
        self.versions = [Version(value, 0, NOBODY, 0, NO_TXN)]
        # Enough to tell in constant time whether anyone else wrote after a version: the agent that wrote most recently,
        # its newest version, and the newest version by any other agent.
        self._last_agent = NOBODY
        self._last_by_agent = 0
        self._last_by_others = 0

    @property
    def newest(self) -> Version:
        """The current version."""
        return self.versions[-1]

    def install(self, version: Version) -> None:
        """Append a version.

        Raises: ValueError if versions before it are missing: the log was not kept from the beginning.
        """
        if version.version != len(self.versions):
            raise ValueError(
                f"the log gives site {self.site} version {version.version} after version {len(self.versions) - 1}; "
                "an audit needs the whole log of one episode"
            )
        self.versions.append(version)
        self.value = version.value
        if version.writer < 0:
            return
        if version.writer != self._last_agent:
            self._last_by_others, self._last_agent = self._last_by_agent, version.writer
        self._last_by_agent = version.version

    def written_by_others(self, agent: int, after: int) -> bool:
        """Tell whether an agent other than `agent` wrote after a version."""
        return (self._last_by_agent if self._last_agent != agent else self._last_by_others) > after

    def superseding(self, agent: int, after: int) -> Version:
        """Return the newest version after `after` that another agent wrote; the current one if there is none."""
        for version in reversed(self.versions):
            if version.version <= after:
                break
            if version.writer >= 0 and version.writer != agent:
                return version
        return self.newest


def initial_history(rules: Rules) -> list[SiteHistory]:
    """Return the sites as the blueprint lays them out, all at version 0."""
    return [SiteHistory(index, site.value) for index, site in enumerate(rules.blueprint.sites)]
