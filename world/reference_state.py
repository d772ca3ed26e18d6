"""What the readable engine's world is made of: plain records, one object each; `state` has the compiled engine's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .control import Blocked
from .state import IDLE, NEVER, NO_CELL, NO_OUTCOME, NO_SITE, NO_TASK, NO_TXN, NOBODY, NONE, PROMISE
from .tasks import KNOWN, Footprint, ResolvedOp


@dataclass
class Belief:
    """What an agent holds true of a site; see `state.BELIEF_RECORD`."""

    value: int = 0
    version: int = 0
    channel: int = NONE
    tick: int = 0
    arrived: int = 0
    promise: bool = False

    @property
    def rank(self) -> int:
        """Order among versions: a promise ranks directly after its stamp."""
        return 2 * self.version + self.promise


@dataclass
class Input:
    """A belief as frozen at the decision, or renewed since by admission or by the agent's own writes."""

    value: int
    version: int
    channel: int
    promise: bool
    sensed: int
    own: bool = False  # the agent's own buffered write stands in `value`
    outdated: bool = False  # it was not current when it was frozen
    promised: int | None = None  # what a promise says, where an own write stands in `value`


@dataclass
class Site:
    """A versioned object; `unsettled` is the agent whose open transaction wrote the newest version."""

    value: int
    version: int = 0
    unsettled: int = NOBODY
    settled: tuple[int, int] = (0, 0)  # value and version before it, while it is unsettled
    writers: list[int] = field(default_factory=list)  # agent or WORLD, of each version
    stock: int = 0  # how often a shelf will be stocked again
    got: set[int] = field(default_factory=set)  # items delivered to a depot


@dataclass
class Job:
    """One entry of an agent's list."""

    task: int
    amount: int
    used: bool = False
    attempt: int = 0


class Buffered(NamedTuple):
    """A write that waits for the settling of its transaction."""

    op_index: int
    op: ResolvedOp
    written: int  # value or difference


@dataclass
class Transaction:
    """A decision on its way: what it froze, what it has done."""

    number: int
    agent: int
    task: int
    job: int
    argument: int  # of its first op, or of its job
    thought: int
    decided: int
    keys: tuple[int, int] = (0, 0)  # job or n-th completion, and attempt: what is drawn for it depends on them
    drawn: int = 0  # ticks of thought, those included that were kept from before or that lockstep does not wait for
    slipped: dict[int, int] = field(default_factory=dict)  # op index -> the wrong argument
    guess: dict[int, int] | None = None  # values of its inputs that it thinks on while it waits
    has_speculated: bool = False
    spoiled: int = 0  # ticks that it has so thought in vain
    known: Footprint = KNOWN  # in what the protocol is wrong about it
    inputs: dict[int, Input] = field(default_factory=dict)
    used: dict[int, dict[int, Input]] = field(default_factory=dict)  # op index -> the inputs as that op used them
    buffered: list[Buffered] = field(default_factory=list)
    op: int = 0
    done: int = 0
    rank: int = -1  # where transactions are ranked
    undoing: bool = False  # its ops are being undone, from the last to the first

    def meant(self, op: ResolvedOp) -> int:
        """Return the argument of an op as it was decided."""
        return self.argument if op.from_job else op.argument

    @property
    def hidden(self) -> frozenset[int]:
        """Inputs that the protocol does not see."""
        return self.known.hidden


@dataclass
class Mail:
    """A message in flight."""

    due: int
    number: int
    sender: int
    receiver: int
    kind: int
    site: int
    value: int
    stamp: int
    sensed: int
    sent: int
    held: int = NO_TXN  # transaction whose settling it waits for

    @property
    def rank(self) -> int:
        """Order among versions: a promise ranks directly after its stamp."""
        return 2 * self.stamp + (self.kind == PROMISE)


@dataclass
class Agent:
    """Where an agent is and what it is at; see `state.AGENT_RECORD`."""

    cell: int
    phase: int = IDLE
    hand: int = 0
    txn: Transaction | None = None
    thought_left: int = 0
    stuck: int = 0
    holding: int = NOBODY
    hold: int = 0  # what it holds for: log.AT_SITE or log.FOR_EPOCH
    wait: Blocked | None = None  # in a queue, for a lock, or for a place to think
    wait_since: int = 0
    placed: bool = False  # it has a place to think
    asked: int = 0  # tick since which it wants one
    border: int = NO_SITE  # region that it is about to enter
    stalled: int = 0  # ticks that it still stands still
    stalls: int = 0  # drawn so far
    stall_at: int = NEVER
    age: int = 0  # tick of the decision, or of the first where it was a victim and tries again
    stands_back: int = 0  # ticks by which it counts as having come later, while it waits to be let in
    queued_task: int = NO_TASK
    queued_since: int = 0
    step: int = NO_CELL
    look: int = NO_SITE
    outcome: int = NO_OUTCOME
    stale: set[int] = field(default_factory=set)
    trips: int = 0
    side: int = 0
    promised: bool = False
    inbox: int = 0
    last_mail: Mail | None = None  # no symbol
    heard: dict[int, int] = field(default_factory=dict)  # agent -> the last symbol heard from it
    landed: list[tuple[int, bool]] = field(default_factory=list)  # deliveries: where, and whether that was open
