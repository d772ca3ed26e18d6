"""The context: one record of the addresses, sizes and switches that compiled code goes by."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rule_records import RuleArrays
from .state import Rows, State

_STATE_FIELDS = State._fields
_ROW_FIELDS = tuple(f"row_{name}" for name in Rows._fields)
_RULE_FIELDS = tuple(f"{name}_rule" for name in RuleArrays._fields if name != "constant")
_SIZES = (
    "agents", "sites", "tasks", "inputs", "jobs", "goals", "events", "mails", "logs", "width", "cells", "targets",
    "actions", "invariants", "counters", "job_tasks", "turns", "parcels", "constraints",
    "locks_listed", "thoughts", "arguments", "goal_words", "map_size", "rows_kept", "ranks", "lanes",
)  # fmt: skip
# What of the constants and of the policy is copied into the context, so that one pointer serves.
_CONSTANTS = (
    "lockstep", "manual", "patience", "horizon", "job_low", "job_high", "boats", "board", "gate",
    "done_goals", "shipped_goals", "depots", "grace", "stall", "stall_every", "slip", "thinkers", "imperfect",
)  # fmt: skip
_SETS = (
    "goal_sites", "judged_sites", "loss", "duplication", "visibility", "footprint_error", "plan", "members", "stocked",
    "posts",
)  # fmt: skip
_POLICY = (
    "scopes", "at_act", "at_settle", "by_premise", "snapshots", "pivots",
    "admission_reads", "buffered", "branch", "whole_task", "closed", "token",
    "stamped", "fifo", "mail_at_settle", "semantic", "locks", "epochs", "corrector", "stops", "kept",
    "adopt_timeout", "resend", "as_needed", "deadlock", "least_sunk", "lock_timeout", "forward",
    "judge", "repair", "misjudged", "window",
    "contention_aware", "holds_back", "age_bound", "speculates",
)  # fmt: skip
_VIEW = (
    "rows", "columns", "roles", "ages", "stamps", "others", "hands", "feedback", "mailbox", "symbols", "own_reward",
    "answer",
)  # fmt: skip

_REAL = (
    "think_cost", "message_cost", "accident_cost", "discount", "per_row", "per_column", "per_agent", "per_site",
    "per_tick",
)  # fmt: skip

CONTEXT = np.dtype(
    [(name, np.int64) for name in (*_STATE_FIELDS, *_ROW_FIELDS, *_RULE_FIELDS, *_SIZES, *_CONSTANTS, *_POLICY, *_VIEW)]
    + [(name, np.uint64) for name in _SETS]
    + [(name, np.float64) for name in _REAL],
    align=True,
)

# What of it is the same wherever a scenario's rules and a protocol are, and says nothing of where arrays lie.
SWITCHES = tuple(
    name for name in CONTEXT.names or () if name not in {*_STATE_FIELDS, *_ROW_FIELDS, *_RULE_FIELDS, "answer"}
)


def bind(state: State, rows: Rows, arrays: RuleArrays, policy: NDArray[Any], view: dict[str, float]) -> NDArray[Any]:
    """Return a [1] CONTEXT of the given arrays, which must outlive it and must not be reallocated.

    `view` holds what observations and rewards need: the names of `_VIEW`, among them the address
    of what is done by rank, where transactions are ranked (`rank_calls`), and the costs.
    """
    context = np.zeros(1, CONTEXT)
    c = context[0]
    held = {f"{name}_rule": array for name, array in arrays._asdict().items()}
    constant = held.pop("constant_rule")[0]
    kept = dict(zip(_ROW_FIELDS, rows, strict=True))
    addressed: dict[str, Any] = {**state._asdict(), **kept, **held}
    for name, array in addressed.items():
        if not array.flags.c_contiguous:
            raise ValueError(f"array {name!r} is not contiguous")
        c[name] = array.ctypes.data
    for name, size in zip(
        _SIZES,
        (
            state.agent.shape[1], state.site.shape[1], state.tally.shape[2], state.input.shape[3], state.job.shape[2],
            state.goal.shape[1], state.event.shape[1], state.mail.shape[1], state.log.shape[1],
            state.observation.shape[2], arrays.cell.size, arrays.way.shape[0], arrays.action.shape[0],
            arrays.invariant.shape[0], state.counts.shape[1], arrays.job_task.shape[2], arrays.job_task.shape[1],
            state.parcel.shape[2],
            arrays.constraint.shape[0], arrays.lock.shape[3], arrays.slip.shape[0], arrays.argument.shape[1],
            arrays.goal_touch.shape[1], arrays.local_map.shape[1], int(len(rows.ready) > 0), state.rank.shape[1],
            state.figure.shape[2],
        ),
        strict=True,
    ):  # fmt: skip
        c[name] = size
    for name in (*_CONSTANTS, *_SETS):
        c[name] = constant[name]
    for name in _POLICY:
        c[name] = policy[0][name]
    for name, value in view.items():
        c[name] = value
    return context
