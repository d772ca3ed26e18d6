"""What compiled code of the world is made of: sets, the log, draws, and what an agent believes.

Every function takes `(c, b)`, see `context`. The order of log records is the semantics and equals the reference's.
"""

from __future__ import annotations

import numpy as np

from . import entropy, log
from .context import (
    agents_of,
    beliefs_of,
    figures_of,
    inputs_of,
    jobs_of,
    log_of,
    op_rule,
    sights_of,
    sites_of,
    task_inputs,
    task_rules,
    world_of,
)
from .jit import compiled, inlined, lowest
from .state import COLUMN, HAND, HAND_SHARE, MESSAGE, NO_TXN, NOBODY, NONE, ROW, SENSOR

_ONE, _ZERO = np.uint64(1), np.uint64(0)


@inlined
def bit(index):
    """Return the set of one member."""
    return _ONE << np.uint64(index)


@inlined
def has(members, index):
    """Tell whether a set holds a member."""
    return (members >> np.uint64(index)) & _ONE != _ZERO


@inlined
def emit(c, b, kind, agent, txn, op, site, value, version, other, a0, b0, c0, d0, e0):
    """Append one event, where a log is kept."""
    if c.logs > 0:
        _append(c, b, kind, agent, txn, op, site, value, version, other, a0, b0, c0, d0, e0)


@compiled
def _append(c, b, kind, agent, txn, op, site, value, version, other, a0, b0, c0, d0, e0):
    # A full log counts on, so that the loss is noticed.
    world = world_of(c, b)
    at = world.log_count
    world.log_count = at + 1
    if at >= c.logs:
        return
    row = log_of(c, b)[at]
    row.kind = kind
    row.tick = world.tick
    row.agent = agent
    row.txn = txn
    row.op = op
    row.site = site
    row.value = value
    row.version = version
    row.other = other
    row.a = a0
    row.b = b0
    row.c = c0
    row.d = d0
    row.e = e0


@inlined
def draw(c, b, purpose, k1, k2, k3, k4):
    """Draw 64 bits for this world's seed."""
    return entropy.draw_compiled(world_of(c, b).seed, purpose, k1, k2, k3, k4)


@inlined
def credit(c, b, a, amount):
    """Add to what an agent earns in this step, discounted by the ticks since its beginning."""
    if amount != 0.0:
        agents_of(c, b)[a].earned += amount * c.discount ** world_of(c, b).elapsed
        world_of(c, b).paid = 1
    return


@inlined
def sees(c, b, a, site):
    """Tell whether an agent has a site in sight."""
    return has(sights_of(c, b)[a], site)


@inlined
def believed_tick(c, b, a, site):
    """When a belief was sensed: what is in sight was sensed at the end of the tick before this one."""
    belief = beliefs_of(c, b, a)[site]
    last = world_of(c, b).tick - 1
    if sees(c, b, a, site) and belief.tick < last:
        return last
    return belief.tick


@inlined
def outdate(me, site):
    """Note that what the agent is shown of a site is out of date, as it comes to believe something of it."""
    me.show |= bit(site)
    if not has(me.known, site):
        me.known |= bit(site)
        me.remask = 1


@compiled
def renew(c, b, a, site, channel, why):
    """Give an agent the true value and version of a site."""
    renew_as(c, b, a, site, channel, why, sites_of(c, b)[site].value)


@compiled
def renew_as(c, b, a, site, channel, why, value):
    """Give an agent a value of a site, the true one or that at a rank, as of its version."""
    there, belief = sites_of(c, b)[site], beliefs_of(c, b, a)[site]
    changed = belief.version != there.version or belief.channel != channel or belief.promise != 0
    changed |= belief.value != value
    tick = world_of(c, b).tick
    outdate(agents_of(c, b)[a], site)
    belief.value = value
    belief.version = there.version
    belief.channel = channel
    belief.tick = tick
    belief.arrived = tick
    belief.promise = 0
    if changed:
        emit(c, b, log.SENSE, a, NO_TXN, 0, site, value, there.version, NOBODY, channel, why, 0, 0, 0)


@inlined
def sense_sites(c, b, a, candidates):
    """Let an agent see those of `candidates` that differ from what it believes."""
    beliefs, sites, tick = beliefs_of(c, b, a), sites_of(c, b), world_of(c, b).tick
    while candidates != _ZERO:
        site = lowest(candidates)
        candidates &= candidates - _ONE
        belief, there = beliefs[site], sites[site]
        unseen = belief.promise != 0 or belief.channel == NONE or belief.channel == MESSAGE
        if unseen or belief.version != there.version:
            outdate(agents_of(c, b)[a], site)
            belief.value = there.value
            belief.version = there.version
            belief.channel = SENSOR
            belief.tick = tick
            belief.arrived = tick
            belief.promise = 0
            emit(c, b, log.SENSE, a, NO_TXN, 0, site, there.value, there.version, NOBODY, SENSOR, 0, 0, 0, 0)


@inlined
def others_wrote(there, agent, version):
    """Tell whether an agent other than `agent` wrote the site after `version`."""
    if there.writer != agent:
        return there.writer_version > version
    return there.other_writer_version > version


@inlined
def is_current(there, read):
    """Tell whether an input or belief is current: its version stands, or the very next one kept the promise."""
    if read.promise != 0:
        return there.version == read.version + 1 and there.value == read.value
    return there.version == read.version


@inlined
def is_input_current(c, b, a, slot):
    """Tell whether an input of the open transaction is current, whatever of its own stands on it."""
    read, there = inputs_of(c, b, a, 0)[slot], sites_of(c, b)[task_inputs(c)[agents_of(c, b)[a].task, slot]]
    if read.promise != 0 and read.own != 0:
        return is_current(there, inputs_of(c, b, a, 1 + first_write(c, b, a, slot))[slot])
    return is_current(there, read)


@compiled
def first_write(c, b, a, slot):
    """Return the first op that has buffered a write to an input's site; it still used what was believed of it."""
    me = agents_of(c, b)[a]
    for o in range(task_rules(c)[me.task].ops):
        if (me.pending >> o) & 1 and op_rule(c, me.task, o).site == task_inputs(c)[me.task, slot]:
            return o
    return -1


@compiled
def next_job(c, b, a, task):
    """Return the index of the agent's next open job of a task, or -1."""
    jobs = jobs_of(c, b, a)
    for index in range(c.jobs):
        if jobs[index].task == task and jobs[index].used == 0:
            return index
    return -1


@compiled
def touch_all(c, b):
    """Note that every goal is to be judged anew."""
    world = world_of(c, b)
    world.touched_sites = ~_ZERO >> np.uint64(64 - c.sites)
    world.touched_agents = ~_ZERO >> np.uint64(64 - c.agents)
    world.happened = 1


@inlined
def stand_on(c, b, a, place):
    """Show the others the row and column of the cell an agent stands on."""
    figures = figures_of(c, b)
    figures[ROW, a] = np.float32(place.row)
    figures[COLUMN, a] = np.float32(place.column)


@inlined
def take_in_hand(c, b, a, item):
    """Give an agent an item to carry, 0 for none, and show it to the others."""
    agents_of(c, b)[a].hand = item
    figures_of(c, b)[HAND, a] = min(1.0, item * HAND_SHARE)
