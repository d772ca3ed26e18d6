"""Observations and masks: what an agent is shown, entry by entry; the compiled writers and the readable twin.

All entries are in [-1, 1]. Never raw versions or ticks: clipped ages. `Layout` below is the one list of entries; the
two writers fill it in its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import actions
from .context import (
    FIGURE_STEP,
    action_rules,
    agent_rules,
    agents_of,
    always_allowed,
    beliefs_of,
    cell_rule,
    figure_at,
    heard_of,
    jobs_of,
    mask_of,
    nearness,
    neighbours,
    observation_at,
    observation_of,
    op_rule,
    open_actions,
    sight_of,
    site_rules,
    sites_of,
    task_inputs,
    task_rules,
    world_of,
)
from .jit import compiled, inlined, lowest, show_figure, show_flag
from .kernel import bit, has
from .rules import Rules
from .state import IDLE, MESSAGE, NONE, OUT, OUTCOMES, WALKING
from .verbs import TAKE

if TYPE_CHECKING:
    from .reference import World

AGE_SCALE = 64  # ticks shown as 1
HAND_SCALE = 10
HAND_SHARE = np.float32(1 / HAND_SCALE)
AGE_SHARE = 1 / AGE_SCALE
INBOX_SCALE = 8
INBOX_SHARE = 1 / INBOX_SCALE
MAP_RADIUS = 2
BLOCKS = ("stamps", "ages", "others", "feedback")  # switchable


@dataclass(frozen=True)
class ObservationLayout:
    """Which entries an observation has, in order."""

    names: tuple[str, ...]
    view: dict[str, float]  # what the compiled writer needs to know, see context.bind

    @property
    def width(self) -> int:
        """Number of entries."""
        return len(self.names)

    def index(self, name: str) -> int:
        """Return the place of a named entry."""
        return self.names.index(name)


def observation_layout(rules: Rules, blocks: tuple[str, ...] = BLOCKS, stamped: bool = True) -> ObservationLayout:
    """List the entries for a scenario.

    Raises: ValueError for a block that does not exist.
    """
    for block in blocks:
        if block not in BLOCKS:
            raise ValueError(f"unknown observation block {block!r}; the blocks are {', '.join(BLOCKS)}")
    blueprint = rules.blueprint
    names = ["row", "column"] + [f"is {role.name}" for role in blueprint.roles]
    names += ["hand", "has token", "in a region", "promised", "bound for"]
    names += ["crossings left", "jobs left", "time", "index"]
    names += [f"last: {outcome}" for outcome in OUTCOMES[1:]]
    hands = any(op.verb == TAKE for task in rules.tasks for op in task.ops)
    if "others" in blocks:
        shown = ["in view", "rows away", "columns away", "busy", *(["hand"] if hands else [])]
        names += [f"other {other}: {what}" for other in range(1, len(rules.agent_names)) for what in shown]
    for site in rules.site_names:
        columns = ["known", "value", "was told", "in sight", "distance"]
        columns += ["jobs left here", "next job here"] if blueprint.jobs else []
        columns += ["not current"] if "feedback" in blocks else []
        columns += ["age"] if "ages" in blocks else []
        columns += ["stamp age"] if "stamps" in blocks and stamped else []
        names += [f"{site}: {column}" for column in columns]
    symbols = rules.settings.symbols
    mailbox = any(rules.listeners) or symbols > 0
    if mailbox:
        names += ["inbox: new", "inbox: promise", "inbox: sender", "inbox: site", "inbox: value"]
    others = range(1, len(rules.agent_names))
    names += [f"inbox: other {other} said {symbol}" for other in others for symbol in range(symbols)]
    if rules.settings.navigation == "manual":
        reach = range(-MAP_RADIUS, MAP_RADIUS + 1)
        names += [f"map {row:+d},{column:+d}" for row in reach for column in reach]
    view = {
        "rows": rules.layout.rows,
        "columns": rules.layout.columns,
        "per_row": 2 / (rules.layout.rows - 1),
        "per_column": 2 / (rules.layout.columns - 1),
        "per_agent": 2 / max(1, len(rules.agent_names) - 1),
        "per_site": 1 / max(1, len(rules.site_names) - 1),
        "per_tick": 2 / rules.max_cycles,
        "roles": len(blueprint.roles),
        "ages": "ages" in blocks,
        "stamps": "stamps" in blocks and stamped,
        "others": "others" in blocks,
        "hands": hands,
        "feedback": "feedback" in blocks,
        "mailbox": mailbox,
        "symbols": symbols,
    }
    return ObservationLayout(tuple(names), view)


def unpack_masks(words: NDArray[np.uint64], actions: int) -> NDArray[np.bool_]:
    """Return masks as [..., actions] bool of the bits in `State.mask`, [..., 2]."""
    octets = np.ascontiguousarray(words).view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=actions, bitorder="little").view(np.bool_)


# ---------------------------------------------------------------------- compiled


@inlined
def _clip(x):
    return min(1.0, max(-1.0, x))


@compiled
def write_observation(c, b, a):
    """Fill the observation of one agent."""
    row = observation_of(c, b, a)
    world, me, rule = world_of(c, b), agents_of(c, b)[a], agent_rules(c)[a]
    if world.tick == 0:  # what never changes
        for role in range(c.roles):
            row[2 + role] = 1.0 if rule.role == role else 0.0
        row[10 + c.roles] = a * c.per_agent - 1.0
    at, place = 2 + c.roles, cell_rule(c, me.cell)
    holds, inside = np.int64(world.holder == a), np.int64(place.region >= 0)
    state = me.outcome | holds << 4 | inside << 5 | me.promised << 6 | me.side << 7 | me.trips << 8 | me.hand << 32
    if state != me.shown:
        me.shown = state
        row[at] = min(1.0, me.hand * HAND_SHARE)
        row[at + 1] = np.float32(holds)
        row[at + 2] = np.float32(inside)
        row[at + 3] = np.float32(me.promised)
        row[at + 4] = 2.0 * me.side - 1.0
        row[at + 5] = 0.0 if me.trips >= rule.trips else (rule.trips - me.trips) * rule.per_trip
        for outcome in range(1, 6):
            row[at + 8 + outcome] = np.float32(me.outcome == outcome)
    if me.rejob != 0 and c.jobs > 0:
        jobs, left = jobs_of(c, b, a), 0
        for n in range(c.jobs):
            left += 1 - jobs[n].used
        row[at + 6] = left / c.jobs
    row[at + 7] = _clip(world.tick * c.per_tick - 1.0)
    at += 14
    if c.others != 0:
        at = _write_others(c, b, a, row, at, place)
    at = _write_sites(c, b, a, row, at, place)
    if c.mailbox != 0 and (me.inbox != 0 or row[at] != 0.0 or world.tick == 0):
        row[at] = min(1.0, me.inbox * INBOX_SHARE)
        row[at + 1] = 1.0 if me.inbox_site >= 0 and me.inbox_kind == 1 else 0.0
        row[at + 2] = me.inbox_sender * c.per_agent - 1.0
        row[at + 3] = me.inbox_site * c.per_site
        row[at + 4] = 0.0
        if me.inbox_site >= 0:
            row[at + 4] = _clip(me.inbox_value * site_rules(c)[me.inbox_site].share)
    at += 5 * c.mailbox
    if c.symbols != 0:
        at = _write_symbols(c, b, a, row, at)
    if c.manual != 0:
        _write_map(c, b, row, at, place)


@inlined
def _write_others(c, b, a, row, at, place):
    agents, radius, hands = agents_of(c, b), agent_rules(c)[a].radius, c.hands
    if radius < 0:
        radius = c.rows + c.columns
    # Read once: the compiler cannot know that writing to the observation leaves these as they are.
    down, right, reach = np.float32(place.row), np.float32(place.column), np.float32(radius)
    per_row, per_column = np.float32(1.0 / c.rows), np.float32(1.0 / c.columns)
    width = 4 + np.int64(hands != 0)
    to, figure = observation_at(c, b, a, at), figure_at(c, b, 0)
    for nth in range(c.agents - 1):
        other = nth + np.int64(nth >= a)
        show_figure(to, figure + other * FIGURE_STEP, down, right, reach, per_row, per_column)
        to += 4 * width
        if hands != 0:
            row[at + 4] = row[at] * min(1.0, agents[other].hand * HAND_SHARE)
        at += width
    return at


@inlined
def _write_sites(c, b, a, row, first, place):
    """Write of each site what is out of date: where it is, what is believed, the jobs there, the age of the belief."""
    world, me, beliefs = world_of(c, b), agents_of(c, b)[a], beliefs_of(c, b, a)
    visible, rules = sight_of(c, a)[me.cell], site_rules(c)
    jobs_width = 2 if c.jobs > 0 else 0
    width = 5 + jobs_width + c.feedback + c.ages + c.stamps
    all_sites = ~np.uint64(0) >> np.uint64(64 - c.sites)
    if me.reseen != 0:
        me.reseen = 0
        me.show |= visible
        row[0] = place.row * c.per_row - 1.0
        row[1] = place.column * c.per_column - 1.0
        near = nearness(c, me.cell)
        at = first + 3
        for site in range(c.sites):
            show_flag(observation_at(c, b, a, at), has(visible, site))
            row[at + 1] = near[site]
            at += width
    # Where some are out of sight, most ages grow: then all are written, in a loop without a branch to guess wrong.
    due, some_hidden = me.show & all_sites, visible & all_sites != all_sites
    if (c.ages | c.stamps) != 0 and some_hidden:
        due = all_sites
    me.show = np.uint64(0)
    while due != 0:
        site = lowest(due)
        due &= due - np.uint64(1)
        belief, at, seen = beliefs[site], first + site * width, has(visible, site)
        known, told = belief.channel != NONE, belief.channel == MESSAGE
        here, later = observation_at(c, b, a, at), at + 5 + jobs_width + c.feedback
        show_flag(here, known)
        row[at + 1] = _clip(belief.value * np.int64(known) * rules[site].share)
        show_flag(here + 8, told)
        if c.feedback != 0:
            show_flag(here + 20 + 4 * jobs_width, has(me.stale, site))
        if some_hidden:
            hidden = np.int64(known & (not seen))
            if c.ages != 0:
                since = belief.arrived if told else belief.tick
                row[later] = min(1.0, (world.tick - since) * hidden * AGE_SHARE)
            if c.stamps != 0:
                row[later + c.ages] = min(1.0, (world.tick - belief.tick) * hidden * np.int64(told) * AGE_SHARE)
        else:
            if c.ages != 0:
                row[later] = 0.0
            if c.stamps != 0:
                row[later + c.ages] = 0.0
    if c.jobs > 0 and me.rejob != 0:
        me.rejob = 0
        _write_jobs(c, b, a, row, first + 5, width)
    return first + c.sites * width


@inlined
def _write_jobs(c, b, a, row, first, width):
    """Write how many open jobs are at each site, and where the next one is."""
    jobs, share, left = jobs_of(c, b, a), 1.0 / c.jobs, 0
    for site in range(c.sites):
        row[first + site * width] = 0.0
        row[first + site * width + 1] = 0.0
    for n in range(c.jobs):
        if jobs[n].used == 0:
            at = first + op_rule(c, jobs[n].task, 0).site * width
            row[at] += share
            if left == 0:
                row[at + 1] = 1.0
            left += 1


@compiled
def _write_symbols(c, b, a, row, at):
    """Write the last symbol heard from each other agent."""
    heard = heard_of(c, b, a)
    for other in range(c.agents):
        if other == a:
            continue
        for symbol in range(c.symbols):
            row[at] = 1.0 if heard[other] == 1 + symbol else 0.0
            at += 1
    return at


@compiled
def _write_map(c, b, row, at, place):
    for down in range(-MAP_RADIUS, MAP_RADIUS + 1):
        for right in range(-MAP_RADIUS, MAP_RADIUS + 1):
            r, k = place.row + down, place.column + right
            row[at] = 1.0
            if 0 <= r < c.rows and 0 <= k < c.columns:
                cell = r * c.columns + k
                if not _is_wall(c, cell):
                    gate = cell_rule(c, cell).gate
                    row[at] = 0.5 if gate >= 0 and sites_of(c, b)[gate].value == 1 else 0.0
            at += 1


@compiled
def _is_wall(c, cell):
    # A floor cell has at least one neighbour other than itself; an unreachable one is as good as wall.
    for move in range(4):
        if neighbours(c)[cell, move] != cell:
            return False
    return True


@compiled
def write_mask(c, b, a):
    """Fill the mask of one agent that is ready: bit i = action i is allowed."""
    me, mask, table = agents_of(c, b)[a], mask_of(c, b, a), action_rules(c)
    walking = me.phase == WALKING
    mask[0] = np.uint64(1) if walking else always_allowed(c)[0]
    mask[1] = np.uint64(0) if walking else always_allowed(c)[1]
    known, wanted = np.uint64(0), np.uint64(0)
    beliefs = beliefs_of(c, b, a)
    for site in range(c.sites):
        if beliefs[site].channel != NONE:
            known |= bit(site)
    jobs = jobs_of(c, b, a)
    for n in range(c.jobs):
        if jobs[n].used == 0:
            wanted |= bit(jobs[n].task)
    mine = open_actions(c, a)
    for nth in range(c.actions):
        action = mine[nth]
        if action < 0:
            break
        kind, index = table[action, 0], table[action, 1]
        if kind == actions.MOVE:
            allowed = neighbours(c)[me.cell, index] != me.cell
        elif walking:
            allowed = False
        elif kind == actions.TELL:
            allowed = has(known, index)
        else:
            allowed = _allows_task(c, b, a, kind, index, known, wanted)
        if allowed:
            mask[action >> 6] |= bit(action & 63)


@inlined
def _allows_task(c, b, a, kind, index, known, wanted):
    task = task_rules(c)[index]
    if task.crosses != 0:
        me = agents_of(c, b)[a]
        if kind == actions.DO:
            return c.manual == 0 and me.trips < agent_rules(c)[a].trips
        region = op_rule(c, index, 0).site
        return cell_rule(c, me.cell).region == region and has(known, region)
    if task.jobs != 0 and not has(wanted, index):
        return False
    if kind == actions.DO:
        return task.reads & ~known == 0
    last = op_rule(c, index, task.ops - 1)
    if not has(known, last.site):
        return False
    for slot in range(task.inputs):
        if has(last.pre, slot) and not has(known, task_inputs(c)[index, slot]):
            return False
    return True


# ---------------------------------------------------------------------- reference


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
        for other, they in enumerate(world.agents):
            if other == agent:
                continue
            their_row, their_column = rules.layout.place(they.cell)
            down, right = their_row - row, their_column - column
            radius = rules.sight_of(agent)
            near = radius is None or max(abs(down), abs(right)) <= radius
            if they.phase == OUT or not near:
                out += [0.0] * (5 if view["hands"] else 4)
            else:
                out += [1.0, down / rules.layout.rows, right / rules.layout.columns, float(they.phase != IDLE)]
                out += [they.hand / HAND_SCALE] if view["hands"] else []
    for index, site in enumerate(blueprint.sites):
        belief = world.beliefs[agent][index]
        known, seen = belief.channel != NONE, index in rules.sights[agent][me.cell]
        told = belief.channel == MESSAGE
        out += [float(known), belief.value / site.scale if known else 0.0, float(told), float(seen)]
        out.append(int(rules.paths[index][0][me.cell]) / (rules.layout.rows + rules.layout.columns))
        if blueprint.jobs:
            out += [open_jobs.count(index) / count, float(open_jobs[:1] == [index])]
        if view["feedback"]:
            out.append(float(index in me.stale))
        if view["ages"]:
            since = belief.arrived if told else belief.tick
            out.append((world.now - since) / AGE_SCALE if known and not seen else 0.0)
        if view["stamps"]:
            out.append((world.now - belief.tick) / AGE_SCALE if told else 0.0)
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
