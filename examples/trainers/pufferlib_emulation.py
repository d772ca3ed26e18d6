"""PufferLib's emulation of the PettingZoo environment: flat arrays, a row for each agent of each world.

Emulation alone: nothing is trained, and masks are not handed on.

pip install -e . -r examples/trainers/pufferlib.txt; pip install --no-deps pufferlib-core==3.0.23
python examples/trainers/pufferlib_emulation.py
"""

from functools import partial

import numpy as np
import pufferlib.emulation
import pufferlib.vector

import stalegrid

SETTING = {"scenario": "ledger", "protocol": "occ", "size": "tiny", "max_cycles": 50, "steps": "decision"}


def make_env(buf=None, seed=0):
    """Return one emulated world; a copy of `pufferlib.vector` hands it its memory and its seed."""
    return pufferlib.emulation.PettingZooPufferEnv(
        env_creator=partial(stalegrid.parallel_env, **SETTING), buf=buf, seed=seed
    )


def main(steps: int = 400) -> float:
    """Play at random in 4 worlds; return the mean return of the rows' episodes, which is S."""
    env = pufferlib.vector.make(make_env, num_envs=4, backend=pufferlib.vector.Serial)
    observations, _ = env.reset(seed=0)
    rng, running, ended = np.random.default_rng(0), np.zeros(len(observations)), []
    for _ in range(steps):
        actions = rng.integers(env.single_action_space.n, size=len(observations))
        observations, rewards, terminals, truncations, _ = env.step(actions)
        running += rewards
        over = terminals | truncations
        ended += running[over].tolist()
        running[over] = 0.0
    print(f"PufferLib's emulation: S {np.mean(ended):.2f} at random in {len(ended)} episodes of {observations.shape}")
    return float(np.mean(ended))


if __name__ == "__main__":
    main()
