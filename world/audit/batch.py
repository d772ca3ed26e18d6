"""Many small histories at once: laid behind each other they are one, and one pass over its columns judges them all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

import numpy as np

from .anomalies import ANOMALIES
from .columns import Ints
from .exchange import from_object
from .graph import lost_updates, wrong_reads
from .judge import Judgement, judge, levels_without
from .naming import cycles
from .parsing import parse_all
from .witness import apart_names


def judge_all(
    found: Sequence[Any],
    predicates: Collection[str] = (),
    where: Sequence[str] | None = None,
    witnesses: bool = False,
) -> list[Judgement]:
    """Judge histories that are given as objects of the format, as `judge` does each.

    Witnesses cost more than all else; without them, judge again what is to be shown. `where` opens the error of each.

    Raises: HistoryError for the first that is refused.
    """
    places = [f"history {number}" for number in range(len(found))] if where is None else where
    if len(found) == 1 and witnesses:
        return [judge(from_object(found[0], places[0]), predicates)]
    if not len(found):
        return []
    history, start = parse_all(found, places)
    cyclic = cycles(history, np.array([name in predicates for name in history.objects], bool))
    many = len(cyclic.core.txn)
    parts: list[tuple[str, Ints]] = []  # anomalies with transactions of theirs
    for one in cyclic.named:
        if one.name.startswith("apart"):
            nodes = apart_names(history, cyclic.core, one)
        else:
            nodes = [(one.name, np.flatnonzero(one.component >= 0))]
        parts += [(name, cyclic.core.txn[of[of < 2 * many] % many]) for name, of in nodes]
    is_guilty = cyclic.is_on_cycle.copy()
    for name, ops in wrong_reads(history).items():
        is_guilty[history.op_txn[ops]] = True
        parts.append((name, history.op_txn[ops]))
    parts.append(("lost update", history.op_txn[lost_updates(history)[0]]))

    flags = np.zeros(len(found), np.int64)  # a bit for each anomaly, by its place in the table
    for name, txns in parts:
        flags[np.searchsorted(start, txns, side="right") - 1] |= 1 << list(ANOMALIES).index(name)
    committed = np.append(0, np.cumsum(history.is_committed))
    judged = []
    bounds = start.tolist()
    for number, (one, begin, end, flag) in enumerate(zip(found, bounds, bounds[1:], flags.tolist(), strict=False)):
        if flag and witnesses:
            judged.append(judge(from_object(one, places[number]), predicates))
            continue
        anomalies = _named(flag)
        judged.append(
            Judgement(
                name=one["id"],
                levels=levels_without(anomalies) if flag else dict.fromkeys(_CLEAN, True),
                anomalies=anomalies,
                witnesses=(),
                committed=int(committed[end] - committed[begin]),
                is_guilty=is_guilty[begin:end],
                goes_back=cyclic.goes_back[begin:end],
            )
        )
    return judged


_CLEAN = levels_without(())


@cache
def _named(flag: int) -> tuple[str, ...]:
    """Return the anomalies whose bits are set."""
    return tuple(name for bit, name in enumerate(ANOMALIES) if flag >> bit & 1)
