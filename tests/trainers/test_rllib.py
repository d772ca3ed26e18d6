"""RLlib's new API stack, on the parallel and on the turn-based environment: the script learns."""

import pytest

from .running import script

pytest.importorskip("ray.rllib")
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]


@pytest.mark.parametrize("kind", ["parallel", "aec"])
def test_the_script_of_the_trainer_learns(kind):
    before, after = script("rllib_ppo").main(kind, iterations=8)
    assert after > before + 0.15
