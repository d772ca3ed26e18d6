"""Ranks before the auditor: what an episode has come to once all is quiet, in the order of ranks, and no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from stalegrid import contended
from stalegrid.judged import witness_lines
from stalegrid.protocols.presets import resolve
from stalegrid.world import log
from stalegrid.world.audit.anomalies import LEVELS
from stalegrid.world.audit.certificates import RANK, Certificate, check, check_all
from stalegrid.world.audit.episode_judge import judge_episode, judge_episodes
from stalegrid.world.audit.episodes import EpisodeHistory, history_of
from stalegrid.world.audit.isolation import Count, counts
from stalegrid.world.audit.units import BRACKETS, Units, read_logs
from stalegrid.world.scenario import Drift, Op

from .planted import BUGS
from .schedules import random_schedule
from .test_preorder import EMPTY_HANDED, MTPO, OFFICE, events_of
from .turns import Played, play, room, task

MISJUDGED = {"preset": MTPO, "judge": "wrong", "misjudged": 100}
SERIALIZABLE, STRICT = LEVELS[3:]


def units_of(played: Played) -> Units:
    """Return the tables of an episode."""
    return read_logs(played.rules, [np.array([tuple(event) for event in played.events], log.EVENT)])


def certified(played: Played) -> Certificate:
    """Check the certificate of an episode."""
    return check(units_of(played), 0, RANK)


def counted(played: Played) -> Count:
    """Return what the decisions of an episode come to."""
    (count,) = counts(units_of(played))
    return count


def told(played: Played, **options: Any) -> EpisodeHistory:
    """Return an episode as a history."""
    return history_of(units_of(played), **options)


def ops(history: EpisodeHistory) -> list[tuple[str, str, tuple[tuple[str, str, str | None], ...]]]:
    """Return the process, the type and the operations of each transaction."""
    return [(one.process, one.type, one.ops) for one in history.transactions]


# ---------------------------------------------------------------------- who read and wrote what


def test_a_write_that_is_slipped_in_comes_first_in_the_order():
    history = told(play(OFFICE, "1 a slow note | 3 b note", MTPO))
    assert ops(history) == [("worker_0", "ok", (("w", "note", "1"),)), ("worker_1", "ok", (("w", "note", "2"),))]
    assert history.order == {"note": ["1", "2"]}


def test_what_was_taken_back_is_left_out_and_what_was_done_again_read_the_lower_rank():
    played = play(OFFICE, "1 a slow x | 3 b x five | 6 b x five", MTPO)
    assert ops(told(played)) == [
        ("worker_0", "ok", (("r", "x", None), ("w", "x", "1"))),
        ("worker_1", "ok", (("r", "x", "1"), ("w", "x", "2"))),
    ]
    assert (certified(played).holds, certified(played).listed, counted(played).committed) == (True, 2, 2)


def test_what_was_read_again_is_a_read_of_what_stands_there_now():
    played = play(OFFICE, "1 a slow x | 3 b x to y", MTPO)
    assert ops(told(played))[1] == ("worker_1", "ok", (("r", "x", "1"), ("r", "y", None), ("w", "y", "1")))
    assert certified(played).holds


def test_a_value_that_comes_back_beneath_a_reader_is_what_it_has_read():
    # Two write beneath c, who had read; it is told of nothing that is otherwise at its rank.
    tasks = task("slow wipe", Op("note", "write", 0)), task("note to y", Op("y", "add", 1, rests_on=("note",)))
    played = play(
        room(OFFICE.sites, (*OFFICE.tasks, *tasks), OFFICE.roles), "1 a slow note | 1 b slow wipe | 2 c note to y", MTPO
    )
    assert ops(told(played))[2] == ("worker_2", "ok", (("r", "y", None), ("r", "note", "2"), ("w", "y", "1")))
    assert (certified(played).holds, judge_episode(units_of(played)).held) == (True, STRICT)


def test_a_misjudged_notice_is_a_lost_update_and_a_broken_certificate():
    played = play(OFFICE, "1 a slow x | 2 b slow x", MISJUDGED)
    assert judge_episode(units_of(played)).judgement.anomalies == ("lost update", "G-single")
    assert certified(played).problems == (
        "worker_0's 'slow x' of tick 1 depends on worker_1's 'slow x' of tick 2, which comes later",
        "done again in this order, worker_1's 'slow x' of tick 2 finds x at 1 and not at 0",
    )
    assert (counted(played).committed, counted(played).incompatible) == (2, 2)


def test_who_rests_on_what_was_taken_back_has_read_from_an_aborted_transaction():
    # b is told of a's late write, takes its own back and gives its rank up; c takes that for nothing.
    half = {"preset": MTPO, "judge": "wrong", "misjudged": 50}
    found = [play(OFFICE, "1 a slow x | 3 b x five | 3 c x to y | 4 c x five", half, seed=seed) for seed in range(30)]
    aborted = [one for one in found if "G1a" in judge_episode(units_of(one)).judgement.anomalies]
    assert aborted
    assert not any(certified(one).holds for one in aborted)
    assert ("worker_1", "fail", (("w", "x", "5, of worker_1 in tick 3, taken back"),)) in ops(told(aborted[0]))


def test_what_was_undone_and_not_done_again_goes_together_with_nothing():
    # b is free when it is told, takes back what it did, and then chooses nothing.
    count = counted(play(OFFICE, "1 a slow x | 3 b x five", MTPO))
    assert (count.committed, count.incompatible, count.committed_by, count.isolated) == (2, 1, (1, 1, 0), (1, 0, 0))


def test_what_is_not_quiet_when_the_episode_ends_counts_nowhere():
    played = play(OFFICE, "1 a slow note | 2 b note", MTPO, ticks=3)
    assert (counted(played).committed, counted(played).cut_off, certified(played).listed) == (0, 1, 0)
    assert told(played).transactions == ()


def test_what_the_world_does_not_let_be_taken_back_breaks_the_order():
    # Behind b, who was faster than the lower rank, something else comes to lie on the shelf: it cannot swap back.
    drifting = replace(EMPTY_HANDED, drift=(Drift("shelf", 1, 5, 1, 0, 5),))
    played = play(drifting, "1 a slow take | 2 b swap", MTPO, ticks=40)
    assert certified(played).problems == (
        "shelf in tick 8 is not what the ranks have left there",  # a took what the swap had left
        "the world does not let shelf be taken back in tick 8",
    )


def test_a_read_of_what_no_lower_rank_left_is_told_as_such_and_not_as_a_promise():
    (bug,) = (one for one in BUGS if one.told == "ranks: a read sees what higher ranks have written")
    units = read_logs(contended.rules(), [contended.play_on_reference(bug.make, 2).event_array()])
    judged = judge_episode(units)
    (aborted,) = (one for one in judged.judgement.witnesses if one.anomaly == "G1a")
    lines = witness_lines(units, judged.history, aborted)
    assert any("nobody below the reader's rank had left what it read: it saw past its rank" in line for line in lines)
    assert not any("promised" in line for line in lines)


# ---------------------------------------------------------------------- at large


def contended_units(judge: str, seeds: range) -> Units:
    """Return the tables of contended episodes under a judge."""
    config = resolve({**MISJUDGED, "judge": judge})
    return read_logs(contended.rules(), [episode.log for episode in contended.play(config, seeds)])


@pytest.mark.parametrize("judge", ["perfect", "lazy"])
def test_what_is_quiet_is_serializable_in_the_order_of_ranks_and_not_strictly(judge: str):
    units = contended_units(judge, range(30))
    assert [one.problems for one in check_all(units, RANK) if not one.holds] == []
    held = {one.held for one in judge_episodes(units, range(30))}
    assert held == {SERIALIZABLE, STRICT}
    assert all(one.committed > 5 for one in counts(units))


def test_a_judge_who_is_wrong_breaks_every_certificate():
    units = contended_units("wrong", range(10))
    assert not any(one.holds for one in check_all(units, RANK))


def test_where_the_order_of_ranks_holds_every_bracket_that_acts_rest_on_is_serializable():
    for seed in range(40):
        schedule = random_schedule(seed, None, dict(resolve(MTPO)))
        units = read_logs(schedule.rules, [np.array([tuple(event) for event in events_of(schedule)], log.EVENT)])
        certificate = check(units, 0, RANK)
        if schedule.config.certificate_in(schedule.rules.settings) is not None:
            assert certificate.holds or any("the world" in problem for problem in certificate.problems), str(schedule)
        for bracket in BRACKETS:
            for unit in ("decision", "op"):
                (judged,) = judge_episodes(units, [0], bracket=bracket, unit=unit)
                if certificate.holds and bracket != BRACKETS[-1] and unit == "decision":
                    assert judged.held in (SERIALIZABLE, STRICT), str(schedule)
