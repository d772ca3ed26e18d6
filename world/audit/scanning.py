"""Long lines of the exchange format straight into columns: no object for an operation, a tenth of the time.

Compiled code walks over the bytes of a line that is written as `exchange.write_histories` writes it, with or without
spaces between: keys in that order, integers of up to 18 digits, strings without escapes. Whatever is unusual or wrong
it does not judge: it gives the line back, and the readable parser says what is wrong and where, or reads it after all.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..jit import (
    compiled,
    entry_point,
    inlined,
)
from .columns import FAIL, INFO, NEVER, OK, History, Tag
from .parsing import HistoryError, Parser

_DIGITS = 18  # an integer of so many fits into 64 bits
_SHORT = 7  # so many bytes and their number fit too
_LIMIT = 2**31  # bytes of a line
_NO = 0  # a place that is not there; at both ends stands what no JSON holds, so there every search ends
_EMPTY = -1  # a row of a table that is not there
_INTEGER, _NUMERAL, _WORD = range(3)  # 7, "7" and "seven": the first two are the same tag, and may not both be there
_INITIAL = 3  # the version before the first tag
_UNKNOWN = -1  # type of a transaction
_UNUSUAL, _FULL, _DONE = range(3)
_NEVER = int(NEVER)
_ID, _ORDER, _BASE, _TXNS, _PROCESS, _TYPE, _INVOKE, _COMPLETE, _OPS, _OK, _FAIL, _INFO, _NULL = (
    np.frombuffer(json.dumps(word).encode(), np.uint8)
    for word in (
        "id", "order", "base", "txns", "process", "type", "invoke", "complete", "ops", "ok", "fail", "info", None
    )
)  # fmt: skip


def scan(line: bytes, where: str) -> History | None:
    """Return the history of a line, or None for one that is to be read in the readable way."""
    if len(line) >= _LIMIT:
        return None
    if not line.isascii():
        try:
            line.decode()
        except UnicodeDecodeError:
            return None
    line = b"".join((b"\0", line, b"\0"))
    text = np.frombuffer(line, np.uint8)
    ends = max(0, line.find(b'"txns"'))  # of the order
    names, tags = (1 << (2 * line.count(sign, 0, ends) + 4096).bit_length() for sign in (b"[", b","))
    txns, ops = np.zeros((len(line) // 50 + 2, 5), np.int64), np.empty((len(line) // 10 + 1, 2), np.int32)
    spans, many, found = np.zeros((3, 2), np.int64), np.zeros(5, np.int64), _FULL
    while found == _FULL:
        objects, versions = np.empty((names, 3), np.int64), np.empty((names + tags, 5), np.int64)
        processes = np.empty((names, 2), np.int64)
        tables = [np.full((slots, 2), _EMPTY, np.int64) for slots in (names, tags, names)]
        found = _scan(text, objects, versions, processes, txns, ops, spans, many, *tables)
        names, tags = 4 * names, 4 * tags
    if found == _UNUSUAL:
        return None
    sites, numbered, hands, rows, last = many.tolist()
    of_versions: Any = versions[:numbered].T
    of_txns: Any = txns[: rows + 1].T
    parser = Parser()
    parser.where = where
    parser.name = _token(line, *spans[0].tolist())
    parser.objects = [line[start:end].decode() for start, end in objects[:sites, :2].tolist()]
    parser.tags = _tags(line, of_versions)
    parser.object_of, kinds = of_versions[:2]
    parser.installed = int(spans[2, 0])
    parser.is_installed = (np.arange(numbered) < parser.installed) | (kinds == _INITIAL)
    parser.processes = [_token(line, start, end) for start, end in processes[:hands].tolist()]
    parser.process_of, parser.outcome_of, parser.invokes, parser.completes = of_txns[:4, 1:]
    parser.op_start = of_txns[4]
    parser.is_write, parser.versions = ops[:last].T
    start, end = spans[1].tolist()
    try:
        if end:
            _lay(parser, json.loads(line[start:end], object_pairs_hook=_once))
        return parser.history()
    except (HistoryError, ValueError):
        return None


def _lay(parser: Parser, base: dict[str, Any]) -> None:
    """Read what versions outside the order were laid on."""
    number = {name: site for site, name in enumerate(parser.objects)}
    order = np.argsort(parser.object_of, kind="stable")
    bounds = np.searchsorted(parser.object_of, np.arange(len(number) + 1), sorter=order).tolist()
    parser.found = {"base": base}
    for name in number.keys() & base.keys():
        there = order[bounds[number[name]] : bounds[number[name] + 1]]
        parser.known[name] = {parser.tags[version]: version for version in there.tolist()}
    parser.laid_on = parser.read_base()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _token(line: bytes, start: int, end: int) -> Tag:
    return line[start + 1 : end - 1].decode() if line[start] == ord('"') else int(line[start:end])


def _tags(line: bytes, of_versions: NDArray[np.int64]) -> list[Tag | None]:
    _, kind, key, start, end = of_versions
    tags: list[Tag | None] = key.tolist()
    for version in np.flatnonzero((kind == _NUMERAL) | (kind == _WORD)).tolist():
        tags[version] = line[start[version] : end[version]].decode()
    for version in np.flatnonzero(kind == _INITIAL).tolist():
        tags[version] = None
    return tags


# ---------------------------------------------------------------------- compiled: a place is an index into the bytes


@inlined
def _skip(text, at):
    """Return the place of the next byte that is no white space."""
    while text[at] == 32 or text[at] == 10 or text[at] == 13 or text[at] == 9:
        at += 1
    return at


@inlined
def _after(text, at, byte):
    """Return the place behind a byte that comes next, and white space, or _NO."""
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == byte else _NO


@inlined
def _string(text, at):
    """Return the place behind a string that begins here and has no escapes, or _NO."""
    if text[at] != 34:
        return _NO
    at += 1
    while text[at] != 34:
        if text[at] < 32 or text[at] == 92:
            return _NO
        at += 1
    return at + 1


@inlined
def _integer(text, at):
    """Return the place behind an integer that begins here, or _NO; only in the one way of writing it."""
    start = at
    if text[at] == 45:
        at += 1
    first = at
    while 48 <= text[at] <= 57:
        at += 1
    if at == first or at - first > _DIGITS or (text[first] == 48 and at - start > 1):
        return _NO
    return at


@inlined
def _number(text, start, end):
    """Return the value of an integer."""
    value, first = 0, start + (text[start] == 45)
    for at in range(first, end):
        value = 10 * value + text[at] - 48
    return -value if first > start else value


@compiled
def _tag(text, at):
    """Return the place behind a tag, its kind, its key, and where its text is; the place is _NO if it is none."""
    end = _integer(text, at)
    if end != _NO:
        return end, _INTEGER, _number(text, at, end), at, end
    end = _string(text, at)
    if end == _NO:
        return _NO, 0, 0, 0, 0
    if _integer(text, at + 1) == end - 1:
        return end, _NUMERAL, _number(text, at + 1, end - 1), at + 1, end - 1
    return end, _WORD, _hash(text, at + 1, end - 1), at + 1, end - 1


@inlined
def _hash(text, start, end):
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
def _same(text, start, end, other, other_end):
    if end - start != other_end - other:
        return False
    for step in range(end - start):
        if text[start + step] != text[other + step]:
            return False
    return True


@compiled
def _find(text, key, kind, owner, start, end, table, words, first):
    """Return the place in a table, [slots, 2], of a key of a kind and an owner; it is there if column 1 is not empty.

    Column 1 has the owner, the kind and the number of its row in `words`, whose columns from `first` on say where its
    text is. _EMPTY is returned where the same stands there with other quotes.
    """
    slot = _slot(key, owner, table)
    while table[slot, 1] != _EMPTY:
        if table[slot, 0] == key and table[slot, 1] >> 34 == owner:
            there = table[slot, 1] >> 32 & 3
            row = table[slot, 1] & 0xFFFFFFFF
            if there != kind and there != _WORD and kind != _WORD:
                return _EMPTY
            exact = there != _WORD or key >= 0
            if there == kind and (exact or _same(text, start, end, words[row, first], words[row, first + 1])):
                return slot
        slot = slot + 1 & len(table) - 1
    return slot


@inlined
def _enter(table, slot, key, kind, owner, row):
    """Enter a row at a place that was found empty; tell whether the table is still at most three quarters full."""
    table[slot, 0], table[slot, 1] = key, owner << 34 | kind << 32 | row
    return 4 * (row + 1) <= 3 * len(table)


@compiled
def _key(text, at, word):
    """Return the place behind a key and its colon, or _NO if another one comes."""
    return _after(text, _literal(text, at, word), 58)


@inlined
def _next(text, at, closing):
    """Return the place of the next item of a list, or of the bracket that closes it, or _NO."""
    at = _skip(text, at)
    if text[at] == 44:
        at = _skip(text, at + 1)
        return at if text[at] != closing else _NO
    return at if text[at] == closing else _NO


@inlined
def _literal(text, at, word):
    """Return the place behind a word, or _NO if another one comes."""
    for byte in word:
        if text[at] != byte:
            return _NO
        at += 1
    return at


@compiled
def _outcome(text, at):
    """Return the type of a transaction, or _UNKNOWN."""
    if _literal(text, at, _OK) != _NO:
        return OK
    if _literal(text, at, _FAIL) != _NO:
        return FAIL
    return INFO if _literal(text, at, _INFO) != _NO else _UNKNOWN


@compiled
def _number_version(versions, tag, site, kind, key, start, stop):
    versions[tag, 0], versions[tag, 1], versions[tag, 2] = site, kind, key
    versions[tag, 3], versions[tag, 4] = start, stop


@compiled
def _value(text, at):
    """Return the place behind an object without strings that have escapes, or _NO."""
    depth = 0
    if text[at] != 123:
        return _NO
    while True:
        if text[at] == 34:
            at = _string(text, at)
            if at == _NO:
                return _NO
            continue
        if text[at] == 0:
            return _NO
        depth += (text[at] == 123) - (text[at] == 125)
        at += 1
        if depth == 0:
            return at


@entry_point
def _scan(text, objects, versions, processes, txns, ops, spans, many, names, known, workers):
    """Fill in what a line says, and return whether it is _DONE, _UNUSUAL or the tables are _FULL.

    Rows of `objects`: where the name stands, the initial version. Of `versions`: object, kind, key, where the tag
    stands. Of `processes`: where it stands. Of `txns`, whose first row stays empty: process, type, invoke, complete,
    where its operations end. Of `ops`: whether it writes, version. `spans`: the id, the base, how many versions are in
    the order. `many` says how many there are of each.
    """
    sites, tags, hands, rows, last = 0, 0, 0, 0, 0
    at = _key(text, _after(text, 1, 123), _ID)
    end = _tag(text, at)[0]
    spans[0, 0], spans[0, 1] = at, end
    at = _after(text, _key(text, _after(text, end, 44), _ORDER), 123)
    if at == _NO:
        return _UNUSUAL
    while text[at] != 125:
        end = _string(text, at)
        key = _hash(text, at + 1, end - 1)
        slot = _find(text, key, _WORD, 0, at + 1, end - 1, names, objects, 0)
        if end == _NO or names[slot, 1] != _EMPTY:
            return _UNUSUAL
        if not _enter(names, slot, key, _WORD, 0, sites):
            return _FULL
        objects[sites, 0], objects[sites, 1], objects[sites, 2] = at + 1, end - 1, tags
        versions[tags, 0], versions[tags, 1] = sites, _INITIAL
        tags += 1
        at = _after(text, _after(text, end, 58), 91)
        if at == _NO:
            return _UNUSUAL
        while text[at] != 93:
            end, kind, key, start, stop = _tag(text, at)
            slot = _find(text, key, kind, sites, start, stop, known, versions, 3)
            if end == _NO or slot == _EMPTY or known[slot, 1] != _EMPTY:
                return _UNUSUAL
            if not _enter(known, slot, key, kind, sites, tags):
                return _FULL
            _number_version(versions, tags, sites, kind, key, start, stop)
            tags += 1
            at = _next(text, end, 93)
            if at == _NO:
                return _UNUSUAL
        sites += 1
        at = _next(text, at + 1, 125)
        if at == _NO:
            return _UNUSUAL
    spans[2, 0] = tags
    at = _after(text, at + 1, 44)
    base = _key(text, at, _BASE)
    if base != _NO:
        end = _value(text, base)
        spans[1, 0], spans[1, 1] = base, end
        at = _after(text, end, 44)
    at = _after(text, _key(text, at, _TXNS), 91)
    if at == _NO:
        return _UNUSUAL
    while text[at] != 93:
        at = _key(text, _after(text, at, 123), _PROCESS)
        end, kind, key, start, stop = _tag(text, at)
        if end == _NO:
            return _UNUSUAL
        if kind != _INTEGER:  # 7 and "7" are two processes
            kind, key = _WORD, _hash(text, start, stop)
        slot = _find(text, key, kind, 0, at, end, workers, processes, 0)
        process = workers[slot, 1] & 0xFFFFFFFF
        if workers[slot, 1] == _EMPTY:
            process = hands
            if not _enter(workers, slot, key, kind, 0, hands):
                return _FULL
            processes[hands, 0], processes[hands, 1] = at, end
            hands += 1
        at = _key(text, _after(text, end, 44), _TYPE)
        outcome = _outcome(text, at)
        at = _key(text, _after(text, _string(text, at), 44), _INVOKE)
        end = _integer(text, at)
        if outcome == _UNKNOWN or end == _NO:
            return _UNUSUAL
        invoke, complete = _number(text, at, end), _NEVER
        at = _key(text, _after(text, end, 44), _COMPLETE)
        end = _integer(text, at)
        if end != _NO:
            complete = _number(text, at, end)
        else:
            end = _literal(text, at, _NULL)
        at = _after(text, _key(text, _after(text, end, 44), _OPS), 91)
        if at == _NO or invoke > complete:
            return _UNUSUAL
        while text[at] != 93:
            at = _after(text, at, 91)
            writes = text[at + 1] == 119
            if text[at] != 34 or text[at + 2] != 34 or not (writes or text[at + 1] == 114):
                return _UNUSUAL
            at = _after(text, at + 3, 44)
            end = _string(text, at)
            key = _hash(text, at + 1, end - 1)
            slot = _find(text, key, _WORD, 0, at + 1, end - 1, names, objects, 0)
            if end == _NO:
                return _UNUSUAL
            site = names[slot, 1] & 0xFFFFFFFF
            if names[slot, 1] == _EMPTY:
                site = sites
                if not _enter(names, slot, key, _WORD, 0, sites):
                    return _FULL
                objects[sites, 0], objects[sites, 1], objects[sites, 2] = at + 1, end - 1, tags
                versions[tags, 0], versions[tags, 1] = sites, _INITIAL
                sites, tags = sites + 1, tags + 1
            at = _after(text, end, 44)
            end, kind, key, start, stop = _tag(text, at)
            if end != _NO:
                slot = _find(text, key, kind, site, start, stop, known, versions, 3)
                if slot == _EMPTY:
                    return _UNUSUAL
                number = known[slot, 1] & 0xFFFFFFFF
                if known[slot, 1] == _EMPTY:
                    number = tags
                    if not _enter(known, slot, key, kind, site, tags):
                        return _FULL
                    _number_version(versions, tags, site, kind, key, start, stop)
                    tags += 1
            else:
                end, number = _literal(text, at, _NULL), objects[site, 2]
                if writes or end == _NO:
                    return _UNUSUAL
            ops[last, 0], ops[last, 1] = writes, number
            last += 1
            at = _next(text, _after(text, end, 93), 93)
            if at == _NO:
                return _UNUSUAL
        for column, value in enumerate((process, outcome, invoke, complete, last)):
            txns[rows + 1, column] = value
        rows += 1
        at = _next(text, _after(text, at + 1, 125), 93)
        if at == _NO:
            return _UNUSUAL
    for column, count in enumerate((sites, tags, hands, rows, last)):
        many[column] = count
    return _DONE if _after(text, at + 1, 125) == len(text) - 1 else _UNUSUAL
