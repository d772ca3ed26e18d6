"""The event records: what happened, in order, and all that an auditor may read.

An event is one row of fixed-width little-endian integers. The first nine columns mean the same in every kind; `a` to
`e` are explained per kind in `KINDS`, the literal table below.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

COLUMNS = ("kind", "tick", "agent", "txn", "op", "site", "value", "version", "other", "a", "b", "c", "d", "e")
EVENT = np.dtype([(name, "<i4") for name in COLUMNS])


class Kind(NamedTuple):
    """One kind of event: its name and what the columns say; a column that is not named is 0 (-1 for ids)."""

    name: str
    columns: str


# The numbers are the positions in this table.
KINDS: tuple[Kind, ...] = (
    Kind("none", "never logged"),
    Kind("choose", "agent acts without a transaction; a: action, b: 1 if it was masked out and counted as wait"),
    Kind(
        "decide",
        "agent opens txn; a: task, b: think ticks to come, c: attempt, d: job or n-th completion, value: argument, "
        "e: think ticks kept from the attempt before; b + e was drawn, version: 1 if chosen short, 2 if long",
    ),
    Kind(
        "input",
        "frozen input of txn; site, value, version, a: channel, b: 1 if promised, c: tick it was sensed, "
        "d: 1 if the protocol does not see it",
    ),
    Kind(
        "wait_begin",
        "agent waits for other; a: task, b: 0 admission, 1 hold at a site, 2 hold for an epoch, 3 lock of site, "
        "4 for ranks to be quiet or undone, 5 a place to think, 6 held back from thought, c: mode of the lock",
    ),
    Kind("wait_end", "agent waits no more; a: task, b: as in wait_begin, c: ticks waited"),
    Kind("grant", "agent gets the token, or the lock of site; a: mode"),
    Kind("release", "agent lets the token go, or the lock of site; a: mode, b: 1 as its txn settles"),
    Kind("think_end", "txn has thought"),
    Kind("border", "agent crosses the border of region site; a: +1 in, -1 out, b: cell it stands on now"),
    Kind(
        "sense",
        "belief changed; site, value, version, a: channel, b: 0 senses, 1 feedback, 2 registry, 3 look, 4 plan, 5 rank",
    ),
    Kind(
        "read",
        "input as op uses it; site, value, version, a: channel, b: 1 if promised, c: bit 0 in pre, bit 1 written, "
        "d: 1 if an own write stands in it",
    ),
    Kind(
        "act",
        "op is tried; site, version: current, value: argument, a: verb, b: 1 if the premise holds on the inputs, "
        "c: value or difference it would write, other: task",
    ),
    Kind(
        "write",
        "site takes value and version; other: value before, a: 1 if relative, b: the argument, c: 1 if unsettled, "
        "d: verb",
    ),
    Kind(
        "buffer",
        "op's write waits for settle; site, value: value or difference, a: 1 if relative, b: the argument, d: verb",
    ),
    Kind("refused_by_world", "op fails; a: reason (verbs.REASONS)"),
    Kind(
        "check_failed",
        "input is not current; site, version: of the input, other: current, a: scope bit, b: 0 at act, 1 at settle, "
        "2 in thought, 3 as it is written",
    ),
    Kind("commit", "txn settles; a: think ticks, c: buffered writes installed"),
    Kind(
        "partial",
        "txn settles with what it did; a: think ticks, b: outcome of the op that ended it, "
        "c: buffered writes installed",
    ),
    Kind("reject", "txn is refused; a: think ticks, b: 1 before thought"),
    Kind("abort", "txn is given up; a: think ticks"),
    Kind("fail", "txn ends on an op that the world refused; a: think ticks"),
    Kind("victim", "txn is lost to waiting; other: agent waited for, or that takes its locks"),
    Kind(
        "send",
        "agent to other; site, value, version: stamp, a: message kind, b: due tick, c: number, d: tick sensed, "
        "e: bit 0 lost, bit 1 a duplicate",
    ),
    Kind(
        "deliver",
        "agent receives from other; site, value, version: stamp, a: message kind, b: 1 if believed, c: number, "
        "d: tick sensed, e: tick sent",
    ),
    Kind(
        "drop",
        "message to other goes no further: its txn did not settle, or a fork sends corrections otherwise; c: number",
    ),
    Kind("world_event", "a: source, b: n-th, c: what (scenario.EVENT_KINDS)"),
    Kind("accident", "agent's op in txn closed site on bodies; value: bodies, a: boat lost or -1"),
    Kind("out", "agent is out of play; other: agent that caused it"),
    Kind("invariant_broken", "by agent's txn; a: invariant"),
    Kind("goal", "a: goal, value: 1 met, 0 no longer met, -1 can no longer be met; agent: whose act this tick"),
    Kind("end", "a: 1 terminated, 2 truncated; value: goals met, other: goals"),
    Kind("published", "agent's txn gives the plan epoch value; a: task, b: entries that change"),
    Kind("copy", "epoch value is sent to member other; b: due tick, e: 1 lost"),
    Kind("received", "agent has a copy of epoch value"),
    Kind("acknowledged", "agent acknowledges epoch value; b: due tick, e: 1 lost"),
    Kind("adopted", "epoch value is the plan of all; a: ticks since it was published, b: members fenced"),
    Kind("stalled", "agent stands still for a ticks"),
    Kind(
        "rank",
        "agent's txn has rank value; a: 0 a new one, 1 that of a txn which was taken back, 2 a border crossed by a "
        "txn of that rank, 3 a border crossed directly after that rank",
    ),
    Kind(
        "laid",
        "agent's txn stands on site at rank b with value; a: 0 a value, 1 a difference, 2 a difference directly after "
        "that rank, 3 a shelf that rank b has emptied is filled again with value, c: 1 if it takes op back, or a "
        "filling away from rank b",
    ),
    Kind("taken", "what txn had laid on site at rank b stands there no more"),
    Kind(
        "undo",
        "site takes value and version, without what txn has done there; other: value before, a: 1 if it is taken back, "
        "0 if a lower rank is slipped in beneath it, b: rank, -1 of world events",
    ),
    Kind("redo", "site takes value and version, with what txn has done there; other: value before, b: as in undo"),
    Kind(
        "notify",
        "agent is told that site is now value at rank b, which its txn has; other: by whose act, a: 1 if a lower rank "
        "waits there for the inverse",
    ),
    Kind("judged", "agent judges what its txn, of rank value, was told; a: 1 if to be done again, b: 1 if it matters"),
    Kind("reread", "txn rests on value of site at rank b from now on; version: as of which"),
    Kind("revoked", "txn, which had settled, is taken back, and its order is open again; a: think ticks"),
    Kind("quiet", "all ranks up to value are quiet: they will not change any more"),
    Kind(
        "slip",
        "the argument of op is value from now on; a: what it was, b: ticks of thought, those kept included, c: verb",
    ),
    Kind("footprint", "txn declares a footprint that is wrong in site; a: 1 if it is added, 0 if it is missing"),
    Kind(
        "speculate",
        "txn, which waits to be let in, is thought on by what its agent believes; a: 1 from now on, 2 it is let in and "
        "keeps the thought, 3 and throws it away, b: ticks thought so far",
    ),
)  # fmt: skip

(
    _NONE, CHOOSE, DECIDE, INPUT, WAIT_BEGIN, WAIT_END, GRANT, RELEASE, THINK_END, BORDER, SENSE, READ, ACT, WRITE,
    BUFFER, REFUSED_BY_WORLD, CHECK_FAILED, COMMIT, PARTIAL_COMMIT, REJECT, ABORT, FAIL, VICTIM, SEND, DELIVER, DROP,
    WORLD_EVENT, ACCIDENT, PUT_OUT, INVARIANT_BROKEN, GOAL, END, PUBLISHED, COPY, RECEIVED,
    ACKNOWLEDGED, ADOPTED, STALLED, RANK, LAID, TAKEN, UNDO, REDO, NOTIFY, JUDGED, REREAD, REVOKED, QUIET, SLIP,
    FOOTPRINT, SPECULATE,
) = range(len(KINDS))  # fmt: skip

# What a wait is for: column b of wait_begin and wait_end.
ADMISSION, AT_SITE, FOR_EPOCH, FOR_LOCK, FOR_RANK, FOR_THOUGHT, HELD_BACK = range(7)

# What becomes of a speculation: column a of speculate.
BEGINS, KEPT, SPOILED = 1, 2, 3

KIND_NAMES = tuple(kind.name for kind in KINDS)


def join(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Put pieces of a log behind one another; numpy's own `concatenate` compares the fields of each pair."""
    flat = [part.view(np.int32) for part in parts]
    return (np.concatenate(flat) if flat else np.zeros(0, np.int32)).view(EVENT)


def digest(header: dict[str, Any], events: NDArray[Any]) -> str:
    """Return the SHA-256 of an episode: canonical JSON of `header`, then every event in order.

    `header` holds scenario, config, settings and seed, and nothing that depends on who computed it.
    """
    sha = hashlib.sha256(json.dumps(header, sort_keys=True, separators=(",", ":")).encode())
    sha.update(np.ascontiguousarray(events, dtype=EVENT).tobytes())
    return sha.hexdigest()
