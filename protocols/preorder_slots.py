"""One rank that is not quiet: where it stands, what it has read, plans and has done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..world.ranks import OPEN
from ..world.tasks import ResolvedOp

if TYPE_CHECKING:
    from ..world.reference_state import Transaction


@dataclass
class Done:
    """One write of an op that took effect: enough to undo it."""

    op_index: int
    op: ResolvedOp
    site: int
    before: int  # what the site held
    written: int  # value or difference
    hand: int  # what the agent held before


@dataclass
class Slot:
    """One rank that is not quiet."""

    rank: int
    agent: int
    txn: Transaction
    reads: dict[int, int] = field(default_factory=dict)  # site -> value at this rank, as last judged
    planned: list[tuple[bool, int]] = field(default_factory=list)  # of each op: premise and what it writes on them
    done: list[Done] = field(default_factory=list)
    state: int = OPEN
    told: bool = False  # something that it read has changed beneath it, and it has not judged that yet
    forced: bool = False  # a lower rank waits at a site for its inverse
    doomed: bool = False  # it is to be taken back
    walked: bool = False  # its agent crossed a border on its way, which stands at this rank

    @property
    def is_called(self) -> bool:
        """Tell whether its owner has something to do about it."""
        return self.told or self.forced or self.doomed
