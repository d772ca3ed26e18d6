"""Long lines read by compiled code: the same columns as by the readable parser, or none at all."""

from __future__ import annotations

import copy
import json
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from stalegrid.audit import judgements
from stalegrid.world.audit.columns import History
from stalegrid.world.audit.exchange import LONG, HistoryError, from_object, parse_line, to_object
from stalegrid.world.audit.judge import judge
from stalegrid.world.audit.scanning import scan

from .test_exchange import BAD, GOOD, change
from .test_histories import KNOWN, history


def differing(one: History, other: History) -> list[str]:
    """Return the columns in which two histories differ."""
    found = []
    for field in fields(History):
        a, b = getattr(one, field.name), getattr(other, field.name)
        same = a.dtype == b.dtype and np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b
        found += [] if same else [field.name]
    return found


def scanned(found: Any, **dumps: Any) -> History:
    """Return an object of the format as compiled code reads it."""
    got = scan(json.dumps(found, **dumps).encode(), "line")
    assert got is not None
    return got


@pytest.mark.parametrize("dumps", [{}, {"separators": (",", ":")}, {"indent": 2}, {"ensure_ascii": False}])
def test_what_is_scanned_is_what_the_readable_parser_reads(dumps: dict[str, Any]) -> None:
    known = [history(text, order, base) for _, text, order, base, _, _ in KNOWN]
    for found in (GOOD, {**GOOD, "id": "grün"} if "ensure_ascii" in dumps else GOOD, *known):
        assert differing(scanned(found, **dumps), from_object(found)) == []


def test_names_tags_and_processes_of_any_length_are_told_apart() -> None:
    rng = Random(0)
    names = ["", "x", "x" * 7, "x" * 8, "x" * 9, *(f"counter_{rng.randrange(10**n)}" for n in range(1, 9))]
    tags: list[int | str] = [0, 1, -1, 10**17, "seven", "-", "01", "1.0", "x" * 40, "x" * 41]
    tags += [rng.randrange(10**9) for _ in range(300)]
    order = {name: rng.sample(tags, rng.randrange(len(tags))) for name in dict.fromkeys(names)}
    txns = [
        {"process": rng.choice([3, "3", "p", f"p{invoke}"]), "type": "ok", "invoke": invoke, "complete": invoke + 1,
         "ops": [["r", rng.choice(list(order)), None], ["w", name, tag]]}
        for invoke, (name, tag) in enumerate((name, tag) for name in order for tag in order[name])
    ]  # fmt: skip
    found = {"id": 1, "order": order, "txns": txns}
    assert len({txn["process"] for txn in txns}) > 500
    assert differing(scanned(found), from_object(found)) == []


@pytest.mark.parametrize(("path", "value", "said"), BAD, ids=lambda part: str(part)[:30])
def test_what_is_malformed_is_given_back_and_refused_in_the_same_words(path: str, value: Any, said: str) -> None:
    found = copy.deepcopy(GOOD)
    change(path, value)(found)
    line = json.dumps(found).encode()
    assert scan(line, "line") is None
    with pytest.raises(HistoryError) as error:
        parse_line(line + b" " * LONG, "line")
    assert said in str(error.value)


def test_a_line_with_any_byte_changed_is_given_back_or_read_as_the_readable_parser_reads_it() -> None:
    rng, line = Random(1), json.dumps(GOOD).encode()
    read = 0
    for _ in range(3000):
        at, cut = rng.randrange(len(line)), rng.randrange(3)
        put = bytes(rng.choices(b'{}[]",:0123456789abrwxn\\\0\n \xff-.', k=cut))
        changed = line[:at] + put + line[at + rng.randrange(3) :]
        got = scan(changed, "line")
        if got is not None:
            assert differing(got, parse_line(changed)) == [], changed
            read += 1
    assert read > 50


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b"\0", b'{"id": "a\\n", "order": {}, "txns": []}', b'{"order": {}, "id": 1, "txns": []}',
     b'{"id": 1, "order": {}, "txns": [],}', b'{"id": 1, "order": {"x": [1,]}, "txns": []}', b"\xff", b'{"id": 1'],
)  # fmt: skip
def test_what_is_unusual_is_given_back(line: bytes) -> None:
    assert scan(line, "line") is None


def test_a_long_line_between_short_ones_is_judged_in_its_place(tmp_path: Path) -> None:
    path, long = tmp_path / "runs.jsonl", {**to_object(from_object(GOOD)), "id": "long"}
    long["txns"] = [*long["txns"], *({**long["txns"][0], "ops": []} for _ in range(LONG // 50))]
    path.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in (GOOD, long, GOOD)))
    verdicts = list(judgements([path], 2**30, lambda read: None))
    assert [one.name for one in verdicts] == ["h", "long", "h"]
    assert {one.anomalies for one in verdicts} == {judge(from_object(GOOD)).anomalies}
