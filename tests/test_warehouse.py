"""The warehouse: all four hazards at once, each taken away by its own defence, growing with the dials that say so."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import stalegrid
from stalegrid.episodes import count_episodes, run_episodes
from stalegrid.protocols.presets import PRESETS, resolve
from stalegrid.reading import make_rules
from stalegrid.world import log, scenario
from stalegrid.world.audit import EpisodeReport
from stalegrid.world.state import HAZARDS
from stalegrid.world.verbs import TAKE

from .schedules import RandomSchedule
from .test_engines_agree import compare

SAFE = ("occ", "full", "two_phase_locking", "serial")
QUICK = ("none", "stamped_epochs", "full", "two_phase_locking", "serial")
DEFENCE = {
    "object_cas": "lost_update", "sight_check": "stale_read", "stamped": "action_message_desync",
    "epoch_plans": "stale_correction",
}  # fmt: skip


@cache
def played(protocol: str, seeds: int, mind: str = "naive", size: str = "medium", **dials: Any) -> list[EpisodeReport]:
    rules = make_rules("warehouse", size=size, **dials)
    return list(count_episodes(rules, resolve(protocol), mind, range(seeds)))


def success(reports: list[EpisodeReport]) -> float:
    return float(np.mean([report.goals_met / report.goals for report in reports]))


def decisive(reports: list[EpisodeReport], *hazards: str) -> int:
    return sum(report.counts[f"{hazard}.decisive"] for report in reports for hazard in hazards or HAZARDS)


def test_without_a_protocol_all_four_hazards_bite_and_cost_goals() -> None:
    reports = played("none", 64)
    assert all(decisive(reports, hazard) > 0.8 * len(reports) for hazard in HAZARDS)
    assert success(reports) <= 0.75
    # Not one goal for one hazard: what is lost is lost in the world.
    assert any(decisive([one]) != one.goals - one.goals_met for one in reports)


@pytest.mark.parametrize("seeds", [8, pytest.param(64, marks=pytest.mark.long)])
@pytest.mark.parametrize("protocol", SAFE)
def test_they_vanish_where_everything_is_checked_locked_or_in_turn(protocol: str, seeds: int) -> None:
    reports = played(protocol, seeds)
    assert decisive(reports) == 0
    assert all(report.terminated for report in reports)
    assert success(reports) >= 0.95
    assert success(reports) - success(played("none", 64)) > 0.2


@pytest.mark.parametrize(("protocol", "hazard"), DEFENCE.items())
def test_each_defence_takes_its_own_hazard_away_and_wins_goals_back(protocol: str, hazard: str) -> None:
    reports, none = played(protocol, 16), played("none", 64)
    others = [name for name in HAZARDS if name != hazard]
    assert decisive(reports, hazard) == 0 < decisive(reports, *others)
    assert success(reports) > success(none)


@pytest.mark.parametrize("size", ["tiny", "small", pytest.param("large", marks=pytest.mark.long)])
@pytest.mark.parametrize("mind", ["naive", "careful"])
def test_serial_reaches_the_goals_at_every_size_and_with_both_minds(mind: str, size: str) -> None:
    reports = played("serial", 4, mind, size)
    assert decisive(reports) == 0
    assert success(reports) >= 0.95


@pytest.mark.parametrize(
    ("dial", "held", "values"),
    [("contention", {"overlap": 0}, (1, 2, 3, 4, 7)), ("overlap", {"contention": 1}, (0, 25, 50, 75, 100))],
)
def test_what_is_shared_goes_wrong_the_more_often_the_more_share_it(
    dial: str, held: dict[str, int], values: tuple[int, ...]
) -> None:
    found = [decisive(played("none", 24, **held, **{dial: value}), "stale_read", "lost_update") for value in values]
    assert found == sorted(found)
    assert found[0] == 0 < found[-1]
    first, last = (success(played("none", 24, **held, **{dial: value})) for value in (values[0], values[-1]))
    assert last < first


def test_the_careful_mind_does_better_without_a_protocol() -> None:
    assert success(played("none", 24, "careful")) > success(played("none", 64)) + 0.05


@pytest.mark.parametrize(
    "protocol", [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in PRESETS]
)
def test_both_engines_agree_on_it(protocol: str) -> None:
    for size, ticks, layout in (("tiny", 150, 0), ("small", 90, 5)):
        for think in (1, 5):
            rules = make_rules("warehouse", size=size, max_cycles=ticks, layout_seed=layout, think=think, delay=2)
            compare(RandomSchedule(rules, resolve(protocol), seed=think, world_seed=think))


def test_a_list_has_a_box_to_pick_and_then_an_amount_to_add_and_the_common_places_have_their_share() -> None:
    batch = stalegrid.vector_env("warehouse", worlds=64, size="medium", overlap=25, orders=8).batch
    rules = batch.rules
    batch.reset(np.arange(64, dtype=np.uint64))
    tasks = batch.state.job["task"][:, :-1]  # the dispatcher, who comes last, has none
    verbs = np.array([task.ops[0].verb for task in rules.tasks])
    assert (verbs[tasks[..., ::2]] == TAKE).all()
    assert (verbs[tasks[..., 1::2]] != TAKE).all()
    common = np.array(["common" in name for name in rules.task_names])
    assert 0.22 < common[tasks].mean() < 0.28


def test_an_empty_shelf_is_filled_ten_ticks_later_and_a_depot_is_left_three_ticks_after_its_last_route() -> None:
    rules = make_rules("warehouse", size="medium")
    (episode,) = run_episodes(rules, resolve("occ"), "naive", [3])
    emptied: dict[int, int] = {}
    published, refills, closings = [], 0, 0
    for event in episode.events:
        kind, tick, site = int(event["kind"]), int(event["tick"]), int(event["site"])
        if kind == log.WRITE and rules.site_kinds[site] == 3 and event["value"] == 0:
            emptied[site] = tick
        elif kind == log.PUBLISHED:
            published.append(tick)
        elif kind == log.WORLD_EVENT and event["c"] == scenario.RESTOCKS:
            assert tick == emptied[site] + 10
            refills += 1
        elif kind == log.WORLD_EVENT and event["c"] == scenario.CLOSES:
            assert tick == published[-1] + 3
            closings += 1
    assert refills
    assert closings


def test_orders_that_nobody_can_bring_any_more_end_the_episode() -> None:
    reports = played("none", 64)
    assert all(report.terminated for report in reports)
    assert max(report.ticks for report in reports) < reports[0].horizon / 10


def test_from_two_agents_to_sixty_four_on_grids_from_sixteen_to_sixty_four() -> None:
    for agents in (2, 3, 5, 16, 64):
        rules = make_rules("warehouse", size="medium", agents=agents)
        assert len(rules.agent_names) == agents
        assert len(rules.site_names) <= 64
        assert len(rules.actions) <= 128
    for side in (16, 32, 64):
        assert make_rules("warehouse", size="medium", rows=side, columns=side).layout.floor.size == side * side


def test_a_q_table_is_large_enough_for_the_tabular_stage() -> None:
    stage = stalegrid.curriculum("warehouse")[0]
    env = stalegrid.vector_env(**stage, worlds=128, observe=(), steps="decision", protocol="occ")
    rng, seen = np.random.default_rng(0), set()
    timeless = [name != "time" for name in env.observation_legend]
    observations, _ = env.reset(seed=0)
    for _ in range(200):
        seen.update(row.tobytes() for row in observations[env.ready][:, timeless])
        masks = env.action_masks()
        observations, *_ = env.step((rng.random(masks.shape) * masks).argmax(axis=1))
    assert 100 < len(seen) < 2_000


@pytest.mark.long
def test_a_q_table_learns_the_tabular_stage_under_occ() -> None:
    stage = stalegrid.curriculum("warehouse")[0]
    env = stalegrid.vector_env(
        **stage, worlds=64, observe=(), steps="decision", protocol="occ", autoreset_mode="same_step"
    )
    timeless = np.array([name != "time" for name in env.observation_legend])
    rng, table, ended = np.random.default_rng(0), {}, []
    last: list[Any] = [None] * env.num_envs
    gained = np.zeros(env.num_envs)
    observations, _ = env.reset(seed=0)
    for step in range(3_000):
        masks, actions = env.action_masks(), np.zeros(env.num_envs, np.int64)
        for row in np.flatnonzero(env.ready):
            values = table.setdefault(observations[row][timeless].tobytes(), np.zeros(len(env.action_table)))
            if last[row] is not None:
                before, action = last[row]
                before[action] += 0.1 * (gained[row] + 0.99 * values[masks[row]].max() - before[action])
            legal = np.flatnonzero(masks[row])
            explores = rng.random() < max(0.05, 1 - step / 1_800)
            actions[row] = rng.choice(legal) if explores else legal[np.argmax(values[legal])]
            last[row], gained[row] = (values, actions[row]), 0
        observations, rewards, terminated, truncated, infos = env.step(actions)
        gained += rewards
        for row in np.flatnonzero(terminated | truncated):
            if last[row] is not None:
                before, action = last[row]
                before[action] += 0.1 * (gained[row] - before[action])
            last[row], gained[row] = None, 0
            ended.append(float(infos["final_info"]["success"][row]))
    assert np.mean(ended[-1_000:]) > 0.95 > np.mean(ended[:1_000]) + 0.05
