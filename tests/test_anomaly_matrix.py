"""The matrix of presets and anomalies: nothing forbidden is found, and what is allowed is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from stalegrid import small_scope
from stalegrid.exhibits import exhibit
from stalegrid.matrix import ALLOWED, COLUMNS, MARKS, MATRIX, bound, cell, is_serializable, markdown, measure
from stalegrid.protocols.presets import PRESETS, resolve
from stalegrid.protocols.textbook import Textbook

PAGE = Path(__file__).parent.parent / "docs" / "matrix.md"


def test_every_preset_has_a_row_with_a_mark_in_every_column() -> None:
    assert set(PRESETS) == set(MATRIX)
    assert all(len(row.split()) == len(COLUMNS) and set(row.split()) <= set(MARKS) for row in MATRIX.values())


def test_the_readme_has_the_same_rows() -> None:
    page, readme = PAGE.read_text(encoding="utf-8"), (PAGE.parent.parent / "README.md").read_text(encoding="utf-8")
    assert page[page.index("| preset |") : page.index("- `-` forbidden")].rstrip() in readme


def test_a_row_forbids_the_hazards_that_the_config_says_it_excludes() -> None:
    heads = {"stale_read": "SO", "stale_correction": "LT", "action_message_desync": "SD", "lost_update": "LU"}
    for preset in PRESETS:
        for hazard in resolve(preset).guarantees:
            column = next(column for column in COLUMNS if column.head == heads[hazard])
            # The graph also finds updates lost between the ops of a task, where the hazard is one of a single act.
            # Under ranks it holds of what they have come to once all is quiet.
            is_ruled_out = cell(preset, column) == ("~" if resolve(preset).ranks and column.head != "SD" else "-")
            assert is_ruled_out or (column.head == "LU" and preset in ("merge_occ", "premise"))


def test_whoever_has_a_certificate_has_a_serializable_row() -> None:
    for preset in PRESETS:
        if resolve(preset).certificate is not None:
            assert is_serializable(preset), preset


def test_what_is_allowed_is_shown_by_an_exhibit() -> None:
    missing = [
        (preset, column.name)
        for preset in PRESETS
        for column in COLUMNS
        if cell(preset, column) == ALLOWED
        and exhibit(column.name, lambda preset=preset: Textbook(resolve(preset))) is None  # type: ignore[misc]
    ]
    assert missing == []


def test_nothing_forbidden_is_found_in_a_sample() -> None:
    measured = measure(list(PRESETS), seeds=10, first_seed=0, every=2003)
    assert {row.preset: row.wrong for row in measured if row.wrong} == {}


@pytest.mark.long
@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_forbidden_is_found_in_the_whole_small_scope_and_in_ten_thousand_episodes(preset: str) -> None:
    (row,) = measure([preset], seeds=10_000, first_seed=0, every=1)
    assert sum(one.episodes for one in row.small.values()) == 2 * small_scope.SCHEDULES
    assert row.wrong == []


def test_the_bound_of_a_zero_is_the_share_that_would_show_itself_19_times_in_20() -> None:
    assert bound(256) == "1.2 %"
    assert bound(0) == "-"


def test_the_page_is_what_the_command_prints() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown()
