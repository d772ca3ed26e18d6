"""Which anomalies the cycles of a history are: each component by the least graph that is cyclic within it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .columns import Bools, History, Ints
from .components import ALONE, Arcs, Core, components, core, graph
from .graph import RW, WR, WW, dependencies


class Named(NamedTuple):
    """The cyclic part of one graph: what its cycles are called, its arcs, and the component of each node."""

    name: str
    arcs: Arcs
    component: Ints


class Cycles(NamedTuple):
    """What is cyclic in a history. G-single and G-nonadjacent stand together as "apart"; witnesses tell them apart."""

    core: Core
    named: list[Named]
    is_on_cycle: Bools  # [T] on a cycle of ww, wr and rw edges: what serializable forbids
    goes_back: Bools  # [T] on such a cycle by an rw edge to one that had completed before


def cycles(history: History, predicates: Bools) -> Cycles:
    """Find and name what is cyclic; `predicates` marks the objects that are counts of a region, [objects]."""
    part = core(history, dependencies(history))
    many = len(part.txn)
    on_cycle, goes_back = np.zeros((2, history.transactions), bool)
    if not many:
        return Cycles(part, [], on_cycle, goes_back)
    whole = components(graph(part, RW, real_time=True))
    full = components(graph(part, RW, whole))
    on_cycle[part.txn[full[:many] != ALONE]] = True
    arcs = graph(part, RW, full)
    rw = arcs.edge[part.edges.kind[arcs.edge] == RW]
    source, target = part.txn[part.edges.source[rw]], part.txn[part.edges.target[rw]]
    goes_back[source[history.complete[target] < history.complete[source]]] = True
    item = part.edges.kind != RW
    item |= ~predicates[history.object_of[part.edges.version]]
    named = _cascade(part, full, arcs, item, "")
    timed = _without(whole, full)
    if np.any(timed != ALONE):
        arcs = graph(part, RW, timed, real_time=True)
        named += _cascade(part, timed, arcs, np.ones(len(item), bool), "-realtime")
    return Cycles(part, named, on_cycle, goes_back)


def _cascade(part: Core, full: Ints, full_arcs: Arcs, item: Bools, suffix: str) -> list[Named]:
    """Name the components of the full graph, given with the arcs in them, by ever smaller graphs within them."""
    if not len(full_arcs.edge):
        return []
    many, timed = len(part.txn), bool(suffix)
    apart_arcs = graph(part, RW, full, timed, apart=True)
    apart = components(apart_arcs)
    flow_arcs = graph(part, WR, full, timed)
    flow = components(flow_arcs)
    writes_arcs = graph(part, WW, flow, timed)
    writes = components(writes_arcs)
    either_state = apart.copy()
    either_state[:many] = np.maximum(apart[:many], apart[many : 2 * many])
    greater = _without(full, either_state)
    found = [
        ("G0", writes_arcs, writes),
        ("G1c", flow_arcs, _without(flow, writes)),
        ("apart", apart_arcs, _without(apart, flow)),
    ]
    if item.all():
        found.append(("G2-item", full_arcs, greater))
    else:
        is_item = np.ones(len(full_arcs.edge), bool)
        is_item[full_arcs.edge >= 0] = item[full_arcs.edge[full_arcs.edge >= 0]]
        item_arcs = Arcs(full_arcs.nodes, *(column[is_item] for column in full_arcs[1:])).inside(greater)
        items = components(item_arcs)
        found += [("G2-item", item_arcs, items), ("phantom", full_arcs, _without(greater, items))]
    return [
        Named(name + suffix, arcs.inside(component), component)
        for name, arcs, component in found
        if np.any(component != ALONE)
    ]


def _without(outer: Ints, inner: Ints) -> Ints:
    """Return components but for those that hold a component of a lesser graph."""
    holds = np.zeros(int(outer.max(initial=ALONE)) + 2, bool)  # its last place is that of ALONE
    holds[outer[inner != ALONE]] = True
    return np.where(holds[outer], ALONE, outer)
