"""Preorder (MTPO): transactions are ranked as they are admitted, and each ends up as if the lower ranks came first.

Prevents: everything that concurrency can do wrong, once all is quiet: a write that comes late is slipped in beneath
those of higher ranks, and whoever read too early is told, judges whether it matters, and plans anew.
Costs: thought that is repaired; work that is undone, on physical sites by walking back; whatever cannot be undone waits
until every lower rank is quiet. Until then others may see what will be taken back: serializable, not strict.
Source: CoAgent, arXiv 2606.15376 (MTPO); ranks are the timestamps of Reed, Naming and Synchronization in a
Decentralized Computer System, 1978, with repair in the place of abort.

How a transaction lives under ranks stands in docs/decisions/061-mtpo.md. Here ranks are given, held up and let go; how
writes enter by rank, who judges, and how work is undone stand beside it; the compiled twins are in `ranked_*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..world import log, verbs
from ..world.control import Answer, Blocked, Stale
from ..world.ranks import REOPENED, SETTLED, VOID, Chains
from ..world.state import LOCKING, NOBODY, OUT, PLANNED, REGISTRY, SENSED, WORLD, WRITTEN
from ..world.tasks import ResolvedOp
from . import preorder_undo, preorder_writes
from .preorder_judges import changed, judges, plan
from .preorder_slots import Slot
from .preorder_undo import force, owes, withdraw

if TYPE_CHECKING:
    from ..world.reference import World
    from ..world.reference_state import Transaction


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
            if moment == "retry" and (slot.forced or owes(self, agent)):
                withdraw(self, world, me.txn)
                return Answer.WAIT
            return self._when_quiet(agent, me.txn.rank - 1)
        if moment == "retry" and owes(self, agent):
            world.give_up(agent, self.blocker.get(agent, NOBODY))
            return Answer.WAIT
        kept = self.slots_of(agent, REOPENED)
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
            withdraw(self, world, txn)
            return Answer.WAIT
        if slot.told:
            sites = changed(self, world, slot)
            if judges(self, world, slot):
                self.revoked[txn.number] = [Stale(site, self._scope(world, op, site)) for site in sites]
                return Answer.GO
        answer = Answer.GO
        if verbs.VERBS[op.verb].inverse is None:
            answer = self._when_quiet(txn.agent, txn.rank - 1)
        elif not world.is_record(op.site):
            # An act in the open is done once the open is as its rank sees it, where it rests on it or overwrites it.
            meets = {site for site in op.pre if not world.is_record(site)} | (set() if op.relative else {op.site})
            filled = {
                shelf
                for shelf in meets
                if world.rules.blueprint.sites[shelf].stock
                and (shelf != op.site or op.verb == verbs.TAKE)  # it takes, or only rests on it
                and world.sites[shelf].value == self.chains.own(shelf, txn.rank)
            }
            answer = Answer.WAIT if force(self, world, txn, meets, filled) else Answer.GO
        if answer is Answer.WAIT and owes(self, txn.agent):
            withdraw(self, world, txn)
        return answer

    def _scope(self, world: World, op: ResolvedOp, site: int) -> int:
        if site in world.rules.plan:
            return PLANNED
        return WRITTEN if op.modifies and site == op.site else SENSED

    def slots_of(self, agent: int, state: int) -> list[Slot]:
        """Return the ranks of an agent that are in a state, the lowest first."""
        return [slot for slot in self.slots.values() if slot.agent == agent and slot.state == state]

    # ------------------------------------------------------------------ what a rank sees

    def value(self, world: World, txn: Transaction, site: int) -> int:
        """Return what a read of a transaction's rank gives."""
        return world.sites[site].value if txn.rank < 0 else self.chains.value(site, txn.rank)

    def own(self, world: World, txn: Transaction, site: int) -> int:
        """Return what stands at its rank once it has written."""
        return world.sites[site].value if txn.rank < 0 else self.chains.own(site, txn.rank)

    def spares(self, agent: int, thought: int) -> int:
        """Return how much of a thought its repair need not think again."""
        return thought - -(-thought * self.repair // 100) if self.slots_of(agent, REOPENED) else 0

    def admitted(self, world: World, txn: Transaction) -> None:
        """Note what it read and what it plans to do on that; show its owner the world as it is again."""
        self._show_truth(world, txn.agent)
        if txn.rank < 0:
            return
        slot = self.slots[txn.rank]
        slot.reads = {site: txn.inputs[site].value for site in world.rules.tasks[txn.task].reads - txn.hidden}
        slot.planned = plan(world, txn, {site: read.value for site, read in txn.inputs.items()})

    def _show_truth(self, world: World, agent: int) -> None:
        for site, there in enumerate(world.sites):
            belief = world.beliefs[agent][site]
            if belief.version == there.version and belief.value != there.value and belief.channel == REGISTRY:
                world.renew(agent, site, REGISTRY, 5)

    def check(self, txn: Transaction, moment: str) -> list[Stale]:
        """Refuse what is to be done again."""
        return self.revoked.pop(txn.number, []) if moment == "act" else []

    # ------------------------------------------------------------------ writes, and taking back

    make_way, laid = preorder_writes.make_way, preorder_writes.laid
    ends, take_back, recall = preorder_undo.ends, preorder_undo.take_back, preorder_undo.recall

    # ------------------------------------------------------------------ settle

    def settle(self, world: World, agent: int) -> None:
        """A transaction has settled; or its agent chose something else, and lets go of the ranks that it kept."""
        me = world.agents[agent]
        if me.phase == OUT:
            for slot in self.slots.values():
                if slot.agent == agent:
                    slot.told = slot.forced = slot.doomed = False
        if me.phase == OUT or me.txn is None:
            for slot in self.slots_of(agent, REOPENED):
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
        elif slot.state != REOPENED or slot.walked:  # what its agent did not walk back comes before what it decides
            slot.state = VOID

    def grow_quiet(self, world: World) -> None:
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
