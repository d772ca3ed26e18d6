"""Wrong arguments are refused at construction: the error says what was got and what is allowed."""

from __future__ import annotations

import pickle
import re
from typing import Any

import gymnasium
import numpy as np
import pettingzoo
import pytest

import stalegrid
from stalegrid.compare import Cell, check_cells
from stalegrid.protocols.config import AXES
from stalegrid.protocols.presets import NOT_YET, PRESETS
from stalegrid.world.settings import Settings

from .playing import SCENARIOS


def refusal(make: Any = stalegrid.parallel_env, **options: Any) -> str:
    """Return what the error says."""
    with pytest.raises(ValueError, match=r".") as error:
        make(**options)
    return str(error.value)


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize("make", [stalegrid.parallel_env, stalegrid.env, stalegrid.raw_env, stalegrid.solo_env])
def test_a_wrong_scenario_lists_the_right_ones(make: Any) -> None:
    said = refusal(make, scenario="leger")
    assert "'leger'" in said
    assert all(name in said for name in SCENARIOS)


def test_a_wrong_scenario_is_refused_through_the_registries_too() -> None:
    with pytest.raises(ValueError, match=f"leger.*{', '.join(SCENARIOS)}"):
        gymnasium.make("stalegrid:stalegrid/solo-v0", scenario="leger")
    if hasattr(pettingzoo, "make"):  # from 1.27
        with pytest.raises(ValueError, match=r"'huge'.*tiny, small, medium, large"):
            pettingzoo.make("parallel", "stalegrid/ledger-v0", size="huge")


@pytest.mark.parametrize("protocol", ["oc", "OCC", ""])
def test_a_wrong_protocol_lists_presets_and_axes(protocol: str) -> None:
    said = refusal(protocol=protocol)
    assert repr(protocol) in said
    assert all(name in said for name in (*PRESETS, *AXES))


@pytest.mark.parametrize("protocol", NOT_YET)
def test_a_preset_that_is_designed_but_not_built_says_not_available_yet(protocol: str) -> None:
    said = refusal(protocol=protocol)
    assert f"{protocol!r} is not available yet" in said
    assert all(name in said for name in PRESETS)


@pytest.mark.parametrize(
    ("protocol", "got"),
    [(3, "int"), (None, "NoneType"), (["none"], "list"), (stalegrid.Control, "the class Control, not a Control()")],
)
def test_something_that_is_no_protocol_is_told_what_one_is(protocol: Any, got: str) -> None:
    said = refusal(protocol=protocol)
    assert "preset name" in said
    assert said.endswith(f"got {got}")


@pytest.mark.parametrize(
    ("make", "given", "told"),
    [
        (
            stalegrid.parallel_env,
            "render_mod",
            "'render_mod', perhaps render_mode; parallel_env of ledger takes scenario",
        ),
        (stalegrid.env, "thnk", "'thnk', perhaps think; parallel_env of ledger takes scenario"),
        (
            stalegrid.vector_env,
            "log",
            "log is an argument of parallel_env; vector_env takes scenario, protocol, worlds",
        ),
        (stalegrid.parallel_env, "learner", "learner is an argument of solo_env; parallel_env takes scenario"),
        (stalegrid.parallel_env, "zzz", "unknown setting 'zzz'; parallel_env of ledger takes scenario"),
        (stalegrid.vector_env, "thinks", "'thinks', perhaps think; vector_env of ledger takes scenario"),
    ],
)
def test_an_unknown_keyword_is_told_what_may_have_been_meant(make: Any, given: str, told: str) -> None:
    assert told in refusal(make, **{given: 1})


@pytest.mark.parametrize(
    ("attribute", "value", "told"),
    [
        ("reads", "admision", "reads is one of decision, admission; got 'admision'"),
        ("writes", "bufferd", "writes is one of in place, buffered, branch; got 'bufferd'"),
        ("transaction", None, "transaction is one of op, task; got None"),
        ("mail", "sometime", "mail is one of at once, at settle; got 'sometime'"),
        ("delivery", "causal", "delivery is one of any, fifo; got 'causal'"),
        ("feedback", "", "feedback is one of semantic, opaque; got ''"),
        ("stamped", "no", "stamped is True or False; got 'no'"),
        ("kept", 101, "kept is a percentage from 0 to 100; got 101"),
        ("name", "occ", "'occ' is the name of a preset"),
        ("name", "saga", "'saga' is the name of a preset"),
        ("name", "", "the name of a protocol is a word; got ''"),
    ],
)
def test_a_protocol_of_ones_own_that_no_world_understands_is_refused(attribute: str, value: Any, told: str) -> None:
    protocol = stalegrid.Control()
    setattr(protocol, attribute, value)
    assert told in refusal(protocol=protocol)
    with pytest.raises(ValueError, match=re.escape(told)):
        check_cells([Cell("ledger", protocol)])


def test_an_error_comes_back_from_another_process_as_it_was() -> None:
    with pytest.raises(ValueError, match="thnk") as error:
        stalegrid.make_rules("ledger", thnk=3)
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


def test_a_wrong_axis_lists_the_axes() -> None:
    said = refusal(protocol={"readz": "decision"})
    assert "'readz'" in said
    assert all(repr(name) in said for name in AXES)


@pytest.mark.parametrize("axis", AXES)
def test_a_wrong_value_lists_the_values_of_its_axis(axis: str) -> None:
    said = refusal(protocol={axis: "sideways"})
    assert axis in said
    assert "'sideways'" in said
    assert all(repr(value) in said for value in AXES[axis].values)


@pytest.mark.parametrize(("axis", "value"), [(name, value) for name, axis in AXES.items() for value in axis.later])
def test_a_value_of_the_design_that_is_not_built_says_not_available_yet(axis: str, value: str) -> None:
    said = refusal(protocol={axis: value})
    assert f"{axis} = {value!r} is not available yet" in said
    assert all(repr(built) in said for built in AXES[axis].values)


@pytest.mark.parametrize("axis", [name for name, axis in AXES.items() if not axis.many])
def test_several_values_where_one_is_taken_are_refused(axis: str) -> None:
    assert f"{axis} takes one of" in refusal(protocol={axis: AXES[axis].values[:1]})


@pytest.mark.parametrize(
    ("axes", "reason"),
    [
        ({"scopes": ("message",), "validated": ("act",)}, "needs messages = 'stamped'"),
        ({"scopes": ("written",)}, "scopes without a moment check nothing"),
        ({"validated": ("act",)}, "validated without scopes checks nothing"),
        ({"preset": "object_cas", "validated": ("settle",), "transaction": "task"}, "needs writes = 'buffered'"),
        ({"preset": "object_cas", "validated": ("settle",), "writes": "buffered"}, "needs transaction = 'task'"),
        ({"writes": "branch"}, "needs transaction = 'task'"),
        ({"preset": "occ", "order": "token"}, "one transaction run at a time"),
        ({"order": "token", "reads": "admission"}, "renew them twice"),
    ],
)
def test_contradictory_axes_are_refused_with_the_reason(axes: dict[str, Any], reason: str) -> None:
    assert reason in refusal(protocol=axes)
    if "preset" not in axes:
        assert reason in refusal(stalegrid.Config, **axes)


# ---------------------------------------------------------------------- arguments of the factories


@pytest.mark.parametrize(
    ("name", "wrong", "allowed"),
    [
        ("size", "huge", ["tiny", "small", "medium", "large"]),
        ("engine", "fast", ["compiled", "reference"]),
        ("render_mode", "rgb", ["None", "human", "rgb_array", "ansi"]),
        ("action_mask", "infos", ["info", "obs", "both", "off"]),
        ("observation_key", "action_mask", ["a word other than 'action_mask'"]),
        ("steps", "ticks", ["tick", "decision"]),
        ("reward", "mine", ["shared", "own"]),
        ("reward", "oracle", ["shared", "own", "not available yet"]),
        ("observe", "stamps", ["stamps", "ages", "others", "feedback"]),
        ("think_cost", -0.1, ["from 0"]),
        ("message_cost", float("nan"), ["from 0"]),
        ("accident_cost", "dear", ["from 0"]),
        ("discount", 1.5, ["0 to 1"]),
        ("discount", -0.5, ["0 to 1"]),
    ],
)
def test_a_wrong_argument_is_named_with_what_was_got_and_what_is_allowed(name: str, wrong: Any, allowed: Any) -> None:
    said = refusal(**{name: wrong})
    assert name in said
    assert str(wrong) in said
    assert all(part in said for part in allowed), said


def test_a_wrong_block_of_the_observation_lists_the_blocks() -> None:
    said = refusal(observe=("ages", "colours"))
    assert "'colours'" in said
    assert all(block in said for block in ("stamps", "ages", "others", "feedback"))


@pytest.mark.parametrize("factory", [stalegrid.parallel_env, stalegrid.env, stalegrid.solo_env, stalegrid.make_rules])
def test_an_unknown_setting_lists_settings_and_parameters_of_the_size(factory: Any) -> None:
    said = refusal(factory, scenario="drawbridge", thnk=3)
    assert "'thnk'" in said
    assert all(name in said for name in (*Settings.model_fields, "boats", "trips", "agents"))
    assert "counters" in refusal(factory, scenario="drawbridge", counters=3)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("think", -1), ("think", 1001), ("think", 2.5), ("think", "long"), ("delay", -1), ("delay", 10**6),
        ("loss", -0.1), ("loss", 1.1), ("loss", float("nan")), ("duplication", 2), ("patience", 0),
        ("patience", 2**40), ("max_cycles", 0), ("max_cycles", 2**40), ("navigation", "car"), ("sight", -1),
        ("sight", "far"), ("lockstep", "maybe"), ("think_law", "normal"), ("delay_law", "normal"), ("agents", 0),
        ("agents", -2), ("agents", 2.0), ("agents", "8"), ("agents", True), ("jobs", 0),
    ],
)  # fmt: skip
def test_a_setting_out_of_range_is_named_with_what_was_got(name: str, wrong: Any) -> None:
    said = refusal(**{name: wrong})
    assert said.startswith(name)
    assert str(wrong) in said


@pytest.mark.parametrize(
    ("name", "wrong", "allowed"),
    [
        ("navigation", "car", ["'auto'", "'manual'"]),
        ("sight", "far", ["'all'", "'scenario'", "integer"]),
        ("think_law", "normal", ["'constant'", "'uniform'", "'geometric'", "'lognormal'"]),
        ("delay_law", "normal", ["'constant'", "'uniform'", "'geometric'", "'lognormal'"]),
        ("loss", 2, ["less than or equal to 1"]),
        ("think", -1, ["greater than or equal to 0"]),
    ],
)
def test_a_setting_out_of_range_says_what_is_allowed(name: str, wrong: Any, allowed: list[str]) -> None:
    said = refusal(**{name: wrong})
    assert all(part in said for part in allowed), said


# ---------------------------------------------------------------------- impossible worlds


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("sides", [(1, 1), (2, 2), (3, 3), (1, 9), (9, 1), (2, 40)])
def test_a_map_too_small_for_what_it_holds_is_refused_with_its_parameters(scenario: str, sides: Any) -> None:
    rows, columns = sides
    said = refusal(scenario=scenario, size="tiny", rows=rows, columns=columns)
    assert f"{scenario} does not fit into rows={rows}, columns={columns}" in said


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"agents": 65}, "1 to 64 agents"),
        ({"counters": 64}, "at most 128 actions; this one has 130"),
        ({"scenario": "disjoint", "agents": 70}, "at most 128 actions"),
        ({"scenario": "drawbridge", "first": 10**9}, "an episode lasts at most"),
    ],
)
def test_more_than_the_engine_holds_is_refused_with_the_limit(options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(**options)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_size_can_be_made_and_small_maps_that_fit_are_not_refused(scenario: str) -> None:
    for size in stalegrid.SCENARIOS[scenario].sizes:
        stalegrid.make_rules(scenario, size=size)
    stalegrid.make_rules(scenario, size="tiny", rows=9, columns=11, agents=2 if scenario == "reroute" else 1)


# ---------------------------------------------------------------------- the solo view


def test_a_wrong_learner_or_team_mate_lists_the_right_ones() -> None:
    said = refusal(stalegrid.solo_env, scenario="drawbridge", size="tiny", learner="walker_9")
    assert "'walker_9'" in said
    assert "walker_0, operator_0" in said
    said = refusal(stalegrid.solo_env, teammates="brilliant")
    assert "'brilliant'" in said
    assert all(name in said for name in ("naive", "careful", "random"))


def test_a_batch_refuses_choices_and_seeds_of_the_wrong_shape_or_type() -> None:
    from stalegrid.protocols.batch import Batch
    from stalegrid.protocols.presets import resolve

    batch = Batch(stalegrid.make_rules("ledger", size="tiny"), resolve("occ"), 3)
    with pytest.raises(ValueError, match=r"one seed a world: 3; got 2"):
        batch.reset(np.zeros(2, np.uint64))
    batch.reset(np.arange(3, dtype=np.uint64))
    for wrong in (np.zeros((2, 2), np.int32), np.zeros((3, 2), np.int64)):
        with pytest.raises(ValueError, match=r"choices are \[3, 2\] int32"):
            batch.step(wrong)


def test_a_shelf_that_would_be_stocked_too_often_is_refused_with_the_limit() -> None:
    with pytest.raises(ValueError, match=r"a shelf is stocked 0 to 32,767 times; 'shelf_0' 32,768 times"):
        stalegrid.make_rules("warehouse", size="tiny", orders=2**14)
