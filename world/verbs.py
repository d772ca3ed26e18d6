"""The literal table of verbs: on which kind of site, on what premise, writing what, undone by what.

To add a verb: a row in `VERBS`; a new premise, write rule or physical refusal gets a name and a line in the function
that judges it. The functions are plain scalar code; the compiled engine compiles these very lines.
"""

from __future__ import annotations

from typing import NamedTuple

# Kinds of site. Record sites live in a registry and can be buffered; physical ones change in the open.
COUNTER, SWITCH, BOARD, SHELF, DEPOT, INTERFACE, GUARD_POST, REGION, PLAN = range(9)
SITE_KINDS = ("counter", "switch", "board", "shelf", "depot", "interface", "guard_post", "region", "plan")
RECORD_KINDS = frozenset({COUNTER, BOARD, INTERFACE, PLAN})

# Premises over the inputs of an op.
TRUE, OWN_IS_ARG, OWN_IS_EMPTY, DEPS_EMPTY, DEPS_PRESENT, DEPS_ARE_ARG, DEPS_REACH_ARG = range(7)
PREMISES = (
    "true",
    "it holds the argument",
    "it holds nothing",
    "all that it rests on is empty",
    "no dependency is missing",
    "the order it serves, where there is one, asks for the argument",
    "the other posts hold at least the argument",
)

# What is written. PLUS_ONE and MINUS_ONE are relative: they are a difference and read nothing of their site.
ARGUMENT, OWN_PLUS_ARG, OWN_PLUS_ONE, DEPS_PLUS_ARG, NOTHING, PLUS_ONE, MINUS_ONE, ENTRIES = range(8)
WRITES = (
    "the argument",
    "input + argument",
    "input + 1",
    "argument + its dependencies' inputs",
    "0",
    "value + 1",
    "value - 1",
    "the entries of the correction",
)

# Which other sites an op rests on.
NO_DEPS, REGIONS_IF_CLOSING, DEPENDENCIES, ORDER, OTHER_POSTS = range(5)
DEPENDS = (
    "nothing else",
    "the regions it commands, when closing",
    "its dependencies",
    "its order, where there is one",
    "the other posts",
)


class Verb(NamedTuple):
    """One row: what a verb rests on and does."""

    name: str
    kind: int
    premise: int
    writes: int
    depends: int
    inverse: str | None  # None: irreversible


VERBS: tuple[Verb, ...] = (
    Verb("add", COUNTER, TRUE, OWN_PLUS_ARG, NO_DEPS, "add"),
    Verb("set", SWITCH, DEPS_EMPTY, ARGUMENT, REGIONS_IF_CLOSING, "set"),
    Verb("write", BOARD, TRUE, ARGUMENT, NO_DEPS, "write"),
    Verb("take", SHELF, OWN_IS_ARG, NOTHING, NO_DEPS, "put"),
    Verb("put", SHELF, OWN_IS_EMPTY, ARGUMENT, NO_DEPS, "take"),
    Verb("deliver", DEPOT, DEPS_ARE_ARG, PLUS_ONE, ORDER, None),
    Verb("refactor", INTERFACE, TRUE, OWN_PLUS_ONE, NO_DEPS, "refactor"),
    Verb("build", INTERFACE, DEPS_PRESENT, DEPS_PLUS_ARG, DEPENDENCIES, "build"),
    Verb("enter", GUARD_POST, TRUE, PLUS_ONE, NO_DEPS, "leave"),
    Verb("leave", GUARD_POST, DEPS_REACH_ARG, MINUS_ONE, OTHER_POSTS, "enter"),
    Verb("cross", REGION, TRUE, PLUS_ONE, NO_DEPS, None),
    Verb("swap", SHELF, TRUE, ARGUMENT, NO_DEPS, "swap"),
    Verb("correct", PLAN, TRUE, ENTRIES, NO_DEPS, "correct"),
)
VERB_INDEX = {verb.name: index for index, verb in enumerate(VERBS)}
ADD, SET, WRITE, TAKE, PUT, DELIVER, REFACTOR, BUILD, ENTER, LEAVE, CROSS, SWAP, CORRECT = range(len(VERBS))

# Why the world refuses an op (it fails): the physically impossible.
POSSIBLE, NOTHING_THERE, NO_ROOM, EMPTY_HANDED, GATE_CLOSED, NOBODY_ON_DUTY, HANDS_FULL, WRONG_ITEM, MANNED = range(9)
REASONS = (
    "possible",
    "nothing lies there",
    "something lies there",
    "empty-handed",
    "stopped by a closed gate",
    "nobody is on duty there",
    "hands full",
    "another item in hand",
    "somebody is on duty there",
)


def reads_own(premise: int, writes: int) -> bool:
    """Tell whether an op's own site is in its precondition read set."""
    return premise in (OWN_IS_ARG, OWN_IS_EMPTY) or writes in (OWN_PLUS_ARG, OWN_PLUS_ONE)


def is_read_modify_write(writes: int) -> bool:
    """Tell whether the value written is computed from the site's own input: here updates get lost."""
    return writes == OWN_PLUS_ARG or writes == OWN_PLUS_ONE


def writes_argument(writes: int) -> bool:
    """Tell whether what is written depends on the argument."""
    return writes in (ARGUMENT, OWN_PLUS_ARG, DEPS_PLUS_ARG)


def is_relative(writes: int) -> bool:
    """Tell whether the write is a difference to whatever stands there."""
    return writes == PLUS_ONE or writes == MINUS_ONE


def premise_holds(premise: int, argument: int, own: int, total: int, least: int, count: int) -> bool:
    """Judge a premise on the inputs: `own` value; `total`, `least` value and `count` of the sites depended on."""
    if premise == OWN_IS_ARG:
        return own == argument
    if premise == OWN_IS_EMPTY:
        return own == 0
    if premise == DEPS_EMPTY:
        return total == 0
    if premise == DEPS_PRESENT:
        return count == 0 or least > 0
    if premise == DEPS_ARE_ARG:
        return count == 0 or total == argument
    if premise == DEPS_REACH_ARG:
        return total >= argument
    return True


def value_written(writes: int, argument: int, own: int, total: int) -> int:
    """Compute what an op writes from its inputs: a value, or a difference where the verb is relative."""
    if writes == ARGUMENT or writes == ENTRIES:
        return argument
    if writes == OWN_PLUS_ARG:
        return own + argument
    if writes == OWN_PLUS_ONE:
        return own + 1
    if writes == DEPS_PLUS_ARG:
        return total + argument
    if writes == PLUS_ONE:
        return 1
    if writes == MINUS_ONE:
        return -1
    return 0


def world_refuses(verb: int, value: int, hand: int, argument: int, room: int) -> int:
    """Return the reason why the world refuses an op on a site that now has `value` and `room`, or POSSIBLE."""
    if verb == TAKE and value == 0:
        return NOTHING_THERE
    if verb == TAKE and hand != 0:
        return HANDS_FULL
    if verb == PUT and hand == 0:
        return EMPTY_HANDED
    if verb == PUT and value != 0:
        return NO_ROOM
    if (verb == PUT or verb == SWAP) and hand != argument:
        return WRONG_ITEM  # an item does not become another
    if verb == DELIVER and hand == 0:
        return EMPTY_HANDED
    if verb == LEAVE and value == 0:
        return NOBODY_ON_DUTY
    if verb == ENTER and 0 < room <= value:
        return MANNED
    return POSSIBLE


def inverse_of(verb: int, before: int, written: int, held: int, value: int, hand: int) -> tuple[bool, int, int]:
    """Return whether an op can be undone by its inverse, and what the site then holds and what is in hand.

    The op found `before`, wrote `written` (a value or a difference) and was done with `held` in hand; now there is
    `value`, and `hand` is in hand.
    """
    if verb == ENTER or verb == LEAVE:
        return value - written >= 0, value - written, hand
    if verb == SET:
        return value == written, before, hand
    taken = before if verb == TAKE or verb == SWAP else 0
    return value == written and hand == taken, before, held


def hand_after(verb: int, value: int, hand: int) -> int:
    """Return what an agent holds after an op on a site that had `value`."""
    if verb == TAKE or verb == SWAP:
        return value
    if verb == PUT or verb == DELIVER:
        return 0
    return hand
