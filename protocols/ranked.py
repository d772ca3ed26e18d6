"""What is done by rank, compiled by itself: the tick calls it at an address, see `world.rank_calls`."""

from __future__ import annotations

import numpy as np

from ..world import rank_calls as calls
from ..world.binding import CONTEXT
from ..world.chains import note_broken, own_at, reset_chain, value_at
from ..world.jit import address_of, entry_point
from ..world.memory import NUMBERS, fixed_record_at
from ..world.rank_writes import laid, make_way
from .ranked_gate import admit_act, ask_again, let_in
from .ranked_hands import take_back
from .ranked_judges import note_admitted
from .ranked_slots import counts_once, may_enter, rank_task, ranks_settle, spared
from .ranked_undo import ends, recall


@entry_point
def answer(context, b, what, one, two, three, four, five, six, seven):
    """Do what is asked of the world `b` of a context at an address, with at most seven numbers; return a number."""
    c = fixed_record_at(context, CONTEXT)
    found = 0
    if what == calls.RESET_CHAIN:
        reset_chain(c, b, one)
    elif what == calls.MAKE_WAY:
        found = np.int64(make_way(c, b, one, two, three))
    elif what == calls.LAID:
        laid(c, b, one, two, three, four, five, six, seven)
    elif what == calls.NOTE_BROKEN:
        note_broken(c, b, one, two)
    elif what == calls.OWN_AT:
        found = own_at(c, b, one, two)
    elif what == calls.VALUE_AT:
        found = value_at(c, b, one, two)
    elif what == calls.SPARED:
        found = spared(c, b, one, two)
    elif what == calls.RANK_TASK:
        found = np.int64(rank_task(c, b, one))
    elif what == calls.NOTE_ADMITTED:
        note_admitted(c, b, one)
    elif what == calls.MAY_ENTER:
        found = np.int64(may_enter(c, b, one, two))
    elif what == calls.COUNTS_ONCE:
        found = np.int64(counts_once(c, b, one))
    elif what == calls.RANKS_SETTLE:
        ranks_settle(c, b, one)
    elif what == calls.ADMIT_ACT:
        found = admit_act(c, b, one)
    elif what == calls.ENDS:
        found = np.int64(ends(c, b, one, two))
    elif what == calls.TAKE_BACK:
        take_back(c, b, one, two)
    elif what == calls.ASK_AGAIN:
        ask_again(c, b)
    elif what == calls.RECALL:
        let_in(c, b)
        recall(c, b)
    return found


def address() -> int:
    """Return the address of `answer`, which is compiled or loaded now if it was not yet."""
    return address_of(answer, NUMBERS)
