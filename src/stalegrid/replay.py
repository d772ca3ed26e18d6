"""Replay files: one episode as compressed JSON lines, done again and compared before anybody sees it.

The first line is the header: what was played, by its known names, and the digest. Then a line for each tick, from 0,
the beginning: what was chosen and what was logged. Everything in a file is checked as data; nothing in it is run.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .agents.minds import rule_of
from .protocols.config import Config
from .protocols.presets import resolve
from .reading import make_rules
from .tape import Tape
from .world import log
from .world.rules import Rules
from .world.seeds import SEEDS

FORMAT = "stalegrid-replay"
VERSION = 1
SUFFIX = ".jsonl.gz"
LINE = 4 * 2**20  # bytes of a line, at most, unpacked
WHOLE = 256 * 2**20  # bytes of a file, at most, unpacked
PARAMETER = 200  # a scenario's parameter, at most: a file must not ask for a grid that fills the memory
HEADER: dict[str, type | tuple[type, ...]] = {
    "format": str, "version": int, "scenario": dict, "settings": dict, "config": dict, "seed": int, "mind": str,
    "played": (str, type(None)), "ticks": int, "digest": str,
}  # fmt: skip


class ReplayError(ValueError):
    """A replay that is refused: which file, which line and why."""


def write_replay(path: str | os.PathLike[str], tape: Tape) -> None:
    """Write a tape as a replay file; the same tape gives the same bytes.

    Raises: ValueError for a fork, which is no result, for a user's own protocol, and for a scenario too large.
    """
    if tape.is_fork:
        raise ValueError(f"a fork is a what-if and no result: it is not exported (forked at tick {tape.forked_at})")
    if not isinstance(tape.config, Config):
        raise ValueError(f"a replay names its protocol; {tape.protocol} is a user's own, which nobody else has")
    _check_parameters(tape.rules.parameters)
    header = {
        "format": FORMAT,
        "version": VERSION,
        **tape.rules.header,
        "config": tape.config.model_dump(mode="json"),
        "seed": tape.seed,
        "mind": tape.mind,
        "played": None if tape.agent is None else tape.rules.agent_names[tape.agent],
        "ticks": tape.length,
        "digest": tape.digest,
    }
    parts, actions = _by_tick(tape.events, tape.length), tape.actions.tolist()
    target = Path(path)
    part = target.with_name(target.name + ".part")
    try:
        # Neither name nor time go into the file.
        with part.open("wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as file:
            _write_line(file, header)
            for tick, events in enumerate(parts):
                chosen = actions[tick - 1] if tick else []
                _write_line(file, {"tick": tick, "actions": chosen, "events": events.tolist()})
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _write_line(file: gzip.GzipFile, row: dict[str, Any]) -> None:
    file.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")


def _by_tick(events: NDArray[Any], ticks: int) -> list[NDArray[Any]]:
    """Cut a log into the parts of ticks 0 to `ticks`."""
    return np.split(events, np.searchsorted(events["tick"], np.arange(1, ticks + 1)))


def read_replay(path: str | os.PathLike[str]) -> Tape:
    """Read a replay file, play its episode again, and return it as a tape.

    Raises: ReplayError for a file that is truncated, foreign or newer than this version, or that does not come out the
    same: then it names the first tick that differs. OSError if the file cannot be read.
    """
    with _Reader(path) as reader:
        header = _read_header(reader)
        with reader.refusing():
            tape = _begin(header)
        recorded = []
        for tick in range(header["ticks"] + 1):
            chosen, events = _read_tick(reader, tape, tick, header["ticks"])
            recorded.append(events)
            if tick and not tape.is_over:
                tape.repeat(chosen)
        reader.end()
    _compare(path, tape, np.concatenate(recorded))
    if tape.length < header["ticks"]:
        raise ReplayError(f"{path}, line {tape.length + 3}: tick {tape.length + 1} differs: it is after the end")
    if tape.digest != header["digest"]:
        what = "every tick comes out the same, but the digest in the header is another"
        raise ReplayError(f"{path}, line 1: {what}: {header['digest']}, not {tape.digest}")
    return tape


class _Reader:
    """The lines of a file, each read with a limit."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self.line = 0
        self.size = 0

    def __enter__(self) -> _Reader:
        self._file = gzip.open(self.path, "rb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def refuse(self, reason: object) -> ReplayError:
        """Return the error that says why, and in which line."""
        return ReplayError(f"{self.path}, line {self.line}: {reason}")

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Have every complaint about what a line says name that line."""
        try:
            yield
        except (ValueError, TypeError, KeyError) as error:
            raise self.refuse(error) from None

    def next(self, what: str) -> dict[str, Any]:
        """Return the next line as an object; `what` says what it should hold."""
        raw = self._raw()
        if not raw:
            raise self.refuse(f"the file ends here, before {what}: it is truncated")
        try:
            row = json.loads(raw)
        except (ValueError, RecursionError):
            if not raw.endswith(b"\n"):
                raise self.refuse(f"the line breaks off in {what}: the file is truncated") from None
            raise self.refuse(f"not JSON, where {what} should be") from None
        if not isinstance(row, dict):
            raise self.refuse(f"{what} is an object; got {_short(row)}")
        return row

    def end(self) -> None:
        """Refuse anything after the last line."""
        if self._raw():
            raise self.refuse("the episode is over, and the file goes on")

    def _raw(self) -> bytes:
        self.line += 1
        try:
            raw = self._file.readline(LINE + 1)
        except EOFError:
            raise self.refuse("the file breaks off: it is truncated") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            what = "it is no replay: replays are JSON lines packed by gzip" if self.line == 1 else "it is damaged"
            raise self.refuse(f"{what} ({error})") from None
        self.size += len(raw)
        if len(raw) > LINE:
            raise self.refuse(f"longer than {LINE:,} bytes, more than a line of a replay holds")
        if self.size > WHOLE:
            raise self.refuse(f"with it the file is longer than {WHOLE:,} bytes, more than a replay holds")
        return raw


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _read_header(reader: _Reader) -> dict[str, Any]:
    header = reader.next("the header")
    if header.get("format") != FORMAT:
        raise reader.refuse(f"no replay of StaleGrid: format is {FORMAT!r}; got {_short(header.get('format'))}")
    version: Any = header.get("version")
    if not _is_whole(version) or version < 1:
        raise reader.refuse(f"version is a whole number from 1; got {_short(version)}")
    if version > VERSION:
        newer = f"version {version} of the format is newer than this program, which reads up to {VERSION}"
        raise reader.refuse(f"{newer}: pip install --upgrade stalegrid")
    for name, kind in HEADER.items():
        if name not in header:
            raise reader.refuse(f"the header has no {name}")
        if not isinstance(header[name], kind) or isinstance(header[name], bool):
            raise reader.refuse(f"{name} in the header is of another kind; got {_short(header[name])}")
    if set(header) - set(HEADER):
        raise reader.refuse(f"the header knows no {_short(sorted(set(header) - set(HEADER))[0])}")
    if header["ticks"] < 0:
        raise reader.refuse(f"ticks is a whole number from 0; got {header['ticks']}")
    return header


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _begin(header: dict[str, Any]) -> Tape:
    """Begin the episode that a header names; what it says is checked by those who always read such names."""
    parameters = dict(header["scenario"])
    name = parameters.pop("name", None)
    if not isinstance(name, str):
        raise ValueError(f"the scenario's name is a text; got {_short(name)}")
    _check_parameters(parameters)
    twice = parameters.keys() & header["settings"].keys()
    if twice:
        raise ValueError(f"{min(twice)} is given twice, in scenario and in settings")
    rules = make_rules(name, **parameters, **header["settings"])
    if not 0 <= header["seed"] < SEEDS:
        raise ValueError(f"a seed is a whole number from 0 to 2**64 - 1; got {_short(header['seed'])}")
    rule_of(header["mind"], name)
    return Tape.live(rules, resolve(header["config"]), header["seed"], header["mind"], agent=header["played"])


def _check_parameters(parameters: dict[str, Any]) -> None:
    for name, value in parameters.items():
        if name == "size" and isinstance(value, str):
            continue
        if not _is_whole(value) or value > PARAMETER:
            raise ValueError(f"{name} in a replay is a whole number up to {PARAMETER}; got {_short(value)}")


def _read_tick(reader: _Reader, tape: Tape, tick: int, ticks: int) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Read what was chosen in a tick, and what was logged."""
    row = reader.next(f"tick {tick} of {ticks}")
    if set(row) != {"tick", "actions", "events"} or row["tick"] != tick:
        raise reader.refuse(f"tick {tick} has tick, actions and events; got {_short(row)}")
    limit, many = len(tape.rules.actions), len(tape.rules.agent_names) if tick else 0
    chosen, events = row["actions"], row["events"]
    right = isinstance(chosen, list) and len(chosen) == many and all(_is_whole(a) and 0 <= a < limit for a in chosen)
    if not right:
        raise reader.refuse(f"actions are {many} numbers from 0 to {limit - 1}; got {_short(chosen)}")
    if not isinstance(events, list) or not all(_is_event(event, tick) for event in events):
        columns = f"{len(log.COLUMNS)} numbers each, the second of them the tick"
        raise reader.refuse(f"events are lists of {columns}; got {_short(events)}")
    return np.array(chosen, np.int32), np.array([tuple(event) for event in events], log.EVENT)


def _is_event(event: Any, tick: int) -> bool:
    limit = 2**31
    return (
        isinstance(event, list)
        and len(event) == len(log.COLUMNS)
        and all(_is_whole(number) and -limit <= number < limit for number in event)
        and event[1] == tick
    )


def _compare(path: str | os.PathLike[str], tape: Tape, recorded: NDArray[Any]) -> None:
    """Refuse a recorded log that is not the one of the episode as it was played now; say where they part.

    Raises: ReplayError that names the first tick that differs.
    """
    played = tape.events
    many = min(len(recorded), len(played))
    differs = np.flatnonzero(recorded[:many] != played[:many])
    nth = int(differs[0]) if len(differs) else many
    if nth == len(recorded) == len(played):
        return
    rows = [part[nth] if nth < len(part) else None for part in (recorded, played)]
    tick = min(int(row["tick"]) for row in rows if row is not None)
    said = ["nothing more" if row is None or row["tick"] > tick else say_event(tape.rules, row) for row in rows]
    what = f"recorded is {said[0]}; playing it again gives {said[1]}"
    raise ReplayError(f"{path}, line {tick + 2}: tick {tick} differs: {what}")


def say_event(rules: Rules, event: Any) -> str:
    """Say an event: its kind and who did it, then the columns that hold anything."""
    kind, agent = int(event["kind"]), int(event["agent"])
    name = log.KIND_NAMES[kind] if 0 <= kind < len(log.KIND_NAMES) else f"kind {kind}"
    who = rules.agent_names[agent] if 0 <= agent < len(rules.agent_names) else "the world"
    site = int(event["site"])
    where = f" at {rules.site_names[site]}" if 0 <= site < len(rules.site_names) else ""
    rest = [f"{column} {int(event[column])}" for column in log.COLUMNS if column not in ("kind", "agent", "site")]
    return f"{name} by {who}{where} ({', '.join(part for part in rest if part.split()[1] != '0')})"
