"""The learners of examples/ppo.py, mappo.py and recurrent_ppo.py learn."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
NUMBER = r"([\d.]+) \+- ([\d.]+)"


@pytest.fixture
def example(monkeypatch):
    """Import an example by its name, as a script beside the others would."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module


@pytest.mark.long
@pytest.mark.parametrize("scenario", ["ledger", "moved_key"])
def test_a_few_seconds_of_training_beat_random_play_and_every_constant_policy(example, scenario):
    import torch

    ppo = example("ppo")
    torch.manual_seed(0)
    worlds = ppo.Worlds(scenario, "occ", ppo.HELD_OUT)
    policy = ppo.Policy(worlds.view_width, len(worlds.env.action_table))
    samples_per_second, environment_share = ppo.train(ppo.Worlds(scenario, "occ", ppo.WORLDS), policy, 0, iterations=15)
    learnt, half = ppo.success(worlds, policy.choose)
    assert all(learnt - half > other + its_half for other, its_half in ppo.baselines(worlds))
    assert samples_per_second > 0
    assert 0 < environment_share < 1


@pytest.mark.long
def test_advantages_discount_by_the_ticks_between_an_agents_own_decisions(example):
    ppo = example("ppo")
    # One agent decides at steps 0 and 2; steps take 2, 3 and 1 ticks, and reward comes at steps 1 and 2.
    decided, over = (np.array(row, bool).reshape(3, 1) for row in ([1, 0, 1], [0, 0, 1]))
    value, reward = (np.array(row).reshape(3, 1) for row in ([0.5, 9.0, 0.25], [0.0, 1.0, 2.0]))
    last = np.array([7.0]), np.array([True])  # the next episode's: of no concern to this one
    result, right = ppo.advantages(decided, value, reward, np.array([[2], [3], [1]]), over, *last)
    final = 2.0 - 0.25
    first = ppo.GAMMA**2 * 1.0 + ppo.GAMMA**5 * (0.25 + ppo.LAMBDA * final) - 0.5
    assert right.ravel().tolist() == [True, False, True]
    assert result[2, 0] == pytest.approx(final)
    assert result[0, 0] == pytest.approx(first)


@pytest.mark.long
@pytest.mark.parametrize(("decides", "known"), [(True, [True, True]), (False, [True, False])])
def test_a_decision_counts_only_if_the_next_lies_in_the_rollout_or_right_after(example, decides, known):
    ppo = example("ppo")
    decided, over, flat = np.ones((2, 1), bool), np.zeros((2, 1), bool), np.zeros((2, 1))
    result, right = ppo.advantages(
        decided, flat, flat, np.ones((2, 1), int), over, np.array([1.0]), np.array([decides])
    )  # fmt: skip
    assert right.ravel().tolist() == known
    if decides:
        assert result[1, 0] == pytest.approx(ppo.GAMMA)


@pytest.mark.long
@pytest.mark.parametrize("name", ["mappo", "recurrent_ppo"])
def test_an_example_that_builds_on_ppo_runs(example, name, capsys):
    example(name).main(seeds=(0,), iterations=2)
    assert len(re.findall(NUMBER, capsys.readouterr().out)) == 2


def rows(name):
    """Return the lines of a printed table, each as its words before the first number and its means with half-widths."""
    for line in (EXAMPLES / f"{name}.out").read_text().splitlines():
        if found := re.findall(NUMBER, line):
            yield tuple(line.split()[:2]), [(float(mean), float(half)) for mean, half in found]


def test_in_the_printed_table_the_learner_beats_random_and_every_constant_policy():
    table = list(rows("ppo"))
    wanted = [(scenario, protocol) for scenario in ("ledger", "moved_key") for protocol in ("none", "occ")]
    assert [start for start, _ in table] == [start for start in wanted for _ in range(3)]
    for _, (random, constant, (learnt, half)) in table:
        assert learnt - half > max(sum(random), sum(constant))


def test_in_the_printed_table_both_scenarios_are_solved_under_occ():
    solved = [learnt for (_, protocol), (*_, (learnt, _)) in rows("ppo") if protocol == "occ"]
    assert len(solved) == 6
    assert min(solved) >= 0.9


@pytest.mark.parametrize("name", ["mappo", "recurrent_ppo"])
def test_the_printed_tables_of_the_others_have_two_rows_of_each_kind(name):
    kinds = [start[0] for start, _ in rows(name)]
    assert len(kinds) == 4
    assert sorted(map(kinds.count, set(kinds))) == [2, 2]


@pytest.mark.parametrize(("page", "name"), [("trainers", "ppo"), ("learning", "mappo"), ("learning", "recurrent_ppo")])
def test_a_page_shows_what_an_example_printed(page, name):
    printed = (EXAMPLES / f"{name}.out").read_text()
    assert f"```text\n{printed}```" in (EXAMPLES.parent / "docs" / f"{page}.md").read_text()
