"""What committed transactions of a history depend on: the exact edges, and what is wrong with single operations.

Every version is known, and so is the order of each object; nothing is inferred. Between committed transactions:

- ww: its writer installed a version right after one of another's. Writes in place each install a version, so T1, T2, T1
  on one object are edges both ways;
- wr: it read a version that another one wrote;
- rw: it read a version, and another one installed the next. A read of a version outside the order stands after that
  which it was laid on;
- rt: it completed before another one began; equal indexes are concurrent. Those within one process are also called po.

A read of one's own write carries no dependency. Nor does a read of a version that nobody committed make its writer a
part of the graph: that is an aborted read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .columns import INFO, NOBODY, NOWHERE, Bools, History, Ints

WW, WR, RW, RT = range(4)
EDGE_NAMES = ("ww", "wr", "rw", "rt")


class Edges(NamedTuple):
    """Edges from transaction to transaction, [E], without the real-time ones, which `after` has in short."""

    source: Ints
    target: Ints
    kind: Ints
    version: Ints  # ww, rw: what was overwritten or read; wr: what was read

    def where(self, keep: Bools) -> Edges:
        """Return some of them."""
        return Edges(*(column[keep] for column in self))


def dependencies(history: History) -> Edges:
    """Return the ww, wr and rw edges between committed transactions."""
    writer, after = history.writer, history.next_version
    parts = []

    versions = np.flatnonzero(history.is_installed & (writer != NOBODY) & (after != NOWHERE))
    parts.append((writer[versions], writer[after[versions]], WW, versions))

    read, reader = foreign_reads(history)
    version = history.version[read]
    # Of an info transaction nothing but what stands in the order is committed, and what a later write of it replaced.
    is_there = history.is_installed | history.is_intermediate
    known = (writer[version] != NOBODY) & is_there[version]
    known[known] &= history.is_committed[writer[version[known]]]
    parts.append((writer[version[known]], reader[known], WR, version[known]))

    overwritten = after[version] != NOWHERE
    version, reader = version[overwritten], reader[overwritten]
    parts.append((reader, writer[after[version]], RW, version))

    source, target, version = (np.concatenate([part[place] for part in parts]) for place in (0, 1, 3))
    kind = np.repeat([part[2] for part in parts], [len(part[0]) for part in parts])
    return Edges(source, target, kind, version).where(source != target)


def foreign_reads(history: History) -> tuple[Ints, Ints]:
    """Return the operations with which committed transactions read what they did not write, and their transactions."""
    txn = history.op_txn
    is_foreign = ~history.is_write & history.is_committed[txn] & (history.writer[history.version] != txn)
    read = np.flatnonzero(is_foreign)
    return read, txn[read]


def wrong_reads(history: History) -> dict[str, Ints]:
    """Return the reads that are anomalies by themselves, by name: G1a, G1b, internal; places of operations."""
    read, _ = foreign_reads(history)
    version = history.version[read]
    outside = ~history.is_installed[version]
    is_intermediate = history.is_intermediate[version]
    order, same = history.by_object
    version_of = history.version[order]
    before = np.full(len(order), NOWHERE)
    before[1:] = version_of[:-1]
    # The first operation on an object reads anything but what its own transaction has yet to write.
    own = history.writer[version_of] == history.op_txn[order]
    wrong = np.where(same, version_of != before, own) & ~history.is_write[order]
    wrong &= history.is_committed[history.op_txn[order]]
    return {
        "G1a": read[outside & ~is_intermediate],
        "G1b": read[is_intermediate],
        "internal": np.sort(order[wrong]),
    }


def lost_updates(history: History) -> tuple[Ints, Ints]:
    """Return the writes over another's version that is newer than what the transaction had read, and what it had read.

    Of several reads the oldest version counts.
    """
    order, same = history.by_object
    version, is_write = history.version[order], history.is_write[order]
    txn = history.op_txn[order]
    writer = history.writer[version]
    counts = ~is_write & history.is_committed[txn] & (writer != txn) & (history.stands[version] != NOWHERE)
    # The oldest version read so far in each group: a running minimum, with later groups far below the earlier ones.
    many = len(history.writer)
    group = np.cumsum(~same)
    shifted = np.where(counts, history.stands[version], many) - group * many
    oldest = np.minimum.accumulate(shifted) + group * many
    # The newest version of the object that is older than a given one and another's.
    is_start = np.ones(many, bool)
    is_start[1:] = (history.writer[1:] != history.writer[:-1]) | (history.object_of[1:] != history.object_of[:-1])
    others = np.maximum.accumulate(np.where(is_start, np.arange(many), 0)) - 1
    lost = np.flatnonzero(is_write & history.is_installed[version] & (oldest < many) & (others[version] > oldest))
    return order[lost], oldest[lost]


def barriers(history: History, nodes: Ints) -> tuple[Ints, Ints]:
    """Return some transactions in the order in which they began, and of each in `nodes` the place after its end.

    Whatever stands in the first array from that place on began after the transaction had completed. So real time takes
    no more than a chain of barriers, one before each beginning: a transaction leads to the barrier at its place, a
    barrier to the transaction behind it and to the next barrier.
    """
    begun = np.argsort(history.invoke[nodes], kind="stable")
    # When an info transaction took effect, if it did, is not known: its end orders nothing.
    end = np.where(history.outcome[nodes] == INFO, np.iinfo(np.int64).max, history.complete[nodes])
    return begun, np.searchsorted(history.invoke[nodes][begun], end, side="right")
