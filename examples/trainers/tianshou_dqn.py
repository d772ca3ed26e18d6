"""Tianshou's DQN on the solo view: one porter learns among scripted ones.

pip install -e . -r examples/trainers/tianshou.txt; python examples/trainers/tianshou_dqn.py
"""

import gymnasium as gym
import tianshou as ts
import torch
from tianshou.algorithm.modelfree.dqn import DQN, DiscreteQLearningPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import CollectStats
from tianshou.trainer import OffPolicyTrainerParams
from tianshou.utils.net.common import Net
from tianshou.utils.space_info import SpaceInfo

SETTING = {"scenario": "ledger", "protocol": "occ", "size": "tiny", "max_cycles": 50}


def make_env(**options):
    """Return the solo view."""
    return gym.make("stalegrid:stalegrid/solo-v0", **SETTING, **options)


def make_test():
    """Return the solo view of held-out episodes."""
    return make_env(episode_seeds=range(1_000_000, 1_001_000))


def main(epochs: int = 4) -> tuple[float, float]:
    """Train; return S before and after, over 100 episodes."""
    torch.manual_seed(0)
    training, testing = (ts.env.DummyVectorEnv([make] * 8) for make in (make_env, make_test))
    training.seed(0)
    testing.seed(1_000_000)
    info = SpaceInfo.from_env(env := make_env())
    net = Net(
        state_shape=info.observation_info.obs_shape, action_shape=info.action_info.action_shape, hidden_sizes=[64, 64]
    )
    policy = DiscreteQLearningPolicy(model=net, action_space=env.action_space, eps_training=0.2, eps_inference=0.05)
    algorithm = DQN(
        policy=policy, optim=AdamOptimizerFactory(lr=1e-3), gamma=0.99, n_step_return_horizon=3, target_update_freq=200
    )
    learner = ts.data.Collector[CollectStats](
        algorithm, training, ts.data.VectorReplayBuffer(20_000, 8), exploration_noise=True
    )
    tester = ts.data.Collector[CollectStats](algorithm, testing, exploration_noise=True)
    tester.reset()
    before = tester.collect(n_episode=100).returns_stat.mean
    algorithm.run_training(
        OffPolicyTrainerParams(
            training_collector=learner,
            test_collector=tester,
            max_epochs=epochs,
            epoch_num_steps=5_000,
            collection_step_num_env_steps=40,
            test_step_num_episodes=20,
            batch_size=64,
            update_step_num_gradient_steps_per_sample=0.5,
        )
    )
    tester.reset()
    after = tester.collect(n_episode=100).returns_stat.mean
    print(f"Tianshou's DQN on the solo view: S {before:.2f} untrained, {after:.2f} after {5_000 * epochs:,} decisions")
    return float(before), float(after)


if __name__ == "__main__":
    main()
