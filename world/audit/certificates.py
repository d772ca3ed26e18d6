"""The order in which a protocol says that its transactions might have run one after the other, and whether it is so.

A certificate lists every committed transaction once. It holds if every dependency leads forward, nobody read what was
aborted or intermediate, and the acts, done again one after the other in its order, find the same inputs and leave the
same sites. Where the world wrote, other values are its doing, and where an agent crossed a border under way to its act,
its own: there the dependencies alone decide. So they do where a partial task had acted on a write of its own that was
dropped when it was refused.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from .. import verbs
from ..state import NEVER
from .isolation import Edges, Ints, dependencies
from .units import BY_WORLD, CROSSING, DECISION, HEADLINE, Units

# What a certificate is ordered by.
SETTLE, TOKEN, RANK = "settle", "token", "rank"
CERTIFICATES = {
    SETTLE: "when each settled; a partial one when its last act was let through",
    TOKEN: "when each held the token, which is when it settled",
    RANK: "its rank; those whose rank is quiet are listed",
}
SHOWN = 5  # problems of an episode that are told


@dataclass(frozen=True)
class Certificate:
    """What came of checking one episode's certificate."""

    listed: int  # transactions, those of the world left out
    problems: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Tell whether the order is a serial order of the episode."""
        return not self.problems


def check(units: Units, episode: int, kind: str) -> Certificate:
    """Check the certificate of an episode, as `check_all` does those of all."""
    return _check(units, episode, kind, dependencies(units))


def check_all(units: Units, kind: str) -> list[Certificate]:
    """Check the certificate of each episode.

    Raises: ValueError for an unknown kind of certificate.
    """
    edges = dependencies(units)
    return [_check(units, episode, kind, edges) for episode in range(units.episodes)]


def replay_all(units: Units) -> list[Certificate]:
    """Look for a serial order of each episode by doing it again, in the order of settling, then of first acts.

    That asks less than a certificate, as it should where a protocol validates premises: versions may differ, if only
    each act finds its premise to hold as before, and writes the same. The first order that does is returned, else that
    of settling with its problems.
    """
    by_settling = places(units, SETTLE)
    begins = by_settling.copy()
    begins[units.act["unit"]] = NEVER
    np.minimum.at(begins, units.act["unit"], units.act["row"])
    return [_replay(units, episode, (by_settling, begins)) for episode in range(units.episodes)]


def _check(units: Units, episode: int, kind: str, edges: Edges) -> Certificate:
    if kind not in CERTIFICATES:
        raise ValueError(f"a certificate is one of {', '.join(CERTIFICATES)}; got {kind!r}")
    place = places(units, kind)
    order, agents = _order(units, episode, place)
    problems = _backward(units, episode, place, edges)
    at_quiescence = units.ranks[episode] if kind == RANK else None
    if at_quiescence:
        problems += at_quiescence.problems
    problems += _Replay(units, episode, by_replay=False).run(order)
    if at_quiescence and problems:
        problems += at_quiescence.hindrances
    return Certificate(agents, tuple(problems))


def _replay(units: Units, episode: int, places: tuple[Ints, ...]) -> Certificate:
    tried = []
    for place in places:
        order, agents = _order(units, episode, place)
        tried.append(Certificate(agents, tuple(_Replay(units, episode, by_replay=True).run(order))))
        if tried[-1].holds:
            return tried[-1]
    return tried[0]


def _order(units: Units, episode: int, place: Ints) -> tuple[list[int], int]:
    """Return the transactions of an episode in order, and how many are not the world's."""
    unit = units.unit
    listed = np.flatnonzero((unit["episode"] == episode) & (unit["committed"] | (unit["last_act"] >= 0)))
    order = listed[np.lexsort((unit["begun"][listed], place[listed]))].tolist()
    return order, int((unit["sort"][listed] != BY_WORLD).sum())


def places(units: Units, kind: str) -> Ints:
    """Return each unit's place in the certificate, [U]: a row of the log, or by rank. The world keeps its place."""
    unit = units.unit
    if kind == RANK:
        by_rank: Ints = np.empty(len(unit), np.int64)
        by_rank[np.lexsort((unit["begun"], unit["rank"]))] = np.arange(len(unit))
        return by_rank
    place: Ints = unit["begun"].copy()
    decisions = unit["sort"] == DECISION
    place[decisions] = np.where(unit["partial"], unit["last_act"], unit["ended"])[decisions]
    return place


def _backward(units: Units, episode: int, place: Ints, edges: Edges) -> list[str]:
    """Say which dependencies lead backward, and which reads are of nothing that was committed as it was read."""
    unit = units.unit
    wrong = (unit["episode"][edges.tail] == episode) & (place[edges.tail] >= place[edges.head])
    said = [
        f"{_told(units, head)} depends on {_told(units, tail)}, which comes later"
        for tail, head in zip(edges.tail[wrong][:SHOWN].tolist(), edges.head[wrong][:SHOWN].tolist(), strict=True)
    ]
    said_of = {"what never was, or was taken back": edges.aborted, "a version in between": edges.intermediate}
    for name, which in said_of.items():
        whose = np.flatnonzero(which & (unit["episode"] == episode))[:SHOWN].tolist()
        said += [f"{_told(units, number)} rests on {name}" for number in whose]
    return said


def _told(units: Units, number: int) -> str:
    one = units.unit[number]
    if one["sort"] == BY_WORLD:
        return f"the world in tick {one['decided']}"
    what = f"'s {units.rules.task_names[one['task']]!r}" if one["sort"] == DECISION else " at a border"
    return f"{units.rules.agent_names[one['agent']]}{what} of tick {one['decided']}"


class _Replay:
    """The sites alone, and the acts of one episode done on them one after the other."""

    def __init__(self, units: Units, episode: int, by_replay: bool) -> None:
        self.units, self.by_replay = units, by_replay
        self.first = episode * units.sites
        self.start = [site.value for site in units.rules.blueprint.sites]
        self.values = list(self.start)
        inside = (units.written["site"] >= self.first) & (units.written["site"] < self.first + units.sites)
        self.written = units.written[inside]
        self.worldly = set((self.written["site"][units.by_world[inside]] - self.first).tolist())
        self.problems: list[str] = []
        # What each write changed, and what was there last.
        self.final = list(self.start)
        self.changes: dict[int, list[tuple[int, int, bool]]] = {}  # unit -> site, difference or value, relative
        for writer, at, value, relative in self.written[["unit", "site", "value", "relative"]].tolist():
            site = at - self.first
            change = value - self.final[site] if relative else value
            self.changes.setdefault(writer, []).append((site, change, relative))
            self.final[site] = value
        self.crossed: dict[int, list[tuple[int, int]]] = {}  # agent -> row of the log, region
        of_episode = units.unit["episode"] == episode
        for number in np.flatnonzero(of_episode & (units.unit["sort"] == CROSSING)).tolist():
            one = units.unit[number]
            crossings = self.crossed.setdefault(int(one["agent"]), [])
            crossings += [(int(one["begun"]), site) for site, _, _ in self.changes.get(number, ())]
        of_episode = of_episode[units.act["unit"]]
        self.acts: dict[int, list[int]] = {}
        for place in np.flatnonzero(of_episode).tolist():
            self.acts.setdefault(int(units.act["unit"][place]), []).append(place)

    def run(self, order: list[int]) -> list[str]:
        """Do everything in this order and say what is not as it was."""
        twice = [number for number, many in Counter(order).items() if many > 1]
        self.problems += [f"{_told(self.units, number)} is listed twice" for number in twice]
        for number in order:
            if self.units.unit["sort"][number] == DECISION:
                for act in self.acts.get(number, ()):
                    self._act(number, act)
            else:
                for site, change, relative in self.changes.get(number, ()):
                    self.values[site] = self.values[site] + change if relative else change
        for site, name in enumerate(self.units.rules.site_names):
            if self.values[site] != self.final[site] and site not in self.worldly:
                self._wrong(f"{name} ends as {self.values[site]} and not as {self.final[site]}")
        return self.problems[:SHOWN]

    def _wrong(self, problem: str) -> None:
        self.problems.append(f"done again in this order, {problem}")

    def _act(self, number: int, place: int) -> None:
        units, act = self.units, self.units.act[place]
        op = units.rules.tasks[units.unit["task"][number]].ops[act["op"]]
        written, argument = int(act["written"]), int(act["argument"])
        values = {site: self.values[site] for site in (*op.inputs, op.site)}
        uses = units.used[slice(*np.searchsorted(units.used["act"], (place, place + 1)))]
        uses = uses[uses["bracket"] <= HEADLINE]
        found = {int(site) - self.first: int(value) for site, value in uses[["site", "value"]].tolist()}
        differing = [site for site, value in found.items() if values[site] != value]
        one = units.unit[number]
        walked = {site for row, site in self.crossed.get(int(one["agent"]), ()) if one["begun"] < row < one["ended"]}
        ops = units.rules.tasks[one["task"]].ops
        kept = {ops[earlier].site for earlier in units.act["op"][self.acts[number]].tolist() if earlier < act["op"]}
        dropped = {site for site in (uses["site"][uses["own"]] - self.first).tolist() if site not in kept}
        if not (self.worldly | walked | dropped).isdisjoint(differing):
            pass  # the dependencies decide
        elif differing and not self.by_replay:
            name = units.rules.site_names[differing[0]]
            self._wrong(
                f"{_told(units, number)} finds {name} at {values[differing[0]]} and not at {found[differing[0]]}"
            )
        else:
            holds = op.premise_holds(argument, values)
            if holds != bool(act["premise"]) and not (holds and self.by_replay):  # a gamble may come off
                self._wrong(f"the premise of {_told(units, number)} comes out differently")
            if op.value_written(argument, values) != written:
                self._wrong(f"{_told(units, number)} writes {op.value_written(argument, values)} and not {written}")
        if op.verb == verbs.CORRECT:
            for entry, value in op.entries:
                self.values[entry] = value
        else:
            self.values[op.site] = self.values[op.site] + written if op.relative else written
