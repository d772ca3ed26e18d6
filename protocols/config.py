"""A protocol is a point in a design space: this file is the space, its axes, and what contradicts what."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from ..world.audit.certificates import RANK, SETTLE, TOKEN
from ..world.settings import Settings, without_later
from ..world.state import HAZARDS, PLANNED, SENSED, TOLD, WRITTEN


class Axis(NamedTuple):
    """One axis of the design space: what it asks, the values that can be had, and those that are not built yet."""

    question: str
    values: tuple[str, ...]
    later: tuple[str, ...] = ()
    many: bool = False  # any subset of the values


AXES: dict[str, Axis] = {
    "reads": Axis("when are inputs read", ("decision", "admission")),
    "writes": Axis("where do record writes go", ("in place", "buffered", "branch")),
    "transaction": Axis("what is validated together", ("op", "task")),
    "scopes": Axis("which inputs an act must find current", ("written", "sensor", "message", "plan"), many=True),
    "rule": Axis("what current means", ("version", "premise", "forward")),
    "validated": Axis("when inputs are checked", ("act", "settle"), many=True),
    "locks": Axis("what is locked until the task settles", ("none", "site", "region", "world")),
    "lock_moment": Axis("when what is written is locked", ("ahead", "as needed")),
    "deadlock": Axis("how deadlocks end", ("detection", "wait-die", "wound-wait", "timeout")),
    "victim": Axis("who gives way in a circle of waits", ("youngest", "least thought sunk")),
    "lease": Axis("whether locks expire", ("none",), ("ttl",)),
    "order": Axis(
        "what fixes the order of transactions", ("none", "first committer wins", "preorder", "token"),
        ("timestamp", "ticket"),
    ),
    "pivot": Axis("whether one between two conflicts of snapshots commits", ("commits", "aborts")),
    "judge": Axis("how accurately agents judge what a notice means (order = preorder)", ("perfect", "lazy", "wrong")),
    "messages": Axis("whether messages carry versions", ("unstamped", "stamped")),
    "delivery": Axis("in which order messages arrive", ("any", "fifo"), ("causal",)),
    "mail": Axis("when an act's announcements leave", ("at once", "at settle")),
    "corrections": Axis("how plan corrections spread", ("broadcast", "epoch")),
    "corrector": Axis("whether a correction is checked as acts are", ("unchecked", "checked")),
    "merge": Axis("what concurrent writes become", ("overwrite",), ("last writer wins", "crdt")),
    "undo": Axis("how refused tasks are undone", ("none",), ("compensate",)),
    "joint": Axis("how joint tasks commit", ("none",), ("two-phase",)),
    "barrier": Axis("whether a last task waits for others", ("none",), ("last",)),
    "feedback": Axis("what a refusal tells", ("semantic", "opaque")),
    "interruption": Axis("whether stale thought is stopped", ("think to the end", "stop", "checkpoint")),
    "speculation": Axis("whether a waiting agent starts thinking on what it believes", ("none", "while waiting")),
    "scheduling": Axis("who is let in first", ("first come", "contention-aware")),
}  # fmt: skip


# Later than the first digests: a header names them only where they are set, so that digests without them stay.
LATER = ("speculation", "age_bound")


class Parameter(NamedTuple):
    """A number that an axis value has: what it is, its default, and the least and the greatest that it can be."""

    about: str
    default: int
    least: int
    greatest: int


PARAMETERS: dict[str, Parameter] = {
    "adopt_timeout": Parameter("ticks that an epoch waits for acknowledgements (corrections = epoch)", 24, 0, 10**6),
    "resend": Parameter("ticks after which a copy is sent again (corrections = epoch)", 8, 1, 10**6),
    "repair": Parameter("percent of its thought that a repair costs (order = preorder)", 25, 0, 100),
    "misjudged": Parameter("percent of what matters that is taken for nothing (judge = wrong)", 50, 0, 100),
    "window": Parameter("ranks that may be under way or not quiet, then tasks wait (order = preorder)", 32, 1, 64),
    "age_bound": Parameter(
        "ticks that all conflicts count for, and to be held back at most (contention-aware)", 24, 0, 10**6
    ),
    "kept": Parameter("percent of the thought that a retry keeps (interruption = checkpoint)", 50, 0, 100),
    "lock_timeout": Parameter("ticks after which who waits for a lock gives up (deadlock = timeout)", 40, 1, 10**6),
}

SCOPE_BITS = {"written": WRITTEN, "sensor": SENSED, "message": TOLD, "plan": PLANNED}
_CURES = {
    "sensor": "stale_read", "written": "lost_update", "message": "action_message_desync", "plan": "stale_correction",
}  # fmt: skip

POLICY_RECORD = np.dtype(
    [
        ("scopes", np.int32),
        ("at_act", np.int32),
        ("at_settle", np.int32),
        ("by_premise", np.int32),
        ("snapshots", np.int32),  # first committer wins
        ("pivots", np.int32),  # abort
        ("admission_reads", np.int32),
        ("buffered", np.int32),  # writes of record sites wait for settle
        ("branch", np.int32),  # and only the last of each site is installed
        ("whole_task", np.int32),
        ("closed", np.int32),  # unsettled versions close a site to others
        ("token", np.int32),
        ("stamped", np.int32),
        ("fifo", np.int32),
        ("mail_at_settle", np.int32),
        ("semantic", np.int32),
        ("locks", np.int32),  # 0 for none, else 1 + index of `rules.GRAINS`
        ("epochs", np.int32),
        ("corrector", np.int32),
        ("stops", np.int32),  # stale thought is stopped
        ("kept", np.int32),  # percent of the thought that a retry keeps
        ("adopt_timeout", np.int32),
        ("resend", np.int32),
        ("as_needed", np.int32),  # what is written is locked at the act
        ("deadlock", np.int32),  # of `deadlocks`: DETECTION, WAIT_DIE, WOUND_WAIT or TIMEOUT
        ("least_sunk", np.int32),  # who has thought least is the victim
        ("lock_timeout", np.int32),
        ("forward", np.int32),  # who writes stops who has read
        ("judge", np.int32),  # of `ranked_judges`: PERFECT, LAZY or WRONG
        ("repair", np.int32),
        ("misjudged", np.int32),
        ("window", np.int32),
        ("contention_aware", np.int32),  # conflicts say who goes first
        ("holds_back", np.int32),  # from thought, who needs what others are about to write
        ("age_bound", np.int32),
        ("speculates", np.int32),  # who waits to be let in thinks on what it believes
    ],
    align=True,
)


def _quoted(values: tuple[str, ...]) -> str:
    return ", ".join(repr(value) for value in values)


class Config(BaseModel):
    """One protocol: a value on each axis of `AXES`; the default is `none`, no concurrency control at all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reads: str = "decision"
    writes: str = "in place"
    transaction: str = "op"
    scopes: tuple[str, ...] = ()
    rule: str = "version"
    validated: tuple[str, ...] = ()
    locks: str = "none"
    lock_moment: str = "ahead"
    deadlock: str = "detection"
    victim: str = "youngest"
    lease: str = "none"
    order: str = "none"
    pivot: str = "commits"
    judge: str = "perfect"
    messages: str = "unstamped"
    delivery: str = "any"
    mail: str = "at once"
    corrections: str = "broadcast"
    corrector: str = "unchecked"
    merge: str = "overwrite"
    undo: str = "none"
    joint: str = "none"
    barrier: str = "none"
    feedback: str = "semantic"
    interruption: str = "think to the end"
    speculation: str = "none"
    scheduling: str = "first come"
    adopt_timeout: int = PARAMETERS["adopt_timeout"].default
    resend: int = PARAMETERS["resend"].default
    repair: int = PARAMETERS["repair"].default
    misjudged: int = PARAMETERS["misjudged"].default
    window: int = PARAMETERS["window"].default
    kept: int = PARAMETERS["kept"].default
    lock_timeout: int = PARAMETERS["lock_timeout"].default
    age_bound: int = PARAMETERS["age_bound"].default

    @model_validator(mode="before")
    @classmethod
    def _known_axes(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for name in data:
                if name not in AXES and name not in PARAMETERS:
                    known = _quoted((*AXES, *PARAMETERS))
                    raise ValueError(f"unknown axis {name!r}; the axes and their numbers are {known}")
        return data

    @field_validator("*", mode="before")
    @classmethod
    def _known_values(cls, value: Any, info: Any) -> Any:
        if info.field_name in PARAMETERS:
            number = PARAMETERS[info.field_name]
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            if not is_whole or not number.least <= value <= number.greatest:
                allowed = f"a whole number from {number.least} to {number.greatest}"
                raise ValueError(f"{info.field_name} is {allowed}; got {value!r}")
            return value
        axis = AXES[info.field_name]
        chosen = list(value) if isinstance(value, (tuple, list, set, frozenset)) else [value]
        for one in chosen:
            if one not in axis.values:
                wrong = "not available yet" if one in axis.later else "unknown"
                raise ValueError(f"{info.field_name} = {one!r} is {wrong}; available are {_quoted(axis.values)}")
        if not axis.many and (len(chosen) != 1 or not isinstance(value, str)):
            raise ValueError(f"{info.field_name} takes one of {_quoted(axis.values)}; got {value!r}")
        # Kept in the axis's order, so that equal configs have equal digests.
        return tuple(one for one in axis.values if one in chosen) if axis.many else value

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        for contradiction, reason in (
            ("message" in self.scopes and self.messages == "unstamped",
             "scope 'message' needs messages = 'stamped': without a stamp nobody can tell if a message is current"),
            (bool(self.scopes) and not self.validated,
             "scopes without a moment check nothing: give validated = 'act', 'settle' or both"),
            (bool(self.validated) and not self.scopes and self.corrector == "unchecked",
             "validated without scopes checks nothing: give scopes"),
            ("settle" in self.validated and self.writes == "in place",
             "validated = 'settle' needs writes = 'buffered' or 'branch': what was written in place cannot be taken "
             "back"),
            ("settle" in self.validated and self.transaction == "op",
             "validated = 'settle' needs transaction = 'task': at settle a task is judged as a whole"),
            (self.writes == "branch" and self.transaction == "op",
             "writes = 'branch' needs transaction = 'task': a branch is merged as a whole"),
            (self.rule == "premise" and not self.scopes,
             "rule = 'premise' without scopes judges nothing: give scopes"),
            (self.order == "first committer wins" and self.reads != "admission",
             "order = 'first committer wins' needs reads = 'admission': a snapshot is read at one moment"),
            (self.order == "first committer wins" and not self.closed,
             "order = 'first committer wins' needs writes = 'buffered' or 'branch' and transaction = 'task': a task "
             "commits as a whole"),
            (self.order == "first committer wins" and self.locks != "none",
             "order = 'first committer wins' with locks has nothing to check: nobody else can write what is locked"),
            (self.pivot == "aborts" and self.order != "first committer wins",
             "pivot = 'aborts' needs order = 'first committer wins': it counts the conflicts between snapshots"),
            (self.order == "token" and bool(self.scopes),
             "order = 'token' lets one transaction run at a time: scopes would check what cannot change"),
            (self.order == "token" and self.reads == "admission",
             "order = 'token' renews all beliefs at the grant already: reads = 'admission' would renew them twice"),
            (self.order == "preorder" and self.reads != "admission",
             "order = 'preorder' needs reads = 'admission': a rank says what a read sees"),
            (self.order == "preorder" and self.writes != "in place",
             "order = 'preorder' needs writes = 'in place': what comes late is slipped in beneath what is there"),
            (self.order == "preorder" and (bool(self.scopes) or bool(self.validated)),
             "order = 'preorder' judges what has changed at its rank: scopes would refuse what higher ranks wrote"),
            (self.order == "preorder" and self.locks != "none",
             "order = 'preorder' lets nobody wait for what can be undone: locks would"),
            (self.judge != "perfect" and self.order != "preorder",
             "judge without order = 'preorder' has nothing to judge"),
            (self.scheduling == "contention-aware" and self.order == "preorder",
             "order = 'preorder' lets nobody wait for what can be undone: scheduling = 'contention-aware' would"),
            (self.scheduling == "contention-aware" and self.order != "token" and self.reads != "admission",
             "scheduling = 'contention-aware' needs reads = 'admission': who is held back would think on what it read "
             "before"),
            (self.speculation != "none" and self.locks == "none" and not self.holds_back,
             "speculation = 'while waiting' needs locks or scheduling = 'contention-aware', and reads = 'admission': "
             "else nobody waits to be let in and reads then"),
            (self.locks != "none" and self.reads != "admission",
             "locks need reads = 'admission': a lock does not make a belief true"),
            (self.locks != "none" and self.order == "token",
             "order = 'token' lets one transaction run at a time: there is nobody to lock out"),
            (self.lock_moment != "ahead" and self.locks == "none",
             "lock_moment = 'as needed' without locks has nothing to take: give locks"),
            (self.deadlock != "detection" and self.locks == "none",
             f"deadlock = {self.deadlock!r} without locks has nothing to end: give locks"),
            (self.victim != "youngest" and (self.locks == "none" or self.deadlock != "detection"),
             "victim = 'least thought sunk' needs locks and deadlock = 'detection': only where a circle is found is "
             "there a victim to choose"),
            (self.corrections == "epoch" and not ("plan" in self.scopes and "act" in self.validated),
             "corrections = 'epoch' needs scope 'plan', validated at the act: that is what refuses a held op"),
            (self.corrector == "checked" and "act" not in self.validated,
             "corrector = 'checked' needs validated = 'act': a correction is published when it is done"),
            (self.interruption != "think to the end" and not self.scopes,
             "interruption without scopes has nothing that could become invalid"),
            (self.rule == "forward" and self.interruption == "think to the end",
             "rule = 'forward' has who writes stop who has read: give interruption = 'stop' or 'checkpoint'"),
        ):  # fmt: skip
            if contradiction:
                raise ValueError(reason)
        return self

    @cached_property
    def guarantees(self) -> frozenset[str]:
        """The hazards that cannot happen under this config, derived from its axes: names of `world.state.HAZARDS`."""
        if self.order == "token" or self.locks != "none":
            return frozenset(HAZARDS)
        if self.order == "preorder":
            # At its rank no act rests on what has changed, unless its agent takes that for nothing.
            return frozenset() if self.judge == "wrong" else frozenset(HAZARDS)
        if self.writes == "buffered" and self.transaction == "op":
            return frozenset()  # what was checked at the act takes effect at settle, unchecked
        # A check at settle alone comes too late for physical sites, but no read-modify-write is on one.
        covered = set(self.scopes) if "act" in self.validated else set(self.scopes) & {"written"}
        if self.rule == "premise" and covered != set(_CURES):
            covered &= {"written"}  # a premise can fail by one scope's inputs and another's together
        if self.order == "first committer wins":
            covered |= {"written"}
        return frozenset(_CURES[scope] for scope in covered)

    def guarantees_in(self, settings: Settings) -> frozenset[str]:
        """What of `guarantees` is left in a world with these settings, which may mislead the protocol."""
        return frozenset() if self._is_misled(settings) else self.guarantees

    def certificate_in(self, settings: Settings) -> str | None:
        """What of `certificate` is left in a world with these settings."""
        return None if self._is_misled(settings) else self.certificate

    def _is_misled(self, settings: Settings) -> bool:
        """What it does not see it cannot check, and what is not declared it cannot lock; the token does neither."""
        needs_footprints = self.locks != "none" or self.order == "preorder"
        misled = settings.visibility < 1 or (settings.footprint_error > 0 and needs_footprints)
        return misled and self.order != "token"

    @property
    def header(self) -> dict[str, Any]:
        """What an episode's digest says of the protocol."""
        return without_later(self, LATER)

    @property
    def ranks(self) -> int:
        """How many ranks an engine must have room for, 0 where transactions are not ranked."""
        return self.window if self.order == "preorder" else 0

    @property
    def certificate(self) -> str | None:
        """By what this config puts its transactions in a serial order (`audit.certificates`); None if it does not."""
        if self.order == "token":
            return TOKEN
        if self.order == "preorder":
            return RANK
        # What made no difference may be old under the rule `premise`, so the order of settling is no serial one.
        return SETTLE if self.locks != "none" or (self._validates_all and self.rule != "premise") else None

    @property
    def is_replayed(self) -> bool:
        """Whether a serial order is looked for by replay, without a promise that there is one: premises validated."""
        return self._validates_all and self.rule == "premise"

    @property
    def _validates_all(self) -> bool:
        return self.closed and set(self.scopes) == set(SCOPE_BITS) and set(self.validated) == {"act", "settle"}

    @property
    def holds_back(self) -> bool:
        """Whether tasks are held back from thought by what others are about to write, and by nothing else."""
        lets_in = self.locks != "none" or self.order in ("token", "preorder")
        return self.scheduling == "contention-aware" and not lets_in

    @property
    def closed(self) -> bool:
        """Whether a site with an unsettled version is closed to others: from read committed upward."""
        return self.writes != "in place" and self.transaction == "task"

    def differences(self, other: Config | None = None) -> dict[str, Any]:
        """Return what differs from another config, by default from `none`."""
        other = other or Config()
        names = (*AXES, *PARAMETERS)
        return {name: getattr(self, name) for name in names if getattr(self, name) != getattr(other, name)}

    @cached_property
    def policy(self) -> NDArray[Any]:
        """The config as the compiled engine reads it: [1] POLICY_RECORD."""
        policy = np.zeros(1, POLICY_RECORD)
        policy[0] = (
            sum(SCOPE_BITS[scope] for scope in self.scopes), "act" in self.validated, "settle" in self.validated,
            self.rule == "premise", self.order == "first committer wins", self.pivot == "aborts",
            self.reads == "admission", self.writes != "in place", self.writes == "branch", self.transaction == "task",
            self.closed,
            self.order == "token", self.messages == "stamped", self.delivery == "fifo", self.mail == "at settle",
            self.feedback == "semantic", AXES["locks"].values.index(self.locks), self.corrections == "epoch",
            self.corrector == "checked", self.interruption != "think to the end",
            self.kept if self.interruption == "checkpoint" else 0, self.adopt_timeout, self.resend,
            self.lock_moment == "as needed", AXES["deadlock"].values.index(self.deadlock),
            self.victim == "least thought sunk", self.lock_timeout, self.rule == "forward",
            AXES["judge"].values.index(self.judge), self.repair, self.misjudged, self.window,
            self.scheduling == "contention-aware", self.holds_back, self.age_bound, self.speculation != "none",
        )  # fmt: skip
        return policy
