"""From names and keyword arguments to environments: every argument of the public factories is read here."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from math import isfinite
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from pydantic import ValidationError

from .agents.mind import Mind
from .agents.minds import mind_of, rule_of, view_of
from .agents.team import Team
from .protocols.batch import Batch
from .protocols.config import Config
from .protocols.mixed import MixedBatch
from .protocols.presets import resolve
from .protocols.single import CompiledEngine, ReferenceEngine
from .render.drawing import Drawing
from .world.aec_env import StaleGridAECEnv
from .world.control import Control
from .world.engine import Engine
from .world.entropy import KeyedUniform
from .world.observe import BLOCKS, ObservationLayout
from .world.parallel_env import StaleGridParallelEnv
from .world.rules import Rules
from .world.scenario import Blueprint
from .world.scenarios import SCENARIOS
from .world.settings import Settings
from .world.solo_env import StaleGridSoloEnv
from .world.state import NEVER
from .world.vector_env import TRAINING_SEEDS, StaleGridVectorEnv, Worlds

ENGINES = ("compiled", "reference")
REWARDS = ("shared", "own")
COSTS = ("think_cost", "message_cost", "accident_cost")
Protocol = str | Config | Mapping[str, Any] | Control
LAYOUT_SEED = "layout_seed"  # the parameter of a scenario that has a generator of layouts
LONGEST = NEVER // 2  # ticks; a due tick beyond the horizon must still come before NEVER


def make_rules(scenario: str = "ledger", *, size: str = "small", **settings: Any) -> Rules:
    """Read a scenario at a size under settings; parameters of the size (such as `agents`) can be given too.

    Raises: ValueError that lists what is allowed.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"unknown scenario {scenario!r}; available are {', '.join(SCENARIOS)}")
    chosen = SCENARIOS[scenario]
    if size not in chosen.sizes:
        raise ValueError(f"unknown size {size!r}; {scenario} has {', '.join(chosen.sizes)}")
    parameters = dict(chosen.sizes[size])
    for name in list(settings):
        if name in parameters:
            value = settings.pop(name)
            if value is None:
                continue
            least, most = chosen.limits.get(name, (1, None))
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            if not is_whole or value < least or (most is not None and value > most):
                upto = "" if most is None else f" to {most}"
                raise ValueError(f"{name} is a whole number from {least}{upto}; got {value!r}")
            parameters[name] = value
    for name in settings:
        if name not in Settings.model_fields:
            known = sorted({*parameters, *Settings.model_fields})
            raise ValueError(f"unknown setting {name!r}; {scenario} takes {', '.join(known)}")
    blueprint = _build(scenario, parameters)
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        read = Settings(**{"think": blueprint.think, "delay": blueprint.delay, **given})
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, p['loc'][:1]))}: {p['msg']}; got {p['input']!r}" for p in error.errors())
        raise ValueError("; ".join(problems)) from None
    if isinstance(read.sight, int) and read.sight < 0:
        raise ValueError(f"sight is 'all', 'scenario' or a radius from 0; got {read.sight}")
    for name, ticks in (("patience", read.patience), ("max_cycles", read.max_cycles or 0)):
        if ticks > LONGEST:
            raise ValueError(f"{name} is at most {LONGEST} ticks; got {ticks}")
    rules = Rules(scenario, blueprint, read, {"size": size, **parameters})
    if rules.max_cycles > LONGEST:
        raise ValueError(f"an episode lasts at most {LONGEST} ticks; these settings ask for {rules.max_cycles}")
    return rules


@dataclass(frozen=True)
class Bound:
    """A scenario's bound by the scenario's name: unlike a lambda it can be pickled, with the environment."""

    scenario: str
    parameters: Mapping[str, int]

    def __call__(self, think: int, delay: int) -> int:
        """Return the ticks within which the serial protocol surely ends."""
        return SCENARIOS[self.scenario].build(**self.parameters).bound(think, delay)


def _build(scenario: str, parameters: dict[str, int]) -> Blueprint:
    """Build a scenario's blueprint.

    Raises: ValueError if its parameters leave no room for what it holds.
    """
    given = ", ".join(f"{name}={value}" for name, value in parameters.items())
    try:
        blueprint = SCENARIOS[scenario].build(**parameters)
    except (ArithmeticError, IndexError) as error:
        raise ValueError(f"{scenario} does not fit into {given}: give it more rows and columns") from error
    places = {site.name: [*([site.cell] if site.cell else []), *site.cells] for site in blueprint.sites}
    for role in blueprint.roles:
        places[role.name] = [*role.homes, *(place for pair in role.stations for place in pair)]
    for name, cells in places.items():
        for row, column in cells:
            inside = 0 <= row < len(blueprint.map) and 0 <= column < len(blueprint.map[row])
            if not inside or blueprint.map[row][column] == "#":
                raise ValueError(f"{scenario} does not fit into {given}: {name} would stand outside or in a wall")
    return replace(blueprint, bound=Bound(scenario, parameters))


LAYOUTS_KEPT = 64  # floor plans that were made and may come again


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


def laid_out(scenario: str, size: str, settings: tuple[tuple[str, Any], ...], layout_seed: Any) -> Rules:
    """Return a scenario with another layout.

    Raises: ValueError for a scenario without a generator of layouts, or another seed than it takes.
    """
    if LAYOUT_SEED not in SCENARIOS[scenario].sizes[size]:
        able = ", ".join(name for name, one in SCENARIOS.items() if LAYOUT_SEED in one.sizes[size])
        raise ValueError(f"{scenario} has one layout, so it takes no layout_seed; {able} has a generator")
    if isinstance(layout_seed, bool) or not isinstance(layout_seed, (int, np.integer)):
        raise ValueError(f"layout_seed is a whole number; got {layout_seed!r}")
    return _kept_layout(scenario, size, settings, int(layout_seed))


@lru_cache(maxsize=LAYOUTS_KEPT)
def _kept_layout(scenario: str, size: str, settings: tuple[tuple[str, Any], ...], layout_seed: int) -> Rules:
    return make_rules(scenario, size=size, **{**dict(settings), LAYOUT_SEED: layout_seed})


def make_engine(rules: Rules, protocol: Protocol, engine: str, *, log: bool, **options: Any) -> Engine:
    """Return the engine that runs a protocol; a user's own `Control` runs on the reference engine."""
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}; available are {', '.join(ENGINES)}")
    if isinstance(protocol, Control):
        return ReferenceEngine(rules, protocol, **options)
    config = resolve(protocol)
    if engine == "reference":
        return ReferenceEngine(rules, config, **options)
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
        log: keep the event log, for `events_since` and `digest`.
        **settings: think, delay, loss, navigation, sight, lockstep, max_cycles, ... and parameters of the size.

    Raises: ValueError that says what was got and what is allowed.
    """
    rules = make_rules(scenario, size=size, **settings)
    options = _view_options(observe, reward, think_cost, message_cost, accident_cost, discount)
    given, options = tuple(settings.items()), {"log": bool(log), **options}
    with Compiling():
        made = make_engine(rules, protocol, engine, **options)
        made.reset(0)  # so that compiling happens here, and is told
        made.step(_no_choice(rules), False)
    fps = StaleGridParallelEnv.metadata["render_fps"]
    drawing = Drawing(f"StaleGrid: {scenario}", fps) if render_mode is not None else None
    return StaleGridParallelEnv(
        made, render_mode=render_mode, drawing=drawing, action_mask=action_mask, observation_key=observation_key,
        steps=steps, layouts=Layouts(scenario, size, given, protocol, engine, options),
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
        threads: how many share the worlds, the caller's among them; a second one pays from about a thousand worlds.
        layout_seeds: floor plans among which the worlds are split in blocks of equal size, for scenarios that have a
            generator; a world keeps its own in all its episodes, see `env.layout_seeds`.
        observations: memory of the caller's that observations are written to, [worlds * agents, D] float32.
        copy: False to return that memory itself, which the next step changes.

    Raises: ValueError that says what was got and what is allowed; a batch that does not fit into memory is refused.
    """
    rules = make_rules(scenario, size=size, **settings)
    if isinstance(protocol, Control):
        raise ValueError(f"{protocol.name} runs on the reference engine, one world at a time: use parallel_env")
    options = _view_options(observe, reward, think_cost, message_cost, accident_cost, discount)
    for name, value in (("worlds", worlds), ("threads", threads)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} is a whole number from 1; got {value!r}")
    compile_engine()
    options |= {"threads": threads, "observations": observations, "keep_rows": True}
    batch: Worlds = (
        MixedBatch(_layouts(scenario, size, settings, layout_seeds, worlds), resolve(protocol), worlds, **options)
        if len(layout_seeds)
        else Batch(rules, resolve(protocol), worlds, **options)
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


def _layouts(
    scenario: str, size: str, settings: Mapping[str, Any], layout_seeds: Sequence[int], worlds: int
) -> list[Rules]:
    """Return the rules of each floor plan that the worlds are split among."""
    if len(layout_seeds) > worlds:
        raise ValueError(f"layout_seeds are at most one a world: {worlds}; got {len(layout_seeds)}")
    if LAYOUT_SEED in settings:
        raise ValueError("layout_seed is one for all worlds, layout_seeds one for each part of them: give one of both")
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


def _no_choice(rules: Rules) -> NDArray[np.int32]:
    return np.zeros((1, len(rules.agent_names)), np.int32)


def compile_engine() -> None:
    """Compile the engine, or load it, before anything else takes time; whoever waits for that is told."""
    rules = make_rules(size="tiny")
    with Compiling():
        engine = CompiledEngine(rules, resolve("none"), keep_log=True)
        engine.reset(0)
        engine.step(_no_choice(rules), True)


class Compiling:
    """Tells the user, once a second has passed, that the engine is being compiled."""

    _done = False

    def __enter__(self) -> None:
        self._timer: Any = None
        if not Compiling._done:
            import threading

            self._timer = threading.Timer(1.0, self._tell)
            self._timer.daemon = True
            self._started = time.perf_counter()
            self._timer.start()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            seconds = time.perf_counter() - self._started
            if seconds > 2:
                print(f"stalegrid: compiled in {seconds:.0f} s; cached from now on.", file=sys.stderr)
        Compiling._done = True

    def _tell(self) -> None:
        told = "stalegrid: compiling the engine, once for this version (about half a minute) ..."
        print(told, file=sys.stderr, flush=True)
