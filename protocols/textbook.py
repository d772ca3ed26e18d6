"""From a config to the hooks that the reference engine asks: the textbook mechanisms, put together."""

from __future__ import annotations

from ..world.control import Answer, Control, Stale
from ..world.reference import World
from ..world.reference_state import Mail, Transaction
from .config import SCOPE_BITS, Config
from .stamps import Stamps
from .token import Token
from .validation import Validation


class Textbook(Control):
    """A config's mechanisms, each asked where it has an answer."""

    def __init__(self, config: Config) -> None:
        self.config = config
        for axis in ("reads", "writes", "transaction", "mail", "delivery", "feedback"):
            setattr(self, axis, getattr(config, axis))  # one of the values that `Control` names: the config checked it
        self.stamped = config.messages == "stamped"
        self.validation = Validation(
            sum(SCOPE_BITS[scope] for scope in config.scopes), config.validated, config.transaction == "task"
        )
        self.stamps = Stamps() if self.stamped else None
        self.one_at_a_time = Token() if config.order == "token" else None

    def admit(self, world: World, agent: int, task: int, moment: str) -> Answer:
        """Ask the token."""
        return self.one_at_a_time.admit(world, agent, task, moment) if self.one_at_a_time else Answer.GO

    def check(self, world: World, txn: Transaction, op: int, moment: str) -> list[Stale]:
        """Ask the validation."""
        return self.validation.check(world, txn, op, moment)

    def settle(self, world: World, agent: int) -> None:
        """Tell the token."""
        if self.one_at_a_time:
            self.one_at_a_time.settle(world, agent)

    def deliver(self, world: World, mail: Mail) -> bool:
        """Ask the token and the stamps; unstamped, the last message to arrive wins."""
        if self.one_at_a_time and not self.one_at_a_time.deliver(world, mail):
            return False
        return self.stamps.deliver(world, mail) if self.stamps else True
