"""Histories as JSON lines: the exchange format, from anywhere and to anywhere.

    {"id": "h1", "order": {object: [tag, ...]}, "base": {object: {tag: tag it was laid on}},
     "txns": [{"process": 0, "type": "ok" | "fail" | "info", "invoke": 1, "complete": 2 | null,
               "ops": [["r", object, tag | null], ["w", object, tag]]}]}

A tag is an integer or a string, unique per object: each names one version, and one operation writes it. `null` is the
initial version. `order` lists the committed versions as installed; `base`, which may be left out, says of versions
outside `order`, aborted or intermediate ones, on which version they were laid. 7 and "7" are the same tag, for as a key
of JSON a number is a string.

What contradicts itself is refused, with file, line and field; nothing is guessed.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from gc import disable, enable, isenabled
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from .columns import NEVER, TYPES, History
from .parsing import HistoryError, parse

# 1 GiB: a line with a million transactions of a dozen operations passes. In memory it takes some ten times as much.
LINE_LIMIT = 2**30
LONG = 2**20  # from so many bytes on a line is read by compiled code, where it is as it is usually written
OBSERVER = "observer"


def from_object(found: Any, where: str = "history") -> History:
    """Return one history that is given as the object of the format; `where` opens every error.

    Raises: HistoryError, a ValueError that names the field.
    """
    with _collector_off():
        return parse(found, where)


class Line(NamedTuple):
    """A line of a file, not read yet."""

    text: bytes
    where: str  # file and line, to open an error

    def load(self) -> Any:
        """Return the object that it holds, not checked yet. Raises: HistoryError."""
        return _load(self.text, self.where)

    def parse(self) -> History:
        """Return the history that it holds. Raises: HistoryError."""
        return parse_line(self.text, self.where)


def read_lines(
    path: Path, line_limit: int = LINE_LIMIT, done: Callable[[int], None] = lambda read: None
) -> Iterator[Line]:
    """Yield the lines of a file, which may be gzipped (.gz), that are not empty.

    `done` is told after each line how many bytes of the file are behind it.

    Raises: HistoryError, with file and line; OSError for a file that cannot be read.
    """
    with path.open("rb") as raw:
        # GzipFile yields bytes and reads ahead; what it has taken of the file is near enough for a bar.
        lines = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw
        for number, line in enumerate(_lines(lines, path, line_limit), 1):
            if line.strip():
                yield Line(line, f"{path}, line {number}")
            if raw.seekable():  # a pipe is not
                done(raw.tell())


def read_histories(path: Path, line_limit: int = LINE_LIMIT) -> Iterator[History]:
    """Yield the histories of a file one by one.

    Raises: HistoryError, with file, line and field; OSError for a file that cannot be read.
    """
    for line in read_lines(path, line_limit):
        yield line.parse()


def _lines(file: IO[bytes], path: Path, limit: int) -> Iterator[bytes]:
    number = 1
    while True:
        try:
            line = file.readline(limit + 1)
        except (EOFError, gzip.BadGzipFile) as error:
            raise HistoryError(f"{path}, line {number}", "", f"not a whole gzip file: {error}") from None
        if not line:
            return
        if len(line) > limit:
            raise HistoryError(f"{path}, line {number}", "", f"longer than {limit:,} bytes; the limit can be raised")
        yield line
        number += 1


def parse_line(line: bytes, where: str = "line") -> History:
    """Return the history of one line of JSON. Raises: HistoryError."""
    if len(line) >= LONG:
        from .scanning import scan  # what it compiles with takes half a second to import

        if (history := scan(line, where)) is not None:
            return history
    return from_object(_load(line, where), where)


def _load(line: bytes, where: str) -> Any:
    with _collector_off():
        try:
            return json.loads(line, object_pairs_hook=_once, parse_constant=_no_constant)
        except RecursionError:
            raise HistoryError(where, "", "malformed JSON: nested too deeply") from None
        except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, a number of too many digits
            raise HistoryError(where, "", f"malformed JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


@contextmanager
def _collector_off() -> Iterator[None]:
    """Stop looking for cycles: a parsed line has none, and millions of new lists would be searched again and again."""
    was = isenabled()
    disable()
    try:
        yield
    finally:
        if was:
            enable()


def to_object(history: History) -> dict[str, Any]:
    """Return a history as the object of the format."""
    tags, objects = history.tags, history.objects
    order: dict[str, list[Any]] = {name: [] for name in objects}
    base: dict[str, dict[str, Any]] = {}
    stands = history.stands.tolist()
    for version, (site, is_installed) in enumerate(
        zip(history.object_of.tolist(), history.is_installed.tolist(), strict=True)
    ):
        if is_installed and tags[version] is not None:
            order[objects[site]].append(tags[version])
        elif not is_installed and stands[version] >= 0:
            base.setdefault(objects[site], {})[str(tags[version])] = tags[stands[version]]
    ops = [
        ["w" if is_write else "r", objects[site], tags[version]]
        for is_write, site, version in zip(
            history.is_write.tolist(), history.object_of[history.version].tolist(), history.version.tolist(),
            strict=True,
        )
    ]  # fmt: skip
    start = history.op_start.tolist()
    columns = zip(
        history.process.tolist(), history.outcome.tolist(), history.invoke.tolist(), history.complete.tolist(),
        start[:-1], start[1:], strict=True,
    )  # fmt: skip
    txns = [
        {
            "process": history.processes[process],
            "type": TYPES[outcome],
            "invoke": invoke,
            "complete": None if complete == NEVER else complete,
            "ops": ops[first:end],
        }
        for process, outcome, invoke, complete, first, end in columns
    ]
    return {"id": history.name, "order": order, "base": base, "txns": txns}


def write_histories(path: Path, histories: Iterable[History | Mapping[str, Any]]) -> None:
    """Write histories, or the objects of some, a line each; gzipped where the name ends in .gz."""
    with gzip.open(path, "wt", encoding="utf-8") if path.suffix == ".gz" else path.open("w", encoding="utf-8") as file:
        for history in histories:
            found = to_object(history) if isinstance(history, History) else history
            file.write(json.dumps(found, separators=(",", ":")) + "\n")


def with_observer(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object of a history with an observer at its end.

    The observer is a transaction like any other, of a process of its own: it begins after all else has ended, and reads
    the last version of every object. Since `order` is known it changes no verdict of ours; a checker that has to infer
    the order needs it to learn of the last versions.
    """
    indexes = [txn[key] for txn in found["txns"] for key in ("invoke", "complete") if txn[key] is not None]
    begins = max(indexes, default=0) + 1
    last = {op[1]: None for txn in found["txns"] for op in txn["ops"]}
    last |= {name: tags[-1] if tags else None for name, tags in found["order"].items()}
    ops = [["r", name, tag] for name, tag in last.items()]
    observer = {"process": OBSERVER, "type": "ok", "invoke": begins, "complete": begins + 1, "ops": ops}
    return {**found, "txns": [*found["txns"], observer]}
