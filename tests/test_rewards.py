"""Rewards add up to the share of goals met, less the costs; and a step may run to the next decision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stalegrid.world.parallel_env import StaleGridParallelEnv

from .playing import PROTOCOLS, SCENARIOS, Choose, Step, events, go_on, make, picker, play, share_of_goals


def total(steps: list[Step], agent: str) -> float:
    """Return what an agent was paid in all."""
    return sum(step.rewards[agent] for step in steps[1:])


def busybody(env: StaleGridParallelEnv) -> Choose:
    """Return a player that does the first task it may do, and anything where there is none."""
    pick = picker(5)
    tasks = [index for index, action in enumerate(env.action_table) if action.name.startswith("do ")]

    def choose(agent: str, observation: Any, mask: NDArray[np.int8]) -> int:
        return next((task for task in tasks if mask[task]), None) or pick(agent, observation, mask)

    return choose


@pytest.mark.parametrize("steps", ["tick", "decision"])
@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_return_of_every_agent_is_the_share_of_goals_met_at_the_end(
    scenario: str, protocol: str, engine: str, steps: str
) -> None:
    for seed in range(3):
        env = make(scenario, protocol, engine=engine, steps=steps)
        episode = play(env, seed, busybody(env))
        for agent in env.possible_agents:
            assert total(episode, agent) == pytest.approx(share_of_goals(env))
        assert events(env, "end")[0]["value"] == pytest.approx(share_of_goals(env) * events(env, "end")[0]["other"])


def test_some_of_these_episodes_meet_goals_and_some_do_not() -> None:
    shares = set()
    for scenario in SCENARIOS:
        for protocol in PROTOCOLS:
            env = make(scenario, protocol)
            play(env, 0, busybody(env))
            shares.add(share_of_goals(env))
    assert min(shares) < 1
    assert max(shares) == 1


@pytest.mark.parametrize("scenario", ["ledger", "drawbridge"])
def test_a_counter_that_nobody_was_to_add_to_still_pays_what_makes_the_return_s(scenario: str) -> None:
    options = {"counters": 9} if scenario == "ledger" else {"trips": 1}
    env = make(scenario, "serial", **options)
    episode = play(env, 1, busybody(env))
    assert total(episode, env.possible_agents[0]) == pytest.approx(share_of_goals(env))


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_own_rewards_go_to_whose_act_it_was_and_add_up_over_agents(engine: str) -> None:
    env = make("disjoint", reward="own", engine=engine)
    episode = play(env, 0, busybody(env))
    assert share_of_goals(env) == 1
    # Each porter has a counter of its own: half of the goals each.
    assert [total(episode, agent) for agent in env.possible_agents] == pytest.approx([0.5, 0.5])
    assert all(set(step.rewards.values()) <= {0.0, 0.5} for step in episode[1:])


def test_own_rewards_of_a_shared_counter_go_to_the_last_writer() -> None:
    env = make("ledger", "serial", reward="own")
    episode = play(env, 0, busybody(env))
    returns = {agent: total(episode, agent) for agent in env.possible_agents}
    met = [event for event in events(env, "goal") if event["value"] == 1]
    assert sorted(returns.values()) == pytest.approx([0, 1])
    assert returns[env.possible_agents[met[-1]["agent"]]] == pytest.approx(1)


@pytest.mark.parametrize("steps", ["tick", "decision"])
@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_costs_are_taken_for_each_tick_of_thought_message_and_accident(scenario: str, engine: str, steps: str) -> None:
    free = make(scenario, engine=engine, steps=steps, reward="own", loss=0.3)
    costs = {"think_cost": 0.01, "message_cost": 0.1, "accident_cost": 1.0}
    dear = make(scenario, engine=engine, steps=steps, reward="own", loss=0.3, **costs)
    before, after = play(free, 7), play(dear, 7)
    assert free.digest() == dear.digest()
    for index, agent in enumerate(dear.possible_agents):
        mine = [event for event in dear.events_since(-1) if event["agent"] == index]
        sent = sum(event["kind"] == "send" for event in mine)
        accidents = sum(event["kind"] == "accident" for event in mine)
        expected = 0.01 * thought(dear, index) + 0.1 * sent + 1.0 * accidents
        assert total(before, agent) - total(after, agent) == pytest.approx(expected)


def thought(env: StaleGridParallelEnv, agent: int) -> int:
    """Return the ticks that an agent has thought, that of an open transaction included."""
    ticks, decided, drawn = 0, None, 0
    for event in env.events_since(-1):
        if event["agent"] != agent:
            continue
        if event["kind"] == "decide":
            decided, drawn = event["tick"], event["b"]
        elif event["kind"] == "think_end":
            ticks, decided = ticks + drawn, None
        elif event["kind"] in ("reject", "abort", "fail", "commit", "partial"):
            ticks, decided = ticks + (event["a"] if decided is not None else 0), None
    last = env.engine.tick
    return ticks + (min(drawn, last - decided + 1) if decided is not None else 0)


# ---------------------------------------------------------------------- steps to the next decision


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_steps_to_decisions_play_the_episode_that_ticks_play(scenario: str, protocol: str, engine: str) -> None:
    by_tick = make(scenario, protocol, engine=engine)
    by_decision = make(scenario, protocol, engine=engine, steps="decision")
    ticks, decisions = play(by_tick, 6, picker(2)), play(by_decision, 6, picker(2))
    assert by_tick.digest() == by_decision.digest()
    assert [step.actions for step in ticks if step.actions] == [step.actions for step in decisions if step.actions]
    # Writers of exposure are never busy unless they queue: there every tick is a step.
    is_always_ready = scenario == "exposure" and protocol != "serial"
    assert len(decisions) == len(ticks) if is_always_ready else len(decisions) < len(ticks)
    for agent in by_tick.possible_agents:
        assert total(ticks, agent) == pytest.approx(total(decisions, agent))
    # Somebody must act after every step, and the ticks of the steps are those of the episode.
    assert all(any(info["ready"] for info in step.infos.values()) for step in decisions[:-1])
    assert sum(step.infos[by_tick.possible_agents[0]]["elapsed"] for step in decisions) == len(ticks) - 1


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_discount_counts_the_ticks_within_a_step(engine: str) -> None:
    options = {"engine": engine, "think_cost": 0.25, "think": 5, "think_law": "constant"}
    env = make("ledger", steps="decision", discount=0.5, agents=1, **options)
    env.reset(seed=0)
    rewards = env.step({"porter_0": 1})[1]
    # Five ticks of thought at once, the first not discounted; the walk costs nothing.
    assert rewards["porter_0"] == pytest.approx(-0.25 * sum(0.5**tick for tick in range(5)))


def test_a_step_that_fills_the_log_goes_on_to_the_decision_and_loses_no_reward() -> None:
    calm, crowded = (make("drawbridge", steps="decision", think_cost=0.01, discount=0.9) for _ in range(2))
    # So wide a margin that the engine stops after every tick to have its log emptied.
    crowded.engine.batch.margin = crowded.engine.batch.state.log.shape[1] + 1
    for one, other in zip(play(calm, 3), play(crowded, 3), strict=True):
        assert one.rewards == pytest.approx(other.rewards)
        assert [info["elapsed"] for info in one.infos.values()] == [info["elapsed"] for info in other.infos.values()]
    assert calm.digest() == crowded.digest()


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_in_lockstep_one_agent_acts_at_a_time_in_turn(protocol: str, engine: str) -> None:
    env = make("ledger", protocol, lockstep=True, agents=3, engine=engine)
    observations, infos = env.reset(seed=0)
    turns = [[agent for agent, info in infos.items() if info["ready"]]]
    assert [info["ready_in"] for info in infos.values()] == [0, 1, 2]
    for step in go_on(env, observations, infos, picker()):
        turns.append([agent for agent, info in step.infos.items() if info["ready"]])
    expected = [[f"porter_{tick % 3}"] for tick in range(len(turns) - 1)]
    assert turns == [*expected, []]
