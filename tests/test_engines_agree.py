"""The compiled engine equals the reference, event for event, and so do all that agents are shown and are paid."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stalegrid.protocols.batch import Batch
from stalegrid.protocols.config import AXES
from stalegrid.protocols.presets import PRESETS, resolve
from stalegrid.protocols.single import CompiledEngine, ReferenceEngine
from stalegrid.protocols.textbook import Textbook
from stalegrid.world import log
from stalegrid.world.audit import EpisodeReport, audit_episode
from stalegrid.world.reference import World
from stalegrid.world.reference_observe import observe_reference
from stalegrid.world.state import COUNTERS, IDLE, LOOKING, NONE, QUEUED, THINKING, WALKING

from .schedules import Event, RandomChoices, RandomSchedule, Schedule, line, random_schedule


def compare(schedule: Schedule) -> EpisodeReport:
    """Play a schedule on both engines, compare them after each tick and audit the log.

    At the end the kernel's counters must equal the auditor's, and no act fell to a hazard that the config excludes.
    """
    rules, config = schedule.rules, schedule.config
    world = World(rules, Textbook(config), schedule.world_seed)
    batch = Batch(rules, config, keep_log=True, own_reward=schedule.own_reward)
    batch.reset(np.array([schedule.world_seed], np.uint64))
    choices = schedule.choices()
    agents = range(len(world.agents))
    seen = 0
    while True:
        compiled = batch.drain().tolist()
        assert compiled == world.events[seen:], first_difference(schedule, world.now, compiled, world.events[seen:])
        seen = len(world.events)
        assert batch.state.world["status"][0] == world.status, f"status at tick {world.now} of {schedule}"
        ready = [world.is_ready(agent) for agent in agents]
        assert batch.state.agent["ready"][0].tolist() == ready, f"who is ready after tick {world.now} of {schedule}"
        paid = np.array(world.earned if schedule.own_reward else [world.goal_changes] * len(agents)) / len(world.met)
        assert np.allclose(batch.state.agent["earned"][0], paid), f"rewards of tick {world.now} of {schedule}"
        compare_sets(schedule, batch)
        if not any(ready) and world.status:
            break
        masks = masks_of(batch)
        chosen = [0] * len(agents)
        for agent in agents:
            if ready[agent]:
                compare_views(schedule, world, batch, agent, masks[agent])
                chosen[agent] = choices.pick(world.now + 1, agent, masks[agent], world.events)
        world.tick(chosen)
        batch.step(np.array([chosen], np.int32))
    return compare_counts(schedule, world, batch)


def masks_of(batch: Batch, row: int = 0) -> NDArray[np.bool_]:
    """Return the masks of one world, [A, actions] bool."""
    bits = np.unpackbits(batch.state.mask[row].view(np.uint8), axis=1, bitorder="little")
    return bits[:, : len(batch.rules.actions)].astype(np.bool_)


def compare_sets(schedule: Schedule, batch: Batch) -> None:
    """Compare the sets that the compiled engine keeps with what they are sets of."""
    there, agents, rules = batch.state.world[0], batch.state.agent[0], schedule.rules
    phases = {"idle": IDLE, "thinking": THINKING, "walking": WALKING, "looking": LOOKING, "queued": QUEUED}
    kept = {name: members(there[name]) for name in phases}
    found = {name: set(np.flatnonzero(agents["phase"] == phase).tolist()) for name, phase in phases.items()}
    assert kept == found, f"by phase (kept, found) {kept}, {found} after tick {there['tick']} of {schedule}"
    assert members(there["waiting"]) == set(np.flatnonzero(agents["waits"]).tolist())
    assert not there["stepping"]
    for a, (me, beliefs) in enumerate(zip(agents, batch.state.belief[0], strict=True)):
        known = set(np.flatnonzero(beliefs["channel"] != NONE).tolist())
        assert members(me["known"]) == known, f"agent {a} knows {known} after tick {there['tick']} of {schedule}"
        if a in found["looking"] | found["walking"]:
            distances, looks = rules.paths[me["sought"]][0], a in found["looking"]
            near = me["sought"] in members(batch.state.sight[0, a]) if looks else distances[me["cell"]] <= 1
            near |= rules.settings.lockstep
            assert near == (a in members(there["near"])), f"agent {a} after tick {there['tick']} of {schedule}"


def members(bits: Any) -> set[int]:
    """Return the set that a uint64 is."""
    return {index for index in range(64) if int(bits) >> index & 1}


def compare_views(schedule: Schedule, world: World, batch: Batch, agent: int, mask: NDArray[np.bool_]) -> None:
    """Compare mask and observation of an agent that must act."""
    actions, names = schedule.rules.actions, batch.layout.names
    differing = [actions[index].name for index in np.flatnonzero(mask != world.mask(agent))]
    assert not differing, f"agent {agent}'s mask after tick {world.now} differs in {differing} of {schedule}"
    shown, expected = batch.state.observation[0, agent], observe_reference(world, agent, batch.layout)
    entries = [(names[i], shown[i], expected[i]) for i in np.flatnonzero(np.abs(shown - expected) > 1e-6)]
    assert not entries, f"agent {agent} sees after tick {world.now} (compiled, reference) {entries} of {schedule}"


def compare_counts(schedule: Schedule, world: World, batch: Batch) -> EpisodeReport:
    """Compare the running counters with what the auditor finds in the log."""
    report = audit_episode(schedule.rules, world.event_array())
    kernel = dict(zip(COUNTERS, batch.state.counts[0].tolist(), strict=True))
    differing = {name: (kernel[name], report.counts[name]) for name in COUNTERS if kernel[name] != report.counts[name]}
    assert not differing, f"counters (compiled, auditor) {differing} of {schedule}"
    there = batch.state.world[0]
    assert (there["goals_met"], there["last_goal_tick"]) == (report.goals_met, report.last_goal_tick), (
        f"goals of {schedule}"
    )
    if not (
        schedule.rules.settings.lockstep and schedule.config.order == "token"
    ):  # in lockstep nobody asks for the token
        broken = [
            hazard
            for hazard in schedule.config.guarantees_in(schedule.rules.settings)
            if report.counts[f"{hazard}.decisive"]
        ]
        assert not broken, f"{broken} under a protocol that excludes it: {schedule}"
    return report


def first_difference(schedule: Schedule, tick: int, compiled: list[Event], reference: list[Event]) -> str:
    """Say where two logs part."""
    at = next((n for n, pair in enumerate(zip(compiled, reference, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(compiled), len(reference)) if at is None else at
    before = [readable(event) for event in reference[max(0, at - 3) : at]]
    return "\n".join(
        (
            f"tick {tick}, event {at}, after {before}:",
            f"compiled:  {readable(compiled[at]) if at < len(compiled) else 'nothing more'}",
            f"reference: {readable(reference[at]) if at < len(reference) else 'nothing more'}",
            str(schedule),
        )
    )


def readable(event: Event) -> str:
    """Name an event and those columns that are not 0 or -1."""
    said = {name: value for name, value in zip(log.COLUMNS[1:], event[1:], strict=True) if value not in (0, -1)}
    return f"{log.KIND_NAMES[event[0]]} {said}"


def test_both_engines_play_a_thousand_random_schedules_alike() -> None:
    for seed in range(1_000):
        compare(random_schedule(seed))


@pytest.mark.long
def test_both_engines_play_many_more_random_schedules_alike() -> None:
    for seed in range(1_000, 13_000):
        compare(random_schedule(seed))


@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 2**32),
    think=st.integers(0, 4),
    delay=st.integers(0, 4),
    sight=st.sampled_from(("all", "scenario", 0, 1)),
    navigation=st.sampled_from(("auto", "manual")),
    lockstep=st.booleans(),
    preset=st.sampled_from(sorted(PRESETS)),
    delivery=st.sampled_from(AXES["delivery"].values),
    mail=st.sampled_from(AXES["mail"].values),
)
def test_both_engines_agree_whatever_the_dials(seed: int, preset: str, delivery: str, mail: str, **dials: Any) -> None:
    compare(random_schedule(seed, dials, dict(resolve(preset)) | {"delivery": delivery, "mail": mail}))


def faces(schedule: RandomSchedule, **options: Any) -> tuple[CompiledEngine, ReferenceEngine]:
    """Return both engines as the environments hold them, at the beginning of a schedule's episode."""
    compiled = CompiledEngine(schedule.rules, schedule.config, keep_log=True, **options)
    reference = ReferenceEngine(schedule.rules, schedule.config, keep_log=True, **options)
    for engine in (compiled, reference):
        engine.reset(schedule.world_seed)
    return compiled, reference


def test_both_engines_pay_alike_and_give_equal_digests_from_decision_to_decision() -> None:
    costs = {"think_cost": 0.1, "message_cost": 0.2, "accident_cost": 3.0}
    for seed in range(100):
        schedule = random_schedule(seed)
        one, other = faces(schedule, costs=costs, discount=0.9, own_reward=schedule.own_reward)
        choices = schedule.choices()
        while True:
            said = f"after tick {one.tick} of {schedule}"
            assert (one.tick, one.elapsed, one.status) == (other.tick, other.elapsed, other.status), said
            assert one.ready == other.ready, said
            assert np.allclose(one.rewards, other.rewards), f"{one.rewards} and {other.rewards} {said}"
            if one.status:
                break
            masks = one.masks().astype(np.bool_)
            chosen = [
                choices.pick(one.tick + 1, agent, masks[agent], ()) if is_ready else 0
                for agent, is_ready in enumerate(one.ready)
            ]
            for engine in (one, other):
                engine.step(np.array([chosen], np.int32), True)
        assert one.digest() == other.digest(), str(schedule)


# ---------------------------------------------------------------------- batches


class Player:
    """Plays random choices in a batch, each world by its own generator, and keeps all that each world shows."""

    def __init__(self, batch: Batch, seeds: list[int], to_decision: bool = False) -> None:
        self.batch = batch
        self.to_decision = to_decision
        self.choices = [RandomChoices(seed, batch.rules) for seed in seeds]
        self.shown: list[list[bytes]] = [[] for _ in seeds]
        batch.reset(np.array(seeds, np.uint64))

    def play(self, steps: int) -> None:
        """Advance every world by so many steps, or to its end."""
        state = self.batch.state
        for _ in range(steps):
            chosen = np.zeros((self.batch.worlds, self.batch.agents), np.int32)
            for world in np.flatnonzero(self.batch.running):
                self.shown[world] += (self.batch.drain(world).tobytes(), state.observation[world].tobytes())
                self.shown[world] += (state.agent["earned"][world].tobytes(), state.counts[world].tobytes())
                masks = masks_of(self.batch, world)
                for agent in np.flatnonzero(state.agent["ready"][world]):
                    chosen[world, agent] = self.choices[world].pick(0, int(agent), masks[agent])
            self.batch.step(chosen, self.to_decision)


@pytest.mark.parametrize("to_decision", [False, True])
def test_a_world_of_a_batch_does_not_feel_its_neighbours(to_decision: bool) -> None:
    seeds = list(range(7))
    for seed in range(40):
        schedule = random_schedule(seed)
        together = Player(Batch(schedule.rules, schedule.config, 7, keep_log=True), seeds, to_decision)
        together.play(70)
        for world in seeds:
            alone = Player(Batch(schedule.rules, schedule.config, keep_log=True), [world], to_decision)
            alone.play(70)
            assert together.shown[world] == alone.shown[0], f"world {world} of {schedule}"


def test_a_copied_and_a_pickled_batch_go_on_like_the_original() -> None:
    for seed in range(40):
        schedule = random_schedule(seed)
        player = Player(Batch(schedule.rules, schedule.config, 3, keep_log=True), [0, 1, 2])
        player.play(8)
        before = copy.deepcopy(player.shown)
        others = [copy.deepcopy(player), pickle.loads(pickle.dumps(player))]
        others[0].play(60)
        assert player.shown == before, f"a copy shares memory with its original: {schedule}"
        others[1].play(60)
        player.play(60)
        assert all(other.shown == player.shown for other in others), str(schedule)


def test_a_second_episode_of_a_batch_is_as_the_first() -> None:
    for seed in range(100):
        schedule = random_schedule(seed)
        batch = Batch(schedule.rules, schedule.config, keep_log=True)
        first = Player(batch, [seed])
        first.play(70)
        again = Player(batch, [seed])
        again.play(70)
        assert again.shown == first.shown, str(schedule)


# ---------------------------------------------------------------------- schedules in a line


def test_a_line_reads_from_left_to_right() -> None:
    report = compare(line("A reads ledger | B adds ledger | A adds ledger"))
    assert report.counts["lost_update.decisive"] == 1
    report = compare(line("A adds ledger | B adds ledger | A reads till | A adds till"))
    assert (report.counts["committed"], report.counts["lost_update.decisive"]) == (3, 0)


def test_occ_refuses_an_act_when_a_site_it_read_was_written_while_it_thought() -> None:
    report = compare(line("A reads ledger | B adds ledger | A adds ledger", "occ"))
    assert (report.counts["lost_update.prevented"], report.counts["rejected"]) == (1, 1)


def test_under_the_token_the_second_of_two_waits_and_nothing_is_lost() -> None:
    report = compare(line("A reads ledger | B adds ledger | A adds ledger", "serial"))
    assert (report.counts["committed"], report.counts["rejected"], report.counts["lost_update.decisive"]) == (2, 0, 0)


# Pairs of acts that meet: each group works on one site or on what it rests on.
GROUPS = (
    ("adds ledger", "adds ledger 0"),
    ("writes note 1", "writes note 2", "delivers depot"),
    ("takes shelf", "puts shelf"),
    ("sets gate", "sets gate 0"),
    ("refactors api", "builds client"),
    ("leaves east", "leaves west"),
)
MEETINGS = [pair for group in GROUPS for pair in itertools.combinations_with_replacement(group, 2)]


@pytest.mark.parametrize("protocol", PRESETS)
def test_every_order_of_two_thoughts_and_two_acts_is_played_alike(protocol: str) -> None:
    for mine, yours in MEETINGS:
        first = [f"A reads {mine.split()[1]}", f"A {mine}"]
        second = [f"B reads {yours.split()[1]}", f"B {yours}"]
        for places in itertools.combinations(range(4), 2):
            steps = (iter(first), iter(second))
            compare(line(" | ".join(next(steps[0 if place in places else 1]) for place in range(4)), protocol))
