"""Thought that is stopped once an input is no longer valid, and how much of it a retry keeps.

Carriers a, b and planner d are those of test_corrections.
"""

from __future__ import annotations

import pytest

from stalegrid.world import log

from .test_corrections import PLAN, epochs
from .turns import play

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
