"""Run whole episodes with scripted minds: many seeds at once on the compiled engine, one by one on the readable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .agents.cast import Cast
from .agents.mind import MEMORY
from .agents.minds import rule_of, view_of
from .compiling import compile_engine
from .protocols.batch import Batch
from .protocols.config import Config
from .protocols.single import ReferenceEngine, episode_header
from .world import log
from .world.audit import EpisodeReport
from .world.control import Control
from .world.engine import Engine
from .world.entropy import MIND, draw_many
from .world.masks import unpack_masks
from .world.rules import Rules
from .world.state import COUNTERS, RUNNING, TERMINATED

BLOCK = 64  # worlds run together


@dataclass(frozen=True)
class Episode:
    """One finished episode: its seed, its log, its digest and the kernel's own counters, by name."""

    seed: int
    events: NDArray[Any]
    digest: str
    counts: dict[str, int] | None = None  # None of the readable engine, which keeps none


def run_episodes(rules: Rules, protocol: Config | Control, mind: str, seeds: Sequence[int]) -> list[Episode]:
    """Run an episode for each seed, every agent played by a mind of that name."""
    if isinstance(protocol, Control):
        return [_run_reference(rules, protocol, mind, seed) for seed in seeds]
    episodes: list[Episode] = []
    for start in range(0, len(seeds), BLOCK):
        episodes += _run_batch(rules, protocol, mind, seeds[start : start + BLOCK])
    return episodes


def count_episodes(rules: Rules, config: Config, mind: str, seeds: Sequence[int]) -> Iterator[EpisodeReport]:
    """Run the same and keep no log: report what the kernel counts."""
    for start in range(0, len(seeds), BLOCK):
        batch = Batch(rules, config, len(seeds[start : start + BLOCK]))
        for _ in _play_batch(batch, mind, seeds[start : start + BLOCK]):
            pass
        state = batch.state
        for counted, world in zip(state.counts.tolist(), state.world, strict=True):
            yield EpisodeReport(
                counts=dict(zip(COUNTERS, counted, strict=True)),
                goals=state.goal.shape[1],
                goals_met=int(world["goals_met"]),
                ticks=int(world["tick"]),
                last_goal_tick=int(world["last_goal_tick"]),
                agents=batch.agents,
                horizon=rules.max_cycles,
                terminated=bool(world["status"] == TERMINATED),
            )


def _run_batch(rules: Rules, config: Config, mind: str, seeds: Sequence[int]) -> list[Episode]:
    batch = Batch(rules, config, len(seeds), keep_log=True)
    state = batch.state
    logs: list[list[NDArray[Any]]] = [[] for _ in seeds]
    for _ in _play_batch(batch, mind, seeds):
        room = state.log.shape[1] - state.world["log_count"]
        for world in np.nonzero((room < batch.margin) | (state.world["status"] != RUNNING))[0].tolist():
            if state.world["log_count"][world]:
                logs[world].append(batch.drain(world))
    episodes = []
    for seed, parts, counted in zip(seeds, logs, state.counts.tolist(), strict=True):
        events = log.join(parts)
        digest = log.digest(episode_header(rules, config, seed), events)
        episodes.append(Episode(seed, events, digest, dict(zip(COUNTERS, counted, strict=True))))
    return episodes


def _play_batch(batch: Batch, mind: str, seeds: Sequence[int]) -> Iterator[None]:
    """Play an episode in each world to its end; whoever keeps the log drains it after each step."""
    choose, view = rule_of(mind, batch.rules.name), view_of(batch.rules, batch.layout)
    state, many = batch.state, len(batch.rules.actions)
    named = np.array(seeds, np.uint64)
    compile_engine()
    batch.reset(named)
    decided = np.zeros((len(seeds), batch.agents), np.int64)
    memory = np.zeros((len(seeds), batch.agents, MEMORY), np.int64)
    choices = np.zeros((len(seeds), batch.agents), np.int32)
    while batch.running.any():
        worlds, agents = np.nonzero(state.agent["ready"])
        if len(worlds):
            masks = unpack_masks(state.mask[worlds, agents], many)
            decided[worlds, agents] += 1
            drawn = draw_many(named[worlds], MIND, agents, decided[worlds, agents])
            chance = (drawn >> np.uint64(11)).astype(np.float64) / (1 << 53)
            own = memory[worlds, agents]
            choices[worlds, agents] = choose(view, state.observation[worlds, agents], masks, chance, own)
            memory[worlds, agents] = own
        batch.step(choices, to_decision=True)
        yield


def _run_reference(rules: Rules, protocol: Config | Control, mind: str, seed: int) -> Episode:
    engine = ReferenceEngine(rules, protocol, keep_log=True)
    for _ in play(engine, mind, seed):
        pass
    return Episode(seed, engine.events(), engine.digest())


def play(engine: Engine, mind: str, seed: int) -> Iterator[None]:
    """Play one episode on an engine, tick by tick: it may be looked at after reset and after each tick."""
    cast = Cast(mind, engine, seed)
    engine.reset(seed)
    yield
    while engine.status == RUNNING:
        engine.step(cast.choose(engine), False)
        yield
