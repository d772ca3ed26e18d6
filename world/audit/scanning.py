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

from ..jit import compiled, entry_point
from .columns import FAIL, INFO, NEVER, OK, History, Tag
from .parsing import HistoryError, Parser
from .tokens import (
    EMPTY,
    INTEGER,
    NO,
    NUMERAL,
    WORD,
    after,
    after_key,
    after_word,
    enter,
    find,
    hashed,
    integer_end,
    next_item,
    number_at,
    object_end,
    string_end,
    tag_at,
)

_LIMIT = 2**31  # bytes of a line
_INITIAL = WORD + 1  # the kind of the version before the first tag
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
        tables = [np.full((slots, 2), EMPTY, np.int64) for slots in (names, tags, names)]
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
    for version in np.flatnonzero((kind == NUMERAL) | (kind == WORD)).tolist():
        tags[version] = line[start[version] : end[version]].decode()
    for version in np.flatnonzero(kind == _INITIAL).tolist():
        tags[version] = None
    return tags


# ---------------------------------------------------------------------- compiled: a line from one end to the other


@compiled
def _outcome(text, at):
    """Return the type of a transaction, or _UNKNOWN."""
    if after_word(text, at, _OK) != NO:
        return OK
    if after_word(text, at, _FAIL) != NO:
        return FAIL
    return INFO if after_word(text, at, _INFO) != NO else _UNKNOWN


@compiled
def _number_version(versions, tag, site, kind, key, start, stop):
    versions[tag, 0], versions[tag, 1], versions[tag, 2] = site, kind, key
    versions[tag, 3], versions[tag, 4] = start, stop


@entry_point
def _scan(text, objects, versions, processes, txns, ops, spans, many, names, known, workers):
    """Fill in what a line says, and return whether it is _DONE, _UNUSUAL or the tables are _FULL.

    Rows of `objects`: where the name stands, the initial version. Of `versions`: object, kind, key, where the tag
    stands. Of `processes`: where it stands. Of `txns`, whose first row stays empty: process, type, invoke, complete,
    where its operations end. Of `ops`: whether it writes, version. `spans`: the id, the base, how many versions are in
    the order. `many` says how many there are of each.
    """
    sites, tags, hands, rows, last = 0, 0, 0, 0, 0
    at = after_key(text, after(text, 1, 123), _ID)
    end = tag_at(text, at)[0]
    spans[0, 0], spans[0, 1] = at, end
    at = after(text, after_key(text, after(text, end, 44), _ORDER), 123)
    if at == NO:
        return _UNUSUAL
    while text[at] != 125:
        end = string_end(text, at)
        key = hashed(text, at + 1, end - 1)
        slot = find(text, key, WORD, 0, at + 1, end - 1, names, objects, 0)
        if end == NO or names[slot, 1] != EMPTY:
            return _UNUSUAL
        if not enter(names, slot, key, WORD, 0, sites):
            return _FULL
        objects[sites, 0], objects[sites, 1], objects[sites, 2] = at + 1, end - 1, tags
        versions[tags, 0], versions[tags, 1] = sites, _INITIAL
        tags += 1
        at = after(text, after(text, end, 58), 91)
        if at == NO:
            return _UNUSUAL
        while text[at] != 93:
            end, kind, key, start, stop = tag_at(text, at)
            slot = find(text, key, kind, sites, start, stop, known, versions, 3)
            if end == NO or slot == EMPTY or known[slot, 1] != EMPTY:
                return _UNUSUAL
            if not enter(known, slot, key, kind, sites, tags):
                return _FULL
            _number_version(versions, tags, sites, kind, key, start, stop)
            tags += 1
            at = next_item(text, end, 93)
            if at == NO:
                return _UNUSUAL
        sites += 1
        at = next_item(text, at + 1, 125)
        if at == NO:
            return _UNUSUAL
    spans[2, 0] = tags
    at = after(text, at + 1, 44)
    base = after_key(text, at, _BASE)
    if base != NO:
        end = object_end(text, base)
        spans[1, 0], spans[1, 1] = base, end
        at = after(text, end, 44)
    at = after(text, after_key(text, at, _TXNS), 91)
    if at == NO:
        return _UNUSUAL
    while text[at] != 93:
        at = after_key(text, after(text, at, 123), _PROCESS)
        end, kind, key, start, stop = tag_at(text, at)
        if end == NO:
            return _UNUSUAL
        if kind != INTEGER:  # 7 and "7" are two processes
            kind, key = WORD, hashed(text, start, stop)
        slot = find(text, key, kind, 0, at, end, workers, processes, 0)
        process = workers[slot, 1] & 0xFFFFFFFF
        if workers[slot, 1] == EMPTY:
            process = hands
            if not enter(workers, slot, key, kind, 0, hands):
                return _FULL
            processes[hands, 0], processes[hands, 1] = at, end
            hands += 1
        at = after_key(text, after(text, end, 44), _TYPE)
        outcome = _outcome(text, at)
        at = after_key(text, after(text, string_end(text, at), 44), _INVOKE)
        end = integer_end(text, at)
        if outcome == _UNKNOWN or end == NO:
            return _UNUSUAL
        invoke, complete = number_at(text, at, end), _NEVER
        at = after_key(text, after(text, end, 44), _COMPLETE)
        end = integer_end(text, at)
        if end != NO:
            complete = number_at(text, at, end)
        else:
            end = after_word(text, at, _NULL)
        at = after(text, after_key(text, after(text, end, 44), _OPS), 91)
        if at == NO or invoke > complete:
            return _UNUSUAL
        while text[at] != 93:
            at = after(text, at, 91)
            writes = text[at + 1] == 119
            if text[at] != 34 or text[at + 2] != 34 or not (writes or text[at + 1] == 114):
                return _UNUSUAL
            at = after(text, at + 3, 44)
            end = string_end(text, at)
            key = hashed(text, at + 1, end - 1)
            slot = find(text, key, WORD, 0, at + 1, end - 1, names, objects, 0)
            if end == NO:
                return _UNUSUAL
            site = names[slot, 1] & 0xFFFFFFFF
            if names[slot, 1] == EMPTY:
                site = sites
                if not enter(names, slot, key, WORD, 0, sites):
                    return _FULL
                objects[sites, 0], objects[sites, 1], objects[sites, 2] = at + 1, end - 1, tags
                versions[tags, 0], versions[tags, 1] = sites, _INITIAL
                sites, tags = sites + 1, tags + 1
            at = after(text, end, 44)
            end, kind, key, start, stop = tag_at(text, at)
            if end != NO:
                slot = find(text, key, kind, site, start, stop, known, versions, 3)
                if slot == EMPTY:
                    return _UNUSUAL
                number = known[slot, 1] & 0xFFFFFFFF
                if known[slot, 1] == EMPTY:
                    number = tags
                    if not enter(known, slot, key, kind, site, tags):
                        return _FULL
                    _number_version(versions, tags, site, kind, key, start, stop)
                    tags += 1
            else:
                end, number = after_word(text, at, _NULL), objects[site, 2]
                if writes or end == NO:
                    return _UNUSUAL
            ops[last, 0], ops[last, 1] = writes, number
            last += 1
            at = next_item(text, after(text, end, 93), 93)
            if at == NO:
                return _UNUSUAL
        for column, value in enumerate((process, outcome, invoke, complete, last)):
            txns[rows + 1, column] = value
        rows += 1
        at = next_item(text, after(text, at + 1, 125), 93)
        if at == NO:
            return _UNUSUAL
    for column, count in enumerate((sites, tags, hands, rows, last)):
        many[column] = count
    return _DONE if after(text, at + 1, 125) == len(text) - 1 else _UNUSUAL
