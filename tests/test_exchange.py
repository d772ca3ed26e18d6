"""The exchange format: what is refused, and that the error says where."""

from __future__ import annotations

import copy
import gzip
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stalegrid.world.audit.exchange import (
    HistoryError,
    from_object,
    read_histories,
    read_lines,
    to_object,
    write_histories,
)
from stalegrid.world.audit.judge import judge

GOOD: dict[str, Any] = {
    "id": "h",
    "order": {"x": [1, 2], "y": ["a"]},
    "base": {"x": {"7": 1, "8": 7}, "y": {}},
    "txns": [
        {"process": 0, "type": "ok", "invoke": 0, "complete": 1, "ops": [["r", "x", None], ["w", "x", 1]]},
        {"process": "b", "type": "fail", "invoke": 1, "complete": 4, "ops": [["w", "x", 7], ["w", "x", 8]]},
        {"process": 1, "type": "info", "invoke": 2, "complete": None, "ops": [["w", "x", 2], ["w", "y", "a"]]},
        {"process": 0, "type": "ok", "invoke": 5, "complete": 5, "ops": [["r", "x", 8], ["r", "z", None]]},
    ],
}


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what puts a value at a path such as `txns.0.type`; DROP takes the key away."""

    def apply(found: Any) -> None:
        last: Any
        *way, last = path.split(".")
        for part in way:
            found = found[int(part) if isinstance(found, list) else part]
        last = int(last) if isinstance(found, list) else last
        if value is DROP:
            del found[last]
        else:
            found[last] = value

    return apply


DROP = "(no such key)"  # not an object(): the ids of tests must be the same in every process

BAD: tuple[tuple[str, Any, str], ...] = (
    ("id", 1.5, "id: an integer or a string; got 1.5"),
    ("id", DROP, "the key 'id' is missing"),
    ("txns", DROP, "the key 'txns' is missing"),
    ("more", 1, "unknown key 'more'; there are id, order, base, txns"),
    ("order", [], "order: an object of lists of tags; got []"),
    ("order.x", 1, "order['x']: a list of tags; got 1"),
    ("order.x.1", True, "order['x'][1]: a tag is an integer or a string; got True"),
    ("order.x.1", None, "order['x'][1]: a tag is an integer or a string; got None"),
    ("order.x.1", 1, "order['x'][1]: duplicate tag 1"),
    ("order.x.1", "1", 'object \'x\': duplicate tag: 1 and "1" are the same'),
    ("order.x.1", 9, "order['x'][1]: tag 9: no transaction writes it"),
    ("order.x.1", 8, "order['x'][1]: tag 8: a fail transaction wrote it"),
    ("base", 1, "base: an object of objects of tags; got 1"),
    ("base.x", [], "base['x']: an object of tags; got []"),
    ("base.x.7", 1.5, "base['x']['7']: a tag or null; got 1.5"),
    ("base.x.7", 99, "base['x']['7']: laid on 99, a version outside order and base"),
    ("base.x.7", 8, "laid on itself, in the end"),
    ("base.x.6", 1, "base['x']['6']: no transaction writes this tag"),
    ("base.x", {"8": 7}, "base['x']['8']: laid on 7, a version outside order and base"),
    ("txns", {}, "txns: a list of transactions; got {}"),
    ("txns.0", 3, "txns[0]: an object with the keys process, type, invoke, complete, ops; got 3"),
    ("txns.0.type", DROP, "txns[0]: the key 'type' is missing"),
    ("txns.0.kind", "ok", "txns[0]: unknown key 'kind'"),
    ("txns.0.process", None, "txns[0].process: an integer or a string; got None"),
    ("txns.0.type", "maybe", "txns[0].type: one of ok, fail, info; got 'maybe'"),
    ("txns.0.type", [], "txns[0].type: one of ok, fail, info; got []"),
    ("txns.0.invoke", None, "txns[0].invoke: an integer; got None"),
    ("txns.0.invoke", 0.0, "txns[0].invoke: an integer; got 0.0"),
    ("txns.0.invoke", True, "txns[0].invoke: an integer; got True"),
    ("txns.0.complete", "1", "txns[0].complete: an integer or null; got '1'"),
    ("txns.0.complete", -1, "txns[0]: invoke, 0, is after complete, -1"),
    ("txns.0.complete", 2**70, "txns[0]: invoke and complete are smaller than 2**62"),
    ("txns.0.ops", {}, "txns[0].ops: a list of operations; got {}"),
    ("txns.0.ops.1", "wx1", 'txns[0].ops[1]: ["r", object, tag] or ["w", object, tag]; got \'wx1\''),
    ("txns.0.ops.1", ["w", "x"], "txns[0].ops[1]: "),
    ("txns.0.ops.1", ["append", "x", 1], "txns[0].ops[1]: unknown op 'append'; there are 'r' and 'w'"),
    ("txns.0.ops.1", [[], "x", 1], "txns[0].ops[1]: unknown op []"),
    ("txns.0.ops.1", ["w", 3, 1], "txns[0].ops[1]: the name of an object is a string; got 3"),
    ("txns.0.ops.1", ["w", "x", None], "txns[0].ops[1]: a write needs a tag; null is the initial version"),
    ("txns.0.ops.1", ["w", "x", 1.0], "txns[0].ops[1]: a tag is an integer or a string; got 1.0"),
    ("txns.0.ops.1", ["w", "x", [1]], "txns[0].ops[1]: a tag is an integer or a string; got [1]"),
    ("txns.0.ops.0", ["r", "x", True], "txns[0].ops[0]: a tag is an integer or a string; got True"),
    ("txns.0.ops.0", ["w", "x", 1], "txns[0].ops[1]: duplicate tag 1 of 'x': it has been written before"),
    ("txns.0.ops.0", ["w", "x", 2], "txns[2].ops[0]: duplicate tag 2 of 'x': it has been written before"),
    ("txns.0.ops.0", ["r", "x", 99], "txns[0].ops[0]: tag 99 of 'x' is a version outside order and base, and no"),
    ("txns.3.ops.0", ["w", "x", 99], "txns[3].ops[0]: tag 99 of 'x' is the last write of an ok transaction, but"),
    ("base.x", {"7": 1}, "txns[3].ops[0]: tag 8 of 'x' is a version outside order and base"),
    ("txns.2.ops", [["w", "x", 2], ["w", "y", "a"], ["w", "x", 1]], "txns[2].ops[2]: duplicate tag 1"),
)  # fmt: skip


@pytest.mark.parametrize(("path", "value", "said"), BAD, ids=lambda part: str(part)[:30])
def test_a_malformed_history_is_refused_with_its_field(path: str, value: Any, said: str) -> None:
    found = copy.deepcopy(GOOD)
    change(path, value)(found)
    with pytest.raises(HistoryError) as error:
        from_object(found)
    assert said in str(error.value)
    assert str(error.value).startswith("history")


def test_the_history_that_those_are_made_of_is_read() -> None:
    assert judge(from_object(GOOD)).anomalies == ("G1a",)


def test_a_transaction_that_writes_against_the_order_is_refused() -> None:
    ops = [["w", "x", 2], ["w", "x", 1]]
    txns = [{"process": 0, "type": "ok", "invoke": 0, "complete": 1, "ops": ops}]
    with pytest.raises(HistoryError, match=r"txns\[0\]\.ops\[1\]: tag 1 of 'x' is written after an earlier tag"):
        from_object({"id": 1, "order": {"x": [1, 2]}, "txns": txns})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "malformed JSON: "),
        (b"\xff\xfe{}", "malformed JSON: "),
        (b"[" * 100_000, "malformed JSON: nested too deeply"),
        (b'{"id": NaN}', "malformed JSON: NaN is no number of JSON"),
        (b'{"id": 1, "id": 2}', "malformed JSON: the key 'id' stands twice in one object"),
        (b"9" * 5000, "malformed JSON: "),
        (b"3", "an object with the keys id, order, base, txns; got 3"),
        (b" " * 100_001, "longer than 100,000 bytes; the limit can be raised"),
        (pickle.dumps(GOOD), "malformed JSON: "),
    ],
    ids=lambda part: repr(part[:12]),
)  # fmt: skip
def test_a_line_that_is_no_history_is_refused_with_file_and_line(tmp_path: Path, line: bytes, said: str) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b"\n\n" + line + b"\n")
    limit = 100_000 if b" " * 100 in line else 10**7
    with pytest.raises(HistoryError) as error:
        list(read_histories(path, limit))
    assert f"{path}, line 3: {said}" in str(error.value)


def test_a_file_gives_its_histories_one_by_one_gzipped_or_not(tmp_path: Path) -> None:
    for name in ("runs.jsonl", "runs.jsonl.gz"):
        path = tmp_path / name
        write_histories(path, [GOOD, from_object(GOOD)])
        passed: list[int] = []
        first, _ = read_lines(path, done=passed.append)
        assert first.load() == GOOD
        one, two = read_histories(path)
        assert to_object(one) == to_object(two) == to_object(from_object(GOOD))
        assert passed[-1] == path.stat().st_size
    (tmp_path / "cut.gz").write_bytes(gzip.compress(json.dumps(GOOD).encode())[:-20])
    with pytest.raises(HistoryError, match="not a whole gzip file"):
        list(read_histories(tmp_path / "cut.gz"))
