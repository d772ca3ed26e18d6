"""Observations: what an agent is shown, entry by entry, and the compiled writer; the readable is `reference_observe`.

All entries are in [-1, 1]. Never raw versions or ticks: clipped ages. `observation_layout` is the one list of entries;
the two writers fill it in its order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .context import (
    FIGURE_STEP,
    agent_rules,
    agents_of,
    beliefs_of,
    cell_rule,
    figure_at,
    figures_of,
    heard_of,
    jobs_of,
    local_map,
    nearness,
    observation_at,
    observation_of,
    op_rule,
    site_rules,
    sites_of,
    world_of,
)
from .jit import compiled, inlined, lowest, show_figure, show_flag
from .kernel import bit, has
from .layout import MAP_RADIUS
from .rules import Rules
from .state import HAND, HAND_SHARE, MESSAGE, NONE, OUTCOMES
from .verbs import TAKE

AGE_SCALE = 64  # ticks shown as 1
AGE_SHARE = 1 / AGE_SCALE
INBOX_SCALE = 8
INBOX_SHARE = 1 / INBOX_SCALE
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
        _write_map(c, b, a, at)


@inlined
def _write_others(c, b, a, row, at, place):
    radius, hands = agent_rules(c)[a].radius, c.hands
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
            row[at + 4] = row[at] * figures_of(c, b)[other, HAND]
        at += width
    return at


@inlined
def _write_sites(c, b, a, row, first, place):
    """Write of each site what is out of date: where it is, what is believed, the jobs there, the age of the belief."""
    world, me, beliefs = world_of(c, b), agents_of(c, b)[a], beliefs_of(c, b, a)
    visible, rules = me.sight, site_rules(c)
    jobs_width = 2 if c.jobs > 0 else 0
    width = 5 + jobs_width + c.feedback + c.ages + c.stamps
    all_sites = ~np.uint64(0) >> np.uint64(64 - c.sites)
    if me.reseen != 0:
        me.reseen = 0
        row[0] = place.row * c.per_row - 1.0
        row[1] = place.column * c.per_column - 1.0
        near, at = nearness(c, me.cell), first + 4
        for site in range(c.sites):
            row[at] = near[site]
            at += width
    due, tick = me.show & all_sites, world.tick
    aging, ages = me.aging | due, first + 5 + jobs_width + c.feedback
    me.show = np.uint64(0)
    while due != 0:
        site = lowest(due)
        due &= due - np.uint64(1)
        belief, at, seen = beliefs[site], first + site * width, has(visible, site)
        known, here = belief.channel != NONE, observation_at(c, b, a, at)
        show_flag(here, known)
        row[at + 1] = _clip(belief.value * np.int64(known) * rules[site].share)
        show_flag(here + 8, belief.channel == MESSAGE)
        show_flag(here + 12, seen)
        if c.feedback != 0:
            show_flag(here + 20 + 4 * jobs_width, has(me.stale, site))
        if seen or not known:
            aging &= ~bit(site)
            for age in range(c.ages + c.stamps):
                row[ages + site * width + age] = 0.0
    # The ages of what is out of sight grow, until they are shown as 1.
    due = aging if (c.ages | c.stamps) != 0 else np.uint64(0)
    me.aging = due
    while due != 0:
        site = lowest(due)
        due &= due - np.uint64(1)
        belief, at = beliefs[site], ages + site * width
        told = belief.channel == MESSAGE
        age = tick - (belief.arrived if told else belief.tick)
        if c.ages != 0:
            row[at] = min(1.0, age * AGE_SHARE)
        if c.stamps != 0:
            row[at + c.ages] = min(1.0, (tick - belief.tick) * np.int64(told) * AGE_SHARE)
        if age >= AGE_SCALE:
            me.aging &= ~bit(site)
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


@inlined
def _write_map(c, b, a, at):
    cell = agents_of(c, b)[a].cell
    row, around = observation_of(c, b, a), local_map(c, cell)
    for entry in range(len(around)):
        row[at + entry] = around[entry]
    if cell_rule(c, cell).gates != 0:
        for entry in range(len(around)):
            if around[entry] < 0.0:
                gate = -1 - np.int64(around[entry])
                row[at + entry] = 0.5 if sites_of(c, b)[gate].value == 1 else 0.0
