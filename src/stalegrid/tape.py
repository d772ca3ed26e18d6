"""One episode kept so that any of its ticks can be shown again: what windows, recordings and replays are made of."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .agents.cast import Cast
from .make import Protocol, make_engine
from .protocols.config import Config
from .protocols.handover import hand_over
from .protocols.presets import name_of, resolve
from .protocols.single import CompiledEngine
from .reading import make_rules
from .render.drawing import scene_of
from .render.scene import Scene
from .story import Line, tell
from .world.audit import EpisodeReport, audit_episode
from .world.control import Control
from .world.engine import Engine
from .world.rules import Rules
from .world.seeds import SEEDS
from .world.state import RUNNING

SPACING = 32  # ticks between two snapshots, at first
SNAPSHOTS = 128  # at most; then every second one goes, and the spacing doubles
SCENES = 256  # kept, those that were asked for last


class Tape:
    """One episode of a scenario under one protocol from one seed, with scripted minds.

    `Tape(...)` plays it to the end; `Tape.live(...)` is stepped, and one agent may be played from outside. Scenes are
    made from snapshots and by doing again what was done, so a tick looks the same whenever it is shown.
    """

    def __init__(
        self, scenario: str | Rules, protocol: Protocol = "none", seed: int = 0, mind: str = "naive", **settings: Any
    ) -> None:
        """Play a whole episode.

        Args:
            scenario: a name of `stalegrid list`, or rules that were made already; these take no settings.
            protocol: as for `stalegrid.parallel_env`.
            seed: from 0 to 2**64 - 1.
            mind: of every agent.
            **settings: size, think, delay, ... and parameters of the size.

        Raises: ValueError that says what was got and what is allowed.
        """
        self._begin(scenario, protocol, seed, mind, None, settings)
        while not self.is_over:
            self.step()

    @classmethod
    def live(
        cls,
        scenario: str | Rules,
        protocol: Protocol = "none",
        seed: int = 0,
        mind: str = "naive",
        *,
        agent: str | None = None,
        **settings: Any,
    ) -> Tape:
        """Begin an episode that is to be stepped, with `agent` (a name, None: nobody) played from outside.

        Raises: ValueError as for `Tape(...)`, and for an unknown agent.
        """
        tape = cls.__new__(cls)
        tape._begin(scenario, protocol, seed, mind, agent, settings)
        return tape

    def _begin(
        self, scenario: str | Rules, protocol: Protocol, seed: int, mind: str, agent: str | None,
        settings: dict[str, Any],
    ) -> None:  # fmt: skip
        if isinstance(scenario, Rules) and settings:
            raise ValueError(f"rules that were made already take no settings; got {', '.join(settings)}")
        if not isinstance(seed, (int, np.integer)) or not 0 <= seed < SEEDS:
            raise ValueError(f"a seed is a whole number from 0 to 2**64 - 1; got {seed!r}")
        self.rules = scenario if isinstance(scenario, Rules) else make_rules(scenario, **settings)
        self.config: Config | Control = protocol if isinstance(protocol, Control) else resolve(protocol)
        self.seed = int(seed)
        self.mind = mind
        self.agent: int | None = None  # index of who is played from outside
        if agent is not None:
            if agent not in self.rules.agent_names:
                raise ValueError(f"unknown agent {agent!r}; the agents are {', '.join(self.rules.agent_names)}")
            self.agent = self.rules.agent_names.index(agent)
        self.parent: Tape | None = None
        self.forked_at: int | None = None
        self._engine, self._cast = self._players(log=True)
        self._engine.reset(self.seed)
        self._prepare(first=0)

    def _prepare(self, first: int) -> None:
        """Make ready what is kept of the episode; `first` is the tick at which this tape begins."""
        self._first = first
        self._chosen: list[NDArray[np.int32]] = []  # [A] of each tick from `first` on
        self._spacing = SPACING
        self._snapshots: dict[int, Any] = {first: self._engine.save()}
        self._memories: dict[int, Any] = {first: self._cast.save()}
        self._projector: Engine | None = None  # a second engine, which goes back and forth
        self._scenes: OrderedDict[int, Scene] = OrderedDict()

    def _players(self, log: bool) -> tuple[Engine, Cast]:
        name = "compiled" if isinstance(self.config, Config) else "reference"
        engine = make_engine(self.rules, self.config, name, log=log)
        return engine, Cast(self.mind, engine, self.seed)

    # ------------------------------------------------------------------ what it is

    @property
    def protocol(self) -> str:
        """The protocol's name."""
        return self.config.name if isinstance(self.config, Control) else name_of(self.config)

    @property
    def length(self) -> int:
        """Ticks played so far: those of the whole episode, once it is over."""
        return self._first + len(self._chosen)

    @property
    def is_over(self) -> bool:
        """True once the episode has ended."""
        return self._engine.status != RUNNING

    @property
    def is_fork(self) -> bool:
        """True if it went on from another tape's tick under other rules: a what-if, and no result."""
        return self.parent is not None

    @property
    def actions(self) -> NDArray[np.int32]:
        """What was chosen, [ticks, A] int32: row t - 1 is of tick t; 0 where an agent had not to choose."""
        own = np.array(self._chosen, np.int32).reshape(len(self._chosen), len(self.rules.agent_names))
        return own if self.parent is None else np.concatenate([self.parent.actions[: self._first], own])

    @property
    def events(self) -> NDArray[Any]:
        """The log so far, [n] log.EVENT."""
        own = self._engine.events()
        return own if self.parent is None else np.concatenate([self._before, own])

    @property
    def digest(self) -> str | None:
        """The digest of the episode so far, the same as anyone else's on this seed; None of a fork."""
        return None if self.is_fork else self._engine.digest()

    @cached_property
    def _audited(self) -> tuple[EpisodeReport, list[Line]]:
        events = self.events
        report = audit_episode(self.rules, events)
        return report, tell(self.rules, events, report)

    @property
    def report(self) -> EpisodeReport:
        """What the auditor says of the log so far."""
        return self._audited[0]

    @property
    def lines(self) -> list[Line]:
        """The episode so far in sentences, by tick."""
        return self._audited[1]

    # ------------------------------------------------------------------ playing

    @property
    def must_act(self) -> bool:
        """True if the agent that is played from outside has to choose in the next tick."""
        return self.agent is not None and not self.is_over and self._engine.ready[self.agent] == 1

    @property
    def ready_in(self) -> int:
        """Ticks until the agent that is played from outside may choose, as far as can be told; 0 if it must now."""
        return 0 if self.agent is None else self._engine.ready_in[self.agent]

    @property
    def mask(self) -> NDArray[np.int8]:
        """What the agent that is played from outside may choose, [actions]."""
        mask: NDArray[np.int8] = self._engine.masks()[self.agent or 0]
        return mask

    @property
    def observation(self) -> NDArray[np.float32]:
        """What the agent that is played from outside saw when it last had to choose."""
        seen: NDArray[np.float32] = self._engine.observations()[self.agent or 0]
        return seen

    def step(self, action: int | None = None) -> None:
        """Advance by one tick; `action` is needed where the agent that is played from outside must act.

        Raises: RuntimeError once the episode is over; ValueError for a missing action or one outside the table.
        """
        if self.is_over:
            raise RuntimeError("the episode is over")
        played = None
        if self.agent is not None and self.must_act:
            limit = len(self.rules.actions) - 1
            if action is None or not 0 <= action <= limit:
                name = self.rules.agent_names[self.agent]
                raise ValueError(f"{name} must act now: an action from 0 to {limit}; got {action!r}")
            played = self.agent, action
        choices = self._choices()
        if played is not None:
            choices[played[0]] = played[1]
        self._advance(choices)

    def repeat(self, choices: NDArray[np.int32]) -> None:
        """Advance by one tick with what was chosen before, [A] int32, whatever the minds would choose now.

        Raises: RuntimeError once the episode is over.
        """
        if self.is_over:
            raise RuntimeError("the episode is over")
        self._choices()  # so that the minds remember
        self._advance(choices)

    def _choices(self) -> NDArray[np.int32]:
        chosen: NDArray[np.int32] = self._cast.choose(self._engine, () if self.agent is None else (self.agent,))[0]
        return chosen

    def _advance(self, choices: NDArray[np.int32]) -> None:
        self._engine.step(choices[None], False)
        self._chosen.append(choices)
        vars(self).pop("_audited", None)
        if self.length - self._first == self._spacing * len(self._snapshots):
            self._keep()

    def _keep(self) -> None:
        self._snapshots[self.length], self._memories[self.length] = self._engine.save(), self._cast.save()
        if len(self._snapshots) > SNAPSHOTS:
            self._spacing *= 2
            for kept in (self._snapshots, self._memories):
                for tick in [tick for tick in kept if (tick - self._first) % self._spacing]:
                    del kept[tick]

    # ------------------------------------------------------------------ showing

    def scene(self, tick: int) -> Scene:
        """Return the moment after a tick, from 0, the beginning, to `length`: the same scene at each call.

        Raises: ValueError for a tick that is not there.
        """
        if not 0 <= tick <= self.length:
            raise ValueError(f"the tape has ticks 0 to {self.length}; got {tick}")
        if self.parent is not None and tick < self._first:
            return self.parent.scene(tick)
        if tick in self._scenes:
            self._scenes.move_to_end(tick)
            return self._scenes[tick]
        scene = scene_of(self._wound_to(tick))
        self._scenes[tick] = scene
        if len(self._scenes) > SCENES:
            self._scenes.popitem(last=False)
        return scene

    def _wound_to(self, tick: int) -> Engine:
        """Return the second engine, wound to a tick by what was chosen."""
        if self._projector is None:
            self._projector, _ = self._players(log=False)
            self._projector.load(self._snapshots[self._first])
        engine = self._projector
        nearest = max(kept for kept in self._snapshots if kept <= tick)
        if not nearest <= engine.tick <= tick:
            engine.load(self._snapshots[nearest])
        while engine.tick < tick:
            engine.step(self._chosen[engine.tick - self._first][None], False)
        return engine

    # ------------------------------------------------------------------ forking

    def fork(
        self, tick: int, protocol: Protocol | None = None, think: int | None = None, delay: int | None = None
    ) -> Tape:
        """Play on from a tick under another protocol, think time or delay, and return that as a tape of its own.

        It keeps the world, what agents believe and carry, the mail in flight and what minds remember; see
        `protocols.handover` for transactions that are under way. The horizon stays. A fork is no result: it has no
        digest, and is never exported.

        Raises: ValueError for a tick that is not there, or where a user's own protocol, or ranks, are left or taken.
        """
        if not 0 <= tick <= self.length:
            raise ValueError(f"the tape has ticks 0 to {self.length}; got {tick}")
        if self.parent is not None and tick < self._first:
            raise ValueError(f"this fork begins at tick {self._first}; got {tick}")
        config = _forked(self.config, self.config if protocol is None else protocol)
        forked = Tape.__new__(Tape)
        forked.rules = self._rules_with(think, delay)
        forked.config = config
        forked.seed, forked.mind, forked.agent = self.seed, self.mind, self.agent
        forked.parent, forked.forked_at = self, tick
        forked._fork_from(self, tick)
        while forked.agent is None and not forked.is_over:
            forked.step()
        return forked

    def _rules_with(self, think: int | None, delay: int | None) -> Rules:
        given = {name: value for name, value in (("think", think), ("delay", delay)) if value is not None}
        if not given:
            return self.rules
        settings = {**self.rules.settings.model_dump(), "max_cycles": self.rules.max_cycles, **given}
        return make_rules(self.rules.name, **self.rules.parameters, **settings)

    def _fork_from(self, parent: Tape, tick: int) -> None:
        first = max(kept for kept in parent._snapshots if kept <= tick)
        engine, cast = parent._players(log=False)
        engine.load(parent._snapshots[first])
        cast.load(parent._memories[first])
        absent = () if parent.agent is None else (parent.agent,)
        for chosen in parent._chosen[first - parent._first : tick - parent._first]:
            cast.choose(engine, absent)  # to remember; what was chosen is known
            engine.step(chosen[None], False)
        self._engine, self._cast = self._players(log=True)
        self._engine.reset(self.seed)
        assert isinstance(engine, CompiledEngine)
        assert isinstance(self._engine, CompiledEngine)
        handed = hand_over(engine, self._engine)
        self._cast.load(cast.save())
        before = parent.events
        self._before = np.concatenate([before[before["tick"] <= tick], handed])
        self._prepare(first=tick)


def _forked(left: Config | Control, taken: Protocol) -> Config:
    """Return the config under which an episode goes on that was played under another, or the same.

    Raises: ValueError where no protocol takes over what the other keeps.
    """
    if isinstance(left, Control) or isinstance(taken, Control):
        name = left.name if isinstance(left, Control) else "one taken"
        raise ValueError(f"a user's own protocol keeps its state itself, and cannot be forked; got {name}")
    config = resolve(taken)
    if config != left and (left.ranks or config.ranks):
        way = f"from {name_of(left)} to {name_of(config)}"
        raise ValueError(f"what stands at ranks is carried on by the protocol that ranked it alone; got {way}")
    return config
