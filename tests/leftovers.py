"""What a log says of who has what open, waits or holds; it must never contradict itself, nor the state at the end."""

from __future__ import annotations

from typing import Any

from stalegrid.protocols.config import Config
from stalegrid.protocols.single import CompiledEngine
from stalegrid.world import log
from stalegrid.world.audit.sums import SETTLES
from stalegrid.world.state import GONE, INCREMENT, LOCK_MODES, NO_TXN, NOBODY, QUEUED


def contradictions(events: Any, engine: CompiledEngine) -> list[str]:
    """Return what a whole log says against itself, and against the state of the engine that ended it."""
    wrong: list[str] = []
    crossings = set(events["txn"][events["kind"] == log.BORDER].tolist())
    opened: dict[int, int] = {}  # agent -> transaction
    waits: dict[int, tuple[int, int]] = {}  # agent -> what for, and where
    held: set[tuple[int, int, int]] = set()  # agent, site, mode; the token is on no site
    mail: set[int] = set()  # numbers of messages in flight
    columns = ["kind", "tick", "agent", "txn", "site", "a", "b", "c", "e"]
    for kind, tick, agent, txn, site, a, b, c, e in events[columns].tolist():
        said = f"tick {tick}: agent {agent} {log.KIND_NAMES[kind]} txn {txn} site {site}"
        if txn in crossings:
            continue
        if kind == log.DECIDE:
            if agent in opened or agent in waits:
                wrong.append(f"{said}, and is at something")
            opened[agent] = txn
        elif kind in (*SETTLES, log.ACT, log.INPUT, log.THINK_END) and opened.get(agent) != txn:
            wrong.append(f"{said}, which is not open")
        if kind in SETTLES:
            opened.pop(agent, None)
            if agent in waits:
                wrong.append(f"{said}, and waits")
        elif kind == log.WAIT_BEGIN:
            if agent in waits:
                wrong.append(f"{said}, and waits already")
            waits[agent] = b, site
        elif kind == log.WAIT_END and waits.pop(agent, None) != (b, site):
            wrong.append(f"{said}, and did not")
        elif kind == log.GRANT:
            if (agent, site, a) in held or (site < 0 and any(lock < 0 for _, lock, _ in held)):
                wrong.append(f"{said}, which is held")
            held.add((agent, site, a))
        elif kind == log.RELEASE:
            if (agent, site, a) not in held:
                wrong.append(f"{said}, which it has not")
            held.discard((agent, site, a))
        elif kind == log.SEND and not e & 1:
            mail.add(c)
        elif kind in (log.DELIVER, log.DROP):
            if c not in mail:
                wrong.append(f"{said}, message {c}, which is not in flight")
            mail.discard(c)
    return wrong + _against_state(engine, opened, set(waits), held, mail)


def _against_state(
    engine: CompiledEngine, opened: dict[int, int], waits: set[int], held: set[tuple[int, int, int]], mail: set[int]
) -> list[str]:
    state, wrong = engine.batch.state, []
    world = state.world[0]
    letters = state.mail[0, int(world["mail_first"]) : int(world["mail_count"])]
    agents = list(enumerate(state.agent[0]))
    locks = {
        (a, site, mode)
        for site, lock in enumerate(state.lock[0])
        for mode, name in enumerate(LOCK_MODES)
        for a, _ in agents
        if int(lock[name]) >> a & 1
    }
    token = {(int(holder), -1, 0) for holder in state.world["holder"] if holder != NOBODY}
    waiting = {a for a, me in agents if me["phase"] == QUEUED or me["waits"] or me["holding"] != NOBODY}
    for what, found, logged in (
        ("open", {a: int(me["txn"]) for a, me in agents if me["txn"] != NO_TXN}, opened),
        ("waiting", waiting, waits),
        ("held", locks | token, held),
        ("in flight", set(letters[letters["due"] != GONE]["number"].tolist()), mail),
    ):
        if found != logged:
            wrong.append(f"at the end {what} {found}; in the log {logged}")
    return wrong


def leftovers(engine: CompiledEngine) -> list[str]:
    """Return what is held in a state by nobody who has use for it, or that the protocol knows nothing of."""
    state, config, wrong = engine.batch.state, engine.config, []
    world, regions = state.world[0], engine.rules.region_of
    assert isinstance(config, Config)
    for a, me in enumerate(state.agent[0]):
        is_open = me["txn"] != NO_TXN
        if not is_open and (me["holding"] != NOBODY or me["pending"] or (me["waits"] and me["phase"] != QUEUED)):
            wrong.append(f"agent {a} waits or writes without a transaction")
        for site, lock in enumerate(state.lock[0]):
            modes = [mode for mode, name in enumerate(LOCK_MODES) if int(lock[name]) >> a & 1]
            if modes and (config.locks == "none" or not (is_open or (modes == [INCREMENT] and regions))):
                wrong.append(f"agent {a} holds {site}")
            if bool(modes) != bool(int(me["locks"]) >> site & 1):
                wrong.append(f"agent {a} and the lock of {site} disagree")
    for site, there in enumerate(state.site[0]):
        writer = int(there["unsettled"])
        if writer != NOBODY and (config.writes == "in place" or state.agent[0][writer]["txn"] == NO_TXN):
            wrong.append(f"what agent {writer} wrote at {site} never settles")
    if world["holder"] != NOBODY and config.order != "token":
        wrong.append("a token")
    if config.corrections != "epoch" and (world["corrector"] != NOBODY or world["fenced"]):
        wrong.append("an epoch in preparation, or a fence")
    if config.mail != "at settle" and (state.mail[0]["held"][: int(world["mail_count"])] != NO_TXN).any():
        wrong.append("held mail")
    return wrong
