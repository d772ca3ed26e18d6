"""Which decisions stand in each other's way: cycles, unsettled and fractured reads, on the headline bracket, at once.

The world's transactions are taken out: what vanishes with them is drift. These are the verdicts that compatibility and
isolation are made of; the levels, and the witnesses, are the graph auditor's, from the same tables.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..state import NO_TXN
from ..tasks import MAX_OPS
from .units import CROSSING, DECISION, HEADLINE, Units

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Verdicts:
    """For each unit of `Units`, [U] bool; the world's are all False."""

    cycle: Bools  # it lies on a cycle of dependencies
    aborted: Bools  # G1a: it rests on a promise that was never kept, or on what was taken back
    intermediate: Bools  # G1b: it rests on a version that its writer had not yet done with
    unsettled: Bools  # it rests on a version whose writer settled later than its own act
    fractured: Bools  # it saw a part of what another transaction wrote, and missed another part
    backward: Bools  # on a cycle, and by an rw edge to a transaction that had committed in an earlier tick


@dataclass(frozen=True)
class Count:
    """What the decisions of one episode came to."""

    committed: int  # decisions, with those that had settled, were taken back and not done again
    incompatible: int  # on a cycle or G1 that serializable forbids, or broke an invariant, or were not done again
    backward: int
    isolated: tuple[int, ...]  # decisions of each agent on no unsettled or fractured state, cycle or G1
    committed_by: tuple[int, ...]  # decisions of each agent
    cut_off: int  # decisions whose rank was not quiet at the end: they count nowhere


def counts(units: Units, torn: Sequence[Collection[int]] = ()) -> list[Count]:
    """Return what the decisions of each episode came to.

    `torn` has for each episode the transactions that broke a constraint of the plan with one of another epoch.
    """
    verdicts = judge_units(units)
    broke = units.broke.copy()
    for first, txns in zip(units.first.tolist(), torn, strict=False):
        broke[[first + txn for txn in txns]] = True
    unit = units.unit
    decisions = (unit["sort"] == DECISION) & (unit["committed"] | unit["undone"])
    wrong = verdicts.cycle | verdicts.aborted | verdicts.intermediate | unit["undone"]
    isolated = ~(wrong | verdicts.unsettled | verdicts.fractured)
    agents = len(units.rules.agent_names)
    place = unit["episode"] * agents + np.maximum(unit["agent"], 0)

    def by_agent(which: Bools) -> Ints:
        return np.bincount(place[which], minlength=units.episodes * agents).reshape(units.episodes, agents)

    made, kept = by_agent(decisions), by_agent(decisions & isolated)
    bad, back = by_agent(decisions & (wrong | broke)), by_agent(decisions & verdicts.backward)
    return [
        Count(int(m.sum()), int(i.sum()), int(b.sum()), tuple(k.tolist()), tuple(m.tolist()), one.cut_off if one else 0)
        for m, i, b, k, one in zip(made, bad, back, kept, units.ranks, strict=True)
    ]


def judge_units(units: Units) -> Verdicts:
    """Judge all units from exact edges: ww, wr and rw."""
    unit = units.unit
    edges = dependencies(units)
    many = len(unit)
    graph = coo_array((np.ones(len(edges.tail), np.int8), (edges.tail, edges.head)), shape=(many, many))
    _, component = connected_components(graph.tocsr(), directed=True, connection="strong")
    cycle = np.bincount(component, minlength=1)[component] > 1
    inside = component[edges.tail] == component[edges.head]
    earlier = edges.is_rw & (unit["settled"][edges.head] < unit["settled"][edges.tail])
    return Verdicts(
        cycle, edges.aborted, edges.intermediate, edges.unsettled, edges.fractured,
        backward=_marked(many, edges.tail[inside & earlier]),
    )  # fmt: skip


@dataclass(frozen=True)
class Edges:
    """Dependencies: `head` depends on `tail`, or overwrites what `tail` wrote or read. The rest is a flag a unit."""

    tail: Ints
    head: Ints
    is_rw: Bools
    aborted: Bools
    intermediate: Bools
    unsettled: Bools
    fractured: Bools


def dependencies(units: Units) -> Edges:
    """Return every ww, wr and rw edge on the headline bracket, the world's transactions taken out.

    Differences commute: at a site to which all writes are differences no version is laid on another. A reader depends
    on all of those that stand in what it read, and each of the others depends on the reader.
    """
    written = units.written[~units.by_world]
    counted = (units.used["bracket"] <= HEADLINE) & ~units.used["own"]
    used = units.used[counted]
    sites = units.episodes * units.sites
    bounds = np.searchsorted(written["site"], np.arange(sites + 1))
    commutes = np.bincount(written["site"], ~written["relative"], minlength=sites)[:sites] == 0
    key = _key(written["site"], written["version"])
    version, broken = read_versions(units, used)
    # So many of the agents' versions of the site stand in what was read: they end here, in `written`.
    end = np.searchsorted(key, _key(used["site"], version), side="right")
    start, stop = bounds[used["site"]], bounds[used["site"] + 1]
    plain = ~commutes[used["site"]]
    before = _spans(np.where(plain, np.maximum(start, end - 1), start), end)
    writer, reader = written["unit"], used["unit"]
    own = plain & (end > start)  # a read of one's own write carries no dependency
    own[own] = writer[end[own] - 1] == reader[own]
    after = _spans(end, np.where(plain, np.where(own, end, np.minimum(stop, end + 1)), stop))
    follows = np.flatnonzero((written["site"][1:] == written["site"][:-1]) & ~commutes[written["site"][1:]])
    silent, place = lost_silently(units, written)
    by = units.used["unit"][silent]
    goes_on = place < bounds[units.used["site"][silent] + 1]
    tail = np.concatenate(
        (writer[follows], writer[before.place], writer[place - 1], by[goes_on], by, reader[after.owner])
    )
    head = np.concatenate(
        (writer[follows + 1], reader[before.owner], by, writer[place[goes_on]], writer[place - 1], writer[after.place])
    )
    between = (tail != head) & ~is_own_walk(units, tail, head) & ~is_own_walk(units, head, tail)
    many = len(units.unit)
    use, source = before.owner, writer[before.place]
    foreign = between[len(follows) : len(follows) + len(use)]
    use, source = use[foreign], source[foreign]
    row = used["row"][use]
    torn = _missed(written, used, end, use, source)
    return Edges(
        tail[between],
        head[between],
        is_rw=(np.arange(len(tail)) >= len(tail) - len(after.owner) - len(by))[between],
        aborted=_marked(many, reader[broken]),
        intermediate=_marked(many, torn[0]),
        unsettled=_marked(many, reader[use[units.unit["ended"][source] > row]]),
        fractured=_marked(many, torn[1]),
    )


def read_versions(units: Units, used: NDArray[Any]) -> tuple[Ints, Bools]:
    """Return the version that each use is a read of, and whether it is of what was taken back or never was.

    A promise says what the very next version will be. Kept, it is a read of that version, be it ahead of time; else it
    is a read of something that never was, laid on the version of its stamp.
    """
    promised = used[used["promise"]]
    row = units.act["row"][promised["act"]]
    kept = used["promise"].copy()
    kept[kept] = are_kept(units, promised["site"], promised["version"], promised["value"], row)
    return used["version"] + kept, (used["promise"] & ~kept) | (used["taken"] != NO_TXN)


def are_kept(units: Units, site: Ints, stamp: Ints, value: Ints, row: Ints) -> Bools:
    """Tell of promises that were relied on at some rows of the log whether the very next version has what they say.

    An agent may keep it afterwards. What the world writes afterwards keeps none: it clears away whom a gate closed on.
    """
    written = units.written
    if not len(written):
        return np.zeros(len(site), np.bool_)
    key, following = _key(written["site"], written["version"]), _key(site, stamp + 1)
    at = np.minimum(np.searchsorted(key, following), len(key) - 1)
    is_said = (key[at] == following) & (written["value"][at] == value)
    return np.asarray(is_said & (~units.by_world[at] | (written["row"][at] < row)))


def lost_silently(units: Units, written: NDArray[Any]) -> tuple[Ints, Ints]:
    """Return the uses of read-modify-writes that lost an update and made no version, and what they were laid on.

    They wrote back the value that another's update had left, so no version says so; yet each overwrote the version
    before the returned place in `written`, and was overwritten by the one at it, if that is of the same site.
    """
    use = units.used[units.silent]
    row = units.act["row"][use["act"]]
    place = np.searchsorted(_key(written["site"], written["row"]), _key(use["site"], row))
    seen = np.searchsorted(_key(written["site"], written["version"]), _key(use["site"], use["version"]), side="right")
    # What a task had buffered it installs together: behind its own other writes the row is too late.
    for _ in range(MAX_OPS):
        place = place - ((place > seen) & (written["unit"][place - 1] == use["unit"])) if len(written) else place
    lost = place > seen
    return units.silent[lost], place[lost]


def _missed(written: NDArray[Any], used: NDArray[Any], end: Ints, use: Ints, source: Ints) -> tuple[Ints, Ints]:
    """Return who saw one write of another and missed a later one, to the same site, and to another site.

    `use` read what `source` wrote. All that the source wrote is set against all that its reader used.
    """
    by_unit = np.argsort(written["unit"], kind="stable")
    owners = written["unit"][by_unit]
    spans = _spans(np.searchsorted(owners, source), np.searchsorted(owners, source, side="right"))
    place, use = by_unit[spans.place], use[spans.owner]
    same = (written["site"][place] == used["site"][use]) & (place >= end[use])
    # The earliest state in which the reader used the site.
    wanted = _key(used["unit"][use], written["site"][place])
    known, where = np.unique(_key(used["unit"], used["site"]), return_inverse=True)
    least = np.full(len(known) + 1, len(written) + 1)
    np.minimum.at(least, where, end)
    at = np.searchsorted(known, wanted)
    found = np.zeros(len(wanted), np.bool_)
    inside = at < len(known)
    found[inside] = known[at[inside]] == wanted[inside]
    other = found & (written["site"][place] != used["site"][use]) & (place >= least[at])
    return used["unit"][use[same]], used["unit"][use[other]]


def is_own_walk(units: Units, decision: Ints, crossing: Ints) -> Bools:
    """Tell where a border is crossed by the agent of a decision that is under way: that is no news to it."""
    one, other = units.unit[decision], units.unit[crossing]
    return np.asarray(
        (one["sort"] == DECISION)
        & (other["sort"] == CROSSING)
        & (one["episode"] == other["episode"])
        & (one["agent"] == other["agent"])
        & (one["begun"] < other["begun"])
        & (other["begun"] < one["ended"])
    )


class _Spans(NamedTuple):
    """Ranges laid out one after the other: each place, and whose it is."""

    owner: Ints
    place: Ints


def _spans(start: Ints, stop: Ints) -> _Spans:
    many = stop - start
    owner = np.repeat(np.arange(len(many)), many)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(many) - many - start, many)
    return _Spans(owner, place)


def _key(site: NDArray[Any], version: NDArray[Any]) -> Ints:
    return np.asarray((site << 32) + version, np.int64)


def _marked(many: int, units: Ints) -> Bools:
    found = np.zeros(many, np.bool_)
    found[units] = True
    return found
