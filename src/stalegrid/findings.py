"""Which anomalies and hazards each of many episodes shows, by the names that the columns of the matrix have.

Names of the graph are the auditor's: transactions are decisions, what is read is the headline bracket, and the world's
own transactions are taken out. A component of dependencies is named by the least anomaly in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .world import log
from .world.audit import audit_episode
from .world.audit.batch import judge_all
from .world.audit.certificates import check_all
from .world.audit.episodes import histories_of
from .world.audit.isolation import judge_units
from .world.audit.units import HEADLINE, Units, read_logs
from .world.rules import Rules
from .world.verbs import CORRECT

FRACTURED, STALE, OUTDATED, LATE, SAID = (
    "fractured read", "stale observation", "outdated correction", "late or torn step", "said, not done",
)  # fmt: skip
DEADLOCK = "deadlock"
BROKEN = "broken certificate"

# What a counter of the hazards shows, where it is not 0.
_COUNTED = {
    "lost_update.decisive": "lost update", "stale_read.decisive": STALE, "stale_correction.decisive": LATE,
    "torn": LATE, "action_message_desync.decisive": SAID,
}  # fmt: skip


class Episode(NamedTuple):
    """One episode: its number or seed, its whole log, [n] log.EVENT, and the counters of its hazards."""

    number: int
    log: NDArray[Any]
    counts: Mapping[str, int]


def findings(
    rules: Rules,
    episodes: Sequence[Episode],
    *,
    alike: bool = False,
    times: bool = True,
    certificate: str | None = None,
) -> list[frozenset[str]]:
    """Return what each episode shows.

    With `alike` many episodes come to the same history, and each history is judged once. Without `times` only those
    are judged that lie on a cycle or read what was not settled: what real time alone forbids is not looked for. With a
    kind of certificate it is checked of each.
    """
    units = read_logs(rules, [episode.log for episode in episodes])
    verdicts = judge_units(units)
    wrong = _any(units, verdicts.cycle | verdicts.aborted | verdicts.intermediate)
    broken = _any(units, verdicts.fractured)
    keys: list[Any] = _keys(units) if alike else list(range(len(episodes)))
    first = {key: at for at, key in reversed(list(enumerate(keys))) if times or wrong[at]}  # one of each is judged
    judged = dict(zip(first, _anomalies(units, list(first.values())), strict=True))
    found = []
    for at, (episode, key) in enumerate(zip(episodes, keys, strict=True)):
        shown = {*judged.get(key, ()), *(name for counter, name in _COUNTED.items() if episode.counts[counter])}
        if broken[at]:
            shown.add(FRACTURED)
        if has_circle(episode.log):
            shown.add(DEADLOCK)
        found.append(shown)
    for at in _corrected_late(units):
        report = audit_episode(rules, units.logs[at])
        if any(one.verb == "correct" and one.level == "decisive" for one in report.findings):
            found[at].add(OUTDATED)
    for at, order in enumerate(check_all(units, certificate) if certificate else ()):
        if not order.holds:
            found[at].add(BROKEN)
    return [frozenset(shown) for shown in found]


def _anomalies(units: Units, episodes: Sequence[int]) -> list[tuple[str, ...]]:
    told = list(histories_of(units, episodes, world=False))
    counted = {name for one in told for name in one.counted(units.rules)}
    return [verdict.anomalies for verdict in judge_all([one.to_object() for one in told], counted)]


def _any(units: Units, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    found = np.zeros(units.episodes, np.bool_)
    found[units.unit["episode"][flags & units.unit["committed"]]] = True
    return found


def _corrected_late(units: Units) -> list[int]:
    """Return the episodes in which a correction rests on what another agent had superseded when it was published."""
    rules, unit = units.rules, units.unit
    verb = np.full((len(rules.tasks) + 1, 4), -1)
    for number, task in enumerate(rules.tasks):
        verb[number, : len(task.ops)] = [op.verb for op in task.ops]
    corrects = verb[unit["task"][units.act["unit"]], units.act["op"]] == CORRECT
    found = set()
    for used in units.used[corrects[units.used["act"]] & (units.used["bracket"] <= HEADLINE)]:
        act, written = units.act[used["act"]], units.written
        newer = (written["site"] == used["site"]) & (written["version"] > used["version"])
        newer &= (written["row"] < act["row"]) & (unit["agent"][written["unit"]] != unit["agent"][act["unit"]])
        if used["site"] % units.sites not in rules.plan and newer.any():
            found.add(int(unit["episode"][act["unit"]]))
    return sorted(found)


def has_circle(events: NDArray[Any]) -> bool:
    """Tell whether agents waited for each other in a circle at the end of a tick, or one was lost to a circle.

    A wait is for whom its beginning names. Waits for an epoch are left out: its boundary comes whatever others do.
    """
    waits = events[np.isin(events["kind"], (log.WAIT_BEGIN, log.WAIT_END, log.VICTIM)) & (events["b"] != log.FOR_EPOCH)]
    whom: dict[int, int] = {}
    tick = 0
    for kind, now, agent, other in waits[["kind", "tick", "agent", "other"]].tolist():
        if now != tick and _circle(whom):
            return True
        tick = now
        if kind == log.WAIT_BEGIN:
            whom[agent] = other
        elif kind == log.WAIT_END:
            whom.pop(agent, None)
        elif _circle({**whom, agent: other}):
            return True
    return _circle(whom)


def _circle(whom: Mapping[int, int]) -> bool:
    for agent in whom:
        at, steps = whom[agent], 0
        while at in whom and at != agent and steps < len(whom):
            at, steps = whom[at], steps + 1
        if at == agent:
            return True
    return False


def _keys(units: Units) -> list[bytes]:
    """Return for each episode what its history comes to: equal keys, equal histories but for the names of ticks."""
    unit, sites = units.unit, units.sites
    decided, settled = unit["decided"], unit["settled"]
    first = units.first[unit["episode"]]
    before = np.zeros(len(unit), np.int64)  # which units of the episode had settled when this one began
    for nth in range(int(np.diff(units.first).max(initial=0))):
        other = first + nth
        is_there = other < units.first[unit["episode"] + 1]
        other = np.where(is_there, other, first)
        before |= (is_there & (settled[other] < decided)).astype(np.int64) << nth
    parts = (
        (unit["episode"], (unit["agent"], unit["committed"], unit["ended"] < 0, before)),
        (
            unit["episode"][units.used["unit"]],
            (
                units.used["unit"] - first[units.used["unit"]], units.act["op"][units.used["act"]],
                units.used["site"] % sites, units.used["version"], units.used["own"], units.used["bracket"],
            ),
        ),
        (
            units.written["site"] // sites,
            (
                units.written["unit"] - first[units.written["unit"]], units.written["op"],
                units.written["site"] % sites, units.written["version"],
            ),
        ),
    )  # fmt: skip
    keys = [b""] * units.episodes
    for episode, columns in parts:
        table = np.stack(columns, axis=1).astype(np.int16)
        order = np.argsort(episode, kind="stable")
        starts = np.searchsorted(episode[order], np.arange(units.episodes + 1))
        table = table[order]
        for at in range(units.episodes):
            keys[at] += table[starts[at] : starts[at + 1]].tobytes() + b"/"
    return keys
