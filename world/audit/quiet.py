"""An episode under ranks as it stands once all is quiet: who read and wrote what in the order of ranks, from the log.

The log tells what happened as it happened: late writes slipped in, work taken back and done again. Here stands what
came of it. Versions are numbered in the order of ranks. What was taken back is left out, and so is what was not quiet
when the episode ended, for it might have been taken back. A read is of what stands beneath its rank at last, if that
has the value that was used; else of what stood there when it was read.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import log
from ..ranks import AFTER, REFILLED, TOP, VALUE
from ..rules import Rules
from ..state import NO_RANK, NO_TXN, WORLD

NOWHERE = -2  # in the place of a transaction that was taken back: what was read stood nowhere at the reader's rank

_SETTLED = (log.COMMIT, log.PARTIAL_COMMIT)
_INSTALLED = (log.WRITE, log.UNDO, log.REDO)
_KINDS = (
    log.DECIDE, log.RANK, log.LAID, log.TAKEN, log.QUIET, log.INPUT, log.READ, log.REREAD, log.REVOKED,
    *_INSTALLED, *_SETTLED,
)  # fmt: skip


class Laid(NamedTuple):
    """One write where it stands among those of its site: by rank, what comes directly after a rank behind it."""

    rank: int
    comes_after: bool
    row: int  # of the log
    agent: int
    txn: int
    op: int
    how: int
    value: int  # or difference


class Seen(NamedTuple):
    """What stood on a site at some time: so many writes that were quiet, and those on top of them."""

    quiet: int
    above: tuple[Laid, ...]


class _Site:
    """The writes to one site: those that are quiet, in the order of ranks, and those on top of them."""

    def __init__(self, value: int) -> None:
        self.quiet: list[Laid] = []
        self.values = [value]  # before the first and after each of those
        self.above: list[Laid] = []
        self.version = 0  # as installed
        self.value = value
        self.stood = {0: Seen(0, ())}  # by version as installed

    def seen(self, rank: int) -> Seen:
        """Return what stands beneath a rank now."""
        return Seen(len(self.quiet), tuple(self.above[: bisect_left(self.above, (rank,))]))

    def holds(self, seen: Seen) -> int:
        """Return the value of what stood there."""
        return _on(self.values[seen.quiet], seen.above)

    def fold(self, rank: int) -> None:
        """All ranks up to this one are quiet."""
        many = bisect_left(self.above, (rank + 1,))
        for one in self.above[:many]:
            self.quiet.append(one)
            self.values.append(_on(self.values[-1], (one,)))
        del self.above[:many]


class AtQuiescence:
    """One episode under ranks. `events` is its log with what it came to in the place of what happened.

    There a write has the version and the value that it has in the order of ranks, and in column e twice its rank, one
    more if it comes directly after it. A read has the version that it is a read of, in `other` the transaction that
    wrote it if that was taken back, in column e the row at which it was read again. What did not last is of kind none.
    """

    def __init__(self, rules: Rules, events: NDArray[Any]) -> None:
        self.sites = [_Site(site.value) for site in rules.blueprint.sites]
        self.quiet = NO_RANK
        self.rank_of: dict[int, int] = {}  # txn -> rank
        self.problems: list[str] = []  # what the log says that cannot be
        self.hindrances: list[str] = []  # what was to be taken back and stays: why the order is broken, where it is
        self._names = rules.site_names
        self._seen: dict[tuple[int, int], Seen] = {}  # by transaction and site, as it was read
        self._reads: dict[tuple[int, int], list[list[Any]]] = {}  # row, value, what was seen or None, row of rereading
        self._order_of: dict[int, tuple[int, ...]] = {}  # txn -> agent, task, and which time of it
        self._holder: dict[int, int] = {}  # rank -> the last transaction that had it
        self._own: set[tuple[int, int]] = set()  # transaction and site: what its own hands or feet have changed
        self._worldly: set[int] = set()  # sites that the world has written, and has not laid yet
        self._gone: set[tuple[int, int]] = set()  # transactions and ops that were taken back
        settled: dict[int, int] = {}  # txn -> row
        revoked: dict[int, int] = {}
        steps = {
            log.DECIDE: self._decide, log.RANK: self._rank, log.LAID: self._lay, log.TAKEN: self._take,
            log.QUIET: self._fold,
            log.INPUT: self._input, log.READ: self._read, log.REREAD: self._reread,
            **dict.fromkeys(_INSTALLED, self._install),
        }  # fmt: skip
        rows = np.flatnonzero(np.isin(events["kind"], _KINDS))
        for row, event in zip(rows.tolist(), events[rows].tolist(), strict=True):
            kind, txn = event[0], event[3]
            if kind in _SETTLED:
                settled[txn] = row
            elif kind == log.REVOKED:
                settled.pop(txn, None)
                revoked[txn] = row
            else:
                steps[kind](row, event)
        self._agree()
        self._number = {one.row: nth for site in self.sites for nth, one in enumerate(site.quiet, 1)}
        self.events = events.copy()
        self._retell(settled, revoked)

    # ------------------------------------------------------------------ the log, event by event

    def _decide(self, row: int, event: tuple[int, ...]) -> None:
        _, _, agent, txn, _, _, _, _, _, task, _, _, nth, _ = event
        self._order_of[txn] = agent, task, nth

    def _rank(self, row: int, event: tuple[int, ...]) -> None:
        _, _, _, txn, _, _, rank, _, _, how, *_ = event
        if how < 2:
            self.rank_of[txn], self._holder[rank] = rank, txn

    def _lay(self, row: int, event: tuple[int, ...]) -> None:
        _, _, agent, txn, op, at, value, _, _, how, rank, is_inverse, *_ = event
        site = self.sites[at]
        if agent == WORLD and value and at not in self._worldly:
            tick = event[1]
            self.problems.append(f"{self._names[at]} in tick {tick} is not what the ranks have left there")
        self._worldly.discard(at)
        if is_inverse and agent == WORLD:  # the filling of the shelf that a rank has emptied goes to another, or back
            site.above.remove(next(one for one in reversed(site.above) if (one.rank, one.agent) == (rank, WORLD)))
            self._worldly.add(at)
        elif is_inverse:
            self._gone.add((txn, op))
            site.above = [one for one in site.above if (one.txn, one.op) != (txn, op)]
        elif how == REFILLED:
            insort(site.above, Laid(rank, False, row, agent, txn, op, VALUE, value))
        elif rank > self.quiet:
            insort(site.above, Laid(rank, how == AFTER, row, agent, txn, op, how, value))
        else:  # it comes after all that is quiet
            one = Laid(self.quiet, True, row, agent, txn, op, how, value)
            site.quiet.append(one)
            site.values.append(_on(site.values[-1], (one,)))
            if how != AFTER:
                self.problems.append(f"{self._names[at]} is written at rank {rank}, which was quiet")
        if agent != WORLD and how != AFTER and not is_inverse:
            self._own.add((self._holder[rank], at))
        site.stood[site.version] = site.seen(TOP)

    def _take(self, row: int, event: tuple[int, ...]) -> None:
        _, _, _, txn, op, at, _, _, _, _, rank, *_ = event
        site = self.sites[at]
        if rank <= self.quiet:
            self.problems.append(f"{self._names[at]} is taken back at rank {rank}, which was quiet")
            return
        self._gone.add((txn, op))
        self._worldly.discard(at)
        site.above = [one for one in site.above if one.rank != rank or one.comes_after]
        site.stood[site.version] = site.seen(TOP)

    def _fold(self, row: int, event: tuple[int, ...]) -> None:
        self.quiet = event[6]
        for site in self.sites:
            site.fold(self.quiet)

    def _install(self, row: int, event: tuple[int, ...]) -> None:
        _, _, agent, _, _, at, value, version, *_ = event
        site = self.sites[at]
        if agent == WORLD and event[0] == log.WRITE:
            self._worldly.add(at)
        site.version, site.value = version, value
        site.stood[version] = site.seen(TOP)

    def _input(self, row: int, event: tuple[int, ...]) -> None:
        _, _, _, txn, _, at, *_ = event
        self._seen[txn, at] = self.sites[at].seen(self.rank_of.get(txn, TOP))

    def _read(self, row: int, event: tuple[int, ...]) -> None:
        _, _, _, txn, _, at, value, *_ = event
        seen = None if (txn, at) in self._own else self._seen[txn, at]
        self._reads.setdefault((txn, at), []).append([row, value, seen, 0])

    def _reread(self, row: int, event: tuple[int, ...]) -> None:
        _, _, _, txn, _, at, value, *_ = event
        self._seen[txn, at] = seen = self.sites[at].seen(self.rank_of.get(txn, TOP))
        for read in self._reads.get((txn, at), ()):
            if read[2] is not None:
                read[1:] = value, seen, row

    # ------------------------------------------------------------------ what it came to

    def version_read(self, at: int, rank: int, value: int, seen: Seen) -> tuple[int, int]:
        """Return the version that a read of a site is of, and who wrote it if that was taken back, else NO_TXN."""
        site = self.sites[at]
        beneath = bisect_left(site.quiet, (rank,))
        if site.values[beneath] == value:
            return beneath, NO_TXN
        if site.holds(seen) != value:
            return beneath, NOWHERE
        number = self._number
        known = [number[one.row] for one in seen.above if one.row in number]
        newest = known[-1] if known else seen.quiet
        for one in reversed(seen.above):  # down to a value, which covers what is below it
            if one.row not in number:
                return newest, one.txn
            if one.how == VALUE:
                break
        rests = next((nth for nth in range(beneath, 0, -1) if site.quiet[nth - 1].how == VALUE), 1)
        for missed in range(max(rests, seen.quiet + 1), beneath + 1):
            if missed not in known:
                return max((nth for nth in known if nth < missed), default=seen.quiet), NO_TXN
        return newest, NO_TXN

    def version_believed(self, at: int, txn: int, value: int, version: int) -> tuple[int, int]:
        """Return the same of what an agent believed when it decided, by the version as it was installed."""
        found, taken = self.version_read(at, self.rank_of.get(txn, TOP), value, self.sites[at].stood[version])
        return found, NO_TXN if taken == NOWHERE else taken

    def _agree(self) -> None:
        """What stands on a site at last is what the ranks have written there, one on top of the other."""
        for name, site in zip(self._names, self.sites, strict=True):
            if (value := site.holds(site.seen(TOP))) != site.value:
                self.problems.append(f"{name} is {site.value} at last, and {value} in the order of ranks")

    def _retell(self, settled: dict[int, int], revoked: dict[int, int]) -> None:
        """Put what it came to in the place of what happened."""
        told, rank_of = self.events, self.rank_of
        lasting = {txn for txn in settled if rank_of.get(txn, TOP) <= self.quiet}
        done = {rank_of[txn] for txn in lasting}
        orders = {self._order_of[txn] for txn in settled.keys() & rank_of.keys()}
        lasting |= {one.txn for site in self.sites for one in site.quiet} & settled.keys()  # borders
        self.cut_off = sum(rank_of.get(txn, NO_RANK) > self.quiet for txn in settled)
        # The last of each rank that came to nothing, if its order was not served at another rank either.
        undone = {rank_of[txn]: (txn, row) for txn, row in revoked.items() if rank_of[txn] <= self.quiet}
        lost = [row for rank, (txn, row) in undone.items() if rank not in done and self._order_of[txn] not in orders]
        is_dropped = np.isin(told["kind"], (log.WRITE, log.REVOKED, *_SETTLED))
        is_dropped[[settled[txn] for txn in lasting]] = False
        is_dropped[lost] = False
        written = {(one.txn, one.op) for site in self.sites for one in site.quiet if one.agent != WORLD}
        for row in np.flatnonzero(np.isin(told["kind"], (log.ACT, log.REFUSED_BY_WORLD))).tolist():
            kind, tick, _, txn, op, at, *_ = told[row].tolist()
            if kind == log.ACT:
                is_dropped[row] = (txn, op) in self._gone
            elif (txn, op) in written:  # the act itself was possible: its inverse was not
                is_dropped[row] = True
                self.hindrances.append(f"the world does not let {self._names[at]} be taken back in tick {tick}")
        told["kind"][is_dropped] = 0
        for at, site in enumerate(self.sites):
            for nth, one in enumerate(site.quiet, 1):
                told[one.row] = (
                    log.WRITE, told["tick"][one.row], one.agent, one.txn, one.op, at, site.values[nth], nth,
                    site.values[nth - 1], one.how != VALUE, 0, 0, 0, 2 * one.rank + one.comes_after,
                )  # fmt: skip
        for (txn, at), reads in self._reads.items():
            rank = rank_of.get(txn, TOP)
            for row, value, seen, again in reads:
                found = bisect_left(self.sites[at].quiet, (rank,)), NO_TXN
                version, taken = found if seen is None else self.version_read(at, rank, value, seen)
                read = told[row]
                read["value"], read["version"], read["other"], read["e"] = value, version, taken, again


def _on(value: int, writes: Iterable[Laid]) -> int:
    """Return the value of a site once these are laid on it."""
    for one in writes:
        value = one.value if one.how == VALUE else value + one.value
    return value
