"""From names and keyword arguments to environments: every argument of the public factories is read here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from inspect import signature
from math import isfinite
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from .agents.mind import Mind
from .agents.minds import mind_of, rule_of, view_of
from .agents.team import Team
from .compiling import compile_engine, told_of
from .protocols.batch import Batch
from .protocols.config import Config
from .protocols.mixed import MixedBatch
from .protocols.presets import resolve
from .protocols.single import CompiledEngine, ReferenceEngine
from .reading import LAYOUT_SEED, UnknownSetting, laid_out, make_rules
from .render.drawing import Drawing
from .world.aec_env import StaleGridAECEnv
from .world.control import Control
from .world.engine import Engine
from .world.entropy import KeyedUniform
from .world.observe import BLOCKS, ObservationLayout
from .world.parallel_env import StaleGridParallelEnv
from .world.rules import Rules
from .world.seeds import TRAINING_SEEDS
from .world.solo_env import StaleGridSoloEnv
from .world.vector_env import StaleGridVectorEnv, Worlds

ENGINES = ("compiled", "reference")
REWARDS = ("shared", "own")
Protocol = str | Config | Mapping[str, Any] | Control


@dataclass(frozen=True)
class Layouts:
    """Makes an environment's engine for another layout; plain data, so that it can be pickled with the environment."""

    scenario: str
    size: str
    settings: tuple[tuple[str, Any], ...]
    protocol: Protocol
    engine: str
    options: Mapping[str, Any]  # of the engine

    def __call__(self, layout_seed: int) -> Engine:
        """Return an engine for a layout, which has spaces like those of any other.

        Raises: ValueError for a scenario without a generator of layouts, or another seed than it takes.
        """
        rules = laid_out(self.scenario, self.size, self.settings, layout_seed)
        return make_engine(rules, self.protocol, self.engine, **self.options)


def make_engine(rules: Rules, protocol: Protocol, engine: str, *, log: bool, **options: Any) -> Engine:
    """Return the engine that runs a protocol; a user's own `Control` runs on the reference engine."""
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}; available are {', '.join(ENGINES)}")
    if isinstance(protocol, Control):
        return ReferenceEngine(rules, protocol, keep_log=log, **options)
    config = resolve(protocol)
    if engine == "reference":
        return ReferenceEngine(rules, config, keep_log=log, **options)
    compile_engine()
    with told_of("what this protocol alone needs (some seconds)"):
        return CompiledEngine(rules, config, keep_log=log, **options)


def parallel_env(
    scenario: str = "ledger",
    protocol: Protocol = "none",
    *,
    size: str = "small",
    engine: str = "compiled",
    render_mode: str | None = None,
    action_mask: str = "info",
    observation_key: str = "observation",
    steps: str = "tick",
    observe: Sequence[str] = BLOCKS,
    reward: str = "shared",
    think_cost: float = 0.0,
    message_cost: float = 0.0,
    accident_cost: float = 0.0,
    discount: float = 1.0,
    episode_seeds: Sequence[int] = TRAINING_SEEDS,
    log: bool = False,
    **settings: Any,
) -> StaleGridParallelEnv:
    """Make the native environment, a PettingZoo ParallelEnv.

    Args:
        scenario: a name of `stalegrid list`.
        protocol: a preset name, a `Config`, a mapping of axes, or a user's own `Control`.
        size: tiny, small, medium or large; its parameters (such as `agents`) can be given as keywords.
        engine: "compiled", or "reference", the readable one.
        render_mode: None, "human", "rgb_array" or "ansi".
        action_mask: where masks go: "info", "obs", "both" or "off".
        observation_key: what the observation is called beside the mask; RLlib's masking module says "observations".
        steps: "tick", or "decision": one step runs until some agent must act, rewards summed with `discount` a tick.
        observe: the switchable blocks of the observation.
        reward: "shared", the change of the share of goals met; or "own", to whose act caused it.
        think_cost: taken from an agent's reward for each tick of thought.
        message_cost: taken from an agent's reward for each message it sends.
        accident_cost: taken from an agent's reward for each accident it causes.
        discount: per tick within a step.
        episode_seeds: what `reset()` without a seed draws its seed from; by default those for training.
        log: keep the event log, for `events_since` and `digest`.
        **settings: think, delay, loss, navigation, sight, lockstep, max_cycles, ... and parameters of the size.

    Raises: ValueError that says what was got and what is allowed.
    """
    rules = _rules_for(parallel_env, scenario, size, settings)
    options = _view_options(observe, reward, think_cost, message_cost, accident_cost, discount)
    given, options = tuple(settings.items()), {"log": bool(log), **options}
    made = make_engine(rules, protocol, engine, **options)
    made.reset(0)  # so that what this protocol alone needs is compiled here
    made.step(np.zeros((1, len(rules.agent_names)), np.int32), False)
    fps = StaleGridParallelEnv.metadata["render_fps"]
    drawing = Drawing(f"StaleGrid: {scenario}", fps) if render_mode is not None else None
    return StaleGridParallelEnv(
        made, render_mode=render_mode, drawing=drawing, action_mask=action_mask, observation_key=observation_key,
        steps=steps, episode_seeds=episode_seeds, layouts=Layouts(scenario, size, given, protocol, engine, options),
    )  # fmt: skip


def vector_env(
    scenario: str = "ledger",
    protocol: Protocol = "none",
    *,
    worlds: int = 64,
    size: str = "small",
    steps: str = "tick",
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    episode_seeds: Sequence[int] = TRAINING_SEEDS,
    threads: int = 1,
    tailor: bool = False,
    layout_seeds: Sequence[int] = (),
    observations: NDArray[np.float32] | None = None,
    copy: bool = True,
    observe: Sequence[str] = BLOCKS,
    reward: str = "shared",
    think_cost: float = 0.0,
    message_cost: float = 0.0,
    accident_cost: float = 0.0,
    discount: float = 1.0,
    **settings: Any,
) -> StaleGridVectorEnv:
    """Make the vector environment, a gymnasium VectorEnv with a row for each agent of each of `worlds` worlds.

    Args as for `parallel_env`, and:
        worlds: how many episodes go on at once.
        autoreset_mode: "next_step", "same_step" or "disabled", as gymnasium has them.
        episode_seeds: what the seeds of episodes are drawn from; by default those for training.
        threads: how many share the worlds, the caller's among them, 64 at most; each wants a core of its own.
        tailor: compile the step for this scenario and protocol: some seconds, once, for some 1.4 times the speed.
        layout_seeds: floor plans among which the worlds are split in blocks of equal size, for scenarios that have a
            generator; a world keeps its own in all its episodes, see `env.layout_seeds`.
        observations: memory of the caller's that observations are written to, [worlds * agents, D] float32.
        copy: False to return that memory itself, which the next step changes.

    Raises: ValueError that says what was got and what is allowed; a batch that does not fit into memory is refused.
    """
    rules = _rules_for(vector_env, scenario, size, settings)
    if isinstance(protocol, Control):
        raise ValueError(f"{protocol.name} runs on the reference engine, one world at a time: use parallel_env")
    options = _view_options(observe, reward, think_cost, message_cost, accident_cost, discount)
    for name, value in (("worlds", worlds), ("threads", threads)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} is a whole number from 1; got {value!r}")
    compile_engine()
    options |= {"threads": threads, "observations": observations, "keep_rows": True, "tailor": bool(tailor)}
    config = resolve(protocol)
    compiles = told_of(f"{scenario} under this protocol (a few seconds)") if tailor or config.ranks else nullcontext()
    with compiles:
        batch: Worlds = (
            MixedBatch(_layouts(scenario, size, settings, layout_seeds, worlds), config, worlds, **options)
            if len(layout_seeds)
            else Batch(rules, config, worlds, **options)
        )
    return StaleGridVectorEnv(
        batch, steps=steps, autoreset_mode=autoreset_mode, episode_seeds=episode_seeds, copy=copy
    )  # fmt: skip


def sb3_env(
    scenario: str = "ledger", protocol: Protocol = "none", *, worlds: int = 16, steps: str = "decision", **options: Any
) -> Any:
    """Make a VecEnv of Stable-Baselines3, which MaskablePPO of sb3-contrib takes too; arguments as for `vector_env`.

    Raises: ImportError that names the pip command; ValueError as `vector_env` does.
    """
    from .sb3 import StaleGridVecEnv  # not above: it brings torch along

    made = vector_env(scenario, protocol, worlds=worlds, steps=steps, autoreset_mode="same_step", **options)
    return StaleGridVecEnv(made)


def _rules_for(factory: Callable[..., Any], scenario: str, size: str, settings: Mapping[str, Any]) -> Rules:
    """Read a scenario for a factory, whose own keywords may be what was meant by an unknown one."""
    try:
        return make_rules(scenario, size=size, **settings)
    except UnknownSetting as error:
        own = _arguments(factory)
        factories = parallel_env, vector_env, solo_env, sb3_env  # the others take what these do
        others = [made.__name__ for made in factories if error.name in _arguments(made)]
        if others:
            raise ValueError(
                f"{error.name} is an argument of {others[0]}; {factory.__name__} takes {', '.join(own)}"
            ) from None
        raise UnknownSetting(error.name, f"{factory.__name__} of {scenario}", [*own, *error.known]) from None


def _arguments(factory: Callable[..., Any]) -> list[str]:
    return [name for name, one in signature(factory).parameters.items() if one.kind is not one.VAR_KEYWORD]


def _layouts(
    scenario: str, size: str, settings: Mapping[str, Any], layout_seeds: Sequence[int], worlds: int
) -> list[Rules]:
    """Return the rules of each floor plan that the worlds are split among."""
    if len(layout_seeds) > worlds:
        raise ValueError(f"layout_seeds are at most one a world: {worlds}; got {len(layout_seeds)}")
    if LAYOUT_SEED in settings:
        raise ValueError("layout_seed is one for all worlds, layout_seeds one for each part of them: give only one")
    return [laid_out(scenario, size, tuple(settings.items()), one) for one in layout_seeds]


def team(mind: str, env: StaleGridVectorEnv, seed: int = 0) -> Team:
    """Return a scripted mind in every row of a vector environment.

    Raises: ValueError that lists the minds.
    """
    rules = env.rules
    return Team(rule_of(mind, rules.name), view_of(rules, env.batch.layout), env.num_envs, seed)


def _view_options(
    observe: Sequence[str], reward: str, think_cost: float, message_cost: float, accident_cost: float, discount: float
) -> dict[str, Any]:
    """Check what an environment shows and pays; return it as the engines take it."""
    if reward not in REWARDS:
        later = "; 'oracle' is not available yet" if reward == "oracle" else ""
        raise ValueError(f"reward is one of {', '.join(REWARDS)}{later}; got {reward!r}")
    costs = {"think_cost": think_cost, "message_cost": message_cost, "accident_cost": accident_cost}
    for name, value in costs.items():
        if not _is_number(value) or value < 0:
            raise ValueError(f"{name} is a number from 0; got {value!r}")
    if not _is_number(discount) or not 0 <= discount <= 1:
        raise ValueError(f"discount is a number from 0 to 1; got {discount!r}")
    if isinstance(observe, str):
        raise ValueError(f"observe is a tuple of blocks: {', '.join(BLOCKS)}; got {observe!r}")
    return {"blocks": tuple(observe), "costs": costs, "own_reward": reward == "own", "discount": discount}


def raw_env(scenario: str = "ledger", protocol: Protocol = "none", **options: Any) -> StaleGridAECEnv:
    """Make the turn-based environment, a PettingZoo AECEnv; arguments as for `parallel_env`."""
    return StaleGridAECEnv(parallel_env(scenario, protocol, **options))


def env(scenario: str = "ledger", protocol: Protocol = "none", **options: Any) -> StaleGridAECEnv:
    """Make the turn-based environment. It enforces order itself, so it is `raw_env` without wrappers."""
    return raw_env(scenario, protocol, **options)


def solo_env(
    scenario: str = "ledger",
    protocol: Protocol = "none",
    *,
    learner: str | None = None,
    teammates: str = "naive",
    **options: Any,
) -> StaleGridSoloEnv:
    """Make the single-agent view: `learner` (the first agent by default) among scripted `teammates`."""
    parallel = parallel_env(scenario, protocol, **options)
    teammate = partial(_teammate, teammates, parallel.engine.rules, parallel.engine.layout)
    teammate(0, 0)  # an unknown mind is refused here
    return StaleGridSoloEnv(parallel, learner if learner is not None else parallel.possible_agents[0], teammate)


@dataclass
class Teammate:
    """A mind with its own random numbers: plain data, so that copies of an environment share nothing."""

    mind: Mind
    chance: KeyedUniform

    def __call__(self, observation: Any, mask: Any) -> int:
        """Return an action."""
        return self.mind.act(observation, mask, self.chance)


def _teammate(name: str, rules: Rules, layout: ObservationLayout, seed: int, agent: int) -> Teammate:
    return Teammate(mind_of(name, rules, layout), KeyedUniform(seed, agent))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
