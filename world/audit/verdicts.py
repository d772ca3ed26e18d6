"""What one act rested on, and whether that still held: the judgement of a single op, at a given state of the sites.

An input is *exposed* if another agent superseded it between the decision (for a message: its stamp) and the act, and
the value differs; *outdated* if it was not current when it was frozen; any other input that differs is *drift*.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from ..state import DESYNC, LOST_UPDATE, MESSAGE, STALE_CORRECTION, STALE_READ
from ..tasks import ResolvedOp
from .history import SiteHistory

NO_TAG = -1


class Read(NamedTuple):
    """An input as an op used it."""

    site: int
    value: int
    version: int
    channel: int
    promise: bool
    sensed: int  # tick
    in_pre: bool  # the premise or the value written rests on it
    own_write: bool  # the agent's own buffered write stands in `value`
    outdated: bool  # it was not current when it was frozen
    planned: bool = False  # it is an entry of the plan


class Act(NamedTuple):
    """An op as it was tried, with its inputs and what it would do on them."""

    tick: int
    agent: int
    txn: int
    task: int
    op_index: int
    op: ResolvedOp
    argument: int
    premise: bool
    written: int
    reads: tuple[Read, ...]


class Verdict(NamedTuple):
    """What renewing the inputs of an act would have changed."""

    exposed: tuple[Read, ...] = ()
    is_outdated: bool = False  # some input was outdated, and its value differs
    named: tuple[Read, ...] = ()  # the inputs that make the act decisive
    tag: int = NO_TAG  # hazard of a decisive act; none where its only fault is a lost update
    lost: Read | None = None  # own input of a read-modify-write that would undo another agent's update
    wrong_outdated: bool = False  # renewing what is exposed or outdated changes premise or write
    wrong: bool = False  # renewing every input does


CLEAN = Verdict()


def changes(act: Act, sites: Sequence[SiteHistory], renewed: Collection[int]) -> bool:
    """Tell whether giving these sites their current values changes the act's premise or what it writes."""
    values = {read.site: sites[read.site].value if read.site in renewed else read.value for read in act.reads}
    if act.op.value_written(act.argument, values) != act.written:
        return True
    return act.op.premise_holds(act.argument, values) != act.premise


def judge(act: Act, sites: Sequence[SiteHistory]) -> Verdict:
    """Judge an act against the sites as they are now."""
    rests_on = [read for read in act.reads if read.in_pre and not read.own_write]
    differing = [read for read in rests_on if read.value != sites[read.site].value]
    if not differing:
        return CLEAN
    exposed, outdated, lost = [], [], None
    for read in differing:
        others = sites[read.site].written_by_others(act.agent, read.version)
        if read.planned and others:
            exposed.append(read)  # late from the publication on, however old the copy was at the decision
        elif read.channel == MESSAGE:
            if others or read.promise:
                exposed.append(read)
        elif read.outdated:
            outdated.append(read)
        elif others:
            exposed.append(read)
        if others and read.site == act.op.site and act.op.modifies:
            lost = read  # whatever its age or channel
    renewable = {read.site for read in exposed}
    named: tuple[Read, ...] = ()
    if exposed and act.premise and changes(act, sites, renewable):
        named = tuple(read for read in exposed if changes(act, sites, (read.site,))) or tuple(exposed)
    return Verdict(
        exposed=tuple(exposed),
        is_outdated=bool(outdated),
        named=named,
        tag=tag_of(act.op, named),
        lost=lost,
        wrong_outdated=changes(act, sites, renewable | {read.site for read in outdated}),
        wrong=changes(act, sites, {read.site for read in differing}),
    )


def hazard_of(op: ResolvedOp, read: Read) -> int:
    """Return the hazard that an exposed input makes by itself."""
    if read.planned:
        return STALE_CORRECTION
    if read.channel == MESSAGE:
        return DESYNC
    return LOST_UPDATE if op.modifies and read.site == op.site else STALE_READ


def tag_of(op: ResolvedOp, named: Collection[Read]) -> int:
    """Return the hazard of an act: the plan before a message, a message before what was seen."""
    hazards = {hazard_of(op, read) for read in named}
    return next((hazard for hazard in (STALE_CORRECTION, DESYNC, STALE_READ) if hazard in hazards), NO_TAG)
