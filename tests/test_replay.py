"""A replay file is played again and compared before anybody sees it; what is not right in it is refused with reason."""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stalegrid.protocols.presets import resolve
from stalegrid.protocols.textbook import Textbook
from stalegrid.replay import LINE, ReplayError, read_replay, write_replay
from stalegrid.tape import Tape

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def tape() -> Tape:
    return Tape("drawbridge", {"preset": "stamped", "feedback": "opaque"}, 7, size="tiny", delay=3)


@pytest.fixture(scope="module")
def rows(tape: Tape, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    path = tmp_path_factory.mktemp("replay") / "x.jsonl.gz"
    write_replay(path, tape)
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def pack(path: Path, rows: Rows) -> Path:
    path.write_bytes(gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in rows)))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ReplayError) as caught:
        read_replay(path)
    return str(caught.value).removeprefix(f"{path}, ")


def test_a_replay_comes_back_as_the_same_episode_and_the_same_scenes(tape: Tape, tmp_path: Path) -> None:
    write_replay(tmp_path / "a.jsonl.gz", tape)
    again = read_replay(tmp_path / "a.jsonl.gz")
    assert again.digest == tape.digest
    assert again.config == tape.config
    assert (again.length, again.is_over, [line.text for line in again.lines]) == (
        tape.length, True, [line.text for line in tape.lines]
    )  # fmt: skip
    assert again.scene(20).agents == tape.scene(20).agents
    assert again.fork(20, "none").events.tobytes() == tape.fork(20, "none").events.tobytes()
    write_replay(tmp_path / "b.jsonl.gz", again)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl.gz", "b.jsonl.gz"]


def test_what_a_person_played_is_replayed_as_it_was_and_so_is_an_episode_that_was_left(tmp_path: Path) -> None:
    live = Tape.live("ledger", "occ", 3, agent="porter_0", size="tiny")
    for tick in range(30):
        live.step(tick % len(live.rules.actions))
    write_replay(tmp_path / "x.jsonl.gz", live)
    again = read_replay(tmp_path / "x.jsonl.gz")
    assert (again.digest, again.length, again.is_over) == (live.digest, 30, False)
    assert again.actions.tolist() == live.actions.tolist()


def test_neither_a_fork_nor_a_users_own_protocol_is_exported(tape: Tape, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fork is a what-if and no result"):
        write_replay(tmp_path / "x.jsonl.gz", tape.fork(9, "none"))
    with pytest.raises(ValueError, match="a user's own"):
        write_replay(tmp_path / "x.jsonl.gz", Tape("ledger", Textbook(resolve("none")), 3, size="tiny"))
    with pytest.raises(ValueError, match="rows in a replay is a whole number up to 200"):
        write_replay(tmp_path / "x.jsonl.gz", Tape.live("ledger", rows=201, columns=9))
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------- what is refused


def test_a_replay_that_comes_out_otherwise_is_refused_with_the_first_tick_that_differs(
    rows: Rows, tmp_path: Path
) -> None:
    decided = next(n for n, row in enumerate(rows[1:], 1) if row["tick"] > 5 and any(e[0] == 2 for e in row["events"]))
    changed = json.loads(json.dumps(rows))
    event = next(event for event in changed[decided]["events"] if event[0] == 2)
    event[9] += 1
    said = refusal(pack(tmp_path / "x.jsonl.gz", changed))
    tick = rows[decided]["tick"]
    assert said.startswith(f"line {decided + 1}: tick {tick} differs: recorded is decide by ")
    assert "playing it again gives decide by " in said
    changed = json.loads(json.dumps(rows))
    del changed[decided]["events"][-1]
    assert f"line {decided + 1}: tick {tick} differs: recorded is nothing more" in refusal(
        pack(tmp_path / "x.jsonl.gz", changed)
    )
    changed = json.loads(json.dumps(rows))
    changed[1 + 1]["actions"] = [0] * len(changed[2]["actions"])
    assert "differs: recorded is " in refusal(pack(tmp_path / "x.jsonl.gz", changed))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda h: h.update(seed=8), "differs: recorded is "),
        (lambda h: h.update(digest="0" * 64), "line 1: every tick comes out the same, but the digest"),
        (lambda h: h.update(version=2), "line 1: version 2 of the format is newer than this program"),
        (lambda h: h.update(version=0), "line 1: version is a whole number from 1; got 0"),
        (lambda h: h.update(version=True), "line 1: version is a whole number from 1; got True"),
        (lambda h: h.update(format="vcr"), "line 1: no replay of StaleGrid: format is 'stalegrid-replay'; got 'vcr'"),
        (lambda h: h.pop("format"), "line 1: no replay of StaleGrid"),
        (lambda h: h.pop("config"), "line 1: the header has no config"),
        (lambda h: h.update(mind=["naive"]), "line 1: mind in the header is of another kind; got ['naive']"),
        (lambda h: h.update(hook="os.system"), "line 1: the header knows no 'hook'"),
        (lambda h: h.update(mind="os.system"), "line 1: unknown mind 'os.system'; available are naive"),
        (lambda h: h["scenario"].update(name="../../etc"), "line 1: unknown scenario '../../etc'"),
        (lambda h: h["scenario"].update(name=7), "line 1: the scenario's name is a text; got 7"),
        (lambda h: h["scenario"].update(rows=10**9), "line 1: rows in a replay is a whole number up to 200"),
        (lambda h: h["scenario"].update(think=3), "line 1: think is given twice"),
        (lambda h: h["config"].update(writes="elsewhere"), "line 1: writes = 'elsewhere' is unknown"),
        (lambda h: h["config"].update(preset=["x"]), "line 1: "),
        (lambda h: h["settings"].update(delay=[1]), "line 1: delay: "),
        (lambda h: h["settings"].update(run="rm"), "line 1: unknown setting 'run'"),
        (lambda h: h.update(seed=-1), "line 1: a seed is a whole number from 0"),
        (lambda h: h.update(played="nobody"), "line 1: unknown agent 'nobody'"),
        (lambda h: h.update(ticks=-1), "line 1: ticks is a whole number from 0; got -1"),
        (lambda h: h.update(ticks=10**9), "the file ends here, before tick "),
        (lambda h: h.update(ticks=3), "line 6: the episode is over, and the file goes on"),
    ],
)  # fmt: skip
def test_a_header_that_is_not_right_is_refused(
    change: Callable[[dict[str, Any]], object], said: str, rows: Rows, tmp_path: Path
) -> None:
    changed = json.loads(json.dumps(rows))
    change(changed[0])
    assert said in refusal(pack(tmp_path / "x.jsonl.gz", changed))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tick": 9}, "line 5: tick 3 has tick, actions and events"),
        ({"extra": 9}, "line 5: tick 3 has tick, actions and events"),
        ({"actions": [999] * 5}, "line 5: actions are "),
        ({"actions": [True] * 5}, "line 5: actions are "),
        ({"actions": "wait"}, "line 5: actions are "),
        ({"events": [[1, 2]]}, "line 5: events are lists of 14 numbers each"),
        ({"events": [[2**31, 3] + [0] * 12]}, "line 5: events are lists of 14 numbers each"),
        ({"events": [[1, 4] + [0] * 12]}, "line 5: events are lists of 14 numbers each, the second of them the tick"),
        ({"events": None}, "line 5: events are lists"),
    ],
)
def test_a_tick_that_is_not_right_is_refused(change: dict[str, Any], said: str, rows: Rows, tmp_path: Path) -> None:
    changed = json.loads(json.dumps(rows))
    changed[4] |= change
    assert refusal(pack(tmp_path / "x.jsonl.gz", changed)).startswith(said)


def test_a_truncated_file_is_refused_wherever_it_ends(rows: Rows, tmp_path: Path) -> None:
    path = pack(tmp_path / "x.jsonl.gz", rows)
    whole, last = path.read_bytes(), rows[0]["ticks"]
    path.write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refusal(path)
    path.write_bytes(whole[:-4])
    assert "truncated" in refusal(path)
    pack(path, rows[:9])
    assert refusal(path) == f"line 10: the file ends here, before tick 8 of {last}: it is truncated"
    path.write_bytes(gzip.compress(json.dumps(rows[0]).encode() + b'\n{"tick": 0, "acti'))
    assert refusal(path) == f"line 2: the line breaks off in tick 0 of {last}: the file is truncated"
    path.write_bytes(b"")
    assert refusal(path) == "line 1: the file ends here, before the header: it is truncated"


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_text("once upon a time\n")
    assert refusal(path).startswith("line 1: it is no replay: replays are JSON lines packed by gzip")
    path.write_bytes(gzip.compress(b"once upon a time\n"))
    assert refusal(path) == "line 1: not JSON, where the header should be"
    path.write_bytes(gzip.compress(b"[1, 2]\n"))
    assert refusal(path) == "line 1: the header is an object; got [1, 2]"
    path.write_bytes(gzip.compress(b"[" * 100_000 + b"\n"))
    assert refusal(path) == "line 1: not JSON, where the header should be"
    path.write_bytes(gzip.compress(b"9" * 10_000 + b"\n"))
    assert refusal(path) == "line 1: not JSON, where the header should be"
    path.write_bytes(gzip.compress(pickle.dumps(Path)))
    assert "line 1: " in refusal(path)


def test_a_file_that_unpacks_to_more_than_a_replay_holds_is_refused(
    rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b" " * (LINE + 2)))
    assert refusal(path) == f"line 1: longer than {LINE:,} bytes, more than a line of a replay holds"
    monkeypatch.setattr("stalegrid.replay.WHOLE", 4000)
    assert "with it the file is longer than 4,000 bytes" in refusal(pack(path, rows))


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_replay(tmp_path / "none.jsonl.gz")
