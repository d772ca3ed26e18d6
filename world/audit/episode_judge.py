"""The verdict on an episode: its levels with the world taken out, and beside them what only the world brought in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .anomalies import LEVELS
from .batch import judge_all
from .episodes import EpisodeHistory, histories_of
from .judge import Judgement
from .units import Units


@dataclass(frozen=True, eq=False)
class EpisodeJudgement:
    """What one episode is worth on one bracket, by one unit."""

    history: EpisodeHistory  # of the agents alone
    judgement: Judgement
    whole: EpisodeHistory  # with the transactions of the world
    with_world: Judgement

    @property
    def held(self) -> str | None:
        """The strongest level that the agents' transactions hold among themselves."""
        return self.judgement.held

    @property
    def drift(self) -> tuple[str, ...]:
        """The anomalies that vanish when the world's transactions are taken out."""
        return tuple(name for name in self.with_world.anomalies if name not in self.judgement.anomalies)

    @property
    def drifting(self) -> int:
        """Decisions on a cycle or G1 only because of the world."""
        guilty = _guilty(self.history, self.judgement)
        return len(_guilty(self.whole, self.with_world) - guilty)


def judge_episode(
    units: Units, episode: int = 0, *, bracket: str = "headline", unit: str = "decision", name: str = "episode"
) -> EpisodeJudgement:
    """Judge one episode at the five levels, with witnesses; `bracket` and `unit` as in `episodes.histories_of`."""
    (found,) = judge_episodes(units, [episode], bracket=bracket, unit=unit, name=name, witnesses=True)
    return found


def judge_episodes(
    units: Units,
    episodes: Sequence[int],
    *,
    bracket: str = "headline",
    unit: str = "decision",
    name: str = "episode",
    witnesses: bool = False,
) -> list[EpisodeJudgement]:
    """Judge many episodes at once, as `judge_episode` does each; without witnesses many times as fast."""
    told = [
        list(histories_of(units, episodes, bracket=bracket, unit=unit, world=world, name=name))
        for world in (False, True)
    ]
    # An episode without events of the world is judged once.
    worldly = [
        nth for nth, (one, two) in enumerate(zip(*told, strict=True)) if len(one.transactions) < len(two.transactions)
    ]
    all_told = [*told[0], *(told[1][nth] for nth in worldly)]
    verdicts = judge_all(
        [one.to_object() for one in all_told],
        {name for one in all_told for name in one.counted(units.rules)},
        [one.id for one in all_told],
        witnesses,
    )
    pairs = list(zip(all_told, verdicts, strict=True))
    whole = dict(zip(worldly, pairs[len(episodes) :], strict=True))
    return [EpisodeJudgement(*pair, *whole.get(nth, pair)) for nth, pair in enumerate(pairs[: len(episodes)])]


def _guilty(told: EpisodeHistory, found: Judgement) -> set[object]:
    return {
        one.member
        for one, is_guilty in zip(told.transactions, found.is_guilty.tolist(), strict=True)
        if is_guilty and one.member is not None and one.process != "world"
    }


def rank(level: str | None) -> int:
    """Return how strong a level is; -1 where not even the weakest holds."""
    return -1 if level is None else LEVELS.index(level)
