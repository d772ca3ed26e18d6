"""Measure the audit of histories, in seconds of CPU time on one core: `python examples/benchmarks/auditing.py`.

Histories of 10,000, 100,000 and 1,000,000 transactions, or of as many as are named. Each transaction reads three
objects and writes each of them with probability 1/2; there are as many objects as a tenth of the transactions. All
happen in an order, about ten at a time. In the rows that are not clean a share of the reads is one version old.
`read` is from a line of JSON to columns, `judge` from columns to verdict and witnesses, `both` their sum: medians of
the rounds. What is compiled for reading is compiled, or loaded, before.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from stalegrid.bench_parts import machine, peak_mb
from stalegrid.world.audit.columns import INDEX, NOBODY, OK, History
from stalegrid.world.audit.exchange import parse_line, to_object
from stalegrid.world.audit.judge import judge

SIZES = (10_000, 100_000, 1_000_000)
STALE = (0.0, 1e-5, 1e-3)
OBJECTS_A_TRANSACTION = 3
PROCESSES = 16


def history(size, stale, seed=0):
    """Return a history in columns."""
    rng = np.random.default_rng(seed)
    objects = size // 10
    txn = np.repeat(np.arange(size, dtype=INDEX), OBJECTS_A_TRANSACTION)
    # Three objects that differ: a first one, and steps around the circle of all.
    steps = np.cumsum(rng.integers(1, objects // 3, (size, OBJECTS_A_TRANSACTION)), axis=1)
    site = ((rng.integers(0, objects, (size, 1)) + steps) % objects).ravel()
    writes = rng.random(len(txn)) < 0.5
    is_stale = rng.random(len(txn)) < stale
    # By object and then by transaction, which is the order in which all happens.
    order = np.argsort(site, kind="stable")
    is_write, at = writes[order], site[order]
    many = np.bincount(site[writes], minlength=objects)
    first = np.cumsum(many + 1) - many - 1  # the initial version of each object
    written_before = np.cumsum(is_write) - is_write
    age = written_before - (np.cumsum(many) - many)[at]
    read = np.empty(len(txn), INDEX)
    read[order] = first[at] + age - (is_stale[order] & (age > 0))
    written = np.empty(len(txn), INDEX)
    written[order] = first[at] + age + 1

    versions = objects + int(writes.sum())
    writer = np.full(versions, NOBODY, INDEX)
    writer[written[writes]] = txn[writes]
    # Each read is followed by the write of the same object, if there is one.
    place = np.arange(len(txn)) + np.cumsum(writes) - writes
    version = np.zeros(len(txn) + int(writes.sum()), INDEX)
    version[place], version[place[writes] + 1] = read, written[writes]
    is_write = np.zeros(len(version), bool)
    is_write[place[writes] + 1] = True
    tags = np.arange(versions).tolist()
    for initial in first.tolist():
        tags[initial] = None
    ops = OBJECTS_A_TRANSACTION + np.bincount(txn[writes], minlength=size)
    return History(
        name=f"{size} transactions, {stale:g} stale",
        objects=[f"o{number}" for number in range(objects)],
        processes=list(range(PROCESSES)),
        tags=tags,
        object_of=np.repeat(np.arange(objects, dtype=INDEX), many + 1),
        writer=writer,
        is_installed=np.ones(versions, bool),
        stands=np.arange(versions, dtype=INDEX),
        process=np.arange(size, dtype=INDEX) % PROCESSES,
        outcome=np.full(size, OK, INDEX),
        invoke=4 * np.arange(size) - rng.integers(0, 20, size),
        complete=4 * np.arange(size) + rng.integers(1, 20, size),
        op_start=np.append(0, np.cumsum(ops)).astype(INDEX),
        is_write=is_write,
        version=version,
    )


def seconds(work, given):
    """Return the CPU seconds of a piece of work, and what it gave."""
    start = time.process_time()
    found = work(given)
    return time.process_time() - start, found


def rounds_of(line, many):
    """Return the CPU seconds of reading and of judging a line in so many rounds, [rounds, 2], and the verdict."""
    took = []
    for _ in range(many):
        read, given = seconds(parse_line, line)
        judged, verdict = seconds(judge, given)
        took.append((read, judged))
    return np.array(took), verdict


def main():
    """Print a row for each size and share of stale reads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, help="transactions")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    parse_line(json.dumps(to_object(history(SIZES[0], 0.0))).encode())
    head = ("transactions", "stale", "read, s", "judge, s", "both, s", "us each")
    print("{:>12} {:>6} {:>8} {:>9} {:>8} {:>8}  level that holds".format(*head))
    for size in options.sizes:
        for stale in STALE:
            line = json.dumps(to_object(history(size, stale)), separators=(",", ":")).encode()
            took, verdict = rounds_of(line, options.rounds)
            (read, judged), both = np.median(took, axis=0), np.median(took.sum(axis=1))
            print(
                f"{size:12,} {stale:6g} {read:8.2f} {judged:9.2f} {both:8.2f} {1e6 * both / size:8.2f}  {verdict.held}",
                flush=True,
            )
    print(f"peak {peak_mb() / 1024:.1f} GB; {machine()}")


if __name__ == "__main__":
    main()
