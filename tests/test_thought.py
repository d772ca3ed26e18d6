"""Chosen thought, slips and symbols: what they add to an episode, and that they shift nothing else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import stalegrid
from stalegrid.compare import Cell, Comparison
from stalegrid.protocols.presets import PRESETS
from stalegrid.reading import make_rules
from stalegrid.story import tell
from stalegrid.world.audit import audit_episode
from stalegrid.world.parallel_env import StaleGridParallelEnv
from stalegrid.world.state import HAZARDS

from .playing import Choose, events, make, play, share_of_goals
from .test_digest import minds

LATER = {"think_choice", "slip", "half_life", "symbols"}


def first(env: StaleGridParallelEnv, ending: str = "") -> Choose:
    """Return a player that does the first task it may do, by the action of that ending."""
    named = [(n, a.name) for n, a in enumerate(env.action_table) if a.name.startswith("do ")]
    tasks = [n for n, name in named if name.endswith(ending) and ("," in name) == bool(ending)]

    def choose(agent: str, observation: Any, mask: NDArray[np.int8]) -> int:
        return next((task for task in tasks if mask[task]), 0)

    return choose


def decisions(env: StaleGridParallelEnv) -> dict[tuple[int, ...], int]:
    """Return the ticks drawn, by agent, task, job and attempt."""
    return {(e["agent"], e["a"], e["d"], e["c"]): e["b"] + e["e"] for e in events(env, "decide")}


def slips(env: StaleGridParallelEnv) -> dict[tuple[int, ...], tuple[int, int, int]]:
    """Return (right, wrong, ticks) of each slip by agent, task, job, attempt and op."""
    opened = {e["txn"]: (e["agent"], e["a"], e["d"], e["c"]) for e in events(env, "decide")}
    return {(*opened[e["txn"]], e["op"]): (e["a"], e["value"], e["b"]) for e in events(env, "slip")}


# ---------------------------------------------------------------------- all three


@pytest.mark.parametrize("scenario", ["ledger", "drawbridge"])
def test_what_they_add_to_the_table_stands_last_and_no_index_moves(scenario: str) -> None:
    plain, more = make_rules(scenario), make_rules(scenario, think_choice=True, symbols=2)
    assert more.actions[: len(plain.actions)] == plain.actions
    added = [action.name for action in more.actions[len(plain.actions) :]]
    assert added[-2:] == ["say 0", "say 1"]
    thoughtful = [task.name for task in plain.tasks if task.thought]
    assert added[:-2] == [f"do {task}, {thought}" for task in thoughtful for thought in ("short", "long")]


def test_where_they_are_off_the_digest_does_not_speak_of_them() -> None:
    assert not LATER & make_rules("ledger").header["settings"].keys()
    assert not LATER & make_rules("ledger", slip=0.0, symbols=0, think_choice=False).header["settings"].keys()
    assert make_rules("ledger", slip=0.5, half_life=3).header["settings"].keys() & LATER == {"slip", "half_life"}


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [("slip", 1.5, "less than or equal to 1"), ("slip", -0.1, "greater than or equal to 0"), ("half_life", 0, "1"),
     ("symbols", 17, "less than or equal to 16"), ("symbols", -1, "0"), ("think_choice", 7, "boolean")],
)  # fmt: skip
def test_a_value_out_of_range_is_named_with_its_range(setting: str, value: float, said: str) -> None:
    with pytest.raises(ValueError, match=f"{setting}.*{said}.*got {value}"):
        make_rules("ledger", **{setting: value})


def test_a_table_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at most 128 actions; this one has 139.*think_choice"):
        make_rules("moved_key", think_choice=True)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("scenario", ["ledger", "drawbridge"])
def test_scripted_minds_play_the_same_episode_where_they_may_choose_and_say(scenario: str, engine: str) -> None:
    played = []
    for more in ({}, {"think_choice": True, "symbols": 3, "max_cycles": make_rules(scenario, size="tiny").max_cycles}):
        env = make(scenario, "occ", engine=engine, delay=3, loss=0.2, **more)
        play(env, 4, minds("careful", env, 4))
        played.append(env.events_since(-1))
    assert played[0] == played[1]


# ---------------------------------------------------------------------- chosen thought


def test_a_short_thought_takes_half_of_what_is_drawn_and_a_long_one_twice() -> None:
    drawn = []
    for ending in ("", "short", "long"):
        env = make("disjoint", "none", think_choice=True, think=9)
        play(env, 1, first(env, ending))
        assert {e["version"] for e in events(env, "decide")} == {("", "short", "long").index(ending)}
        drawn.append(decisions(env))
    usual, short, long = drawn
    assert usual.keys() == short.keys() == long.keys() != set()
    assert all((short[key], long[key]) == (k // 2, 2 * k) for key, k in usual.items())


def test_the_horizon_leaves_time_for_long_thoughts() -> None:
    assert make_rules("ledger", think_choice=True, think=5, think_law="constant").max_cycles == (
        make_rules("ledger", think=10, think_law="constant").max_cycles
    )


def test_a_mind_may_be_told_how_long_to_think() -> None:
    cells = [Cell("ledger", "none", mind, "tiny", 8, 0, (("think_choice", True),)) for mind in ("naive", "naive+long")]
    usual, long = (sum(report.counts["think_ticks"] for report in Comparison().run(cell).reports) for cell in cells)
    assert long == 2 * usual
    with pytest.raises(ValueError, match="needs the setting think_choice"):
        Comparison().run(Cell("ledger", "none", "naive+long", "tiny", 1))
    with pytest.raises(ValueError, match="thinks short or long after the plus; got 'deep'"):
        Comparison().run(Cell("ledger", "none", "naive+deep", "tiny", 1))


# ---------------------------------------------------------------------- slips


def test_slips_come_as_often_as_the_formula_says() -> None:
    for think, half_life in ((0, 6), (4, 4), (4, 2)):
        expected, many = 0.8 * 2 ** (-think / half_life), 0
        slipped = 0
        for seed in range(12):
            env = make("disjoint", size="small", think=think, think_law="constant", slip=0.8, half_life=half_life)
            play(env, seed, first(env))
            many += len(events(env, "decide"))
            slipped += len(events(env, "slip"))
        assert abs(slipped - many * expected) < 4 * math.sqrt(many * expected * (1 - expected))


def test_what_is_wrong_is_another_argument_that_the_tasks_give_and_the_act_is_done_with_it() -> None:
    env = make("ledger", "serial", slip=1.0, half_life=10**6)
    play(env, 2, first(env))
    found = slips(env)
    assert found
    assert len(found) == len(events(env, "act"))
    assert all(1 <= wrong <= 9 and wrong != right for right, wrong, _ in found.values())
    done = {(e["txn"], e["op"], e["value"]) for e in events(env, "act")}
    assert done == {(e["txn"], e["op"], e["value"]) for e in events(env, "slip")}
    assert [e["value"] - e["other"] for e in events(env, "write")] == [e["b"] for e in events(env, "write")]


def test_the_same_thoughts_slip_under_every_protocol_and_in_lockstep() -> None:
    found = []
    for options in (*({"protocol": name} for name in PRESETS), {"lockstep": True}):
        env = make("ledger", **{"protocol": "none", **options}, slip=0.7, half_life=4)
        play(env, 3, first(env))
        ended = {e["txn"] for e in events(env, "think_end")}
        thought = {(e["agent"], e["a"], e["d"], e["c"], 0) for e in events(env, "decide") if e["txn"] in ended}
        found.append((thought, slips(env)))
    plain, slipped = found[0]
    assert 0 < len(slipped) < len(plain)
    for thought, others in found[1:]:
        both = thought & plain
        assert len(both) >= len(plain) // 2
        assert {key: others[key] for key in both & others.keys()} == {
            key: slipped[key] for key in both & slipped.keys()
        }


@pytest.mark.parametrize("scenario", ["guards", "refactor", "reroute", "exposure"])
def test_an_argument_without_another_cannot_slip(scenario: str) -> None:
    env = make(scenario, "none", slip=1.0, half_life=10**6)
    play(env, 0, minds("naive", env, 0))
    assert events(env, "act")
    assert not events(env, "slip")


def test_a_reflex_cannot_slip() -> None:
    env = make("moved_key", "none", slip=1.0, half_life=10**6)
    reflexes = {n for n, task in enumerate(env.engine.rules.tasks) if not task.thought}
    play(env, 0, minds("naive", env, 0))
    opened = {e["txn"]: e["a"] for e in events(env, "decide")}
    assert reflexes & set(opened.values())
    assert not reflexes & {opened[e["txn"]] for e in events(env, "slip")}


def test_a_slip_is_capability_and_no_hazard() -> None:
    env = make("disjoint", "none", size="small", slip=1.0, half_life=10**6)
    play(env, 5, first(env))
    counts = audit_episode(env.engine.rules, env.engine.events()).counts
    assert counts["slips"] == counts["committed"] > 0
    assert not any(counts[f"{hazard}.decisive"] for hazard in HAZARDS)
    assert share_of_goals(env) < 0.5


def test_a_slip_is_told() -> None:
    env = make("ledger", "serial", slip=1.0, half_life=10**6, think=1, think_law="constant")
    play(env, 2, first(env))
    slipped = events(env, "slip")[0]
    report = audit_episode(env.engine.rules, env.engine.events())
    said = tell(env.engine.rules, env.engine.events(), report)[0]
    right, wrong = slipped["a"], slipped["value"]
    assert (
        said.text
        == f"porter {said.agent} slips after 1 tick of thought: add {wrong} at counter 0, and {right} was meant."
    )
    assert said.grave


def test_a_longer_thought_errs_less_and_loses_more_to_the_others() -> None:
    settings = (("agents", 3), ("counters", 4), ("think_choice", True), ("slip", 0.3), ("half_life", 3))
    rows = {
        (protocol, mind): Comparison().row(Cell("ledger", protocol, mind, "tiny", 24, 0, settings))
        for protocol in ("serial", "none")
        for mind in ("naive+short", "naive+long")
    }
    short, long = ([rows[protocol, mind] for protocol in ("serial", "none")] for mind in ("naive+short", "naive+long"))
    assert long[0]["success"] > short[0]["success"] + 0.1
    assert all(after["slips"] < before["slips"] / 2 for before, after in zip(short, long, strict=True))
    lost = [row["hazards"]["lost_update"]["decisive"] for row in (*short, *long)]
    assert lost[0] == lost[2] == 0 < lost[1] < lost[3]
    assert long[0]["success"] - long[1]["success"] > short[0]["success"] - short[1]["success"]


# ---------------------------------------------------------------------- symbols


def speaking(env: StaleGridParallelEnv, said: dict[str, str]) -> Choose:
    """Return a player whose agents say one thing over and over."""
    names = [action.name for action in env.action_table]
    return lambda agent, observation, mask: names.index(said[agent]) if agent in said else 0


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_symbol_is_heard_by_all_others_and_shown_until_the_next(engine: str) -> None:
    env = make("ledger", "serial", engine=engine, agents=3, symbols=3, delay=2, delay_law="constant", max_cycles=6)
    steps = play(env, 0, speaking(env, {"porter_0": "say 2", "porter_2": "say 0"}))
    shown = [[name for name, value in zip(env.observation_legend, row, strict=True) if "said" in name and value == 1]
             for row in (steps[3].observations[agent] for agent in env.possible_agents)]  # fmt: skip
    assert shown == [
        ["inbox: other 2 said 0"],
        ["inbox: other 1 said 2", "inbox: other 2 said 0"],
        ["inbox: other 1 said 2"],
    ]
    heard = [(e["agent"], e["other"], e["value"]) for e in events(env, "deliver") if e["tick"] == 3]
    assert heard == [(1, 0, 2), (2, 0, 2), (0, 2, 0), (1, 2, 0)]
    assert not any(e["b"] for e in events(env, "deliver"))


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_symbols_cost_what_messages_cost_and_are_lost_as_they_are(engine: str) -> None:
    env = make("ledger", engine=engine, agents=3, symbols=1, loss=0.5, message_cost=0.25, max_cycles=20)
    steps = play(env, 0, speaking(env, {"porter_1": "say 0"}))
    assert sum(step.rewards["porter_1"] for step in steps[1:]) == pytest.approx(-0.25 * 2 * 20)
    assert sum(step.rewards["porter_0"] for step in steps[1:]) == 0
    counts = audit_episode(env.engine.rules, env.engine.events()).counts
    assert counts["messages"] == 40
    assert 10 < counts["delivered"] < 30


def talking(env: StaleGridParallelEnv) -> Choose:
    """Return a player whose walkers cross, and between steps say something or, where there are no symbols, wait."""
    walk, say = first(env), [n for n, action in enumerate(env.action_table) if action.name == "say 1"]

    def choose(agent: str, observation: Any, mask: NDArray[np.int8]) -> int:
        steps = agent.startswith("walker") and len(events(env, "choose")) % 3
        return walk(agent, observation, mask) if steps else next(iter(say), 0)

    return choose


def test_symbols_delay_and_lose_no_other_message() -> None:
    sent = []
    for symbols in (0, 2):
        env = make("drawbridge", "none", delay=5, loss=0.3, symbols=symbols)
        play(env, 6, talking(env), 80)
        assert bool(symbols) == any(e["a"] == 3 for e in events(env, "send"))
        facts = [e for e in events(env, "send") if e["a"] == 0]
        sent.append([(e["agent"], e["other"], e["tick"], e["b"], e["e"]) for e in facts])
    assert sent[0] == sent[1]
    assert len(sent[0]) > 4


def test_a_vector_of_worlds_and_a_picture_know_symbols() -> None:
    env = stalegrid.vector_env("ledger", worlds=2, size="tiny", symbols=2, think_choice=True)
    env.reset(seed=0)
    say = [action.name for action in env.action_table].index("say 1")
    assert env.action_masks()[:, say].all()
    env.step(np.full(env.num_envs, say))
    drawn = make("ledger", symbols=2, delay=4, render_mode="ansi")
    play(drawn, 0, speaking(drawn, {"porter_0": "say 1"}), 2)
    assert "symbol 1" in str(drawn.render())
