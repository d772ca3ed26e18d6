"""The vector environment: a gymnasium VectorEnv over many worlds, a row for each agent of each world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from .copying import give_back
from .engine import state_names, states_of
from .observe import ObservationLayout
from .parallel_env import STEPS
from .rules import Rules
from .seeds import SEEDS, TRAINING_SEEDS, check_episode_seeds, drawn
from .state import RUNNING, Rows, State


class Worlds(Protocol):
    """What a vector environment asks of the batch that runs its worlds; `protocols/batch.py` is one."""

    rules: Rules
    layout: ObservationLayout
    worlds: int
    agents: int
    state: State
    rows: Rows  # kept up to date

    @property
    def layout_seeds(self) -> NDArray[np.int64]:
        """[B] int64: the layout of each world."""

    def reset_chosen(self, chosen: NDArray[np.bool_], seeds: NDArray[np.uint64]) -> None:
        """Begin a new episode in the `chosen` worlds, [B] bool, from their `seeds`, [B] uint64."""

    def step(self, choices: NDArray[np.int32], to_decision: bool = False) -> None:
        """Advance every running world; `choices` is [B, A] int32."""

    def close(self) -> None:
        """Let go of what is not memory."""


class StaleGridVectorEnv(VectorEnv[NDArray[np.float32], NDArray[Any], NDArray[Any]]):
    """`worlds` episodes of one scenario at once; made by `stalegrid.vector_env`.

    Row `world * agents + agent` is one agent of one world, so N = worlds x agents. All rows of a world end together.
    Rows that are not `ready` are busy: what is given for them is not looked at. Masked actions are counted no-ops.

    With `NEXT_STEP` a world that has ended begins its next episode in the step after, whose actions are not looked at
    and whose rewards are 0; with `SAME_STEP` it does so at once, and infos have `final_obs` and `final_info`; with
    `DISABLED` the caller resets it, by `reset(options={"reset_mask": ...})`.

    Attributes: `ready` [N] bool, rows that must act now: the rows to train on; `elapsed` [N] int64, ticks of the last
    step, 0 where an episode has just begun; `seeds` [B] uint64, of the episodes that are being played.
    """

    def __init__(
        self,
        batch: Worlds,
        *,
        steps: str = "tick",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        episode_seeds: Sequence[int] = TRAINING_SEEDS,
        copy: bool = True,
    ) -> None:
        self.batch = batch  # first: Gymnasium closes what is thrown away, also what is refused below
        if steps not in STEPS:
            raise ValueError(f"steps is one of {', '.join(STEPS)}; got {steps!r}")
        self.autoreset_mode = _mode(autoreset_mode)
        check_episode_seeds(episode_seeds)
        self.rules = batch.rules
        self.num_envs = batch.worlds * batch.agents
        self.metadata = {"name": "stalegrid_v0", "render_modes": [], "autoreset_mode": self.autoreset_mode}
        self.action_table = batch.rules.actions
        self.state_legend = state_names(batch.rules)
        self.observation_legend = batch.layout.names
        self.single_action_space = spaces.Discrete(len(self.action_table))
        self.single_observation_space = spaces.Box(-1.0, 1.0, (batch.layout.width,), np.float32)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.seeds = np.zeros(batch.worlds, np.uint64)
        self._episode_seeds = episode_seeds
        self._to_decision = steps == "decision"
        self._copies = copy
        self._choices = np.zeros((batch.worlds, batch.agents), np.int32)
        self._over = np.zeros(batch.worlds, np.bool_)  # ended, and not begun anew
        self._begun = np.zeros(batch.worlds, np.bool_)  # has had an episode
        self._look()

    def _look(self) -> None:
        """Make rows of the batch's own memory: nothing is copied unless the caller wants copies."""
        self._observations = self.batch.state.observation.reshape(self.num_envs, -1)
        self._rows = Rows._make(array.reshape(-1, *array.shape[2:]) for array in self.batch.rows)

    def __setstate__(self, state: dict[str, Any]) -> None:
        give_back(self, state)
        self._look()

    # ------------------------------------------------------------------ what a step gives beside its five values

    @property
    def ready(self) -> NDArray[np.bool_]:
        """[N] bool: rows that must act now."""
        return self._rows.ready.copy()

    @property
    def elapsed(self) -> NDArray[np.int64]:
        """[N] int64: ticks that the last step took."""
        return self._rows.elapsed.copy()

    @property
    def layout_seeds(self) -> NDArray[np.int64]:
        """[B] int64: the layout of each world, 0 where the scenario has but one."""
        return self.batch.layout_seeds

    @property
    def success(self) -> NDArray[np.float64]:
        """[B] float64: S so far, the share of goals met, of each world."""
        success: NDArray[np.float64] = self.batch.state.world["goals_met"] / max(1, self.batch.state.goal.shape[1])
        return success

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which actions each row may take, [N, actions] bool; a busy row may only wait."""
        return self._rows.allowed.copy()

    def state(self) -> NDArray[np.float32]:
        """Return what is true in each world, [B, entries] float32, fresh: for a central critic, never for an agent."""
        return states_of(self.rules, self.batch.state)

    # ------------------------------------------------------------------ gymnasium's interface

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode in every world, or in those of `options["reset_mask"]`, [N] bool with whole worlds.

        World w plays `seed + w` first where `seed` is a number, `seed[w]` where it is a sequence. Later episodes, and
        the first without a seed, draw theirs from `episode_seeds` by a generator that the seed begins.

        Raises: ValueError for other seeds or masks, or a layout: they stay; nothing moves.
        """
        if (options or {}).get("layout_seed") is not None:
            raise ValueError("the worlds of a vector environment keep their layouts: make it with layout_seeds=(...)")
        worlds = self.batch.worlds
        chosen = self._chosen(options)
        untouched = np.flatnonzero(~chosen & ~self._begun)
        if len(untouched):
            raise ValueError(f"the first reset is of all worlds; reset_mask leaves out world {untouched[0]}")
        if seed is None:
            seeds = self._drawn(worlds)
        else:
            if isinstance(seed, (int, np.integer)):
                given: list[Any] = [int(seed) + world for world in range(worlds)]
            elif isinstance(seed, Iterable):
                given = list(seed)
            else:
                raise ValueError(f"seeds are one whole number, or one for each of {worlds} worlds; got {seed!r}")
            if len(given) != worlds:
                raise ValueError(f"seeds are one number, or one for each of {worlds} worlds; got {len(given)}")
            for world, one in enumerate(given):
                if one is not None and (not isinstance(one, (int, np.integer)) or not 0 <= one < SEEDS):
                    raise ValueError(f"a seed is a whole number from 0 to 2**64 - 1; got {one!r} for world {world}")
            self._np_random_seed = int(next((one for one in given if one is not None), 0))
            self._np_random = np.random.default_rng(self._np_random_seed)
            others = self._drawn(worlds)
            seeds = np.array([others[w] if one is None else one for w, one in enumerate(given)], np.uint64)
        self._begin(chosen, seeds)
        return self._seen(), self._infos()

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Advance every world by a tick, or with `steps="decision"` to its next decision; `actions` is [N] of integers.

        Returns observations [N, D] float32, rewards [N] float64, terminated and truncated [N] bool, and infos: `ready`,
        `elapsed` and `action_mask`, rows as above.

        Raises: RuntimeError before reset; ValueError that names the first bad row, and nothing moves.
        """
        if not self._begun.all():
            raise RuntimeError("call reset() before step()")
        if self.autoreset_mode is AutoresetMode.DISABLED and self._over.any():
            world = int(np.argmax(self._over))
            raise RuntimeError(f"world {world} has ended: autoreset is disabled, so reset it with a reset_mask")
        self._read(actions)
        rows, before = self._rows, self._over
        self.batch.step(self._choices, self._to_decision)
        if before.any():  # NEXT_STEP: these did not move
            self._begin(before, self._drawn(self.batch.worlds))
        rewards, terminated, truncated = rows.reward.copy(), rows.terminated.copy(), rows.truncated.copy()
        self._over = over = self.batch.rows.clock[:, 0] != RUNNING
        final: dict[str, Any] = {}
        if over.any() and self.autoreset_mode is AutoresetMode.SAME_STEP:
            ended = terminated | truncated
            final = {
                "final_obs": self._observations.copy(), "_final_obs": ended,
                "final_info": {"elapsed": self.elapsed, "_elapsed": ended,
                               "success": np.repeat(self.success, self.batch.agents), "_success": ended},
                "_final_info": ended,
            }  # fmt: skip
            self._begin(over, self._drawn(self.batch.worlds))
        return self._seen(), rewards, terminated, truncated, {**self._infos(), **final}

    def close_extras(self, **kwargs: Any) -> None:
        """End the batch's threads."""
        self.batch.close()

    # ------------------------------------------------------------------

    def _seen(self) -> NDArray[np.float32]:
        return self._observations.copy() if self._copies else self._observations

    def _infos(self) -> dict[str, Any]:
        everywhere, rows = np.ones(self.num_envs, np.bool_), self._rows
        return {
            "ready": rows.ready.copy(), "_ready": everywhere, "elapsed": rows.elapsed.copy(), "_elapsed": everywhere,
            "action_mask": rows.allowed.copy(), "_action_mask": everywhere,
        }  # fmt: skip

    def _drawn(self, many: int) -> NDArray[np.uint64]:
        return drawn(self.np_random, self._episode_seeds, many)

    def _begin(self, chosen: NDArray[np.bool_], seeds: NDArray[np.uint64]) -> None:
        self.seeds = np.where(chosen, seeds, self.seeds)
        self.batch.reset_chosen(chosen, self.seeds)
        self._over = self._over & ~chosen
        self._begun |= chosen

    def _chosen(self, options: dict[str, Any] | None) -> NDArray[np.bool_]:
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return np.ones(self.batch.worlds, np.bool_)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            shape = f"{list(mask.shape)} {mask.dtype}" if isinstance(mask, np.ndarray) else repr(mask)
            raise ValueError(f"reset_mask is [{self.num_envs}] bool; got {shape}")
        by_world = mask.reshape(self.batch.worlds, self.batch.agents)
        chosen = np.asarray(by_world.all(axis=1))
        partly = np.flatnonzero(by_world.any(axis=1) & ~chosen)
        if len(partly):
            world = int(partly[0])
            raise ValueError(f"the rows of a world are reset together; reset_mask has only some of world {world}")
        return chosen

    def _read(self, actions: Any) -> None:
        """Check every action, then fill `_choices`."""
        given = np.asarray(actions)
        if given.shape != (self.num_envs,):
            raise ValueError(f"actions are [{self.num_envs}] whole numbers; got an array of shape {list(given.shape)}")
        limit = len(self.action_table)
        if given.dtype.kind not in "iu":
            raise ValueError(f"actions are whole numbers from 0 to {limit - 1}; got an array of {given.dtype}")
        if given.min() < 0 or given.max() >= limit:
            row = int(np.argmax((given < 0) | (given >= limit)))
            world, agent = divmod(row, self.batch.agents)
            where = f"row {row} (world {world}, {self.rules.agent_names[agent]})"
            raise ValueError(f"actions are whole numbers from 0 to {limit - 1}; got {given[row]} in {where}")
        self._choices[:] = given.reshape(self._choices.shape)


def _mode(mode: AutoresetMode | str) -> AutoresetMode:
    if isinstance(mode, AutoresetMode):
        return mode
    names = {one.name.lower(): one for one in AutoresetMode} | {one.value.lower(): one for one in AutoresetMode}
    if str(mode).lower() not in names:
        allowed = ", ".join(one.name.lower() for one in AutoresetMode)
        raise ValueError(f"autoreset_mode is one of {allowed}; got {mode!r}")
    return names[str(mode).lower()]
