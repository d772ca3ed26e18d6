"""Slips, compiled: at the end of a thought an argument may be a wrong one, less often the longer the thought was."""

from __future__ import annotations

import numpy as np

from . import entropy, log
from .context import agents_of, arguments, counts_of, jobs_of, op_rule, slips, tally_of, task_rules
from .jit import compiled
from .judging import argument_of
from .kernel import draw, emit
from .mail import SHIFT
from .state import COUNTER_INDEX, NOBODY
from .tasks import MAX_OPS

_SLIPS = COUNTER_INDEX["slips"]


@compiled
def slip(c, b, a):
    """Let arguments of the open transaction go wrong; see `reference_act`."""
    me = agents_of(c, b)[a]
    task, tally = task_rules(c)[me.task], tally_of(c, b, a)[me.task]
    if task.thought == 0:
        return
    nth, attempt = tally[0], tally[1]
    if task.jobs != 0:
        nth, attempt = me.job, jobs_of(c, b, a)[me.job].attempt
    limit = slips(c)[min(me.drawn, c.thoughts - 1)]  # a fork may have begun with longer thoughts
    for o in range(task.ops):
        rule = op_rule(c, me.task, o)
        given, meant, key = arguments(c, rule.verb), argument_of(me, rule), attempt * MAX_OPS + o
        others = 0
        for n in range(given[0]):
            others += np.int64(given[1 + n] != meant)
        if others == 0 or (draw(c, b, entropy.SLIP, a, me.task, nth, key) >> SHIFT) >= limit:
            continue
        left, wrong = np.int64(draw(c, b, entropy.SLIPS_TO, a, me.task, nth, key) % np.uint64(others)), meant
        for n in range(given[0]):
            if given[1 + n] != meant:
                if left == 0:
                    wrong = np.int64(given[1 + n])
                left -= 1
        me.slipped_to[o] = wrong
        me.slipped |= 1 << o
        counts_of(c, b)[_SLIPS] += 1
        emit(c, b, log.SLIP, a, me.txn, o, rule.site, wrong, 0, NOBODY, meant, me.drawn, rule.verb, 0, 0)
