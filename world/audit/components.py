"""Which transactions lie on a cycle, of which kind: strongly connected components of ever smaller graphs.

A component of the whole graph, real time included, says that the history is not strictly serializable. Within it the
graphs of the weaker levels are searched, each inside the components of the one before:

- full: ww, wr and rw edges. Cyclic: not serializable.
- apart: the same, but no two rw edges may follow each other. It is searched as a graph of two states for each
  transaction, "the last edge was rw" or not: from the former no rw edge leads on. Cyclic: no snapshot isolation.
  A walk that closes in it may pass a transaction twice; if so, one of the two loops is a cycle of this kind too, so a
  component here always holds a true cycle.
- flow: ww and wr edges. Cyclic: not read-committed.
- writes: ww edges. Cyclic: not read-uncommitted.

A component is named by the least graph that is cyclic within it. Where none of these is, the cycle needs real time;
then the same graphs are searched with the real-time edges in each. Every step is linear in the edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .columns import INDEX, History, Ints, places
from .graph import RW, Edges, barriers

ALONE = -1  # the component of a node that lies on no cycle
NO_EDGE = -1  # of an arc into, between or out of barriers


class Arcs(NamedTuple):
    """A graph over N transactions: nodes 0 to N - 1, N to 2N - 1 in the state after an rw edge, barriers behind."""

    nodes: int
    source: Ints
    target: Ints
    edge: Ints  # the edge that an arc stands for, or NO_EDGE

    def inside(self, component: Ints) -> Arcs:
        """Return the arcs with both ends in one component."""
        at = component[self.source]
        keep = (at != ALONE) & (at == component[self.target])
        return Arcs(self.nodes, *(column[keep] for column in self[1:]))


def components(arcs: Arcs) -> Ints:
    """Return of each node the number of its strongly connected component, ALONE where that is the node itself."""
    label = np.full(arcs.nodes, ALONE, INDEX)
    # Only nodes with arcs in and out can lie on a cycle; often few are left.
    leaves, enters = np.zeros((2, arcs.nodes), bool)
    leaves[arcs.source] = enters[arcs.target] = True
    both = places(leaves & enters)
    if not len(both):
        return label
    place = np.full(arcs.nodes, -1, INDEX)
    place[both] = np.arange(len(both), dtype=INDEX)
    source, target = place[arcs.source], place[arcs.target]
    keep = (source >= 0) & (target >= 0)
    count, found = connected_components(
        _rows(len(both), source[keep], target[keep]), directed=True, connection="strong"
    )
    is_cycle = np.bincount(found, minlength=count) > 1
    number = np.where(is_cycle, np.cumsum(is_cycle) - 1, ALONE).astype(INDEX)
    label[both] = number[found]
    return label


def _rows(nodes: int, source: Ints, target: Ints) -> Any:
    """Return a graph as a sparse matrix by rows, its arcs in any order and some more than once: nobody minds."""
    graph = coo_array((np.ones(len(source), np.int8), (source, target)), shape=(nodes, nodes))
    graph.has_canonical_format = True  # else each row would be sorted
    return graph.tocsr()


class Core(NamedTuple):
    """The part of a history that may be cyclic: transactions by their place here, and the edges between them."""

    txn: Ints  # [N] which transaction each is, by the order in which they completed
    edges: Edges
    rt: Arcs  # the real-time edges


def core(history: History, parts: Sequence[Edges]) -> Core:
    """Cut away what cannot lie on a cycle.

    Laid out by their ends, transactions form a line on which real time leads forward only. A cycle comes back by some
    edge that leads backward, and lies within a stretch that such edges cover without a gap.
    """
    committed = np.flatnonzero(history.is_committed)
    line = committed[np.argsort(history.complete[committed], kind="stable")].astype(INDEX)
    place = np.full(history.transactions, -1, INDEX)
    place[line] = np.arange(len(line), dtype=INDEX)
    ends = [(place[edges.source], place[edges.target]) for edges in parts]
    opened = np.zeros(len(line) + 1, np.int64)
    for source, target in ends:
        back = target < source
        opened += np.bincount(target[back], minlength=len(opened))
        opened -= np.bincount(source[back], minlength=len(opened))
    is_covered = np.cumsum(opened)[: len(line)] > 0  # the gap between this place and the next
    in_one = is_covered.copy()
    in_one[1:] |= is_covered[:-1]
    stretch = np.full(len(line), ALONE, INDEX)
    # A place belongs to the stretch that the gap before it is in.
    stretch[1:] = np.cumsum(~is_covered, dtype=INDEX)[:-1]
    stretch[:1] = 0
    stretch[~in_one] = ALONE
    nodes = places(in_one)
    number = np.full(len(line), -1, INDEX)
    number[nodes] = np.arange(len(nodes), dtype=INDEX)
    kept = []
    for edges, (source, target) in zip(parts, ends, strict=True):
        at = stretch[source]
        keep = (at != ALONE) & (at == stretch[target])
        kept.append((number[source[keep]], number[target[keep]], edges.kind[keep], edges.version[keep]))
    txn = line[nodes]
    return Core(txn, Edges(*(np.concatenate(column) for column in zip(*kept, strict=True))), _real_time(history, txn))


def _real_time(history: History, txn: Ints) -> Arcs:
    """Return the real-time edges between some transactions by way of barriers: 3N arcs, not N squared."""
    many = len(txn)
    begun, place = barriers(history, txn)
    first = 2 * many  # the barriers stand behind both states
    ends = place < many
    chain = np.arange(first, first + many, dtype=INDEX)
    source = np.concatenate((places(ends), chain[:-1], chain))
    target = np.concatenate(((first + place[ends]).astype(INDEX), chain[1:], begun))
    return Arcs(3 * many, source, target, np.full(len(source), NO_EDGE, INDEX))


def graph(core: Core, last: int, within: Ints | None = None, real_time: bool = False, apart: bool = False) -> Arcs:
    """Return the arcs of the kinds of edges from WW to `last`, of those with both ends in one component of `within`.

    `apart` gives them in two states, so that no two rw edges follow each other.
    """
    many = len(core.txn)
    edges = core.edges
    label = np.zeros(3 * many, INDEX) if within is None else within
    at = label[edges.source]
    keep = at == label[edges.target]
    keep &= at != ALONE
    if last < RW:
        keep &= edges.kind <= last
    edge = places(keep)
    source, target = edges.source[edge], edges.target[edge]
    parts = [(source, target, edge)]
    if apart:
        is_rw = edges.kind[edge] == RW
        parts = [
            (source, np.where(is_rw, target + INDEX(many), target), edge),
            (source[~is_rw] + INDEX(many), target[~is_rw], edge[~is_rw]),
        ]
    if real_time:
        at = label[core.rt.source]
        is_in = (at == label[core.rt.target]) & (at != ALONE)
        rt = tuple(column[is_in] for column in core.rt[1:])
        parts.append(rt)
        if apart:
            leaves = rt[0] < many
            parts.append((rt[0][leaves] + INDEX(many), rt[1][leaves], rt[2][leaves]))
    if len(parts) == 1:
        return Arcs(3 * many, *parts[0])
    return Arcs(3 * many, *(np.concatenate(column) for column in zip(*parts, strict=True)))
