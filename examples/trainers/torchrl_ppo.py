"""TorchRL's PPO on the PettingZoo environment, with masks: all porters learn, with one policy and a shared critic.

pip install -e . -r examples/trainers/torchrl.txt; python examples/trainers/torchrl_ppo.py
"""

import torch
from tensordict.nn import TensorDictModule
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, ReplayBuffer, SamplerWithoutReplacement
from torchrl.envs import PettingZooWrapper, RewardSum, TransformedEnv
from torchrl.modules import MaskedCategorical, MultiAgentMLP, ProbabilisticActor
from torchrl.objectives import ClipPPOLoss, ValueEstimators

import stalegrid

SETTING = {"scenario": "ledger", "protocol": "occ", "size": "tiny", "max_cycles": 50, "steps": "decision"}


def make_env(seed: int):
    """Return the environment as TorchRL wraps it; the porters are one group."""
    env = PettingZooWrapper(stalegrid.parallel_env(**SETTING, episode_seeds=range(seed, seed + 1_000)), seed=seed)
    return TransformedEnv(env, RewardSum(in_keys=[("porter", "reward")], out_keys=[("porter", "episode_reward")]))


def network(env, outputs: int, centralized: bool):
    """Return a net over the observations of all porters."""
    width = env.observation_spec["porter", "observation"].shape[-1]
    many = len(env.group_map["porter"])
    return MultiAgentMLP(width, outputs, many, centralized=centralized, share_params=True, depth=2, num_cells=64)


def score(env, policy, episodes: int) -> float:
    """Return the mean S of some episodes."""
    with torch.no_grad():
        ends = [env.rollout(1_000, policy)["next", "porter", "episode_reward"][-1].mean() for _ in range(episodes)]
    return float(torch.stack(ends).mean())


def main(batches: int = 20, episodes: int = 40) -> tuple[float, float]:
    """Train; return S before and after."""
    torch.manual_seed(0)
    env, test = make_env(0), make_env(1_000_000)
    actions = env.full_action_spec["porter", "action"].space.n
    policy = ProbabilisticActor(
        TensorDictModule(network(env, actions, False), [("porter", "observation")], [("porter", "logits")]),
        in_keys={"logits": ("porter", "logits"), "mask": ("porter", "action_mask")},
        out_keys=[("porter", "action")],
        distribution_class=MaskedCategorical,
        return_log_prob=True,
        log_prob_key=("porter", "sample_log_prob"),
    )
    critic = TensorDictModule(network(env, 1, True), [("porter", "observation")], [("porter", "state_value")])
    before = score(test, policy, episodes)
    loss = ClipPPOLoss(policy, critic, entropy_coeff=0.01, normalize_advantage=True)
    loss.set_keys(
        reward=("porter", "reward"), action=("porter", "action"), sample_log_prob=("porter", "sample_log_prob"),
        value=("porter", "state_value"), done=("porter", "done"), terminated=("porter", "terminated"),
    )  # fmt: skip
    loss.make_value_estimator(ValueEstimators.GAE, gamma=0.999, lmbda=0.98)
    optimizer = torch.optim.Adam(loss.parameters(), 2e-3)
    collector = Collector(env, policy, frames_per_batch=1_000, total_frames=1_000 * batches)
    rows = ReplayBuffer(storage=LazyTensorStorage(1_000), sampler=SamplerWithoutReplacement(), batch_size=250)
    for batch in collector:
        with torch.no_grad():
            loss.value_estimator(
                batch, params=loss.critic_network_params, target_params=loss.target_critic_network_params
            )
        rows.extend(batch.reshape(-1))
        for _ in range(5 * 4):  # epochs of minibatches
            parts = loss(rows.sample())
            optimizer.zero_grad()
            sum(parts[name] for name in ("loss_objective", "loss_critic", "loss_entropy")).backward()
            torch.nn.utils.clip_grad_norm_(loss.parameters(), 1.0)
            optimizer.step()
        collector.update_policy_weights_()
    collector.shutdown()
    after = score(test, policy, episodes)
    print(f"TorchRL's PPO: S {before:.2f} untrained, {after:.2f} after {1_000 * batches:,} steps")
    return before, after


if __name__ == "__main__":
    main()
