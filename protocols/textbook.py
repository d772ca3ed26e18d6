"""From a config to the hooks that the reference engine asks: the textbook mechanisms, put together."""

from __future__ import annotations

from ..world.control import Answer, Blocked, Control, Stale
from ..world.log import AT_SITE, FOR_EPOCH
from ..world.reference import World
from ..world.reference_state import Buffered, Mail, Transaction
from ..world.state import LOCKING, NOBODY
from .branch import Branch
from .config import SCOPE_BITS, Config
from .deadlocks import Deadlocks
from .epochs import Epochs
from .forward import Forward
from .locks import Locks
from .pivots import Pivots
from .premises import Premises
from .preorder import Preorder
from .scheduling import ContentionAware
from .snapshots import FirstCommitterWins
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
        may_stop = config.interruption != "think to the end"
        self.stops = may_stop and config.rule != "forward"
        self.kept = config.kept if config.interruption == "checkpoint" else 0
        self.renews = config.order == "token"
        self.speculates = config.speculation == "while waiting"
        validation = Validation(
            sum(SCOPE_BITS[scope] for scope in config.scopes),
            (*config.validated, "think", "watch"),
            config.transaction == "task",
            config.corrector == "checked",
            config.corrections == "epoch",
        )
        self.validation = Premises(validation) if config.rule == "premise" else validation
        self.snapshots = FirstCommitterWins() if config.order == "first committer wins" else None
        self.pivots = Pivots() if config.pivot == "aborts" else None
        self.branch = Branch() if config.writes == "branch" else None
        self.stamps = Stamps() if self.stamped else None
        self.one_at_a_time = Token() if config.order == "token" else None
        self.scheduling: ContentionAware | None = None
        if config.scheduling == "contention-aware":
            self.scheduling = ContentionAware(config.age_bound, config.holds_back)
        self.locks = None
        if config.locks != "none":
            deadlocks = Deadlocks(config.deadlock, config.victim == "least thought sunk", config.lock_timeout)
            self.locks = Locks(config.locks, config.lock_moment == "as needed", deadlocks)
        self.preorder: Preorder | None = None
        if config.order == "preorder":
            self.preorder = self.ranks = Preorder(config.judge, config.repair, config.misjudged, config.window)
        has_epochs = config.corrections == "epoch"
        self.epochs = Epochs(config.adopt_timeout, config.resend, may_stop) if has_epochs else None
        self.forward = Forward(validation) if config.rule == "forward" else None

    def reset(self) -> None:
        """Forget the last episode's locks, epochs and conflicts."""
        for mechanism in (self.locks, self.epochs, self.pivots):
            if mechanism:
                mechanism.reset()

    def admit(self, world: World, agent: int, task: int, moment: str) -> Answer:
        """Ask the scheduling, then the ranks, the locks or the token, and before an act the epochs and the pivots."""
        txn = world.agents[agent].txn
        if self.epochs and moment == "act" and txn is not None and self.epochs.holds(world, txn):
            return Answer.WAIT
        if self.scheduling and self.scheduling.admit(world, agent, task, moment) is Answer.WAIT:
            return Answer.WAIT
        if self.pivots and moment in ("decide", "retry"):
            self.pivots.admit(agent)
        if self.pivots and moment == "act" and txn is not None and self.pivots.blocks(world, txn) != NOBODY:
            return Answer.WAIT
        if self.preorder:
            return self.preorder.admit(world, agent, task, moment)
        if self.locks:
            return self.locks.admit(world, agent, task, moment)
        return self.one_at_a_time.admit(world, agent, task, moment) if self.one_at_a_time else Answer.GO

    def waits_for(self, world: World, agent: int) -> Blocked:
        """Name who is in the way of rank, lock or thought, who must settle first, corrector, or token holder."""
        if self.preorder:
            return self.preorder.waits_for(agent)
        if self.locks and agent in self.locks.waiting:
            return self.locks.waits_for(world, agent)
        if self.scheduling and self.scheduling.holds_back and world.agents[agent].phase == LOCKING:
            return self.scheduling.waits_for(world, agent)
        txn = world.agents[agent].txn
        if self.pivots and txn is not None and not (self.epochs and self.epochs.holds(world, txn)):
            return Blocked(self.pivots.blocks(world, txn), AT_SITE)
        return Blocked(self.epochs.corrector, FOR_EPOCH) if self.epochs else Blocked(world.holder)

    def check(self, world: World, txn: Transaction, op: int, moment: str) -> list[Stale]:
        """Ask the ranks, or the validation and at an act the snapshots and the pivots."""
        if self.preorder:
            return self.preorder.check(txn, moment)
        is_fenced = self.epochs is not None and txn.agent in self.epochs.fenced
        stale = dict(self.validation.check(world, txn, op, moment, is_fenced))
        for mechanism in (self.snapshots, self.pivots):
            if mechanism and moment == "act":
                stale = mechanism.check(world, txn, op) | stale  # the first to say so names the scope
        return [Stale(site, stale[site]) for site in sorted(stale)]

    def refused(self, world: World, txn: Transaction) -> None:
        """Tell the epochs."""
        if self.epochs:
            self.epochs.refused(world, txn)

    def merge(self, world: World, txn: Transaction) -> list[Buffered]:
        """Ask the branch; a buffer is installed write by write."""
        return self.branch.merge(txn) if self.branch else txn.buffered

    def settle(self, world: World, agent: int) -> None:
        """Tell the token, the locks, the ranks and the pivots."""
        for mechanism in (self.one_at_a_time, self.locks, self.preorder, self.pivots):
            if mechanism:
                mechanism.settle(world, agent)

    def correct(self, world: World, agent: int, entries: list[int]) -> None:
        """Prepare an epoch, or tell everyone at once."""
        if self.epochs:
            self.epochs.correct(world, agent, entries)
        else:
            super().correct(world, agent, entries)

    def turn_epoch(self, world: World) -> None:
        """Stop the readers of what was written, and ask the epochs."""
        if self.forward:
            self.forward.stop_readers(world, self.epochs.fenced if self.epochs else set())
        if self.epochs:
            self.epochs.turn(world)

    def deliver(self, world: World, mail: Mail) -> bool:
        """Ask the token and the stamps; unstamped, the last message to arrive wins."""
        if self.one_at_a_time and not self.one_at_a_time.deliver(world, mail):
            return False
        return self.stamps.deliver(world, mail) if self.stamps else True
