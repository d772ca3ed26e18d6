"""A batch that is compiled for its scenario and protocol does what any other does."""

from __future__ import annotations

import pickle
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stalegrid
from stalegrid.make import make_rules
from stalegrid.protocols.batch import Batch
from stalegrid.protocols.config import Config
from stalegrid.protocols.presets import resolve
from stalegrid.protocols.stepping import random_choices, random_streams, step_worlds
from stalegrid.world import tailoring
from stalegrid.world.binding import CONTEXT, SWITCHES
from stalegrid.world.jit import code_of
from stalegrid.world.memory import NUMBERS, places_of
from stalegrid.world.rules import Rules

from .schedules import random_schedule

WORLDS, STEPS = 5, 150


def compare(rules: Rules, config: Config, to_decision: bool = False, **options: Any) -> None:
    """Play the same worlds on both kinds of code; all that is kept of them must be equal, byte for byte."""
    batches = [Batch(rules, config, WORLDS, keep_log=True, tailor=tailor, **options) for tailor in (False, True)]
    assert batches[0].parts[0].step != batches[1].parts[0].step
    choices = np.zeros((WORLDS, batches[0].agents), np.int32)
    streams = random_streams(WORLDS)
    for batch in batches:
        batch.reset(np.arange(WORLDS, dtype=np.uint64))
    for _ in range(STEPS):
        random_choices(batches[0].context, choices, streams)
        for batch in batches:
            batch.step(choices, to_decision)
        for world in range(WORLDS):
            one, other = (batch.drain(world) for batch in batches)
            assert one.tobytes() == other.tobytes()
        if not batches[0].running.any():
            break
    one, other = (batch.state._asdict() | batch.rows._asdict() for batch in batches)
    for name in one:
        assert one[name].tobytes() == other[name].tobytes(), name
    over_at_once = (batches[0].state.world["tick"] == 1).all()
    assert batches[0].state.counts.any() or over_at_once


@pytest.mark.parametrize(
    ("scenario", "protocol", "settings", "options"),
    [
        ("warehouse", "stamped_epochs", {"size": "small", "delay": 3, "loss": 0.1}, {"keep_rows": True}),
        ("drawbridge", "two_phase_locking", {"navigation": "manual"}, {"discount": 0.9, "own_reward": True}),
        ("ledger", "mtpo", {"size": "tiny"}, {"to_decision": True}),
    ],
)
def test_tailored_code_does_what_the_code_for_all_does(
    scenario: str, protocol: str, settings: dict[str, Any], options: dict[str, Any]
) -> None:
    compare(make_rules(scenario, **settings), resolve(protocol), **options)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100))
def test_tailored_code_does_what_the_code_for_all_does_in_random_schedules(seed: int) -> None:
    schedule = random_schedule(seed)
    compare(schedule.rules, schedule.config, random.Random(seed).random() < 0.5, own_reward=schedule.own_reward)


def test_every_switch_is_written_into_the_code() -> None:
    batch = Batch(make_rules("ledger", size="tiny"), resolve("occ"))
    code, _ = code_of(step_worlds, NUMBERS)
    known = tailoring.fixed(code, {name: batch.context[0][name] for name in SWITCHES})

    def loaded(text: str) -> set[str]:
        places = places_of(CONTEXT)
        scalars = dict(re.findall(r'^!(\d+) = !\{!"(\w+\.\w+)"', text, re.MULTILINE))
        marks = {mark: scalars.get(scalar) for mark, scalar in re.findall(r"^!(\d+) = !\{!(\d+), !\2,", text, re.M)}
        loads = re.findall(r" = load [^\n]*!tbaa !(\d+)", text)
        return {places[place] for mark in loads if (place := marks[mark]) in places}

    assert len(loaded(code) & set(SWITCHES)) > 80
    assert loaded(known)
    assert not loaded(known) & set(SWITCHES)


def test_tailored_code_is_kept_a_damaged_file_made_anew_and_what_older_sources_made_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailoring, "_made", {})
    monkeypatch.setattr(step_worlds._cache, "_cache_path", str(tmp_path))
    made: list[str] = []
    module = tailoring._module
    monkeypatch.setattr(tailoring, "_module", lambda *args: made.append("") or module(*args))

    def fresh() -> int:
        tailoring._made.clear()
        return Batch(make_rules("ledger", size="tiny"), resolve("none"), tailor=True).parts[0].step

    (tmp_path / "tailored-0123456789abcdef-of-older-sources.o").write_bytes(b"old")
    assert fresh()
    assert fresh()
    assert len(made) == 1
    (kept,) = tmp_path.glob("tailored-*.o")
    kept.write_bytes(kept.read_bytes()[:-100])
    assert fresh()
    assert len(made) == 2
    monkeypatch.setattr(step_worlds._cache, "_cache_path", "/proc/nowhere")  # where nothing can be kept
    assert fresh()
    assert len(made) == 3


PROGRAM = """
import llvmlite.binding as llvm
from stalegrid.make import make_rules
from stalegrid.protocols.batch import Batch
from stalegrid.protocols.presets import resolve

batch = Batch(make_rules("ledger", size="tiny"), resolve("none"), tailor=True)
print([name for name in ("pow", "memset", "NRT_Free", "numba_do_raise") if not llvm.address_of_symbol(name)])
"""


def test_code_that_was_kept_finds_what_it_calls_in_a_process_that_compiles_nothing() -> None:
    """Numba makes its own functions known only once it compiles or loads; if one is missing, LLVM binds none at all."""
    for _ in range(2):  # the second finds what the first has kept
        done = subprocess.run([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, check=True)
        assert done.stdout.strip() == "[]"


def test_an_old_llvm_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tailoring.llvm, "create_pass_builder")
    with pytest.warns(UserWarning, match="cannot tailor: update numba"):
        batch = Batch(make_rules("ledger", size="tiny"), resolve("occ"), tailor=True)
    assert batch.parts[0].step == Batch(make_rules("ledger", size="tiny"), resolve("occ")).parts[0].step


def test_a_tailored_vector_env_with_layouts_equals_another_and_travels() -> None:
    options: dict[str, Any] = {"worlds": 4, "size": "tiny", "layout_seeds": (1, 2)}
    envs = [stalegrid.vector_env("warehouse", "occ", tailor=tailor, **options) for tailor in (False, True)]
    envs.append(pickle.loads(pickle.dumps(envs[1])))
    shown = [env.reset(seed=3)[0] for env in envs]
    for _ in range(60):
        assert all(np.array_equal(shown[0], other) for other in shown[1:])
        actions = np.array([np.flatnonzero(row)[-1] for row in envs[0].action_masks()])
        shown = [env.step(actions)[0] for env in envs]
    assert all(np.array_equal(envs[0].state(), env.state()) for env in envs[1:])
