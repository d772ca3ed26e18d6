"""Preorder (MTPO): transactions are ranked as they are admitted, and each ends up as if the lower ranks came first.

Prevents: everything that concurrency can do wrong, once all is quiet: a write that comes late is slipped in beneath
those of higher ranks, and whoever read too early is told, judges whether it matters, and plans anew.
Costs: thought that is repaired; work that is undone, on physical sites by walking back; whatever cannot be undone waits
until every lower rank is quiet. Until then others may see what will be taken back: serializable, not strict.
Source: CoAgent, arXiv 2606.15376 (MTPO); ranks are the timestamps of Reed, Naming and Synchronization in a
Decentralized Computer System, 1978, with repair in the place of abort.

How a transaction lives under ranks stands in docs/decisions/061-mtpo.md. The compiled engine has no twin of this yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..world import entropy, log, verbs
from ..world.control import Answer, Blocked, Stale
from ..world.ranks import AFTER, DIFFERENCE, TOP, VALUE, Chains
from ..world.reference_waits import end_waits, hold, leave_queue
from ..world.rules import ResolvedOp
from ..world.state import (
    ABORTED,
    IDLE,
    LOCKING,
    NO_TXN,
    NOBODY,
    OUT,
    PLANNED,
    QUEUED,
    REGISTRY,
    REJECTED,
    SENSED,
    WALKING,
    WORLD,
    WRITTEN,
)

if TYPE_CHECKING:
    from ..world.reference import World
    from ..world.reference_state import Agent, Transaction

# Where a rank stands.
OPEN, SETTLED, REOPENED, VOID = range(4)  # reopened: taken back, and kept for its owner's next decision


@dataclass
class Done:
    """One write of an op that took effect: enough to undo it."""

    op_index: int
    op: ResolvedOp
    site: int
    before: int  # what the site held
    written: int  # value or difference
    hand: int  # what the agent held before


@dataclass
class Slot:
    """One rank that is not quiet."""

    rank: int
    agent: int
    txn: Transaction
    reads: dict[int, int] = field(default_factory=dict)  # site -> value at this rank, as last judged
    planned: list[tuple[bool, int]] = field(default_factory=list)  # of each op: premise and what it writes on them
    done: list[Done] = field(default_factory=list)
    state: int = OPEN
    told: bool = False  # something that it read has changed beneath it, and it has not judged that yet
    forced: bool = False  # a lower rank waits at a site for its inverse
    doomed: bool = False  # it is to be taken back

    @property
    def is_called(self) -> bool:
        """Tell whether its owner has something to do about it."""
        return self.told or self.forced or self.doomed


class Preorder:
    """The ranks of one world."""

    def __init__(self, judge: str, repair: int, misjudged: int, window: int) -> None:
        self.judge = judge
        self.repair = repair
        self.misjudged = misjudged
        self.window = window

    def reset(self, world: World) -> None:
        """An episode begins."""
        self.chains = Chains(site.value for site in world.sites)
        self.slots: dict[int, Slot] = {}  # by rank, ascending
        self.newest = -1
        self.borders: dict[int, int] = {}  # agent without a transaction -> rank that it must see quiet to step in
        self.blocker: dict[int, int] = {}  # agent -> whom it waits for
        self.judged: dict[int, int] = {}  # agent -> judgements so far
        self.stays: set[tuple[int, int]] = set()  # (site, rank) of what could not be undone
        self.revoked: dict[int, list[Stale]] = {}  # txn to be refused -> why
        self.outcome: dict[int, int] = {}  # txn on its way back -> how it settles then

    # ------------------------------------------------------------------ admit

    def admit(self, world: World, agent: int, task: int, moment: str) -> Answer:
        """Give a rank; hold what cannot be undone, and a late act on a physical site."""
        me = world.agents[agent]
        if world.rules.settings.lockstep:
            return Answer.GO
        if me.txn is None:
            rank = self.borders.setdefault(agent, self.newest)
            return self._when_quiet(agent, rank)
        if moment == "act":
            return self._admit_act(world, me.txn)
        if moment == "cross" or me.phase != LOCKING:
            slot = self.slots[me.txn.rank]
            if me.txn.undoing:
                return Answer.GO  # a lower rank waits for it
            if moment == "retry" and (slot.forced or self._owes(agent)):
                self._withdraw(world, me.txn)
                return Answer.WAIT
            return self._when_quiet(agent, me.txn.rank - 1)
        if moment == "retry" and self._owes(agent):
            world.give_up(agent, self.blocker.get(agent, NOBODY))
            return Answer.WAIT
        kept = self._of(agent, REOPENED)
        if not kept and len(self.slots) >= self.window:
            return self._when_quiet(agent, self.newest)
        if kept:
            slot = self.slots[kept[0].rank] = Slot(kept[0].rank, agent, me.txn)
        else:
            self.newest += 1
            slot = self.slots[self.newest] = Slot(self.newest, agent, me.txn)
        me.txn.rank = slot.rank
        world.record(log.RANK, agent, me.txn.number, value=slot.rank, a=int(bool(kept)))
        return Answer.GO

    def waits_for(self, agent: int) -> Blocked:
        """Name the owner of the lowest rank that is not quiet, or of the effect that is in the way."""
        return Blocked(self.blocker.get(agent, NOBODY), log.FOR_RANK)

    def _when_quiet(self, agent: int, rank: int) -> Answer:
        """Go once all ranks up to this one are quiet."""
        lowest = next(iter(self.slots.values()), None)
        if lowest is None or lowest.rank > rank:
            return Answer.GO
        self.blocker[agent] = lowest.agent
        return Answer.WAIT

    def _admit_act(self, world: World, txn: Transaction) -> Answer:
        """Judge first what it was told; then an op may have to wait. What it owes goes before any wait."""
        slot, op = self.slots[txn.rank], world.rules.tasks[txn.task].ops[txn.op]
        if slot.forced:
            self._withdraw(world, txn)
            return Answer.WAIT
        if slot.told:
            changed = self._changed(world, slot)
            if self._judges(world, slot):
                self.revoked[txn.number] = [Stale(site, self._scope(world, op, site)) for site in changed]
                return Answer.GO
        answer = Answer.GO
        if verbs.VERBS[op.verb].inverse is None:
            answer = self._when_quiet(txn.agent, txn.rank - 1)
        elif not world.is_record(op.site):
            # An act in the open is done once the open is as its rank sees it, where it rests on it or overwrites it.
            meets = {site for site in op.pre if not world.is_record(site)} | (set() if op.relative else {op.site})
            answer = Answer.WAIT if self._force(world, txn, meets) else Answer.GO
        if answer is Answer.WAIT and self._owes(txn.agent):
            self._withdraw(world, txn)
        return answer

    def _scope(self, world: World, op: ResolvedOp, site: int) -> int:
        if site in world.rules.plan:
            return PLANNED
        return WRITTEN if op.modifies and site == op.site else SENSED

    def _force(self, world: World, txn: Transaction, sites: set[int]) -> bool:
        """Call back the owners of higher-ranked effects on physical sites; tell whether there are any."""
        above = [
            slot
            for slot in self.slots.values()
            if slot.rank > txn.rank
            and slot.agent != txn.agent
            and world.agents[slot.agent].phase != OUT
            and any(done.site in sites and (done.site, slot.rank) not in self.stays for done in slot.done)
        ]
        for slot in above:
            if not slot.forced:
                slot.forced = True
                site = next(done.site for done in slot.done if done.site in sites)
                self._notify(world, slot, site, txn.agent, is_forced=True)
            self.blocker[txn.agent] = slot.agent
        return bool(above)

    def _owes(self, agent: int) -> bool:
        return any(slot.is_called for slot in self._of(agent, SETTLED))

    def _of(self, agent: int, state: int) -> list[Slot]:
        return [slot for slot in self.slots.values() if slot.agent == agent and slot.state == state]

    # ------------------------------------------------------------------ what a rank sees and plans

    def value(self, world: World, txn: Transaction, site: int) -> int:
        """Return what a read of a transaction's rank gives."""
        return world.sites[site].value if txn.rank < 0 else self.chains.value(site, txn.rank)

    def own(self, world: World, txn: Transaction, site: int) -> int:
        """Return what stands at its rank once it has written."""
        return world.sites[site].value if txn.rank < 0 else self.chains.own(site, txn.rank)

    def spares(self, agent: int, thought: int) -> int:
        """Return how much of a thought its repair need not think again."""
        return thought - -(-thought * self.repair // 100) if self._of(agent, REOPENED) else 0

    def admitted(self, world: World, txn: Transaction) -> None:
        """Note what it read and what it plans to do on that; show its owner the world as it is again."""
        self._show_truth(world, txn.agent)
        if txn.rank < 0:
            return
        slot = self.slots[txn.rank]
        slot.reads = {site: txn.inputs[site].value for site in world.rules.tasks[txn.task].reads}
        slot.planned = self._plan(world, txn, {site: read.value for site, read in txn.inputs.items()})

    def _show_truth(self, world: World, agent: int) -> None:
        for site, there in enumerate(world.sites):
            belief = world.beliefs[agent][site]
            if belief.version == there.version and belief.value != there.value and belief.channel == REGISTRY:
                world.renew(agent, site, REGISTRY, 5)

    def _plan(self, world: World, txn: Transaction, values: dict[int, int]) -> list[tuple[bool, int]]:
        """Return of each op whether its premise holds on these values, and what it writes, one after the other."""
        planned = []
        for op in world.rules.tasks[txn.task].ops:
            argument = world.argument_of(txn, op)
            holds, written = op.premise_holds(argument, values), op.value_written(argument, values)
            planned.append((holds, written))
            for site, value in op.entries or ((op.site, written),):
                if site in values:
                    values[site] = values[site] + value if op.relative else value
        return planned

    # ------------------------------------------------------------------ writes

    def make_way(self, world: World, agent: int, txn: int, site: int) -> bool:
        """Undo what stands above a late write to a record site; tell whether there was anything."""
        rank = self._rank_of(world, agent, txn)
        if rank < 0 or not world.is_record(site):
            return False
        before = world.sites[site].version
        for above in reversed(self._above(site, rank)):
            self._install(world, log.UNDO, above, site, self.chains.value(site, above))
        if any(after > rank or after == rank for after in self.chains.after[site]):
            self._install(world, log.UNDO, -1, site, self.chains.own(site, rank))
        return world.sites[site].version != before

    def laid(self, world: World, agent: int, txn: int, op: int, site: int, before: int, value: int, how: int) -> None:
        """Enter a write into its place by rank, do again what stands above, and tell who has read too early."""
        if world.rules.settings.lockstep:
            self._lay(world, WORLD, NO_TXN, site, self.newest, AFTER, value - before)
            return
        rank = self._rank_of(world, agent, txn)
        if rank >= 0:
            slot = self.slots[rank]
            written = value if how == VALUE else value - before
            if slot.txn.number == txn:
                resolved = world.rules.tasks[slot.txn.task].ops[op]
                slot.done.append(Done(op, resolved, site, before, written, world.agents[agent].hand))
            else:
                world.record(log.RANK, agent, txn, value=rank, a=2)
            self._lay(world, agent, txn, site, rank, how, written)
            for above in self._above(site, rank):
                self._install(world, log.REDO, above, site, self.chains.value(site, above + 1))
        else:
            rank = self.newest
            if agent >= 0:
                rank = self.borders.pop(agent, rank) if value > before else rank
                world.record(log.RANK, agent, txn, value=rank, a=3)
            self._lay(world, agent, txn, site, rank, AFTER, value - before)
        self._agree(world, site)
        self._tell(world, site, rank, agent)

    def _lay(self, world: World, agent: int, txn: int, site: int, rank: int, how: int, value: int) -> None:
        self.chains.lay(site, rank, how, value)
        world.record(log.LAID, agent, txn, site=site, value=value, a=how, b=rank)

    def _agree(self, world: World, site: int) -> None:
        """Make the top of the chain and the site agree: a record site follows its chain, a physical one leads it."""
        top, there = self.chains.value(site, TOP), world.sites[site].value
        if top == there:
            return
        if world.is_record(site):
            self._install(world, log.REDO, -1, site, top)
        else:
            self._lay(world, WORLD, NO_TXN, site, self.newest, AFTER, there - top)

    def _above(self, site: int, rank: int) -> list[int]:
        return sorted(other for other in self.chains.laid[site] if other > rank)

    def _rank_of(self, world: World, agent: int, txn: int) -> int:
        """Return the rank of a write: its transaction's, also for borders crossed on the way; -1 if it has none."""
        if agent < 0 or txn == NO_TXN:
            return -1
        under_way = world.agents[agent].txn
        return -1 if under_way is None else under_way.rank

    def _install(self, world: World, kind: int, rank: int, site: int, value: int, is_last: bool = False) -> None:
        """Give a record site a version by undoing or doing again what a rank has done, or the world (-1)."""
        if value == world.sites[site].value:
            return
        slot = self.slots.get(rank)
        agent, txn = (slot.agent, slot.txn.number) if slot else (WORLD, NO_TXN)
        world.install(kind, agent, txn, 0, site, value, int(is_last), rank)

    def _tell(self, world: World, site: int, rank: int, author: int) -> None:
        """Tell the owners of higher ranks that have read something else at their rank."""
        for slot in self.slots.values():
            if slot.rank <= rank or slot.told or slot.state not in (OPEN, SETTLED) or site not in slot.reads:
                continue
            if world.agents[slot.agent].phase != OUT and self.chains.value(site, slot.rank) != slot.reads[site]:
                slot.told = True
                self._notify(world, slot, site, author, is_forced=False)

    def _notify(self, world: World, slot: Slot, site: int, author: int, is_forced: bool) -> None:
        value = self.chains.value(site, slot.rank)
        world.record(
            log.NOTIFY, slot.agent, slot.txn.number, site=site, value=value, other=author, a=int(is_forced), b=slot.rank
        )

    # ------------------------------------------------------------------ judging

    def _changed(self, world: World, slot: Slot) -> list[int]:
        return [site for site, value in sorted(slot.reads.items()) if self.chains.value(site, slot.rank) != value]

    def _judges(self, world: World, slot: Slot) -> bool:
        """Judge once what an owner was told: is it to be done again? If not, its reads are those of today."""
        slot.told = False
        task = world.rules.tasks[slot.txn.task]
        now = {site: self.chains.value(site, slot.rank) for site in task.inputs}
        matters = self._plan(world, slot.txn, now) != slot.planned
        nth = self.judged[slot.agent] = self.judged.get(slot.agent, 0) + 1
        repairs = matters
        if self.judge == "lazy":
            repairs = True
        elif self.judge == "wrong" and matters:
            repairs = entropy.draw(world.seed, entropy.JUDGE, slot.agent, nth, 0, 0) % 100 >= self.misjudged
        world.record(log.JUDGED, slot.agent, slot.txn.number, a=int(repairs), b=int(matters), value=slot.rank)
        if not repairs:
            self._read_again(world, slot, matters)
        return repairs

    def _read_again(self, world: World, slot: Slot, in_vain: bool) -> None:
        """What makes no difference is read anew; who takes for nothing what matters keeps to what it has read."""
        written = {done.site for done in slot.done}
        for site in self._changed(world, slot):
            value = slot.reads[site] = self.chains.value(site, slot.rank)
            there = world.sites[site]
            if in_vain:
                continue
            world.record(
                log.REREAD, slot.agent, slot.txn.number, site=site, value=value, version=there.version, b=slot.rank
            )
            if slot.state == OPEN and site not in written:
                slot.txn.inputs[site].value, slot.txn.inputs[site].version = value, there.version

    def check(self, txn: Transaction, moment: str) -> list[Stale]:
        """Refuse what is to be done again."""
        return self.revoked.pop(txn.number, []) if moment == "act" else []

    # ------------------------------------------------------------------ taking back

    def recall(self, world: World) -> None:
        """The tick is over: who is free and was told something judges, takes back, and is asked to plan anew."""
        if world.rules.settings.lockstep:
            return
        for agent, me in enumerate(world.agents):
            if me.phase in (IDLE, QUEUED) and not me.stalled:
                self._recall(world, agent, me)
        self._grow_quiet(world)
        for agent, me in enumerate(world.agents):
            reopened = self._of(agent, REOPENED)
            if reopened and me.phase == IDLE:
                for site in range(len(world.sites)):
                    world.renew(agent, site, REGISTRY, 5, self.chains.value(site, reopened[0].rank))

    def _recall(self, world: World, agent: int, me: Agent) -> None:
        while me.txn is None:
            mine = self._of(agent, SETTLED)
            for slot in mine:
                if slot.forced or (slot.told and self._judges(world, slot)):
                    slot.told, slot.forced, slot.doomed = False, False, True
                    for later in mine:  # what hands did since is undone first
                        later.doomed |= later.rank > slot.rank and self._by_hand(world, later) != []
            doomed = [slot for slot in mine if slot.doomed]
            if not doomed:
                return
            if me.phase == QUEUED:
                leave_queue(world, agent)
            self._revoke(world, doomed[-1])

    def _revoke(self, world: World, slot: Slot) -> None:
        """Take back what had settled: its order is open again."""
        slot.state, slot.told, slot.forced, slot.doomed = OPEN, False, False, False
        world.reopen(slot.txn)
        if self.ends(world, slot.txn, REJECTED):
            world.settle(slot.txn, REJECTED)

    def _withdraw(self, world: World, txn: Transaction) -> None:
        """Give up a transaction that waits, while its owner is called for elsewhere."""
        world.record(log.VICTIM, txn.agent, txn.number, other=self.blocker.get(txn.agent, NOBODY))
        end_waits(world, txn)
        if self.ends(world, txn, ABORTED):
            world.settle(txn, ABORTED)

    def ends(self, world: World, txn: Transaction, outcome: int) -> bool:
        """Undo what it did: in the registry at once, on physical sites by walking; tell whether it may settle now."""
        if txn.rank < 0:
            return True
        slot = self.slots[txn.rank]
        in_registry = [done for done in slot.done if world.is_record(done.site)]
        for done in reversed(in_registry):
            self._take(world, slot, done)
            self._install(world, log.UNDO, slot.rank, done.site, self.chains.value(done.site, TOP), is_last=True)
            self._tell(world, done.site, slot.rank, slot.agent)
        txn.done -= len({done.op_index for done in in_registry})
        slot.done = self._by_hand(world, slot)
        slot.state = REOPENED
        if not slot.done:
            return True
        txn.undoing, self.outcome[txn.number] = True, outcome
        txn.op = slot.done[-1].op_index
        world.agents[txn.agent].phase = WALKING
        return False

    def _take(self, world: World, slot: Slot, done: Done) -> None:
        self.chains.take(done.site, slot.rank)
        world.record(log.TAKEN, slot.agent, slot.txn.number, done.op_index, done.site, b=slot.rank)

    def take_back(self, world: World, txn: Transaction, is_stuck: bool = False) -> None:
        """Stand at a site and perform the inverse there; what the world refuses stays."""
        slot = self.slots[txn.rank]
        done, me = slot.done[-1], world.agents[txn.agent]
        site, there = done.site, world.sites[done.site]
        if not is_stuck and not done.op.relative and self._force(world, txn, {site}):
            hold(world, txn, self.blocker[txn.agent], log.FOR_RANK)
            return
        end_waits(world, txn)
        slot.done.pop()
        inverse = verbs.inverse_of(done.op.verb, done.before, done.written, done.hand, there.value, me.hand)
        if done.op.verb == verbs.SET and done.before == 1 and world.bodies_at(site):
            inverse = None
        if is_stuck or inverse is None:
            self.stays.add((site, slot.rank))
            reason = verbs.GATE_CLOSED if is_stuck else verbs.WRONG_ITEM
            world.record(log.REFUSED_BY_WORLD, txn.agent, txn.number, done.op_index, site, a=reason)
        else:
            value, me.hand = inverse
            txn.done -= 1
            if value != there.value:
                world.install(log.UNDO, txn.agent, txn.number, done.op_index, site, value, 1, slot.rank)
            if done.op.relative:
                self._lay(world, txn.agent, txn.number, site, slot.rank, DIFFERENCE, -done.written)
            elif any(earlier.op.site == site for earlier in slot.done):
                self._lay(world, txn.agent, txn.number, site, slot.rank, VALUE, done.before)
            else:
                self._take(world, slot, done)
            self._agree(world, site)
            self._tell(world, site, slot.rank, txn.agent)
        if slot.done:
            txn.op = slot.done[-1].op_index
            return
        txn.undoing = False
        world.settle(txn, self.outcome.pop(txn.number))

    def _by_hand(self, world: World, slot: Slot) -> list[Done]:
        return [done for done in slot.done if not world.is_record(done.site)]

    # ------------------------------------------------------------------ settle

    def settle(self, world: World, agent: int) -> None:
        """A transaction has settled; or its agent chose something else, and lets go of the ranks that it kept."""
        me = world.agents[agent]
        if me.phase == OUT:
            for slot in self.slots.values():
                if slot.agent == agent:
                    slot.told = slot.forced = slot.doomed = False
        if me.phase == OUT or me.txn is None:
            for slot in self._of(agent, REOPENED):
                slot.state = VOID
        if me.txn is None:
            self.borders.pop(agent, None)
            self._show_truth(world, agent)
            return
        rank = me.txn.rank
        if rank < 0:
            return
        slot = self.slots[rank]
        self.outcome.pop(me.txn.number, None)
        if me.txn.done:
            slot.state = SETTLED
        elif slot.state != REOPENED:
            slot.state = VOID

    def _grow_quiet(self, world: World) -> None:
        """The lowest ranks that have settled and owe nothing are quiet: nobody is left to tell them anything."""
        grown = self.chains.quiet
        for slot in list(self.slots.values()):
            if slot.state == VOID or (slot.state == SETTLED and not slot.is_called):
                grown = slot.rank
                del self.slots[slot.rank]
                continue
            break
        if not self.slots:
            grown = self.newest
        if grown > self.chains.quiet:
            self.chains.fold(grown)
            self.stays = {(site, rank) for site, rank in self.stays if rank > grown}
            world.record(log.QUIET, WORLD, value=grown)

    def is_final(self) -> bool:
        """Tell whether nothing that has settled can still be taken back."""
        return not any(slot.state in (SETTLED, REOPENED) or slot.done for slot in self.slots.values())
