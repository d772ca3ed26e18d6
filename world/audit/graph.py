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

from .columns import INDEX, INFO, NOBODY, NOWHERE, Bools, History, Ints, places

WW, WR, RW, RT = range(4)


class Edges(NamedTuple):
    """Edges from transaction to transaction, [E], without the real-time ones, which `barriers` has in short."""

    source: Ints
    target: Ints
    kind: Ints
    version: Ints  # ww, rw: what was overwritten or read; wr: what was read

    def where(self, keep: Bools) -> Edges:
        """Return some of them."""
        return Edges(*(column[keep] for column in self))


def dependencies(history: History) -> tuple[Edges, Edges, Edges]:
    """Return the ww, the wr and the rw edges between committed transactions."""
    writer, after = history.writer, history.next_version

    versions = places(history.is_installed & (writer != NOBODY) & (after != NOWHERE))
    ww = _edges(writer[versions], writer[after[versions]], WW, versions)

    read, reader = history.foreign_reads
    version = history.version[read]
    author = writer[version]
    # Of an info transaction nothing but what stands in the order is committed, and what a later write of it replaced.
    is_there = history.is_installed | history.is_intermediate
    known = (author != NOBODY) & is_there[version]
    known &= history.is_committed[author]
    wr = _edges(author[known], reader[known], WR, version[known])

    following = after[version]
    overwritten = following != NOWHERE
    rw = _edges(reader[overwritten], writer[following[overwritten]], RW, version[overwritten])
    return ww, wr, rw


def _edges(source: Ints, target: Ints, kind: int, version: Ints) -> Edges:
    edges = Edges(source, target, np.full(len(source), kind, np.int8), version)
    is_own = source == target
    return edges.where(~is_own) if is_own.any() else edges


def wrong_reads(history: History) -> dict[str, Ints]:
    """Return the reads that are anomalies by themselves, by name: G1a, G1b, internal; places of operations."""
    read, _ = history.foreign_reads
    version = history.version[read]
    outside = ~history.is_installed[version]
    is_intermediate = history.is_intermediate[version]
    order, same = history.by_object
    version_of = history.version[order]
    before = np.full(len(order), NOWHERE, INDEX)
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
    shifted = np.where(counts, history.stands[version], many) - group * many  # int64: groups times versions
    oldest = np.minimum.accumulate(shifted) + group * many
    # The newest version of the object that is older than a given one and another's.
    is_start = np.ones(many, bool)
    is_start[1:] = (history.writer[1:] != history.writer[:-1]) | (history.object_of[1:] != history.object_of[:-1])
    others = np.maximum.accumulate(np.where(is_start, np.arange(many, dtype=INDEX), 0)) - 1
    lost = np.flatnonzero(is_write & history.is_installed[version] & (oldest < many) & (others[version] > oldest))
    return order[lost], oldest[lost]


def barriers(history: History, nodes: Ints) -> tuple[Ints, Ints]:
    """Return some transactions in the order in which they began, and of each in `nodes` the place after its end.

    Whatever stands in the first array from that place on began after the transaction had completed. So real time takes
    no more than a chain of barriers, one before each beginning: a transaction leads to the barrier at its place, a
    barrier to the transaction behind it and to the next barrier.
    """
    begun: Ints = np.argsort(history.invoke[nodes], kind="stable").astype(INDEX)
    # When an info transaction took effect, if it did, is not known: its end orders nothing.
    end = np.where(history.outcome[nodes] == INFO, np.iinfo(np.int64).max, history.complete[nodes])
    return begun, np.searchsorted(history.invoke[nodes][begun], end, side="right")
