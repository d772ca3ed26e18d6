"""Branches: a task works on its own copy of the record sites, merged when it settles and checked there."""

import pytest

from stalegrid.protocols.presets import PRESETS, resolve
from stalegrid.world import log
from stalegrid.world.scenario import Op, Role, Site

from .turns import HERE, Played, play, room, task

X, Y, DOOR, SHELF = range(4)
OFFICE = room(
    (
        Site("x", "counter", HERE),
        Site("y", "counter", HERE),
        Site("door", "switch", HERE),
        Site("shelf", "shelf", HERE, 1),
    ),
    (
        task("x", Op("x", "add", 1)),
        task("slow x", Op("x", "add", 1)),
        task("slow x x y", Op("x", "add", 1), Op("x", "add", 2), Op("y", "add", 1)),
        task("slow there and back", Op("x", "add", 1), Op("x", "add", -1)),
        task("slow x door", Op("x", "add", 1), Op("door", "set", 1)),
        task("slow door x", Op("door", "set", 1), Op("x", "add", 1)),
        task("slow take", Op("shelf", "take", 1)),
        task("swap", Op("shelf", "swap", 2)),
    ),
    (Role("worker", 3, (HERE,), hand=2),),
)
BUFFERED = {"preset": "merge_occ", "writes": "buffered"}


def written(played: Played) -> list[tuple[int, int, int]]:
    """Return (site, value, version) of each write."""
    return [(write.site, write.value, write.version) for write in played.of(log.WRITE)]


def test_a_branch_installs_one_version_of_each_site_where_a_buffer_installs_every_write():
    assert written(play(OFFICE, "1 a slow x x y", "merge_occ")) == [(X, 3, 1), (Y, 1, 1)]
    assert written(play(OFFICE, "1 a slow x x y", BUFFERED)) == [(X, 1, 1), (X, 3, 2), (Y, 1, 1)]


def test_what_a_branch_took_back_itself_leaves_no_version_and_refuses_nobody():
    # b decides before a merges in tick 6, and acts in tick 7.
    meeting = "1 a slow there and back | 3 b slow x"
    assert written(play(OFFICE, meeting, "merge_occ")) == [(X, 1, 1)]
    assert play(OFFICE, meeting, "merge_occ").count("rejected") == 0
    assert play(OFFICE, meeting, BUFFERED).count("rejected") == 1


def test_a_branch_is_checked_where_it_merges_and_nowhere_else():
    played = play(OFFICE, "1 a slow x x y | 3 b x", "merge_occ")
    (refusal,) = played.of(log.CHECK_FAILED)
    assert (refusal.site, refusal.b, refusal.op) == (X, 1, 2)
    assert (played.count("lost_update.prevented"), played.count("lost_update.decisive")) == (1, 0)


@pytest.mark.parametrize("order", ["x door", "door x"])
def test_what_was_done_to_a_physical_site_stays_when_the_merge_is_refused(order: str):
    played = play(OFFICE, f"1 a slow {order} | 3 b x", "merge_occ")
    assert (X, 1, 1) in written(played)  # b's; nothing of the branch
    assert (DOOR, 1, 1) in written(played)
    assert [settled.b for settled in played.of(log.PARTIAL_COMMIT, "a")] == [3]


def test_a_physical_op_on_an_old_input_is_not_prevented_and_no_config_says_so():
    played = play(OFFICE, "1 a slow take | 3 b swap", "merge_occ")
    assert played.count("stale_read.decisive") == 1
    assert resolve("merge_occ").guarantees == {"lost_update"}
    both = {"preset": "merge_occ", "validated": ("act", "settle")}
    assert play(OFFICE, "1 a slow take | 3 b swap", both).count("stale_read.decisive") == 0
    assert resolve(both).guarantees == resolve("occ").guarantees


# a knows of the till what b promises to leave there, 1; "add two" breaks the promise.
TILL = room(
    (Site("till", "counter", (1, 3), listeners=("clerk",), known=True),),
    (
        task("slow add", Op("till", "add", 1), roles=("clerk",)),
        task("slow twice", Op("till", "add", 1), Op("till", "add", 1), roles=("clerk",)),
        task("add", Op("till", "add", 1)),
        task("add two", Op("till", "add", 2)),
    ),
    (Role("clerk", 1, (HERE,), sight=0), Role("worker", 1, (HERE,))),
)
CHECKED_AT_SETTLE = ("merge_occ", "occ", "occ_forward", "premise", BUFFERED)


@pytest.mark.parametrize("protocol", CHECKED_AT_SETTLE)
@pytest.mark.parametrize("mine", ["slow add", "slow twice"])
def test_a_promise_that_was_kept_is_current_at_settle_whatever_was_made_of_it(protocol: str, mine: str):
    played = play(TILL, f"1 b promise add | 2 a {mine} | 3 b add", protocol)
    assert (played.count("committed"), played.count("rejected")) == (2, 0)
    assert played.value("till") == (2 if mine == "slow add" else 3)


@pytest.mark.parametrize("protocol", CHECKED_AT_SETTLE)
def test_a_broken_promise_is_not_kept_by_the_value_that_is_about_to_be_written(protocol: str):
    played = play(TILL, "1 b promise add | 2 a slow add | 3 b add two", protocol)
    assert (played.count("committed"), played.count("rejected")) == (1, 1)
    assert (played.count("lost_update.prevented"), played.count("lost_update.decisive")) == (1, 0)


def test_merge_occ_differs_from_occ_by_its_branch_and_by_what_it_does_not_check():
    assert resolve("merge_occ").differences(resolve("occ")) == {"writes": "branch", "validated": ("settle",)}
    assert "merge_occ" in PRESETS
