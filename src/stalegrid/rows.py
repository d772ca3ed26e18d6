"""Measure many cells of a comparison: finished rows are on disk, and several processes may share the work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from inspect import getsource
from multiprocessing import active_children, get_context
from pathlib import Path
from uuid import uuid4

from . import __version__
from .compare import Cell, Comparison, Row, check_cells, compiled_config
from .compiling import compile_engine
from .world.control import Control


def run_rows(
    cells: Sequence[Cell],
    journal: Path | None,
    done: Callable[[list[Row]], None],
    audit: bool = False,
    counters: bool = False,
    workers: int = 1,
) -> list[Row]:
    """Measure every cell, with `audit` its isolation too, with `counters` by what the kernel counts and no log.

    With a `journal`, finished rows are on disk before the next begins, and are not run again. Rows are the same on any
    number of `workers`, processes that share the cells; `done` gets the finished ones in the order of the cells.

    Raises: ValueError for what cannot run, before anything runs; OSError where the journal cannot be written;
    ChildProcessError where a worker is killed.
    """
    check_cells(cells)
    if workers < 1:
        raise ValueError(f"workers is a whole number from 1; got {workers}")
    if counters:
        if audit:
            raise ValueError("audit or counters: isolation is judged from the log, with counters alone none is kept")
        for cell in cells:
            compiled_config(cell)
    keys = [_identity(cell) + "+audit" * audit + "+counters" * counters for cell in cells]
    finished = _finished(journal)
    rows = [finished.get(key) for key in keys]

    def keep(nth: int, row: Row) -> None:
        rows[nth] = row
        if journal is not None:
            with journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps([keys[nth], row]) + "\n")
        done([one for one in rows if one is not None])

    left = [nth for nth, row in enumerate(rows) if row is None]
    if any(rows):
        done([one for one in rows if one is not None])
    if left:
        compile_engine()  # once, here: workers find it in the cache
    if workers == 1 or len(left) < 2:
        comparison = Comparison(audit, counters)
        for nth in left:
            keep(nth, comparison.row(cells[nth]))
    else:
        _share_out({nth: cells[nth] for nth in left}, min(workers, len(left)), audit, counters, keep)
    if journal is not None:
        journal.unlink(missing_ok=True)
    return [row for row in rows if row is not None]


_comparison: Comparison  # of a worker: what its rows are paired with is made once in each


def _begin_worker(audit: bool, counters: bool) -> None:
    global _comparison
    _comparison = Comparison(audit, counters)


def _work(cell: Cell) -> Row:
    return _comparison.row(cell)


def _share_out(
    cells: dict[int, Cell], workers: int, audit: bool, counters: bool, keep: Callable[[int, Row], None]
) -> None:
    """Have processes measure the cells, and keep each row as it is finished."""
    others = set(active_children())
    # Spawned, not forked: the progress bar has a thread, and so has the compiler.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin_worker, (audit, counters))
    try:
        begun = {pool.submit(_work, cell): nth for nth, cell in cells.items()}
        for future in as_completed(begun):
            keep(begun[future], future.result())
    except BrokenProcessPool:
        raise ChildProcessError(
            f"one of {workers} workers was killed, as the system does where memory runs out; take fewer workers"
        ) from None
    except BaseException:  # else the pool waits for cells that are under way, which may take minutes
        for worker in set(active_children()) - others:
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _identity(cell: Cell) -> str:
    config = cell.config
    named = _own(config) if isinstance(config, Control) else config.model_dump(mode="json")
    seeds = [cell.first_seed, cell.seeds]
    parts = {"config": named, "mind": cell.mind, "seeds": seeds, "version": __version__, **cell.rules().header}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _own(protocol: Control) -> list[str]:
    """Tell a user's own protocol from every other: by the source of its classes and by what it holds.

    Where that cannot be told its rows are not taken up again: to run them once more does no harm.
    """
    kinds = [kind for kind in type(protocol).__mro__ if kind not in Control.__mro__]
    try:
        sources = [getsource(kind) for kind in kinds]
    except (OSError, TypeError):  # written at a prompt
        sources = [uuid4().hex]
    return [protocol.name, *(kind.__qualname__ for kind in kinds), *sources, repr(sorted(vars(protocol).items()))]


def _finished(journal: Path | None) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    if journal is None or not journal.exists():
        return rows
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            key, row = json.loads(line)
        except ValueError:
            continue  # cut by the interruption: that row is measured again
        rows[key] = row
    return rows
