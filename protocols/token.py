"""The token: one transaction at a time, first come first served.

Prevents: everything that concurrency can do wrong; the reference that the others are measured against.
Costs: all waiting; thought is never wasted.
Source: Le Lann, Distributed systems: towards a formal approach, IFIP 1977 (mutual exclusion by a circulating token).
"""

from __future__ import annotations

from ..world import log
from ..world.control import Answer
from ..world.reference import World
from ..world.state import NOBODY


class Token:
    """Grant in a tick's sensing, after acts, world events and mail: the holder then chooses on a renewed view."""

    def admit(self, world: World, agent: int, task: int, moment: str) -> Answer:
        """Go if the token is mine, or free at the granting moment."""
        if world.holder == NOBODY and moment == "sense":
            world.holder = agent
        return Answer.GO if world.holder == agent else Answer.WAIT

    def settle(self, world: World, agent: int) -> None:
        """Let the token go."""
        if world.holder == agent:
            world.holder = NOBODY
            world.record(log.RELEASE, agent)
