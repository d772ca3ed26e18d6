"""From the object of one history to its columns, refusing whatever contradicts itself.

One pass over the operations checks types and numbers versions; `checking` looks at the whole after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NoReturn

import numpy as np

from .checking import Check
from .columns import INDEX, NEVER, NOBODY, NOWHERE, TYPES, History, Ints, Tag

KEYS = ("id", "order", "base", "txns")
TXN_KEYS = ("process", "type", "invoke", "complete", "ops")
INDEX_LIMIT = 2**62  # of invoke and complete; beyond it the columns have no room
_LISTS = (list, tuple)
_OUTCOMES = {name: code for code, name in enumerate(TYPES)}
_fields = itemgetter(*TXN_KEYS)


class HistoryError(ValueError):
    """What is wrong with a history, and where."""

    def __init__(self, where: str, field: str, message: str) -> None:
        super().__init__(f"{where}, {field}: {message}" if field else f"{where}: {message}")


def parse(found: Any, where: str) -> History:
    """Return the columns of a history. Raises: HistoryError."""
    parser = Parser()
    parser.read(found, where)
    return parser.history()


def parse_all(found: Sequence[Any], where: Sequence[str]) -> tuple[History, Ints]:
    """Return many histories in the columns of one, and where the transactions of each begin, [H + 1].

    They follow each other in time, each wholly before the next, so real time leads from one to another but never back:
    what lies on a cycle does so within one history. For thousands of small ones this is many times as fast.

    Raises: HistoryError as for the first that is refused.
    """
    parser = Parser()
    start = [0]
    try:
        for one, place in zip(found, where, strict=True):
            parser.read(one, place)
            start.append(len(parser.invokes))
        history = parser.history()
    except HistoryError:
        for one, place in zip(found, where, strict=True):
            parse(one, place)
        raise
    begins = np.array(start, INDEX)
    of = np.repeat(np.arange(len(found)), np.diff(begins))
    _follow(history.invoke, history.complete, of)
    return history, begins


def _follow(invoke: Ints, complete: Ints, of: Ints) -> None:
    """Replace times by their ranks, in place, first by history and then by time; equal ones of a history stay equal."""
    times, of = np.concatenate((invoke, complete)), np.concatenate((of, of))
    order = np.lexsort((times, of))
    is_new = np.ones(len(order), bool)
    is_new[1:] = (times[order][1:] != times[order][:-1]) | (of[order][1:] != of[order][:-1])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.cumsum(is_new)
    invoke[:], complete[:] = rank[: len(invoke)], rank[len(invoke) :]


class Parser:
    """Lists of columns that grow with each history that is read; versions are numbered as they are met."""

    def __init__(self) -> None:
        self.name: Tag = ""
        self.objects: list[str] = []
        self.tags: list[Tag | None] = []
        self.object_of: list[int] = []
        self.is_installed: list[bool] = []
        self.laid_on: dict[int, int] = {}  # version outside the order -> installed version
        self.processes: list[Tag] = []
        self.process_of: list[int] = []
        self.outcome_of: list[int] = []
        self.invokes: list[int] = []
        self.completes: list[int] = []
        self.op_start: list[int] = [0]
        self.is_write: list[bool] = []
        self.versions: list[int] = []
        # Of the history that is read:
        self.where = ""
        self.found: Any = None
        self.known: dict[str, dict[Any, int]] = {}  # object -> tag -> version; None for the initial one
        self.installed = 0  # versions below this one stand in the order

    def refuse(self, field: str, message: str) -> NoReturn:
        """Refuse the history that is read."""
        raise HistoryError(self.where, field, message)

    def read(self, found: Any, where: str) -> None:
        """Add a history."""
        self.where, self.found, self.known = where, found, {}
        _demand_keys(found, KEYS, ("base",), lambda message: self.refuse("", message))
        self.name = found["id"]
        if not _is_tag(self.name):
            self.refuse("id", f"an integer or a string; got {_short(self.name)}")
        first = len(self.tags)
        self.read_order()
        self.installed = len(self.tags)
        self.read_transactions()
        if any(len({str(tag) for tag in ids}) < len(ids) for ids in self.known.values()):
            self.refuse_twins()
        self.is_installed += [True] * (self.installed - first)
        self.is_installed += [tag is None for tag in self.tags[self.installed :]]
        if self.found.get("base", {}) != {}:
            self.laid_on.update(self.read_base())

    def history(self) -> History:
        """Return the columns, checked."""
        is_installed = np.array(self.is_installed, bool)
        stands = np.where(is_installed, np.arange(len(self.tags), dtype=INDEX), INDEX(NOWHERE))
        for version, base in self.laid_on.items():
            stands[version] = base
        history = History(
            name=self.name,
            objects=self.objects,
            processes=self.processes,
            tags=self.tags,
            object_of=np.array(self.object_of, INDEX),
            writer=np.full(len(self.tags), NOBODY, INDEX),
            is_installed=is_installed,
            stands=stands,
            process=np.array(self.process_of, INDEX),
            outcome=np.array(self.outcome_of, INDEX),
            invoke=np.array(self.invokes, np.int64),
            complete=np.array(self.completes, np.int64),
            op_start=np.array(self.op_start, INDEX),
            is_write=np.array(self.is_write, np.bool_),
            version=np.array(self.versions, INDEX),
        )
        Check(history, self.refuse).all()
        return history

    # ------------------------------------------------------------------ versions

    def new_object(self, name: Any, field: str) -> dict[Any, int]:
        """Number an object and its initial version, and return the versions of it that are known."""
        if type(name) is not str:
            self.refuse(field, f"the name of an object is a string; got {_short(name)}")
        self.known[name] = ids = {None: len(self.tags)}
        self.tags.append(None)
        self.object_of.append(len(self.objects))
        self.objects.append(name)
        return ids

    def new_version(self, ids: dict[Any, int], tag: Tag) -> int:
        """Number a version of an object, given by the numbers of those that are known."""
        ids[tag] = version = len(self.tags)
        self.tags.append(tag)
        self.object_of.append(self.object_of[ids[None]])
        return version

    def read_order(self) -> None:
        """Number the versions in the order."""
        order = self.found["order"]
        if type(order) is not dict:
            self.refuse("order", f"an object of lists of tags; got {_short(order)}")
        for name, tags in order.items():
            field = f"order[{name!r}]"
            ids = self.new_object(name, field)
            if type(tags) not in _LISTS:
                self.refuse(field, f"a list of tags; got {_short(tags)}")
            for place, tag in enumerate(tags):
                if not _is_tag(tag):
                    self.refuse(f"{field}[{place}]", f"a tag is an integer or a string; got {_short(tag)}")
                if tag in ids:
                    self.refuse(f"{field}[{place}]", f"duplicate tag {tag!r}")
                self.new_version(ids, tag)

    def read_base(self) -> dict[int, int]:
        """Return after which installed version each one outside the order was laid on."""
        base = self.found.get("base", {})
        if type(base) is not dict:
            self.refuse("base", f"an object of objects of tags; got {_short(base)}")
        given: dict[int, tuple[str, int]] = {}  # version -> field, version under it
        for name, tags in base.items():
            if type(tags) is not dict:
                self.refuse(f"base[{name!r}]", f"an object of tags; got {_short(tags)}")
            # A key of JSON is a string: it is compared with tags by their text.
            versions = {str(tag): version for tag, version in self.known.get(name, {}).items() if tag is not None}
            for key, under in tags.items():
                field = f"base[{name!r}][{key!r}]"
                if under is not None and not _is_tag(under):
                    self.refuse(field, f"a tag or null; got {_short(under)}")
                if str(key) not in versions:
                    self.refuse(field, "no transaction writes this tag")
                if under is not None and str(under) not in versions:
                    self.refuse(field, f"laid on {under!r}, a version outside order and base")
                version = versions[str(key)]
                if version >= self.installed:  # the place of others is known from the order
                    given[version] = field, self.known[name][None] if under is None else versions[str(under)]
        laid_on: dict[int, int] = {}
        for first in given:
            path = [first]
            while path[-1] in given and path[-1] not in laid_on:
                field, under = given[path[-1]]
                if under in path:
                    self.refuse(field, "laid on itself, in the end")
                if under >= self.installed and under not in given and self.tags[under] is not None:
                    self.refuse(field, f"laid on {self.tags[under]!r}, a version outside order and base")
                path.append(under)
            laid_on.update(dict.fromkeys(path[:-1], laid_on.get(path[-1], path[-1])))
        return laid_on

    # ------------------------------------------------------------------ transactions

    def read_transactions(self) -> None:
        """Fill in the columns of transactions and operations; versions that are new are numbered."""
        txns = self.found["txns"]
        if type(txns) not in _LISTS:
            self.refuse("txns", f"a list of transactions; got {_short(txns)}")
        known, is_write, versions = self.known, self.is_write, self.versions
        numbers: dict[Any, int] = {}  # of processes
        before, first = len(self.processes), len(self.invokes)
        for place, txn in enumerate(txns):
            try:
                process, kind, invoke, complete, ops = _fields(txn)
            except (KeyError, TypeError):
                self.refuse_keys(place, txn)
            if len(txn) != len(TXN_KEYS):
                self.refuse_keys(place, txn)
            if (
                type(kind) is not str or kind not in _OUTCOMES or type(invoke) is not int or not _is_tag(process)
                or not (complete is None or type(complete) is int) or type(ops) not in _LISTS
            ):  # fmt: skip
                self.refuse_fields(place, txn)
            for op in ops:
                if type(op) not in _LISTS or len(op) != 3:
                    self.refuse_op(place, ops)
                verb, name, tag = op
                if verb == "r":
                    is_write.append(False)
                elif verb == "w":
                    is_write.append(True)
                else:
                    self.refuse_op(place, ops)
                sort = type(tag)
                if type(name) is not str or (sort is not int and sort is not str and (tag is not None or verb == "w")):
                    self.refuse_op(place, ops)
                ids = known.get(name)
                if ids is None:
                    ids = self.new_object(name, "")
                version = ids.get(tag)
                if version is None:
                    version = self.new_version(ids, tag)
                versions.append(version)
            self.process_of.append(numbers.setdefault(process, before + len(numbers)))
            self.outcome_of.append(_OUTCOMES[kind])
            self.invokes.append(invoke)
            self.completes.append(NEVER if complete is None else complete)
            self.op_start.append(len(versions))
        self.processes += numbers
        for place in range(len(txns)):
            invoke, complete = self.invokes[first + place], self.completes[first + place]
            if not -INDEX_LIMIT < invoke < INDEX_LIMIT or (complete != NEVER and abs(complete) >= INDEX_LIMIT):
                self.refuse(f"txns[{place}]", "invoke and complete are smaller than 2**62")
            if invoke > complete:
                self.refuse(f"txns[{place}]", f"invoke, {invoke}, is after complete, {complete}")

    # ------------------------------------------------------------------ what exactly is wrong

    def refuse_keys(self, place: int, txn: Any) -> NoReturn:
        """Say which key of a transaction is missing or unknown."""
        _demand_keys(txn, TXN_KEYS, (), lambda said: self.refuse(f"txns[{place}]", said))
        raise AssertionError("all keys are there")

    def refuse_fields(self, place: int, txn: dict[str, Any]) -> NoReturn:
        """Say which field of a transaction is wrong."""
        process, kind, invoke, complete, ops = _fields(txn)
        field = f"txns[{place}]"
        if not _is_tag(process):
            self.refuse(f"{field}.process", f"an integer or a string; got {_short(process)}")
        if type(kind) is not str or kind not in TYPES:
            self.refuse(f"{field}.type", f"one of {', '.join(TYPES)}; got {_short(kind)}")
        if type(invoke) is not int:
            self.refuse(f"{field}.invoke", f"an integer; got {_short(invoke)}")
        if complete is not None and type(complete) is not int:
            self.refuse(f"{field}.complete", f"an integer or null; got {_short(complete)}")
        self.refuse(f"{field}.ops", f"a list of operations; got {_short(ops)}")

    def refuse_op(self, place: int, ops: Any) -> NoReturn:
        """Say which operation is wrong."""
        for index, op in enumerate(ops):
            field = f"txns[{place}].ops[{index}]"
            if type(op) not in _LISTS or len(op) != 3:
                self.refuse(field, f'["r", object, tag] or ["w", object, tag]; got {_short(op)}')
            verb, name, tag = op
            if verb not in ("r", "w"):
                self.refuse(field, f"unknown op {_short(verb)}; there are 'r' and 'w'")
            if type(name) is not str:
                self.refuse(field, f"the name of an object is a string; got {_short(name)}")
            if tag is None and verb == "w":
                self.refuse(field, "a write needs a tag; null is the initial version")
            if tag is not None and not _is_tag(tag):
                self.refuse(field, f"a tag is an integer or a string; got {_short(tag)}")
        raise AssertionError("every operation is well formed")

    def refuse_twins(self) -> NoReturn:
        """Say which tag stands there twice, as a number and as a string."""
        for name, ids in self.known.items():
            for tag in ids:
                if type(tag) is int and str(tag) in ids:
                    self.refuse(f"object {name!r}", f'duplicate tag: {tag} and "{tag}" are the same')
        raise AssertionError("no tag stands there twice")


def _is_tag(found: Any) -> bool:
    return type(found) is int or type(found) is str


def _demand_keys(found: Any, keys: tuple[str, ...], optional: tuple[str, ...], refuse: Any) -> None:
    if type(found) is not dict:
        refuse(f"an object with the keys {', '.join(keys)}; got {_short(found)}")
    unknown = [key for key in found if key not in keys]
    if unknown:
        refuse(f"unknown key {unknown[0]!r}; there are {', '.join(keys)}")
    missing = [key for key in keys if key not in found and key not in optional]
    if missing:
        refuse(f"the key {missing[0]!r} is missing")


def _short(found: Any) -> str:
    text = repr(found)
    return text if len(text) <= 60 else text[:57] + "..."
