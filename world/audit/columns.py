"""A history in columns: flat integer arrays over transactions, operations and versions, and no object for each.

A version is a number. Those that stand in the order of an object are numbered one after the other, the object's initial
version first: the version that comes after `v`, if any, is `v + 1`. Versions outside the order, which aborted or were
intermediate, follow behind; `stands` says after which version of the order such a one was laid on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.signedinteger[Any]]
Bools = NDArray[np.bool_]
Tag = int | str

# Of columns that hold places in others. What is done to a long history waits for memory, and half as much is enough.
INDEX = np.int32

TYPES = ("ok", "fail", "info")
OK, FAIL, INFO = range(3)
NEVER = np.iinfo(np.int64).max  # `complete` of a transaction whose end was not seen
NOBODY = -1  # writer of an initial version
NOWHERE = -1  # of a version outside the order, of which nobody said what it was laid on


@dataclass(frozen=True, eq=False)
class History:
    """What committed transactions read and wrote, T transactions of O operations on V versions.

    Columns are of INDEX, but for the int64 of `invoke` and `complete`, which count what they like.
    """

    name: Tag
    objects: Sequence[str]
    processes: Sequence[Tag]
    tags: Sequence[Tag | None]  # [V]; None for an initial version

    object_of: Ints  # [V]
    writer: Ints  # [V] transaction, or NOBODY
    is_installed: Bools  # [V] it is initial or stands in the order
    stands: Ints  # [V] itself where installed, else the installed version it was laid on, or NOWHERE

    process: Ints  # [T]
    outcome: Ints  # [T] OK, FAIL or INFO
    invoke: Ints  # [T]
    complete: Ints  # [T] or NEVER

    op_start: Ints  # [T + 1] the operations of transaction t are those from op_start[t] up to op_start[t + 1]
    is_write: Bools  # [O]
    version: Ints  # [O]

    @property
    def transactions(self) -> int:
        """How many transactions there are, committed or not."""
        return len(self.process)

    @cached_property
    def op_txn(self) -> Ints:
        """The transaction of each operation, [O]."""
        return np.repeat(np.arange(self.transactions, dtype=INDEX), np.diff(self.op_start))

    @cached_property
    def is_committed(self) -> Bools:
        """Tell of each transaction whether it committed, [T]: it is ok, or what it wrote stands in an order."""
        left_a_mark = np.zeros(self.transactions, bool)
        left_a_mark[self.writer[self.is_installed & (self.writer != NOBODY)]] = True
        committed: Bools = (self.outcome == OK) | ((self.outcome == INFO) & left_a_mark)
        return committed

    @cached_property
    def next_version(self) -> Ints:
        """The version that overwrote each one in the order, [V]; NOWHERE where none did or none is known."""
        follows = np.zeros(len(self.writer), bool)
        follows[:-1] = self.is_installed[1:] & (self.object_of[1:] == self.object_of[:-1])
        after: Ints = np.where((self.stands != NOWHERE) & follows[self.stands], self.stands + 1, NOWHERE).astype(INDEX)
        return after

    @cached_property
    def foreign_reads(self) -> tuple[Ints, Ints]:
        """The operations with which committed transactions read what they did not write, and their transactions."""
        read = places(~self.is_write)
        txn = self.op_txn[read]
        is_foreign = self.is_committed[txn] & (self.writer[self.version[read]] != txn)
        return read[is_foreign], txn[is_foreign]

    @cached_property
    def by_object(self) -> tuple[Ints, Bools]:
        """The operations by transaction, object and place, [O], and of each whether the one before shares its group."""
        return grouped(self.op_txn, self.object_of[self.version], len(self.objects))

    @cached_property
    def is_intermediate(self) -> Bools:
        """Tell of each version whether its writer installed a later one of the same object, [V]."""
        order, same = self.by_object
        version = self.version[order]
        installs = self.is_write[order] & self.is_installed[version]
        # The place of the last installing write of each group, -1 in a group without one.
        place = np.arange(len(order), dtype=INDEX)
        group = np.cumsum(~same, dtype=INDEX) - 1
        last = np.full(int(group[-1]) + 1 if len(group) else 0, -1, INDEX)
        last[group[installs]] = place[installs]
        found = np.zeros(len(self.writer), bool)
        found[version[self.is_write[order] & (place < last[group])]] = True
        return found


def places(mask: Bools) -> Ints:
    """Return where a mask is true."""
    return np.flatnonzero(mask).astype(INDEX)


def grouped(txn: Ints, site: Ints, objects: int) -> tuple[Ints, Bools]:
    """Return operations sorted by transaction and object, and of each whether it shares both with the one before."""
    key = txn * np.int64(max(objects, 1)) + site
    order: Ints = np.argsort(key, kind="stable").astype(INDEX)
    key = key[order]
    same = np.zeros(len(key), bool)
    same[1:] = key[1:] == key[:-1]
    return order, same
