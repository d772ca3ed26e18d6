"""A tape shows any tick of an episode again, the same each time, and forks it into what-ifs."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from stalegrid.episodes import run_episodes
from stalegrid.protocols.presets import PRESETS, resolve
from stalegrid.protocols.single import CompiledEngine
from stalegrid.protocols.textbook import Textbook
from stalegrid.tape import SNAPSHOTS, Tape
from stalegrid.world import log
from stalegrid.world.audit.sums import SETTLES
from stalegrid.world.scenarios import SCENARIOS

from .leftovers import contradictions, leftovers

SEED = 1_000_003


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_tape_has_the_digest_that_everyone_else_computes(scenario: str) -> None:
    for protocol in ("none", "full"):
        tape = Tape(scenario, protocol, SEED)
        episode = run_episodes(tape.rules, resolve(protocol), "naive", [SEED])[0]
        assert tape.digest == episode.digest
        assert np.array_equal(tape.events, episode.events)
        assert tape.report.ticks == tape.length == len(tape.actions)


@pytest.mark.parametrize("scenario", ["drawbridge", "reroute", "ledger"])
def test_scrubbing_back_and_forth_lands_on_the_same_scenes(scenario: str) -> None:
    forward = Tape(scenario, "full", SEED)
    scrubbed = Tape(forward.rules, "full", SEED)
    ticks = [*range(0, forward.length, 5), forward.length]
    shown = [forward.scene(tick) for tick in ticks]
    assert [scene.tick for scene in shown] == ticks
    digest = scrubbed.digest
    for index in Random(1).sample(range(len(ticks)), len(ticks)):
        assert scrubbed.scene(ticks[index]) == shown[index]
    assert scrubbed.digest == digest == forward.digest


def test_snapshots_are_bounded_however_long_the_episode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stalegrid.tape.SPACING", 1)
    tape = Tape("reroute", "serial", SEED)
    assert tape.length > 4 * SNAPSHOTS
    assert len(tape._snapshots) <= SNAPSHOTS
    shown = tape.scene(tape.length - 1)
    monkeypatch.undo()
    assert shown == Tape(tape.rules, "serial", SEED).scene(tape.length - 1)


def test_a_live_tape_shows_what_a_finished_one_shows() -> None:
    live = Tape.live("moved_key", "occ", SEED)
    whole = Tape(live.rules, "occ", SEED)
    while not live.is_over:
        live.step()
        if live.length % 37 == 0:
            assert live.scene(live.length) == whole.scene(live.length)
            assert [line.text for line in live.lines] == [line.text for line in whole.lines if line.tick <= live.length]
    assert live.digest == whole.digest
    with pytest.raises(RuntimeError, match="over"):
        live.step()


def test_an_agent_played_from_outside_must_choose_and_its_thought_is_imposed() -> None:
    tape = Tape.live("ledger", "none", 5, agent="porter_1")
    assert tape.must_act
    for wrong in (None, -1, len(tape.rules.actions)):
        with pytest.raises(ValueError, match="porter_1 must act now"):
            tape.step(wrong)
    chosen = int(np.flatnonzero(tape.mask)[1])
    tape.step(chosen)
    assert not tape.must_act
    assert tape.ready_in >= 1
    assert tape.mask.tolist() == [1] + [0] * (len(tape.rules.actions) - 1)
    waited = 0
    while not tape.must_act:
        tape.step()
        waited += 1
    assert waited >= tape.rules.settings.think // 2
    assert tape.actions[0, 1] == chosen
    assert tape.scene(0).tick == 0
    with pytest.raises(ValueError, match="unknown agent 'nobody'"):
        Tape.live("ledger", agent="nobody")


def changes_nothing(tape: Tape) -> None:
    """Fork a tape under its own rules, at a tick that depends on it."""
    tick = Random(tape.length).randrange(tape.length)
    fork = tape.fork(tick)
    assert np.array_equal(fork.events, tape.events)
    assert np.array_equal(fork.actions, tape.actions)
    assert [fork.scene(t) for t in (0, tick, fork.length)] == [tape.scene(t) for t in (0, tick, tape.length)]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_fork_under_the_same_rules_changes_nothing(scenario: str) -> None:
    for protocol in ("two_phase_locking", "full", "serial"):
        changes_nothing(Tape(scenario, protocol, SEED))


@pytest.mark.parametrize("protocol", PRESETS)
def test_a_fork_under_the_same_rules_changes_nothing_under_any_protocol(protocol: str) -> None:
    for scenario in ("drawbridge", "reroute"):
        changes_nothing(Tape(scenario, protocol, SEED, size="tiny"))


def test_a_fork_is_marked_and_has_no_digest() -> None:
    tape = Tape("drawbridge", "none", SEED)
    fork = tape.fork(40, "stamped", think=2)
    assert (tape.is_fork, tape.forked_at) == (False, None)
    assert (fork.is_fork, fork.forked_at, fork.protocol, fork.digest) == (True, 40, "stamped", None)
    assert fork.rules.settings.think == 2
    assert fork.rules.max_cycles == tape.rules.max_cycles
    assert fork.scene(17) == tape.scene(17)
    assert len(fork.actions) == fork.length
    again = fork.fork(60, "serial")
    assert again.scene(17) == tape.scene(17)
    assert again.scene(50) == fork.scene(50)
    for wrong in (-1, tape.length + 1):
        with pytest.raises(ValueError, match="ticks 0 to"):
            tape.fork(wrong)
    with pytest.raises(ValueError, match="begins at tick 40"):
        fork.fork(20)


def test_what_thinks_on_old_inputs_is_judged_by_the_new_protocol_of_a_fork() -> None:
    tape = Tape("drawbridge", "none", 1_000_041)
    harm = next(line for line in tape.lines if line.grave)
    fork = tape.fork(harm.tick - 1, "stamped")
    assert any(line.tick == harm.tick and not line.grave for line in fork.lines)
    assert not any(line.grave and line.tick >= harm.tick for line in fork.lines)


# What no preset has, and a fork must know how to leave and to take up.
ODD: tuple[dict[str, Any], ...] = (
    {"preset": "occ", "mail": "at settle", "delivery": "fifo", "feedback": "opaque"},
    {"preset": "two_phase_locking", "writes": "buffered", "transaction": "task"},
    {"preset": "epoch_plans", "feedback": "opaque", "interruption": "checkpoint"},
)


@pytest.mark.parametrize("scenario", ["drawbridge", "reroute", "refactor"])
def test_each_protocol_can_be_forked_into_others_and_plays_on_to_the_end(scenario: str) -> None:
    pick = Random(7)
    protocols = [*(name for name in PRESETS if not resolve(name).ranks), *ODD]  # ranks are taken over by none
    for protocol in protocols:
        tape = Tape(scenario, protocol, SEED, size="tiny")
        for other in pick.sample(protocols, 2):
            fork = tape.fork(pick.randrange(tape.length), other, think=pick.choice([None, 1, 12]), delay=8)
            assert fork.is_over
            assert fork.scene(fork.length).goals_met == fork.report.goals_met
            assert contradictions(fork.events, engine_of(fork)) == leftovers(engine_of(fork)) == []
            # Locks and tokens admit anew what was under way, so from there on nothing goes wrong but at borders.
            if other in ("two_phase_locking", "serial") and protocol != other and scenario != "drawbridge":
                decided = [f.tick for f in fork.report.findings if f.level == "decisive"]
                assert max(decided, default=0) <= (fork.forked_at or 0)


def engine_of(tape: Tape) -> CompiledEngine:
    """Return the engine that played a tape to its end."""
    engine = tape._engine
    assert isinstance(engine, CompiledEngine)
    return engine


def test_what_only_the_old_protocol_let_in_goes_on_without_it() -> None:
    # The maintainer is in the midst of a migration, and trusts its commit: half of it would stay half.
    tape = Tape("refactor", "serial", SEED)
    for other in ("occ_forward", "none"):
        fork = tape.fork(53, other)
        assert fork.report.goals_met == fork.report.goals
        assert fork.length < fork.rules.max_cycles / 4
        ended = fork.events[(fork.events["tick"] == 53) & np.isin(fork.events["kind"], SETTLES)]
        assert len(ended) == 0
    given_up = tape.fork(53, "two_phase_locking").events
    assert (given_up[given_up["tick"] == 53]["kind"] == log.PARTIAL_COMMIT).sum() == 1


def test_a_fork_out_of_checkpoints_keeps_no_thought() -> None:
    tape = Tape("drawbridge", "full", 7, size="tiny", delay=5)

    def thought_kept(protocol: str) -> int:
        events = tape.fork(33, protocol, think=12, delay=0).events
        return int(events["e"][(events["kind"] == log.DECIDE) & (events["tick"] > 33)].sum())

    assert thought_kept("full") > 0
    assert thought_kept("read_committed") == thought_kept("occ") == 0


def test_a_fork_into_epochs_refuses_who_does_not_know_the_plan_until_it_does() -> None:
    tape = Tape("reroute", "none", SEED, delay=12)
    published = int(tape.events[tape.events["kind"] == log.PUBLISHED]["tick"][0])
    fork = tape.fork(published + 1, ODD[2])
    dropped = fork.events[fork.events["kind"] == log.DROP]
    assert set(dropped["tick"].tolist()) == {published + 1}
    assert all(f.level != "decisive" for f in fork.report.findings if f.tick > published + 1)
    assert fork.length < fork.rules.max_cycles
    world = engine_of(fork).batch.state.world[0]
    assert world["fenced"] == 0


def test_a_users_own_protocol_is_taped_and_not_forked() -> None:
    tape = Tape("drawbridge", Textbook(resolve("occ")), 3)
    tape.scene(tape.length)
    shown = tape.scene(30)
    assert shown.tick == 30
    compiled = Tape(tape.rules, "occ", 3).scene(30)
    assert (shown.agents, shown.sites, shown.messages) == (compiled.agents, compiled.sites, compiled.messages)
    with pytest.raises(ValueError, match="a user's own"):
        tape.fork(3, "none")


def test_ranks_are_taped_and_forked_under_their_own_protocol_alone() -> None:
    tape = Tape("drawbridge", "mtpo", 3, size="tiny")
    assert tape.scene(tape.length).goals_met == tape.report.goals_met
    assert tape.scene(9) == Tape(tape.rules, "mtpo", 3).scene(9)
    assert tape.fork(9, think=1).is_over
    with pytest.raises(ValueError, match="from mtpo to none"):
        tape.fork(3, "none")
    with pytest.raises(ValueError, match="from none to mtpo"):
        Tape(tape.rules, "none", 3).fork(3, "mtpo")


@pytest.mark.parametrize("seed", [-1, 2**64, "7", None])
def test_a_seed_that_is_none_is_refused(seed: object) -> None:
    with pytest.raises(ValueError, match="whole number from 0"):
        Tape("ledger", "none", seed)  # type: ignore[arg-type]


def test_a_fork_lets_go_of_locks_that_the_new_protocol_would_not_let_go() -> None:
    for other in ("wait_die", "world_locking", "none"):
        tape = Tape("ledger", "two_phase_locking", SEED)
        fork = tape.fork(tape.length // 2, other)
        assert fork.report.goals_met == fork.report.goals or other == "none"
        assert fork.length < fork.rules.max_cycles
