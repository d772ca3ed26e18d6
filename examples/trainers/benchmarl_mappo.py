"""BenchMARL's MAPPO on the PettingZoo environment, masks and state included: a task of one's own, as its docs ask.

pip install -e . -r examples/trainers/benchmarl.txt; python examples/trainers/benchmarl_mappo.py
"""

from benchmarl.algorithms import MappoConfig
from benchmarl.environments import Task
from benchmarl.environments.pettingzoo.common import PettingZooClass
from benchmarl.experiment import Callback, Experiment, ExperimentConfig
from benchmarl.models.mlp import MlpConfig
from torchrl.envs import PettingZooWrapper

import stalegrid

SETTING = {"scenario": "ledger", "protocol": "occ", "size": "tiny", "max_cycles": 50, "steps": "decision"}


class StaleGridClass(PettingZooClass):
    """A task made by `stalegrid.parallel_env` from its config."""

    def get_env_fun(self, num_envs, continuous_actions, seed, device):
        """Return what makes the environment."""
        return lambda: PettingZooWrapper(
            stalegrid.parallel_env(**self.config), return_state=True, categorical_actions=True, seed=seed, device=device
        )

    def supports_continuous_actions(self):
        """Return False."""
        return False

    def supports_discrete_actions(self):
        """Return True."""
        return True

    def has_state(self):
        """Return True: `state()` is what the central critic sees."""
        return True

    def has_render(self, env):
        """Return False."""
        return False

    @staticmethod
    def env_name():
        """Return the name that results are filed under."""
        return "stalegrid"


class StaleGridTask(Task):
    """The tasks: here one."""

    LEDGER = None

    @staticmethod
    def associated_class():
        """Return the class of these tasks."""
        return StaleGridClass


class Scores(Callback):
    """Keeps S of each evaluation: the mean return of its episodes."""

    def __init__(self):
        super().__init__()
        self.means = []

    def on_evaluation_end(self, rollouts):
        """Take down the mean."""
        returns = [rollout["next", "porter", "reward"].sum(dim=0).mean() for rollout in rollouts]
        self.means.append(float(sum(returns) / len(returns)))


def main(frames: int = 30_000, interval: int = 10_000, episodes: int = 20, folder: str = "/tmp") -> tuple[float, float]:
    """Train; return S in the first and in the last evaluation."""
    config = ExperimentConfig.get_from_yaml()
    config.max_n_frames, config.gamma, config.lr, config.save_folder = frames, 0.999, 1e-3, folder
    config.on_policy_collected_frames_per_batch, config.on_policy_n_envs_per_worker = 2_000, 1
    config.on_policy_minibatch_size, config.on_policy_n_minibatch_iters = 500, 10
    config.evaluation_interval, config.evaluation_episodes, config.render = interval, episodes, False
    config.evaluation_deterministic_actions = False
    config.loggers, config.create_json, config.checkpoint_at_end = [], True, False  # with neither, no evaluation
    scores = Scores()
    experiment = Experiment(
        task=StaleGridTask.LEDGER.get_task(config=SETTING), algorithm_config=MappoConfig.get_from_yaml(),
        model_config=MlpConfig.get_from_yaml(), critic_model_config=MlpConfig.get_from_yaml(), seed=0, config=config,
        callbacks=[scores],
    )  # fmt: skip
    experiment.run()
    first, *_, last = scores.means
    print(f"BenchMARL's MAPPO: S {first:.2f} untrained, {last:.2f} after about {frames:,} steps")
    return first, last


if __name__ == "__main__":
    main()
