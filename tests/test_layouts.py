"""Floor plans by seed: connected, alike in all but where things stand, on every kind of environment; the curriculum."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import stalegrid
from stalegrid.protocols.batch import Batch
from stalegrid.protocols.mixed import MixedBatch
from stalegrid.protocols.presets import resolve
from stalegrid.reading import make_rules
from stalegrid.world.layout import UNREACHABLE, paths_to, read_map
from stalegrid.world.scenarios.warehouse_floor import Floor, lay_out

from .playing import Step, go_on, picker, same


def floor_plan(seed: int, rows: int = 16, columns: int = 16, porters: int = 7, lane: bool = True) -> Floor:
    return lay_out(rows, columns, 4, 4, porters, lane, True, seed)


@pytest.mark.parametrize(("rows", "columns", "lane"), [(16, 16, True), (11, 13, True), (12, 12, False)])
def test_two_hundred_floor_plans_are_connected_and_everything_stands_on_floor_of_its_own(
    rows: int, columns: int, lane: bool
) -> None:
    for seed in range(200):
        drawn = floor_plan(seed, rows, columns, lane=lane)
        layout = read_map(drawn.map)
        distance, _ = paths_to(layout, layout.cell(drawn.desk))
        assert (distance[layout.floor] < UNREACHABLE).all(), seed
        sites = [*drawn.shelves, *drawn.tallies, *drawn.depots, *drawn.notices, drawn.slate, drawn.switch]
        assert len({*sites}) == len(sites)
        stands = {layout.cell(place) for place in (*sites, *drawn.west, *drawn.east, *drawn.lane, drawn.desk)}
        assert layout.floor[[*stands]].all(), seed
        assert not {*sites, *drawn.west, *drawn.east} & {*drawn.lane}
        if lane:  # the only way from hall to hall
            without = [list(line) for line in drawn.map]
            for row, column in drawn.lane:
                without[row][column] = "#"
            apart, _ = paths_to(read_map(["".join(line) for line in without]), layout.cell(drawn.west[0]))
            assert (apart[[layout.cell(place) for place in drawn.west]] < UNREACHABLE).all()
            assert (apart[[layout.cell(place) for place in (*drawn.east, *drawn.depots)]] == UNREACHABLE).all()


def test_floor_plans_differ_and_a_seed_is_always_the_same_one() -> None:
    plans = [floor_plan(seed) for seed in range(50)]
    assert plans == [floor_plan(seed) for seed in range(50)]
    assert len({plan.map for plan in plans}) > 45


def test_layouts_have_the_same_names_spaces_bound_and_horizon() -> None:
    first = make_rules("warehouse", size="medium")
    for seed in (1, 2, 3):
        other = make_rules("warehouse", size="medium", layout_seed=seed)
        assert (other.site_names, other.task_names, other.actions) == (
            first.site_names,
            first.task_names,
            first.actions,
        )
        assert other.max_cycles == first.max_cycles
        assert other.header != first.header
        assert other.targets != first.targets


def episode(env: Any, seed: int, **options: Any) -> Any:
    return env.reset(seed=seed, options=options or None)


def played_on(env: Any, reset: Any) -> list[Step]:
    return list(go_on(env, *reset, picker(5), 60))


def test_an_option_of_reset_changes_the_layout_of_this_and_later_episodes() -> None:
    env = stalegrid.parallel_env("warehouse", "occ", size="tiny", log=True)
    digests = []
    for options in ({}, {"layout_seed": 4}, {}, {"layout_seed": np.int64(0)}):
        begun = episode(env, 3, **options)
        assert all(env.observation_space(name).contains(row) for name, row in begun[0].items())
        played_on(env, begun)
        digests.append(env.digest())
    straight = stalegrid.parallel_env("warehouse", "occ", size="tiny", log=True, layout_seed=4)
    played_on(straight, episode(straight, 3))
    assert digests[1] == digests[2] == straight.digest()
    assert digests[0] == digests[3] != digests[1]


def test_the_turn_based_and_the_solo_view_pass_the_layout_on() -> None:
    for env in (stalegrid.env("warehouse", size="tiny"), stalegrid.solo_env("warehouse", size="tiny")):
        episode(env, 0, layout_seed=6)
        assert env.parallel.engine.rules.parameters["layout_seed"] == 6


def test_copies_and_snapshots_keep_the_layout_they_were_made_on() -> None:
    env = stalegrid.parallel_env("warehouse", "full", size="tiny", log=True)
    begun = episode(env, 1, layout_seed=2)
    snapshot, twins = env.snapshot(), [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    went = played_on(env, begun)
    episode(env, 1, layout_seed=9)
    env.restore(snapshot)
    assert all(same(went, played_on(twin, begun)) for twin in (*twins, env))
    episode(twins[1], 1, layout_seed=9)
    assert twins[1].engine.rules.parameters["layout_seed"] == 9


def test_the_worlds_of_a_vector_environment_are_split_among_layouts_and_feel_nothing_of_it() -> None:
    seeds = (0, 3, 9)
    mixed = stalegrid.vector_env("warehouse", "occ", size="tiny", worlds=5, layout_seeds=seeds, threads=2)
    mixed = pickle.loads(pickle.dumps(mixed))
    assert mixed.layout_seeds.tolist() == [0, 3, 3, 9, 9]
    alone = [
        Batch(make_rules("warehouse", size="tiny", layout_seed=seed), resolve("occ"))
        for seed in mixed.layout_seeds.tolist()
    ]
    mixed.reset(seed=11)
    for world, batch in enumerate(alone):
        batch.reset(np.array([11 + world], np.uint64))
    rng = np.random.default_rng(0)
    for _ in range(60):
        masks = mixed.action_masks()
        actions = (rng.random(masks.shape) * masks).argmax(axis=1)
        observations, *_ = mixed.step(actions)
        by_world = observations.reshape(5, 2, -1)
        for batch, shown, chosen in zip(alone, by_world, actions.reshape(5, 1, 2).astype(np.int32), strict=True):
            batch.step(chosen)
            assert (batch.state.observation[0] == shown).all()
    mixed.close()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: episode(stalegrid.parallel_env("ledger", size="tiny"), 0, layout_seed=2), "ledger has one layout"),
        (lambda: episode(stalegrid.parallel_env("warehouse", size="tiny"), 0, layout_seed=-1), "from 0 to .* got -1"),
        (lambda: episode(stalegrid.parallel_env("warehouse", size="tiny"), 0, layout_seed="a"), "number; got 'a'"),
        (lambda: stalegrid.vector_env("ledger", layout_seeds=(1,)), "ledger has one layout.*warehouse"),
        (lambda: stalegrid.vector_env("warehouse", worlds=1, layout_seeds=(1, 2)), "at most one a world: 1; got 2"),
        (lambda: stalegrid.vector_env("warehouse", layout_seed=1, layout_seeds=(1, 2)), "give only one"),
        (lambda: stalegrid.vector_env("warehouse", size="tiny").reset(options={"layout_seed": 1}), "keep their layout"),
        (lambda: stalegrid.parallel_env("warehouse", agents=1), "agents is from 2; got 1"),
        (lambda: stalegrid.curriculum("ledger"), "ledger has no curriculum; there is one for warehouse"),
        (lambda: stalegrid.curriculum("silo"), "unknown scenario 'silo'; available are ledger"),
    ],
)  # fmt: skip
def test_a_layout_or_a_curriculum_that_is_not_to_be_had_is_refused_with_what_is(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_a_layout_that_is_refused_leaves_the_episode_as_it_was() -> None:
    env = stalegrid.parallel_env("warehouse", size="tiny", log=True)
    episode(env, 0)
    before = env.digest()
    with pytest.raises(ValueError, match="whole number"):
        episode(env, 5, layout_seed=1.5)
    assert env.digest() == before


def test_every_stage_of_the_curriculum_can_be_made_and_the_last_ones_are_the_full_size() -> None:
    stages = stalegrid.curriculum("warehouse")
    assert [stage.name for stage in stages][:1] == ["tabular"]
    for stage in stages:
        assert stage.teaches
        env = stalegrid.parallel_env(**stage)
        env.reset(seed=0)
        stalegrid.vector_env(**stage, worlds=2).reset(seed=0)
    widths = [len(stalegrid.make_rules(**stage).agent_names) for stage in stages]
    assert widths == sorted(widths)


def test_a_mixed_batch_is_a_batch() -> None:
    rules = [make_rules("warehouse", size="tiny", layout_seed=seed) for seed in (1, 2)]
    batch = MixedBatch(rules, resolve("none"), 4)
    batch.reset(np.arange(4, dtype=np.uint64))
    shown = batch.state.observation.copy()
    batch.show_anew()
    assert (batch.state.observation == shown).all()
    assert batch.layout_seeds.tolist() == [1, 1, 2, 2]
