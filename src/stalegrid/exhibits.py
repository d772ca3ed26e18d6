"""Scripted exhibits: the smallest schedules that show what a cell of the matrix allows.

Most are of the small scope. The others need a promise, a body on a deck, a plan, or more than two agents. Each says
which task every agent does and whose step is when: its first step is the decision, each one after that an operation;
what is left at the end is done by all at once. On a step of another everybody stands still.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from . import small_scope
from .findings import FRACTURED, LATE, OUTDATED, SAID, STALE, Episode, findings
from .world.audit import audit_episode
from .world.control import Control
from .world.reference import World
from .world.rules import Rules
from .world.scenario import VALUE, Blueprint, Goal, Op, Role, Site, Task
from .world.settings import Settings
from .world.state import NEVER, QUEUED
from .world.verbs import DEPS_EMPTY, DEPS_PRESENT, TRUE

AGENTS = "abcdw"
TICKS = 60


@dataclass(frozen=True)
class Script:
    """Who does which task, and whose step is when. `w` walks over the deck, a cell a step."""

    told: str
    tasks: Mapping[str, tuple[Op, ...]]
    order: str
    promises: str = ""  # this agent's first step is to promise its task
    breaks: bool = False  # and it never does it
    hears: str = ""  # this agent sees nothing, and knows what it is told
    boards: bool = False  # p, q, r and s are boards, else switches

    @property
    def rules(self) -> Rules:
        """The scenario that it is played in."""
        here, start, banks = (1, 1), (1, 2), ((2, 2), (4, 2))
        heard = tuple(self.hears)
        sites = (
            Site("count", "counter", here, listeners=heard, known=True),
            *(Site(name, "board" if self.boards else "switch", here, listeners=heard, known=True) for name in "pqrs"),
            Site("deck", "region", here, cells=((3, 2),)),
            Site("east", "plan", known=True),
        )
        roles = [Role(who, 1, (start,), sight=0 if who in self.hears else None) for who in AGENTS[:-1]]
        tasks = [Task(f"{who}'s", tuple(map(self._op, ops)), (who,)) for who, ops in self.tasks.items()]
        blueprint = Blueprint(
            map=("#####", "#...#", "#...#", "##.##", "#...#", "#####"),
            sites=sites,
            roles=(*roles, Role("w", 1, ((2, 2),), stations=(banks,), trips=9)),
            tasks=(*tasks, Task("cross", (Op("deck", "cross"),), ("w",), thought=False)),
            goals=(Goal(VALUE, "count", target=-1),),
            bound=lambda think, delay: TICKS,
        )
        usual: dict[str, Any] = {"think": 1, "think_law": "constant", "stall": 1, "max_cycles": TICKS}
        return Rules("exhibit", blueprint, Settings(**usual))

    def _op(self, op: Op) -> Op:
        return replace(op, verb="write") if self.boards and op.verb == "set" else op

    def play(self, control: Control) -> tuple[Rules, World]:
        """Play it on the reference engine, and return its rules and the world as it ends."""
        rules = self.rules
        names = [action.name for action in rules.actions]
        left = [[f"{'correct' if ops[0].verb == 'correct' else 'do'} {who}'s"] for who, ops in self.tasks.items()]
        to_do = dict(zip(self.tasks, left, strict=True))
        to_do["w"] = ["do cross"] * self.order.count("w")
        if self.promises:
            to_do[self.promises][: int(self.breaks)] = []
            to_do[self.promises].insert(0, f"promise {self.promises}'s")
        control.reset()
        world = World(rules, control, 0)
        for me in world.agents:
            me.stall_at = NEVER - 1
        asked: set[int] = set()  # who is to begin, and waits to be let in
        for tick in range(TICKS - 1):
            step = self.order[tick : tick + 1]
            chosen = [0] * len(AGENTS)
            for index, who in enumerate(AGENTS):
                me = world.agents[index]
                me.stalled = int(step != "" and step != who and me.txn is not None)
                is_due = (step == who and me.txn is None) or index in asked or (step == "" and who != "w")
                if is_due and to_do.get(who) and world.is_ready(index):
                    chosen[index] = names.index(to_do[who][0])
            world.tick(chosen)
            for index, who in enumerate(AGENTS):
                if chosen[index] and world.agents[index].phase == QUEUED:
                    asked.add(index)
                elif chosen[index]:
                    asked.discard(index)
                    del to_do[who][0]
        return rules, world


class Exhibit(NamedTuple):
    """A schedule of the small scope on sites of one kind, or a script."""

    kind: str = ""
    schedule: str = ""
    script: Script | None = None

    def __str__(self) -> str:
        return self.script.told if self.script else f"{self.schedule} | {self.kind} sites"

    def shows(self, make: Callable[[], Control]) -> frozenset[str]:
        """Return what it shows under a protocol."""
        if self.script:
            rules, world = self.script.play(make())
        else:
            rules = small_scope.rules_of(self.kind)
            world = small_scope.play_on_reference(make, self.kind, small_scope.number_of(self.schedule))
        events = world.event_array()
        return findings(rules, [Episode(0, events, audit_episode(rules, events).counts)])[0]


def _set(site: str, value: int = 2, *rests_on: str, premise: int = TRUE) -> Op:
    return Op(site, "set", value, rests_on=rests_on, premise=premise)


_CORRECT = Op("east", "correct", entries=(("east", 1),))
_UNLESS_P = Op("east", "correct", entries=(("east", 1),), rests_on=("p",), premise=DEPS_EMPTY)

PROMISED = Script(
    "a promises an increment and does not make it; b acts on it",
    {"a": (Op("count", "add", 1),), "b": (_set("r", 2, "count", premise=DEPS_PRESENT),)},
    "abb",
    promises="a",
    breaks=True,
    hears="b",
)
KEPT_LATE = Script(
    "a promises, b acts on it, and only then a does it, on what b has done",
    {"a": (Op("count", "add", 1, rests_on=("r",)),), "b": (_set("r", 2, "count"),)},
    "abbaa",
    promises="a",
    hears="b",
)
HALF_SEEN = Script(
    "a sets p and q; b decides in between, and acts after both",
    {"a": (_set("p"), _set("q", 3)), "b": (_set("r", 2, "p", "q"),)},
    "aababb",
)
FORK_BETWEEN = Script(
    "between b's two acts c and then d and then a come and go",
    {"a": (_set("s", 4, "p"),), "b": (_set("q"), _set("p", 3)), "c": (_set("q", 4, "r"),), "d": (_set("r"), _set("s"))},
    "bbccdddaab",
)
FORK_AHEAD = Script(
    "a and c decide, b and d come and go, c and a act on what they saw before",
    {"a": (_set("s", 4, "p"),), "b": (_set("q"), _set("p", 3)), "c": (_set("q", 4, "r"),), "d": (_set("r"), _set("s"))},
    "acbbbdddca",
)
OVERTAKEN = Script(
    "a counts an empty deck, w steps on it, b counts w, a acts",
    {"a": (_set("p", 2, "deck"),), "b": (_set("q", 2, "deck", "p"),)},
    "awbba",
)
OVERTAKEN_LATER = Script(
    "a acts on an empty deck, w steps on it, b counts w, a acts again",
    {"a": (_set("r", 2, "deck"), _set("p")), "b": (_set("q", 2, "deck", "p"),)},
    "aawbba",
)
OLD_VIEW = Script(
    "c, who sees p clear, is to correct the plan; b sets p under the old plan; c corrects",
    {"b": (Op("p", "set", 2, follows="east"),), "c": (_UNLESS_P,)},
    "cbbc",
)
OLD_NEWS = Script(
    "as before, but c knows of p only by hearsay",
    {"b": (Op("p", "set", 2, follows="east"),), "c": (_UNLESS_P,)},
    "cbbc",
    hears="c",
)
LATE_STEP = Script(
    "b decides under the old plan, c corrects it, b acts",
    {"b": (Op("p", "set", 2, follows="east"),), "c": (_CORRECT,)},
    "bccb",
)
SIDE_BY_SIDE = Script(
    "a and b decide, each on what the other is to write, and act one after the other",
    {"a": (_set("p", 2, "q"),), "b": (_set("q", 2, "p"),)},
    "abab",
)
UNHEEDED = Script(
    "a promises an increment and does not make it; b hears it, and it makes no difference to b's act",
    {"a": (Op("count", "add", 1),), "b": (_set("r", 2, "count"),)},
    "abb",
    promises="a",
    breaks=True,
    hears="b",
)
HALF_WRITTEN = Script(
    "b sets p twice; a decides in between, and p makes no difference to its act",
    {"a": (_set("r", 2, "p"),), "b": (_set("p"), _set("p", 3))},
    "bbaba",
)
WRITTEN_OVER = Script(
    "a reads p, b sets it, a sets it",
    {"a": (_set("r", 2, "p"), _set("p", 4)), "b": (_set("p", 3),)},
    "aabba",
)
BEFORE_IT_ALL = Script(
    "a, who sees q clear, is to set p; b sets q; a sets p",
    {"a": (_set("p", 2, "q", premise=DEPS_EMPTY),), "b": (_set("q"),)},
    "abba",
)
OLD_VIEW_ALONE = Script(
    "c, who sees p clear, is to correct the plan; b sets p, whatever the plan; c corrects",
    {"b": (_set("p"),), "c": (_UNLESS_P,)},
    "cbbc",
)

SIDE_BY_SIDE_ON_BOARDS = replace(SIDE_BY_SIDE, told=f"{SIDE_BY_SIDE.told}, on boards", boards=True)
FORK_ON_BOARDS = replace(FORK_AHEAD, told=f"{FORK_AHEAD.told}, on boards", boards=True)


def _small(*schedules: str) -> tuple[Exhibit, ...]:
    return tuple(Exhibit("physical", schedule) for schedule in schedules)


def _scripts(*scripts: Script) -> tuple[Exhibit, ...]:
    return tuple(Exhibit(script=script) for script in scripts)


# By the names of `findings`: what is allowed under a preset is shown there by one of these.
EXHIBITS: Mapping[str, tuple[Exhibit, ...]] = {
    "G0": _small("a: rx wx commit | b: wx wx commit | aabbabab"),
    "G1a": _scripts(PROMISED, UNHEEDED),
    "G1b": (
        *_small(
            "a: rx rx abort | b: wx wx commit | bbaaabab",
            "a: rx ry commit | b: wx wx commit | bbabaaba",
            "a: rx wx commit | b: wx wx abort | bbababaa",
        ),
        *_scripts(HALF_WRITTEN),
    ),
    "G1c": (*_small("a: wy wx commit | b: ry wx commit | aabbbbaa"), *_scripts(KEPT_LATE)),
    "lost update": (
        *_small("a: rx wx commit | b: rx wx commit | baaababb", "a: rx wx commit | b: rx wx abort | bababaab"),
        *_scripts(WRITTEN_OVER),
    ),
    FRACTURED: (*_small("a: ry rx abort | b: wx wy commit | bbaabbaa"), *_scripts(HALF_SEEN)),
    "G-single": (*_small("a: rx rx abort | b: wx wx commit | bbaaabab"), *_scripts(HALF_SEEN)),
    "G-nonadjacent": _scripts(FORK_BETWEEN, FORK_AHEAD, FORK_ON_BOARDS),
    "G2-item": (
        *_small("a: rx wy commit | b: ry wx commit | abababab"),
        *_scripts(SIDE_BY_SIDE, SIDE_BY_SIDE_ON_BOARDS),
    ),
    "phantom": _scripts(OVERTAKEN, OVERTAKEN_LATER),
    STALE: (*_small("a: rx wx commit | b: rx wx commit | baaababb"), *_scripts(OVERTAKEN, SIDE_BY_SIDE, BEFORE_IT_ALL)),
    OUTDATED: _scripts(OLD_VIEW, OLD_NEWS, OLD_VIEW_ALONE),
    LATE: _scripts(LATE_STEP),
    SAID: _scripts(PROMISED),
}


def exhibit(name: str, make: Callable[[], Control]) -> Exhibit | None:
    """Return the exhibit that shows something of `findings` under a protocol, or None."""
    return next((one for one in EXHIBITS.get(name, ()) if name in one.shows(make)), None)
