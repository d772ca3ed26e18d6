"""The readable engine: one world in plain Python, written from the semantics; the compiled one must equal it.

It runs the built-in protocols and any user's own (`control.Control`). Read `World.tick` first: the order of its lines
is the semantics. What each line does stands in a file of its own, `reference_*.py`; what several of them ask and do,
and how a transaction ends, stands here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import entropy, log, verbs
from .control import Control, Stale
from .ranks import DIFFERENCE, VALUE
from .reference_act import act, log_reads, publish, think
from .reference_decide import decide
from .reference_events import stall, world_events
from .reference_goals import judge_invariants, score, target_of
from .reference_mail import deliver, release_mail, send, sense
from .reference_masks import mask_of, steers_itself
from .reference_state import Agent, Belief, Input, Job, Mail, Site, Transaction
from .reference_waits import ask_the_queue, end_wait, end_waits
from .reference_walk import walk
from .rules import Rules
from .settings import QUANTILES
from .state import (
    ABORTED,
    COMMITTED,
    CORRECTION,
    EXPECTED,
    FACT,
    FAILED,
    IDLE,
    MESSAGE,
    NO_JOB,
    NO_SITE,
    NO_TXN,
    NOBODY,
    NONE,
    OUT,
    PARTIAL,
    REGISTRY,
    REJECTED,
    RUNNING,
    WALKING,
    WORLD,
)
from .tasks import ResolvedOp, ResolvedTask

_SETTLES = {
    COMMITTED: log.COMMIT,
    PARTIAL: log.PARTIAL_COMMIT,
    REJECTED: log.REJECT,
    ABORTED: log.ABORT,
    FAILED: log.FAIL,
}


class World:
    """One episode of a scenario under a protocol, from one seed."""

    def __init__(self, rules: Rules, control: Control, seed: int) -> None:
        self.rules = rules
        self.control = control
        self.seed = seed
        self.now = 0
        self.status = RUNNING
        self.holder = NOBODY  # for protocols with a token
        self.next_txn = 0
        self.message_number = 0
        self.events: list[tuple[int, ...]] = []
        self.mail: list[Mail] = []
        self.sent: dict[tuple[int, int, int], int] = {}
        self.pipe: dict[tuple[int, int], int] = {}
        self.sites = [Site(site.value, stock=site.stock) for site in rules.blueprint.sites]
        self.agents = [self._new_agent(index) for index in range(len(rules.agent_names))]
        self.jobs = [self._draw_jobs(index) for index in range(len(self.agents))]
        self.completions: dict[tuple[int, int], int] = {}
        self.attempts: dict[tuple[int, int], int] = {}
        self.saved: dict[tuple[int, int], int] = {}  # ticks of thought that the next attempt need not think again
        self.due = [base + self.draw(entropy.ARRIVAL, source, nth) % (jitter + 1)
                    for _, source, nth, _, _, base, jitter in rules.world_events]  # fmt: skip
        self.boats = [EXPECTED] * (rules.blueprint.boats.count if rules.blueprint.boats else 0)
        self.targets = [target_of(self, goal) for goal in rules.blueprint.goals]
        self.met = [False] * len(self.targets)
        self.lost = [False] * len(self.targets)
        self.broken: set[int] = set()
        self.earned = [0] * len(self.agents)  # goals met less goals unmet, by whose act it was
        self.goal_changes = 0
        self.thought_in_tick: set[int] = set()
        self.written: set[int] = set()  # sites that got a new version since the last sensing
        self.robbed: set[int] = set()  # goods whose posts are empty and whose intruder has been there
        self.thefts = 0
        self.epoch = 0  # corrections published so far
        self.published = 0  # tick of the last one
        self.closings = {rules.event_of_closing(n): EXPECTED for n in range(rules.closings)}
        self.writer = NOBODY  # the last agent that wrote in this tick, for goals
        self.beliefs = [[self._first_belief(index) for index in range(len(self.sites))] for _ in self.agents]
        self.ranks = control.ranks
        if self.ranks:
            self.ranks.reset(self)
        sense(self)

    def _new_agent(self, index: int) -> Agent:
        role = self.rules.blueprint.roles[self.rules.role_of[index]]
        if not role.stations:
            return Agent(self.rules.targets[self.rules.station(index, 0)], hand=role.hand)
        start = self.draw(entropy.START, index) % 2
        return Agent(self.rules.targets[self.rules.station(index, start)], side=1 - start, hand=role.hand)

    def _draw_jobs(self, index: int) -> list[Job]:
        jobs, tasks = self.rules.blueprint.jobs, self.rules.job_tasks[index]
        if jobs is None or not tasks:
            return []
        drawn = []
        for nth in range(jobs.count):
            among = tasks[nth % len(tasks)]
            amount = jobs.low + self.draw(entropy.JOB_AMOUNT, index, nth) % (jobs.high - jobs.low + 1)
            drawn.append(Job(among[self.draw(entropy.JOB_TASK, index, nth) % len(among)], amount))
        return drawn

    def _first_belief(self, index: int) -> Belief:
        site = self.rules.blueprint.sites[index]
        return Belief(site.value, 0, MESSAGE if site.known else NONE)

    # ------------------------------------------------------------------ the tick

    def tick(self, choices: list[int]) -> None:
        """Advance by one tick; `choices[agent]` is an action index, ignored where the agent is busy."""
        ready = [agent for agent in range(len(self.agents)) if self.is_ready(agent)]
        self.now += 1
        self.earned = [0] * len(self.agents)
        self.goal_changes = 0
        self.thought_in_tick.clear()
        decide(self, ready, choices)
        think(self)
        walk(self)
        act(self)
        world_events(self)
        deliver(self)
        self.control.turn_epoch(self)
        sense(self)
        ask_the_queue(self)
        if self.ranks:
            self.ranks.recall(self)
        stall(self)
        score(self)

    def is_ready(self, agent: int) -> bool:
        """Tell whether the agent must act now."""
        return self.status == RUNNING and self.would_be_ready(agent)

    def would_be_ready(self, agent: int) -> bool:
        """Tell whether the agent would have to act next, were the episode to go on."""
        if self.rules.settings.lockstep and self.now % len(self.agents) != agent:
            return False
        me = self.agents[agent]
        if me.stalled:
            return False
        return me.phase == IDLE or (me.phase == WALKING and steers_itself(self, agent))

    def mask(self, agent: int) -> NDArray[np.bool_]:
        """Return which actions the agent may take now, [actions] bool; a busy one may only wait."""
        return mask_of(self, agent)

    # ------------------------------------------------------------------ what is drawn

    def draw(self, purpose: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> int:
        """Return 64 random bits, of a purpose and of what else they are to depend on."""
        return entropy.draw(self.seed, purpose, a, b, c, d)

    def happens(self, purpose: int, keys: tuple[int, ...], share: float) -> bool:
        """Draw whether something happens that does in a share of cases."""
        bits = self.draw(purpose, *keys) >> (64 - entropy.PROBABILITY_BITS)
        return bits < int(share * (1 << entropy.PROBABILITY_BITS))

    def tie(self, tick: int, agent: int) -> int:
        """Return an agent's place in the seeded order of a tick."""
        return self.draw(entropy.TIE, tick, agent)

    def channel(self, delay: int, loss: int, a: int, b: int, c: int) -> tuple[int, bool]:
        """Return when a message of the protocol's own arrives, and whether it is lost; the purposes draw both."""
        if self.rules.settings.lockstep:
            return self.now, False
        lost = self.happens(loss, (a, b, c), self.rules.settings.loss)
        return self.now + int(self.rules.delay[self.draw(delay, a, b, c) % QUANTILES]), lost

    # ------------------------------------------------------------------ what is so

    def is_record(self, site: int) -> bool:
        """Tell whether a site is a record site."""
        return self.rules.site_kinds[site] in verbs.RECORD_KINDS

    def is_current(self, read: Input, site: int) -> bool:
        """Tell whether an input is current: its version stands, or its promise was kept by the very next version."""
        there = self.sites[site]
        if read.promise:
            promised = read.value if read.promised is None else read.promised
            return there.version == read.version + 1 and there.value == promised
        return there.version == read.version

    def bodies_at(self, gate: int) -> list[int]:
        """Return the agents on the cells of a gate."""
        cells = set(self.rules.site_cells(gate)[1:])
        return [index for index, other in enumerate(self.agents) if other.cell in cells and other.phase != OUT]

    def region_at(self, agent: int) -> int:
        """Return the region that an agent's body stands in, or NO_SITE; a body out of play stands nowhere."""
        me = self.agents[agent]
        return NO_SITE if me.phase == OUT else self.rules.region_of.get(me.cell, NO_SITE)

    def sees(self, agent: int, site: int) -> bool:
        """Tell whether an agent sees a site from where it is."""
        return site in self.rules.sights[agent][self.agents[agent].cell]

    def in_reach(self, agent: int) -> bool:
        """Tell whether an agent can do its next op from where it is."""
        txn = self.agents[agent].txn
        if txn is None:
            return False
        distance = self.rules.paths[self.op_of(txn).site][0][self.agents[agent].cell]
        return bool(distance <= 1) or self.rules.settings.lockstep

    def next_job(self, agent: int, task: int) -> int:
        """Return the place of an agent's next open job of a task, or NO_JOB."""
        return next((n for n, job in enumerate(self.jobs[agent]) if job.task == task and not job.used), NO_JOB)

    def txn_of(self, agent: int) -> int:
        """Return the number of an agent's open transaction, or NO_TXN."""
        txn = self.agents[agent].txn
        return NO_TXN if txn is None else txn.number

    def op_of(self, txn: Transaction) -> ResolvedOp:
        """Return the next op of a transaction."""
        return self.rules.tasks[txn.task].ops[txn.op]

    def argument_of(self, txn: Transaction, op: ResolvedOp) -> int:
        """Return the argument of an op of a transaction, right or wrong."""
        return txn.slipped.get(op.nth, txn.meant(op))

    # ------------------------------------------------------------------ what changes

    def write(
        self, agent: int, txn: int, op: int, site: int, value: int, relative: bool, argument: int, verb: int,
        unsettled: bool = False, held: bool = False, announcer: int = NOBODY,
    ) -> None:  # fmt: skip
        """Give a site a new version, unless the value stays the same."""
        there, slips_in = self.sites[site], False
        if agent >= 0:
            self.writer = agent
        if self.ranks:
            slips_in = self.ranks.make_way(self, agent, txn, site)
        before = there.value
        if value != before:
            if unsettled and there.unsettled == NOBODY:
                there.settled = before, there.version
            if agent != WORLD:  # what drifts on top of an unsettled version does not settle it
                there.unsettled = agent if unsettled else NOBODY
            self.install(
                log.WRITE, agent, txn, op, site, value, int(relative), argument, int(unsettled), verb, not slips_in
            )
        if self.ranks:
            self.ranks.laid(self, agent, txn, op, site, before, value, DIFFERENCE if relative else VALUE)
            if slips_in:
                judge_invariants(self, agent, txn)
        if self.rules.blueprint.sites[site].announced and (agent >= 0 or announcer >= 0):
            sender = agent if agent >= 0 else announcer
            send(self, sender, FACT, site, there.value, there.version, self.now, txn if held else NO_TXN)

    def install(
        self, kind: int, agent: int, txn: int, op: int, site: int, value: int, a: int = 0, b: int = 0, c: int = 0,
        d: int = 0, is_judged: bool = True,
    ) -> None:  # fmt: skip
        """Give a site its next version, logged under a kind with these columns; the invariants are judged on it."""
        there = self.sites[site]
        before, there.value, there.version = there.value, value, there.version + 1
        self.written.add(site)
        there.writers.append(agent)
        self.record(kind, agent, txn, op, site, value, there.version, other=before, a=a, b=b, c=c, d=d)
        if is_judged:
            judge_invariants(self, agent, txn)
        self.control.watch(self, agent, site)

    def renew(self, agent: int, site: int, channel: int, why: int, value: int | None = None) -> None:
        """Give an agent the value of a site, the true one or that at a rank; `why` is column b of log.SENSE."""
        there, belief = self.sites[site], self.beliefs[agent][site]
        value = there.value if value is None else value
        known = belief.value, belief.version, belief.channel, belief.promise
        self.beliefs[agent][site] = Belief(value, there.version, channel, self.now, self.now)
        if known != (value, there.version, channel, False):
            self.record(log.SENSE, agent, site=site, value=value, version=there.version, a=channel, b=why)

    def send_copies(self, sender: int, entry: int) -> None:
        """Send an entry of the plan, as it is now, to those who follow it."""
        there = self.sites[entry]
        send(self, sender, CORRECTION, entry, there.value, there.version, self.now)

    # ------------------------------------------------------------------ how a transaction ends

    def stop(self, txn: Transaction, op: int, stale: list[Stale], moment: int) -> None:
        """Refuse an op that is not tried yet, and its transaction with it; `moment` is column b of CHECK_FAILED."""
        txn.op = op
        end_wait(self, txn.agent, txn.task, self.now - self.agents[txn.agent].wait_since + 1)  # this tick's is over
        log_reads(self, txn, self.op_of(txn))
        self.refuse(txn, stale, moment)

    def refuse(self, txn: Transaction, stale: list[Stale], moment: int) -> None:
        """Refuse an op and end its transaction, which may be taken back first; `moment` is column b of CHECK_FAILED."""
        for site, scope in stale:
            read = txn.inputs[site]
            self.record(
                log.CHECK_FAILED, txn.agent, txn.number, txn.op, site, version=read.version,
                other=self.sites[site].version, a=scope, b=moment,
            )  # fmt: skip
        if self.control.feedback == "semantic":
            for site, _ in stale:
                self.agents[txn.agent].stale.add(site)
                channel = self.beliefs[txn.agent][site].channel
                self.renew(txn.agent, site, channel if channel != NONE else REGISTRY, 1)
        self.control.refused(self, txn)
        if not self.ranks or self.ranks.ends(self, txn, REJECTED):
            self.settle(txn, REJECTED)

    def give_up(self, agent: int, whom: int) -> None:
        """Abort an agent's transaction, the victim of waiting for another."""
        txn = self.agents[agent].txn
        if txn is not None:
            self.record(log.VICTIM, agent, txn.number, other=whom)
            self.settle(txn, ABORTED)

    def settle(self, txn: Transaction, outcome: int, before_thought: bool = False) -> None:
        """End a transaction: buffered writes take effect together or are dropped, and all that it held is let go."""
        me, task = self.agents[txn.agent], self.rules.tasks[txn.task]
        end_waits(self, txn)
        keeps = outcome == COMMITTED or (self.control.transaction == "op" and txn.done > 0)
        if keeps:
            for index, op, written in self.control.merge(self, txn):
                if op.verb == verbs.CORRECT:
                    publish(self, txn, op)
                    continue
                value = self.sites[op.site].value + written if op.relative else written
                argument = self.argument_of(txn, op)
                self.write(txn.agent, txn.number, index, op.site, value, op.relative, argument, op.verb)
        physical = txn.done > len(txn.buffered)
        ended = outcome
        if outcome != COMMITTED and (physical or (keeps and txn.buffered)):
            ended = PARTIAL
        kind = _SETTLES[ended]
        spent = txn.thought - me.thought_left + txn.spoiled
        detail = outcome if ended == PARTIAL else int(before_thought)
        self.record(kind, txn.agent, txn.number, a=spent, b=detail, c=len(txn.buffered) if keeps else 0)
        for site in self.sites:
            if site.unsettled == txn.agent:
                site.unsettled = NOBODY
        release_mail(self, txn.number, ended in (COMMITTED, PARTIAL))
        self._use_up(txn, task, ended, spent - txn.spoiled)
        me.outcome = ended
        self.control.settle(self, txn.agent)
        me.txn, me.thought_left, me.stuck = None, 0, 0
        if me.phase != OUT:
            me.phase = IDLE

    def _use_up(self, txn: Transaction, task: ResolvedTask, outcome: int, spent: int) -> None:
        """A commit or a failed act uses its order up; a rejected one does not, and may keep part of its thought."""
        again = outcome in (REJECTED, ABORTED)
        had = self.saved.get((txn.agent, txn.task), 0)
        self.saved[txn.agent, txn.task] = (had + spent) * self.control.kept // 100 if again else 0
        if task.jobs:
            job = self.jobs[txn.agent][txn.job]
            job.used, job.attempt = not again, job.attempt + again
            return
        key = (txn.agent, txn.task)
        self.attempts[key] = self.attempts.get(key, 0) + 1 if again else 0
        self.completions[key] = self.completions.get(key, 0) + (not again)

    def reopen(self, txn: Transaction) -> None:
        """Open a transaction again that had settled: it will settle anew once it has been taken back."""
        me = self.agents[txn.agent]
        self.record(log.REVOKED, txn.agent, txn.number, a=txn.thought)
        txn.thought, me.txn, me.thought_left, me.stuck, me.phase, me.look = 0, txn, 0, 0, WALKING, NO_SITE
        if not self.rules.tasks[txn.task].jobs:
            self.completions[txn.agent, txn.task] -= 1

    # ------------------------------------------------------------------ the log

    def record(
        self, kind: int, agent: int, txn: int = NO_TXN, op: int = 0, site: int = NO_SITE, value: int = 0,
        version: int = 0, other: int = NOBODY, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0,
    ) -> None:  # fmt: skip
        """Log an event of this tick; the columns are explained in `log.KINDS`."""
        self.events.append((kind, self.now, agent, txn, op, site, value, version, other, a, b, c, d, e))

    def event_array(self) -> NDArray[np.void]:
        """Return the log so far, [n] log.EVENT."""
        return np.array(self.events, dtype=log.EVENT)
