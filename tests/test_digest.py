"""Same seed, same digest, whoever computes it; and under two protocols the same world, thoughts and delays."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stalegrid.agents.minds import MINDS, mind_of
from stalegrid.protocols.batch import Batch
from stalegrid.protocols.presets import PRESETS
from stalegrid.protocols.single import episode_header
from stalegrid.world import log
from stalegrid.world.entropy import KeyedUniform
from stalegrid.world.parallel_env import StaleGridParallelEnv
from stalegrid.world.scenario import EVENT_KINDS

from .playing import SCENARIOS, Choose, events, every, make, picker, play

# Settings under which all the random streams are drawn from.
BUSY: dict[str, Any] = {"delay": 5, "loss": 0.1, "duplication": 0.1, "think": 4}


def minds(name: str, env: StaleGridParallelEnv, seed: int) -> Choose:
    """Return a player with a scripted mind for each agent, whose random numbers are keyed by the seed."""
    rules, layout = env.engine.rules, env.engine.layout
    chances = {agent: KeyedUniform(seed, index) for index, agent in enumerate(env.possible_agents)}
    players = {agent: mind_of(name, rules, layout) for agent in env.possible_agents}
    return lambda agent, observation, mask: players[agent].act(observation, mask, chances[agent])


def digest_of(scenario: str, protocol: str, seed: int, mind: str = "random", **options: Any) -> str:
    """Play an episode with scripted minds and return its digest."""
    env = make(scenario, protocol, **{**BUSY, **options})
    play(env, seed, minds(mind, env, seed))
    return env.digest()


# ---------------------------------------------------------------------- whoever computes it


@pytest.mark.parametrize("protocol", PRESETS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_whole_episodes_are_the_same_for_the_same_seed_and_others_for_others(scenario: str, protocol: str) -> None:
    env = make(scenario, protocol, **BUSY)
    digests = []
    for seed in (1, 2, 1):
        play(env, seed, picker(7))
        digests.append(env.digest())
    assert digests[0] == digests[2] != digests[1]
    assert digest_of(scenario, protocol, 1) == digest_of(scenario, protocol, 1)


@pytest.mark.parametrize(("scenario", "protocol", "mind"), every(MINDS))
def test_both_engines_have_the_same_digest(scenario: str, protocol: str, mind: str) -> None:
    for navigation in ("auto", "manual") if mind == "random" else ("auto",):
        # Who acts at random plays to the horizon, which some scenarios have far away.
        options = {"mind": mind, "navigation": navigation, "max_cycles": 250 if mind == "random" else None}
        compiled, reference = (digest_of(scenario, protocol, 3, engine=e, **options) for e in ("compiled", "reference"))
        assert compiled == reference


def test_neither_drawing_nor_what_agents_are_shown_and_paid_changes_the_digest() -> None:
    plain = digest_of("drawbridge", "occ", 5, "naive")
    assert plain == digest_of("drawbridge", "occ", 5, "naive", render_mode="rgb_array")
    assert plain == digest_of("drawbridge", "occ", 5, "naive", steps="decision", discount=0.9)
    assert plain == digest_of("drawbridge", "occ", 5, "naive", action_mask="both")
    assert plain == digest_of("drawbridge", "occ", 5, "naive", reward="own", think_cost=0.1)
    assert plain == digest_of("drawbridge", "occ", 5, "naive", observe=("ages", "feedback"))
    for mode in ("rgb_array", "ansi"):
        drawn, undrawn = make("drawbridge", "occ", render_mode=mode), make("drawbridge", "occ")
        play(undrawn, 5, picker(1))
        draw = picker(1)
        play(drawn, 5, lambda *given, env=drawn, draw=draw: (env.render(), draw(*given))[1])
        assert drawn.digest() == undrawn.digest()


PROGRAM = """
import stalegrid
from tests_playing import SCENARIOS, make, picker, play
digests = []
for scenario in SCENARIOS:
    for protocol in ("none", "occ", "serial"):
        env = make(scenario, protocol, loss=0.2, delay=3, max_cycles=120, engine={engine!r})
        play(env, 11, picker(2))
        digests.append(env.digest())
print(" ".join(digests))
"""


def test_the_digest_is_the_same_in_other_processes_with_other_hash_seeds(tmp_path: Path) -> None:
    here = Path(__file__).parent
    (tmp_path / "tests_playing.py").write_text((here / "playing.py").read_text())
    path = os.pathsep.join((str(tmp_path), str(here.parent / "src")))
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(engine=engine)], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": hash_seed},
        )
        for engine, hash_seed in (("compiled", "0"), ("compiled", "4711"), ("reference", "random"))
    ]  # fmt: skip
    told = [process.communicate()[0].split() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    here_told = []
    for scenario, protocol in itertools.product(SCENARIOS, ("none", "occ", "serial")):
        env = make(scenario, protocol, loss=0.2, delay=3, max_cycles=120)
        play(env, 11, picker(2))
        here_told.append(env.digest())
    assert told == [here_told] * 3
    assert len(set(here_told)) == 3 * len(SCENARIOS)


@pytest.mark.parametrize("worlds", [2, 7])
@pytest.mark.parametrize("protocol", ["none", "occ", "serial"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_world_in_a_batch_has_the_digest_that_it_has_alone(scenario: str, protocol: str, worlds: int) -> None:
    alone, scripts = [], []
    for seed in range(worlds):
        env = make(scenario, protocol, **BUSY)
        steps = play(env, seed, picker(seed))
        alone.append(env.digest())
        scripts.append([[step.actions.get(agent, 0) for agent in env.possible_agents] for step in steps[1:]])
    longest = max(map(len, scripts))
    rules, config = env.engine.rules, env.engine.config
    batch = Batch(rules, config, worlds, keep_log=True)
    batch.reset(np.arange(worlds, dtype=np.uint64))
    logs: list[list[Any]] = [[batch.drain(world)] for world in range(worlds)]
    idle = [0] * len(rules.agent_names)
    for tick in range(longest):
        # A world that is over is given rubbish, and must not mind.
        choices = [script[tick] if tick < len(script) else [1] * len(idle) for script in scripts]
        batch.step(np.array(choices, np.int32))
        for world in range(worlds):
            logs[world].append(batch.drain(world))
    assert not batch.running.any()
    assert [
        log.digest(episode_header(rules, config, seed), np.concatenate(parts)) for seed, parts in enumerate(logs)
    ] == alone


# ---------------------------------------------------------------------- what it covers


def test_scenario_size_protocol_settings_and_seed_all_change_the_digest_before_the_first_event() -> None:
    digests = set()
    for scenario, protocol, options in (
        ("ledger", "none", {}),
        ("ledger", "fresh", {}),
        ("ledger", "none", {"think": 7}),
        ("ledger", "none", {"patience": 41}),
        ("ledger", "none", {"jobs": 4}),
        ("disjoint", "none", {}),
    ):
        env = make(scenario, protocol, **options)
        for seed in (0, 1):
            env.reset(seed=seed)
            digests.add(log.digest(episode_header(env.engine.rules, env.engine.config, seed), np.zeros(0, log.EVENT)))
    assert len(digests) == 12


def test_the_log_says_the_same_on_both_engines_event_for_event() -> None:
    told = []
    for engine in ("compiled", "reference"):
        env = make("drawbridge", "stamped", engine=engine, **BUSY)
        play(env, 9, minds("naive", env, 9))
        told.append(env.events_since(-1))
    assert told[0] == told[1]
    assert len({event["kind"] for event in told[0]}) > 10


# ---------------------------------------------------------------------- the same chances under every protocol


def chances(env: StaleGridParallelEnv) -> dict[str, dict[tuple[int, ...], int]]:
    """Return what an episode drew, by key: thoughts, delays, losses, world events, jobs."""
    drawn: dict[str, dict[tuple[int, ...], int]] = {"thought": {}, "delay": {}, "fate": {}, "arrival": {}}
    nth: Counter[tuple[int, ...]] = Counter()
    for event in env.events_since(-1):
        if event["kind"] == "decide":
            drawn["thought"][event["agent"], event["a"], event["d"], event["c"]] = event["b"] + event["e"]
        elif event["kind"] == "send":
            pair = event["agent"], event["other"], event["a"]
            nth[pair] += 1
            drawn["delay"][*pair, nth[pair]] = event["b"] - event["tick"]
            drawn["fate"][*pair, nth[pair]] = event["e"]
        elif event["kind"] == "world_event" and event["c"] == EVENT_KINDS.index("a boat arrives"):
            drawn["arrival"][event["a"], event["b"]] = event["tick"]
    return drawn


@pytest.mark.parametrize("mind", ["naive", "random"])
@pytest.mark.parametrize("scenario", ["ledger", "drawbridge"])
def test_under_every_protocol_world_events_thoughts_and_delays_are_the_same(scenario: str, mind: str) -> None:
    compared: Counter[str] = Counter()
    for seed in range(2):
        first_seen: dict[str, dict[tuple[int, ...], int]] = {}
        for protocol in PRESETS:
            env = make(scenario, protocol, size="small", max_cycles=300, **BUSY)
            play(env, seed, minds(mind, env, seed))
            for what, drawn in chances(env).items():
                seen = first_seen.setdefault(what, {})
                shared = {key: drawn[key] for key in drawn.keys() & seen.keys()}
                assert shared == {key: seen[key] for key in shared}, f"{what} under {protocol}"
                compared[what] += len(shared)
                seen.update(drawn)
    expected = {"thought"} if scenario == "ledger" else {"thought", "delay", "fate", "arrival"}
    assert {what for what, many in compared.items() if many > 50} >= expected, compared


def test_until_a_protocol_refuses_something_the_episodes_are_the_same_event_for_event() -> None:
    logs = {}
    for protocol in ("none", "object_cas"):
        env = make("ledger", protocol, size="small", think=6)
        play(env, 4, minds("naive", env, 4))
        logs[protocol] = env.events_since(-1)
        if protocol == "object_cas":
            refused = events(env, "check_failed")[0]["tick"]
    before = [[event for event in logs[protocol] if event["tick"] < refused] for protocol in logs]
    assert before[0] == before[1]
    assert len(before[0]) > 20


def test_what_a_seed_draws_at_reset_is_the_same_under_every_protocol() -> None:
    for scenario in SCENARIOS:
        states = []
        for protocol in PRESETS:
            env = make(scenario, protocol, size="small")
            env.reset(seed=8)
            jobs = [[(int(job["task"]), int(job["amount"])) for job in row] for row in env.engine.batch.state.job[0]]
            goals = [int(goal["target"]) for goal in env.engine.batch.state.goal[0]]
            states.append((env.state().tolist(), jobs, goals))
        assert all(state == states[0] for state in states)
