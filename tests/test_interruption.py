"""Thought that is stopped once an input is no longer valid, and how much of it a retry keeps.

Carriers a, b and planner d are those of test_corrections.
"""

from __future__ import annotations

from typing import Any

import pytest

from stalegrid.world import log
from stalegrid.world.scenario import Op, Role, Site
from stalegrid.world.state import AT_ACT, BY_WRITER

from .test_corrections import PLAN, epochs
from .turns import HERE, Played, play, room, task

SIGHT = {"preset": "sight_check", "interruption": "stop"}
STOPPED = "1 a slow build | 4 b sign"


def test_thought_on_an_invalid_input_is_stopped_saved_and_what_was_thought_is_wasted():
    whole = play(PLAN, STOPPED, "sight_check", think=10)
    assert (whole.count("think_ticks"), whole.count("wasted_think_ticks")) == (10, 10)
    stopped = play(PLAN, STOPPED, SIGHT, think=10)
    (refused,) = stopped.of(log.REJECT, "a")
    assert refused.tick in (4, 5)  # superseded in tick 4
    assert stopped.count("think_ticks") == stopped.count("wasted_think_ticks") == refused.a
    assert refused.a in (3, 4)
    assert stopped.count("stale_read.prevented") == 0  # the sum does not depend on the sign


@pytest.mark.parametrize("kept", [0, 50, 100])
def test_a_checkpoint_keeps_a_share_of_the_thought_for_the_retry_and_no_longer(kept: int):
    checkpoint = {"preset": "sight_check", "interruption": "checkpoint", "kept": kept}
    again = f"{STOPPED} | 6 a slow build | 25 a slow build"
    played = play(PLAN, again, checkpoint, think=10, ticks=40)
    (refused,) = played.of(log.REJECT, "a")
    drawn = [decided.b for decided in played.of(log.DECIDE, "a")]
    assert drawn == [10, 10 - refused.a * kept // 100, 10]


def test_thought_on_a_changed_entry_is_stopped_before_its_end():
    played = play(PLAN, "1 a slow left 0 | 3 d correct left", epochs(interruption="stop"), think=10)
    (refused,) = played.of(log.REJECT, "a")
    assert refused.tick in (3, 4)
    assert played.count("think_ticks") == refused.a < 4


# ---------------------------------------------------------------------- forward validation

FORWARD = {**SIGHT, "rule": "forward"}


def test_who_writes_stops_a_thinking_reader_in_the_same_tick():
    played = play(PLAN, STOPPED, FORWARD, think=10)
    (refused,), (written,) = played.of(log.REJECT, "a"), played.ticks(log.WRITE, "b")
    assert (refused.tick, refused.a) == (written, 4)
    assert [failed.b for failed in played.of(log.CHECK_FAILED)] == [BY_WRITER]


def walk(protocol: Any, told: str, **settings: Any) -> Played:
    """Play where a reads the note, thinks for a tick and walks to the far end, and b writes the note beside it."""
    hall = room(
        (Site("note", "board", HERE, known=True), Site("desk", "board", (2, 7))),
        (task("slow copy", Op("desk", "write", 2, rests_on=("note",), premise=0)),
         task("write", Op("note", "write", 1)), task("write again", Op("note", "write", 2))),
        (Role("worker", 2, ((2, 1), HERE)),),
    )  # fmt: skip
    return play(hall, told, protocol, **{"think": 1, **settings})


def test_forward_validation_also_stops_a_reader_on_its_way_and_polling_lets_it_walk():
    told = "1 a slow copy | 3 b write"
    assert walk(FORWARD, told).ticks(log.REJECT, "a") == [3]
    assert walk(SIGHT, told).ticks(log.REJECT, "a")[0] > 5


def test_what_was_old_at_the_decision_no_writer_tells_and_polling_finds():
    stops = {"preset": "stamped", "interruption": "stop"}  # the first value of the note is a message to who is far
    told = "1 b write | 3 a slow copy"
    polled, pushed = (walk(axes, told, think=6, sight=0) for axes in (stops, {**stops, "rule": "forward"}))
    assert (polled.count("think_ticks"), polled.ticks(log.REJECT, "a")) == (0, [3])
    assert (pushed.count("think_ticks"), [failed.b for failed in pushed.of(log.CHECK_FAILED)]) == (6, [AT_ACT])


def test_a_writer_is_not_stopped_by_itself_nor_a_reader_by_what_it_did_not_read():
    played = walk({"preset": "occ_forward"}, "1 b write | 3 b write again | 1 a slow copy", think=0)
    assert len(played.of(log.COMMIT, "b")) == 2
    alone = walk({"preset": "occ_forward"}, "1 a slow copy")
    assert (alone.count("rejected"), alone.count("committed")) == (0, 1)
