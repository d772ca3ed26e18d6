"""Observations: what an agent is shown, entry by entry, and the compiled writer; the readable is `reference_observe`.

All entries are in [-1, 1]. Never raw versions or ticks: clipped ages. `observation_layout` is the one list of entries;
the two writers fill it in its order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .context import (
    agent_rules,
    agents_of,
    beliefs_of,
    cell_rule,
    distances_at,
    figures_at,
    heard_of,
    jobs_of,
    local_map_at,
    observation_at,
    observation_of,
    op_rule,
    sights_of,
    site_rules,
    sites_of,
    world_of,
)
from .jit import compiled, inlined, lowest
from .kernel import has
from .layout import MAP_RADIUS
from .memory import array_at, fixed_array_at
from .rules import Rules
from .state import HAND_SHARE, MESSAGE, NONE, OUTCOMES
from .vectors import LANES, show_ages, show_eight, show_flag, show_others, show_real
from .verbs import TAKE

AGE_SCALE = 64  # ticks shown as 1
OWN = 14  # entries on the agent itself, between its roles and the others
INBOX_SCALE = 8
INBOX_SHARE = 1 / INBOX_SCALE
INBOX_SHOWN = 8  # the bit of `shown` that says that there are new ones: the entry itself is far from all others
BLOCKS = ("stamps", "ages", "others", "feedback")  # switchable
_F4, _I2 = np.dtype(np.float32), np.dtype(np.int16)


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
        names += [f"other {other}: {what}" for what in shown for other in range(1, len(rules.agent_names))]
    believed = ["known", "value", "was told", "in sight", *(["not current"] if "feedback" in blocks else [])]
    believed += ["age"] if "ages" in blocks else []
    believed += ["stamp age"] if "stamps" in blocks and stamped else []
    names += [f"{site}: {what}" for site in rules.site_names for what in believed]
    there = ["distance", *(["jobs left here", "next job here"] if blueprint.jobs else [])]
    names += [f"{site}: {what}" for what in there for site in rules.site_names]
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
    state |= me.shown & INBOX_SHOWN
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
    at += OWN
    if c.others != 0:
        _write_others(c, b, a, observation_at(c, b, a, at), place)
        at += (c.agents - 1) * (4 + c.hands)
    at = _write_sites(c, b, a, row, at, place)
    if c.mailbox != 0 and (me.inbox != 0 or me.shown & INBOX_SHOWN != 0):
        me.shown = state & ~INBOX_SHOWN | np.int64(me.inbox != 0) * INBOX_SHOWN
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
def _show_all(to, source, many, whole):
    """Write so many int16 as shares of a whole, at most 1, eight at a time, some of them twice."""
    if many < LANES:
        there, counts = array_at(to, (many,), _F4), fixed_array_at(source, (many,), _I2)
        for entry in range(many):
            there[entry] = min(np.float32(1.0), np.float32(counts[entry]) / whole)
        return
    for first in range(0, many, LANES):
        at = min(first, many - LANES)
        show_eight(to + 4 * at, source + 2 * at, whole)


@inlined
def _write_others(c, b, a, to, place):
    """Write what is in view of the others, kind by kind, eight at a time, some of them twice."""
    others, radius, figures = c.agents - 1, agent_rules(c)[a].radius, figures_at(c, b)
    if radius < 0:
        radius = c.rows + c.columns
    down, right, reach = np.float32(place.row), np.float32(place.column), np.float32(radius)
    per_row, per_column = np.float32(1.0 / c.rows), np.float32(1.0 / c.columns)
    busy = ~world_of(c, b).idle
    for chunk in range(0, others, LANES):
        first = max(0, min(chunk, others - LANES))
        show_others(
            to + 4 * first, others, figures + 4 * first, c.lanes, busy >> np.uint64(first), a - first,
            down, right, reach, per_row, per_column, c.hands != 0,
        )  # fmt: skip


@inlined
def _write_sites(c, b, a, row, first, place):
    """Write of each site what is out of date: what is believed and how old that is, where it is, the jobs there.

    Beliefs lie site by site, for so they change; the rest lies kind by kind.
    """
    me, beliefs = agents_of(c, b)[a], beliefs_of(c, b, a)
    visible, rules, many, width = sights_of(c, b)[a], site_rules(c), c.sites, 4 + c.feedback + c.ages + c.stamps
    distances = first + width * many
    if me.reseen != 0:
        me.reseen = 0
        row[0] = place.row * c.per_row - 1.0
        row[1] = place.column * c.per_column - 1.0
        _show_all(observation_at(c, b, a, distances), distances_at(c, me.cell), many, np.float32(c.rows + c.columns))
    due, stale, known = me.show & (~np.uint64(0) >> np.uint64(64 - many)), me.stale, np.uint64(0)
    me.show = np.uint64(0)
    while due != 0:
        site = lowest(due)
        due &= due - np.uint64(1)
        here = observation_at(c, b, a, first + site * width)
        _write_belief(c, here, beliefs[site], rules[site].share, has(visible, site), has(stale, site))
        known |= np.uint64(beliefs[site].channel != NONE) << np.uint64(site)
    if (c.ages | c.stamps) != 0:
        me.aging = _write_ages(c, b, a, first + 4 + c.feedback, width, (me.aging | known) & ~visible)
    if c.jobs > 0 and me.rejob != 0:
        me.rejob = 0
        _write_jobs(c, b, a, row, distances + many)
    return distances + (3 if c.jobs > 0 else 1) * many


@inlined
def _write_belief(c, here, belief, share, seen, stale):
    """Write what is believed of a site, with ages of 0, and without a branch to guess wrong."""
    known, ages = belief.channel != NONE, here + 16 + 4 * c.feedback
    show_flag(here, known)
    show_real(here + 4, np.float32(_clip(belief.value * np.int64(known) * share)))
    show_flag(here + 8, belief.channel == MESSAGE)
    show_flag(here + 12, seen)
    if c.feedback != 0:
        show_flag(here + 16, stale)
    if c.ages != 0:
        show_real(ages, np.float32(0.0))
    if c.stamps != 0:
        show_real(ages + 4 * c.ages, np.float32(0.0))


@inlined
def _write_ages(c, b, a, ages, width, aging):
    """Write the ages of a set of sites; return those whose ages grow on: all that are not shown as 1 yet.

    They are written in pairs, and the last one of an odd number with itself.
    """
    beliefs, tick, due, grown = beliefs_of(c, b, a), world_of(c, b).tick, aging, np.uint64(0)
    while due != 0:
        one = lowest(due)
        left = due & (due - np.uint64(1))
        other = lowest(left if left != 0 else due)
        due = left & (left - np.uint64(1))
        since, sensed = _since(beliefs[one], tick)
        other_since, other_sensed = _since(beliefs[other], tick)
        at, other_at = observation_at(c, b, a, ages + one * width), observation_at(c, b, a, ages + other * width)
        show_ages(at, other_at, since, other_since, sensed, other_sensed, tick, AGE_SCALE, c.ages != 0, c.stamps != 0)
        grown |= np.uint64(tick - since >= AGE_SCALE) << np.uint64(one)
        grown |= np.uint64(tick - other_since >= AGE_SCALE) << np.uint64(other)
    return aging & ~grown


@inlined
def _since(belief, tick):
    """Return since when a belief is held, and when it was sensed if a message told of it, or else the tick of now."""
    told, arrived, sensed = belief.channel == MESSAGE, belief.arrived, belief.tick  # loaded at once: nothing to guess
    return arrived if told else sensed, sensed if told else tick


@inlined
def _write_jobs(c, b, a, row, first):
    """Write how many open jobs are at each site, and where the next one is."""
    jobs, share, left, following = jobs_of(c, b, a), 1.0 / c.jobs, 0, first + c.sites
    for entry in range(first, first + 2 * c.sites):
        row[entry] = 0.0
    for n in range(c.jobs):
        if jobs[n].used == 0:
            site = op_rule(c, jobs[n].task, 0).site
            row[first + site] += share
            if left == 0:
                row[following + site] = 1.0
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
    _show_all(observation_at(c, b, a, at), local_map_at(c, cell), c.map_size, np.float32(1.0))
    row, around = observation_of(c, b, a), fixed_array_at(local_map_at(c, cell), (c.map_size,), _I2)
    left = np.uint64(cell_rule(c, cell).gates)
    while left != 0:
        entry = lowest(left)
        left &= left - np.uint64(1)
        gate = -1 - np.int64(around[entry])
        row[at + entry] = 0.5 if sites_of(c, b)[gate].value == 1 else 0.0
