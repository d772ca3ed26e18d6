"""The questions that a world asks its protocol: the hooks, and a protocol that says yes to everything.

A user's own protocol is a subclass of `Control` that overrides the hooks it needs; the reference engine runs it. The
built-in mechanisms under `protocols/` answer the same questions.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from . import log
from .state import NO_SITE

if TYPE_CHECKING:
    from .reference import World
    from .reference_state import Buffered, Mail, Transaction


class Answer(Enum):
    """What `admit` says: go on now, or wait to be asked again."""

    GO = "go"
    WAIT = "wait"


class Blocked(NamedTuple):
    """Whom an agent waits for, and what for: `log.ADMISSION`, `FOR_EPOCH`, or `FOR_LOCK` of a site in a mode."""

    whom: int
    kind: int = log.ADMISSION
    site: int = NO_SITE
    mode: int = 0


class Stale(NamedTuple):
    """One input that `check` found not current, and the validation scope (a bit of `world.state`) that says so."""

    site: int
    scope: int


class Ranks(Protocol):
    """What a world asks of a protocol that ranks transactions; `protocols.preorder` answers."""

    def reset(self, world: World) -> None:
        """An episode begins, all sites as they are laid out."""

    def spares(self, agent: int, thought: int) -> int:
        """How much of a thought need an agent not think again?"""

    def value(self, world: World, txn: Transaction, site: int) -> int:
        """What does a transaction read?"""

    def own(self, world: World, txn: Transaction, site: int) -> int:
        """What does a transaction read of what it has just written?"""

    def admitted(self, world: World, txn: Transaction) -> None:
        """A transaction has been admitted, its inputs are frozen."""

    def make_way(self, world: World, agent: int, txn: int, site: int) -> bool:
        """A write is about to be done: undo what stands above it, and say whether anything did."""

    def laid(self, world: World, agent: int, txn: int, op: int, site: int, before: int, value: int, how: int) -> None:
        """It has been done: do again what stands above it."""

    def ends(self, world: World, txn: Transaction, outcome: int) -> bool:
        """A transaction is refused: may it settle now, or does it go back first?"""

    def take_back(self, world: World, txn: Transaction, is_stuck: bool = False) -> None:
        """One that goes back stands at the site of the op to be undone, or cannot get there."""

    def recall(self, world: World) -> None:
        """The tick is over: who is to go back?"""

    def is_final(self) -> bool:
        """Will nothing that has settled be taken back any more?"""


class Control:
    """A protocol as the world sees it. This one refuses nothing: it is the preset `none`.

    The attributes are what a protocol asks of the world itself; the methods are the hooks.
    """

    name: str = "custom"
    reads: Literal["decision", "admission"] = "decision"
    writes: Literal["in place", "buffered", "branch"] = "in place"
    transaction: Literal["op", "task"] = "op"
    mail: Literal["at once", "at settle"] = "at once"
    delivery: Literal["any", "fifo"] = "any"
    stamped: bool = False  # agents may see stamps
    feedback: Literal["opaque", "semantic"] = "semantic"
    stops: bool = False  # thinking agents are asked in every tick whether they may go on
    kept: int = 0  # percent of the thought that a retry keeps
    speculates: bool = False  # with admission reads: who waits to be let in thinks on what it believes
    ranks: Ranks | None = None  # how transactions are ranked, if they are
    renews: bool = True  # one that is let in after waiting without a transaction gets all its beliefs renewed

    def reset(self) -> None:
        """An episode begins: forget the last one."""

    def admit(
        self, world: World, agent: int, task: int, moment: Literal["decide", "sense", "retry", "cross", "act"]
    ) -> Answer:
        """May the agent go on: start this task, step into a region (`Agent.border`), try its next op?

        Moment `decide` asks about a start. With `reads = "decision"` one that must wait has no transaction yet; it is
        asked again in each tick's sensing (`sense`), first come first served, and chooses anew once told GO. With
        `reads = "admission"` its transaction is open and the task stays; it is asked again at the beginning of each
        tick (`retry`), and its inputs are renewed once told GO. `cross` asks at a border on the way to an op, and
        `retry` again; `act` asks before every op, in each tick until told GO, or at `retry` where the wait is for a
        lock.
        """
        return Answer.GO

    def waits_for(self, world: World, agent: int) -> Blocked:
        """For whom, and for what, does an agent wait that was just told to?"""
        return Blocked(world.holder)

    def watch(self, world: World, agent: int, site: int) -> None:
        """An agent (or `state.WORLD`) has just given the site a new version."""

    def check(self, world: World, txn: Transaction, op: int, moment: Literal["act", "settle", "think"]) -> list[Stale]:
        """May this op take effect? Return the inputs that are not current; any of them refuses the op.

        With `stops`, moment `think` asks the same of every op in each tick of thought.
        """
        return []

    def refused(self, world: World, txn: Transaction) -> None:
        """An op of the transaction is refused: what does the agent learn besides which inputs were stale?"""

    def settle(self, world: World, agent: int) -> None:
        """The agent has finished, given up or passed: whatever it held may go to others.

        As a task settles `Agent.outcome` says how. Also called inside a region (`World.region_at`), whose borders may
        need what it holds.
        """

    def merge(self, world: World, txn: Transaction) -> list[Buffered]:
        """The transaction settles and keeps what it buffered: which of its writes are installed, in which order?"""
        return txn.buffered

    def correct(self, world: World, agent: int, entries: list[int]) -> None:
        """An agent has just published a correction that changes these entries of the plan: how do the others hear?

        By default every entry goes to each of its followers as a message of its own.
        """
        for entry in entries:
            world.send_copies(agent, entry)

    def turn_epoch(self, world: World) -> None:
        """The mail of the tick has been delivered: does a prepared correction become the plan?"""

    def deliver(self, world: World, mail: Mail) -> bool:
        """A message is due: is it believed? Only asked where the receiver does not see the site for itself."""
        return True
