"""The records that are the rules as compiled code reads them: what `Rules` says, as numbers and sets.

Each field is documented once, here. Sets of sites, agents, slots and regions are the bits of a uint64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NO_TARGET = -1
KEEP = -1  # what a correction leaves as it is
NO_WAY = -(2**15)  # instead of a step, where no path leads

# Narrow in memory, for the cache, see `state`.
_I, _U, _B = np.int32, np.uint64, np.int8

TASK_RULE = np.dtype(
    [
        ("reads", _U),  # set of sites whose belief must not be `none`
        ("footprint", _U),  # set of sites that it reads or writes
        ("needs", _U),  # set of sites that are its inputs
        ("differences", _U),  # set of sites that it changes by a difference
        ("overwrites", _U),  # set of sites that it writes absolutely
        ("ops", _I),
        ("thought", _I),  # 0: done on reflex
        ("jobs", _I),  # 1: needs an open job
        ("crosses", _I),  # 1: a step across a region, not a transaction
        ("inputs", _I),
    ],
    align=True,
)
OP_RULE = np.dtype(
    [
        ("deps", _U),  # set of input slots that the premise or the value rests on, own site excepted
        ("pre", _U),  # set of input slots that the op rests on: `deps`, its own and the entry it follows
        ("owned", _U),  # set of input slots of what it writes absolutely: its site, or a plan's entries
        ("verb", _I),
        ("site", _I),
        ("argument", _I),
        ("from_job", _I),
        ("premise", _I),
        ("usual_premise", _I),  # the verb's own, whatever the scenario declares
        ("writes", _I),
        ("relative", _I),
        ("modifies", _I),  # 1: a read-modify-write
        ("own", _I),  # input slot of the site itself, or -1 where the write is relative
        ("follow", _I),  # input slot of the entry of the plan that it follows, or -1
        ("when", _I),  # what that entry must say
        ("correction", _I),  # row of `RuleArrays.correction`, or -1
        ("nth", _I),  # its place in the task
        ("record", _I),  # 1: its site is a record site, so the write can be buffered
    ],
    align=True,
)
AGENT_RULE = np.dtype(
    [
        ("role", _I),
        ("home", _I),
        ("stations", _I, (2,)),  # target indexes, or NO_TARGET
        ("ends", _I, (2,)),  # their cells, or NO_CELL
        ("trips", _I),
        ("per_trip", np.float64),  # 1 / trips
        ("jobs", _I),  # 1: the agent has a list of jobs
        ("radius", _I),  # of sight, -1 for all
        ("sight", _I),  # row of `RuleArrays.visible`
        ("hand", _I),  # item carried at first
    ],
    align=True,
)
SITE_RULE = np.dtype(
    [
        ("commands", _U),  # set of regions a switch commands
        ("posts", _U),  # of goods: set of posts that keep their intruder out
        ("listeners", _U),  # set of agents
        ("value", _I),
        ("known", _I),
        ("announced", _I),
        ("stock", _I),
        ("refill", _I),  # ticks until it is stocked again
        ("refills", _I),  # the world event in which it is, or -1
        ("room", _I),
        ("notice", _I),  # of a depot that closes: the site that says so, or -1
        ("record", _I),  # 1: a record site
        ("share", np.float64),  # 1 / the scale of its value
    ],
    align=True,
)
EVENT_RULE = np.dtype(
    [(name, _I) for name in ("what", "source", "nth", "site", "amount", "base", "jitter")],
    align=True,
)
CELL_RULE = np.dtype(
    [
        ("row", np.int16),
        ("column", np.int16),
        ("gate", _B),  # switch that opens and closes the cell, or NO_SITE
        ("region", _B),  # region the cell is in, or NO_SITE
        ("gates", np.uint32),  # set of entries of the local map that show one
        ("moves", _U),  # moves that lead elsewhere, as a mask of actions
        ("reach", _U),  # set of sites that are a step away or none
    ],
    align=True,
)
PERMIT_RULE = np.dtype(
    [
        ("known", _U),  # set of sites of all of which something must be believed
        ("ordered", _U),  # set of tasks for all of which a job must be open: its own, or none
        ("inside", _U),  # set of regions in all of which the agent must stand: one, or none
        ("steps", _U),  # 1: a step across a region, which must be left to do
    ],
    align=True,
)
LOCK_RULE = np.dtype([("site", _I), ("mode", _I)], align=True)  # site NO_SITE ends a list
GOAL_RULE = np.dtype(
    [("deps", _U)] + [(name, _I) for name in ("kind", "site", "agent", "index", "target", "task", "other")],
    align=True,
)
INVARIANT_RULE = np.dtype([("sites", _U), ("kind", _I), ("floor", _I)], align=True)
CONSTANT_RULE = np.dtype(
    [
        ("loss", np.uint64),  # a draw's upper 53 bits below this: lost
        ("duplication", np.uint64),
        ("visibility", np.uint64),  # a draw below this: the protocol sees the input
        ("footprint_error", np.uint64),
        ("thinkers", np.int32),  # how many may think at once, 0 for all
        ("imperfect", np.int32),  # 1 if one of the two is drawn
        ("lockstep", np.int32),
        ("manual", np.int32),
        ("patience", np.int32),
        ("horizon", np.int32),
        ("job_low", np.int32),
        ("job_high", np.int32),
        ("boats", np.int32),  # the first so many world events are boats
        ("board", np.int32),
        ("gate", np.int32),
        ("done_goals", np.int32),  # 1 if some goal counts completions of a task
        ("shipped_goals", np.int32),  # 1 if some goal asks what agents hold and are still to take
        ("goal_sites", np.uint64),  # set of sites that goals depend on
        ("judged_sites", np.uint64),  # set of sites whose writes the invariants are judged on
        ("plan", np.uint64),  # set of sites that are entries of the plan
        ("members", np.uint64),  # set of agents whose tasks may follow it
        ("stocked", np.uint64),  # set of shelves that are stocked again
        ("posts", np.uint64),  # set of posts that keep intruders out
        ("depots", np.int32),  # how many depots close in turn
        ("grace", np.int32),  # ticks after which one closes to which no route leads, or -1
        ("stall", np.int32),  # ticks, 0 for never
        ("stall_every", np.int32),
        ("slip", np.int32),  # 1 if arguments may go wrong
    ],
    align=True,
)


class RuleArrays(NamedTuple):
    """Everything about a scenario and its settings that the compiled engine reads and never writes."""

    constant: NDArray[Any]  # [1] CONSTANT_RULE
    agent: NDArray[Any]  # [A] AGENT_RULE
    site: NDArray[Any]  # [S] SITE_RULE
    task: NDArray[Any]  # [T] TASK_RULE
    op: NDArray[Any]  # [T, 4] OP_RULE
    task_input: NDArray[np.int32]  # [T, I] site of each input slot
    lock: NDArray[Any]  # [grains, 2, T, L] LOCK_RULE in the order of acquisition: ahead, and what is read alone
    lock_of: NDArray[np.int32]  # [grains, S] site that stands for the lock
    job_task: NDArray[np.int32]  # [A, U, 1 + T] of each turn: how many there are, and the tasks a job is drawn from
    event: NDArray[Any]  # [W] EVENT_RULE
    goal: NDArray[Any]  # [G] GOAL_RULE
    goal_touch: NDArray[np.uint64]  # [A + S + 1, words] set of goals to judge when that agent, site or an event changed
    invariant: NDArray[Any]  # [V] INVARIANT_RULE
    correction: NDArray[np.int32]  # [C, S] new value of each entry, or KEEP
    constraint: NDArray[np.uint64]  # [K] set of entries that must agree
    action: NDArray[np.int32]  # [actions, 3] kind, index and choice of thought
    always: NDArray[np.uint64]  # [2] actions that every ready agent is allowed, as a mask
    depends: NDArray[np.int32]  # [A, actions] the other actions open to the agent's role, moves excepted, then -1
    permit: NDArray[Any]  # [actions] PERMIT_RULE
    cell: NDArray[Any]  # [cells] CELL_RULE
    local_map: NDArray[np.int16]  # [cells, M], see context.local_map_at; empty where nothing is steered by hand
    near: NDArray[np.int16]  # [cells, S] distance to each site
    way: NDArray[np.int16]  # [targets, cells] from a cell to the next one on a shortest path, or NO_WAY
    neighbour: NDArray[np.int32]  # [cells, 4]
    visible: NDArray[np.uint64]  # [V, cells] set of sites in sight from the cell, by AGENT_RULE `sight`
    thought: NDArray[np.int32]  # [QUANTILES]
    slip: NDArray[np.uint64]  # [thoughts]
    argument: NDArray[np.int32]  # [verbs, 1 + N] how many arguments tasks give a verb, and which
    delay: NDArray[np.int32]  # [QUANTILES]
