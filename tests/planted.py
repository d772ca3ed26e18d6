"""Planted bugs: textbook classes with one thing wrong each. The auditor must find what the matrix forbids.

Run as a script it prints where each bug is caught first: the seed of a contended episode, or a small schedule.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

from stalegrid import contended, small_scope
from stalegrid.findings import Episode, findings
from stalegrid.matrix import banned
from stalegrid.protocols.presets import resolve
from stalegrid.protocols.textbook import Textbook
from stalegrid.world import log
from stalegrid.world.audit import audit_episode
from stalegrid.world.control import Answer, Stale
from stalegrid.world.ranks import OPEN, SETTLED
from stalegrid.world.reference import World
from stalegrid.world.reference_state import Transaction
from stalegrid.world.rules import Rules
from stalegrid.world.state import EXCLUSIVE, INCREMENT, NOBODY, PLANNED, SENSED, SHARED, TOLD, WORLD, WRITTEN

Make = Callable[[], Textbook]

# Where a bug is looked for: so many contended episodes, then every so-many-th schedule of the small scope.
SEEDS, EVERY = 40, 37


class Bug(NamedTuple):
    """What is wrong, in which preset, and the class that does it."""

    told: str
    preset: str
    make: Make


BUGS: list[Bug] = []


def _plant(told: str, preset: str, **axes: Any) -> Callable[[Callable[[Textbook], None]], None]:
    """Register a bug: a function that breaks the textbook class of a preset, with some axes set."""

    def register(breaks: Callable[[Textbook], None]) -> None:
        def make() -> Textbook:
            control = Textbook(resolve({"preset": preset, **axes}))
            breaks(control)
            return control

        BUGS.append(Bug(told, preset, make))

    return register


def _passing(control: Any, lets_through: Callable[[World, Transaction, int, Stale], bool]) -> None:
    """Let the checks overlook some of what they find."""
    check = control.check

    def careless(world: World, txn: Transaction, op: int, moment: str) -> list[Stale]:
        return [one for one in check(world, txn, op, moment) if not lets_through(world, txn, op, one)]

    control.check = careless


def _skipping_scope(told: str, preset: str, scope: int) -> None:
    def breaks(control: Textbook) -> None:
        control.validation.scopes &= ~scope

    _plant(told, preset)(breaks)


_skipping_scope("occ does not check what it was told", "occ", TOLD)
_skipping_scope("occ does not check the plan", "occ", PLANNED)
_skipping_scope("occ does not check what it writes", "occ", WRITTEN)
_skipping_scope("occ does not check what it saw", "occ", SENSED)
_skipping_scope("occ validates only what it writes", "occ", SENSED | TOLD | PLANNED)
_skipping_scope("full does not check what it saw", "full", SENSED)
_skipping_scope("occ_forward does not check what it writes", "occ_forward", WRITTEN)


@_plant("occ skips the first of its reads", "occ")
def _(control: Textbook) -> None:
    _passing(control, lambda world, txn, op, one: one.site == min(txn.inputs))


@_plant("occ skips the last of its reads", "occ")
def _(control: Textbook) -> None:
    _passing(control, lambda world, txn, op, one: one.site == max(txn.inputs))


@_plant("occ truncates versions to one bit", "occ")
def _(control: Textbook) -> None:
    _passing(
        control, lambda world, txn, op, one: (txn.inputs[one.site].version - world.sites[one.site].version) % 2 == 0
    )


@_plant("occ skips one validation in a hundred", "occ")
def _(control: Textbook) -> None:
    _passing(control, lambda world, txn, op, one: world.tie(world.now, txn.number) % 100 == 0)


@_plant("occ checks each op by itself, and the task never", "occ")
def _(control: Textbook) -> None:
    control.validation.whole_task = False
    control.validation.moments = ("act",)


@_plant("occ checks nothing in a task's later ops", "occ")
def _(control: Textbook) -> None:
    _passing(control, lambda world, txn, op, one: op > 0)


@_plant("occ takes a promise for kept until something else happens", "occ")
def _(control: Textbook) -> None:
    _passing(
        control,
        lambda world, txn, op, one: (
            txn.inputs[one.site].promise and txn.inputs[one.site].version == world.sites[one.site].version
        ),
    )


@_plant("occ lets its buffered writes out at once", "occ")
def _(control: Textbook) -> None:
    control.writes = "in place"


@_plant("occ leaves sites with unsettled versions open, and installs what it refused", "occ")
def _(control: Textbook) -> None:
    control.transaction = "op"


@_plant("occ_forward relies on being stopped, and checks no act", "occ_forward")
def _(control: Textbook) -> None:
    control.validation.moments = ("think", "watch")


@_plant("object_cas compares only before the first op", "object_cas")
def _(control: Textbook) -> None:
    _passing(control, lambda world, txn, op, one: op > 0)


@_plant("object_cas compares versions by one bit", "object_cas")
def _(control: Textbook) -> None:
    _passing(
        control, lambda world, txn, op, one: (txn.inputs[one.site].version - world.sites[one.site].version) % 2 == 0
    )


@_plant("sight_check skips the first of its reads", "sight_check")
def _(control: Textbook) -> None:
    _passing(control, lambda world, txn, op, one: one.site == min(txn.inputs))


@_plant("stamped takes an unkept promise for current", "stamped")
def _(control: Textbook) -> None:
    _passing(
        control,
        lambda world, txn, op, one: (
            txn.inputs[one.site].promise and txn.inputs[one.site].version == world.sites[one.site].version
        ),
    )


@_plant("epoch_plans prepares and holds, but refuses nobody", "epoch_plans")
def _(control: Textbook) -> None:
    _passing(control, lambda world, txn, op, one: True)


@_plant("an epoch is adopted early: by whom its copy has reached, while others go by the old plan", "epoch_plans")
def _(control: Any) -> None:
    epochs, turn = control.epochs, control.epochs.turn
    epochs.holds = lambda world, txn: False

    def early(world: World) -> None:
        turn(world)
        for member in epochs.unanswered | epochs.acknowledged if epochs.corrector != NOBODY else ():
            epochs._adopt(world, member)

    epochs.turn = early
    _passing(control, lambda world, txn, op, one: one.scope == PLANNED and epochs.corrector != NOBODY)


@_plant("the fence is missing: who has not acknowledged goes on by the old plan", "epoch_plans", adopt_timeout=1)
def _(control: Any) -> None:
    _passing(control, lambda world, txn, op, one: one.scope == PLANNED and txn.agent in control.epochs.fenced)


@_plant("feedback renews the versions of what was stale, and not the values", "occ")
def _(control: Any) -> None:
    def refused(world: World, txn: Transaction) -> None:
        for site, read in txn.inputs.items():
            if site in world.agents[txn.agent].stale:
                world.beliefs[txn.agent][site].value = read.value

    control.refused = refused


@_plant("locks are let go before the first act", "two_phase_locking")
def _(control: Any) -> None:
    admit = control.admit

    def careless(world: World, agent: int, task: int, moment: str) -> Answer:
        if moment == "act":
            control.locks._release(world, agent, world.region_at(agent), False)
        return admit(world, agent, task, moment)  # type: ignore[no-any-return]

    control.admit = careless


@_plant("shared locks are taken for none", "two_phase_locking")
def _(control: Any) -> None:
    take = control.locks._take
    control.locks._take = lambda world, agent, site, mode: mode == SHARED or take(world, agent, site, mode)


@_plant("shared locks are taken for none, write locks as needed", "locking_as_needed")
def _(control: Any) -> None:
    take = control.locks._take
    control.locks._take = lambda world, agent, site, mode: mode == SHARED or take(world, agent, site, mode)


@_plant("locks are upgraded past readers", "locking_as_needed")
def _(control: Any) -> None:
    locks = control.locks
    locks._holders = lambda wait: {
        other for other, held in locks.held.get(wait.site, ()) if other != wait.agent and EXCLUSIVE in (held, wait.mode)
        and not (wait.mode == EXCLUSIVE and held == SHARED)
    }  # fmt: skip


@_plant("borders are crossed past those who count", "two_phase_locking")
def _(control: Any) -> None:
    take = control.locks._take
    control.locks._take = lambda world, agent, site, mode: mode == INCREMENT or take(world, agent, site, mode)


@_plant("who has thought on what it believed acts on that, whatever it was told since", "speculative_locking")
def _(control: Any) -> None:
    admit, believed = control.admit, dict[int, dict[int, tuple[int, int]]]()

    def careless(world: World, agent: int, task: int, moment: str) -> Answer:
        txn = world.agents[agent].txn
        if moment == "decide" and txn is not None:
            believed[txn.number] = {site: (one.value, one.version) for site, one in enumerate(world.beliefs[agent])}
        if moment == "act" and txn is not None and txn.has_speculated and txn.op == 0:
            for site, read in txn.inputs.items():
                read.value, read.version = believed[txn.number][site]
        return admit(world, agent, task, moment)  # type: ignore[no-any-return]

    control.admit = careless


@_plant("the token is passed on while its holder thinks", "serial")
def _(control: Any) -> None:
    admit = control.one_at_a_time.admit

    def careless(world: World, agent: int, task: int, moment: str) -> Answer:
        if moment == "sense":
            world.holder = NOBODY
        return admit(world, agent, task, moment)  # type: ignore[no-any-return]

    control.one_at_a_time.admit = careless


@_plant("the token is passed on without renewing what its holder believes", "serial")
def _(control: Textbook) -> None:
    control.renews = False


@_plant("snapshot lets the last committer win", "snapshot")
def _(control: Textbook) -> None:
    control.snapshots = None


@_plant("snapshot is torn: half of the sites go on changing in it", "snapshot")
def _(control: Any) -> None:
    def watch(world: World, agent: int, site: int) -> None:
        for other in world.agents:
            if other.txn and other.txn.agent != agent and site in other.txn.inputs and site % 2 == 0:
                read, there = other.txn.inputs[site], world.sites[site]
                read.value, read.version = there.value, there.version

    control.watch = watch


@_plant("serializable_snapshot looks for no pivot", "serializable_snapshot")
def _(control: Textbook) -> None:
    control.pivots = None


@_plant("serializable_snapshot forgets what settled transactions have read", "serializable_snapshot")
def _(control: Any) -> None:
    settle = control.pivots.settle

    def forgetful(world: World, agent: int) -> None:
        settle(world, agent)
        control.pivots.read.clear()

    control.pivots.settle = forgetful


@_plant("ranks: what is taken back stays where it stood, every other time", "mtpo")
def _(control: Any) -> None:
    ranks, taken = control.preorder, count()
    reset = ranks.reset

    def forgetful(world: World) -> None:
        reset(world)
        take = ranks.chains.take
        ranks.chains.take = lambda site, rank: take(site, rank) if next(taken) % 2 else None

    ranks.reset = forgetful


@_plant("ranks: nobody is told of what is slipped in beneath", "mtpo")
def _(control: Any) -> None:
    admitted = control.preorder.admitted

    def unread(world: World, txn: Transaction) -> None:
        admitted(world, txn)
        control.preorder.slots[txn.rank].reads = {}

    control.preorder.admitted = unread


@_plant("ranks: one notice in twenty is taken for nothing", "mtpo", judge="wrong", misjudged=5)
def _(control: Any) -> None:
    pass


@_plant("ranks: a read sees what higher ranks have written", "mtpo")
def _(control: Any) -> None:
    control.preorder.value = lambda world, txn, site: world.sites[site].value


@_plant("ranks: acts in the open do not wait for those of higher ranks to be taken back", "mtpo")
def _(control: Any) -> None:
    admit = control.preorder.admit

    def hasty(world: World, agent: int, task: int, moment: str) -> Answer:
        txn, answer = world.agents[agent].txn, admit(world, agent, task, moment)
        goes_on = moment == "act" and world.agents[agent].txn is txn and not txn.undoing
        return Answer.GO if goes_on else answer

    control.preorder.admit = hasty


@_plant("ranks: what has settled is quiet, whatever is still under way beneath it", "mtpo")
def _(control: Any) -> None:
    def grow(world: World) -> None:
        ranks = control.preorder
        grown = max((rank for rank, slot in ranks.slots.items() if slot.state == SETTLED), default=ranks.chains.quiet)
        for rank in [rank for rank, slot in ranks.slots.items() if rank <= grown and slot.state != OPEN]:
            del ranks.slots[rank]
        if grown > ranks.chains.quiet:
            ranks.chains.fold(grown)
            world.record(log.QUIET, WORLD, value=grown)

    control.preorder.grow_quiet = grow


def caught(bug: Bug, seed: int) -> list[str]:
    """Return what is found in the contended episode of a seed that the bug's preset forbids."""
    return _banned(bug, contended.rules(), contended.play_on_reference(bug.make, seed))


def caught_small(bug: Bug, kind: str, number: int) -> list[str]:
    """Return what is found in a schedule of the small scope that the bug's preset forbids."""
    return _banned(bug, small_scope.rules_of(kind), small_scope.play_on_reference(bug.make, kind, number))


def _banned(bug: Bug, rules: Rules, world: World) -> list[str]:
    events = world.event_array()
    episode = Episode(0, events, audit_episode(rules, events).counts)
    (shown,) = findings(rules, [episode], certificate=resolve(bug.preset).certificate)
    return banned(bug.preset, sorted(shown))


def first_catch(bug: Bug, seeds: int, every: int) -> tuple[str, list[str]] | None:
    """Return where a bug is caught first, and by what: in so many episodes, or else in every so-many-th schedule."""
    for seed in range(seeds):
        if found := caught(bug, seed):
            return f"seed {seed}", found
    for number in range(0, small_scope.SCHEDULES, every):
        for kind in small_scope.KINDS:
            if found := caught_small(bug, kind, number):
                return f"{small_scope.schedule(number)}, {kind}", found
    return None


def main() -> None:
    """Print seeds to first catch."""
    for bug in BUGS:
        found = first_catch(bug, SEEDS, EVERY)
        print(f"{bug.preset}: {bug.told}")
        print(f"    {found[0]}: {', '.join(found[1])}" if found else "    not caught", flush=True)


if __name__ == "__main__":
    main()
