"""Ranks where hands were: shelves that are filled again as one takes from them, gates that are as before."""

from __future__ import annotations

from typing import Any

import pytest

from stalegrid import contended
from stalegrid.protocols.preorder import Preorder
from stalegrid.protocols.presets import resolve
from stalegrid.world import log
from stalegrid.world.audit.anomalies import LEVELS
from stalegrid.world.audit.certificates import RANK, check
from stalegrid.world.audit.episode_judge import judge_episode
from stalegrid.world.audit.units import read_logs
from stalegrid.world.ranks import REFILLED, VALUE, Chains
from stalegrid.world.reference import World
from stalegrid.world.scenario import Blueprint, Op, Role, Site
from stalegrid.world.state import WORLD

from .test_preorder import MTPO, under, versions
from .test_quiet import certified, units_of
from .turns import HERE, Played, play, room, task, turns_of, worlds

SHELF, X = range(2)


def store(stock: int = 3, refill: int = 0) -> Blueprint:
    """Return a room with a shelf that is filled again, a counter, and a rack that is not."""
    return room(
        (
            Site("shelf", "shelf", HERE, 1, stock=stock, refill=refill),
            Site("x", "counter", HERE),
            Site("rack", "shelf", HERE),
            Site("note", "board", HERE),
        ),
        (
            task("take", Op("shelf", "take", 1)),
            task("slow take", Op("shelf", "take", 1)),
            task("slow x", Op("x", "add", 1)),
            task("count and take", Op("x", "add", 1), Op("shelf", "take", 1)),
            task("take two", Op("x", "add", 1), Op("shelf", "take", 1), Op("rack", "put", 1), Op("shelf", "take", 1)),
            task("note", Op("note", "write", 1, rests_on=("shelf",))),
        ),
        (Role("worker", 3, (HERE,)),),
    )


def fillings(played: Played) -> list[tuple[int, int, int]]:
    """Return what is laid as filled again, or no more: rank, value and whether it is taken from that rank."""
    return [(one.b, one.value, one.c) for one in played.of(log.LAID) if one.a == REFILLED or (one.agent == WORLD)]


def filled_for_good(played: Played) -> int:
    """Return how often the shelf was filled less how often that went back with what had been taken."""
    put_back = [one for one in played.of(log.LAID, site=SHELF) if one.agent != WORLD and one.c]
    return len(played.of(log.WORLD_EVENT, site=SHELF)) - len(put_back) - len(played.of(log.TAKEN, site=SHELF))


# ---------------------------------------------------------------------- shelves


def test_a_shelf_is_filled_after_the_rank_that_emptied_it_and_that_rank_itself_left_it_empty():
    chains = Chains([1])
    chains.lay(0, 2, VALUE, 0)
    chains.lay(0, 2, REFILLED, 1)
    assert [chains.value(0, rank) for rank in (2, 3)] == [1, 1]
    assert (chains.own(0, 2), chains.is_refilled(0, 2)) == (0, True)
    chains.fold(2)
    assert chains.base == [1]


def test_a_late_taker_finds_a_filled_shelf_as_its_rank_sees_it_and_nobody_is_called_back():
    played = play(store(), "1 a slow take | 2 b take", MTPO)
    assert (played.count("committed"), played.of(log.NOTIFY), played.of(log.WAIT_BEGIN)) == (2, [], [])
    # What was filled for b is filled for a, who comes first; then the shelf is filled for b once more.
    assert fillings(played) == [(1, 1, 0), (1, 0, 1), (0, 1, 0), (1, 1, 0)]
    assert certified(played).problems == ()
    assert judge_episode(units_of(played)).held in LEVELS[3:]


def test_while_the_shelf_is_still_empty_the_higher_rank_puts_back():
    played = play(store(refill=9), "1 a slow take | 2 b take", MTPO)
    assert versions(played, SHELF) == [(log.WRITE, 0), (log.UNDO, 1), (log.WRITE, 0), (log.WRITE, 1)]
    assert [(one.agent, one.a) for one in played.of(log.NOTIFY)] == [(1, 1)]
    assert certified(played).problems == ()


def test_a_higher_rank_that_reads_beneath_a_late_taking_is_told_that_the_shelf_is_empty():
    played = play(store(stock=1), "1 a slow take | 2 b take | 3 c note", MTPO)
    assert [(one.agent, one.value) for one in played.of(log.NOTIFY)] == [(2, 0)]
    assert fillings(played) == [(1, 1, 0), (1, 0, 1), (0, 1, 0)]  # there is no second one: it is b's that is missing
    assert certified(played).problems == ()


@pytest.mark.parametrize("again", ["count and take", "take two"])
def test_what_is_taken_back_goes_back_with_what_was_laid_out_for_it(again: str):
    played = play(store(), f"1 a slow x | 2 b {again} | 20 b {again}", MTPO, ticks=40)
    assert versions(played, X)[-1] == (log.WRITE, 2)
    assert played.of(log.REFUSED_BY_WORLD) == []
    assert filled_for_good(played) == (1 if again == "count and take" else 2)
    assert versions(played, SHELF)[-1][1] == 1
    assert certified(played).problems == ()


def test_two_takings_of_one_task_do_not_bar_a_late_one():
    played = play(store(), "1 a slow take | 1 b take two", MTPO)
    assert (played.count("committed"), played.of(log.NOTIFY)) == (2, [])
    assert certified(played).problems == ()


class Unfilled(Chains):
    """Writes by rank among which a filling does not stand where its taking does."""

    def lay(self, site: int, rank: int, how: int, value: int) -> None:
        """Lay anything but a filling."""
        if how != REFILLED:
            super().lay(site, rank, how, value)


class Misplaced(Preorder):
    """What fills a shelf again belongs to nobody."""

    def reset(self, world: World) -> None:
        """An episode begins."""
        super().reset(world)
        self.chains = Unfilled(site.value for site in world.sites)


def test_what_ranks_do_wrong_at_a_shelf_is_found_by_the_certificate() -> None:
    def problems(ranks: type[Preorder]) -> tuple[str, ...]:
        *_, world = worlds(turns_of(store(), "1 a slow take | 2 b take", MTPO), under(ranks))
        return check(read_logs(world.rules, [world.event_array()]), 0, RANK).problems

    assert problems(Preorder) == ()
    assert any("is not what the ranks have left there" in problem for problem in problems(Misplaced))


# ---------------------------------------------------------------------- gates

CROSSING = Blueprint(
    map=("#######", "#.....#", "###.###", "###.###", "#######"),
    sites=(
        Site("deck", "region", cells=((1, 3),), known=True),
        Site("gate", "switch", (3, 3), cells=((1, 3),), known=True),
        Site("log", "board", (3, 3), known=True),
    ),
    roles=(Role("keeper", 3, ((3, 3),)), Role("walker", 1, ((1, 2),), (((1, 2), (1, 4)),), trips=9)),
    tasks=(
        task("cross", Op("deck", "cross"), roles=("walker",)),
        task("close", Op("gate", "set", 1), roles=("keeper",)),
        task("open", Op("gate", "set", 0), roles=("keeper",)),
        task("slow log", Op("log", "write", 1), roles=("keeper",)),
    ),
    goals=room((Site("log", "board", HERE),), (), ()).goals,
    bound=lambda think, delay: 99,
)


def test_a_gate_that_was_opened_again_is_not_closed_for_its_closing_to_be_taken_back():
    # d waits for a and steps in after rank 0. So b, who had seen nobody there, takes back its closing, and its opening.
    turns = "1 a slow log | 1 d cross | 4 c slow log | 5 b close | 6 b open | 6 d cross"
    played = play(CROSSING, turns, MTPO)
    assert [(one.value, one.a) for one in played.of(log.JUDGED, "b")] == [(2, 1)]
    assert [one.b for one in played.of(log.TAKEN, "b")] == [3, 2]
    assert (played.of(log.UNDO), played.of(log.REFUSED_BY_WORLD, "b")) == ([], [])
    assert certified(played).problems == ()


def contended_certificate(seed: int) -> Any:
    """Return the certificate of a contended episode, and what stood in the way of taking back."""
    (episode,) = contended.play(resolve(MTPO), [seed])
    units = read_logs(contended.rules(), [episode.log])
    (at_quiescence,) = units.ranks
    assert at_quiescence is not None
    return check(units, 0, RANK), at_quiescence.hindrances


def test_an_opening_that_stays_for_a_body_under_the_gate_stays_where_its_rank_is():
    certificate, hindrances = contended_certificate(3017)
    assert (certificate.problems, hindrances) == ((), ["the world does not let gate be taken back in tick 19"])


def test_what_is_written_over_is_taken_back_beneath_it():
    certificate, hindrances = contended_certificate(2457)
    assert (certificate.problems, len(hindrances)) == ((), 1)
