"""Compiled: the words of a line of the exchange format, and tables in which they are looked up.

A place is an index into the bytes of the line; `NO` is the place of what is not there. At both ends of the bytes stands
what no JSON holds, so there every search ends.
"""

from __future__ import annotations

import numpy as np

from ..jit import compiled, inlined

NO = 0
EMPTY = -1  # a row of a table that is not there
INTEGER, NUMERAL, WORD = range(3)  # 7, "7" and "seven": the first two are the same tag, and may not both be there
_DIGITS = 18  # an integer of so many fits into 64 bits
_SHORT = 7  # so many bytes and their number fit too


@inlined
def skip(text, at):
    """Return the place of the next byte that is no white space."""
    while text[at] == 32 or text[at] == 10 or text[at] == 13 or text[at] == 9:
        at += 1
    return at


@inlined
def after(text, at, byte):
    """Return the place behind a byte that comes next, and white space, or NO."""
    at = skip(text, at)
    return skip(text, at + 1) if text[at] == byte else NO


@inlined
def after_word(text, at, word):
    """Return the place behind a word, or NO if another one comes."""
    for byte in word:
        if text[at] != byte:
            return NO
        at += 1
    return at


@compiled
def after_key(text, at, word):
    """Return the place behind a key and its colon, or NO if another one comes."""
    return after(text, after_word(text, at, word), 58)


@inlined
def next_item(text, at, closing):
    """Return the place of the next item of a list, or of the bracket that closes it, or NO."""
    at = skip(text, at)
    if text[at] == 44:
        at = skip(text, at + 1)
        return at if text[at] != closing else NO
    return at if text[at] == closing else NO


@inlined
def string_end(text, at):
    """Return the place behind a string that begins here and has no escapes, or NO."""
    if text[at] != 34:
        return NO
    at += 1
    while text[at] != 34:
        if text[at] < 32 or text[at] == 92:
            return NO
        at += 1
    return at + 1


@inlined
def integer_end(text, at):
    """Return the place behind an integer that begins here, or NO; only in the one way of writing it."""
    start = at
    if text[at] == 45:
        at += 1
    first = at
    while 48 <= text[at] <= 57:
        at += 1
    if at == first or at - first > _DIGITS or (text[first] == 48 and at - start > 1):
        return NO
    return at


@inlined
def number_at(text, start, end):
    """Return the value of an integer."""
    value, first = 0, start + (text[start] == 45)
    for at in range(first, end):
        value = 10 * value + text[at] - 48
    return -value if first > start else value


@compiled
def object_end(text, at):
    """Return the place behind an object without strings that have escapes, or NO."""
    depth = 0
    if text[at] != 123:
        return NO
    while True:
        if text[at] == 34:
            at = string_end(text, at)
            if at == NO:
                return NO
            continue
        if text[at] == 0:
            return NO
        depth += (text[at] == 123) - (text[at] == 125)
        at += 1
        if depth == 0:
            return at


@compiled
def tag_at(text, at):
    """Return the place behind a tag, its kind, its key, and where its text is; the place is NO if it is none."""
    end = integer_end(text, at)
    if end != NO:
        return end, INTEGER, number_at(text, at, end), at, end
    end = string_end(text, at)
    if end == NO:
        return NO, 0, 0, 0, 0
    if integer_end(text, at + 1) == end - 1:
        return end, NUMERAL, number_at(text, at + 1, end - 1), at + 1, end - 1
    return end, WORD, hashed(text, at + 1, end - 1), at + 1, end - 1


@inlined
def hashed(text, start, end):
    """Return 64 bits of some bytes: up to seven as they are, so that these need not be compared again; else FNV-1a."""
    if end - start <= _SHORT:
        packed = end - start
        for at in range(start, end):
            packed = packed << 8 | text[at]
        return packed
    mixed = np.uint64(14695981039346656037)
    for at in range(start, end):
        mixed = (mixed ^ np.uint64(text[at])) * np.uint64(1099511628211)
    return np.int64(mixed | np.uint64(1 << 63))


@inlined
def _slot(key, other, table):
    """Return where to begin to look for a key; four that follow each other lie together."""
    mixed = np.uint64(key >> 2) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(other) * np.uint64(0xC2B2AE3D27D4EB4F)
    return (np.int64(mixed >> np.uint64(30)) << 2 | key & 3) & len(table) - 1


@compiled
def find(text, key, kind, owner, start, end, table, words, first):
    """Return the place in a table, [slots, 2], of a key of a kind and an owner; it is there if column 1 is not empty.

    Column 1 has the owner, the kind and the number of its row in `words`, whose columns from `first` on say where its
    text is. EMPTY is returned where the same stands there with other quotes.
    """
    slot = _slot(key, owner, table)
    while table[slot, 1] != EMPTY:
        if table[slot, 0] == key and table[slot, 1] >> 34 == owner:
            there = table[slot, 1] >> 32 & 3
            row = table[slot, 1] & 0xFFFFFFFF
            if there != kind and there != WORD and kind != WORD:
                return EMPTY
            exact = there != WORD or key >= 0
            if there == kind and (exact or _same(text, start, end, words[row, first], words[row, first + 1])):
                return slot
        slot = slot + 1 & len(table) - 1
    return slot


@compiled
def _same(text, start, end, other, other_end):
    """Tell whether the same bytes stand at two places."""
    if end - start != other_end - other:
        return False
    for step in range(end - start):
        if text[start + step] != text[other + step]:
            return False
    return True


@inlined
def enter(table, slot, key, kind, owner, row):
    """Enter a row at a place that was found empty; tell whether the table is still at most three quarters full."""
    table[slot, 0], table[slot, 1] = key, owner << 34 | kind << 32 | row
    return 4 * (row + 1) <= 3 * len(table)
