"""The compiled engine equals the reference, event for event, and so do all that agents are shown and are paid."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stalegrid.protocols.batch import Batch
from stalegrid.protocols.textbook import Textbook
from stalegrid.world import log
from stalegrid.world.audit import EpisodeReport, audit_episode
from stalegrid.world.observe import observe_reference
from stalegrid.world.reference import World
from stalegrid.world.state import COUNTERS

from .schedules import SITES, Event, RandomChoices, Schedule, line, random_schedule


def compare(schedule: Schedule) -> EpisodeReport:
    """Play a schedule on both engines, compare them after each tick and audit the log.

    At the end the kernel's counters must equal the auditor's, and a guarantee leaves no hazard decisive.
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
    kernel = dict(zip(COUNTERS, batch.state.count[0].tolist(), strict=True))
    differing = {name: (kernel[name], report.counts[name]) for name in COUNTERS if kernel[name] != report.counts[name]}
    assert not differing, f"counters (compiled, auditor) {differing} of {schedule}"
    there = batch.state.world[0]
    assert (there["goals_met"], there["last_goal_tick"]) == (report.goals_met, report.last_goal_tick), f"goals of {schedule}"
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
