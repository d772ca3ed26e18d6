"""The two engines behind one world: `CompiledEngine` (a batch of one) and `ReferenceEngine` (the readable one)."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..world import log
from ..world.control import Control
from ..world.copying import give_back
from ..world.engine import state_vectors, states_of
from ..world.observe import BLOCKS, observation_layout
from ..world.reference import World
from ..world.reference_observe import observe_reference
from ..world.rules import Rules
from ..world.state import IDLE, OUT, RUNNING, THINKING, WALKING, State
from .batch import Batch
from .config import Config
from .own import check_own
from .textbook import Textbook

NO_LOG = "no log is kept: make the environment with log=True"


class CompiledEngine:
    """A batch of one, with what the environment classes read at each step in plain lists."""

    def __init__(self, rules: Rules, config: Config, *, keep_log: bool = False, **options: Any) -> None:
        self.rules = rules
        self.config = config
        self.batch = Batch(rules, config, 1, keep_log=keep_log, keep_rows=True, **options)
        self.layout = self.batch.layout
        self.keep_log = keep_log
        self.discount: float = options.get("discount", 1.0)
        self._log: list[NDArray[Any]] = []
        self.rewards: list[float] = []
        self.seed = 0
        self._look()
        self._read()

    def _look(self) -> None:
        """Make rows of the batch's own memory."""
        rows = self.batch.rows
        self._observation: NDArray[np.float32] = self.batch.state.observation[0]
        self._allowed: NDArray[np.int8] = rows.allowed[0].view(np.int8)
        self._ready, self._ready_in, self._reward = rows.ready[0].view(np.int8), rows.ready_in[0], rows.reward[0]
        self._clock = rows.clock[0]

    def __setstate__(self, state: dict[str, Any]) -> None:
        give_back(self, state)
        self._look()

    def reset(self, seed: int) -> None:
        """Begin an episode."""
        self.seed = seed
        self._log = []
        self.batch.reset(np.array([seed], np.uint64))
        self._read()

    def step(self, choices: NDArray[np.int32], to_decision: bool) -> None:
        """Advance by a tick, or to the next decision."""
        self.batch.advance(choices, to_decision)
        self._read()
        # The batch also stops where its log is full: it has been emptied now, so go on and add up.
        while to_decision and self.keep_log and self.status == RUNNING and not any(self.ready):
            before, elapsed = self.rewards, self.elapsed
            self.batch.step(choices, True)
            self._read()
            factor = self.discount**elapsed
            self.rewards = [first + factor * then for first, then in zip(before, self.rewards, strict=True)]
            self.elapsed += elapsed

    def _read(self) -> None:
        if self.keep_log:
            self._log.append(self.batch.drain())
        self.status, self.elapsed, self.tick = self._clock.tolist()
        self.ready: list[int] = self._ready.tolist()
        self.ready_in: list[int] = self._ready_in.tolist()
        self.rewards = self._reward.tolist()

    def observations(self) -> NDArray[np.float32]:
        """Return a fresh [A, D] array."""
        return self._observation.copy()

    def masks(self) -> NDArray[np.int8]:
        """Return a fresh [A, actions] array."""
        return self._allowed.copy()

    def true_values(self) -> NDArray[np.float32]:
        """Return `state()`."""
        (vector,) = states_of(self.rules, self.batch.state)
        return np.asarray(vector)

    def events(self) -> NDArray[Any]:
        """Return the log of the episode so far."""
        if not self.keep_log:
            raise RuntimeError(NO_LOG)
        self._log = [log.join(self._log)]
        return self._log[0]

    def digest(self) -> str:
        """Return the digest of the episode so far."""
        return log.digest(episode_header(self.rules, self.config, self.seed), self.events())

    def save(self) -> State:
        """Return a copy of the world as it stands, without its log, for `load`."""
        state = self.batch.state
        copies = {name: array.copy() for name, array in state._asdict().items() if name != "log"}
        return state._replace(log=np.zeros((1, 0), log.EVENT), **copies)

    def load(self, saved: State) -> None:
        """Go on from a copy that an engine of the same rules and protocol saved; the log begins there."""
        for name, array in saved._asdict().items():
            if name != "log":
                getattr(self.batch.state, name)[...] = array
        self.batch.state.world["log_count"] = 0
        self.seed = int(saved.world["seed"][0])
        self._log = []
        self.batch.show_rows()
        self._read()

    def show_anew(self) -> None:
        """Show the world to its agents again, after the arrays of `batch.state` were changed from outside."""
        self.batch.show_anew()
        self._log = []
        self._read()


class ReferenceEngine:
    """The readable engine behind the same face; it also runs a user's own `Control`."""

    def __init__(
        self,
        rules: Rules,
        protocol: Config | Control,
        *,
        keep_log: bool = False,
        blocks: tuple[str, ...] = BLOCKS,
        costs: dict[str, float] | None = None,
        own_reward: bool = False,
        discount: float = 1.0,
    ) -> None:
        if isinstance(protocol, Control):
            check_own(protocol)
        self.rules = rules
        self.protocol = protocol
        stamped = protocol.messages == "stamped" if isinstance(protocol, Config) else protocol.stamped
        self.layout = observation_layout(rules, blocks, stamped)
        self.costs = {"think_cost": 0.0, "message_cost": 0.0, "accident_cost": 0.0, **(costs or {})}
        self.keep_log = keep_log
        self.own_reward = own_reward
        self.discount = discount
        self.seed = 0

    def reset(self, seed: int) -> None:
        """Begin an episode."""
        self.seed = seed
        control = Textbook(self.protocol) if isinstance(self.protocol, Config) else self.protocol
        control.reset()
        self.world = World(self.rules, control, seed)
        agents = range(len(self.world.agents))
        self._shown = np.stack([observe_reference(self.world, agent, self.layout) for agent in agents])
        self.rewards = [0.0] * len(agents)
        self.elapsed = 0
        self._present()

    def step(self, choices: NDArray[np.int32], to_decision: bool) -> None:
        """Advance by a tick, or to the next decision."""
        self.elapsed = 0
        self.rewards = [0.0] * len(self.world.agents)
        if self.status != RUNNING:
            return
        while True:
            seen = len(self.world.events)
            self.world.tick(choices[0].tolist())
            self._pay(seen)
            self.elapsed += 1
            self._present()
            if self.status != RUNNING or not to_decision or any(self.ready):
                return

    def _pay(self, seen: int) -> None:
        factor = self.discount**self.elapsed
        goals = max(1, len(self.world.met))
        for agent in range(len(self.world.agents)):
            change = self.world.earned[agent] if self.own_reward else self.world.goal_changes
            self.rewards[agent] += factor * change / goals
            self.rewards[agent] -= factor * self.costs["think_cost"] * (agent in self.world.thought_in_tick)
        for event in self.world.events[seen:]:
            if event[0] == log.SEND and event[13] & 2 == 0:
                self.rewards[event[2]] -= factor * self.costs["message_cost"]
            elif event[0] == log.ACCIDENT:
                self.rewards[event[2]] -= factor * self.costs["accident_cost"]

    def _present(self) -> None:
        world = self.world
        self.status, self.tick = world.status, world.now
        over = world.status != RUNNING
        self.ready, self.ready_in = [], []
        for agent, me in enumerate(world.agents):
            if world.would_be_ready(agent):
                self._shown[agent] = observe_reference(world, agent, self.layout)
            ready = world.would_be_ready(agent) and not over
            self.ready.append(int(ready))
            if ready or over:
                self.ready_in.append(0)
            elif me.phase == OUT:
                self.ready_in.append(self.rules.max_cycles - world.now)
            elif self.rules.settings.lockstep and me.phase in (IDLE, WALKING):
                self.ready_in.append((agent - world.now) % len(world.agents))
            else:
                self.ready_in.append(1 + me.stalled + (me.thought_left if me.phase == THINKING else 0))

    def observations(self) -> NDArray[np.float32]:
        """Return a fresh [A, D] array."""
        return self._shown.copy()

    def masks(self) -> NDArray[np.int8]:
        """Return a fresh [A, actions] array."""
        masks = np.zeros((len(self.ready), len(self.rules.actions)), np.int8)
        for agent, ready in enumerate(self.ready):
            masks[agent] = self.world.mask(agent) if ready else np.arange(masks.shape[1]) == 0
        return masks

    def true_values(self) -> NDArray[np.float32]:
        """Return `state()`."""
        world = self.world
        sites, agents = world.sites, world.agents
        (vector,) = state_vectors(
            self.rules,
            np.array([world.now]),
            (np.array([[site.value for site in sites]]), np.array([[site.unsettled >= 0 for site in sites]])),
            (
                np.array([[a.cell for a in agents]]),
                np.array([[a.phase for a in agents]]),
                np.array([[a.hand for a in agents]]),
                np.array([[a.thought_left for a in agents]]),
            ),
            np.array([world.met]),
        )
        return np.asarray(vector)

    def events(self) -> NDArray[Any]:
        """Return the log of the episode so far."""
        if not self.keep_log:
            raise RuntimeError(NO_LOG)
        return self.world.event_array()

    def digest(self) -> str:
        """Return the digest of the episode so far."""
        return log.digest(episode_header(self.rules, self.protocol, self.seed), self.events())

    def save(self) -> tuple[World, NDArray[np.float32]]:
        """Return a copy of the world as it stands, without its log, for `load`."""
        return self._copied((self.world, self._shown))

    def load(self, saved: tuple[World, NDArray[np.float32]]) -> None:
        """Go on from a copy that an engine of the same rules and protocol saved; the log begins there."""
        self.world, self._shown = self._copied(saved)
        self.seed = self.world.seed
        self.rewards, self.elapsed = [0.0] * len(self.world.agents), 0
        self._present()

    def _copied(self, saved: tuple[World, NDArray[np.float32]]) -> tuple[World, NDArray[np.float32]]:
        # The rules never change; the log would make copies of a long episode grow with its square.
        world = saved[0]
        return deepcopy(saved, {id(world.rules): world.rules, id(world.events): []})


def episode_header(rules: Rules, protocol: Config | Control, seed: int) -> dict[str, Any]:
    """Return what a digest covers before the events: scenario, config, settings and seed."""
    config = protocol.header if isinstance(protocol, Config) else {"custom": protocol.name}
    return {**rules.header, "config": config, "seed": int(seed)}
