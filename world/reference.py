"""The readable engine: one world in plain Python, written from the semantics; the compiled one must equal it.

It runs the built-in protocols and any user's own (`control.Control`). Read `World.tick` first: the order of its lines
is the semantics.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from . import actions, entropy, log, scenario, verbs
from .control import Answer, Control, Stale
from .layout import UNREACHABLE
from .ranks import DIFFERENCE, VALUE
from .reference_state import Agent, Belief, Buffered, Input, Job, Mail, Site, Transaction
from .rules import PROBABILITY_BITS, ResolvedOp, ResolvedTask, Rules
from .settings import QUANTILES
from .state import (
    ABORTED,
    COMMITTED,
    CORRECTION,
    EXPECTED,
    FACT,
    FAILED,
    IDLE,
    IN_THOUGHT,
    LOCKING,
    LOOK,
    LOOKING,
    LOST,
    MESSAGE,
    NEVER,
    NO_CELL,
    NO_JOB,
    NO_OUTCOME,
    NO_SITE,
    NO_TASK,
    NO_TXN,
    NOBODY,
    NONE,
    OUT,
    PARTIAL,
    PASSED,
    PROMISE,
    QUEUED,
    REGISTRY,
    REJECTED,
    RUNNING,
    SENSOR,
    TERMINATED,
    THINKING,
    TRUNCATED,
    WAITING,
    WALKING,
    WORLD,
)

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
        self.due = [base + self._draw(entropy.ARRIVAL, source, nth) % (jitter + 1)
                    for _, source, nth, _, _, base, jitter in rules.world_events]  # fmt: skip
        self.boats = [EXPECTED] * (rules.blueprint.boats.count if rules.blueprint.boats else 0)
        self.targets = [self._target(goal) for goal in rules.blueprint.goals]
        self.met = [False] * len(self.targets)
        self.lost = [False] * len(self.targets)
        self.broken: set[int] = set()
        self.earned = [0] * len(self.agents)  # goals met less goals unmet, by whose act it was
        self.goal_changes = 0
        self.thought_in_tick: set[int] = set()
        self.written: set[int] = set()  # sites that got a new version in this tick
        self.robbed: set[int] = set()  # goods whose posts are empty and whose intruder has been there
        self.thefts = 0
        self.epoch = 0  # corrections published so far
        self.published = 0  # tick of the last one
        self.closings = {rules.event_of_closing(n): EXPECTED for n in range(rules.closings)}
        self.writers: list[int] = []  # who wrote in this tick, for goals
        self.beliefs = [[self._first_belief(index) for index in range(len(self.sites))] for _ in self.agents]
        self.ranks = control.ranks
        if self.ranks:
            self.ranks.reset(self)
        self._sense()

    # ------------------------------------------------------------------ the tick

    def tick(self, choices: list[int]) -> None:
        """Advance by one tick; `choices[agent]` is an action index, ignored where the agent is busy."""
        self.now += 1
        self.earned = [0] * len(self.agents)
        self.goal_changes = 0
        self.thought_in_tick.clear()
        self.written.clear()
        self._decide(choices)
        self._think()
        self._walk()
        self._act()
        self._world_events()
        self._deliver()
        self.control.turn_epoch(self)
        self._sense()
        if self.ranks:
            self.ranks.recall(self)
        self._stall()
        self._score()

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
        return me.phase == IDLE or (me.phase == WALKING and self._steers_itself(agent))

    # ------------------------------------------------------------------ reset

    def _draw(self, purpose: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> int:
        return entropy.draw(self.seed, purpose, a, b, c, d)

    def _new_agent(self, index: int) -> Agent:
        role = self.rules.blueprint.roles[self.rules.role_of[index]]
        if not role.stations:
            return Agent(self.rules.targets[self.rules.station(index, 0)], hand=role.hand)
        start = self._draw(entropy.START, index) % 2
        return Agent(self.rules.targets[self.rules.station(index, start)], side=1 - start, hand=role.hand)

    def _draw_jobs(self, index: int) -> list[Job]:
        jobs, tasks = self.rules.blueprint.jobs, self.rules.job_tasks[index]
        if jobs is None or not tasks:
            return []
        return [
            Job(
                tasks[self._draw(entropy.JOB_TASK, index, nth) % len(tasks)],
                jobs.low + self._draw(entropy.JOB_AMOUNT, index, nth) % (jobs.high - jobs.low + 1),
            )
            for nth in range(jobs.count)
        ]

    def _first_belief(self, index: int) -> Belief:
        site = self.rules.blueprint.sites[index]
        return Belief(site.value, 0, MESSAGE if site.known else NONE)

    def _target(self, goal: scenario.Goal) -> int:
        if goal.kind != scenario.TOTAL:
            return goal.target
        site = self.rules.site_index[goal.site]
        amounts = (job.amount for jobs in self.jobs for job in jobs if self.rules.tasks[job.task].ops[0].site == site)
        return self.sites[site].value + sum(amounts)

    # ------------------------------------------------------------------ decide

    def _decide(self, choices: list[int]) -> None:
        ready = [agent for agent in range(len(self.agents)) if self._is_ready_in_tick(agent)]
        allowed = {agent: self.mask(agent)[choices[agent]] for agent in ready}  # even if it is wounded before its turn
        self._ask_again()
        for agent in ready:
            choice = choices[agent]
            illegal = not allowed[agent]
            action = self.rules.actions[0 if illegal else choice]
            me = self.agents[agent]
            me.inbox = 0
            if action.kind == actions.DO and not self.rules.tasks[action.index].crosses:
                if self.control.reads == "admission" or self._may_start(agent, action.index):
                    self._open(agent, action.index)
                continue
            step = self._step_chosen(agent, action)
            task = action.index if action.kind == actions.DO else NO_TASK
            if step != NO_CELL and self._enters_region(agent, step) and not self._may_cross(agent, task):
                continue
            self.record(log.CHOOSE, agent, a=self.rules.actions.index(action), b=int(illegal))
            if action.kind == actions.CHECK:
                me.stale = {site for site in range(len(self.sites)) if not self._is_current_belief(agent, site)}
            elif action.kind == actions.LOOK_AT:
                me.phase, me.look = LOOKING, action.index
            elif action.kind == actions.TELL:
                belief = self.beliefs[agent][action.index]
                kind = PROMISE if belief.promise else FACT
                self._send(agent, kind, action.index, belief.value, belief.version, belief.tick)
            elif action.kind == actions.PROMISE_THAT:
                self._promise(agent, action.index)
            me.step = step
            if step == NO_CELL and me.phase != WALKING and not self._in_region(agent):
                self.control.settle(self, agent)

    def _is_ready_in_tick(self, agent: int) -> bool:
        # `now` has already moved on to the tick that is being computed.
        self.now -= 1
        ready = self.is_ready(agent)
        self.now += 1
        return ready

    def _step_chosen(self, agent: int, action: actions.Action) -> int:
        me = self.agents[agent]
        if action.kind == actions.MOVE:
            return int(self.rules.layout.neighbour[me.cell][action.index])
        if action.kind == actions.DO:
            return int(self.rules.paths[self.rules.station(agent, me.side)][1][me.cell])
        return NO_CELL

    def _may_start(self, agent: int, task: int) -> bool:
        """Ask the protocol; one that may not start joins the queue."""
        if self.rules.settings.lockstep or self.control.admit(self, agent, task, "decide") is Answer.GO:
            return True
        me = self.agents[agent]
        me.phase, me.queued_task, me.queued_since = QUEUED, task, self.now
        self._begin_wait(agent, task)
        return False

    def _begin_wait(self, agent: int, task: int) -> None:
        me = self.agents[agent]
        me.wait, me.wait_since = self.control.waits_for(self, agent), self.now
        self.record(
            log.WAIT_BEGIN, agent, self.txn_of(agent), site=me.wait.site, other=me.wait.whom, a=task, b=me.wait.kind,
            c=me.wait.mode,
        )  # fmt: skip

    def _end_wait(self, agent: int, task: int, waited: int, whom: int = NOBODY) -> None:
        me = self.agents[agent]
        if me.wait is None:
            return
        self.record(
            log.WAIT_END, agent, self.txn_of(agent), site=me.wait.site, other=whom, a=task, b=me.wait.kind, c=waited
        )  # fmt: skip
        me.wait = None

    def _open(self, agent: int, index: int) -> None:
        me, task = self.agents[agent], self.rules.tasks[index]
        job = self._next_job(agent, index) if task.jobs else NO_JOB
        nth = job if task.jobs else self.completions.get((agent, index), 0)
        attempt = self.jobs[agent][job].attempt if task.jobs else self.attempts.get((agent, index), 0)
        argument = self.jobs[agent][job].amount if task.jobs else task.ops[0].argument
        thought = 0
        if task.thought and not self.rules.settings.lockstep:
            thought = int(self.rules.thought[self._draw(entropy.THOUGHT, agent, index, nth, attempt) % QUANTILES])
        saved = min(thought, self.saved.get((agent, index), 0))
        if self.ranks:
            saved = max(saved, self.ranks.spares(agent, thought))
        thought -= saved
        me.txn = Transaction(self.next_txn, agent, index, job, argument, thought, self.now)
        self.next_txn += 1
        me.age = me.age if me.outcome == ABORTED else self.now
        me.outcome, me.stale = NO_OUTCOME, set()
        me.thought_left, me.stuck, me.phase = thought, 0, LOCKING
        self.record(log.DECIDE, agent, me.txn.number, value=argument, a=index, b=thought, c=attempt, d=nth, e=saved)
        if self.control.reads == "admission" and not self.rules.settings.lockstep:
            txn = me.txn
            if self.control.admit(self, agent, index, "decide") is Answer.WAIT:
                if me.txn is txn:  # no victim of its own wish
                    self._begin_wait(agent, index)
                return
        self._admit(me.txn)

    def _ask_again(self) -> None:
        """Let those go on who wait for admission with their transaction open, or at a border on their way."""
        waiting = [i for i, me in enumerate(self.agents) if me.txn is not None and me.wait is not None]
        for agent in self._in_order({i: self.agents[i].wait_since for i in waiting}):
            me = self.agents[agent]
            if me.txn is None or me.wait is None:
                continue  # a victim of one before it
            txn, waited = me.txn, self.now - me.wait_since
            if self.control.admit(self, agent, txn.task, "retry") is Answer.GO:
                self._end_wait(agent, txn.task, waited)
                if me.phase == LOCKING:
                    self._admit(txn)
            elif me.txn is txn and me.wait is not None and self.control.waits_for(self, agent).site != me.wait.site:
                self._end_wait(agent, txn.task, waited)
                self._begin_wait(agent, txn.task)

    def _in_order(self, since: dict[int, int]) -> list[int]:
        """Return agents in the order of the ticks given, those of one tick in its seeded order."""
        return sorted(since, key=lambda agent: (since[agent], self.tie(since[agent], agent), agent))

    def _admit(self, txn: Transaction) -> None:
        """Freeze the inputs, renewed by the registry where they are read at admission, and start to think.

        So are those of the token's holder within a region: what it did since the grant it need not have seen.
        """
        agent, task = txn.agent, self.rules.tasks[txn.task]
        me = self.agents[agent]
        me.phase = THINKING
        reads = self.control.reads == "admission" or (self.holder == agent and self._in_region(agent))
        if reads:
            for site in task.inputs:
                if self.sites[site].unsettled == NOBODY:
                    self.renew(agent, site, REGISTRY, 2, self.ranks.value(self, txn, site) if self.ranks else None)
        for site in task.inputs:
            belief, there = self.beliefs[agent][site], self.sites[site]
            frozen = Input(belief.value, belief.version, belief.channel, belief.promise, belief.tick)
            if self.control.reads == "admission" and there.unsettled != NOBODY:
                # The registry knows what has settled; what stands there now the agent may see for itself.
                frozen = Input(*there.settled, REGISTRY, False, self.now)
            frozen.outdated = frozen.version != there.version
            txn.inputs[site] = frozen
            self.record(
                log.INPUT, agent, txn.number, site=site, value=frozen.value, version=frozen.version,
                a=frozen.channel, b=int(frozen.promise), c=frozen.sensed,
            )  # fmt: skip
        if self.ranks:
            self.ranks.admitted(self, txn)
        if reads and not all(self._premise(txn, op) for op in task.ops):
            self._settle(txn, REJECTED, before_thought=True)

    def _next_job(self, agent: int, task: int) -> int:
        return next((n for n, job in enumerate(self.jobs[agent]) if job.task == task and not job.used), NO_JOB)

    def _promise(self, agent: int, index: int) -> None:
        task = self.rules.tasks[index]
        op = task.ops[-1]
        belief = self.beliefs[agent][op.site]
        if task.crosses:
            value = belief.value - 1
        else:
            argument = self._argument(agent, index, op)
            difference = verbs.value_written(op.writes, argument, belief.value, sum(self._believed(agent, op)))
            value = belief.value + difference if op.relative else difference
        self.agents[agent].promised = True
        self._send(agent, PROMISE, op.site, value, belief.version, belief.tick)

    def _argument(self, agent: int, index: int, op: ResolvedOp) -> int:
        if not op.from_job:
            return op.argument
        return self.jobs[agent][self._next_job(agent, index)].amount

    def _believed(self, agent: int, op: ResolvedOp) -> list[int]:
        return [self.beliefs[agent][site].value for site in op.deps]

    # ------------------------------------------------------------------ think, walk

    def _think(self) -> None:
        for index, me in enumerate(self.agents):
            if me.phase != THINKING or me.txn is None or me.stalled:
                continue
            if self.control.stops and self._stops(me.txn):
                continue
            if me.thought_left > 0:
                me.thought_left -= 1
                self.thought_in_tick.add(index)
                continue
            self.record(log.THINK_END, index, me.txn.number)
            me.phase = WALKING

    def _stops(self, txn: Transaction) -> bool:
        """Refuse a thought on what is no longer so: in the first op that rests on it."""
        for index in range(len(self.rules.tasks[txn.task].ops)):
            stale = self.control.check(self, txn, index, "think")
            if stale:
                self.stop(txn, index, stale, IN_THOUGHT)
                return True
        return False

    def stop(self, txn: Transaction, op: int, stale: list[Stale], moment: int) -> None:
        """Refuse an op that is not tried yet, and its transaction with it; `moment` is column b of CHECK_FAILED."""
        txn.op = op
        self._end_wait(txn.agent, txn.task, self.now - self.agents[txn.agent].wait_since + 1)  # this tick's is over
        self._log_reads(txn, self._op(txn))
        self._refuse(txn, stale, moment)

    def _walk(self) -> None:
        for index, me in enumerate(self.agents):
            if me.phase == OUT or me.stalled or (me.txn is not None and me.wait is not None):
                continue
            if me.step != NO_CELL:
                self._cross_or_step(index)
            elif me.phase == LOOKING and not self._sees(index, me.look) and not self.rules.settings.lockstep:
                self._walk_towards(index, me.look)
            elif me.phase == WALKING and me.txn is not None and not self._in_reach(index):
                if self.rules.settings.navigation == "manual":
                    self._is_stuck(index)
                else:
                    self._walk_towards(index, self._op(me.txn).site)

    def _cross_or_step(self, agent: int) -> None:
        """Take the step chosen in this tick; in lockstep a crossing is made whole."""
        me = self.agents[agent]
        crossing = self.rules.settings.navigation == "auto"
        target = self.rules.station(agent, me.side)
        step, me.step = me.step, NO_CELL
        moved = self._step(agent, step)
        if not moved:
            self.record(log.REFUSED_BY_WORLD, agent, site=self.rules.gate_of.get(step, NO_SITE), a=verbs.GATE_CLOSED)
        while crossing and self.rules.settings.lockstep and moved and me.cell != self.rules.targets[target]:
            moved = self._step(agent, int(self.rules.paths[target][1][me.cell]))
        self._count_trip(agent)
        if me.phase == IDLE and not self._in_region(agent):
            self.control.settle(self, agent)

    def _count_trip(self, agent: int) -> None:
        me = self.agents[agent]
        role = self.rules.blueprint.roles[self.rules.role_of[agent]]
        if role.stations and me.cell == self.rules.targets[self.rules.station(agent, me.side)]:
            me.side = 1 - me.side
            me.trips += 1

    def _walk_towards(self, agent: int, target: int) -> None:
        me = self.agents[agent]
        distance, following = self.rules.paths[target]
        step = int(following[me.cell])
        if self._enters_region(agent, step) and not self._may_cross(agent, NO_TASK):
            return  # waits at the border, and goes on once it is let in
        if distance[me.cell] < UNREACHABLE and self._step(agent, step):
            me.stuck = 0
            self._count_trip(agent)
        else:
            self._is_stuck(agent)

    def _may_cross(self, agent: int, task: int) -> bool:
        """Ask the protocol about the border ahead; one that may not cross waits."""
        me = self.agents[agent]
        if me.txn is None:
            return self._may_start(agent, task)
        txn = me.txn
        if self.rules.settings.lockstep or self.control.admit(self, agent, NO_TASK, "cross") is Answer.GO:
            return True
        if me.txn is txn:
            self._begin_wait(agent, txn.task)
        return False

    def _is_stuck(self, agent: int) -> None:
        """Physics fails and never waits inside a transaction: after `patience` ticks the agent gives up."""
        me = self.agents[agent]
        me.stuck += 1
        if me.stuck < self.rules.settings.patience:
            return
        me.stuck = 0
        if me.txn is not None and me.txn.undoing and self.ranks:
            self.ranks.take_back(self, me.txn, is_stuck=True)
        elif me.txn is not None:
            site = self._op(me.txn).site
            self.record(log.REFUSED_BY_WORLD, agent, me.txn.number, me.txn.op, site, a=verbs.GATE_CLOSED)
            self._settle(me.txn, FAILED)
        else:
            self.record(log.REFUSED_BY_WORLD, agent, site=me.look, a=verbs.GATE_CLOSED)
            self._end_look(agent)

    def _step(self, agent: int, cell: int) -> bool:
        """Move to a neighbouring cell unless a closed gate stops it; a region's border settles at once."""
        me = self.agents[agent]
        gate = self.rules.gate_of.get(cell)
        if gate is not None and self.sites[gate].value == 1 and cell != me.cell:
            return False
        before, after = self.rules.region_of.get(me.cell), self.rules.region_of.get(cell)
        me.cell = cell
        if before != after:
            if before is not None:
                self._border(agent, before, -1)
            if after is not None:
                self._border(agent, after, +1)
            elif me.txn is None:
                self.control.settle(self, agent)
        return True

    def _border(self, agent: int, region: int, change: int) -> None:
        txn = self.next_txn
        self.next_txn += 1
        self.record(log.BORDER, agent, txn, site=region, a=change, b=self.agents[agent].cell)
        self.agents[agent].promised = False
        bodies = self.sites[region].value + change
        under_way = self.agents[agent].txn
        read = under_way.inputs.get(region) if under_way else None
        knew = read is not None and self.is_current(read, region)
        self._write(agent, txn, 0, region, bodies, relative=True, argument=change, verb=verbs.CROSS)
        if under_way and knew:  # its own crossing is no news to it
            self._own_write(under_way, region, bodies, False, buffered=False)
        self.record(log.COMMIT, agent, txn)

    def _enters_region(self, agent: int, cell: int) -> bool:
        me = self.agents[agent]
        me.border = self.rules.region_of.get(cell, NO_SITE)
        return me.border not in (NO_SITE, self.rules.region_of.get(me.cell))

    def _in_region(self, agent: int) -> bool:
        return self.agents[agent].cell in self.rules.region_of

    def region_at(self, agent: int) -> int:
        """Return the region that an agent's body stands in, or NO_SITE; a body out of play stands nowhere."""
        me = self.agents[agent]
        return NO_SITE if me.phase == OUT else self.rules.region_of.get(me.cell, NO_SITE)

    def txn_of(self, agent: int) -> int:
        """Return the number of an agent's open transaction, or NO_TXN."""
        txn = self.agents[agent].txn
        return NO_TXN if txn is None else txn.number

    def tie(self, tick: int, agent: int) -> int:
        """Return an agent's place in the seeded order of a tick."""
        return self._draw(entropy.TIE, tick, agent)

    def channel(self, delay: int, loss: int, a: int, b: int, c: int) -> tuple[int, bool]:
        """Return when a message of the protocol's own arrives, and whether it is lost; the purposes draw both."""
        if self.rules.settings.lockstep:
            return self.now, False
        lost = self._happens(loss, (a, b, c), self.rules.settings.loss)
        return self.now + int(self.rules.delay[self._draw(delay, a, b, c) % QUANTILES]), lost

    def give_up(self, agent: int, whom: int) -> None:
        """Abort an agent's transaction, the victim of waiting for another."""
        txn = self.agents[agent].txn
        if txn is not None:
            self.record(log.VICTIM, agent, txn.number, other=whom)
            self._settle(txn, ABORTED)

    # ------------------------------------------------------------------ act

    def _act(self) -> None:
        for index, me in enumerate(self.agents):
            if me.stalled:
                me.stuck += me.holding != NOBODY
                continue
            if me.phase == LOOKING and (self._sees(index, me.look) or self.rules.settings.lockstep):
                self.renew(index, me.look, LOOK, 3)
                self._end_look(index)
        actors = [
            index
            for index, me in enumerate(self.agents)
            if me.phase == WALKING and not me.stalled and me.wait is None and self._in_reach(index)
        ]
        for agent in sorted(actors, key=lambda index: (self._draw(entropy.TIE, self.now, index), index)):
            txn = self.agents[agent].txn
            while txn is not None and self.agents[agent].txn is txn and self._try(txn) and self.rules.settings.lockstep:
                pass

    def _end_look(self, agent: int) -> None:
        me = self.agents[agent]
        me.phase, me.look = IDLE, NO_SITE
        if not self._in_region(agent):
            self.control.settle(self, agent)

    def _in_reach(self, agent: int) -> bool:
        txn = self.agents[agent].txn
        if txn is None:
            return False
        distance = self.rules.paths[self._op(txn).site][0][self.agents[agent].cell]
        return bool(distance <= 1) or self.rules.settings.lockstep

    def _op(self, txn: Transaction) -> ResolvedOp:
        return self.rules.tasks[txn.task].ops[txn.op]

    def _try(self, txn: Transaction) -> bool:
        """Try the next op: hold, refuse, fail or take effect. Return True if the transaction goes on in this tick."""
        me, op, task = self.agents[txn.agent], self._op(txn), self.rules.tasks[txn.task]
        if txn.undoing and self.ranks:
            self.ranks.take_back(self, txn)
            return False
        if self._holds(txn, op):
            return False
        self._log_reads(txn, op)
        stale = self.control.check(self, txn, txn.op, "act")
        if stale:
            self._refuse(txn, stale, 0)
            return False
        room = self.rules.blueprint.sites[op.site].room
        reason = verbs.world_refuses(op.verb, self.sites[op.site].value, me.hand, self._value_of(txn, op), room)
        if reason != verbs.POSSIBLE:
            self.record(log.REFUSED_BY_WORLD, txn.agent, txn.number, txn.op, op.site, a=reason)
            self._settle(txn, FAILED)
            return False
        self._take_effect(txn, op)
        txn.done += 1
        if me.phase == OUT and txn.op < len(task.ops) - 1:
            self._settle(txn, FAILED)  # its own gate closed on it
            return False
        txn.op += 1
        if txn.op == len(task.ops):
            txn.op -= 1  # stays on its last op while it settles
            stale = self.control.check(self, txn, txn.op, "settle")
            if stale:
                self._refuse(txn, stale, 1)
            else:
                self._settle(txn, COMMITTED)
        return me.txn is txn

    def _holds(self, txn: Transaction, op: ResolvedOp) -> bool:
        """Hold an op that the protocol does not admit yet, or that meets an unsettled version.

        From read committed upward, what rests on an unsettled version, or overwrites it, waits for its writer. A wait
        for a lock is no hold: it ends when the lock is granted, at the beginning of a tick.
        """
        me = self.agents[txn.agent]
        others, kind = NOBODY, log.AT_SITE
        if self.control.admit(self, txn.agent, txn.task, "act") is Answer.WAIT:
            if me.txn is not txn or txn.undoing:
                return True  # a victim of its own wish, or given up for what it owes
            others, kind = self.control.waits_for(self, txn.agent)[:2]
            if kind == log.FOR_LOCK:
                self._end_hold(txn)
                self._begin_wait(txn.agent, txn.task)
                return True
            others = WORLD if others == NOBODY else others  # held, but for nobody in particular
        elif self.control.writes != "in place" and self.control.transaction == "task":
            for site in sorted({*op.pre, op.site}):
                if self.sites[site].unsettled not in (NOBODY, txn.agent) and others == NOBODY:
                    others = self.sites[site].unsettled
        if others != NOBODY and (others, kind) == (me.holding, me.hold):
            me.stuck += 1
            if me.stuck >= self.rules.settings.patience and kind == log.AT_SITE:
                whom = me.holding
                self._end_hold(txn)
                self.give_up(txn.agent, whom)
            return True
        self._end_hold(txn)
        if others != NOBODY:
            self._begin_hold(txn, others, kind)
        return others != NOBODY

    def _begin_hold(self, txn: Transaction, others: int, kind: int) -> None:
        me = self.agents[txn.agent]
        self.record(log.WAIT_BEGIN, txn.agent, txn.number, other=others, a=txn.task, b=kind)
        me.holding, me.hold, me.stuck = others, kind, 1

    def _end_hold(self, txn: Transaction) -> None:
        me = self.agents[txn.agent]
        if me.holding != NOBODY:
            self.record(log.WAIT_END, txn.agent, txn.number, other=me.holding, a=txn.task, b=me.hold, c=me.stuck)
            me.holding, me.stuck = NOBODY, 0

    def _log_reads(self, txn: Transaction, op: ResolvedOp) -> None:
        txn.used[txn.op] = {site: replace(read) for site, read in txn.inputs.items()}
        for site in op.inputs:
            read = txn.inputs[site]
            self.record(
                log.READ, txn.agent, txn.number, txn.op, site, read.value, read.version, a=read.channel,
                b=int(read.promise), c=(site in op.pre) + 2 * (site in op.owned), d=int(read.own),
            )  # fmt: skip
        self.record(
            log.ACT, txn.agent, txn.number, txn.op, op.site, self._value_of(txn, op), self.sites[op.site].version,
            other=txn.task, a=op.verb, b=int(self._premise(txn, op)), c=self._written(txn, op),
        )  # fmt: skip

    def _value_of(self, txn: Transaction, op: ResolvedOp) -> int:
        return txn.argument if op.from_job else op.argument

    def _premise(self, txn: Transaction, op: ResolvedOp) -> bool:
        return op.premise_holds(self._value_of(txn, op), {site: read.value for site, read in txn.inputs.items()})

    def _written(self, txn: Transaction, op: ResolvedOp) -> int:
        return op.value_written(self._value_of(txn, op), {site: read.value for site, read in txn.inputs.items()})

    def is_current(self, read: Input, site: int) -> bool:
        """Tell whether an input is current: its version stands, or its promise was kept by the very next version."""
        there = self.sites[site]
        if read.promise:
            return there.version == read.version + 1 and there.value == read.value
        return there.version == read.version

    def _is_current_belief(self, agent: int, site: int) -> bool:
        belief = self.beliefs[agent][site]
        read = Input(belief.value, belief.version, belief.channel, belief.promise, belief.tick)
        return belief.channel == NONE or self.is_current(read, site)

    def _take_effect(self, txn: Transaction, op: ResolvedOp) -> None:
        me = self.agents[txn.agent]
        written = self._written(txn, op)
        if self.control.writes != "in place" and self.rules.site_kinds[op.site] in verbs.RECORD_KINDS:
            txn.buffered.append(Buffered(txn.op, op, written))
            self.record(
                log.BUFFER, txn.agent, txn.number, txn.op, op.site, written, a=int(op.relative),
                b=self._value_of(txn, op), d=op.verb,
            )  # fmt: skip
            self._own_write(txn, op.site, written, op.relative, buffered=True)
            return
        if op.verb == verbs.CORRECT:
            self._publish(txn, op)
            return
        before = self.sites[op.site].value
        if op.verb == verbs.DELIVER:
            self._land(txn.agent, op.site)
        hand = verbs.hand_after(op.verb, before, me.hand)
        last = txn.op == len(self.rules.tasks[txn.task].ops) - 1
        self._write(
            txn.agent, txn.number, txn.op, op.site, before + written if op.relative else written, op.relative,
            self._value_of(txn, op), op.verb, unsettled=not last and self.control.writes != "in place",
            held=self.control.mail == "at settle",
        )  # fmt: skip
        me.hand = hand
        seen = self.ranks.own(self, txn, op.site) if self.ranks else self.sites[op.site].value
        self._own_write(txn, op.site, seen, False, buffered=False)
        if op.verb == verbs.SET and written == 1:
            self._close_on_bodies(txn, op.site)

    def _publish(self, txn: Transaction, op: ResolvedOp) -> None:
        """Give the plan its next epoch: the entries change together, and the protocol tells those who follow them."""
        self.epoch += 1
        self.published = self.now
        changed = [(entry, value) for entry, value in op.entries if self.sites[entry].value != value]
        written = op.entries if self.ranks else changed  # at its rank it stands on all of them
        self.record(log.PUBLISHED, txn.agent, txn.number, txn.op, op.site, self.epoch, a=txn.task, b=len(changed))
        for entry, value in written:
            self._write(txn.agent, txn.number, txn.op, entry, value, False, 0, verbs.CORRECT)
        for entry in self.rules.plan:
            self.renew(txn.agent, entry, REGISTRY, 4)
        self.control.correct(self, txn.agent, [entry for entry, _ in changed])

    def send_copies(self, sender: int, entry: int) -> None:
        """Send an entry of the plan, as it is now, to those who follow it."""
        there = self.sites[entry]
        self._send(sender, CORRECTION, entry, there.value, there.version, self.now)

    def _land(self, agent: int, depot: int) -> None:
        """Note what is delivered where, and whether the depot is open."""
        me, notice = self.agents[agent], self.rules.notices.get(depot)
        self.sites[depot].got.add(me.hand)
        if len(me.landed) < self.rules.blueprint.parcels:
            me.landed.append((depot, notice is None or self.sites[notice].value < scenario.SHUT))

    def _own_write(self, txn: Transaction, site: int, value: int, difference: bool, buffered: bool) -> None:
        """An agent's own write renews the later ops' inputs of the same task."""
        read = txn.inputs.get(site)
        if read is None:
            return
        read.value = read.value + value if difference else value
        read.promise = read.promise and buffered
        if buffered:
            read.own = True
        else:
            read.version, read.outdated = self.sites[site].version, False
            if read.channel == MESSAGE:
                read.channel = REGISTRY  # it no longer rests on what was told

    def _close_on_bodies(self, txn: Transaction, gate: int) -> None:
        cells = set(self.rules.site_cells(gate)[1:])
        bodies = [index for index, other in enumerate(self.agents) if other.cell in cells and other.phase != OUT]
        if not bodies:
            return
        waiting = [n for n, boat in enumerate(self.boats) if boat == WAITING]
        lost = waiting[0] if waiting else self._next_boat()
        self.record(log.ACCIDENT, txn.agent, txn.number, site=gate, value=len(bodies), a=lost)
        if lost >= 0:
            if waiting:
                board = self.rules.world_events[0][3]
                self._write(WORLD, NO_TXN, 0, board, self.sites[board].value - 1, True, -1, verbs.WRITE)
            self.boats[lost] = LOST
        for body in bodies:
            self._put_out(body, txn.agent)

    def _next_boat(self) -> int:
        expected = [(self.due[n], n) for n, boat in enumerate(self.boats) if boat == EXPECTED]
        return min(expected)[1] if expected else -1

    def _put_out(self, agent: int, cause: int) -> None:
        me = self.agents[agent]
        self.record(log.PUT_OUT, agent, other=cause)
        if me.txn is not None and agent != cause:
            self._settle(me.txn, FAILED)
        elif me.phase == QUEUED:
            # This tick's waiting is not over.
            self._end_wait(agent, me.queued_task, self.now - me.queued_since, self.holder)
        region = self.rules.region_of.get(me.cell)
        me.phase, me.step, me.look = OUT, NO_CELL, NO_SITE
        if region is not None:
            self._write(WORLD, NO_TXN, 0, region, self.sites[region].value - 1, True, -1, verbs.CROSS, announcer=agent)
        self.control.settle(self, agent)

    # ------------------------------------------------------------------ writes, settling

    def _write(
        self, agent: int, txn: int, op: int, site: int, value: int, relative: bool, argument: int, verb: int,
        unsettled: bool = False, held: bool = False, announcer: int = NOBODY,
    ) -> None:  # fmt: skip
        """Give a site a new version, unless the value stays the same."""
        there, slips_in = self.sites[site], False
        if agent >= 0:
            self.writers.append(agent)
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
                self._judge_invariants(agent, txn)
        if self.rules.blueprint.sites[site].announced and (agent >= 0 or announcer >= 0):
            sender = agent if agent >= 0 else announcer
            self._send(sender, FACT, site, there.value, there.version, self.now, txn if held else NO_TXN)

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
            self._judge_invariants(agent, txn)
        self.control.watch(self, agent, site)

    def _judge_invariants(self, agent: int, txn: int) -> None:
        for index, rule in enumerate(self.rules.blueprint.invariants):
            sites = [self.rules.site_index[name] for name in rule.sites]
            if rule.kind == scenario.AT_LEAST:
                broken = sum(self.sites[site].value for site in sites) < rule.floor
            else:
                broken = any(
                    self.sites[site].value == 1 and self.sites[region].value > 0
                    for site in sites
                    for region in self.rules.regions_of[site]
                )
            if broken and index not in self.broken and agent >= 0:
                self.record(log.INVARIANT_BROKEN, agent, txn, a=index)
            (self.broken.add if broken else self.broken.discard)(index)

    def _refuse(self, txn: Transaction, stale: list[Stale], moment: int) -> None:
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
            self._settle(txn, REJECTED)

    def _settle(self, txn: Transaction, outcome: int, before_thought: bool = False) -> None:
        """End a transaction: buffered writes take effect together or are dropped, and all that it held is let go."""
        me, task = self.agents[txn.agent], self.rules.tasks[txn.task]
        self._end_hold(txn)
        self._end_wait(txn.agent, txn.task, self.now - me.wait_since)
        keeps = outcome == COMMITTED or (self.control.transaction == "op" and txn.done > 0)
        if keeps:
            for index, op, written in self.control.merge(self, txn):
                if op.verb == verbs.CORRECT:
                    self._publish(txn, op)
                    continue
                value = self.sites[op.site].value + written if op.relative else written
                self._write(txn.agent, txn.number, index, op.site, value, op.relative, self._value_of(txn, op), op.verb)
        physical = txn.done > len(txn.buffered)
        ended = outcome
        if outcome != COMMITTED and (physical or (keeps and txn.buffered)):
            ended = PARTIAL
        kind = _SETTLES[ended]
        spent = txn.thought - me.thought_left
        detail = outcome if ended == PARTIAL else int(before_thought)
        self.record(kind, txn.agent, txn.number, a=spent, b=detail, c=len(txn.buffered) if keeps else 0)
        for site in self.sites:
            if site.unsettled == txn.agent:
                site.unsettled = NOBODY
        self._release_mail(txn.number, ended in (COMMITTED, PARTIAL))
        self._use_up(txn, task, ended, spent)
        me.outcome = ended
        self.control.settle(self, txn.agent)
        me.txn, me.thought_left, me.stuck = None, 0, 0
        if me.phase != OUT:
            me.phase = IDLE

    # What a protocol that takes back what was done asks of the world.

    def is_record(self, site: int) -> bool:
        """Tell whether a site is a record site."""
        return self.rules.site_kinds[site] in verbs.RECORD_KINDS

    def argument_of(self, txn: Transaction, op: ResolvedOp) -> int:
        """Return the argument of an op of a transaction."""
        return self._value_of(txn, op)

    def bodies_at(self, gate: int) -> list[int]:
        """Return the agents on the cells of a gate."""
        cells = set(self.rules.site_cells(gate)[1:])
        return [index for index, other in enumerate(self.agents) if other.cell in cells and other.phase != OUT]

    def hold(self, txn: Transaction, others: int, kind: int) -> None:
        """Let an agent stand where it is and wait, one tick more."""
        me = self.agents[txn.agent]
        if (me.holding, me.hold) == (others, kind):
            me.stuck += 1
            return
        self._end_hold(txn)
        self._begin_hold(txn, others, kind)

    def end_waits(self, txn: Transaction) -> None:
        """Let an agent wait no more."""
        self._end_hold(txn)
        self._end_wait(txn.agent, txn.task, self.now - self.agents[txn.agent].wait_since)

    def leave_queue(self, agent: int) -> None:
        """Take an agent out of the queue, in the tick's sensing."""
        me = self.agents[agent]
        self._end_wait(agent, me.queued_task, self.now - me.queued_since + 1)
        me.phase, me.queued_task = IDLE, NO_TASK

    def reopen(self, txn: Transaction) -> None:
        """Open a transaction again that had settled: it will settle anew once it has been taken back."""
        me = self.agents[txn.agent]
        self.record(log.REVOKED, txn.agent, txn.number, a=txn.thought)
        txn.thought, me.txn, me.thought_left, me.stuck, me.phase = 0, txn, 0, 0, WALKING
        if not self.rules.tasks[txn.task].jobs:
            self.completions[txn.agent, txn.task] -= 1

    def settle_now(self, txn: Transaction, outcome: int) -> None:
        """Settle a transaction that has been taken back."""
        self._settle(txn, outcome)

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

    # ------------------------------------------------------------------ the rest of the tick

    def _world_events(self) -> None:
        boats = self.rules.blueprint.boats
        for index, (what, source, nth, site, amount, _, _) in enumerate(self.rules.world_events):
            if self.due[index] != self.now:
                continue
            if what == scenario.ARRIVES:
                if self.boats[index] == LOST:
                    continue
                self.boats[index] = WAITING
            elif what == scenario.CLOSES:
                closing = nth % len(self.rules.notices)
                too_late = any(self.sites[entry].value == closing for entry in self.rules.plan)
                self.closings[index] = LOST if too_late else PASSED
            self.record(log.WORLD_EVENT, WORLD, site=site, a=source, b=nth, c=what)
            self._write(WORLD, NO_TXN, 0, site, self.sites[site].value + amount, True, amount, verbs.WRITE)
        if boats and self.sites[self.rules.site_index[boats.gate]].value == 1:
            waiting = [n for n, boat in enumerate(self.boats) if boat == WAITING]
            board = self.rules.site_index[boats.board]
            for nth in waiting:
                self.boats[nth] = PASSED
                self.record(log.WORLD_EVENT, WORLD, site=board, a=0, b=nth, c=scenario.PASSES)
                self._write(WORLD, NO_TXN, 0, board, self.sites[board].value - 1, True, -1, verbs.WRITE)
        self._answer_acts()

    def _answer_acts(self) -> None:
        """What the world does in answer to the acts of this tick: it stocks shelves again, and intruders come."""
        for index in sorted(self.written):
            shelf, drawn = self.sites[index], self.rules.blueprint.sites[index]
            if shelf.stock > 0 and shelf.value == 0:
                shelf.stock -= 1
                self.record(log.WORLD_EVENT, WORLD, site=index, a=0, b=drawn.stock - shelf.stock, c=scenario.RESTOCKS)
                self._write(WORLD, NO_TXN, 0, index, drawn.value, False, drawn.value, verbs.PUT)
        for goods, posts in self.rules.posts_of.items():
            if not self.written.isdisjoint(posts):
                self._answer_guards(goods, posts)

    def _answer_guards(self, goods: int, posts: tuple[int, ...]) -> None:
        if sum(self.sites[post].value for post in posts) > 0:
            self.robbed.discard(goods)
        elif goods not in self.robbed:
            self.robbed.add(goods)
            self.thefts += 1
            self.record(log.WORLD_EVENT, WORLD, site=goods, a=0, b=self.thefts, c=scenario.STEALS)
            if self.sites[goods].value > 0:
                self._write(WORLD, NO_TXN, 0, goods, self.sites[goods].value - 1, True, -1, verbs.WRITE)

    def _send(self, sender: int, kind: int, site: int, value: int, stamp: int, sensed: int, held: int = NO_TXN) -> None:
        for receiver in self.rules.listeners[site]:
            if receiver == sender:
                continue
            nth = self.sent.get((sender, receiver, kind), 0)
            self.sent[sender, receiver, kind] = nth + 1
            keys = (sender * 256 + receiver, kind, nth)
            perfect = self.rules.settings.lockstep
            copies = 1 + (not perfect and self._happens(entropy.DUPLICATION, keys, self.rules.settings.duplication))
            for copy in range(copies):
                lost = not perfect and self._happens(entropy.LOSS, (*keys, copy), self.rules.settings.loss)
                delay = 0 if perfect else int(self.rules.delay[self._draw(entropy.DELAY, *keys, copy) % QUANTILES])
                due = self.now + delay
                if self.control.delivery == "fifo" and not lost:
                    due = max(due, self.pipe.get((sender, receiver), 0))
                    self.pipe[sender, receiver] = due
                number = self.message_number
                self.message_number += 1
                self.record(
                    log.SEND, sender, site=site, value=value, version=stamp, other=receiver, a=kind, b=due, c=number,
                    d=sensed, e=lost + 2 * copy,
                )  # fmt: skip
                if not lost:
                    mail = Mail(due, number, sender, receiver, kind, site, value, stamp, sensed, self.now, held)
                    self.mail.append(mail)

    def _happens(self, purpose: int, keys: tuple[int, ...], share: float) -> bool:
        bits = self._draw(purpose, *keys) >> (64 - PROBABILITY_BITS)
        return bits < int(share * (1 << PROBABILITY_BITS))

    def _release_mail(self, txn: int, settled: bool) -> None:
        """Mail held for a transaction goes out when it settles, or never."""
        kept = []
        for mail in self.mail:
            if mail.held == txn and not settled:
                self.record(log.DROP, mail.sender, txn, site=mail.site, other=mail.receiver, c=mail.number)
                continue
            if mail.held == txn:
                mail.due, mail.held, mail.sent = mail.due + self.now - mail.sent, NO_TXN, self.now
                if self.control.delivery == "fifo":
                    pair = mail.sender, mail.receiver
                    mail.due = self.pipe[pair] = max(mail.due, self.pipe.get(pair, 0))
            kept.append(mail)
        self.mail = kept

    def _deliver(self) -> None:
        due = [mail for mail in self.mail if mail.due <= self.now and mail.held == NO_TXN]
        self.mail = [mail for mail in self.mail if not (mail.due <= self.now and mail.held == NO_TXN)]
        for mail in due:
            me = self.agents[mail.receiver]
            # What one sees for oneself no message changes.
            believed = me.phase != OUT and not self._sees(mail.receiver, mail.site) and self.control.deliver(self, mail)
            self.record(
                log.DELIVER, mail.receiver, site=mail.site, value=mail.value, version=mail.stamp, other=mail.sender,
                a=mail.kind, b=int(believed), c=mail.number, d=mail.sensed, e=mail.sent,
            )  # fmt: skip
            if me.phase != OUT:
                me.inbox += 1
                me.last_mail = mail
            if believed:
                self.beliefs[mail.receiver][mail.site] = Belief(
                    mail.value, mail.stamp, MESSAGE, mail.sensed, self.now, mail.kind == PROMISE
                )

    def _sees(self, agent: int, site: int) -> bool:
        return site in self.rules.sights[agent][self.agents[agent].cell]

    def _sense(self) -> None:
        for index, me in enumerate(self.agents):
            if me.phase == OUT:
                continue
            for site in sorted(self.rules.sights[index][me.cell]):
                belief, there = self.beliefs[index][site], self.sites[site]
                belief.tick = self.now
                if belief.version != there.version or belief.promise or belief.channel in (NONE, MESSAGE):
                    self.beliefs[index][site] = Belief(there.value, there.version, SENSOR, self.now, self.now)
                    self.record(log.SENSE, index, site=site, value=there.value, version=there.version, a=SENSOR, b=0)
        self._ask_the_queue()

    def _ask_the_queue(self) -> None:
        for agent in self._in_order({i: me.queued_since for i, me in enumerate(self.agents) if me.phase == QUEUED}):
            me = self.agents[agent]
            if self.control.admit(self, agent, me.queued_task, "sense") is not Answer.GO:
                continue
            self._end_wait(agent, me.queued_task, self.now - me.queued_since + 1)
            if self.control.renews:
                self.record(log.GRANT, agent)
                for site in range(len(self.sites)):
                    self.renew(agent, site, REGISTRY, 2)
            me.phase, me.queued_task = IDLE if me.look == NO_SITE else LOOKING, NO_TASK

    def _stall(self) -> None:
        """Let those stand still from the next tick on whose moment has come."""
        length, every = self.rules.settings.stall, self.rules.settings.stall_every
        if length == 0 or self.rules.settings.lockstep:
            return
        for index, me in enumerate(self.agents):
            if me.stalled:
                me.stalled -= 1
            if me.stall_at < self.now or me.stall_at == NEVER:
                late = self._draw(entropy.STALL, index, me.stalls) % (every - length)
                me.stall_at = every * me.stalls + late + 1
                me.stalls += 1
            if me.stall_at == self.now and me.phase != OUT:
                me.stalled = length
                self.record(log.STALLED, index, a=length)

    def renew(self, agent: int, site: int, channel: int, why: int, value: int | None = None) -> None:
        """Give an agent the value of a site, the true one or that at a rank; `why` is column b of log.SENSE."""
        there, belief = self.sites[site], self.beliefs[agent][site]
        value = there.value if value is None else value
        known = belief.value, belief.version, belief.channel, belief.promise
        self.beliefs[agent][site] = Belief(value, there.version, channel, self.now, self.now)
        if known != (value, there.version, channel, False):
            self.record(log.SENSE, agent, site=site, value=value, version=there.version, a=channel, b=why)

    # ------------------------------------------------------------------ score

    def _score(self) -> None:
        author = self.writers[-1] if self.writers else NOBODY
        for index, goal in enumerate(self.rules.blueprint.goals):
            met, lost = self._judge(goal, self.targets[index])
            if met != self.met[index]:
                self.met[index] = met
                change = 1 if met else -1
                self.goal_changes += change
                whose = goal.agent if goal.kind in (scenario.TRIPS, scenario.DONE, scenario.PARCEL) else author
                if whose >= 0:
                    self.earned[whose] += change
                self.record(log.GOAL, whose, a=index, value=int(met))
            if lost and not self.lost[index]:
                self.lost[index] = True
                self.record(log.GOAL, NOBODY, a=index, value=-1)
        self.writers.clear()
        if all(met or lost for met, lost in zip(self.met, self.lost, strict=True)):
            self.status = TERMINATED
        elif self.now >= self.rules.max_cycles:
            self.status = TRUNCATED
        if self.status != RUNNING:
            self.record(log.END, WORLD, value=sum(self.met), other=len(self.met), a=self.status)

    def _judge(self, goal: scenario.Goal, target: int) -> tuple[bool, bool]:
        """Return whether a goal is met now, and whether it can no longer be met."""
        if goal.kind == scenario.BOAT:
            return self.boats[goal.index] == PASSED, self.boats[goal.index] == LOST
        if goal.kind == scenario.TRIPS:
            walker = self.agents[goal.agent]
            return walker.trips >= target and walker.phase != OUT, walker.phase == OUT
        if goal.kind == scenario.CORRECTED:
            state = self.closings[self.rules.event_of_closing(goal.index)]
            return state == PASSED, state == LOST
        if goal.kind == scenario.DONE:
            task = self.rules.task_names.index(goal.task)
            return self.completions.get((goal.agent, task), 0) >= target, False
        if goal.kind in (scenario.PARCEL, scenario.TOGETHER):
            return self._judge_parcel(goal)
        site = self.rules.site_index[goal.site]
        there = self.sites[site]
        if goal.kind == scenario.GOT:
            return target in there.got, bool(there.got) and target not in there.got
        if goal.kind == scenario.KEPT:
            return there.value >= target, there.value < target
        if goal.kind == scenario.BUILT:
            deps = self.rules.blueprint.sites[site].depends
            return there.value == target + sum(self.sites[self.rules.site_index[name]].value for name in deps), False
        met = there.value == target
        if goal.kind == scenario.VALUE:
            return met, False
        open_jobs = any(
            not job.used and self.rules.tasks[job.task].ops[0].site == site for jobs in self.jobs for job in jobs
        )
        may_change = open_jobs or (self.ranks is not None and not self.ranks.is_final())
        return met, not met and not may_change

    def _judge_parcel(self, goal: scenario.Goal) -> tuple[bool, bool]:
        """Judge one delivery, or whether two of them went to one place."""
        landed = [self.agents[agent].landed[goal.index : goal.index + 1] for agent in (goal.agent, goal.other)]
        if not landed[0] or (goal.kind == scenario.TOGETHER and not landed[1]):
            return False, False
        ((depot, good),) = landed[0]
        met = good if goal.kind == scenario.PARCEL else landed[1][0][0] == depot
        return met, not met

    # ------------------------------------------------------------------ what agents may do and see

    def _steers_itself(self, agent: int) -> bool:
        waits = self.agents[agent].wait is not None
        return self.rules.settings.navigation == "manual" and not waits and not self._in_reach(agent)

    def mask(self, agent: int) -> NDArray[np.bool_]:
        """Return which actions the agent may take now, [actions] bool; a busy one may only wait."""
        me = self.agents[agent]
        allowed = np.zeros(len(self.rules.actions), np.bool_)
        allowed[0] = True
        if me.phase not in (IDLE, WALKING) or (me.phase == WALKING and not self._steers_itself(agent)):
            return allowed
        for index, action in enumerate(self.rules.actions):
            if action.kind == actions.MOVE:
                allowed[index] = self.rules.layout.neighbour[me.cell][action.index] != me.cell
            elif me.phase != WALKING:
                allowed[index] = self._allows(agent, action)
        return allowed

    def _allows(self, agent: int, action: actions.Action) -> bool:
        beliefs, role = self.beliefs[agent], self.rules.blueprint.roles[self.rules.role_of[agent]]
        if action.kind == actions.TELL:
            return beliefs[action.index].channel != NONE
        if action.kind in (actions.DO, actions.PROMISE_THAT):
            task = self.rules.tasks[action.index]
            if agent not in task.agents:
                return False
            if task.crosses:
                if action.kind == actions.DO:
                    return self.rules.settings.navigation == "auto" and self.agents[agent].trips < role.trips
                inside = self.rules.region_of.get(self.agents[agent].cell) == task.ops[0].site
                return inside and beliefs[task.ops[0].site].channel != NONE
            if action.kind == actions.PROMISE_THAT:
                last = task.ops[-1]
                known = {*last.pre, last.site}
            else:
                known = set(task.reads)
            return all(beliefs[site].channel != NONE for site in known) and (
                not task.jobs or self._next_job(agent, action.index) != NO_JOB
            )
        return True

    def record(
        self, kind: int, agent: int, txn: int = NO_TXN, op: int = 0, site: int = NO_SITE, value: int = 0,
        version: int = 0, other: int = NOBODY, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0,
    ) -> None:  # fmt: skip
        """Log an event of this tick; the columns are explained in `log.KINDS`."""
        self.events.append((kind, self.now, agent, txn, op, site, value, version, other, a, b, c, d, e))

    def event_array(self) -> NDArray[np.void]:
        """Return the log so far, [n] log.EVENT."""
        return np.array(self.events, dtype=log.EVENT)
