"""`stalegrid audit FILE`: what it prints of a file, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stalegrid.world.audit.anomalies import LEVELS
from stalegrid.world.audit.exchange import write_histories

from .test_cli import stalegrid, words
from .test_histories import KNOWN, history


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write the histories whose verdicts are known."""
    path = tmp_path / "known.jsonl.gz"
    write_histories(path, (history(text, order, base) for _, text, order, base, _, _ in KNOWN))
    return path


def test_json_is_an_object_a_line_with_levels_anomalies_and_witnesses(file: Path, tmp_path: Path) -> None:
    lines = stalegrid("audit", str(file), "--format", "json").stdout.splitlines()
    assert len(lines) == len(KNOWN)
    for line, (_, text, _, _, held, anomalies) in zip(lines, KNOWN, strict=True):
        found = json.loads(line)
        assert list(found) == ["id", "levels", "anomalies", "witnesses"]
        assert found["id"] == text
        assert list(found["levels"]) == list(LEVELS)
        assert [level for level in LEVELS if found["levels"][level]][-1:] == [held] * (held is not None)
        assert found["anomalies"] == list(anomalies)
        for witness, name in zip(found["witnesses"], anomalies, strict=True):
            assert (list(witness), witness["anomaly"]) == (["anomaly", "transactions", "steps"], name)
    out = tmp_path / "verdicts.jsonl"
    stalegrid("audit", str(file), str(file), "--out", str(out))
    assert out.read_text(encoding="utf-8").splitlines() == lines * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name, out.name]


def test_the_table_has_a_row_for_each_history_and_tells_the_first_witnesses(file: Path) -> None:
    said = words(stalegrid("audit", str(file)).stdout)
    for _, text, _, _, _, anomalies in KNOWN[:8]:
        for name in anomalies:
            assert f"{text}, {name}: " in said
    assert "T1 (T2) read x = 1, which T0 (T1) wrote, which failed" in said
    guilty = sum(bool(row[-1]) for row in KNOWN)
    assert f"and {guilty - 10} more with witnesses: --format json has them all" in said


def test_names_out_of_a_file_neither_colour_nor_clear_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "sly.jsonl"
    found = history("T1 rx0 wx1 | T2 rx0 wx2", "x 1 2")
    found["id"] = found["txns"][0]["process"] = "[red]\x1b[2J\ud800[/red]"
    write_histories(path, [found])
    said = stalegrid("audit", str(path)).stdout
    assert "\x1b" not in said
    assert r"[red]\x1b[2J\ud800[/red], lost update" in said


def test_what_is_malformed_ends_with_a_sentence_that_names_file_line_and_field(tmp_path: Path) -> None:
    good, path, out = history("T1 wx1", "x 1"), tmp_path / "bad.jsonl", tmp_path / "out.jsonl"
    write_histories(path, [good, good, {**good, "order": {"x": [1, 1]}}])
    done = stalegrid("audit", str(path), "--out", str(out), code=2)
    assert done.stderr == f"stalegrid: {path}, line 3, order['x'][1]: duplicate tag 1\n"
    assert not done.stdout
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.jsonl",), "there is no file nowhere.jsonl"),
        ((".",), "there is no file ."),
        ((__file__, "--format", "csv"), "--format is table or json; got 'csv'"),
        ((__file__, "--line-limit", "0"), "--line-limit is 1 MiB or more; got 0"),
        ((__file__, "--out", "no/where/x"), "--out needs a folder that is there; got no/where/x"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_a_sentence(arguments: tuple[str, ...], said: str) -> None:
    assert stalegrid("audit", *arguments, code=2).stderr == f"stalegrid: {said}\n"


def test_no_history_at_all_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    assert stalegrid("audit", str(tmp_path / "empty.jsonl"), "--format", "json").stdout == ""
    stalegrid("audit", str(tmp_path / "empty.jsonl"))
