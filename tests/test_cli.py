"""The commands as they are typed: list, demo, bench, and what they say of bad input; compare has a file of its own."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stalegrid import __version__
from stalegrid.bench_parts import PARTS, Job
from stalegrid.cli import app
from stalegrid.protocols.config import AXES
from stalegrid.protocols.presets import NOT_YET, PRESETS, resolve
from stalegrid.rates import measure
from stalegrid.reading import make_rules
from stalegrid.terminal import program
from stalegrid.world.scenarios import SCENARIOS

COMMANDS = ("list", "compare", "audit", "export", "demo", "view", "record", "replay", "play", "bench")


def stalegrid(*arguments: str, code: int = 0) -> Result:
    """Run a command as in a terminal of 80 columns."""
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "80"})
    assert done.exit_code == code, done.output
    return done


def words(text: str) -> str:
    """Return a text without its line breaks."""
    return " ".join(text.split())


def test_help_names_the_commands_and_each_has_help_without_a_cut() -> None:
    said = stalegrid("--help").stdout
    for listing in (said, stalegrid("check", "--help").stdout):
        assert "..." not in listing.replace("[ARGS]...", "")
    for command in COMMANDS:
        assert re.search(rf"^\s+{command} +\S.*\.$", said, re.MULTILINE)
        help_text = stalegrid(command, "--help").stdout
        assert "--size" in help_text or command in ("demo", "replay")
        assert "..." not in re.sub(r"FILE\W?\.\.\.", "", help_text)


def test_every_measuring_command_takes_the_same_flags() -> None:
    for command in ("compare", "audit", "export", "demo", "bench"):
        said = stalegrid(command, "--help").stdout
        for flag in ("--scenario", "--protocol", "--agents", "--think", "--set", "--out"):
            assert flag in said, (command, flag)


def test_list_names_everything_there_is_and_nothing_that_is_still_to_come() -> None:
    said = stalegrid("list", "--markdown").stdout
    for name in (*SCENARIOS, *PRESETS, *AXES, "naive", "careful", "random"):
        assert f"| {name} |" in said
    for name in set(NOT_YET) - set(AXES):
        assert f"| {name} |" not in said
    for name, axis in AXES.items():
        line = next(line for line in said.splitlines() if line.startswith(f"| {name} |"))
        assert line.split("|")[3].strip() == ", ".join(axis.values)
        assert not set(line.split("|")[3].split(", ")) & set(axis.later)


def test_list_fits_a_terminal() -> None:
    for arguments in ((), ("drawbridge",), ("occ",)):
        said = stalegrid("list", *arguments).stdout
        assert max(len(line) for line in said.splitlines()) <= 80
        assert "…" not in said


@pytest.mark.parametrize("name", SCENARIOS)
def test_list_of_a_scenario_gives_its_facts_and_its_action_table(name: str) -> None:
    said = stalegrid("list", name, "--markdown").stdout
    assert said.startswith(f"# {name}\n")
    for head in ("## Map", "## Sites", "## Tasks", "## Goals", "## Sizes and dials", "## Actions"):
        assert f"\n{head}\n" in said
    assert "| 0 | wait |" in said
    for site in make_rules(name).site_names:
        assert f"| {site} |" in said


def test_list_of_a_scenario_goes_by_its_size() -> None:
    assert "| 8 | tell deck |" in stalegrid("list", "drawbridge", "--markdown").stdout
    assert "size tiny: 2 agents, 6 x 13 cells" in stalegrid("list", "drawbridge", "--size", "tiny", "--markdown").stdout


@pytest.mark.parametrize("name", PRESETS)
def test_list_of_a_protocol_gives_its_axes_and_what_they_exclude(name: str) -> None:
    said = stalegrid("list", name, "--markdown").stdout
    assert said.startswith(f"# {name}\n")
    for axis in PRESETS[name]:
        assert f"| {axis} |" in said
    assert "Excludes: " in said


def test_list_says_which_hazards_follow_from_the_axes() -> None:
    assert "Excludes: lost update." in stalegrid("list", "object_cas").stdout
    assert "Excludes: action-message desync, lost update, stale correction, stale read." in words(
        stalegrid("list", "occ").stdout
    )
    assert "Excludes: nothing." in stalegrid("list", "fresh").stdout


def test_the_demo_tells_what_goes_wrong_and_what_is_refused_and_ends_with_the_table_and_three_commands() -> None:
    said = words(stalegrid("demo", "--no-picture").stdout)
    wrong, refused = said.index("without a protocol"), said.index("with stamped")
    assert wrong < said.index("the operator acts on *deck empty*") < refused
    assert re.search(r"ticks old\. It is not: \d on the deck", said)
    assert refused < said.index("would act on *deck empty*")
    assert said.index("refused. ") < said.index("The same over 64 seeds") < said.index("Next:")
    assert said.count("stalegrid ", said.index("Next:")) == 3


def test_a_program_that_the_shell_would_not_find_is_named_by_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    for called, named in ((".venv/bin/stalegrid", ".venv/bin/stalegrid"), ("/lib/stalegrid/__main__.py", "stalegrid")):
        monkeypatch.setattr(sys, "argv", [called])
        assert program() == named
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sys, "argv", [".venv/bin/stalegrid"])
    assert program() == "stalegrid"


def test_the_demo_tells_the_same_seed_the_same_way() -> None:
    assert stalegrid("demo", "--no-picture").stdout == stalegrid("demo", "--no-picture").stdout
    said = stalegrid("demo", "--no-picture", "--seed", "7", "--scenario", "ledger", "--protocol", "occ").stdout
    assert "This is seed 7." in words(said)
    assert "that update is lost" in words(said)
    assert "with occ" in said


def test_the_demo_writes_its_picture(tmp_path: Path) -> None:
    out = tmp_path / "told.gif"
    arguments = ("demo", "--scenario", "ledger", "--agents", "2", "--set", "counters=1", "--set", "jobs=2")
    assert "The picture: " in stalegrid(*arguments, "--out", str(out)).stdout
    assert out.read_bytes()[:6] == b"GIF89a"


def test_without_the_extra_the_demo_tells_all_but_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio", None)
    monkeypatch.setitem(sys.modules, "imageio.v3", None)
    out = tmp_path / "told.gif"
    arguments = ("demo", "--scenario", "ledger", "--agents", "2", "--set", "counters=1", "--set", "jobs=2")
    said = words(stalegrid(*arguments, "--out", str(out)).stdout)
    assert 'pip install "stalegrid[render]"' in said
    assert "The same over 64 seeds" in said
    assert not out.exists()


def test_the_version_is_told() -> None:
    assert stalegrid("--version").stdout.split() == ["stalegrid", __version__]


def test_bench_measures_and_names_the_machine(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    quick = ("bench", "--seconds", "0.05", "--worlds", "8", "--size", "tiny", "--scenario", "ledger,disjoint")
    said = stalegrid(*quick, "--what", "log,limits", "--protocol", "occ", "--out", str(out)).stdout
    assert "…" not in said
    assert "Python" in said
    rows = json.loads(out.read_text())
    assert [(row["part"], row["scenario"], row["what"]) for row in rows] == [
        ("log", "ledger", "log off"), ("log", "ledger", "log on"),
        ("log", "disjoint", "log off"), ("log", "disjoint", "log on"),
        ("limits", "ledger", "observations copied"), ("limits", "ledger", "dicts of nothing"),
        ("limits", "disjoint", "observations copied"), ("limits", "disjoint", "dicts of nothing"),
    ]  # fmt: skip
    assert (rows[2]["protocol"], rows[2]["agents"], rows[2]["grid"], rows[2]["worlds"]) == ("occ", 2, "7x9", 8)
    assert all(row["agent_steps"] > 0 and row["machine"] for row in rows)
    assert all(row["agent_steps"] >= row["decisions"] >= row["commits"] > 0 for row in rows[:4])


def test_bench_tailors_its_batches_where_asked_to(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    quick = ("--seconds", "0.05", "--worlds", "8", "--size", "tiny", "--scenario", "ledger")
    said = stalegrid("bench", *quick, "--what", "log", "--tailor", "--out", str(out)).stdout
    assert "8 worlds, 64 ticks a call, batches tailored" in " ".join(said.split())
    assert all(row["tailored"] and row["agent_steps"] > 0 for row in json.loads(out.read_text()))


SLOW = ("views", "tailoring", "presets", "compile", "growth", "phases")


@pytest.mark.parametrize("part", [part for part in PARTS if part not in SLOW])
def test_every_part_of_the_benchmark_gives_rows_with_figures(part: str) -> None:
    job = Job("ledger", resolve("stamped_epochs"), "tiny", 4, 0.001)
    rows = list(PARTS[part](job))
    assert len(rows) >= 2
    assert len({row["what"] for row in rows}) == len(rows)
    assert all(row["agent_steps"] > 0 for row in rows)


def test_the_benchmark_of_teams_also_keeps_the_sites_and_leaves_out_what_does_not_fit() -> None:
    job = Job("warehouse", resolve("stamped_epochs"), "medium", 4, 0.001)
    rows = list(PARTS["agents"](job))
    own = ["8 on 21 sites", "2 on 16 sites", "4 on 17 sites", "16 on 25 sites", "32 on 37 sites", "64 on 57 sites"]
    same = ["4 on 21 sites", "16 on 21 sites", "32 on 21 sites", "64 on 21 sites"]
    assert [row["what"] for row in rows] == own + same
    assert (rows[0]["times_first"], rows[0]["ns_a_tick"]) == (1, 8 * rows[0]["ns_an_agent"])
    job = Job("moved_key", resolve("none"), "small", 4, 0.001)
    assert [row["what"] for row in PARTS["agents"](job)] == ["6 on 28 sites", "2 on 10 sites", "4 on 19 sites"]


def test_a_team_that_never_fits_is_told() -> None:
    job = Job("moved_key", resolve("none"), "small", 4, 0.001, settings={"shifts": 40})
    with pytest.raises(ValueError, match="does not fit"):
        list(PARTS["grids"](job.with_settings(keys=30)))


def test_a_load_whose_observations_stay_is_no_measurement() -> None:
    load = Job("disjoint", resolve("none"), "tiny", 2, 0.001).batch()
    load.run = lambda: None  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="still: the observations did not move, so nothing was measured"):
        measure({"still": load}, 0.001)


def test_a_world_in_which_all_think_for_a_while_is_measured() -> None:
    load = Job("ledger", resolve("none"), "tiny", 2, 0.001).batch()
    quiet, run = iter(range(15)), load.run
    load.run = lambda: run() if next(quiet, None) is None else None  # type: ignore[method-assign]
    assert measure({"quiet for a while": load}, 0.001)["quiet for a while"].agent_steps > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "silo"), f"nothing is called 'silo'; there are {', '.join(SCENARIOS)}, none, fresh"),
        (("list", "ticket"), "nothing is called 'ticket'; there are"),
        (("list", "ledger", "--size", "huge"), "unknown size 'huge'; ledger has tiny, small, medium, large"),
        (("demo", "--scenario", "disjoint"), "disjoint has no hazard to tell; there is one in ledger, drawbridge"),
        (("demo", "--scenario", "silo"), f"unknown scenario 'silo'; available are {', '.join(SCENARIOS)}"),
        (("demo", "--protocol", "lease"), "protocol 'lease' is not available yet; available are none"),
        (("demo", "--protocol", "none"), "the demo tells a protocol beside none: give another, such as stamped"),
        (("demo", "--seed", "-1"), "seeds lie between 0 and 2**64 - 1; got 1 from -1"),
        (("demo", "--set", "reads=admission"), "the demo takes a protocol by name; it has no --set reads"),
        (("demo", "--out", "no/such/folder/demo.gif"), "--out needs a folder that is there"),
        (("check", "matrix", "--claimed", "--out", "m.md"), "--claimed is for the terminal: --markdown with --out"),
        (("check", "matrix", "--claimed", "--format", "json"), "--claimed is for the terminal"),
        (("check", "matrix", "--claimed", "--markdown"), "--claimed is for the terminal and --markdown for a file"),
        (("bench", "--ticks", "0"), "ticks are a whole number from 1; got 0"),
        (("bench", "--worlds", "0"), "worlds and seconds are above 0; got 0"),
        (("bench", "--seconds", "nan"), "worlds and seconds are above 0; got 256 and nan"),
        (("bench", "--out", "."), "--out is a file to write; got the folder ."),
        (("bench", "--what", ""), "--what is some of views, presets, log"),
        (("bench", "--what", "frames"), "--what is some of views, presets, log"),
        (("bench", "--format", "csv"), "--format is table or json; got 'csv'"),
        (("bench", "--scenario", "silo"), "unknown scenario 'silo'"),
        (("bench", "--set", "order=ticket"), "ticket' is not available yet; available are 'none', 'first committer"),
    ],
)
def test_bad_input_is_refused_with_what_is_allowed(arguments: tuple[str, ...], said: str) -> None:
    done = stalegrid(*arguments, code=2)
    assert said in done.stderr
    assert done.stdout == ""


def test_audit_tells_levels_certificate_and_a_witness_with_its_events() -> None:
    done = stalegrid("audit", "--scenario", "ledger", "--size", "tiny", "--seed", "3")
    text = words(done.stdout)
    for said in ("pre", "headline", "observed", "read-committed", "lost update (pre):", "decides to add counter 0 on"):
        assert said in text


def test_audit_prints_an_episode_as_any_history_an_object_a_line_and_what_it_knows_besides(tmp_path: Path) -> None:
    flags = ("audit", "--scenario", "guards", "--size", "tiny", "--format", "json")
    lines = stalegrid(*flags, "--seeds", "2").stdout.splitlines()
    for seed, line in enumerate(lines, 1_000_000):
        found = json.loads(line)
        assert list(found)[:4] == ["id", "levels", "anomalies", "witnesses"]
        assert found["id"] == f"guards, none, seed {seed}"
        assert (found["bracket"], found["anomalies"], found["held"]) == ("headline", ["G2-item"], "snapshot-isolation")
        (witness,) = found["witnesses"]
        assert list(witness) == ["anomaly", "transactions", "steps", "events"]
        assert len(witness["events"]) == len(witness["transactions"]) + len(witness["steps"])
        assert [one["bracket"] for one in found["other_brackets"]] == ["pre", "observed"]
        assert found["certificate"] is None
    assert len(lines) == 2
    out = tmp_path / "verdicts.jsonl"
    stalegrid(*flags, "--protocol", "two_phase_locking", "--bracket", "pre", "--out", str(out))
    (held,) = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert (held["bracket"], held["held"], held["other_brackets"]) == ("pre", "strict-serializable", [])
    assert held["certificate"]["holds"]


def test_what_export_writes_is_one_history_a_line(tmp_path: Path) -> None:
    out = tmp_path / "histories.jsonl"
    asked = ("export", "--scenario", "ledger", "--size", "tiny", "--seeds", "3", "--out", str(out))
    stalegrid(*asked)
    told = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["id"] for one in told] == [f"ledger, none, seed {1_000_000 + n}" for n in range(3)]
    assert set(told[0]) == {"id", "order", "base", "txns"}
    written = out.read_bytes()
    stalegrid(*asked, "--history")
    assert out.read_bytes() == written
    assert "audit takes files of histories, or --scenario" in stalegrid("audit", code=2).stderr
