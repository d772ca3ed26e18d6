"""Random contended histories: six agents on a handful of sites, at work in every tick, whatever comes of it.

Two see everything, two hear and see nothing, one corrects the plan and one walks to and fro over a deck. All sites are
within reach. Tasks read and write what others are at: counters that each adds to by what it read of the other, boards
written in both orders, switches, a plan of two entries that must agree, a gate over the deck. The choices of an episode
are drawn from its seed and from what its agents may do, so the seed tells the whole episode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .findings import Episode
from .protocols.batch import Batch
from .protocols.config import Config
from .world import actions, entropy
from .world.control import Control
from .world.masks import unpack_masks
from .world.reference import World
from .world.rules import Rules
from .world.scenario import VALUE, Blueprint, Goal, Op, Role, Site, Task
from .world.settings import Settings
from .world.state import COUNTERS
from .world.verbs import DEPS_EMPTY

TICKS = 24
AT_ONCE = 256  # worlds of a batch
# Of the draws of an agent's n-th tick (`entropy.MIND`): how many in 16 are a task, where it has any.
TASKS_IN_16 = 12


@cache
def rules() -> Rules:
    """Return the contended scenario."""
    here, start = (1, 1), (1, 2)
    hears = ("ear",)
    sites = (
        Site("x", "counter", here, listeners=hears, announced=True, known=True),
        Site("y", "counter", here, listeners=hears, announced=True, known=True),
        Site("note", "board", here, listeners=hears, known=True),
        Site("copy", "board", here, known=True),
        Site("red", "switch", here, listeners=hears, announced=True, known=True),
        Site("green", "switch", here, known=True),
        Site("gate", "switch", here, cells=((3, 2),), known=True),
        Site("deck", "region", here, cells=((3, 2),), listeners=hears, announced=True, known=True),
        Site("east", "plan"),
        Site("west", "plan"),
        *(Site(f"sum {nth}", "interface", here, depends=("x", "y"), known=True) for nth in range(4)),
    )
    blueprint = Blueprint(
        map=("#####", "#...#", "#...#", "##.##", "#...#", "#####"),
        sites=sites,
        roles=(
            Role("eye", 2, (start,)),
            Role("ear", 2, (start,), sight=0),
            Role("planner", 1, (start,)),
            Role("walker", 1, ((2, 2),), stations=(((2, 2), (4, 2)),), trips=99),
        ),
        tasks=tuple(_tasks()),
        goals=(Goal(VALUE, "x", target=-1),),
        bound=lambda think, delay: TICKS,
        constraints=(("east", "west"),),
    )
    usual: dict[str, Any] = {"think": 2, "delay": 1, "patience": 6, "max_cycles": TICKS}
    return Rules("contended", blueprint, Settings(**usual))


def _tasks() -> Iterator[Task]:
    both = ("eye", "ear")
    for one, other in (("x", "y"), ("y", "x")):
        yield Task(f"add {one}", (Op(one, "add", 1),), both)
        yield Task(f"raise {one} by {other}", (Op(one, "add", 1, rests_on=(other,)),), both)
        yield Task(f"add {one}, then {other}", (Op(one, "add", 1), Op(other, "add", 1)), both)
        yield Task(f"add {one} twice", (Op(one, "add", 1), Op(one, "add", 1)), both)
    for nth, who in enumerate(both * 2):
        index = nth // 2
        yield Task(f"sum {nth}", (Op(f"sum {nth}", "build", nth + 1),), (who,), agents=(index + 2 * (who == "ear"),))
    for nth, (one, other) in enumerate((("note", "copy"), ("copy", "note"))):
        said = 3 + 2 * nth
        yield Task(f"write {one}, then {other}", (Op(one, "write", said), Op(other, "write", said + 1)), both)
    for nth, (one, other) in enumerate((("red", "green"), ("green", "red"))):
        ops = Op(one, "set", 2 + nth), Op(other, "set", 4 + nth, rests_on=(one,))
        yield Task(f"set {one}, then {other}", ops, both)
        yield Task(
            f"clear {one} while {other} is clear", (Op(one, "set", 0, rests_on=(other,), premise=DEPS_EMPTY),), both
        )
    # What a count of the deck is good for: the gate may close, and a reader of the count may have been overtaken.
    yield Task("close the gate", (Op("gate", "set", 1),), both, thought=True)
    yield Task("open the gate", (Op("gate", "set", 0),), both)
    yield Task("note the deck empty", (Op("note", "write", 7, rests_on=("deck",), premise=DEPS_EMPTY),), ("eye",))
    yield Task("copy while deck and note say so", (Op("copy", "write", 8, rests_on=("deck", "note")),), ("eye",))
    for (entry, site), value in product((("east", "note"), ("west", "copy")), (0, 1)):
        followed = Op(site, "write", 10 + value, follows=entry, when=value)
        yield Task(f"follow {entry} while {value}", (followed,), both)
    yield Task("use east", (Op("red", "set", 6, follows="east", when=0),), both)
    for value in (0, 1):
        plain = Op("east", "correct", entries=(("east", value), ("west", value)))
        yield Task(f"plan {value}", (plain,), ("planner",))
        careful = replace(plain, rests_on=("red",), premise=DEPS_EMPTY)
        yield Task(f"plan {value} while red is clear", (careful,), ("planner",))
    yield Task("cross", (Op("deck", "cross"),), ("walker",), thought=False)


@cache
def _kinds() -> tuple[NDArray[np.bool_], ...]:
    """Return which actions are tasks, and which are any good: none waits of its own will."""
    kind = np.array([action.kind for action in rules().actions])
    return kind == actions.DO, kind != actions.WAIT


def _choose(mask: NDArray[np.bool_], bits: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Draw an action of each row of masks, [N, actions] bool, from so many random bits; 0 where there is none."""
    tasks, good = _kinds()
    does = ((bits & np.uint64(15)) < TASKS_IN_16) & (mask & tasks).any(axis=1)
    among = mask & np.where(does[:, None], tasks, good)
    many = among.sum(axis=1)
    nth = (bits >> np.uint64(4)) % np.maximum(many, 1).astype(np.uint64)
    chosen = np.argmax(np.cumsum(among, axis=1) > nth[:, None], axis=1)
    return np.where(many > 0, chosen, 0).astype(np.int32)


def play(config: Config, seeds: Sequence[int]) -> Iterator[Episode]:
    """Play the episodes of seeds on the compiled engine."""
    many = len(rules().actions)
    for start in range(0, len(seeds), AT_ONCE):
        chosen = np.asarray(seeds[start : start + AT_ONCE], np.uint64)
        batch = Batch(rules(), config, len(chosen), keep_log=True, blocks=())
        batch.reset(chosen)
        agents = np.tile(np.arange(batch.agents), len(chosen))
        for tick in range(TICKS):
            bits = entropy.draw_many(
                np.repeat(chosen, batch.agents), entropy.MIND, agents, np.full(len(agents), tick, np.int64)
            )
            masks = unpack_masks(batch.state.mask, many)
            choices = _choose(masks.reshape(-1, many), bits)
            batch.step(choices.reshape(len(chosen), batch.agents))
        for row, seed in enumerate(chosen.tolist()):
            yield Episode(seed, batch.drain(row), dict(zip(COUNTERS, batch.state.counts[row].tolist(), strict=True)))


def play_on_reference(make: Callable[[], Control], seed: int) -> World:
    """Play the episode of a seed on the reference engine under any protocol, and return the world as it ends."""
    control = make()
    control.reset()
    world = World(rules(), control, seed)
    agents = range(len(world.agents))
    seeds = np.full(len(agents), seed, np.uint64)
    for tick in range(TICKS):
        bits = entropy.draw_many(seeds, entropy.MIND, np.array(agents), np.full(len(agents), tick))
        masks: Any = np.stack([world.mask(agent) if world.is_ready(agent) else _none() for agent in agents])
        world.tick(_choose(masks, bits).tolist())
    return world


def _none() -> NDArray[np.bool_]:
    return np.zeros(len(rules().actions), np.bool_)
