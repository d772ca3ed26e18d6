"""Episodes as panes that the painter draws."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from .beats import outcome, tell_beats
from .protocols.config import Config
from .protocols.presets import ABOUT
from .render.chronicle import Chronicle
from .render.pane import Pane
from .render.scene import Scene
from .tape import Tape
from .world.audit import EpisodeReport

PLAIN: dict[str, str] = {
    "none": "nothing is checked",
    "object_cas": "a write is refused if its target has changed",
    "sight_check": "an act on an outdated sight is refused",
    "stamped": "messages carry versions; an act on an outdated message is refused",
    "epoch_plans": "a new plan starts for all at once; acts by the old one are held",
    "serial": "one agent at a time",
}  # in the words of the window, where the list's own say more than there is room for


def pane_of(tape: Tape, serial: EpisodeReport | None = None) -> Pane:
    """Make a pane of a tape: its scenes, its log, what the auditor found and its story in sentences.

    `serial`, the report of the serial run of its seed, is what E and I are measured by.
    """
    chronicle = Chronicle(tape.rules, tape.events, tape.report)
    return Pane(
        title="no protocol" if tape.protocol == "none" else tape.protocol,
        about=PLAIN.get(tape.protocol) or ABOUT.get(tape.protocol, "a protocol of one's own"),
        scene=tape.scene,
        length=tape.length,
        chronicle=chronicle,
        beats=tell_beats(tape.rules, tape.config, chronicle),
        ending=outcome(tape.report, tape.rules, chronicle),
        checks=isinstance(tape.config, Config) and bool(tape.config.scopes),
        forked=tape.forked_at,
        stats=lambda tick: live_stats(chronicle, tape.scene(tick), serial),
    )


@lru_cache(maxsize=8)
def _serial_run(scenario: str, seed: int, settings: tuple[tuple[str, Any], ...]) -> EpisodeReport:
    return Tape(scenario, "serial", seed, **dict(settings)).report


def serial_of(scenario: str, seed: int, settings: Mapping[str, Any]) -> EpisodeReport:
    """Return the report of the serial run of a seed."""
    return _serial_run(scenario, seed, tuple(sorted(settings.items())))


def live_stats(chronicle: Chronicle, scene: Scene, serial: EpisodeReport | None) -> tuple[tuple[str, str], ...]:
    """Return S, C, E and I and some counts as they stand at a moment, by name.

    E is goals met per tick so far and I think ticks per goal so far, each over the same of the whole serial run.
    """
    tick, met = scene.tick, scene.goals_met
    committed = chronicle.count("committed", tick)
    clean: float | None = None
    if committed and chronicle.rules.blueprint.invariants:
        clean = 1 - chronicle.count("broke", tick) / committed
    thought = chronicle.thought_until(tick)
    pace = spent = None
    if serial is not None and serial.goals_met and tick:
        pace = (met / tick) / (serial.goals_met / max(1, serial.ticks_to_goals))
        if met and serial.counts["think_ticks"]:
            spent = (thought / met) / (serial.counts["think_ticks"] / serial.goals_met)
    numbers = {"S": scene.success, "C": clean, "E": pace, "I": spent}
    counted = ("went wrong", "caught", "committed", "refused", "messages")
    counts = {name: chronicle.count(name, tick) for name in counted}
    return (
        *((name, "-" if value is None else f"{value:.2f}") for name, value in numbers.items()),
        *((name, str(value)) for name, value in counts.items()),
        ("think ticks", str(thought)),
    )
