"""PettingZoo's own tests and Gymnasium's checker accept the environments; pyproject.toml makes warnings errors."""

from __future__ import annotations

import os
import warnings
from functools import partial
from types import SimpleNamespace
from typing import Any

import gymnasium
import pettingzoo
import pytest
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import (
    api_test,
    max_cycles_test,
    parallel_api_test,
    parallel_seed_test,
    render_test,
    seed_test,
)
from pettingzoo.test.state_test import state_test

import stalegrid
from stalegrid.protocols.presets import PRESETS

from .playing import SCENARIOS

KINDS = [
    pytest.param(
        (scenario, protocol, mask), id=f"{scenario}-{protocol}-{mask}",
        marks=() if protocol in ("none", "occ", "full", "serial") else pytest.mark.long,
    )
    for scenario in SCENARIOS
    for protocol in PRESETS
    for mask in ("info", "obs", "both", "off")
    if protocol in ("none", "occ") or mask == "info"
]  # fmt: skip

# PettingZoo warns about every observation that is not a plain array, although its own board games show
# Dict(observation, action_mask) as ours do with action_mask="obs": it exempts only those, by name (`env_obs_dicts` and
# `env_obs_space` in its api_test). These two warnings may pass where masks are in observations, and nowhere else.
UPSTREAM = ("Observation space for each agent probably should be", "Observation is not a NumPy array")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> dict[str, Any]:
    scenario, protocol, mask = request.param
    return {"scenario": scenario, "protocol": protocol, "action_mask": mask, "size": "tiny"}


@pytest.fixture(autouse=True)
def _only_upstream_warnings(request: pytest.FixtureRequest) -> Any:
    with warnings.catch_warnings():
        kind = request.getfixturevalue("kind") if "kind" in request.fixturenames else {}
        for message in UPSTREAM if kind.get("action_mask") in ("obs", "both") else ():
            warnings.filterwarnings("ignore", message)
        yield


def test_api_test_accepts_the_turn_based_environment(kind: dict[str, Any]) -> None:
    api_test(stalegrid.env(**kind), num_cycles=200)


def test_parallel_api_test_accepts_the_native_environment(kind: dict[str, Any]) -> None:
    parallel_api_test(stalegrid.parallel_env(**kind), num_cycles=300)


def test_seed_test_accepts_the_turn_based_environment(kind: dict[str, Any]) -> None:
    seed_test(partial(stalegrid.env, **kind), num_cycles=50)


def test_parallel_seed_test_accepts_the_native_environment(kind: dict[str, Any]) -> None:
    # It compares one step only; test_digest.py compares whole episodes.
    parallel_seed_test(partial(stalegrid.parallel_env, **kind), num_cycles=50)


def test_max_cycles_test_accepts_both(kind: dict[str, Any]) -> None:
    module = SimpleNamespace(env=partial(stalegrid.env, **kind), parallel_env=partial(stalegrid.parallel_env, **kind))
    max_cycles_test(module)


def test_state_test_accepts_both(kind: dict[str, Any]) -> None:
    state_test(stalegrid.env(**kind), stalegrid.parallel_env(**kind))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_render_test_accepts_every_mode(scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pygame")
    monkeypatch.setitem(os.environ, "SDL_VIDEODRIVER", "dummy")
    render_test(partial(stalegrid.env, scenario, size="tiny"))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_environments_made_by_their_registered_id_pass_as_well(scenario: str) -> None:
    if not hasattr(pettingzoo, "make"):
        pytest.skip("PettingZoo has a registry from 1.27")
    name = f"stalegrid/{scenario}-v0"
    assert pettingzoo.make("parallel", name, size="tiny").unwrapped.engine.rules.name == scenario
    parallel_api_test(pettingzoo.make("parallel", name, size="tiny", protocol="occ"), num_cycles=50)
    api_test(pettingzoo.make("aec", name, size="tiny", protocol="occ"), num_cycles=50)


@pytest.mark.parametrize("name", ["env", "raw_env", "parallel_env"])
def test_the_versioned_module_exports_its_three_factories(name: str) -> None:
    assert getattr(stalegrid.stalegrid_v0, name) is getattr(stalegrid, name)


@pytest.mark.parametrize("mask", ["info", "obs"])
@pytest.mark.parametrize("protocol", ["none", "occ"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_check_env_accepts_the_solo_view(scenario: str, protocol: str, mask: str) -> None:
    kind = {"scenario": scenario, "protocol": protocol, "action_mask": mask, "size": "tiny"}
    env = gymnasium.make("stalegrid:stalegrid/solo-v0", **kind)
    check_env(env.unwrapped, skip_render_check=True)


def test_check_env_accepts_every_render_mode_of_the_solo_view(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pygame")
    monkeypatch.setitem(os.environ, "SDL_VIDEODRIVER", "dummy")
    check_env(gymnasium.make("stalegrid:stalegrid/solo-v0", scenario="drawbridge", size="tiny").unwrapped)


def test_the_solo_view_passes_gymnasiums_own_wrappers_that_check_each_step() -> None:
    env = gymnasium.make("stalegrid/solo-v0", scenario="drawbridge", size="tiny", disable_env_checker=False)
    env.action_space.seed(0)
    env.reset(seed=0)
    over = False
    while not over:
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        over = terminated or truncated
