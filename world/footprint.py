"""What a protocol knows of a task before it is done: its declared footprint, and where that is not the true one.

Two imperfections, off by default. An input is *hidden* if the protocol does not see that it is read: it is not checked,
not locked, not renewed and not waited for. A *footprint error* is a site that the declared footprint misses or has too
much: what is missing is neither locked ahead nor renewed at admission; what is added is both. Agents, the world and the
auditor know better; only the protocol is misled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import entropy, log
from .context import agents_of, task_inputs, task_rules
from .jit import compiled, how_many, member
from .kernel import bit, draw, emit
from .mail import SHIFT
from .state import NO_SITE, NOBODY
from .tasks import Footprint

if TYPE_CHECKING:
    from .reference import World
    from .reference_state import Transaction


def declare(world: World, agent: int, task: int, nth: int, attempt: int) -> Footprint:
    """Draw in what the protocol is wrong about an attempt at a task."""
    settings, rules = world.rules.settings, world.rules
    hidden = {
        site
        for site in rules.tasks[task].inputs
        if not world.happens(entropy.VISIBILITY, (agent, task, nth, attempt * 64 + site), settings.visibility)
    }
    missed = added = NO_SITE
    if world.happens(entropy.FOOTPRINT, (agent, task, nth, attempt), settings.footprint_error):
        bits = world.draw(entropy.FOOTPRINT_SITE, agent, task, nth, attempt)
        inside = rules.tasks[task].footprint
        outside = [site for site in range(len(world.sites)) if site not in inside]
        if bits & 1 and outside:
            added = outside[(bits >> 1) % len(outside)]
        else:
            missed = inside[(bits >> 1) % len(inside)]
    return Footprint(frozenset(hidden), missed, added)


def log_error(world: World, txn: Transaction) -> None:
    """Log a footprint error, if there is one."""
    for site, is_added in ((txn.known.missed, 0), (txn.known.added, 1)):
        if site != NO_SITE:
            world.record(log.FOOTPRINT, txn.agent, txn.number, site=site, a=is_added)


# ---------------------------------------------------------------------- compiled

_ZERO, _ONE = np.uint64(0), np.uint64(1)


@compiled
def declare_compiled(c, b, a, nth, attempt):
    """Draw in what the protocol is wrong about the transaction that an agent has just opened, and log the error."""
    me = agents_of(c, b)[a]
    task = task_rules(c)[me.task]
    hidden = _ZERO
    for slot in range(task.inputs):
        site = task_inputs(c)[me.task, slot]
        if (draw(c, b, entropy.VISIBILITY, a, me.task, nth, attempt * 64 + site) >> SHIFT) >= c.visibility:
            hidden |= bit(site)
    me.hidden = hidden
    me.missed = NO_SITE
    me.added = NO_SITE
    if (draw(c, b, entropy.FOOTPRINT, a, me.task, nth, attempt) >> SHIFT) >= c.footprint_error:
        return
    bits = draw(c, b, entropy.FOOTPRINT_SITE, a, me.task, nth, attempt)
    outside = ~_ZERO >> np.uint64(64 - c.sites) & ~task.footprint
    is_added = bits & _ONE != _ZERO and outside != _ZERO
    among = outside if is_added else task.footprint
    site = member(among, np.int64((bits >> _ONE) % np.uint64(how_many(among))))
    if is_added:
        me.added = site
    else:
        me.missed = site
    emit(c, b, log.FOOTPRINT, a, me.txn, 0, site, 0, 0, NOBODY, 1 if is_added else 0, 0, 0, 0, 0)
