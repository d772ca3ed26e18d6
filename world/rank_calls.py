"""Calls from the tick to what is done by rank, which is compiled by itself, once a protocol ranks transactions.

Most protocols do not, and need not wait for the compiling of what those do. So the tick knows one address, that of
`protocols.ranked.answer`, and says by number what it asks.
"""

from __future__ import annotations

from .context import agents_of, sites_of
from .jit import compiled, inlined
from .memory import address_in, call_at
from .state import NO_RANK

(
    RESET_CHAIN, MAKE_WAY, LAID, NOTE_BROKEN, OWN_AT, VALUE_AT, SPARED, RANK_TASK, NOTE_ADMITTED, MAY_ENTER,
    COUNTS_ONCE, RANKS_SETTLE, ADMIT_ACT, ENDS, TAKE_BACK, ASK_AGAIN, RECALL,
) = range(17)  # fmt: skip


@inlined
def by_rank(c, b, what, one, two, three, four, five, six, seven):
    """Ask; what is not a number is 0 or 1, and a set is its bits."""
    return call_at(c.answer, address_in(c), b, what, one, two, three, four, five, six, seven)


@compiled
def about(c, b, what, one, two):
    """Ask about one or two things."""
    return by_rank(c, b, what, one, two, 0, 0, 0, 0, 0)


@compiled
def make_way(c, b, agent, txn, site):
    """Undo what stands above a late write to a record site; tell whether there was anything."""
    return by_rank(c, b, MAKE_WAY, agent, txn, site, 0, 0, 0, 0) != 0


@compiled
def laid(c, b, agent, txn, op, site, before, value, how):
    """Enter a write into its place by rank, do again what stands above, and tell who has read too early."""
    by_rank(c, b, LAID, agent, txn, op, site, before, value, how)


@inlined
def value_now(c, b, a, site):
    """Return what a site holds for the open transaction of an agent: by its rank, with its own writes, if any."""
    if c.ranks != 0 and agents_of(c, b)[a].rank != NO_RANK:
        return about(c, b, OWN_AT, site, agents_of(c, b)[a].rank)
    return sites_of(c, b)[site].value


@inlined
def value_below(c, b, a, site):
    """Return what the open transaction of an agent reads of a site: what is so at its rank, where it has one."""
    if c.ranks != 0 and agents_of(c, b)[a].rank != NO_RANK:
        return about(c, b, VALUE_AT, site, agents_of(c, b)[a].rank)
    return sites_of(c, b)[site].value
