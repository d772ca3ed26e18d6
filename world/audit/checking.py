"""What is checked on the columns of a history as a whole, once they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import numpy as np

from .columns import FAIL, NOBODY, NOWHERE, OK, History, grouped


class Check:
    """What needs the whole history: who wrote each version, and whether that agrees with the order."""

    def __init__(self, history: History, refuse: Callable[[str, str], NoReturn]) -> None:
        self.refuse = refuse  # with field and message
        self.history = history
        self.writes = np.flatnonzero(history.is_write)
        self.written = history.version[self.writes]

    def all(self) -> None:
        """Fill in the writers, and check. Raises: HistoryError."""
        self._one_writer_each()
        self._order_is_written()
        self._reads_are_known()
        self._own_writes_agree_with_the_order()

    def _op_field(self, op: int) -> str:
        txn = int(self.history.op_txn[op])
        return f"txns[{txn}].ops[{op - int(self.history.op_start[txn])}]"

    def _tag(self, version: int) -> str:
        return f"{self.history.tags[version]!r} of {self.history.objects[self.history.object_of[version]]!r}"

    def _one_writer_each(self) -> None:
        _, first = np.unique(self.written, return_index=True)
        if len(first) < len(self.written):
            again = np.ones(len(self.written), bool)
            again[first] = False
            at = int(np.flatnonzero(again)[0])
            self.refuse(
                self._op_field(int(self.writes[at])),
                f"duplicate tag {self._tag(int(self.written[at]))}: it has been written before",
            )
        self.history.writer[self.written] = self.history.op_txn[self.writes]

    def _order_is_written(self) -> None:
        history = self.history
        ordered = history.is_installed & np.array([tag is not None for tag in history.tags], bool)
        unwritten = ordered & (history.writer == NOBODY)
        failed = ordered & ~unwritten & (history.outcome[history.writer] == FAIL)
        for wrong, said in ((unwritten, "no transaction writes it"), (failed, "a fail transaction wrote it")):
            if wrong.any():
                version = int(np.flatnonzero(wrong)[0])
                site = history.object_of[version]
                name = history.objects[site]
                place = version - int(np.flatnonzero(history.object_of == site)[0]) - 1  # its initial version is first
                self.refuse(f"order[{name!r}][{place}]", f"tag {history.tags[version]!r}: {said}")

    def _reads_are_known(self) -> None:
        """Somebody wrote what is read; and of another's version outside the order, what it was laid on is known."""
        history = self.history
        writer = history.writer[history.version]
        outside = ~history.is_installed[history.version] & ~history.is_write
        homeless = (history.stands[history.version] == NOWHERE) & (writer != history.op_txn)
        wrong = outside & (homeless | (writer == NOBODY))
        if wrong.any():
            op = int(np.flatnonzero(wrong)[0])
            known = ", and no transaction writes it" if writer[op] == NOBODY else ""
            said = f"tag {self._tag(int(history.version[op]))} is a version outside order and base{known}"
            self.refuse(self._op_field(op), said)

    def _own_writes_agree_with_the_order(self) -> None:
        """What a transaction writes to one object is installed in that order; the last write of an ok one is."""
        history = self.history
        txn = history.op_txn[self.writes]
        order, same = grouped(txn, history.object_of[self.written], len(history.objects))
        written = self.written[order]
        ends = np.ones(len(order), bool)
        ends[:-1] = ~same[1:]
        lost = ends & ~history.is_installed[written] & (history.outcome[txn[order]] == OK)
        if lost.any():
            at = int(np.flatnonzero(lost)[0])
            self.refuse(
                self._op_field(int(self.writes[order[at]])),
                f"tag {self._tag(int(written[at]))} is the last write of an ok transaction, but stands outside order",
            )
        inside = history.is_installed[written]
        order, written, group = order[inside], written[inside], np.cumsum(~same)[inside]
        turned = np.flatnonzero((group[1:] == group[:-1]) & (written[1:] < written[:-1]))
        if len(turned):
            late = turned[0] + 1
            self.refuse(
                self._op_field(int(self.writes[order[late]])),
                f"tag {self._tag(int(written[late]))} is written after an earlier tag of the same transaction, "
                "but stands before it in order",
            )
