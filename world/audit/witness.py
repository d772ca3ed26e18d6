"""A shortest cycle for each anomaly that is one.

Cycles of two are found on the columns at once; for longer ones every transaction of a component is tried, by a search
in breadth that gives up where it cannot become shorter than the best so far. In a very large component the search ends
after BUDGET steps with the best cycle found by then. That can only cost length, and one name: whether a component holds
a cycle with exactly one rw edge is as hard to tell as whether a graph holds a triangle, for which nothing linear is
known. The levels do not depend on it, for the same level forbids both names.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .columns import INFO, Bools, History, Ints
from .components import ALONE, NO_EDGE, Core
from .graph import RT, RW
from .naming import Named

BUDGET = 4_000_000  # arcs looked at for one name: about a second
A_NODE = 8  # a node that is looked at takes as long as so many arcs
_FAR = 2**60


class Step(NamedTuple):
    """One edge of a cycle, from transaction to transaction; `version` as in `graph.Edges`, NO_EDGE in real time."""

    source: int
    target: int
    kind: int
    version: int


Cycle = tuple[Step, ...]


def shortest_cycles(history: History, core: Core, named: Sequence[Named]) -> dict[str, Cycle]:
    """Return the name of each anomaly with a shortest cycle of its kind."""
    found: dict[str, Cycle] = {}
    for one in named:
        search = _Search(history, core, one)
        if one.name.startswith("apart"):
            found |= {name + one.name.removeprefix("apart"): cycle for name, cycle in search.apart().items()}
        else:
            found[one.name] = search.two() or search.shortest(search.sources(search.component != ALONE))
    return found


def apart_names(history: History, core: Core, named: Named) -> list[tuple[str, Ints]]:
    """Return what cycles whose rw edges do not follow each other are called, and the nodes in components of each name.

    As `shortest_cycles` names them, but for each component by itself.
    """
    search = _Search(history, core, named)
    component, suffix = named.component, named.name.removeprefix("apart")
    left = search.without_pair()
    is_single = ~left
    for one, arcs in search.rw_arcs(left):
        search.left = BUDGET
        is_single[one] = search.has_single(one, arcs)
    inside = component != ALONE
    single = inside & is_single[component]
    return [("G-single" + suffix, np.flatnonzero(single)), ("G-nonadjacent" + suffix, np.flatnonzero(inside & ~single))]


class _Search:
    """The arcs of one named graph by the node they leave, and searches in it."""

    def __init__(self, history: History, core: Core, named: Named) -> None:
        self.history, self.core, self.arcs, self.component = history, core, named.arcs, named.component
        self.many = len(core.txn)
        self.left = BUDGET

    # ------------------------------------------------------------------ cycles of two

    @cached_property
    def pairs(self) -> Ints:
        """The arcs from a transaction, in its first state, to one that leads straight back."""
        source, target = self.arcs.source, self.arcs.target
        # Nodes are numbered by the order in which they completed. Of an arc and the way back one leads backward; where
        # the way back is in real time it is the arc.
        is_edge = self.arcs.edge != NO_EDGE
        is_back = is_edge & (target % self.many < source % self.many)
        late, early = np.zeros((2, self.many), bool)
        late[source[is_back] % self.many] = early[target[is_back] % self.many] = True
        near = np.flatnonzero(is_back | (is_edge & early[source % self.many] & late[target % self.many]))
        first, then, nodes = source[near].astype(np.int64), target[near].astype(np.int64), self.arcs.nodes
        key, wanted = np.sort(first * nodes + then), then * nodes + first
        place = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
        closes = (key[place] == wanted) | self.is_rt(then, first)
        found: Ints = near[closes & (first < self.many)]
        return found

    def is_rt(self, before: Ints, after: Ints) -> Bools:
        """Tell whether an rt edge leads from some transactions to others; False where the graph has none."""
        if not np.any(self.arcs.edge == NO_EDGE):
            return np.zeros(len(before), bool)
        txn, history = self.core.txn, self.history
        first, then = txn[before % self.many], txn[after % self.many]
        ends: Bools = (history.outcome[first] != INFO) & (history.complete[first] < history.invoke[then])
        return ends

    def two(self) -> Cycle:
        """Return a cycle of two, or nothing."""
        arcs = self.pairs
        if not len(arcs):
            return ()
        arc = int(arcs[0])
        source, target = int(self.arcs.source[arc]), int(self.arcs.target[arc])
        back = np.flatnonzero((self.arcs.source == target) & (self.arcs.target == source))
        step = self.step(int(back[0])) if len(back) else Step(self.txn(target), self.txn(source), RT, NO_EDGE)
        return self.step(arc), step

    # ------------------------------------------------------------------ longer ones

    def sources(self, wanted: Bools) -> Iterator[int]:
        """Yield the wanted nodes that are transactions, those of small components first."""
        inside = np.flatnonzero(wanted[: 2 * self.many])
        sizes = np.bincount(self.component[self.component >= 0])
        return iter(inside[np.argsort(sizes[self.component[inside]], kind="stable")].tolist())

    def shortest(self, sources: Iterator[int]) -> Cycle:
        """Return a shortest cycle through one of some nodes, or the best that the budget allows."""
        best: list[int] = []
        limit = _FAR
        for source in sources:
            if best and (limit <= 2 or self.left < 0):
                break
            found = self.walk(source, source, limit - 1)
            if found:
                best = found
                limit = len(self.steps(found))
        return self.simple(self.steps(best))

    def walk(self, source: int, goal: int, limit: int, no_rw: bool = False) -> list[int]:
        """Return the arcs of a shortest walk of one arc or more from a node to another; nothing beyond `limit` edges.

        Barriers cost nothing: an rt edge is one edge however many of them it passes.
        """
        start, order, target = self.rows
        barrier = 2 * self.many
        came_by: dict[int, int] = {}
        length = {source: 0}
        shortest = limit + 1
        queue = deque([source])
        while queue:
            node = queue.popleft()
            here = length[node]
            step = 0 if node >= barrier else 1
            if here + step >= shortest:
                continue
            arcs = order[start[node] : start[node + 1]]
            self.left -= len(arcs) + A_NODE
            if no_rw:
                arcs = arcs[~self.is_rw[arcs]]
            for arc, there in zip(arcs.tolist(), target[arcs].tolist(), strict=True):
                if there == goal:
                    if here + step < shortest:
                        shortest = here + step
                        came_by[goal] = arc
                elif here + step < length.get(there, _FAR):
                    length[there] = here + step
                    came_by[there] = arc
                    if step:
                        queue.append(there)
                    else:
                        queue.appendleft(there)
        return self.trace(came_by, source, goal) if goal in came_by else []

    def trace(self, came_by: dict[int, int], source: int, goal: int) -> list[int]:
        """Return the arcs by which a walk came, first to last."""
        arcs = [came_by[goal]]
        while (node := int(self.arcs.source[arcs[-1]])) != source:
            arcs.append(came_by[node])
        return arcs[::-1]

    # ------------------------------------------------------------------ one rw edge, or several

    def apart(self) -> dict[str, Cycle]:
        """Return cycles whose rw edges do not follow each other: with one rw edge, and with several, if there are."""
        single = self.two()
        several: list[int] = []
        for component, arcs in self.rw_arcs(self.without_pair()):
            has_one = False
            for arc in arcs:
                if self.left < 0:
                    break
                limit = len(single) - 2 if has_one else _FAR
                source, target = int(self.arcs.source[arc]), int(self.arcs.target[arc])
                found = self.walk(target, source, limit, no_rw=True)
                if found:
                    has_one = True
                    if not single or len(self.steps(found)) + 1 < len(single):
                        single = self.steps([arc, *found])
                    if len(single) == 2:
                        break
            if not has_one:
                several.append(component)
        found_cycles = {"G-single": single} if single else {}
        if several:
            cycle = self.shortest(self.sources(np.isin(self.component, several)))
            name = "G-single" if sum(step.kind == RW for step in cycle) == 1 else "G-nonadjacent"
            found_cycles.setdefault(name, cycle)
        return found_cycles

    def without_pair(self) -> Bools:
        """Tell of each component whether it has no pair; one that has is known to have a cycle with one rw edge."""
        left = np.zeros(int(self.component.max()) + 1, bool)
        left[self.component[self.component != ALONE]] = True
        left[self.component[self.arcs.source[self.pairs]]] = False
        return left

    def has_single(self, component: int, arcs: Sequence[int]) -> bool:
        """Tell whether a component, given with its rw arcs, has a cycle with exactly one, as far as the budget goes."""
        for arc in arcs:
            if self.left < 0:
                cycle = self.shortest(self.sources(self.component == component))
                return sum(step.kind == RW for step in cycle) == 1
            if self.walk(int(self.arcs.target[arc]), int(self.arcs.source[arc]), _FAR, no_rw=True):
                return True
        return False

    def rw_arcs(self, wanted: Bools) -> Iterator[tuple[int, list[int]]]:
        """Yield components with the places of their rw arcs, small ones first."""
        arcs = np.flatnonzero(self.is_rw & wanted[self.component[self.arcs.source]])
        at = self.component[self.arcs.source[arcs]]
        order = np.argsort(at, kind="stable")
        numbers, starts = np.unique(at[order], return_index=True)
        groups = np.split(arcs[order], starts[1:])
        for number, group in sorted(zip(numbers.tolist(), groups, strict=False), key=lambda pair: len(pair[1])):
            yield number, group.tolist()

    # ------------------------------------------------------------------ parts

    @cached_property
    def rows(self) -> tuple[Ints, Ints, Ints]:
        """Where the arcs of each node start, the arcs by node, and the target of each arc."""
        arcs = self.arcs
        order: Ints = np.argsort(arcs.source, kind="stable")
        start = np.zeros(arcs.nodes + 1, np.int64)
        np.cumsum(np.bincount(arcs.source, minlength=arcs.nodes), out=start[1:])
        return start, order, arcs.target

    @cached_property
    def is_rw(self) -> Bools:
        """Tell of each arc whether it is an rw edge."""
        found: Bools = self.arcs.edge != NO_EDGE
        found[found] = self.core.edges.kind[self.arcs.edge[found]] == RW
        return found

    def txn(self, node: int) -> int:
        """Return the transaction of a node in either state."""
        return int(self.core.txn[node % self.many])

    def step(self, arc: int) -> Step:
        """Return the step that an arc stands for."""
        edges, edge = self.core.edges, int(self.arcs.edge[arc])
        source, target = int(self.arcs.source[arc]), int(self.arcs.target[arc])
        return Step(self.txn(source), self.txn(target), int(edges.kind[edge]), int(edges.version[edge]))

    def steps(self, arcs: Sequence[int]) -> Cycle:
        """Return the steps of a walk; a way through barriers is one."""
        found: list[Step] = []
        began = 0
        for arc in arcs:
            if self.arcs.edge[arc] != NO_EDGE:
                found.append(self.step(arc))
                continue
            source, target = int(self.arcs.source[arc]), int(self.arcs.target[arc])
            if source < 2 * self.many:
                began = self.txn(source)
            if target < 2 * self.many:
                found.append(Step(began, self.txn(target), RT, NO_EDGE))
        return tuple(found)

    def simple(self, walk: Cycle) -> Cycle:
        """Return a cycle within a closed walk in which no two rw edges follow each other, if that holds of the walk."""
        while True:
            seen: dict[int, int] = {}
            for place, step in enumerate(walk):
                if step.source in seen:
                    break
                seen[step.source] = place
            else:
                return walk
            first = seen[step.source]
            inner, outer = walk[first:place], walk[place:] + walk[:first]
            walk = outer if inner[0].kind == inner[-1].kind == RW else inner
