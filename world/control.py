"""The questions that a world asks its protocol: the hooks, and a protocol that says yes to everything.

A user's own protocol is a subclass of `Control` that overrides the hooks it needs; the reference engine runs it. The
built-in mechanisms under `protocols/` answer the same questions.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from .reference import World
    from .reference_state import Mail, Transaction


class Answer(Enum):
    """What `admit` says: start now, or wait to be asked again in each tick's sensing."""

    GO = "go"
    WAIT = "wait"


class Stale(NamedTuple):
    """One input that `check` found not current, and the validation scope (a bit of `world.state`) that says so."""

    site: int
    scope: int


class Control:
    """A protocol as the world sees it. This one refuses nothing: it is the preset `none`.

    The attributes are what a protocol asks of the world itself; the methods are the hooks.
    """

    name: str = "custom"
    reads: Literal["decision", "admission"] = "decision"
    writes: Literal["in place", "buffered"] = "in place"
    transaction: Literal["op", "task"] = "op"
    mail: Literal["at once", "at settle"] = "at once"
    delivery: Literal["any", "fifo"] = "any"
    stamped: bool = False  # agents may see stamps
    feedback: Literal["opaque", "semantic"] = "semantic"

    def reset(self) -> None:
        """An episode begins: forget the last one."""

    def admit(self, world: World, agent: int, task: int, moment: Literal["decide", "sense"]) -> Answer:
        """May the agent start this task?

        One that waits is asked again in the sensing of each tick, first come first served; once told GO it gets its
        beliefs renewed and chooses anew.
        """
        return Answer.GO

    def watch(self, world: World, agent: int, site: int) -> None:
        """An agent (or `state.WORLD`) has just given the site a new version."""

    def check(self, world: World, txn: Transaction, op: int, moment: Literal["act", "settle"]) -> list[Stale]:
        """May this op take effect? Return the inputs that are not current; any of them refuses the op."""
        return []

    def settle(self, world: World, agent: int) -> None:
        """The agent has finished, given up or passed: whatever it held may go to others."""

    def correct(self, world: World, agent: int, entries: list[int]) -> None:
        """An agent has just published a correction that changes these entries of the plan: how do the others hear?

        By default every entry goes to each of its followers as a message of its own.
        """
        for entry in entries:
            world.send_copies(agent, entry)

    def deliver(self, world: World, mail: Mail) -> bool:
        """A message is due: is it believed? Only asked where the receiver does not see the site for itself."""
        return True
