"""Observations of the readable engine, entry by entry in the order of `observe.observation_layout`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .layout import MAP_RADIUS
from .observe import AGE_SCALE, INBOX_SCALE, ObservationLayout
from .state import HAND_SCALE, IDLE, MESSAGE, NONE, OUT

if TYPE_CHECKING:
    from .reference import World


def observe_reference(world: World, agent: int, layout: ObservationLayout) -> NDArray[np.float32]:
    """Return the observation of one agent of a reference world, [width] float32."""
    rules, me, view = world.rules, world.agents[agent], layout.view
    blueprint, role = rules.blueprint, rules.blueprint.roles[rules.role_of[agent]]
    row, column = rules.layout.place(me.cell)
    many = len(world.agents)
    open_jobs = [rules.tasks[job.task].ops[0].site for job in world.jobs[agent] if not job.used]
    count = blueprint.jobs.count if blueprint.jobs else 0
    out: list[float] = [2 * row / (rules.layout.rows - 1) - 1, 2 * column / (rules.layout.columns - 1) - 1]
    out += [float(rules.role_of[agent] == index) for index in range(len(blueprint.roles))]
    out += [
        me.hand / HAND_SCALE,
        float(world.holder == agent),
        float(me.cell in rules.region_of),
        float(me.promised),
        2 * me.side - 1,
        max(0, role.trips - me.trips) / max(1, role.trips),
        len(open_jobs) / max(1, count),
        2 * world.now / rules.max_cycles - 1,
        2 * agent / max(1, many - 1) - 1,
    ]
    out += [float(me.outcome == outcome) for outcome in range(1, 6)]
    if view["others"]:
        out += _kind_by_kind(_seen_of_others(world, agent, 5 if view["hands"] else 4))
    there: list[list[float]] = []
    for index, site in enumerate(blueprint.sites):
        belief = world.beliefs[agent][index]
        known, seen = belief.channel != NONE, index in rules.sights[agent][me.cell]
        told = belief.channel == MESSAGE
        out += [float(known), belief.value / site.scale if known else 0.0, float(told), float(seen)]
        if view["feedback"]:
            out.append(float(index in me.stale))
        if view["ages"]:
            since = belief.arrived if told else belief.tick
            out.append((world.now - since) / AGE_SCALE if known and not seen else 0.0)
        if view["stamps"]:
            out.append((world.now - belief.tick) / AGE_SCALE if told else 0.0)
        distance = int(rules.paths[index][0][me.cell]) / (rules.layout.rows + rules.layout.columns)
        jobs = [open_jobs.count(index) / count, float(open_jobs[:1] == [index])] if blueprint.jobs else []
        there.append([distance, *jobs])
    out += _kind_by_kind(there)
    if view["mailbox"]:
        last = me.last_mail
        out += [me.inbox / INBOX_SCALE, float(last is not None and last.kind == 1)]
        out.append(2 * (last.sender if last else 0) / max(1, many - 1) - 1)
        out.append((last.site if last else -1) / max(1, len(blueprint.sites) - 1))
        out.append(last.value / blueprint.sites[last.site].scale if last else 0.0)
    said = range(rules.settings.symbols)
    out += [float(me.heard.get(other) == k) for other in range(many) if other != agent for k in said]
    if rules.settings.navigation == "manual":
        out += [_map_entry(world, row + down, column + right) for down in _REACH for right in _REACH]
    return np.clip(np.array(out, np.float32), -1, 1)


def _kind_by_kind(shown: list[list[float]]) -> list[float]:
    """Return the entries of several sites or agents, those of one kind side by side."""
    return [entry for kind in zip(*shown, strict=True) for entry in kind]


def _seen_of_others(world: World, agent: int, kinds: int) -> list[list[float]]:
    """Return of each other agent whether it is in view, how far away, whether it is busy, and what it carries."""
    rules, shown = world.rules, []
    row, column = rules.layout.place(world.agents[agent].cell)
    for other, they in enumerate(world.agents):
        if other == agent:
            continue
        their_row, their_column = rules.layout.place(they.cell)
        down, right = their_row - row, their_column - column
        radius = rules.sight_of(agent)
        near = radius is None or max(abs(down), abs(right)) <= radius
        busy, hand = float(they.phase != IDLE), they.hand / HAND_SCALE
        entries = [1.0, down / rules.layout.rows, right / rules.layout.columns, busy, hand]
        shown.append(entries[:kinds] if near and they.phase != OUT else [0.0] * kinds)
    return shown


_REACH = range(-MAP_RADIUS, MAP_RADIUS + 1)


def _map_entry(world: World, row: int, column: int) -> float:
    layout = world.rules.layout
    if not (0 <= row < layout.rows and 0 <= column < layout.columns):
        return 1.0
    cell = layout.cell((row, column))
    if bool((layout.neighbour[cell] == cell).all()):
        return 1.0
    gate = world.rules.gate_of.get(cell)
    return 0.5 if gate is not None and world.sites[gate].value == 1 else 0.0
