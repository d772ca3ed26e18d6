"""Schedules: random ones, which a seed makes of all that blueprint, settings and config can say, and small ones.

A seed gives the map, the sites, the roles, the tasks, the protocol and every choice of every agent. A small schedule is
written in a line and reads from left to right, a tick each: in "A reads ledger | B adds ledger | A adds ledger" agent A
decides to add on what it believes of the ledger, and still thinks when B adds.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from stalegrid.protocols.config import AXES, PARAMETERS, Config
from stalegrid.protocols.presets import PRESETS, name_of, resolve
from stalegrid.world import actions, entropy, log, scenario, verbs
from stalegrid.world.rules import Rules
from stalegrid.world.scenario import Blueprint, Goal, Op, Role, Site, Task
from stalegrid.world.settings import QUANTILES, Settings

from .blueprints import bound, random_blueprint

Event = tuple[int, ...]

# A protocol that is told the truth: where its promises are asked for.
SOUND: Mapping[str, Any] = {"visibility": 1.0, "footprint_error": 0.0}


@dataclass(frozen=True)
class Schedule:
    """An episode to be played: where, under which protocol, and who chooses what."""

    rules: Rules
    config: Config
    world_seed: int = 0
    own_reward: bool = False

    def choices(self) -> Choices:
        """Return the agents' choices from the beginning."""
        raise NotImplementedError

    def __str__(self) -> str:
        blueprint = self.rules.blueprint
        lines = [f"{self.rules.header['scenario']}, world seed {self.world_seed}", f"config: {name_of(self.config)}"]
        lines.append(f"settings: {self.rules.settings.model_dump(exclude_defaults=True)}")
        for what in ("map", "sites", "roles", "tasks", "goals", "invariants", "drift"):
            lines += [f"{what}:", *(f"    {one}" for one in getattr(blueprint, what))]
        lines.append(f"sight: {blueprint.sight}, jobs: {blueprint.jobs}, boats: {blueprint.boats}")
        return "\n".join(lines)


@dataclass(frozen=True)
class RandomSchedule(Schedule):
    """One seed, unfolded."""

    seed: int = 0

    def choices(self) -> Choices:
        """Return the agents' choices from the beginning."""
        return RandomChoices(self.seed, self.rules)


class Choices(Protocol):
    """What the agents of one episode choose."""

    def pick(self, tick: int, agent: int, mask: NDArray[np.bool_], events: Sequence[Event]) -> int:
        """Pick the action that an agent begins in a tick, under its mask, [actions] bool, after these events."""


class RandomChoices:
    """Mostly tasks, often the one chosen last; sometimes what the mask forbids."""

    def __init__(self, seed: int, rules: Rules) -> None:
        self.rng = random.Random(f"choices {seed}")
        self.count = len(rules.actions)
        self.is_task = np.array([action.kind == actions.DO for action in rules.actions])
        self.last: dict[int, int] = {}

    def pick(self, tick: int, agent: int, mask: NDArray[np.bool_], events: Sequence[Event] = ()) -> int:
        """Pick an action."""
        rng, last = self.rng, self.last.get(agent, 0)
        if rng.random() < 0.03:
            return rng.randrange(self.count)
        if mask[last] and rng.random() < 0.3:
            return last
        tasks = np.flatnonzero(mask & self.is_task)
        self.last[agent] = int(rng.choice(tasks if len(tasks) and rng.random() < 0.6 else np.flatnonzero(mask)))
        return self.last[agent]


def random_schedule(
    seed: int, settings: Mapping[str, Any] | None = None, axes: Mapping[str, Any] | None = None
) -> RandomSchedule:
    """Return the schedule of a seed; `settings` and `axes` are held whatever the seed says.

    Raises: ValidationError if the axes held fixed contradict each other.
    """
    rng = random.Random(f"schedule {seed}")
    blueprint = random_blueprint(rng)
    if len(blueprint.tasks) > 20:  # there is no room for more actions
        settings = {**(settings or {}), "think_choice": False, "symbols": 0}
    rules = Rules("random", blueprint, random_settings(rng, settings or {}), {"schedule": seed})
    config = random_config(rng, axes or {})
    return RandomSchedule(rules, config, rng.choice((seed, rng.getrandbits(64))), rng.random() < 0.3, seed)


def random_config(rng: random.Random, fixed: Mapping[str, Any]) -> Config:
    """Return a config: any point of the space, or a preset with one or two axes moved."""
    Config(**fixed)
    while True:
        drawn = {name: _random_value(rng, name) for name in AXES if name not in LATER_AXES}
        rng.choice(("first come",))  # `scheduling` took this draw when it had one value: old seeds mean what they meant
        drawn |= {"adopt_timeout": rng.randint(0, 12), "resend": rng.randint(1, 5), "kept": rng.choice((0, 50, 100))}
        drawn |= {
            "repair": rng.choice((0, 25, 100)),
            "misjudged": rng.choice((0, 50, 100)),
            "window": rng.randint(1, 6),
        }
        drawn |= {"lock_timeout": rng.randint(1, 12)}
        if drawn["locks"] == "none":  # else points without locks would be few
            drawn |= {"lock_moment": "ahead", "deadlock": "detection", "victim": "youngest"}
        if rng.random() < 0.5:
            moved = rng.sample(sorted({*AXES} - {"speculation"}), rng.randint(0, 2))
            often = ("occ", "full", "premise", "serializable_snapshot", "two_phase_locking", "mtpo")
            preset = PRESETS[rng.choice((*(name for name in PRESETS if name not in LATER_PRESETS), *often))]
            numbers = {name: drawn[name] for name in PARAMETERS if name in drawn}
            drawn = {**preset, **numbers, **{name: drawn[name] for name in moved if name in drawn}}
        try:
            config = Config(**{**drawn, **fixed})
        except ValidationError:
            continue
        return _with_later_axes(config, fixed)


# What came later is drawn by a generator of its own and laid on top: it must not shift what old seeds mean.
LATER_AXES = ("speculation", "scheduling")
LATER_PRESETS = ("contention_aware", "speculative_locking")


def _with_later_axes(config: Config, fixed: Mapping[str, Any]) -> Config:
    own = random.Random(repr(config))
    drawn = {name: _random_value(own, name) for name in LATER_AXES} | {"age_bound": own.randint(0, 9)}
    try:
        return Config(**{**dict(config), **drawn, **fixed})
    except ValidationError:
        return config


def _random_value(rng: random.Random, name: str) -> Any:
    axis = AXES[name]
    return tuple(value for value in axis.values if rng.random() < 0.5) if axis.many else rng.choice(axis.values)


def random_settings(rng: random.Random, fixed: Mapping[str, Any]) -> Settings:
    """Return settings of short episodes."""
    laws = ("constant", "uniform", "geometric", "lognormal")
    drawn: dict[str, Any] = {
        "think": rng.randint(0, 4),
        "think_law": rng.choice(laws),
        "delay": rng.choice((0, 0, 1, 2, 4)),
        "delay_law": rng.choice(laws),
        "loss": rng.choice((0, 0, 0.3)),
        "duplication": rng.choice((0, 0, 0.3)),
        "patience": rng.randint(2, 10),
        "navigation": rng.choice(("auto", "auto", "manual")),
        "sight": rng.choice(("scenario", "scenario", "all", 0, 1, 2)),
        "lockstep": rng.random() < 0.15,
        "stall": rng.choice((0, 0, 1, 4)),
        "stall_every": rng.choice((5, 10, 20)),
        "max_cycles": rng.choice((None, *range(15, 61, 5))),
        "think_choice": rng.random() < 0.3,
        "slip": rng.choice((0, 0, 0.3, 1)),
        "half_life": rng.choice((1, 2, 6)),
        "symbols": rng.choice((0, 0, 1, 3)),
    }
    own = random.Random(repr(drawn))  # what came later must not shift what the seeds of old tests mean
    drawn |= {
        "visibility": own.choice((1.0, 1.0, 1.0, 0.8, 0.4)),
        "footprint_error": own.choice((0.0, 0.0, 0.0, 0.3, 0.8)),
        "thinkers": own.choice((None, None, 1, 2)),
    }
    return Settings(**{**drawn, **fixed})


# ---------------------------------------------------------------------- schedules in a line

# What the lines speak of; all in the open and within reach of everyone, so that only thinking takes time.
SITES = (
    Site("ledger", "counter", (0, 0)),
    Site("till", "counter", (0, 0), 5),
    Site("note", "board", (0, 0), 1),
    Site("shelf", "shelf", (0, 0), 1),
    Site("rack", "shelf", (0, 0)),
    Site("depot", "depot", (0, 0), depends=("note",)),
    Site("gate", "switch", (0, 0)),
    Site("api", "interface", (0, 0), 1),
    Site("client", "interface", (0, 0), 1, depends=("api",)),
    Site("east", "guard_post", (0, 0), 1, depends=("west",)),
    Site("west", "guard_post", (0, 0), 1, depends=("east",)),
)
VERBS_SAID = {f"{name}s": name for name in verbs.VERB_INDEX if name not in ("cross", "correct")}
USUAL_ARGUMENT = {"add": 1, "set": 1, "write": 2, "take": 1, "put": 1, "deliver": 1, "leave": 1}


@dataclass(frozen=True)
class Item:
    """One item of a line: an act, and when its agent decides on it. Ticks count from 1."""

    agent: int
    op: Op
    decided: int
    acts: int


@dataclass(frozen=True)
class Line(Schedule):
    """A schedule in a line."""

    text: str = ""
    items: tuple[Item, ...] = ()

    def choices(self) -> Choices:
        """Return the agents' choices from the beginning."""
        return LineChoices(self.items)

    def __str__(self) -> str:
        return f"{self.text!r} under {name_of(self.config)}"


class LineChoices:
    """Each agent does its items in order, none before its tick; one that is made to wait does it later."""

    def __init__(self, items: tuple[Item, ...]) -> None:
        self.items = items

    def pick(self, tick: int, agent: int, mask: NDArray[np.bool_], events: Sequence[Event]) -> int:
        """Pick the task of the agent's next item, or wait."""
        begun = sum(event[0] == log.DECIDE and event[2] == agent for event in events)
        due = [n for n, item in enumerate(self.items) if item.agent == agent][begun : begun + 1]
        return 1 + due[0] if due and self.items[due[0]].decided <= tick else 0


def read_line(text: str) -> tuple[Item, ...]:
    """Read a line of items `AGENT VERBs SITE [ARGUMENT]`, or `AGENT reads SITE` where its next act is decided on.

    Raises: ValueError for an item that does not read so.
    """
    kinds = {site.name: site.kind for site in SITES}
    items: list[Item] = []
    reading: dict[str, tuple[int, str]] = {}
    for tick, said in enumerate(text.split("|"), 1):
        agent, verb, site, *rest = said.split()
        if agent not in "ABC" or site not in kinds or (verb != "reads" and verb not in VERBS_SAID):
            raise ValueError(
                f"{said!r}: agents are A, B, C; verbs reads, {', '.join(VERBS_SAID)}; sites {', '.join(kinds)}"
            )
        if verb == "reads":
            reading[agent] = tick, site
            continue
        name = VERBS_SAID[verb]
        argument = int(rest[0]) if rest else USUAL_ARGUMENT.get(name, 0)
        decided, _ = reading.pop(agent, (tick, site))
        items.append(Item("ABC".index(agent), Op(site, name, argument), decided, tick))
    if reading:
        raise ValueError(f"{text!r}: {', '.join(reading)} reads and does not act")
    return tuple(items)


def line(text: str, protocol: str | Mapping[str, Any] = "none", **settings: Any) -> Line:
    """Return the schedule that a line tells."""
    items = read_line(text)
    blueprint = Blueprint(
        map=("..", ".."),
        sites=SITES,
        roles=(Role("agent", 3, ((0, 0),)),),
        tasks=tuple(Task(f"item {n}", (item.op,), ("agent",)) for n, item in enumerate(items)),
        goals=(Goal(scenario.VALUE, "till", target=-99),),
        bound=bound,
    )
    rules = Rules(
        "line", blueprint, Settings(**{"patience": 5, "max_cycles": 2 * len(text.split("|")) + 12, **settings})
    )
    # Think times are drawn from a table: the line's own are written where the draws of its decisions hit it.
    for n, item in enumerate(items):
        rules.thought[entropy.draw(0, entropy.THOUGHT, item.agent, n, 0, 0) % QUANTILES] = item.acts - item.decided
    return Line(rules, resolve(protocol), text=text, items=items)
