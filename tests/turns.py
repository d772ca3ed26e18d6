"""Schedules told turn by turn, played on both engines.

A schedule stands in one line, time runs left to right: "1 a add | 3 b add" lets agent a choose `add` in tick 1 and b in
tick 3. A busy agent comes to its turn as soon as it is free. A task named "slow ..." thinks, all others are done on
reflex.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stalegrid.protocols.config import Config
from stalegrid.protocols.presets import name_of, resolve
from stalegrid.protocols.textbook import Textbook
from stalegrid.world import log
from stalegrid.world.audit import EpisodeReport, audit_episode
from stalegrid.world.control import Control
from stalegrid.world.reference import World
from stalegrid.world.rules import Rules
from stalegrid.world.scenario import VALUE, Blueprint, Goal, Op, Role, Site, Task
from stalegrid.world.settings import Settings

from .schedules import Choices, Event, Schedule
from .test_engines_agree import compare

AGENTS = "abcde"
ROOM = ("#########", "#.......#", "#.......#", "#.......#", "#########")
HERE = (2, 3)  # where everybody starts
USUAL: Mapping[str, Any] = {"think": 4, "think_law": "constant", "delay_law": "constant"}


class Seen(NamedTuple):
    """One event, read by name."""

    kind: int
    tick: int
    agent: int
    txn: int
    op: int
    site: int
    value: int
    version: int
    other: int
    a: int
    b: int
    c: int
    d: int
    e: int


class TurnChoices:
    """Each agent takes its turns in order, none before its tick."""

    def __init__(self, turns: Sequence[tuple[int, int, int]]) -> None:
        self.left = list(turns)

    def pick(self, tick: int, agent: int, mask: NDArray[np.bool_], events: Sequence[Event]) -> int:
        """Pick the action of the agent's next turn, or wait."""
        turn = next((turn for turn in self.left if turn[1] == agent), None)
        if turn is None or turn[0] > tick:
            return 0
        self.left.remove(turn)
        return turn[2]


@dataclass(frozen=True)
class Turns(Schedule):
    """A schedule told turn by turn."""

    text: str = ""
    turns: tuple[tuple[int, int, int], ...] = ()

    def choices(self) -> TurnChoices:
        """Return the agents' choices from the beginning."""
        return TurnChoices(self.turns)

    def __str__(self) -> str:
        return f"{self.text!r} under {name_of(self.config)}"


class WatchedChoices:
    """Somebody's choices; the events of the episode are kept."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.events: Sequence[Event] = ()

    def pick(self, tick: int, agent: int, mask: NDArray[np.bool_], events: Sequence[Event]) -> int:
        """Pick as they do."""
        self.events = events
        return self.choices.pick(tick, agent, mask, events)


@dataclass(frozen=True)
class Watched(Schedule):
    """A schedule of which the events are wanted."""

    told: str = ""
    watched: WatchedChoices | None = None

    def choices(self) -> WatchedChoices:
        """Return the choices that are watched; they are used up by one episode."""
        assert self.watched is not None
        return self.watched

    def __str__(self) -> str:
        return self.told


@dataclass(frozen=True)
class Played:
    """What came of a schedule."""

    report: EpisodeReport
    events: tuple[Seen, ...]
    rules: Rules

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of the sites."""
        return self.rules.site_names

    def count(self, name: str) -> int:
        """Return a counter."""
        return self.report.counts[name]

    def of(self, kind: int, agent: str = "", **columns: int) -> list[Seen]:
        """Return the events of a kind, of one agent if it is named, whose columns have these values."""
        return [
            event
            for event in self.events
            if event.kind == kind
            and (not agent or event.agent == AGENTS.index(agent))
            and all(getattr(event, name) == value for name, value in columns.items())
        ]

    def ticks(self, kind: int, agent: str = "", **columns: int) -> list[int]:
        """Return the ticks of such events."""
        return [event.tick for event in self.of(kind, agent, **columns)]

    def value(self, site: str) -> int | None:
        """Return what was last written to a site, None if nothing was."""
        written = self.of(log.WRITE, site=self.sites.index(site))
        return written[-1].value if written else None


def worlds(schedule: Schedule, make: Callable[[Config], Control] = Textbook) -> Iterator[World]:
    """Play a schedule on the readable engine alone, by what is made of its config; yield its world after each tick."""
    world, choices = World(schedule.rules, make(schedule.config), schedule.world_seed), schedule.choices()
    agents = range(len(world.agents))
    while not world.status:
        ready = [world.is_ready(agent) for agent in agents]
        chosen = [
            choices.pick(world.now + 1, agent, world.mask(agent), world.events) if ready[agent] else 0
            for agent in agents
        ]
        world.tick(chosen)
        yield world


def read(schedule: Schedule, make: Callable[[Config], Control] = Textbook) -> EpisodeReport:
    """Play a schedule on the readable engine alone, as `worlds` does, and audit the log."""
    *_, world = worlds(schedule, make)
    return audit_episode(schedule.rules, world.event_array())


def watch(schedule: Schedule) -> Played:
    """Play a schedule on both engines, compare them, audit the log and keep it."""
    watched = WatchedChoices(schedule.choices())
    report = compare(
        Watched(schedule.rules, schedule.config, schedule.world_seed, schedule.own_reward, str(schedule), watched)
    )
    return Played(report, tuple(Seen(*event) for event in watched.events), schedule.rules)


def turns_of(
    blueprint: Blueprint, text: str, protocol: Any = "none", ticks: int = 30, seed: int = 0, **settings: Any
) -> Turns:
    """Return the schedule that a line tells."""
    rules = Rules("turns", blueprint, Settings(**{**USUAL, "max_cycles": ticks, **settings}))
    names = [action.name for action in rules.actions]
    turns = []
    for turn in text.split(" | "):
        tick, agent, said = turn.split(" ", 2)
        action = names.index(said if said in names else f"do {said}")
        turns.append((int(tick), AGENTS.index(agent), action))
    return Turns(rules, resolve(protocol), seed, text=text, turns=tuple(turns))


def play(blueprint: Blueprint, text: str, protocol: Any = "none", illegal: int = 0, **more: Any) -> Played:
    """Play a schedule on both engines, compare them and audit the log; so many of its turns are masked out."""
    played = watch(turns_of(blueprint, text, protocol, **more))
    assert played.count("illegal_actions") == illegal, f"turns that the mask forbade in {text!r}"
    return played


def task(name: str, *ops: Op, roles: tuple[str, ...] = ("worker",)) -> Task:
    """Return a task that thinks if its name says so."""
    return Task(name, ops, roles, thought=name.startswith("slow"))


def room(sites: tuple[Site, ...], tasks: Sequence[Task], roles: tuple[Role, ...], **more: Any) -> Blueprint:
    """Return a room with everybody in its middle; its goal is out of reach."""
    return Blueprint(
        map=ROOM,
        sites=sites,
        roles=roles,
        tasks=tuple(tasks),
        goals=(Goal(VALUE, site=sites[0].name, target=999),),
        bound=lambda think, delay: 99,
        **more,
    )
