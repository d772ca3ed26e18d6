"""Ranks (mtpo): who comes late is slipped in beneath higher ranks, and those who read too early do it again."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from stalegrid.episodes import run_episodes
from stalegrid.protocols.config import AXES, Config
from stalegrid.protocols.preorder import Preorder
from stalegrid.protocols.presets import PRESETS, resolve
from stalegrid.protocols.textbook import Textbook
from stalegrid.reading import make_rules
from stalegrid.world import log, verbs
from stalegrid.world.audit import audit_episode
from stalegrid.world.control import Control
from stalegrid.world.ranks import AFTER, Chains
from stalegrid.world.reference import World
from stalegrid.world.reference_state import Transaction
from stalegrid.world.rules import Rules
from stalegrid.world.scenario import Drift, Op, Role, Site
from stalegrid.world.state import HAZARDS, IDLE, NO_SITE

from .schedules import SOUND, Schedule, random_schedule
from .test_engines_agree import compare
from .turns import HERE, Played, Seen, Watched, WatchedChoices, play, read, room, task, worlds

MTPO = "mtpo"
JUDGES = AXES["judge"].values
X, Y, NOTE, SHELF, EAST, WEST, DEPOT = range(7)
FAR = (2, 7)
SITES = (
    Site("x", "counter", HERE),
    Site("y", "counter", HERE),
    Site("note", "board", HERE),
    Site("shelf", "shelf", FAR, 1),
    Site("east", "guard_post", HERE, 1, depends=("west",)),
    Site("west", "guard_post", FAR, 1, depends=("east",)),
    Site("depot", "depot", HERE),
)
OFFICE = room(
    SITES,
    (
        task("x", Op("x", "add", 1)),
        task("slow x", Op("x", "add", 1)),
        task("x five", Op("x", "add", 5)),
        task("note", Op("note", "write", 7)),
        task("slow note", Op("note", "write", 3)),
        task("x to y", Op("y", "add", 1, rests_on=("x",))),
        task("slow leave east", Op("east", "leave", 1)),
        task("leave west", Op("west", "leave", 1)),
        task("deliver", Op("depot", "deliver", 2)),
    ),
    (Role("worker", 3, (HERE,), hand=2),),
)
EMPTY_HANDED = room(
    SITES,
    (task("slow take", Op("shelf", "take", 1), roles=("taker",)), task("swap", Op("shelf", "swap", 2))),
    (Role("taker", 1, (HERE,)), Role("worker", 2, (HERE,), hand=2)),
)


def versions(played: Played, site: int) -> list[tuple[int, int]]:
    """Return (kind, value) of each version of a site."""
    return [(e.kind, e.value) for e in played.events if e.kind in (log.WRITE, log.UNDO, log.REDO) and e.site == site]


# ---------------------------------------------------------------------- chains


def test_a_reader_sees_lower_ranks_only_and_what_is_quiet_stays():
    chains = Chains([10])
    chains.lay(0, 3, 0, 7)
    chains.lay(0, 1, 1, 5)
    chains.lay(0, 1, AFTER, 100)
    assert [chains.value(0, rank) for rank in range(5)] == [10, 10, 115, 115, 7]
    assert chains.own(0, 1) == 15
    chains.fold(1)
    chains.take(0, 3)
    assert (chains.base, chains.value(0, 9)) == ([115], 115)


# ---------------------------------------------------------------------- record sites


def test_a_late_write_of_a_lower_rank_is_slipped_in_beneath_a_higher_one():
    # b's blind write rests on nothing, so nobody is told, and a's late one leaves it on top.
    played = play(OFFICE, "1 a slow note | 3 b note", MTPO)
    assert versions(played, NOTE) == [(log.WRITE, 7), (log.UNDO, 0), (log.WRITE, 3), (log.REDO, 7)]
    assert (played.count("committed"), played.of(log.NOTIFY)) == (2, [])


def test_who_read_beneath_a_late_write_takes_its_own_back_and_does_it_again_at_its_rank():
    played = play(OFFICE, "1 a slow x | 3 b x five | 6 b x five", MTPO)
    assert versions(played, X)[-1] == (log.WRITE, 6)
    assert (played.count("committed"), played.count("lost_update.decisive")) == (2, 0)
    ranks = [(rank.agent, rank.value, rank.a) for rank in played.of(log.RANK)]
    assert ranks == [(0, 0, 0), (1, 1, 0), (1, 1, 1)]
    (notice,) = played.of(log.NOTIFY)
    assert (notice.agent, notice.value, notice.b) == (1, 1, 1)  # the value at the reader's rank
    assert [quiet.value for quiet in played.of(log.QUIET)][-1] == 1


def test_a_thought_on_what_a_lower_rank_has_changed_is_refused_before_it_acts():
    played = play(OFFICE, "1 a slow x | 2 b slow x", MTPO)
    assert (played.count("lost_update.prevented"), played.count("lost_update.decisive")) == (1, 0)


def test_a_higher_rank_is_no_news_to_a_lower_one():
    played = play(OFFICE, "1 a slow x | 3 b x | 3 c note", MTPO)
    assert played.of(log.NOTIFY, "a") == []
    assert [played.of(log.ACT, "a")[0].c, played.count("lost_update.exposed")] == [1, 0]


def test_what_makes_no_difference_is_read_again_and_not_done_again():
    # y + 1 rests on x and does not depend on its value.
    played = play(OFFICE, "1 a slow x | 3 b x to y", MTPO)
    (judged,), (again,) = played.of(log.JUDGED, "b"), played.of(log.REREAD, "b")
    assert (judged.a, judged.b, again.value) == (0, 0, 1)
    lazy = play(OFFICE, "1 a slow x | 3 b x to y", {"preset": MTPO, "judge": "lazy"})
    assert [(judged.a, judged.b) for judged in lazy.of(log.JUDGED, "b")] == [(1, 0)]
    assert len(lazy.of(log.REVOKED, "b")) == 1


def test_a_judge_who_takes_what_matters_for_nothing_loses_the_update():
    wrong = {"preset": MTPO, "judge": "wrong", "misjudged": 100}
    played = play(OFFICE, "1 a slow x | 2 b slow x", wrong)
    assert played.count("lost_update.decisive") == 1
    assert (resolve(MTPO).guarantees, resolve(wrong).guarantees) == (frozenset(HAZARDS), frozenset())


@pytest.mark.parametrize(("repair", "thought"), [(0, 0), (25, 1), (100, 4)])
def test_a_repair_costs_its_share_of_the_thought(repair: int, thought: int):
    played = play(OFFICE, "1 a slow x | 2 b slow x | 7 b slow x", {"preset": MTPO, "repair": repair})
    assert [decide.b for decide in played.of(log.DECIDE, "b")] == [4, thought]


def test_a_rank_whose_owner_chooses_anything_else_is_given_up():
    played = play(OFFICE, "1 a slow x | 3 b x five | 6 c slow x", MTPO, ticks=20)
    assert played.of(log.RANK, "b", a=1) == []
    assert max(quiet.value for quiet in played.of(log.QUIET)) == 2


def test_tasks_wait_where_the_window_is_full_and_no_version_is_lost():
    played = play(OFFICE, "1 a slow x | 2 b slow x | 3 c slow x", {"preset": MTPO, "window": 1}, ticks=40)
    assert [wait.b for wait in played.of(log.WAIT_BEGIN)] == [log.FOR_RANK] * 2
    assert (played.count("committed"), played.of(log.NOTIFY)) == (3, [])


# ---------------------------------------------------------------------- physical sites, and what cannot be undone


def test_a_late_act_waits_at_its_site_until_the_higher_rank_has_walked_back():
    played = play(EMPTY_HANDED, "1 a slow take | 2 b swap", MTPO, ticks=40)
    # a decided first, b swapped first: b walks back, and a takes what it had seen.
    assert versions(played, SHELF)[:3] == [(log.WRITE, 2), (log.UNDO, 1), (log.WRITE, 0)]
    assert played.of(log.NOTIFY, "b")[0].a == 1
    assert played.ticks(log.WAIT_BEGIN, "a", b=log.FOR_RANK) != []
    assert played.count("stale_read.decisive") == 0


def test_an_act_in_the_open_waits_until_what_it_rests_on_is_as_its_rank_sees_it():
    # At rank 0 the west is manned; b has left it at rank 1, and must come back before a may leave.
    played = play(OFFICE, "1 a slow leave east | 2 b leave west | 2 c note", MTPO, ticks=60)
    values = [post for post in played.events if post.kind in (log.WRITE, log.UNDO) and post.site in (EAST, WEST)]
    assert [(event.site, event.kind, event.value) for event in values][:3] == [
        (WEST, log.WRITE, 0), (WEST, log.UNDO, 1), (EAST, log.WRITE, 0),
    ]  # fmt: skip


def test_a_late_difference_in_the_open_leaves_those_of_higher_ranks_alone():
    yard = room(
        (Site("yard", "guard_post", HERE, 3),),
        (task("slow leave", Op("yard", "leave", 0)), task("leave", Op("yard", "leave", 0))),
        (Role("worker", 3, (HERE,)),),
    )
    played = play(yard, "1 a slow leave | 2 b leave | 3 c leave", MTPO)
    assert versions(played, 0) == [(log.WRITE, 2), (log.WRITE, 1), (log.WRITE, 0)]


def test_what_cannot_be_undone_waits_until_every_lower_rank_is_quiet():
    played = play(OFFICE, "1 a slow note | 2 b deliver", MTPO)
    (delivered,) = played.of(log.WRITE, site=DEPOT)
    assert delivered.tick > played.ticks(log.COMMIT, "a")[0]
    assert played.ticks(log.WAIT_BEGIN, "b", b=log.FOR_RANK) == [2]
    alone = play(OFFICE, "1 b deliver | 2 a slow note", MTPO)
    assert alone.of(log.WAIT_BEGIN) == []


# ---------------------------------------------------------------------- the order of ranks


def events_of(schedule: Schedule, make: Callable[[Config], Control] = Textbook) -> list[Seen]:
    """Play a schedule on the readable engine, under what is made of its config, and return its events."""
    watched = WatchedChoices(schedule.choices())
    read(Watched(schedule.rules, schedule.config, schedule.world_seed, told=str(schedule), watched=watched), make)
    return [Seen(*event) for event in watched.events]


def replay(rules: Rules, events: Sequence[Seen]) -> None:
    """Do what is committed and quiet again, one after the other by rank: each op finds and leaves what it did."""
    quiet = max((event.value for event in events if event.kind == log.QUIET), default=-1)
    revoked = {event.txn for event in events if event.kind == log.REVOKED}
    kept = {event.txn for event in events if event.kind == log.COMMIT} - revoked
    decided = {event.txn: event for event in events if event.kind == log.DECIDE}
    rank_of = {event.txn: event.value for event in events if event.kind == log.RANK and event.a < 2}
    by_rank = {rank_of[txn]: decided[txn] for txn in kept & decided.keys()}
    assert len(by_rank) == len(kept & decided.keys()), "every rank is committed once"
    acts = {(event.txn, event.op): event for event in events if event.kind == log.ACT}
    after: dict[int, list[Seen]] = defaultdict(list)
    chains = Chains(site.value for site in rules.blueprint.sites)
    for event in events:
        if event.kind == log.LAID:
            chains.lay(event.site, event.b, event.a, event.value)
            if event.a == AFTER:
                after[event.b].append(event)
        elif event.kind == log.TAKEN:
            chains.take(event.site, event.b)
        elif event.kind == log.QUIET:
            chains.fold(event.value)
    values = dict(enumerate(site.value for site in rules.blueprint.sites))
    for rank in range(-1, quiet + 1):
        decide = by_rank.get(rank)
        for index, op in enumerate(rules.tasks[decide.a].ops if decide else ()):
            act = acts[decide.txn if decide else -1, index]
            written = op.value_written(act.value, values)
            assert (op.premise_holds(act.value, values), written) == (bool(act.b), act.c), f"rank {rank}"
            for site, value in op.entries or ((op.site, written),):
                values[site] = value
        for event in after[rank]:
            values[event.site] += event.value
    assert list(values.values()) == chains.base, "other values at the end"


def replay_records(seeds: range, judge: str, make: Callable[[Config], Control] = Textbook) -> int:
    """Play the schedules of these seeds that have record sites alone, replay them, and count them."""
    records = {verbs.SITE_KINDS[kind] for kind in verbs.RECORD_KINDS}
    axes: dict[str, Any] = {**dict(resolve(MTPO)), "judge": judge}
    played = 0
    for seed in seeds:
        schedule = random_schedule(seed, {"lockstep": False, "navigation": "auto", **SOUND}, axes)
        if {site.kind for site in schedule.rules.blueprint.sites} <= records:
            replay(schedule.rules, events_of(schedule, make))
            played += 1
    return played


@pytest.mark.parametrize("judge", ["perfect", "lazy"])
def test_what_is_quiet_is_what_a_serial_run_in_the_order_of_ranks_leaves(judge: str):
    assert replay_records(range(300), judge) > 15


@pytest.mark.long
@pytest.mark.parametrize("judge", ["perfect", "lazy"])
def test_much_more_is_what_a_serial_run_in_the_order_of_ranks_leaves(judge: str):
    assert replay_records(range(1_000, 11_000), judge) > 500


class Forgetful(Chains):
    """Writes by rank of which every other one stays when it is taken back."""

    taken = 0

    def take(self, site: int, rank: int) -> None:
        """Take back one of two."""
        self.taken += 1
        if self.taken % 2 == 0:
            super().take(site, rank)


class TornUndo(Preorder):
    """An undo that forgets a version: the write stands there as if its rank had kept it."""

    def reset(self, world: World) -> None:
        """An episode begins."""
        super().reset(world)
        self.chains = Forgetful(site.value for site in world.sites)


class UntoldReaders(Preorder):
    """A write is slipped in beneath those of higher ranks, and who had read what it replaces is not told."""

    def admitted(self, world: World, txn: Transaction) -> None:
        """Note nothing that it reads."""
        super().admitted(world, txn)
        self.slots[txn.rank].reads = {}


def under(ranks: type[Preorder]) -> Callable[[Config], Textbook]:
    """Return what makes the textbook class of a config with ranks of this class."""

    def make(config: Config) -> Textbook:
        control = Textbook(config)
        control.preorder = control.ranks = ranks(config.judge, config.repair, config.misjudged, config.window)
        return control

    return make


@pytest.mark.parametrize("broken", [TornUndo, UntoldReaders])
def test_what_ranks_do_wrong_is_found_by_the_serial_run(broken: type[Preorder]) -> None:
    with pytest.raises(AssertionError, match="rank"):
        replay_records(range(1_000), "perfect", under(broken))


@pytest.mark.parametrize("judge", ["perfect", "lazy"])
def test_no_act_rests_on_what_a_lower_rank_has_changed(judge: str):
    for seed in range(100):
        schedule = random_schedule(seed, SOUND, {**dict(resolve(MTPO)), "judge": judge})
        counts = read(schedule).counts
        assert [hazard for hazard in HAZARDS if counts[f"{hazard}.decisive"]] == [], str(schedule)


def test_who_is_called_back_on_its_way_to_a_look_has_given_the_look_up():
    for seed in (162, 217):
        schedule = random_schedule(seed, {"lockstep": False, "navigation": "auto", **SOUND}, dict(resolve(MTPO)))
        for world in worlds(schedule):
            assert [me for me in world.agents if me.phase == IDLE and me.look != NO_SITE] == []


def test_the_world_stays_on_top_of_what_is_slipped_in_beneath_it():
    drifting = OFFICE.__class__(**{**OFFICE.__dict__, "drift": (Drift("x", 1, 3, 1, 0, 50),)})
    played = play(drifting, "1 a slow x | 2 c note", MTPO)
    assert versions(played, X) == [(log.WRITE, 50), (log.UNDO, 0), (log.WRITE, 1), (log.REDO, 51)]


# ---------------------------------------------------------------------- scenarios, and where it cannot be had


@pytest.mark.parametrize("scenario", ["ledger", "refactor", "guards", "moved_key", "drawbridge"])
def test_every_goal_is_met_under_ranks(scenario: str):
    rules = make_rules(scenario, size="tiny")
    for episode in run_episodes(rules, resolve(MTPO), "naive", [1_000_000, 1_000_001]):
        report = audit_episode(rules, episode.events)
        assert (report.goals_met, report.goals) == (report.goals, report.goals)
        assert sum(report.counts[f"{hazard}.decisive"] for hazard in HAZARDS) == 0


def test_both_engines_play_random_schedules_under_ranks_alike():
    for seed in range(100):
        rng = random.Random(seed)
        axes = {**PRESETS[MTPO], "judge": rng.choice(JUDGES), "mail": rng.choice(AXES["mail"].values)}
        compare(random_schedule(seed, None, {**axes, "transaction": rng.choice(AXES["transaction"].values)}))


@pytest.mark.long
@pytest.mark.parametrize("judge", JUDGES)
def test_both_engines_play_many_more_under_ranks_alike(judge: str):
    for seed in range(1_000, 5_000):
        compare(random_schedule(seed, None, {**PRESETS[MTPO], "judge": judge}))


@pytest.mark.parametrize(
    ("axes", "reason"),
    [
        ({"reads": "decision"}, "needs reads = 'admission'"),
        ({"writes": "buffered"}, "needs writes = 'in place'"),
        ({"scopes": ("written",), "validated": ("act",)}, "scopes would refuse what higher ranks wrote"),
        ({"locks": "site"}, "lets nobody wait"),
        ({"order": "none", "judge": "lazy"}, "nothing to judge"),
    ],
)
def test_what_contradicts_ranks_is_refused_with_the_reason(axes: dict[str, Any], reason: str):
    with pytest.raises(ValueError, match=reason):
        resolve({"preset": MTPO, **axes})
