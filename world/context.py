"""How compiled code reaches the arrays: an accessor for each, by the addresses that a context holds (see `binding`).

Compiled functions take `(c, b)`, the context and a world's index. Handing them the arrays themselves would copy some
three hundred words at each call; a record is one pointer, and a view is made where it is needed.
"""

from __future__ import annotations

import numpy as np

from . import log
from . import state as st
from .jit import inlined
from .memory import array_at, fixed_array_at, fixed_record_at, record_at
from .rule_records import (
    AGENT_RULE,
    CELL_RULE,
    EVENT_RULE,
    GOAL_RULE,
    INVARIANT_RULE,
    LOCK_RULE,
    NO_WAY,
    OP_RULE,
    PERMIT_RULE,
    SITE_RULE,
    TASK_RULE,
)
from .settings import QUANTILES
from .tasks import MAX_OPS

_I1 = np.dtype(np.int8)
_I2 = np.dtype(np.int16)
_I4 = np.dtype(np.int32)
_U8 = np.dtype(np.uint64)
_F4 = np.dtype(np.float32)
_WORLD, _AGENT, _SITE, _BELIEF = st.WORLD_RECORD, st.AGENT_RECORD, st.SITE_RECORD, st.BELIEF_RECORD
_INPUT, _JOB, _GOAL, _EVENT, _MAIL = st.INPUT_RECORD, st.JOB_RECORD, st.GOAL_RECORD, st.EVENT_RECORD, st.MAIL_RECORD
_LOG, _PARCEL, _FOLLOWED = log.EVENT, st.PARCEL_RECORD, st.FOLLOWED_RECORD
_LOCK, _SETTLED = st.LOCK_RECORD, st.SETTLED_RECORD
_RANK, _CHAIN = st.RANK_RECORD, st.CHAIN_RECORD
_RANK_SIZE, _CHAIN_SIZE = _RANK.itemsize, _CHAIN.itemsize
_SETTLED_SIZE = _SETTLED.itemsize
_LOCK_RULE_SIZE = LOCK_RULE.itemsize
_PARCEL_SIZE, _FOLLOWED_SIZE, _LOCK_SIZE = _PARCEL.itemsize, _FOLLOWED.itemsize, _LOCK.itemsize
_WORLD_SIZE, _AGENT_SIZE, _SITE_SIZE = _WORLD.itemsize, _AGENT.itemsize, _SITE.itemsize
_BELIEF_SIZE, _INPUT_SIZE, _JOB_SIZE = _BELIEF.itemsize, _INPUT.itemsize, _JOB.itemsize
_GOAL_SIZE, _EVENT_SIZE, _MAIL_SIZE, _LOG_SIZE = _GOAL.itemsize, _EVENT.itemsize, _MAIL.itemsize, _LOG.itemsize
_OP_SIZE, _CELL_SIZE = OP_RULE.itemsize, CELL_RULE.itemsize


@inlined
def world_of(c, b):
    """The world's own record."""
    return record_at(c.world + b * _WORLD_SIZE, _WORLD)


@inlined
def agents_of(c, b):
    """[A] AGENT_RECORD."""
    return array_at(c.agent + b * c.agents * _AGENT_SIZE, (c.agents,), _AGENT)


@inlined
def sites_of(c, b):
    """[S] SITE_RECORD."""
    return array_at(c.site + b * c.sites * _SITE_SIZE, (c.sites,), _SITE)


@inlined
def beliefs_of(c, b, a):
    """[S] BELIEF_RECORD of one agent."""
    return array_at(c.belief + (b * c.agents + a) * c.sites * _BELIEF_SIZE, (c.sites,), _BELIEF)


@inlined
def inputs_of(c, b, a, row):
    """[I] INPUT_RECORD of one agent; row 0 is the open transaction's, row 1 + o a copy as op o used them."""
    return array_at(c.input + ((b * c.agents + a) * (1 + MAX_OPS) + row) * c.inputs * _INPUT_SIZE, (c.inputs,), _INPUT)


@inlined
def seen_of(c, b, a):
    """[T, I, 2] int32."""
    return array_at(c.seen + (b * c.agents + a) * c.tasks * c.inputs * 8, (c.tasks, c.inputs, 2), _I4)


@inlined
def jobs_of(c, b, a):
    """[J] JOB_RECORD of one agent."""
    return array_at(c.job + (b * c.agents + a) * c.jobs * _JOB_SIZE, (c.jobs,), _JOB)


@inlined
def parcels_of(c, b, a):
    """[N] PARCEL_RECORD of one agent."""
    return array_at(c.parcel + (b * c.agents + a) * c.parcels * _PARCEL_SIZE, (c.parcels,), _PARCEL)


@inlined
def tally_of(c, b, a):
    """[T, 3] int32."""
    return array_at(c.tally + (b * c.agents + a) * c.tasks * 12, (c.tasks, 3), _I4)


@inlined
def goals_of(c, b):
    """[G] GOAL_RECORD."""
    return array_at(c.goal + b * c.goals * _GOAL_SIZE, (c.goals,), _GOAL)


@inlined
def events_of(c, b):
    """[W] EVENT_RECORD."""
    return array_at(c.event + b * c.events * _EVENT_SIZE, (c.events,), _EVENT)


@inlined
def mail_of(c, b):
    """[M] MAIL_RECORD; those in flight lie from `mail_first` to `mail_count`, in order of sending."""
    return array_at(c.mail + b * c.mails * _MAIL_SIZE, (c.mails,), _MAIL)


@inlined
def sent_of(c, b):
    """[A, A, 4] int32."""
    return array_at(c.sent + b * c.agents * c.agents * 16, (c.agents, c.agents, 4), _I4)


@inlined
def heard_of(c, b, a):
    """[A] int8 of one agent."""
    return array_at(c.heard + (b * c.agents + a) * c.agents, (c.agents,), _I1)


@inlined
def pipe_of(c, b):
    """[A, A] int32."""
    return array_at(c.pipe + b * c.agents * c.agents * 4, (c.agents, c.agents), _I4)


@inlined
def locks_of(c, b):
    """[S] LOCK_RECORD."""
    return array_at(c.lock + b * c.sites * _LOCK_SIZE, (c.sites,), _LOCK)


@inlined
def settled_of(c, b):
    """[S] SETTLED_RECORD."""
    return array_at(c.settled + b * c.sites * _SETTLED_SIZE, (c.sites,), _SETTLED)


@inlined
def followed_of(c, b, k):
    """[A] FOLLOWED_RECORD of one constraint."""
    return array_at(c.followed + (b * c.constraints + k) * c.agents * _FOLLOWED_SIZE, (c.agents,), _FOLLOWED)


@inlined
def rank_of(c, b, rank):
    """One RANK_RECORD."""
    return record_at(c.rank + (b * c.ranks + (rank & (c.ranks - 1))) * _RANK_SIZE, _RANK)


@inlined
def rank_reads(c, b, rank):
    """[I] int32: what a rank has read."""
    return array_at(c.rank_read + (b * c.ranks + (rank & (c.ranks - 1))) * c.inputs * 4, (c.inputs,), _I4)


@inlined
def chain_base(c, b, site):
    """One CHAIN_RECORD: the value of a site that is quiet."""
    return record_at(c.chain + (b * c.sites + site) * (1 + c.ranks) * _CHAIN_SIZE, _CHAIN)


@inlined
def chain_at(c, b, site, rank):
    """One CHAIN_RECORD: what stands on a site at a rank that is not quiet."""
    row = (b * c.sites + site) * (1 + c.ranks) + 1 + (rank & (c.ranks - 1))
    return record_at(c.chain + row * _CHAIN_SIZE, _CHAIN)


@inlined
def counts_of(c, b):
    """[len(COUNTERS)] int64."""
    return array_at(c.counts + b * c.counters * 8, (c.counters,), np.int64)


@inlined
def log_of(c, b):
    """[L] log.EVENT."""
    return array_at(c.log + b * c.logs * _LOG_SIZE, (c.logs,), _LOG)


@inlined
def observation_of(c, b, a):
    """[D] float32."""
    return array_at(c.observation + (b * c.agents + a) * c.width * 4, (c.width,), _F4)


@inlined
def observation_at(c, b, a, at):
    """The address of one entry."""
    return c.observation + ((b * c.agents + a) * c.width + at) * 4


@inlined
def figures_at(c, b):
    """The address of the figures of all agents."""
    return c.figure + 4 * b * st.FIGURE_SIZE * c.lanes


@inlined
def figures_of(c, b):
    """[FIGURE_SIZE, lanes] float32: figures, kind by kind."""
    return array_at(figures_at(c, b), (st.FIGURE_SIZE, c.lanes), _F4)


@inlined
def thoughts_left_at(c, b):
    """The address of the think ticks still to come, of all agents."""
    return c.thought_left + 4 * b * c.lanes


@inlined
def thoughts_left(c, b):
    """[lanes] int32: think ticks still to come."""
    return array_at(thoughts_left_at(c, b), (c.lanes,), _I4)


@inlined
def sights_at(c, b):
    """The address of the sets of sites in sight, of all agents."""
    return c.sight + 8 * b * c.lanes


@inlined
def sights_of(c, b):
    """[lanes] uint64: sets of sites in sight."""
    return array_at(sights_at(c, b), (c.lanes,), _U8)


@inlined
def mask_of(c, b, a):
    """[2] uint64."""
    return array_at(c.mask + (b * c.agents + a) * 16, (2,), _U8)


@inlined
def agent_rules(c):
    """[A] AGENT_RULE."""
    return fixed_array_at(c.agent_rule, (c.agents,), AGENT_RULE)


@inlined
def site_rules(c):
    """[S] SITE_RULE."""
    return fixed_array_at(c.site_rule, (c.sites,), SITE_RULE)


@inlined
def task_rules(c):
    """[T] TASK_RULE."""
    return fixed_array_at(c.task_rule, (c.tasks,), TASK_RULE)


@inlined
def op_rule(c, t, o):
    """One OP_RULE."""
    return fixed_record_at(c.op_rule + (t * MAX_OPS + o) * _OP_SIZE, OP_RULE)


@inlined
def task_inputs(c):
    """[T, I] site of each input slot."""
    return fixed_array_at(c.task_input_rule, (c.tasks, c.inputs), _I4)


@inlined
def lock_rules(c, t):
    """[L] LOCK_RULE of one task, by the grain and the moment of the protocol, which has locks."""
    row = (2 * (c.locks - 1) + c.as_needed) * c.tasks + t
    return fixed_array_at(c.lock_rule + row * c.locks_listed * _LOCK_RULE_SIZE, (c.locks_listed,), LOCK_RULE)


@inlined
def lock_sites(c):
    """[S] site that stands for the lock of each site, by the grain of the protocol, which has locks."""
    return fixed_array_at(c.lock_of_rule + (c.locks - 1) * c.sites * 4, (c.sites,), _I4)


@inlined
def job_tasks(c):
    """[A, U, 1 + most] of each turn: how many there are, and the tasks that a job is drawn from."""
    return fixed_array_at(c.job_task_rule, (c.agents, c.turns, c.job_tasks), _I4)


@inlined
def event_rules(c):
    """[W] EVENT_RULE."""
    return fixed_array_at(c.event_rule, (c.events,), EVENT_RULE)


@inlined
def goal_rules(c):
    """[G] GOAL_RULE."""
    return fixed_array_at(c.goal_rule, (c.goals,), GOAL_RULE)


@inlined
def goal_touch(c):
    """[A + S + 1, words] set of goals to judge anew after a change: of each agent, of each site, of world events."""
    return fixed_array_at(c.goal_touch_rule, (c.agents + c.sites + 1, c.goal_words), _U8)


@inlined
def invariant_rules(c):
    """[V] INVARIANT_RULE."""
    return fixed_array_at(c.invariant_rule, (c.invariants,), INVARIANT_RULE)


@inlined
def correction_rule(c, index):
    """[S] new value of each entry of the plan, or KEEP."""
    return fixed_array_at(c.correction_rule + index * c.sites * 4, (c.sites,), _I4)


@inlined
def constraint_rules(c):
    """[K] set of entries that must agree."""
    return fixed_array_at(c.constraint_rule, (c.constraints,), _U8)


@inlined
def action_rules(c):
    """[actions, 3] kind, index and choice of thought."""
    return fixed_array_at(c.action_rule, (c.actions, 3), _I4)


@inlined
def always_allowed(c):
    """[2] uint64."""
    return fixed_array_at(c.always_rule, (2,), _U8)


@inlined
def open_actions(c, a):
    """[actions] actions that an agent's role may be allowed, then -1."""
    return fixed_array_at(c.depends_rule + a * c.actions * 4, (c.actions,), _I4)


@inlined
def permits(c):
    """[actions] PERMIT_RULE."""
    return fixed_array_at(c.permit_rule, (c.actions,), PERMIT_RULE)


@inlined
def cell_rule(c, cell):
    """One CELL_RULE."""
    return fixed_record_at(c.cell_rule + cell * _CELL_SIZE, CELL_RULE)


@inlined
def local_map_at(c, cell):
    """The address of [M] int16, what is seen of the map from a cell: 1 wall, 0 floor, -1 - s where switch s shuts."""
    return c.local_map_rule + cell * c.map_size * 2


@inlined
def distances_at(c, cell):
    """The address of [S] int16: the distance from a cell to each site."""
    return c.near_rule + cell * c.sites * 2


@inlined
def way(c, target, cell):
    """How far off the next cell on a shortest path to a target is: 0 at the target, NO_WAY where none leads."""
    return np.int64(fixed_array_at(c.way_rule + (target * c.cells + cell) * 2, (1,), _I2)[0])


@inlined
def next_cell(c, target, cell):
    """The next cell on a shortest path to a target, the same one at the target and where no path leads."""
    step = way(c, target, cell)
    return cell + (0 if step == NO_WAY else step)


@inlined
def neighbours(c):
    """[cells, 4] int32."""
    return fixed_array_at(c.neighbour_rule, (c.cells, 4), _I4)


@inlined
def sight_of(c, a):
    """[cells] set of sites in sight of one agent."""
    return fixed_array_at(c.visible_rule + agent_rules(c)[a].sight * c.cells * 8, (c.cells,), _U8)


@inlined
def thoughts(c):
    """[QUANTILES] think times."""
    return fixed_array_at(c.thought_rule, (QUANTILES,), _I4)


@inlined
def slips(c):
    """[thoughts] what a draw's upper bits must be below for a slip, by ticks of thought."""
    return fixed_array_at(c.slip_rule, (c.thoughts,), _U8)


@inlined
def arguments(c, verb):
    """[1 + N] how many arguments tasks give a verb, and which."""
    return fixed_array_at(c.argument_rule + verb * c.arguments * 4, (c.arguments,), _I4)


@inlined
def delays(c):
    """[QUANTILES] message delays."""
    return fixed_array_at(c.delay_rule, (QUANTILES,), _I4)
