"""The records that are the state of B worlds, and the names of their values.

Each field is documented once, here: meaning, unit, sentinel. Both engines and everything that reads a world use these
names. Sites are limited to 64 a scenario, so that a set of sites is one uint64; agents likewise.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Sentinels.
NO_SITE = -1
NO_TASK = -1
NO_TXN = -1
NO_JOB = -1
NO_VERSION = -1
NOBODY = -1  # no agent: a free token, a site with no unsettled version
WORLD = -2  # the writer of world transactions (arrivals, drift, clearing after an accident)
GONE = -1  # due tick of a message that has arrived
NEVER = 2**30  # a tick that does not come
NO_CELL = -1
NO_RANK = -1
NO_BORDER = -2  # no rank, not even that of what was there at reset
FAR = 1e6  # row of a figure that nobody sees
# What an agent shows to the others: row (FAR if out of play), column, and what it carries, as a share. It stands apart
# from the agents' records, each kind of all agents together.
ROW, COLUMN, HAND, FIGURE_SIZE = 0, 1, 2, 3
HAND_SCALE = 10
HAND_SHARE = np.float32(1 / HAND_SCALE)

# Phases of an agent.
IDLE, QUEUED, THINKING, WALKING, LOOKING, OUT, LOCKING = 0, 1, 2, 3, 4, 5, 6
PHASES = ("idle", "queued", "thinking", "walking", "looking", "out", "locking")

# Channels of a belief.
NONE, SENSOR, LOOK, MESSAGE, REGISTRY = 0, 1, 2, 3, 4
CHANNELS = ("none", "sensor", "look", "message", "registry")

# Outcomes of an agent's last transaction.
NO_OUTCOME, COMMITTED, PARTIAL, REJECTED, ABORTED, FAILED = 0, 1, 2, 3, 4, 5
OUTCOMES = ("none", "committed", "partial", "rejected", "aborted", "failed")

# Message kinds.
FACT, PROMISE, CORRECTION, SYMBOL = 0, 1, 2, 3
MESSAGE_KINDS = ("fact", "promise", "correction", "symbol")

# Status of a world.
RUNNING, TERMINATED, TRUNCATED = 0, 1, 2

# Boats.
EXPECTED, WAITING, PASSED, LOST = 0, 1, 2, 3

# Modes of a lock, increments compatible with each other, and the moments at which inputs are checked.
SHARED, INCREMENT, EXCLUSIVE = 0, 1, 2
LOCK_MODES = ("shared", "increment", "exclusive")
AT_ACT, AT_SETTLE, IN_THOUGHT, BY_WRITER = 0, 1, 2, 3

# Validation scopes, as bits.
WRITTEN, SENSED, TOLD, PLANNED = 1, 2, 4, 8

# Hazards and the levels at which each act is counted; a counter's index is hazard * len(LEVELS) + level.
STALE_READ, LOST_UPDATE, STALE_CORRECTION, DESYNC = 0, 1, 2, 3
HAZARDS = ("stale_read", "lost_update", "stale_correction", "action_message_desync")
EXPOSED, DECISIVE, PREVENTED, FALSE_REJECT, RETRIES = 0, 1, 2, 3, 4
LEVELS = ("exposed", "decisive", "prevented", "false_reject", "retries")

COUNTERS = tuple(f"{hazard}.{level}" for hazard in HAZARDS for level in LEVELS) + (
    "outdated_belief",  # acts made wrong by inputs that were outdated before the decision
    "drift",  # acts made wrong by world transactions alone
    "same_tick",  # decisive acts whose input was superseded in the tick of the act
    "victims",  # transactions lost to waiting: a hold that outlasted `patience`, a deadlock
    "false_stall",  # ticks waited for a transaction that changed none of the waiter's inputs
    "invariant_violations",
    "accidents",
    "messages",  # sent
    "committed",  # transactions, partial ones included
    "broke_invariant",  # committed transactions that broke an invariant
    "rejected",
    "failed",
    "think_ticks",
    "wasted_think_ticks",  # of transactions that were refused by the protocol or by the world, or aborted
    "blocked_ticks",  # agent-ticks waiting for admission, for a lock, or in a hold
    "age_source",  # ticks between sensing and sending, summed over delivered messages
    "age_transit",  # ticks between sending and delivery, summed over delivered messages
    "age_thought",  # ticks between the decision and the act, summed over inputs that a message told
    "delivered",  # messages delivered
    "told_inputs",  # inputs of acts that a message told
    "illegal_actions",  # masked-out actions: counted no-ops
    "decisions",  # transactions opened
    "late_decided_before",  # stale corrections decided on before the newest correction was published
    "late_decided_after",
    "torn",  # acts after a correction that broke a constraint with an act that followed the other epoch
    "slips",  # arguments that went wrong in thought
)
COUNTER_INDEX = {name: index for index, name in enumerate(COUNTERS)}

# Narrow in memory, for the cache: what is at most a small code or a flag takes a byte. Compiled code computes in int64,
# see jit.
_I, _U, _B = np.int32, np.uint64, np.int8

CACHE_LINE = 64  # bytes


def _in_lines(fields: list[Any]) -> np.dtype[Any]:
    """Return a record of the fields, with what makes its size a number of whole cache lines."""
    packed: Any = np.dtype(fields, align=True)
    kinds, offsets = zip(*(packed.fields[name] for name in packed.names), strict=True)
    size = -(-packed.itemsize // CACHE_LINE) * CACHE_LINE
    record: Any = {"names": packed.names, "formats": kinds, "offsets": offsets, "itemsize": size}
    whole: np.dtype[Any] = np.dtype(record, align=True)
    return whole


WORLD_RECORD = _in_lines(
    [
        ("seed", _U),
        ("ready", _U),  # set of agents that must act now: those of whom `ready` is 1
        ("dirty", _U),  # set of sites written since the last sensing
        ("idle", _U),  # sets of agents by phase, see `phases`
        ("thinking", _U),
        ("walking", _U),
        ("looking", _U),
        ("queued", _U),
        ("waiting", _U),  # set of agents of whom `waits` is not 0
        ("near", _U),  # set of agents who have reached what they seek: only of those who look or walk does it tell
        ("stepping", _U),  # set of agents who have chosen a step for this tick
        ("moved", _U),  # set of agents who must look at what a step has brought into sight, at their `fresh`
        ("touched_sites", _U),  # set of sites that have changed since goals were last judged
        ("touched_agents", _U),  # the same of agents, in what goals depend on
        ("unanswered", _U),  # set of members who have a copy and owe the acknowledgement
        ("under_way", _U),  # set of members to whom a copy is under way, or from whom an acknowledgement
        ("tick", _I),  # ticks completed; the events of a tick carry its number, the first is 1
        ("status", _I),
        ("writer", _I),  # agent that wrote last in this tick, or NOBODY
        ("paid", _I),  # 1 if somebody has earned something in this step
        ("elapsed", _I),  # ticks of the last step, more than one where steps run to the next decision
        ("corrector", _I),  # of the correction in preparation, or NOBODY
        ("happened", _I),  # 1 if world events have changed what goals depend on since they were last judged
        ("next_event", _I),  # earliest world event to come, or NEVER
        ("next_due", _I),  # earliest due tick in flight, or NEVER
        ("turn_due", _I),  # tick from which on there may be something to do for an epoch, or NEVER
        ("holder", _I),  # of the token, or NOBODY
        ("holder_wrote", _U),  # set of sites that the token's holder has written
        ("next_txn", _I),
        ("holder_since", _I),  # tick of the grant
        ("holder_settled", _I),  # 1 once a transaction of the holder has settled
        ("goals_met", _I),
        ("goals_open", _I),  # neither met nor lost
        ("goals_lost", _I),  # goals that can no longer be met
        ("last_goal_tick", _I),  # tick at which the count of met goals last grew
        ("mail_first", _I),  # the messages in flight lie between these two in order of sending, with gaps (due = GONE)
        ("mail_count", _I),
        ("message_number", _I),
        ("log_count", _I),
        ("broken", np.int64),  # set of invariants that do not hold now, as bits
        ("robbed", _U),  # set of goods whose posts are empty and whose intruder has been there
        ("thefts", _I),
        ("epoch", _I),  # of the plan: corrections published so far
        ("published", _I),  # tick of the last one
        ("changed_entries", _U),  # set of entries that it changes
        ("acknowledged", _U),  # set of members, of the newest epoch
        ("fenced", _U),  # set of members refused until they know the plan
        ("stalled", _U),  # set of agents that stand still
        ("settles", _I),  # committed transactions so far, where conflicts between them are kept
        ("newest", _I),  # rank given, or NO_RANK
        ("quiet", _I),  # every rank up to this one is quiet: the others lie above it, up to the newest
        ("final", _I),  # 1 if nothing that has settled can still be taken back
    ]
)

AGENT_RECORD = _in_lines(
    [  # most of what every tick reads stands first, in one line
        ("phase", _B),
        ("ready", _B),  # 1 if the agent must act now
        ("reseen", _B),  # 1 if the agent has moved since it was last shown where things are
        ("rejob", _B),  # 1 if its jobs have changed since they were last shown
        ("remask", _B),
        ("outcome", _B),
        ("side", _B),  # station of the pair that the agent is bound for: 0 or 1
        ("promised", _B),  # 1 from a promise to the next border crossing
        ("op", _B),  # index of the op to be done next
        ("done", _B),  # ops of the open transaction that took effect, or are buffered
        ("pending", _B),  # set of ops whose write is buffered
        ("broke", _B),  # 1 if the open transaction broke an invariant
        ("slipped", _B),  # set of ops of the open transaction whose argument went wrong
        ("waits", _B),  # 0, or the kind of a wait since `wait_since` in the log: a column of wait_begin
        ("placed", _B),  # 1 if it has a place to think
        ("speculates", _B),  # 1 if it may think while it waits to be let in, 2 once it does
        ("hold", _B),  # what it waits for: log.AT_SITE or log.FOR_EPOCH, while `holding` is somebody
        ("lock_mode", _B),
        ("inbox_kind", _B),  # of the last one
        ("look", _B),  # site being looked at, or NO_SITE
        ("sought", _B),  # site that it looks for or walks to, or did last
        ("holding", _B),  # agent whose unsettled version is waited for, or NOBODY
        ("inbox_sender", _B),
        ("inbox_site", _B),  # or NO_SITE
        ("lock_site", _B),  # whose lock it waits for, or NO_SITE
        ("wait_site", _B),
        ("lock_next", _B),  # of the task's list of locks
        ("undoing", _B),  # 1 while its ops are undone, from the last to the first
        ("blocker", _B),  # whom it was last told to wait for, by ranks
        ("wait_whom", _B),  # who holds it back
        ("missed", _B),  # site that its declared footprint misses, or NO_SITE
        ("added", _B),  # site that it has too much, or NO_SITE
        ("step", _I),  # cell to step to in this tick's walk, or NO_CELL
        ("cell", _I),
        ("task", _I),  # of the open transaction, or NO_TASK
        ("stuck", _I),  # ticks stopped in a row: by a closed gate, or in a hold
        ("txn", _I),  # number of the open transaction, or NO_TXN
        ("hand", _I),  # item carried, 0 for none
        ("trips", _I),  # crossings made
        ("inbox", _I),  # messages received since the last decision
        ("known", _U),  # set of sites of which it believes anything
        ("fresh", _U),  # set of sites that steps of this tick have brought into sight
        ("show", _U),  # set of sites whose beliefs in the observation are out of date, or their being in sight
        ("aging", _U),  # set of sites of whose beliefs the ages in the observation still grow
        ("shown", np.int64),  # what the observation says of the agent itself, packed; see observe
        ("stale", _U),  # set of sites that feedback marks as not current
        ("full_mask", _U, (2,)),  # the mask when ready, up to date unless `remask`
        ("turn", _U),  # the least of those who act in a tick acts first; drawn where several do
        ("earned", np.float64),  # reward of this step
        ("wrote", _U),  # set of sites that the open transaction has written
        ("locks", _U),  # set of sites on which it holds a lock
        ("hidden", _U),  # set of sites: inputs of the open transaction that the protocol does not see
        ("job", _I),  # index in the agent's job list, or NO_JOB
        ("thought", _I),  # think ticks drawn for the open transaction
        ("decided", _I),  # tick of the decision
        ("age", _I),  # tick of the decision, or of the first one where it was a victim and tries again
        ("argument", _I),  # of the open transaction: its first op's, or its job's
        ("drawn", _I),  # think ticks, those included that were kept from before or that lockstep does not wait for
        ("slipped_to", _I, (4,)),  # the wrong arguments of its ops
        ("pending_value", _I, (4,)),  # their values, or differences
        ("queued_since", _I),  # tick of joining the queue
        ("queued_task", _I),  # chosen then, or NO_TASK
        ("inbox_value", _I),
        ("landed", _I),  # deliveries made
        ("orders", _I),  # open jobs whose first op takes something
        ("copy_due", _I),  # tick at which a copy of the newest epoch arrives, or NEVER
        ("answer_due", _I),  # tick at which its acknowledgement arrives, or NEVER
        ("copies", _I),  # sent to it, of the newest epoch
        ("answers", _I),
        ("stalled", _I),  # ticks that it still stands still
        ("stalls", _I),  # stalls begun or drawn
        ("stall_at", _I),  # tick after which the next one begins, or NEVER
        ("lock_since", _I),  # tick
        ("wait_since", _I),  # tick
        ("snapshot", _I),  # transactions that had settled at its admission
        ("rank", _I),  # of the open transaction, or NO_RANK
        ("border_rank", _I),  # that it must see quiet to step into a region without a transaction, or NO_BORDER
        ("judged", _I),  # judgements so far
        ("back", _I),  # ticks by which it counts as having come later, while it waits to be let in
        ("asked", _I),  # tick since which it wants a place to think
        ("spoiled", _I),  # ticks that its transaction was thought on in vain while it waited
    ]
)

SITE_RECORD = np.dtype(
    [
        ("value", _I),
        ("version", _I),
        ("writer_version", _I),  # by the agent that wrote most recently: with the next field and `writer`, enough to
        ("other_writer_version", _I),  # tell in constant time whether some other agent wrote after a version
        ("changed", _I),  # tick of the newest version
        ("stock", np.int16),  # of a shelf: how often it will be stocked again
        ("unsettled", _B),  # agent whose open transaction wrote the newest version of an agent, or NOBODY
        ("writer", _B),  # agent that wrote most recently, or NOBODY
        ("got", _U),  # of a depot: set of items delivered
    ],
    align=True,
)

BELIEF_RECORD = np.dtype(
    [
        ("value", _I),
        ("version", _I),  # for a message: its stamp
        ("tick", _I),  # when it was sensed (by the sender, for a message)
        ("arrived", _I),  # when this agent came to hold it
        ("channel", _B),
        ("promise", _B),  # 1 if the value is promised, for a version after the stamp
    ],
    align=True,
)

INPUT_RECORD = np.dtype(
    [
        ("value", _I),
        ("version", _I),
        ("channel", _B),
        ("promise", _B),
        ("outdated", _B),  # 1 if it was not current when it was frozen
        ("own", _B),  # 1 if the agent's own buffered write stands in `value`
    ],
    align=True,
)

JOB_RECORD = np.dtype(
    [
        ("task", _I),
        ("amount", _I),
        ("used", _I),  # 1 once a commit or a failure used it up
        ("attempt", _I),  # rejections so far
    ],
    align=True,
)

PARCEL_RECORD = np.dtype([("site", _I), ("good", _I)], align=True)  # where it landed; 1 if that was open

# The last act of an agent that followed an entry under a constraint: see judging.judge_torn.
FRESH, LATE = 1, 2
FOLLOWED_RECORD = np.dtype([("mark", _I), ("value", _I)], align=True)

LOCK_RECORD = np.dtype(
    [
        ("shared", _U),  # set of agents that hold it in this mode
        ("increment", _U),
        ("exclusive", _U),
        ("granted", _I),  # tick of the last grant
    ],
    align=True,
)

SETTLED_RECORD = np.dtype(
    [
        ("value", _I),  # what stood on a site before the newest version, while that is unsettled
        ("version", _I),
        ("read", _I),  # number, among the settled ones, of the last transaction that had read it
        ("pivot", _I),  # newest version by a transaction that settled with a conflict out: see pivots
    ],
    align=True,
)

# A rank that is not quiet: see `protocols.preorder`. What was done by op is kept by the op's index.
RANK_RECORD = np.dtype(
    [
        ("agent", _I),
        ("txn", _I),
        ("task", _I),
        ("job", _I),  # or NO_JOB
        ("argument", _I),
        ("thought", _I),
        ("ops", _I),  # ops that had taken effect, and stood, as it settled
        ("state", _B),  # of `ranks`: OPEN, SETTLED, REOPENED or VOID
        ("told", _B),  # 1 if something that it read has changed beneath it, and it has not judged that yet
        ("forced", _B),  # 1 if a lower rank waits at a site for its inverse
        ("doomed", _B),  # 1 if it is to be taken back
        ("walked", _B),  # 1 if its agent crossed a border on its way, which stands at this rank
        ("outcome", _B),  # how it settles once it has been taken back
        ("revoked", _B),  # 1 if it had settled and was taken back
        ("broke", _B),  # 1 if its writes broke an invariant
        ("counted", _B),  # 1 if it counts as committed
        ("done", _B),  # set of ops whose effects stand and can be undone
        ("holds", _B),  # set of ops whose premises held as it planned
        ("hidden", _U),  # set of sites: inputs that the protocol does not see
        ("stays", _U),  # set of sites where what it did could not be undone
        ("planned", _I, (4,)),  # what each op would write
        ("before", _I, (4,)),  # what the site held
        ("written", _I, (4,)),  # value or difference
        ("hand", _I, (4,)),  # what the agent held before
    ],
    align=True,
)

# What a site holds at one rank: nothing laid, or what `log.LAID` says and what came directly after the rank.
UNLAID, LAID_VALUE, LAID_DIFFERENCE, LAID_REFILLED = 0, 1, 2, 3
CHAIN_RECORD = np.dtype([("how", _I), ("value", _I), ("after", _I)], align=True)

MAIL_RECORD = np.dtype(
    [
        ("due", _I),
        ("number", _I),
        ("sender", _I),
        ("receiver", _I),
        ("kind", _I),
        ("site", _I),
        ("value", _I),
        ("stamp", _I),
        ("sensed", _I),  # tick
        ("sent", _I),  # tick
        ("held", _I),  # transaction it waits for where mail goes out at settle, or NO_TXN
    ],
    align=True,
)

GOAL_RECORD = np.dtype(
    [("target", _I), ("met", _I), ("lost", _I), ("open", _I)],  # open: jobs that may still change its site
    align=True,
)
EVENT_RECORD = np.dtype([("due", _I), ("state", _I)], align=True)  # world events: tick, and a boat's state


class State(NamedTuple):
    """The arrays of B worlds.

    A agents, S sites, T tasks, I inputs a task, J jobs, N parcels, G goals, W world events, M mails, R ranks: a power
    of two, or 0 where transactions are not ranked; rank r stands in row r % R.
    """

    world: NDArray[Any]  # [B] WORLD_RECORD
    agent: NDArray[Any]  # [B, A] AGENT_RECORD
    figure: NDArray[np.float32]  # [B, 3, lanes] what others observe, by ROW, COLUMN and HAND; see `agent_lanes`
    thought_left: NDArray[np.int32]  # [B, lanes] think ticks still to come, of each agent
    sight: NDArray[np.uint64]  # [B, lanes] set of sites in sight from where an agent stands
    site: NDArray[Any]  # [B, S] SITE_RECORD
    belief: NDArray[Any]  # [B, A, S] BELIEF_RECORD
    input: NDArray[Any]  # [B, A, 5, I] INPUT_RECORD: the open transaction's inputs, then a copy as each op used them
    seen: NDArray[np.int32]  # [B, A, T, I, 2]: newest superseding version counted as prevented there, or NO_VERSION
    job: NDArray[Any]  # [B, A, J] JOB_RECORD
    parcel: NDArray[Any]  # [B, A, N] PARCEL_RECORD, by delivery
    tally: NDArray[np.int32]  # [B, A, T, 3]: completions of the task, attempts since the last one, thought they keep
    goal: NDArray[Any]  # [B, G] GOAL_RECORD
    event: NDArray[Any]  # [B, W] EVENT_RECORD
    mail: NDArray[Any]  # [B, M] MAIL_RECORD
    sent: NDArray[np.int32]  # [B, A, A, 4]: messages sent so far by sender, receiver, kind
    heard: NDArray[np.int8]  # [B, A, A]: 1 + the last symbol heard, by receiver and sender; 0 for none
    pipe: NDArray[np.int32]  # [B, A, A]: latest due tick handed out between two agents, for fifo delivery
    lock: NDArray[Any]  # [B, S] LOCK_RECORD
    settled: NDArray[Any]  # [B, S] SETTLED_RECORD
    followed: NDArray[Any]  # [B, K, A] FOLLOWED_RECORD, by constraint
    rank: NDArray[Any]  # [B, R] RANK_RECORD
    rank_read: NDArray[np.int32]  # [B, R, I] what it has read, as last judged
    chain: NDArray[Any]  # [B, S, 1 + R] CHAIN_RECORD: in row 0 the value that is quiet, in row 1 + r % R rank r's
    counts: NDArray[np.int64]  # [B, len(COUNTERS)]
    log: NDArray[Any]  # [B, L] log.EVENT; L = 0 keeps no log
    observation: NDArray[np.float32]  # [B, A, D]
    mask: NDArray[np.uint64]  # [B, A, 2]: bit i of the pair = action i is allowed


class Rows(NamedTuple):
    """What views read of every agent after each step, in the form they hand out; written where a batch keeps it."""

    ready: NDArray[np.bool_]  # [B, A]
    ready_in: NDArray[np.int32]  # [B, A]: ticks until it may act again, as far as can be told; 0 if ready
    reward: NDArray[np.float64]  # [B, A]: of the last step
    elapsed: NDArray[np.int64]  # [B, A]: ticks of the last step
    terminated: NDArray[np.bool_]  # [B, A]
    truncated: NDArray[np.bool_]  # [B, A]
    allowed: NDArray[np.bool_]  # [B, A, actions]: the masks
    clock: NDArray[np.int32]  # [B, 3]: status, ticks of the last step, ticks completed
