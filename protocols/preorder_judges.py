"""What a rank plans on what it has read, and whether what has changed beneath it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..world import entropy, log
from ..world.ranks import OPEN
from .preorder_slots import Slot

if TYPE_CHECKING:
    from ..world.reference import World
    from ..world.reference_state import Transaction
    from .preorder import Preorder


def plan(world: World, txn: Transaction, values: dict[int, int]) -> list[tuple[bool, int]]:
    """Return of each op whether its premise holds on these values, and what it writes, one after the other."""
    planned = []
    for op in world.rules.tasks[txn.task].ops:
        argument = txn.meant(op)  # who has slipped does not know it
        holds, written = op.premise_holds(argument, values), op.value_written(argument, values)
        planned.append((holds, written))
        for site, value in op.entries or ((op.site, written),):
            if site in values:
                values[site] = values[site] + value if op.relative else value
    return planned


def changed(ranks: Preorder, world: World, slot: Slot) -> list[int]:
    """Return the sites that a rank has read otherwise than they are there now."""
    return [site for site, value in sorted(slot.reads.items()) if ranks.chains.value(site, slot.rank) != value]


def judges(ranks: Preorder, world: World, slot: Slot) -> bool:
    """Judge once what an owner was told: is it to be done again? If not, its reads are those of today."""
    slot.told = False
    task = world.rules.tasks[slot.txn.task]
    now = {site: ranks.chains.value(site, slot.rank) for site in task.inputs}
    matters = plan(world, slot.txn, now) != slot.planned
    nth = ranks.judged[slot.agent] = ranks.judged.get(slot.agent, 0) + 1
    repairs = matters
    if ranks.judge == "lazy":
        repairs = True
    elif ranks.judge == "wrong" and matters:
        repairs = entropy.draw(world.seed, entropy.JUDGE, slot.agent, nth, 0, 0) % 100 >= ranks.misjudged
    world.record(log.JUDGED, slot.agent, slot.txn.number, a=int(repairs), b=int(matters), value=slot.rank)
    if not repairs:
        _read_again(ranks, world, slot, matters)
    return repairs


def _read_again(ranks: Preorder, world: World, slot: Slot, in_vain: bool) -> None:
    """What makes no difference is read anew; who takes for nothing what matters keeps to what it has read."""
    for site in changed(ranks, world, slot):
        value = slot.reads[site] = ranks.chains.value(site, slot.rank)
        there = world.sites[site]
        if in_vain:
            continue
        world.record(
            log.REREAD, slot.agent, slot.txn.number, site=site, value=value, version=there.version, b=slot.rank
        )
        if slot.state == OPEN:  # its own writes stay on top
            read = slot.txn.inputs[site]
            read.value, read.version = ranks.chains.own(site, slot.rank), there.version
