"""The learner of examples/ppo.py learns."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import stalegrid
from stalegrid.protocols.batch import Batch
from stalegrid.protocols.presets import resolve

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def ppo():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    spec = importlib.util.spec_from_file_location("ppo", EXAMPLES / "ppo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.long
@pytest.mark.parametrize("protocol", ["none", "occ"])
def test_a_few_seconds_of_training_beat_random_play(ppo, protocol):
    batch = Batch(stalegrid.make_rules("ledger", **ppo.SETTING), resolve(protocol), ppo.HELD_OUT)
    (random, random_half), _ = ppo.baselines(batch)
    policy, samples_per_second, environment_share = ppo.train(protocol, seed=0, iterations=15)
    learnt, learnt_half = ppo.success(batch, policy.choose)
    assert learnt - learnt_half > random + random_half
    assert samples_per_second > 0
    assert 0 < environment_share < 1


@pytest.mark.long
def test_advantages_discount_by_the_ticks_between_an_agents_own_decisions(ppo):
    # One agent decides at steps 0 and 2; steps take 2, 3 and 1 ticks, and reward comes at steps 1 and 2.
    ready = np.array([True, False, True]).reshape(3, 1, 1)
    value, reward = (np.array(row).reshape(3, 1, 1) for row in ([0.5, 9.0, 0.25], [0.0, 1.0, 2.0]))
    result = ppo.advantages(ready, value, reward, np.array([[2], [3], [1]])).ravel()
    last = 2.0 - 0.25
    first = ppo.GAMMA**2 * 1.0 + ppo.GAMMA**5 * (0.25 + ppo.LAMBDA * last) - 0.5
    assert result[2] == pytest.approx(last)
    assert result[0] == pytest.approx(first)


def test_in_the_printed_table_the_learner_beats_random_and_every_constant_policy():
    rows = re.findall(r"^(none|occ) +(\d) +(.*)$", (EXAMPLES / "ppo.out").read_text(), re.MULTILINE)
    assert [(protocol, int(seed)) for protocol, seed, _ in rows] == [(p, s) for p in ("none", "occ") for s in (0, 1, 2)]
    for _, _, rest in rows:
        (random, random_half), (constant, constant_half), (learnt, half) = [
            (float(mean), float(half)) for mean, half in re.findall(r"([\d.]+) \+- ([\d.]+)", rest)
        ]
        assert learnt - half > max(random + random_half, constant + constant_half)
