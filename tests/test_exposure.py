"""The probe: the auditor counts as exposed what the closed form says, and on each act what the random numbers say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from stalegrid import exposure as probe
from stalegrid.agents.mind import View
from stalegrid.cli import app
from stalegrid.compare import Cell as Comparable
from stalegrid.episodes import Episode, run_episodes
from stalegrid.exposure import Cell, check, closed_form, measure, reads_of
from stalegrid.protocols.presets import resolve
from stalegrid.reading import make_rules
from stalegrid.world import log
from stalegrid.world.audit import audit_episode
from stalegrid.world.entropy import TIE, KeyedUniform, draw
from stalegrid.world.scenarios import SCENARIOS
from stalegrid.world.state import HAZARDS, LEVELS

FIRST = 1_000_000
GRID = [
    Cell(agents, rate, overlap, think, law, sight)
    for agents, rate, overlap in ((2, 40, 50), (6, 10, 20), (11, 4, 100))
    for think, law in ((0, "constant"), (3, "uniform"), (4, "geometric"), (4, "lognormal"))
    for sight in ("all", 0)
]  # fmt: skip
VARIED = [
    Cell(agents=2, rate=40, overlap=50, think=3),
    Cell(agents=6, rate=100, overlap=100, think=0),
    Cell(agents=12, rate=5, overlap=40, think=4, law="geometric"),
    Cell(agents=4, rate=20, overlap=50, sight=1),
    Cell(agents=4, rate=5, overlap=50, sight=0),
]


def at(waits: list[int], agents: int, rate: float, overlap: float) -> float:
    return closed_form(np.array(waits), agents, rate, overlap)


def episodes_of(cell: Cell, seeds: int, protocol: str = "none") -> list[Episode]:
    return run_episodes(cell.rules(), resolve(protocol), "naive", range(FIRST, FIRST + seeds))


# ---------------------------------------------------------------------- the closed form


def test_it_is_what_one_computes_by_hand() -> None:
    # One writer: half of the time it comes before the reader in the tick of the act.
    assert at([0], 2, 0.5, 1.0) == pytest.approx(0.5 * 0.5)
    assert at([1], 2, 0.5, 1.0) == pytest.approx(1 - 0.5 * 0.75)
    # Two writers, one whole tick: none, one or two more opportunities.
    assert at([1], 3, 1.0, 0.1) == pytest.approx(1 - 0.9**2 * (1 + 0.9 + 0.81) / 3)
    # Acts that waited differently are averaged, not their waits.
    assert at([0, 2], 2, 0.5, 0.5) == pytest.approx((at([0], 2, 0.5, 0.5) + at([2], 2, 0.5, 0.5)) / 2)
    # All write always: only a reader that does not think and comes first is spared.
    assert at([0], 6, 1.0, 1.0) == pytest.approx(5 / 6)
    assert at([1], 6, 1.0, 1.0) == 1.0


def test_it_is_the_share_of_q_over_whole_ticks_times_that_of_the_last() -> None:
    q = 1 - (1 - 0.1 * 0.2) ** 5
    last = (1 - (1 - 0.02) ** 6) / (6 * 0.02)
    assert at([3, 6, 9], 6, 0.1, 0.2) == pytest.approx(1 - np.mean([(1 - q) ** w for w in (3, 6, 9)]) * last)


@pytest.mark.parametrize(("agents", "rate", "overlap"), [(1, 1.0, 1.0), (6, 0.0, 1.0), (6, 1.0, 0.0)])
def test_it_is_zero_where_nobody_writes_the_hot_site(agents: int, rate: float, overlap: float) -> None:
    assert at([0, 6, 100], agents, rate, overlap) == 0


# ---------------------------------------------------------------------- measured


def test_the_auditor_agrees_with_it_on_a_grid_of_cells() -> None:
    rows = check(GRID, 8, FIRST, lambda many: None)
    assert [row for row in rows if not row["agrees"]] == []
    assert min(row["reads"] for row in rows) == 8 * 32 / 2
    shares = [row["measured"] for row in rows]
    assert min(shares) < 0.1
    assert max(shares) > 0.7


@pytest.mark.parametrize("cell", VARIED)
def test_each_act_is_exposed_if_and_only_if_a_writer_drew_a_write_at_one_of_its_opportunities(cell: Cell) -> None:
    rules, share = cell.rules(), cell.rate / 100 * (cell.overlap / 100)
    found = 0
    for episode in episodes_of(cell, 8):
        acts = episode.events[(episode.events["kind"] == log.ACT) & (episode.events["agent"] == 0)]
        ticks = acts["tick"][-1:] if cell.is_blind else acts["tick"]
        waits, exposed = reads_of(rules, episode.events)
        drawn = writes_drawn(cell.agents, episode.seed, int(ticks.max()), share)
        for tick, whole, is_exposed in zip(ticks.tolist(), waits.tolist(), exposed.tolist(), strict=True):
            before_me = [
                a for a in range(1, cell.agents) if order(episode.seed, tick, a) < order(episode.seed, tick, 0)
            ]
            opportunities = [*drawn[tick - whole : tick, 1:].ravel(), *drawn[tick, before_me]]
            assert len(opportunities) == whole * (cell.agents - 1) + len(before_me)
            assert is_exposed == any(opportunities), (episode.seed, tick)
            found += is_exposed
    assert found


def writes_drawn(agents: int, seed: int, ticks: int, share: float) -> NDArray[np.bool_]:
    """Return whether each agent would write the hot site in each tick, [ticks + 1, agents]; nobody does in tick 0."""
    drawn = np.zeros((ticks + 1, agents), np.bool_)
    for agent in range(1, agents):
        chance = KeyedUniform(seed, agent)
        drawn[1:, agent] = [chance.random() < share for _ in range(ticks)]
    return drawn


def order(seed: int, tick: int, agent: int) -> tuple[int, int]:
    """Return an agent's place among the acts of a tick."""
    return draw(seed, TIE, tick, agent), agent


@pytest.mark.parametrize("cell", VARIED)
def test_every_writer_decides_in_every_tick_and_is_done_in_it(cell: Cell) -> None:
    for episode in episodes_of(cell, 4):
        events = episode.events[(episode.events["agent"] > 0) & (episode.events["tick"] > 0)]
        chosen = events[np.isin(events["kind"], (log.CHOOSE, log.DECIDE))]
        assert len(chosen) == (cell.agents - 1) * int(episode.events["tick"][-1])
        assert not events["b"][events["kind"] == log.CHOOSE].any()  # nothing is masked out
        done = [events[["tick", "agent"]][events["kind"] == kind].tolist() for kind in (log.DECIDE, log.COMMIT)]
        assert sorted(done[0]) == sorted(done[1])


@pytest.mark.parametrize("think", [1, 3, 6, 12])
def test_twice_the_think_time_is_more_exposure(think: int) -> None:
    short, long = (measure(Cell(think=ticks), 12, FIRST) for ticks in (think, 2 * think))
    assert long["closed_form"] > short["closed_form"]
    assert long["measured"] > short["measured"]


@pytest.mark.parametrize("sight", ["all", 0])
def test_without_overlap_nothing_is_exposed(sight: Any) -> None:
    row = measure(Cell(rate=100, overlap=0, sight=sight), 4, FIRST)
    assert (row["closed_form"], row["measured"], row["exposed"]) == (0, 0, 0)


def test_in_sight_w_is_the_think_time_and_out_of_sight_the_age_of_the_message() -> None:
    assert measure(Cell(think=5, law="constant"), 2, FIRST)["waited"] == 5
    # Two reads from tick 1 on: the second is decided in tick 1 + 6 and acts 5 ticks later.
    assert measure(Cell(think=5, law="constant", sight=0), 2, FIRST)["waited"] == 11


def test_without_thought_the_tick_of_the_act_alone_exposes() -> None:
    cell = Cell(agents=12, rate=10, overlap=50, think=0)
    row = measure(cell, 8, FIRST)
    assert row["interval"][0] <= row["closed_form"] <= row["interval"][1]
    assert row["interval"][0] > 0  # whole ticks alone would give 1 - (1 - q)^0


# ---------------------------------------------------------------------- levels and counters


@pytest.mark.parametrize(("sight", "hazard"), [("all", "stale_read"), (1, "stale_read"), (0, "action_message_desync")])
def test_kernel_and_auditor_count_the_same_and_nothing_but_exposure(sight: Any, hazard: str) -> None:
    cell, total = Cell(rate=20, overlap=50, sight=sight), 0
    for episode in episodes_of(cell, 8):
        report = audit_episode(cell.rules(), episode.events)
        assert episode.counts == report.counts
        hazards = {f"{name}.{level}" for name in HAZARDS for level in LEVELS}
        assert {name for name in hazards if report.counts[name]} <= {f"{hazard}.exposed"}
        total += report.counts[f"{hazard}.exposed"]
        if sight != 0:
            assert report.counts["stale_read.exposed"] == reads_of(cell.rules(), episode.events)[1].sum()
    assert total


def test_a_version_check_refuses_what_did_not_matter_and_says_so() -> None:
    cell = Cell(rate=20, overlap=50)
    reports = [audit_episode(cell.rules(), episode.events) for episode in episodes_of(cell, 8, "sight_check")]
    assert sum(report.counts["stale_read.false_reject"] for report in reports) > 50
    assert sum(report.counts["stale_read.prevented"] for report in reports) == 0


@pytest.mark.parametrize("size", SCENARIOS["exposure"].sizes)
@pytest.mark.parametrize("think", [0, 6, 24])
def test_serial_makes_every_read_within_the_bound(size: str, think: int) -> None:
    for settings in ({}, {"rate": 100}):
        rules = Comparable("exposure", "serial", size=size, settings=(("think", think), *settings.items())).rules()
        bound = rules.blueprint.bound(int(rules.thought.max()), 0)
        for episode in run_episodes(rules, resolve("serial"), "naive", range(FIRST, FIRST + 4)):
            report = audit_episode(rules, episode.events)
            assert report.goals_met == report.goals
            assert report.ticks <= bound


# ---------------------------------------------------------------------- dials and minds


def test_rate_and_overlap_are_per_cent_and_reach_the_minds() -> None:
    rules = make_rules("exposure", rate=0, overlap=100)
    assert (rules.parameters["rate"], rules.parameters["overlap"]) == (0, 100)
    assert View((), rules.actions, 1.0, rules.parameters).parameters is rules.parameters
    for name in ("rate", "overlap"):
        for wrong in (-1, 101, 0.5, True):
            with pytest.raises(ValueError, match=f"{name} is a whole number from 0 to 100; got {wrong}"):
                make_rules("exposure", **{name: wrong})


def test_a_writer_writes_at_its_rate_and_the_hot_site_at_its_overlap() -> None:
    cell = Cell(agents=6, rate=40, overlap=25, think=12)
    events = np.concatenate([episode.events for episode in episodes_of(cell, 4)])
    mine = events[events["agent"] > 0]
    chosen = np.isin(mine["kind"], (log.CHOOSE, log.DECIDE)).sum()
    written = mine[mine["kind"] == log.WRITE]
    assert len(written) / chosen == pytest.approx(0.4, abs=0.02)
    assert (written["site"] == cell.rules().site_index["hot"]).mean() == pytest.approx(0.25, abs=0.02)
    own = written[written["site"] != cell.rules().site_index["hot"]]
    assert (own["site"] == own["agent"] + 1).all()


# ---------------------------------------------------------------------- the command


def command(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, ["check", "exposure", *arguments], env={"COLUMNS": "80"})
    assert done.exit_code == code, done.output
    return done


def test_the_command_prints_a_table_that_fits_and_rows_that_say_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(probe, "CELLS", (*VARIED, Cell(law="lognormal", sight=0, overlap=100, rate=100)))
    said = command("--seeds", "2").stdout
    assert max(map(len, said.splitlines())) <= 80
    assert "…" not in said
    assert "6 of 6 agree" in said
    rows = json.loads(command("--seeds", "2", "--format", "json", "--out", str(tmp_path / "rows.json")).stdout or "[]")
    assert rows == []
    rows = json.loads(command("--seeds", "2", "--format", "json").stdout)
    assert rows == json.loads((tmp_path / "rows.json").read_text())
    assert [row["agents"] for row in rows] == [cell.agents for cell in probe.CELLS]
    assert [f"{row['measured']:.3f}" in said for row in rows] == [True] * len(rows)


def test_the_exit_code_is_one_if_a_cell_disagrees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "CELLS", (replace(VARIED[0], rate=50),))
    monkeypatch.setattr(probe, "closed_form", lambda *given: closed_form(*given) / 2)
    assert "NO" in command("--seeds", "4", code=1).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "csv"), "--format is table or json; got 'csv'"),
        (("--seeds", "0"), "seeds is a whole number from 1; got 0"),
        (("--seed", "-1"), "seeds lie between 0 and 2**64 - 1"),
        (("--out", "no/such/folder/rows.json"), "--out needs a folder that is there"),
    ],
)
def test_bad_input_is_refused_with_what_is_allowed(arguments: tuple[str, ...], said: str) -> None:
    done = command(*arguments, code=2)
    assert said in done.stderr
    assert done.stdout == ""
