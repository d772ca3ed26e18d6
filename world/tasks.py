"""Tasks as the engines read them: sites by index, and what each op rests on, writes and locks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from . import verbs
from .state import EXCLUSIVE, INCREMENT, NO_SITE, SHARED

MAX_OPS = 4


class Footprint(NamedTuple):
    """In what the protocol is wrong about a transaction; see `footprint`."""

    hidden: frozenset[int] = frozenset()  # inputs that it does not see
    missed: int = NO_SITE  # site that is not declared
    added: int = NO_SITE  # site that is declared, and not used

    def renewed(self, inputs: tuple[int, ...]) -> list[int]:
        """Return the sites that the registry renews at admission, of a task with these inputs, in order."""
        return sorted({*inputs, self.added} - self.hidden - {self.missed, NO_SITE})


KNOWN = Footprint()  # that it is wrong in nothing


@dataclass(frozen=True)
class ResolvedOp:
    """An op with its verb's row and its sites by index."""

    verb: int
    site: int
    argument: int
    from_job: bool
    premise: int
    writes: int
    deps: tuple[int, ...]  # sites, own site excepted
    follow: int = NO_SITE  # entry of the plan
    when: int = 0  # what it must say
    entries: tuple[tuple[int, int], ...] = ()  # of a correction: entry and new value, in site order
    plan: tuple[int, ...] = ()  # of a correction: all entries
    declared: tuple[int, ...] = ()  # those of `deps` that only the scenario names, and not the verb
    nth: int = 0  # its place in the task

    @property
    def usual_premise(self) -> int:
        """The verb's own premise, in whose place a scenario may have declared another."""
        return verbs.VERBS[self.verb].premise

    @property
    def relative(self) -> bool:
        """True if the write is a difference."""
        return verbs.is_relative(self.writes)

    @property
    def modifies(self) -> bool:
        """True for a read-modify-write."""
        return verbs.is_read_modify_write(self.writes)

    @property
    def lock_mode(self) -> int:
        """The mode in which what it writes is locked."""
        return INCREMENT if self.relative else EXCLUSIVE

    @property
    def pre(self) -> tuple[int, ...]:
        """The precondition read set: sites that the premise and the value written rest on, and the entry followed."""
        own = (self.site,) if verbs.reads_own(self.premise, self.writes) else ()
        follow = (self.follow,) if self.follow != NO_SITE else ()
        return tuple(sorted({*own, *self.deps, *follow}))

    @property
    def owned(self) -> tuple[int, ...]:
        """What is written absolutely: the site, or all entries of the plan, which have one epoch in common."""
        if self.plan:
            return self.plan
        return () if self.relative else (self.site,)

    @property
    def inputs(self) -> tuple[int, ...]:
        """`pre`, and what is written absolutely."""
        return tuple(sorted({*self.pre, *self.owned}))

    def premise_holds(self, argument: int, values: Mapping[int, int], premise: int | None = None) -> bool:
        """Judge the premise, or another in its place, on the values of its inputs."""
        if self.follow != NO_SITE and values[self.follow] != self.when:
            return False
        deps = [values[site] for site in self.deps]
        own = values.get(self.site, 0)
        premise = self.premise if premise is None else premise
        return verbs.premise_holds(premise, argument, own, sum(deps), min(deps, default=0), len(deps))

    def value_written(self, argument: int, values: Mapping[int, int]) -> int:
        """Compute what is written, a value or a difference, from the values of the inputs."""
        total = sum(values[site] for site in self.deps)
        return verbs.value_written(self.writes, argument, values.get(self.site, 0), total)


@dataclass(frozen=True)
class ResolvedTask:
    """A task with everything by index."""

    name: str
    ops: tuple[ResolvedOp, ...]
    thought: bool
    jobs: bool
    crosses: bool
    agents: frozenset[int]

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        """Sites frozen at the decision, one slot each, in index order."""
        return tuple(sorted({site for op in self.ops for site in op.inputs}))

    @cached_property
    def reads(self) -> frozenset[int]:
        """Sites whose belief must not be `none`."""
        return frozenset(site for op in self.ops for site in op.pre)

    @cached_property
    def footprint(self) -> tuple[int, ...]:
        """All sites that it reads or writes, in index order."""
        return tuple(sorted({*self.inputs, *(op.site for op in self.ops)}))

    @cached_property
    def differences(self) -> frozenset[int]:
        """Sites that it changes by a difference."""
        return frozenset(op.site for op in self.ops if op.relative)

    @cached_property
    def overwrites(self) -> frozenset[int]:
        """Sites that it writes absolutely."""
        return frozenset(site for op in self.ops for site in op.owned)

    def locks(
        self, lock_of: Sequence[int], ahead: bool = True, known: Footprint = KNOWN
    ) -> tuple[tuple[int, int], ...]:
        """List (lock, mode) of what it locks before thought, in the order in which its ops read and write.

        `lock_of` is a row of `Rules.lock_of`. Ahead, a lock is taken from the start in the strongest mode that any op
        needs: exclusive for what is written, increment for a difference, shared for what is only read. Else what is
        read is locked shared, and what an op writes once it is to act. `known` is in what the protocol is wrong.
        """
        wanted: dict[int, set[int]] = {}
        for op in self.ops:
            for site in (*op.pre, op.site) if ahead else op.pre:
                modes = wanted.setdefault(lock_of[site], set())
                if site == known.missed:
                    continue
                if site in op.pre and site not in known.hidden:
                    modes.add(SHARED)
                if site == op.site and ahead:
                    modes.add(op.lock_mode)
        if known.added != NO_SITE:
            wanted.setdefault(lock_of[known.added], set()).add(SHARED)
        both = {SHARED, INCREMENT}
        return tuple((site, EXCLUSIVE if modes >= both else max(modes)) for site, modes in wanted.items() if modes)

    @property
    def corrects(self) -> bool:
        """Tell whether it corrects the plan."""
        return self.ops[0].verb == verbs.CORRECT
