"""`stalegrid compare`: what a row says, that it says it again, and what is left of it after an interruption."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stalegrid import Control, Stale
from stalegrid.cli import app
from stalegrid.compare import Cell, Comparison, all_cells, default_cells
from stalegrid.episodes import run_episodes
from stalegrid.protocols.presets import PRESETS
from stalegrid.rows import run_rows
from stalegrid.tables import decisive
from stalegrid.world.audit import audit_episode
from stalegrid.world.scenarios import SCENARIOS
from stalegrid.world.state import HAZARDS

KEYS = (
    "scenario", "protocol", "mind", "agents", "think", "delay", "contention", "seeds", "success", "compatibility",
    "efficiency", "inference", "wasted_inference", "blocked", "hazards", "outdated_belief", "drift", "victims",
    "false_stall", "invariant_violations", "accidents", "messages", "slips", "intervals", "versus_none",
    "versus_serial", "corrections", "digest",
)  # fmt: skip


def compare(*arguments: str, code: int = 0) -> Result:
    """Run the command on a few tiny episodes."""
    small = () if "--seeds" in arguments else ("--seeds", "4")
    done = CliRunner().invoke(app, ["compare", "--size", "tiny", *small, *arguments])
    assert done.exit_code == code, done.output
    return done


def rows_of(*arguments: str) -> list[dict[str, Any]]:
    """Return the rows that the command prints as JSON."""
    rows: list[dict[str, Any]] = json.loads(compare("--format", "json", *arguments).stdout)
    return rows


def test_a_row_has_exactly_the_keys_that_were_promised() -> None:
    for row in rows_of():
        assert tuple(row) == KEYS
        assert tuple(row["hazards"]) == HAZARDS
        for levels in row["hazards"].values():
            assert tuple(levels) == ("exposed", "decisive", "prevented", "false_reject", "retries")
        assert tuple(row["intervals"]) == ("success", "efficiency", "inference")
        assert tuple(row["versus_none"]) == tuple(row["versus_serial"]) == ("difference", "interval")


def test_audited_rows_say_which_level_was_held_and_how_isolated_each_agent_was() -> None:
    none, cure, serial = rows_of("--scenario", "guards", "--audit")
    for row in (none, cure, serial):
        assert tuple(row) == (*KEYS, "isolation")
        assert list(row["isolation"]["agents"]) == ["guard_0", "guard_1"]
        assert sum(row["isolation"]["episodes"].values()) == row["seeds"]
    assert none["isolation"]["held"] == "snapshot-isolation"
    assert none["compatibility"] == none["isolation"]["isolated"] < 1
    assert none["isolation"]["backward"] > 0
    assert list(none["isolation"]["anomalies"]) == ["G2-item"]
    assert serial["isolation"]["held"] == cure["isolation"]["held"] == "strict-serializable"
    assert serial["isolation"]["certificates"] == {"checked": 4, "broken": 0}
    said = compare("--scenario", "guards", "--audit").stdout
    assert "snapshot-isolation" in said
    assert "…" not in said
    lines = list(
        csv.DictReader(io.StringIO(compare("--scenario", "guards,ledger", "--audit", "--format", "csv").stdout))
    )
    assert lines[0]["isolation.agents.guard_1"]
    assert not lines[-1]["isolation.agents.guard_1"]


def test_compatibility_is_null_only_where_nothing_was_committed() -> None:
    rows = rows_of("--all", "--seeds", "2")
    assert all(0 <= row["compatibility"] <= 1 for row in rows)
    assert {row["compatibility"] for row in rows if row["protocol"] in ("two_phase_locking", "serial")} == {1.0}


def test_without_arguments_each_hazard_meets_none_its_cure_and_serial_on_64_test_seeds() -> None:
    cells = default_cells()
    assert [(cell.scenario, cell.name) for cell in cells] == [
        ("ledger", "none"), ("ledger", "object_cas"), ("ledger", "serial"),
        ("drawbridge", "none"), ("drawbridge", "stamped"), ("drawbridge", "serial"),
        ("moved_key", "none"), ("moved_key", "sight_check"), ("moved_key", "serial"),
        ("refactor", "none"), ("refactor", "sight_check"), ("refactor", "serial"),
        ("guards", "none"), ("guards", "sight_check"), ("guards", "serial"),
        ("reroute", "none"), ("reroute", "epoch_plans"), ("reroute", "serial"),
    ]  # fmt: skip
    assert {(one.seeds, one.first_seed, one.mind, one.size) for one in cells} == {(64, 1_000_000, "naive", "small")}
    assert {(cell.scenario, cell.name) for cell in all_cells()} == {(s, p) for s in SCENARIOS for p in PRESETS}


def test_counts_are_means_over_the_episodes_from_seed_one_million() -> None:
    cell = Cell("drawbridge", "stamped", seeds=6)
    row = Comparison().row(cell)
    episodes = run_episodes(cell.rules(), cell.config, "naive", range(1_000_000, 1_000_006))
    reports = [audit_episode(cell.rules(), episode.events) for episode in episodes]
    for hazard, levels in row["hazards"].items():
        for level, mean in levels.items():
            assert mean == sum(report.counts[f"{hazard}.{level}"] for report in reports) / 6
    for counter in KEYS[KEYS.index("outdated_belief") : KEYS.index("intervals")]:
        assert row[counter] == sum(report.counts[counter] for report in reports) / 6
    assert row["success"] == pytest.approx(sum(report.goals_met / report.goals for report in reports) / 6)
    assert row["digest"] == hashlib.sha256("".join(episode.digest for episode in episodes).encode()).hexdigest()
    assert (row["agents"], row["think"], row["delay"], row["seeds"]) == (5, 6, 6, 6)


def test_a_row_is_the_same_each_time_and_other_seeds_give_another() -> None:
    assert rows_of() == rows_of()
    first, later = rows_of("--scenario", "ledger"), rows_of("--scenario", "ledger", "--seed", "1000004")
    assert not {row["digest"] for row in first} & {row["digest"] for row in later}


def test_none_and_serial_differ_from_themselves_by_nothing() -> None:
    none, _, serial = rows_of("--scenario", "ledger")
    assert none["versus_none"] == serial["versus_serial"] == {"difference": 0.0, "interval": [0.0, 0.0]}
    assert serial["efficiency"] == serial["inference"] == 1.0
    assert none["versus_serial"]["difference"] == -serial["versus_none"]["difference"]


def test_what_has_no_meaning_is_null_or_an_empty_cell_or_a_dash() -> None:
    arguments = ("--scenario", "ledger", "--protocol", "none", "--set", "max_cycles=1")
    (row,) = rows_of(*arguments)
    assert row["compatibility"] is None
    assert row["efficiency"] is row["inference"] is None
    assert row["intervals"]["efficiency"] == [None, None]
    (cells,) = csv.DictReader(io.StringIO(compare("--format", "csv", *arguments).stdout))
    assert cells["compatibility"] == cells["intervals.efficiency.low"] == ""
    line = next(line for line in compare(*arguments).stdout.splitlines() if line.startswith("none"))
    assert line.split()[3:5] == ["-", "-"]


def test_csv_has_the_numbers_of_json_under_dotted_names() -> None:
    rows = rows_of()
    lines = list(csv.DictReader(io.StringIO(compare("--format", "csv").stdout)))
    assert len(lines) == len(rows)
    for row, line in zip(rows, lines, strict=True):
        assert line["scenario"] == row["scenario"]
        assert float(line["hazards.lost_update.decisive"]) == row["hazards"]["lost_update"]["decisive"]
        assert float(line["intervals.success.low"]) == row["intervals"]["success"][0]
        assert float(line["versus_serial.interval.high"]) == row["versus_serial"]["interval"][1]


@pytest.mark.parametrize("minds", ["naive", pytest.param("naive,careful", marks=pytest.mark.long)])
def test_the_table_fits_80_columns_and_cuts_nothing_off(minds: str) -> None:
    done = CliRunner().invoke(app, ["compare", "--seeds", "2", "--all", "--mind", minds], env={"COLUMNS": "80"})
    assert done.exit_code == 0
    assert "…" not in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    for word in (*SCENARIOS, *PRESETS, "lost update", "regains 100% of S(serial) - S(none)"):
        assert word in done.stdout


def test_ranks_are_judged_by_what_they_have_come_to() -> None:
    options = ["--protocol", "mtpo", "--scenario", "ledger", "--size", "tiny"]
    (row,) = rows_of(*options, "--audit")
    assert (row["compatibility"], row["isolation"]["certificates"]) == (1, {"checked": 4, "broken": 0})
    assert "certificate over" in CliRunner().invoke(app, ["audit", *options]).stdout
    broken = CliRunner().invoke(app, ["audit", *options, "--set", "judge=wrong", "--set", "misjudged=100"])
    assert broken.exit_code == 1
    assert "is broken" in broken.stdout


def test_several_minds_are_compared_one_after_the_other() -> None:
    rows = rows_of("--mind", "naive,careful", "--protocol", "none", "--scenario", "ledger,drawbridge")
    assert [(row["mind"], row["scenario"]) for row in rows] == [
        (mind, scenario) for mind in ("naive", "careful") for scenario in ("ledger", "drawbridge")
    ]


def test_flags_and_set_reach_the_world_and_the_protocol() -> None:
    (row,) = rows_of("--scenario", "ledger", "--protocol", "none", "--think", "3", "--set", "jobs=2", "--agents", "3")
    assert (row["think"], row["agents"]) == (3, 3)
    (lossy,) = rows_of("--scenario", "drawbridge", "--protocol", "stamped", "--delay", "9", "--set", "loss=0.5")
    (whole,) = rows_of("--scenario", "drawbridge", "--protocol", "stamped", "--delay", "9")
    assert lossy["delay"] == whole["delay"] == 9
    assert lossy["digest"] != whole["digest"]


def test_axes_are_set_on_top_of_a_preset() -> None:
    (axes,) = rows_of("--scenario", "ledger", "--protocol", "none", "--set", "scopes=written", "--set", "validated=act")
    (preset,) = rows_of("--scenario", "ledger", "--protocol", "object_cas")
    assert axes == preset  # digest included
    (varied,) = rows_of("--scenario", "ledger", "--protocol", "occ", "--set", "feedback=opaque")
    assert varied["protocol"] == "occ, feedback=opaque"
    (fewer,) = rows_of("--scenario", "ledger", "--protocol", "occ", "--set", "scopes=written+sensor")
    assert fewer["protocol"] == "occ, scopes=written+sensor"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scenario", "silo"), f"unknown scenario 'silo'; available are {', '.join(SCENARIOS)}"),
        (("--protocol", "magic"), "unknown protocol 'magic'; available are none, fresh, object_cas"),
        (("--protocol", "ticket"), "protocol 'ticket' is not available yet; available are none, fresh, object_cas"),
        (("--mind", "wise"), "unknown mind 'wise'; available are naive, careful, random"),
        (("--size", "huge"), "unknown size 'huge'; ledger has tiny, small, medium, large"),
        (("--format", "xml"), "--format is table, json or csv; got 'xml'"),
        (("--contention", "wild"), "--contention is some of low, usual, high; got 'wild'"),
        (("--scenario", "guards", "--contention", "high"), "guards has one level of contention, the usual one"),
        (("--contention", ""), "--contention is some of low, usual, high; got ''"),
        (("--counters", "--audit"), "audit or counters: isolation is judged from the log, with counters alone"),
        (("--workers", "0"), "workers is a whole number from 1; got 0"),
        (("--set", "tempo=3"), "--set knows no 'tempo'; settings are agents, boats"),
        (("--set", "think"), "--set takes key=value; got 'think'"),
        (("--set", "lease=ttl"), "lease = 'ttl' is not available yet; available are 'none'"),
        (("--set", "reads=often"), "reads = 'often' is unknown; available are 'decision', 'admission'"),
        (("--set", "scopes=message"), "none with scopes: scope 'message' needs messages = 'stamped'"),
        (("--set", "loss=2"), "loss: Input should be less than or equal to 1; got 2"),
        (("--scenario", "ledger", "--set", "boats=3"), "unknown setting 'boats'; ledger takes"),
        (("--seeds", "0"), "seeds is a whole number from 1; got 0"),
        (("--seed", "-1"), "seeds lie between 0 and 2**64 - 1; got 4 from -1"),
        (("--agents", "0"), "agents is a whole number from 1; got 0"),
        (("--out", "no/such/folder/rows.json"), "--out needs a folder that is there"),
    ],
)
def test_bad_input_is_refused_with_what_is_allowed_before_anything_runs(arguments: tuple[str, ...], said: str) -> None:
    done = compare(*arguments, code=2)
    assert said in done.stderr
    assert done.stdout == ""


def test_a_seed_beyond_64_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="seeds lie between 0 and"):
        run_rows([Cell("ledger", "none", seeds=2, first_seed=2**64 - 1)], None, lambda rows: None)


def test_out_holds_the_rows_and_leaves_no_journal(tmp_path: Path) -> None:
    for name, read in (("rows.json", json.loads), ("rows.csv", lambda text: list(csv.DictReader(io.StringIO(text))))):
        said = compare("--scenario", "ledger", "--out", str(tmp_path / name)).stdout
        assert said.startswith("protocol")  # the table is shown all the same
        assert [row["protocol"] for row in read((tmp_path / name).read_text())] == ["none", "object_cas", "serial"]
    assert compare("--format", "json", "--out", str(tmp_path / "quiet")).stdout == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["quiet", "rows.csv", "rows.json"]


def test_after_an_interruption_out_holds_the_finished_rows_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, measured = tmp_path / "rows.json", []
    whole = rows_of()
    row = Comparison.row

    def interrupted(self: Comparison, cell: Cell) -> dict[str, Any]:
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(cell.name)
        return row(self, cell)

    with monkeypatch.context() as fault:
        fault.setattr(Comparison, "row", interrupted)
        assert "the same command goes on from there" in " ".join(compare("--out", str(out), code=130).stderr.split())
    assert json.loads(out.read_text()) == whole[:2]
    journal = tmp_path / "rows.json.unfinished"
    assert len(journal.read_text().splitlines()) == 2

    # A mark in a finished row shows that it is taken from there; a row that was cut while it was written is not.
    lines = journal.read_text().replace('"mind": "naive"', '"mind": "kept"', 1)
    journal.write_text(lines + '["0123456789abcdef", {"scenario": "led')
    assert "going on with the finished rows" in compare("--out", str(out)).stderr
    assert json.loads(out.read_text()) == [{**whole[0], "mind": "kept"}, *whole[1:]]
    assert not journal.exists()


def test_the_rows_of_another_comparison_or_version_are_not_taken_from_a_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "journal"

    def stop(rows: list[dict[str, Any]]) -> None:
        raise KeyboardInterrupt

    cell = Cell("ledger", "none", size="tiny", seeds=2)
    with pytest.raises(KeyboardInterrupt):
        run_rows([cell], journal, stop)
    kept = journal.read_text().replace('"mind": "naive"', '"mind": "kept"')
    other = replace(cell, settings=(("think", 3),))
    journal.write_text(kept)
    assert run_rows([other], journal, lambda rows: None) == [Comparison().row(other)]
    journal.write_text(kept)
    assert run_rows([cell], journal, lambda rows: None)[0]["mind"] == "kept"
    journal.write_text(kept)
    monkeypatch.setattr("stalegrid.rows.__version__", "0.2.0")
    assert run_rows([cell], journal, lambda rows: None) == [Comparison().row(cell)]


class Open(Control):
    """A protocol of somebody's own: it refuses nothing."""

    name = "open door"


def test_a_protocol_of_ones_own_is_compared_like_any_other() -> None:
    mine, none = (Comparison().row(Cell("ledger", protocol, size="tiny", seeds=3)) for protocol in (Open(), "none"))
    assert mine["protocol"] == "open door"
    assert mine["hazards"] == none["hazards"]
    assert mine["versus_none"]["difference"] == 0.0


class Shut(Control):
    """A protocol of somebody's own with the same name, which refuses everything."""

    name = "open door"

    def __init__(self, shut: bool = True) -> None:
        self.shut = shut

    def check(self, world: Any, txn: Any, op: int, moment: Any) -> list[Stale]:
        return [Stale(0, 1)] if self.shut else []


@pytest.mark.parametrize("first", [Open(), Shut(False)], ids=["another class", "the same class otherwise"])
def test_finished_rows_are_not_taken_for_those_of_another_protocol_of_the_same_name(
    tmp_path: Path, first: Control
) -> None:
    journal = tmp_path / "rows.unfinished"

    def stop(rows: list[Any]) -> None:
        if len(rows) == 1:
            raise KeyboardInterrupt

    def left(protocol: Control) -> Cell:
        return Cell("ledger", protocol, size="tiny", seeds=2)

    with pytest.raises(KeyboardInterrupt):
        run_rows([left(first), Cell("ledger", "none", size="tiny")], journal, stop)
    kept = journal.read_text()
    (again,) = run_rows([left(first)], journal, lambda rows: None)
    assert again == json.loads(kept)[1]
    journal.write_text(kept)
    (row,) = run_rows([left(Shut())], journal, lambda rows: None)
    assert row["hazards"]["lost_update"]["false_reject"] > 0


def test_the_kernels_counters_alone_give_the_same_rows_without_what_needs_a_log() -> None:
    audited = rows_of("--scenario", "reroute,ledger")
    counted = rows_of("--scenario", "reroute,ledger", "--counters")
    for one, other in zip(audited, counted, strict=True):
        assert {name: one[name] for name in KEYS if name not in ("compatibility", "corrections", "digest")} == {
            name: other[name] for name in KEYS if name not in ("compatibility", "corrections", "digest")
        }
        assert (other["compatibility"], other["corrections"], other["digest"]) == (None, None, None)


@pytest.mark.parametrize(
    ("stake", "bound"), [(300, "< 1.0%"), (5_900, "< 0.1%"), (6_555, "< 0.05%"), (65_550, "< 0.005%")]
)
def test_what_a_zero_still_allows_is_never_printed_as_nothing(stake: int, bound: str) -> None:
    row = Comparison(counters=True).row(Cell("ledger", "serial", size="tiny", seeds=1))
    row["hazards"]["lost_update"]["prevented"] = stake
    assert decisive(row) == (f"0/{stake}", bound)


def test_rows_are_the_same_on_any_number_of_workers() -> None:
    pairs = [(name, protocol) for name in ("ledger", "guards") for protocol in ("none", "occ")]
    cells = [Cell(name, protocol, size="tiny", seeds=2) for name, protocol in pairs]
    told: list[int] = []
    alone = run_rows(cells, None, lambda rows: None)
    assert run_rows(cells, None, lambda rows: told.append(len(rows)), workers=2) == alone
    assert told == [1, 2, 3, 4]


class Killed(Control):
    """A protocol of somebody's own that gets a worker killed, as the system does where memory runs out."""

    name = "killed"

    def __reduce__(self) -> tuple[Callable[[int], None], tuple[int]]:
        return signal.raise_signal, (signal.SIGKILL,)


def test_a_killed_worker_is_told_in_a_sentence_with_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = [Cell("ledger", Killed(), size="tiny", seeds=1), Cell("guards", Killed(), size="tiny", seeds=1)]

    def killed(*arguments: Any) -> list[dict[str, Any]]:
        return run_rows(mine, None, lambda rows: None, workers=2)

    monkeypatch.setattr("stalegrid.cli.run_rows", killed)
    out = tmp_path / "rows.json"
    again = ", and the same command goes on from there"
    for arguments, finished, kept in (
        ((), 0, "; with --out FILE finished rows are kept" + again),
        (("--out", str(out)), 0, "; no row was finished"),
        (("--out", str(out)), 1, f"; the finished rows are in {out}" + again),
    ):
        if finished:
            (tmp_path / "rows.json.unfinished").touch()
        said = compare("--workers", "2", *arguments, code=2).stderr
        assert "one of 2 workers was killed" in said
        assert said.strip().endswith("take fewer workers" + kept)


class Slow(Control):
    """A protocol of somebody's own that a worker is long at, which then leaves a mark."""

    name = "slow"

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return eval, (f"__import__('time').sleep(20) or open({str(self.mark)!r}, 'w').close()",)


def test_who_breaks_off_does_not_wait_for_cells_that_are_under_way(tmp_path: Path) -> None:
    def stop(rows: list[Any]) -> None:
        raise KeyboardInterrupt

    mark, size = tmp_path / "mark", {"size": "tiny", "seeds": 1}
    with pytest.raises(KeyboardInterrupt):
        run_rows([Cell("ledger", Slow(mark), **size), Cell("ledger", "none", **size)], None, stop, workers=2)
    assert not mark.exists()


def test_more_contention_does_more_harm_and_none_to_the_serial_run() -> None:
    for name, scenario in SCENARIOS.items():
        if not scenario.contention or scenario.hazard is None:
            continue
        low, usual, high = (Comparison(counters=True).row(Cell(name, "none", seeds=16, contention=level))["success"]
                            for level in ("low", "usual", "high"))  # fmt: skip
        assert low >= usual - 0.02, name
        assert usual >= high - 0.02, name
        assert low > high, name


def test_a_scenario_without_levels_of_contention_has_the_usual_one() -> None:
    rows = rows_of("--scenario", "guards,ledger", "--protocol", "none", "--contention", "usual,high")
    assert [(row["scenario"], row["contention"]) for row in rows] == [
        ("guards", "usual"), ("ledger", "usual"), ("ledger", "high")
    ]  # fmt: skip
