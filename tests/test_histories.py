"""Histories of which the verdict is known: from Adya, Hermitage and Elle by hand, and random ones by enumeration."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from stalegrid.world.audit.anomalies import ANOMALIES, LEVELS, forbids
from stalegrid.world.audit.batch import judge_all
from stalegrid.world.audit.exchange import HistoryError, from_object, to_object, with_observer
from stalegrid.world.audit.judge import Judgement, judge

from .brute_force import BruteForce, random_history


def history(text: str, order: str = "", base: dict[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return a history written in a line: `T1 rx0 wx1 | T2 fail rx1 | T3 @3-5 ry2`; `x 1 2, y 3` is the order.

    Tag 0 is the initial version. Without times all transactions are concurrent.
    """
    txns = []
    for part in text.split("|"):
        process, *words = part.split()
        kind, times, ops = "ok", (0, 9), []
        for word in words:
            if word in ("ok", "fail", "info"):
                kind = word
            elif word[0] == "@":
                begin, end = word[1:].split("-")
                times = int(begin), int(end)
            else:
                ops.append([word[0], word[1], int(word[2:]) or None])
        txns.append({"process": process, "type": kind, "invoke": times[0], "complete": times[1], "ops": ops})
    orders = {part.split()[0]: [int(tag) for tag in part.split()[1:]] for part in order.split(",") if part}
    return {"id": text, "order": orders, "base": base or {}, "txns": txns}


def judged(text: str, order: str = "", base: dict[str, dict[str, Any]] | None = None) -> Judgement:
    """Judge a history written in a line, and compare the verdict with the one by enumeration."""
    found = history(text, order, base)
    judgement = judge(from_object(found))
    assert judgement.levels == BruteForce(found).levels()
    return judgement


# name, history, order, base, strongest level that holds, anomalies
KNOWN: tuple[tuple[str, str, str, dict[str, Any], str | None, tuple[str, ...]], ...] = (
    ("nothing", "T1", "", {}, "strict-serializable", ()),
    ("serial", "T1 @0-1 rx0 wx1 | T2 @2-3 rx1 wx2", "x 1 2", {}, "strict-serializable", ()),
    ("dirty write, Adya's G0", "T1 wx1 wy1 | T2 wx2 wy2", "x 1 2, y 2 1", {}, None, ("G0",)),
    ("a write between two writes in place", "T1 wx1 wx3 | T2 wx2", "x 1 2 3", {}, None, ("G0",)),
    ("aborted read", "T1 fail wx1 | T2 rx1", "x", {"x": {"1": None}}, "read-uncommitted", ("G1a",)),
    ("aborted read of an info", "T1 info wx1 | T2 rx1", "x", {"x": {"1": None}}, "read-uncommitted", ("G1a",)),
    ("an info that stands in the order", "T1 info wx1 | T2 rx1", "x 1", {}, "strict-serializable", ()),
    ("half an info", "T1 info wx1 wy2 | T2 rx1 ry2", "x 1", {"y": {"2": None}}, "read-uncommitted", ("G1a",)),
    ("a failed reader reads what it likes", "T1 fail wx1 | T2 fail rx1 rx0", "x", {"x": {"1": None}},
     "strict-serializable", ()),
    ("intermediate read, buffered", "T1 wx1 wx2 | T2 rx1", "x 2", {"x": {"1": None}}, "read-uncommitted",
     ("G1b", "G-single")),
    ("circular information flow", "T1 wx1 ry2 | T2 wy2 rx1", "x 1, y 2", {}, "read-uncommitted", ("G1c",)),
    ("lost update, Hermitage's P4", "T1 rx0 wx1 | T2 rx0 wx2", "x 1 2", {}, "read-committed",
     ("lost update", "G-single")),
    ("lost update of another's lost update", "T1 rx0 wx1 | T2 rx0 wx2 | T3 rx1 wx3", "x 1 2 3", {}, "read-committed",
     ("lost update", "G-single")),
    ("read skew", "T1 rx0 ry2 | T2 rx0 ry0 wx1 wy2", "x 1, y 2", {}, "read-committed", ("G-single",)),
    ("two versions in one transaction", "T1 rx0 rx1 | T2 wx1", "x 1", {}, "read-committed", ("internal", "G-single")),
    ("own write not seen", "T1 wx1 rx0", "x 1", {}, "read-committed", ("internal",)),
    ("own write read before it was written", "T1 rx1 wx1", "x 1", {}, "read-committed", ("internal",)),
    ("own writes seen", "T1 rx0 wx1 rx1 wx2 rx2 | T2 rx2", "x 2", {}, "strict-serializable", ()),
    ("long fork", "T1 wx1 | T2 wy1 | T3 rx1 ry0 | T4 rx0 ry1", "x 1, y 1", {}, "read-committed", ("G-nonadjacent",)),
    ("write skew, Hermitage's G2-item", "T1 rx0 ry0 wx1 | T2 rx0 ry0 wy2", "x 1, y 2", {}, "snapshot-isolation",
     ("G2-item",)),
    ("read-only transaction of Fekete", "T1 ry0 wy2 | T2 rx0 ry0 wx3 | T3 rx0 ry2", "x 3, y 2", {},
     "snapshot-isolation", ("G2-item",)),
    ("stale read", "T1 @0-1 wx1 | T2 @2-3 rx0", "x 1", {}, "serializable", ("G-single-realtime",)),
    ("equal indexes are concurrent", "T1 @0-2 wx1 | T2 @2-3 rx0", "x 1", {}, "strict-serializable", ()),
    ("even within one process", "T1 @0-2 wx1 | T1 @2-3 rx0", "x 1", {}, "strict-serializable", ()),
    ("the end of an info is not known", "T1 info @0-1 wx1 | T2 @2-3 rx0", "x 1", {}, "strict-serializable", ()),
    ("a read from the future", "T1 @0-1 rx1 | T2 @2-3 wx1", "x 1", {}, "serializable", ("G1c-realtime",)),
    ("a write into the past", "T1 @0-1 wx1 | T2 @2-3 wx2", "x 2 1", {}, "serializable", ("G0-realtime",)),
    ("a causal reversal", "T1 @0-9 rx0 ry1 | T2 @0-2 wx1 | T3 @3-5 wy1", "x 1, y 1", {}, "serializable",
     ("G-single-realtime",)),
    ("a long fork stays one where real time says more", "T1 @0-2 wx1 | T2 @0-2 wy1 | T3 @5-9 rx1 ry0 | T4 @5-9 rx0 ry1",
     "x 1, y 1", {}, "read-committed", ("G-nonadjacent",)),
    ("a stale reader of a stale reader", "A @4-5 rx0 | B @0-9 wx1 ry0 | C @0-1 wy1", "x 1, y 1", {}, "serializable",
     ("G2-item-realtime",)),
    ("a long fork, one side by real time", "A @2-9 rx0 | B wx1 wz1 | C rz1 ry0 | D @0-1 wy1", "x 1, y 1, z 1", {},
     "serializable", ("G-nonadjacent-realtime",)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "order", "base", "held", "anomalies"), [row[1:] for row in KNOWN], ids=[r[0] for r in KNOWN]
)
def test_a_known_history_gets_its_verdict(
    text: str, order: str, base: dict[str, Any], held: str | None, anomalies: tuple[str, ...]
) -> None:
    found = judged(text, order, base)
    assert (found.held, found.anomalies) == (held, anomalies)
    assert tuple(witness.anomaly for witness in found.witnesses) == anomalies


def test_thousands_of_random_histories_get_the_verdict_that_enumeration_gives() -> None:
    held: Counter[str | None] = Counter()
    one_by_one = []
    for seed in range(2000):
        found = random_history(seed)
        judgement, slow = judge(from_object(found)), BruteForce(found)
        assert judgement.levels == slow.levels(), found
        names = slow.cycle_names() | slow.wrong_reads() | ({"lost update"} if slow.has_lost_update() else set())
        # A component is named by the least anomaly in it: each name is true, and those that are none's least may lack.
        assert set(judgement.anomalies) <= names, found
        local = {"G0", "G1a", "G1b", "internal", "lost update"}
        assert set(judgement.anomalies) & local == names & local, found
        held[judgement.held] += 1
        one_by_one.append(judgement)
    assert set(held) == {None, *LEVELS}
    for alone, among in zip(one_by_one, judge_all([random_history(seed) for seed in range(2000)]), strict=True):
        assert_alike(alone, among)


def assert_alike(alone: Judgement, among: Judgement) -> None:
    """Compare all but the witnesses."""
    for left, right in zip(vars(alone).items(), vars(among).items(), strict=True):
        if left[0] != "witnesses":
            assert np.array_equal(left[1], right[1]), (left, right)


def test_many_histories_at_once_are_judged_as_each_by_itself() -> None:
    found = [history(text, order, base) for _, text, order, base, _, _ in KNOWN]
    # Whatever each counts its time by, and however long something goes on.
    for number, one in enumerate(found):
        for txn in one["txns"]:
            txn["invoke"] = (txn["invoke"] - 5) * 10 ** (number % 17)
            txn["complete"] = None if txn["complete"] == 9 else (txn["complete"] - 5) * 10 ** (number % 17)
    alone = [judge(from_object(one)) for one in found]
    assert [one.anomalies for one in alone] == [row[-1] for row in KNOWN]
    for left, right in zip(alone, judge_all(found), strict=True):
        assert_alike(left, right)
    for left, right in zip(alone, judge_all(found, witnesses=True), strict=True):
        assert left.as_json() == right.as_json()
    regions = [history("T1 rd0 wx1 | T2 rx0 wd1", "d 1, x 1"), history("T1 rx0 wx1 | T2 rx0 wx2", "x 1 2")]
    assert [one.anomalies for one in judge_all(regions, "d")] == [("phantom",), ("lost update", "G-single")]
    assert judge_all([]) == []


def test_of_many_histories_the_first_that_is_wrong_is_named() -> None:
    good, unwritten = history("T1 wx1", "x 1"), history("T1 wx1", "x 1, y 7")
    for wrong in (unwritten, {}, history("T1 wx1 wx2", "x 1")):
        with pytest.raises(HistoryError) as alone:
            from_object(wrong, "history 2")
        with pytest.raises(HistoryError) as among:
            judge_all([good, good, wrong, good, {"id": 1.5}])
        assert str(among.value) == str(alone.value)


def test_a_witness_is_a_cycle_of_its_kind_and_none_is_shorter() -> None:
    for seed in range(400):
        found = random_history(seed)
        slow = BruteForce(found)
        lengths: dict[str, int] = {}
        for kinds in slow.cycles(real_time=True):
            name = slow.cycle_name(kinds)
            lengths[name] = min(len(kinds), lengths.get(name, len(kinds)))
        for witness in judge(from_object(found)).witnesses:
            if witness.anomaly not in lengths:
                continue
            kinds = tuple(step[-3:-1].replace("po", "rt") for step in witness.steps)
            assert slow.cycle_name(kinds) == witness.anomaly
            around = zip(witness.transactions, witness.transactions[1:] + witness.transactions[:1], kinds, strict=True)
            assert set(around) <= slow.edges(real_time=True)
            assert len(kinds) == lengths[witness.anomaly], (found, witness)


def test_a_witness_says_in_words_what_was_read_and_written() -> None:
    assert [one.steps for one in judged("T1 rx0 wx1 | T2 rx0 wx2", "x 1 2").witnesses] == [
        ("T1 (T2) read the initial x and wrote x = 2 over x = 1, which T0 (T1) had written since",),
        (
            "T1 (T2) read the initial x, after which T0 (T1) wrote x = 1 [rw]",
            "T0 (T1) wrote x = 1, which T1 (T2) overwrote with x = 2 [ww]",
        ),
    ]
    (stale,) = judged("A @0-1 wx1 | A @2-3 rx0", "x 1").witnesses
    assert "T0 (A) completed at 1, before T1 (A) began at 2 [po]" in stale.steps


def test_the_guilty_are_those_on_a_cycle_and_those_who_read_wrongly() -> None:
    found = judged("T1 rx0 wx1 | T2 rx0 wx2 | T3 rx2 | T4 fail wy1 | T5 ry1", "x 1 2", {"y": {"1": None}})
    assert found.is_guilty.tolist() == [True, True, False, False, True]
    assert found.committed == 4
    late = judged("T1 @0-1 rx0 wx1 | T2 @0-5 rx0 wx2", "x 1 2")
    assert late.goes_back.tolist() == [False, True]


def test_a_cycle_over_the_count_of_a_region_is_a_phantom() -> None:
    found = from_object(history("T1 rd0 wx1 | T2 rx0 wd1", "d 1, x 1"))
    assert judge(found).anomalies == ("G2-item",)
    assert judge(found, predicates=("d",)).anomalies == ("phantom",)
    assert judge(found, predicates=("x", "d")).held == "snapshot-isolation"


def test_an_observer_at_the_end_changes_no_verdict() -> None:
    for seed in range(100):
        found = random_history(seed)
        seen = with_observer(found)
        assert judge(from_object(seen)).levels == judge(from_object(found)).levels
        assert all(op[2] == (found["order"].get(op[1]) or [None])[-1] for op in seen["txns"][-1]["ops"])


def test_a_history_comes_back_from_its_columns_as_it_went_in() -> None:
    for seed in range(100):
        found = random_history(seed)
        back = to_object(from_object(found))
        assert back["txns"] == found["txns"]
        assert {name: tags for name, tags in back["order"].items() if tags} == {
            name: tags for name, tags in found["order"].items() if tags
        }
        assert judge(from_object(back)).as_json() == judge(from_object(found)).as_json()


def test_the_table_of_anomalies_names_levels_and_anomalies_that_there_are() -> None:
    for name, row in ANOMALIES.items():
        assert row.name == name
        assert row.forbidden_from in LEVELS
        for wider in row.case_of:
            # What is a case of something is forbidden wherever that is.
            assert all(forbids(level, name) for level in LEVELS if forbids(level, wider)), (name, wider)
    assert [name for name in ANOMALIES if not forbids("strict-serializable", name)] == []
