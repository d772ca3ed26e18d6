"""A person as a mind: keys choose the actions. pygame is imported only once somebody is to press them."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..world.actions import MOVE, Action
from ..world.layout import MOVES
from ..world.parallel_env import StaleGridParallelEnv

MISSING = 'playing by keyboard needs pygame-ce: pip install "stalegrid[render]"'
HINT = "type an action's number (enter ends it); space waits"


class Keyboard:
    """Reads actions from keys: the number that an action has in the table, space to wait, arrows to move by hand.

    A number is taken as soon as no longer one begins with it; return takes it at once, backspace its last digit back.
    """

    def __init__(self, actions: tuple[Action, ...]) -> None:
        try:
            import pygame
        except ImportError as error:
            raise ImportError(MISSING) from error
        self.actions = actions
        self.typed = ""  # so far
        digits = {getattr(pygame, f"K_{pad}{digit}"): str(digit) for pad in ("", "KP") for digit in range(10)}
        self._digits: dict[int, str] = digits
        self._returns = (pygame.K_RETURN, pygame.K_KP_ENTER)
        self._backspace = pygame.K_BACKSPACE
        arrows = {"north": pygame.K_UP, "south": pygame.K_DOWN, "west": pygame.K_LEFT, "east": pygame.K_RIGHT}
        moves = {MOVES[action.index][0]: index for index, action in enumerate(actions) if action.kind == MOVE}
        self._single = {arrows[name]: index for name, index in moves.items()}
        self._single[pygame.K_SPACE] = 0

    def press(self, key: int, mask: NDArray[Any]) -> int | None:
        """Take a key; return the action that it completes if the mask, [actions], allows it."""
        if key in self._single:
            return self._take(self._single[key], mask)
        if key == self._backspace:
            self.typed = self.typed[:-1]
        elif key in self._returns and self.typed:
            return self._take(int(self.typed), mask)
        elif key in self._digits:
            self.typed += self._digits[key]
            # "1" may yet become "12"; a leading zero is the wait.
            if self.typed == "0" or 10 * int(self.typed) >= len(self.actions):
                return self._take(int(self.typed), mask)
        return None

    def _take(self, action: int, mask: NDArray[Any]) -> int | None:
        self.typed = ""
        return action if action < len(self.actions) and mask[action] else None


class ManualPolicy:
    """A person who plays one agent of an environment in the render mode `human`, by PettingZoo's conventions.

    Call it with the agent's observation and name, as any policy. While the agent is busy it waits at once; where it
    must act, time waits for the person, unless `hurry` is set: then a turn without a key is a wait. Escape and the
    window's closing end the program; backspace begins a new episode.
    """

    def __init__(self, env: Any, agent_id: int = 0, show_obs: bool = False, *, hurry: bool = False) -> None:
        """Play the agent at place `agent_id` of `env.possible_agents`; `show_obs` prints what it observes.

        Raises: ValueError for an environment without a window or an agent that is not there; ImportError without
        pygame.
        """
        if env.render_mode != "human":
            raise ValueError(
                f"a person needs a window to see and to type in: render_mode='human'; got {env.render_mode!r}"
            )
        if not 0 <= agent_id < len(env.possible_agents):
            raise ValueError(f"agent_id is a place from 0 to {len(env.possible_agents) - 1}; got {agent_id!r}")
        self.env = env
        self.agent_id = agent_id
        self.agent: str = env.possible_agents[agent_id]
        self.show_obs = show_obs
        self.hurry = hurry
        raw = env.unwrapped
        self._parallel: StaleGridParallelEnv = getattr(raw, "parallel", raw)
        self.keyboard = Keyboard(env.unwrapped.action_table)

    @property
    def available_agents(self) -> dict[str, int]:
        """The agents that can be played, with their places."""
        return {name: place for place, name in enumerate(self.env.possible_agents)}

    @property
    def action_mapping(self) -> dict[int, str]:
        """What the numbers mean."""
        return {number: action.name for number, action in enumerate(self.keyboard.actions)}

    def __call__(self, observation: Any, agent: str) -> int:
        """Return the action that the person chooses.

        Raises: ValueError for another agent; SystemExit if the person has had enough.
        """
        if agent != self.agent:
            raise ValueError(f"this person plays {self.agent}; got {agent!r}")
        mask = self._parallel.engine.masks()[self.agent_id]
        must_act = self._parallel.engine.ready[self.agent_id] == 1
        if must_act and self.show_obs:
            self._print(observation)
        import pygame

        shown = pygame.display.get_surface()
        if shown is None:
            raise SystemExit("the window was closed")
        below, clock = shown.copy(), pygame.time.Clock()
        while True:
            for event in pygame.event.get((pygame.KEYDOWN, pygame.QUIT)):
                if event.type == pygame.QUIT or event.key == pygame.K_ESCAPE:
                    self.env.close()
                    raise SystemExit("the person has left")
                if event.key == pygame.K_BACKSPACE and not self.keyboard.typed:
                    self.env.reset()
                    return 0
                action = self.keyboard.press(event.key, mask) if must_act else None
                if action is not None:
                    return action
            if not must_act or self.hurry:
                return 0
            self._show(shown, below, mask)
            clock.tick(30)

    def _show(self, shown: Any, below: Any, mask: NDArray[Any]) -> None:
        """Lay the list of what can be done over the picture."""
        import pygame

        pygame.font.init()
        rows = [f"{self.agent} must act: {self.keyboard.typed or '?'}"]
        rows += [f"{number:>3} {name}" for number, name in self.action_mapping.items() if mask[number]]
        rows.append(HINT)
        columns = -(-len(rows) * 12 // max(12, shown.get_height() - 8))  # where they do not fit, beside each other
        deep = -(-len(rows) // columns)
        font = pygame.font.Font(None, max(12, min(22, (shown.get_height() - 8) // deep)))
        shown.blit(below, (0, 0))
        veil = pygame.Surface(shown.get_size(), pygame.SRCALPHA)
        veil.fill((20, 22, 28, 205))
        shown.blit(veil, (0, 0))
        for nth, row in enumerate(rows):
            left = 6 + nth // deep * shown.get_width() // columns
            shown.blit(font.render(row, True, (240, 240, 235)), (left, 4 + nth % deep * font.get_height()))
        pygame.display.flip()

    def _print(self, observation: Any) -> None:
        row = observation[self._parallel.observation_key] if isinstance(observation, dict) else observation
        told = zip(self._parallel.observation_legend, row, strict=True)
        print(f"{self.agent}: " + ", ".join(f"{name} {value:.2f}" for name, value in told if value))
