"""Every planted bug is caught by the auditor, and what is not broken is not."""

from __future__ import annotations

import pytest

from stalegrid.protocols.presets import resolve
from stalegrid.protocols.textbook import Textbook

from .planted import BUGS, EVERY, SEEDS, Bug, caught, first_catch


def test_there_are_many_bugs_in_many_presets() -> None:
    assert len(BUGS) >= 20
    assert len({bug.told for bug in BUGS}) == len(BUGS)
    assert len({bug.preset for bug in BUGS}) >= 10


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.told)
def test_a_planted_bug_is_caught(bug: Bug) -> None:
    assert first_catch(bug, SEEDS, EVERY) is not None


def test_the_same_classes_without_their_bugs_are_not_caught() -> None:
    for preset in dict.fromkeys(bug.preset for bug in BUGS):
        sound = Bug("nothing", preset, lambda preset=preset: Textbook(resolve(preset)))  # type: ignore[misc]
        assert [found for seed in range(10) if (found := caught(sound, seed))] == [], preset
