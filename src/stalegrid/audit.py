"""`stalegrid audit FILE`: histories of the exchange format at the five levels, with a witness for each anomaly."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO, TypeVar

from rich.table import Table
from rich.text import Text

from .terminal import console, progress_bar, tell_line
from .world.audit.anomalies import ANOMALIES, LEVELS
from .world.audit.batch import judge_all
from .world.audit.exchange import LONG, Line, read_lines
from .world.audit.judge import Judgement, judge

SHORT = ("RU", "RC", "SI", "SER", "STRICT")
TOLD = 10  # histories whose witnesses the table tells; the JSON has them all
MIB = 2**20


def audit_files(files: Sequence[Path], form: str, out: Path | None, line_limit: int) -> None:
    """Judge the histories in some files and print the verdicts; `out` gets them as JSON, an object a line.

    Raises: ValueError that names file, line and field of what is malformed; OSError for a file that cannot be read.
    """
    if line_limit < MIB:
        raise ValueError(f"--line-limit is 1 MiB or more; got {line_limit // MIB}")
    for file in files:
        if not file.exists() or file.is_dir():
            raise ValueError(f"there is no file {file}")
    judged: list[Judgement] = []
    with progress_bar() as progress:
        sizes = sum(file.stat().st_size for file in files) // MIB
        # What is printed line by line needs no bar beside it.
        task = progress.add_task("judging, MiB", total=sizes, visible=form != "json" or out is not None)
        found = judgements(files, line_limit, lambda read: progress.update(task, completed=read // MIB))
        for one in written(found, form, out):
            if form == "table":
                judged.append(one)
    if form == "table":
        _show(judged)


class Verdict(Protocol):
    """What is printed as an object a line: `id`, `levels`, `anomalies` and `witnesses`, and more of an episode."""

    def as_json(self) -> dict[str, Any]:
        """Return the object."""


V = TypeVar("V", bound=Verdict)


def written(verdicts: Iterable[V], form: str, out: Path | None) -> Iterator[V]:
    """Pass verdicts on as they come, each written to `out` as an object a line, or printed where the form is JSON."""
    with _whole(out) as file:
        for one in verdicts:
            line = json.dumps(one.as_json()) + "\n"
            if file is not None:
                file.write(line)
            elif form == "json":
                sys.stdout.write(line)
            yield one


def judgements(files: Iterable[Path], line_limit: int, done: Callable[[int], None]) -> Iterator[Judgement]:
    """Yield a verdict for each history of some files; `done` is told how many bytes are behind."""
    behind = waiting = 0
    batch: list[Line] = []

    def passed(read: int) -> None:
        done(behind + read)

    def judged() -> list[Judgement]:
        found = judge_all([line.load() for line in batch], where=[line.where for line in batch], witnesses=True)
        batch.clear()
        return found

    for file in files:
        for line in read_lines(file, line_limit, passed):
            if len(line.text) >= LONG:
                waiting = 0
                yield from judged()
                yield judge(line.parse())
                continue
            batch.append(line)
            waiting += len(line.text)
            if waiting >= MIB:
                waiting = 0
                yield from judged()
        behind += file.stat().st_size
    yield from judged()


@contextmanager
def _whole(out: Path | None) -> Iterator[TextIO | None]:
    """Open a file that takes its name only when it is whole."""
    if out is None:
        yield None
        return
    part = out.with_name(out.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


def _show(judged: Sequence[Judgement]) -> None:
    """Print a row for each history, then the witnesses of the first that have some."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("history", overflow="fold")
    table.add_column("committed", justify="right")
    for column in SHORT:
        table.add_column(column, no_wrap=True)
    table.add_column("anomalies")
    for one in judged:
        holds = ("yes" if one.levels[level] else "no" for level in LEVELS)
        table.add_row(Text(_plain(one.name)), f"{one.committed:,}", *holds, ", ".join(one.anomalies) or "-")
    console.print(table)
    levels = ", ".join(f"{short} {level}" for short, level in zip(SHORT, LEVELS, strict=True))
    console.print(f"{levels}. Each anomaly is the least of its component; docs/audit.md.", style="dim", highlight=False)
    guilty = [one for one in judged if one.witnesses]
    for one in guilty[:TOLD]:
        for witness in one.witnesses:
            tell_line(f"\n{_plain(one.name)}, {witness.anomaly}: {ANOMALIES[witness.anomaly].sentence}")
            for step in witness.steps:
                tell_line(_plain(step), 2)
    if len(guilty) > TOLD:
        console.print(f"\nand {len(guilty) - TOLD:,} more with witnesses: --format json has them all", highlight=False)


def _plain(text: object) -> str:
    """Return a text of somebody's file without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(text))
