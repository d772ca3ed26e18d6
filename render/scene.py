"""Everything a picture needs, with no engine behind it: what both engines are asked for and every renderer reads.

A `Stage` is what stands still in an episode (map, names, places), a `Scene` one moment on it. Both are plain data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

from ..world.reference import World
from ..world.reference_state import Agent, Mail
from ..world.rules import Rules
from ..world.state import (
    GONE,
    LOOKING,
    NO_CELL,
    NO_SITE,
    NO_TASK,
    NO_TXN,
    NOBODY,
    NONE,
    OUT,
    PROMISE,
    QUEUED,
    SYMBOL,
    State,
)


@dataclass(frozen=True, eq=False)
class Stage:
    """What stands still. Places are flat cells: row * columns + column. Compared by identity: one for each `Rules`."""

    name: str
    rows: int
    columns: int
    walls: tuple[bool, ...]  # [cells]
    horizon: int  # ticks
    agent_names: tuple[str, ...]
    agent_roles: tuple[int, ...]  # role of each agent
    role_names: tuple[str, ...]
    site_names: tuple[str, ...]
    site_kinds: tuple[str, ...]
    site_cells: tuple[int, ...]  # where agents go to reach it, NO_CELL for a region
    gates: dict[int, tuple[int, ...]]  # switch -> the cells that it opens and closes
    regions: dict[int, tuple[int, ...]]  # region -> its cells
    boats_at: int  # the board on which boats are counted that wait, NO_SITE without boats
    craft: str  # what the boats are: "boat", or "truck", which come by road
    mails: bool  # some sites have listeners, who get messages, or there are symbols


class AgentView(NamedTuple):
    """One agent at one moment."""

    cell: int
    phase: int
    role: int
    hand: int  # item carried, 0 for none
    thought: int  # think ticks of the open transaction in all, 0 without one
    thought_left: int
    outcome: int  # of the last transaction, NO_OUTCOME while one is open
    task: str | None  # what it is busy with
    target: int  # cell of the site that it is about to act on, or NO_CELL
    waits_for: int  # agent that it waits for in a queue or a hold, or NOBODY

    @property
    def is_out(self) -> bool:
        """True if it is out of play."""
        return self.phase == OUT

    @property
    def is_waiting(self) -> bool:
        """True if it waits for another to let go."""
        return self.phase == QUEUED or self.waits_for != NOBODY


class SiteView(NamedTuple):
    """One site at one moment."""

    value: int
    version: int
    unsettled: int  # agent whose open transaction wrote it last, or NOBODY


class BeliefView(NamedTuple):
    """What one agent holds true of one site."""

    value: int
    channel: int
    age: int  # ticks since it was sensed
    promise: bool


class MessageView(NamedTuple):
    """A message in flight."""

    sender: int
    receiver: int
    kind: int
    site: int  # NO_SITE of a symbol
    value: int  # or which symbol
    stamp: int  # version of the site that it tells of
    is_current: bool  # False once its basis is superseded: the world has moved past what it tells
    sent: int  # tick
    due: int  # tick
    held: bool  # not on its way yet: it waits for the sender's transaction to settle

    def progress(self, tick: int) -> float:
        """Return the share of the way that it has made, strictly between 0 and 1."""
        return 0.5 if self.due <= self.sent else min(1.0, (tick - self.sent + 1) / (self.due - self.sent + 1))


@dataclass(frozen=True)
class Scene:
    """One moment of one episode."""

    stage: Stage
    tick: int
    goals: int
    goals_met: int
    goals_lost: int  # can no longer be met
    holder: int  # agent that has the token, or NOBODY
    agents: tuple[AgentView, ...]
    sites: tuple[SiteView, ...]
    beliefs: tuple[tuple[BeliefView, ...], ...]  # [agent][site]
    messages: tuple[MessageView, ...]
    boats: tuple[int, ...]  # a state of each, such as WAITING
    closed: frozenset[int]  # gate cells that are closed now

    @property
    def success(self) -> float:
        """S so far: the share of goals met."""
        return self.goals_met / self.goals if self.goals else 1.0


_STAGES: WeakKeyDictionary[Rules, Stage] = WeakKeyDictionary()


def stage_of(rules: Rules) -> Stage:
    """Return the stage of some rules, the same object at each call."""
    if rules not in _STAGES:
        sites, boats = rules.blueprint.sites, rules.blueprint.boats
        cells = [tuple(rules.layout.cell(place) for place in site.cells) for site in sites]
        _STAGES[rules] = Stage(
            name=rules.name,
            rows=rules.layout.rows,
            columns=rules.layout.columns,
            walls=tuple(not bool(floor) for floor in rules.layout.floor),
            horizon=rules.max_cycles,
            agent_names=rules.agent_names,
            agent_roles=rules.role_of,
            role_names=tuple(role.name for role in rules.blueprint.roles),
            site_names=rules.site_names,
            site_kinds=tuple(site.kind for site in sites),
            site_cells=tuple(NO_CELL if site.cell is None else rules.layout.cell(site.cell) for site in sites),
            gates={index: cells[index] for index, site in enumerate(sites) if site.kind == "switch"},
            regions={index: cells[index] for index, site in enumerate(sites) if site.kind == "region"},
            boats_at=NO_SITE if boats is None else rules.site_names.index(boats.board),
            craft="boat" if boats is None else boats.called,
            mails=any(site.listeners or site.kind == "plan" for site in sites) or rules.settings.symbols > 0,
        )
    return _STAGES[rules]


def scene_of_reference(world: World) -> Scene:
    """Take the picture of a world of the reference engine."""
    stage, sites = stage_of(world.rules), tuple(SiteView(s.value, s.version, s.unsettled) for s in world.sites)
    return Scene(
        stage=stage,
        tick=world.now,
        goals=len(world.met),
        goals_met=sum(world.met),
        goals_lost=sum(world.lost),
        holder=world.holder,
        agents=tuple(_agent_of_reference(world, index, me) for index, me in enumerate(world.agents)),
        sites=sites,
        beliefs=tuple(
            tuple(_belief(b.value, b.channel, b.tick, b.promise, world.now) for b in beliefs)
            for beliefs in world.beliefs
        ),
        messages=tuple(_message_of_reference(mail, sites) for mail in world.mail),
        boats=tuple(world.boats),
        closed=_closed(stage, sites),
    )


def scene_of_arrays(rules: Rules, state: State, b: int = 0) -> Scene:
    """Take the picture of world `b` of the compiled engine's arrays; reads, and writes nothing."""
    stage, world = stage_of(rules), state.world[b]
    tick, holder, met = int(world["tick"]), int(world["holder"]), int(world["goals_met"])
    sites = tuple(SiteView(*row) for row in state.site[b][["value", "version", "unsettled"]].tolist())
    beliefs = state.belief[b][["value", "channel", "tick", "promise"]].tolist()
    mail = state.mail[b, int(world["mail_first"]) : int(world["mail_count"])]
    columns = ["sender", "receiver", "kind", "site", "value", "stamp", "sent", "due", "held"]
    names = ["cell", "phase", "hand", "thought", "outcome"]
    names += ["task", "op", "txn", "look", "holding", "queued_task"]
    left = state.thought_left[b].tolist()
    return Scene(
        stage=stage,
        tick=tick,
        goals=len(rules.blueprint.goals),
        goals_met=met,
        goals_lost=int(world["goals_lost"]),
        holder=holder,
        agents=tuple(
            _agent(rules, index, holder, left[index], *row) for index, row in enumerate(state.agent[b][names].tolist())
        ),
        sites=sites,
        beliefs=tuple(
            tuple(_belief(value, channel, sensed, promise, tick) for value, channel, sensed, promise in row)
            for row in beliefs
        ),
        messages=tuple(_message(sites, *row) for row in mail[mail["due"] != GONE][columns].tolist()),
        boats=tuple(state.event[b, : rules.blueprint.boats.count]["state"].tolist()) if rules.blueprint.boats else (),
        closed=_closed(stage, sites),
    )


def _agent_of_reference(world: World, index: int, me: Agent) -> AgentView:
    txn = me.txn
    if txn is None:
        open_txn = (0, 0, NO_TASK, 0, NO_TXN)
    else:
        open_txn = (txn.thought, me.thought_left, txn.task, txn.op, txn.number)
    thought, left, task, op, number = open_txn
    return _agent(
        world.rules, index, world.holder, left, me.cell, me.phase, me.hand, thought, me.outcome, task, op, number,
        me.look, me.holding, me.queued_task,
    )  # fmt: skip


def _agent(
    rules: Rules, index: int, holder: int, thought_left: int, cell: int, phase: int, hand: int, thought: int,
    outcome: int, task: int, op: int, txn: int, look: int, holding: int, queued: int,
) -> AgentView:  # fmt: skip
    name, target, waits_for = None, NO_CELL, NOBODY
    if phase == LOOKING and look != NO_SITE:
        name, target = f"look {rules.site_names[look]}", rules.targets[look]
    elif txn != NO_TXN:
        name, target, waits_for = rules.task_names[task], rules.targets[rules.tasks[task].ops[op].site], holding
    elif phase == QUEUED:
        name, waits_for = rules.task_names[queued] if queued != NO_TASK else "step", holder
    if txn == NO_TXN:
        thought = thought_left = 0
    return AgentView(cell, phase, rules.role_of[index], hand, thought, thought_left, outcome, name, target, waits_for)


def _belief(value: int, channel: int, tick: int, promise: int, now: int) -> BeliefView:
    return BeliefView(value, channel, 0 if channel == NONE else now - tick, bool(promise))


def _message_of_reference(m: Mail, sites: tuple[SiteView, ...]) -> MessageView:
    return _message(sites, m.sender, m.receiver, m.kind, m.site, m.value, m.stamp, m.sent, m.due, m.held)


def _message(
    sites: tuple[SiteView, ...], sender: int, receiver: int, kind: int, site: int, value: int, stamp: int, sent: int,
    due: int, held: int,
) -> MessageView:  # fmt: skip
    if kind == SYMBOL:  # it claims nothing
        return MessageView(sender, receiver, kind, site, value, stamp, True, sent, due, held != NO_TXN)
    there = sites[site]
    kept = kind == PROMISE and there.version == stamp + 1 and there.value == value
    current = kept or there.version == stamp
    return MessageView(sender, receiver, kind, site, value, stamp, current, sent, due, held != NO_TXN)


def _closed(stage: Stage, sites: tuple[SiteView, ...]) -> frozenset[int]:
    return frozenset(cell for switch, cells in stage.gates.items() if sites[switch].value == 1 for cell in cells)
