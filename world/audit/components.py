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

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from .columns import History, Ints
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
    label = np.full(arcs.nodes, ALONE)
    # Only nodes with arcs in and out can lie on a cycle; often few are left.
    leaves, enters = np.zeros((2, arcs.nodes), bool)
    leaves[arcs.source] = enters[arcs.target] = True
    both = np.flatnonzero(leaves & enters)
    place = np.full(arcs.nodes, -1)
    place[both] = np.arange(len(both))
    keep = (place[arcs.source] >= 0) & (place[arcs.target] >= 0)
    source, target = place[arcs.source[keep]], place[arcs.target[keep]]
    if not len(source):
        return label
    graph = csr_array((np.ones(len(source), np.int8), (source, target)), shape=(len(both), len(both)))
    count, found = connected_components(graph, directed=True, connection="strong")
    is_cycle = np.bincount(found, minlength=count) > 1
    number = np.where(is_cycle, np.cumsum(is_cycle) - 1, ALONE)
    label[both] = number[found]
    return label


class Core(NamedTuple):
    """The part of a history that may be cyclic: transactions by their place here, and the edges between them."""

    txn: Ints  # [N] which transaction each is
    edges: Edges
    rt: Arcs  # the real-time edges


def core(history: History, edges: Edges) -> Core:
    """Cut away what cannot lie on a cycle.

    Laid out by their ends, transactions form a line on which real time leads forward only. A cycle comes back by some
    edge that leads backward, and lies within a stretch that such edges cover without a gap.
    """
    committed = np.flatnonzero(history.is_committed)
    line = committed[np.argsort(history.complete[committed], kind="stable")]
    place = np.full(history.transactions, -1)
    place[line] = np.arange(len(line))
    source, target = place[edges.source], place[edges.target]
    back = target < source
    opened = np.bincount(target[back], minlength=len(line) + 1) - np.bincount(source[back], minlength=len(line) + 1)
    is_covered = np.cumsum(opened)[: len(line)] > 0  # the gap between this place and the next
    stretch = np.cumsum(~is_covered)
    stretch[1:] = stretch[:-1].copy()  # a place belongs to the stretch that the gap before it is in
    stretch[:1] = 0
    in_one = np.zeros(len(line), bool)
    in_one[:-1] |= is_covered[:-1]
    in_one[1:] |= is_covered[:-1]
    keep = in_one[source] & in_one[target] & (stretch[source] == stretch[target])
    nodes = np.flatnonzero(in_one)
    number = np.full(len(line), -1)
    number[nodes] = np.arange(len(nodes))
    kept = Edges(number[source[keep]], number[target[keep]], edges.kind[keep], edges.version[keep])
    txn = line[nodes]
    return Core(txn, kept, _real_time(history, txn))


def _real_time(history: History, txn: Ints) -> Arcs:
    """Return the real-time edges between some transactions by way of barriers: 3N arcs, not N squared."""
    many = len(txn)
    begun, place = barriers(history, txn)
    first = 2 * many  # the barriers stand behind both states
    ends = place < many
    chain = np.arange(max(many - 1, 0))
    source = np.concatenate((np.flatnonzero(ends), first + chain, first + np.arange(many)))
    target = np.concatenate((first + place[ends], first + chain + 1, begun))
    return Arcs(3 * many, source, target, np.full(len(source), NO_EDGE))


def graph(core: Core, kinds: tuple[int, ...], real_time: bool = False, apart: bool = False) -> Arcs:
    """Return the arcs of some kinds of edges; `apart` in two states, so that no two rw edges follow each other."""
    many = len(core.txn)
    edges = core.edges
    edge = np.flatnonzero(np.isin(edges.kind, kinds))
    source, target = edges.source[edge], edges.target[edge]
    rt = core.rt if real_time else Arcs(3 * many, *(np.zeros(0, np.int64),) * 3)
    if apart:
        is_rw = edges.kind[edge] == RW
        target = np.where(is_rw, target + many, target)
        leaves = rt.source < many
        source = np.concatenate((source, source[~is_rw] + many, rt.source[leaves] + many, rt.source))
        target = np.concatenate((target, target[~is_rw], rt.target[leaves], rt.target))
        edge = np.concatenate((edge, edge[~is_rw], rt.edge[leaves], rt.edge))
    else:
        source, target = np.concatenate((source, rt.source)), np.concatenate((target, rt.target))
        edge = np.concatenate((edge, rt.edge))
    return Arcs(3 * many, source, target, edge)
