"""A protocol that does not see every input, or is told the wrong footprint, lets through what it excludes otherwise.

The auditor, who reads the log, sees all of it.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from stalegrid import contended
from stalegrid.compare import Cell, Comparison
from stalegrid.protocols.presets import PRESETS, resolve
from stalegrid.protocols.textbook import Textbook
from stalegrid.world import log
from stalegrid.world.audit import audit_episode
from stalegrid.world.reference import World
from stalegrid.world.rules import Rules
from stalegrid.world.scenario import Op, Role, Site
from stalegrid.world.settings import Settings
from stalegrid.world.state import EXCLUSIVE, HAZARDS, SHARED
from stalegrid.world.tasks import Footprint

from .schedules import line, random_schedule
from .test_engines_agree import compare
from .turns import play, room, task, watch

HERE = (2, 3)
TILL = room(
    (Site("till", "counter", HERE), Site("note", "board", HERE)),
    [task("slow add", Op("till", "add", 1)), task("add", Op("till", "add", 1))],
    (Role("worker", 3, (HERE,)),),
)


def decisive(counts: dict[str, int]) -> int:
    """Return how many acts were decisive, whatever the hazard."""
    return sum(counts[f"{hazard}.decisive"] for hazard in HAZARDS)


def test_what_is_not_seen_is_not_refused_and_the_auditor_finds_it() -> None:
    told = "A reads ledger | B adds ledger | A adds ledger"
    for protocol in ("object_cas", "occ", "premise", "occ_forward", "full", "snapshot"):
        seen, unseen = compare(line(told, protocol)), compare(line(told, protocol, visibility=0.0))
        assert (seen.counts["lost_update.decisive"], seen.counts["lost_update.prevented"]) == (0, 1)
        assert (unseen.counts["lost_update.decisive"], unseen.counts["rejected"]) == (1, 0)


def test_occ_with_less_than_full_visibility_lets_decisive_hazards_through() -> None:
    comparison = Comparison()
    rows = [
        comparison.row(Cell("ledger", "occ", seeds=8, size="tiny", settings=(("visibility", share),)))
        for share in (1.0, 0.5, 0.0)
    ]
    none = comparison.row(Cell("ledger", "none", seeds=8, size="tiny"))
    lost = [row["hazards"]["lost_update"]["decisive"] for row in (*rows, none)]
    assert lost[0] == 0 < lost[1] < lost[2]
    assert [row["success"] < 1 for row in rows] == [False, True, True]


def test_of_an_input_that_nobody_sees_a_defence_is_as_good_as_none() -> None:
    for seed in range(30):
        played = [
            watch(random_schedule(seed, {"visibility": 0.0, "footprint_error": 0.0}, dict(resolve(protocol)))).events
            for protocol in ("none", "object_cas", "sight_check")
        ]
        assert played[0] == played[1] == played[2]


def test_inputs_are_hidden_and_footprints_wrong_alike_under_every_protocol() -> None:
    drawn: dict[str, set[tuple[int, ...]]] = {}
    for protocol in ("none", "occ", "two_phase_locking", "serial", "mtpo"):
        rules = Rules("till", TILL, Settings(think=3, visibility=0.5, footprint_error=0.5, max_cycles=60))
        world, rng = World(rules, Textbook(resolve(protocol)), 5), np.random.default_rng(0)
        while not world.status:
            world.tick([int(rng.choice(np.flatnonzero(world.mask(agent)))) for agent in range(3)])
        decided = {
            event[3]: (event[2], event[9], event[12], event[11]) for event in world.events if event[0] == log.DECIDE
        }
        kinds = (log.INPUT, log.FOOTPRINT)
        found = [event for event in world.events if event[0] in kinds]
        drawn[protocol] = {(*decided[e[3]], e[0], e[5], e[12] if e[0] == log.INPUT else e[9]) for e in found}
    # One draw for each agent, task, completion, attempt and site, whoever asks.
    together = Counter(row[:-1] for row in set.union(*drawn.values()) if row[4] == log.INPUT)
    assert set(together.values()) == {1}
    assert all(len(rows & drawn["none"]) > 5 for rows in drawn.values())


def test_what_a_footprint_misses_is_not_locked_ahead_and_what_it_has_too_much_is() -> None:
    rules = Rules("till", TILL, Settings())
    slow, site = rules.tasks[0], range(2)
    assert slow.locks(site) == ((0, EXCLUSIVE),)
    assert slow.locks(site, True, Footprint(missed=0)) == ()
    assert slow.locks(site, True, Footprint(added=1)) == ((0, EXCLUSIVE), (1, SHARED))
    assert slow.locks(site, True, Footprint(frozenset({0}))) == ((0, EXCLUSIVE),)  # it is written all the same
    assert slow.locks(site, False, Footprint(frozenset({0}))) == ()  # read, and that nobody sees
    assert slow.locks((0, 0), True, Footprint(added=1)) == ((0, EXCLUSIVE),)


def test_a_footprint_that_misses_a_site_loses_an_update_under_locks_and_none_under_occ() -> None:
    told = "1 a slow add | 2 b slow add | 3 c slow add"
    counts = {
        protocol: [
            play(TILL, told, protocol, seed=seed, footprint_error=1.0).count("lost_update.decisive")
            for seed in range(6)
        ]
        for protocol in ("two_phase_locking", "locking_as_needed", "occ", "serial")
    }
    assert sum(counts["two_phase_locking"]) > 0
    assert sum(counts["locking_as_needed"]) > 0
    assert sum(counts["occ"]) == sum(counts["serial"]) == 0


def test_a_site_that_is_declared_and_not_used_keeps_others_out() -> None:
    plan = room(
        (Site("till", "counter", HERE), Site("note", "board", HERE)),
        [task("slow add", Op("till", "add", 1)), task("write", Op("note", "write", 5))],
        (Role("worker", 2, (HERE,)),),
    )
    waited = []
    for seed in range(8):
        played = play(plan, "1 a slow add | 2 b write", "two_phase_locking", seed=seed, footprint_error=1.0)
        added = played.of(log.FOOTPRINT, "a", a=1)
        missed = played.of(log.FOOTPRINT, "b", a=0, site=1)
        assert bool(played.of(log.WAIT_BEGIN, "b")) == (bool(added) and not missed)
        waited += [played.count("blocked_ticks")]
    assert 0 < sum(map(bool, waited)) < 8


@pytest.mark.parametrize("protocol", PRESETS)
def test_only_the_token_promises_anything_of_what_it_does_not_see(protocol: str) -> None:
    config = resolve(protocol)
    blind, misled = Settings(visibility=0.99), Settings(footprint_error=0.01)
    assert config.guarantees_in(Settings()) == config.guarantees
    assert config.guarantees_in(blind) == (config.guarantees if protocol == "serial" else frozenset())
    assert config.certificate_in(blind) == (config.certificate if protocol == "serial" else None)
    assert config.guarantees_in(misled) == (
        frozenset() if config.locks != "none" or config.ranks else config.guarantees
    )


def test_the_guarantees_that_are_left_hold_on_contended_histories() -> None:
    rules = contended.rules()
    settings = rules.settings.model_copy(update={"visibility": 0.6, "footprint_error": 0.6})
    misled = Rules("contended", rules.blueprint, settings)
    found = Counter[str]()
    for protocol in ("occ", "two_phase_locking", "snapshot", "serial"):
        for seed in range(4):
            world, rng = World(misled, Textbook(resolve(protocol)), seed), np.random.default_rng(seed)
            while not world.status:
                masks = [np.flatnonzero(world.mask(agent)) for agent in range(len(world.agents))]
                world.tick([int(rng.choice(mask)) for mask in masks])
            found[protocol] += decisive(audit_episode(misled, world.event_array()).counts)
    assert found["serial"] == 0
    assert min(found[protocol] for protocol in ("occ", "two_phase_locking", "snapshot")) > 0


def test_a_digest_names_the_imperfections_only_where_there_are_any() -> None:
    usual, misled = Settings().header, Settings(visibility=0.5).header
    assert {"visibility", "footprint_error"}.isdisjoint(usual)
    assert misled == {**usual, "visibility": 0.5}


@pytest.mark.parametrize("name", ["visibility", "footprint_error"])
@pytest.mark.parametrize("share", [-0.1, 1.1, "many"])
def test_a_share_lies_between_none_and_all(name: str, share: object) -> None:
    with pytest.raises(ValueError, match=name):
        Settings(**{name: share})  # type: ignore[arg-type]
