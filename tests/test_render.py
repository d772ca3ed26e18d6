"""Pictures: taken alike from both engines, drawn without a display, and saying what they are meant to say."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stalegrid.protocols.presets import resolve
from stalegrid.protocols.textbook import Textbook
from stalegrid.render import palette
from stalegrid.render.ansi import text
from stalegrid.render.film import write_film
from stalegrid.render.font import text_mask, write
from stalegrid.render.ground import frame_shape, strip_px, water_cells
from stalegrid.render.scene import MessageView, Scene, scene_of_arrays, scene_of_reference, stage_of
from stalegrid.render.tiles import draw
from stalegrid.world import state as records
from stalegrid.world.reference import World
from stalegrid.world.rules import Rules
from stalegrid.world.scenarios import SCENARIOS
from stalegrid.world.settings import Settings
from stalegrid.world.vectors import agent_lanes


def new_world(scenario: str, protocol: str = "none", seed: int = 0, size: str = "small") -> World:
    """Return a fresh world of the reference engine."""
    chosen = SCENARIOS[scenario]
    blueprint = chosen.build(**chosen.sizes[size])
    rules = Rules(scenario, blueprint, Settings(think=blueprint.think, delay=blueprint.delay))
    return World(rules, Textbook(resolve(protocol)), seed)


def moments(world: World, ticks: int, seed: int = 1) -> Iterator[Scene]:
    """Play at random and yield the scene after each tick."""
    rng = random.Random(seed)
    yield scene_of_reference(world)
    for _ in range(ticks):
        if world.status != records.RUNNING:
            return
        masks = [world.mask(agent) for agent in range(len(world.agents))]
        world.tick([rng.choice(np.flatnonzero(mask).tolist()) for mask in masks])
        yield scene_of_reference(world)


def as_arrays(world: World) -> records.State:
    """Write what a picture needs of a reference world into records, in row 1 of 2; the other row is rubbish."""
    agents, sites = len(world.agents), len(world.sites)
    shapes = {
        "world": (records.WORLD_RECORD, ()),
        "agent": (records.AGENT_RECORD, (agents,)),
        "site": (records.SITE_RECORD, (sites,)),
        "belief": (records.BELIEF_RECORD, (agents, sites)),
        "event": (records.EVENT_RECORD, (len(world.due),)),
        "mail": (records.MAIL_RECORD, (2 * len(world.mail) + 3,)),
    }
    arrays = {name: np.full((2, *shape), 7, dtype) for name, (dtype, shape) in shapes.items()}
    arrays["thought_left"] = np.full((2, agent_lanes(agents)), 7, np.int32)
    row = arrays["world"][1]
    row["tick"], row["holder"] = world.now, world.holder
    row["mail_first"], row["mail_count"] = 1, 1 + 2 * len(world.mail)  # after each letter one that has arrived
    row["goals_met"], row["goals_lost"] = sum(world.met), sum(world.lost)
    for index, me in enumerate(world.agents):
        record, txn = arrays["agent"][1, index], me.txn
        for name in ("cell", "phase", "hand", "outcome", "look", "holding", "queued_task"):
            record[name] = getattr(me, name)
        arrays["thought_left"][1, index] = me.thought_left
        record["txn"] = records.NO_TXN if txn is None else txn.number
        record["task"] = records.NO_TASK if txn is None else txn.task
        if txn is not None:
            record["op"], record["thought"] = txn.op, txn.thought
        for site, belief in enumerate(world.beliefs[index]):
            for name in ("value", "version", "channel", "tick", "arrived", "promise"):
                arrays["belief"][1, index, site][name] = getattr(belief, name)
    for index, there in enumerate(world.sites):
        for name in ("value", "version", "unsettled"):
            arrays["site"][1, index][name] = getattr(there, name)
    for index, boat in enumerate(world.boats):
        arrays["event"][1, index]["state"] = boat
    for index, mail in enumerate(world.mail):
        for name in records.MAIL_RECORD.names or ():
            arrays["mail"][1, 1 + 2 * index][name] = getattr(mail, name)
        arrays["mail"][1, 2 + 2 * index]["due"] = records.GONE
    nothing = np.zeros((2, 0))
    return records.State(**{name: arrays.get(name, nothing) for name in records.State._fields})  # type: ignore[arg-type]


def close_gate(scene: Scene, value: int = 1) -> Scene:
    """Return the scene with the gate of a drawbridge set."""
    gate = scene.stage.site_names.index("gate")
    sites = list(scene.sites)
    sites[gate] = sites[gate]._replace(value=value)
    cells = scene.stage.gates[gate] if value else ()
    return replace(scene, sites=tuple(sites), closed=frozenset(cells))


def tile_of(frame: NDArray[np.uint8], scene: Scene, cell: int, px: int = 32) -> NDArray[np.uint8]:
    """Cut one tile out of a frame."""
    row, column = divmod(cell, scene.stage.columns)
    top = strip_px(px) + row * px
    return frame[top : top + px, column * px : (column + 1) * px]


def has_colour(frame: NDArray[np.uint8], colour: palette.Colour) -> bool:
    """Tell whether a picture has a pixel of exactly this colour."""
    return bool((frame == np.array(colour, np.uint8)).all(-1).any())


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("protocol", ["none", "occ", "serial"])
def test_records_and_reference_world_give_the_same_scene(scenario: str, protocol: str) -> None:
    world = new_world(scenario, protocol)
    for scene in moments(world, 60):
        assert scene_of_arrays(world.rules, as_arrays(world), 1) == scene


def test_taking_a_scene_leaves_the_world_as_it_was() -> None:
    watched, alone = new_world("drawbridge"), new_world("drawbridge")
    for scene in moments(watched, 80):
        draw(scene, 16, focus=0)
        text(scene)
    rng = random.Random(1)
    for _ in range(80):
        if alone.status == records.RUNNING:
            masks = [alone.mask(agent) for agent in range(len(alone.agents))]
            alone.tick([rng.choice(np.flatnonzero(mask).tolist()) for mask in masks])
    assert watched.events == alone.events


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("size", ["tiny", "small", "medium", "large"])
@pytest.mark.parametrize("tile_px", [8, 13, 16, 32])
def test_every_frame_is_contiguous_uint8_with_sides_that_are_multiples_of_16(
    scenario: str, size: str, tile_px: int
) -> None:
    for scene in moments(new_world(scenario, size=size), 12):
        frame = draw(scene, tile_px, focus=0)
        assert frame.dtype == np.uint8
        assert frame.flags.c_contiguous
        assert frame.flags.writeable
        assert frame.shape == frame_shape(scene.stage, tile_px)
        assert frame.shape[0] % 16 == frame.shape[1] % 16 == 0


def test_a_frame_is_a_fresh_copy_that_one_may_scribble_on() -> None:
    scene = scene_of_reference(new_world("ledger"))
    first = draw(scene)
    kept = first.copy()
    first[...] = 0
    assert (draw(scene) == kept).all()


def test_a_closed_gate_is_striped_in_the_colour_of_barriers_and_an_open_one_is_not() -> None:
    scene = scene_of_reference(new_world("drawbridge"))
    for cell in scene.stage.gates[scene.stage.site_names.index("gate")]:
        assert has_colour(tile_of(draw(close_gate(scene)), scene, cell), palette.BARRIER)
        assert not has_colour(tile_of(draw(scene), scene, cell), palette.BARRIER)


def test_a_ring_fills_while_an_agent_thinks() -> None:
    scene = scene_of_reference(new_world("ledger"))
    dark = []
    for left in (6, 3, 0):
        agents = (scene.agents[0]._replace(phase=records.THINKING, thought=6, thought_left=left), *scene.agents[1:])
        tile = tile_of(draw(replace(scene, agents=agents)), scene, agents[0].cell)
        dark.append(int((tile.max(-1) < 60).sum()))
    assert dark[0] < dark[1] < dark[2]


def test_each_phase_and_fate_of_an_agent_looks_different() -> None:
    scene = scene_of_reference(new_world("ledger"))
    me = scene.agents[0]
    looks = [
        me,
        me._replace(phase=records.THINKING, thought=6, thought_left=3),
        me._replace(phase=records.QUEUED),
        me._replace(phase=records.OUT),
        me._replace(hand=3),
        me._replace(outcome=records.COMMITTED),
        me._replace(outcome=records.REJECTED),
    ]
    scenes = [replace(scene, agents=(look, *scene.agents[1:])) for look in looks]
    tiles = {tile_of(draw(one), scene, me.cell).tobytes() for one in scenes}
    tiles.add(tile_of(draw(replace(scene, holder=0)), scene, me.cell).tobytes())
    assert len(tiles) == len(looks) + 1


def test_two_agents_on_one_cell_are_both_seen() -> None:
    scene = scene_of_reference(new_world("drawbridge"))
    walker, operator = scene.agents[0], scene.agents[-1]
    frame = draw(replace(scene, agents=(walker._replace(cell=operator.cell), *scene.agents[1:])))
    tile = tile_of(frame, scene, operator.cell)
    assert has_colour(tile, palette.role_colour(walker.role))
    assert has_colour(tile, palette.role_colour(operator.role))


def test_a_message_turns_to_the_warning_colour_when_its_basis_is_superseded() -> None:
    scene = scene_of_reference(new_world("drawbridge"))
    letter = MessageView(0, len(scene.agents) - 1, records.FACT, 0, 1, 0, True, sent=0, due=6, held=False)
    scene = replace(scene, tick=3)
    assert not has_colour(draw(replace(scene, messages=(letter,))), palette.LETTER_STALE)
    assert has_colour(draw(replace(scene, messages=(letter._replace(is_current=False),))), palette.LETTER_STALE)


def test_a_message_is_current_exactly_while_the_world_has_not_moved_past_it() -> None:
    seen = set()
    world = new_world("drawbridge", seed=2)
    for scene in moments(world, 150):
        for view, mail in zip(scene.messages, world.mail, strict=True):
            gap = world.sites[mail.site].version - mail.stamp
            kept = mail.kind == records.PROMISE and gap == 1 and world.sites[mail.site].value == mail.value
            assert view.is_current == (gap == 0 or kept)
            assert 0 < view.progress(scene.tick) < 1
            seen.add(view.is_current)
    assert seen == {True, False}


def test_a_ghost_stands_only_beside_sites_of_which_the_focused_agent_is_wrong() -> None:
    scene = scene_of_reference(new_world("ledger"))
    beliefs = [list(row) for row in scene.beliefs]
    plain = draw(scene, focus=0)
    beliefs[0][2] = beliefs[0][2]._replace(value=5)
    wrong = replace(scene, beliefs=tuple(tuple(row) for row in beliefs))
    assert has_colour(draw(wrong, focus=0), palette.GHOST)
    assert (draw(wrong, focus=0) != plain).any()
    assert (draw(wrong, focus=1) == draw(scene, focus=1)).all()
    assert (draw(wrong) == draw(scene)).all()


def test_values_of_a_site_are_told_apart_at_every_tile_size() -> None:
    scene = scene_of_reference(new_world("ledger"))
    for tile_px in (8, 16, 32, 48):
        frames = set()
        for value in (0, 1, 7, 42, 117):
            sites = (scene.sites[0]._replace(value=value), *scene.sites[1:])
            frames.add(draw(replace(scene, sites=sites), tile_px).tobytes())
        assert len(frames) == 5


def test_water_is_the_inner_wall_that_a_gate_spans_and_nothing_without_a_gate() -> None:
    bridge, ledger = new_world("drawbridge").rules, new_world("ledger").rules
    columns = {cell % bridge.layout.columns for cell in water_cells(stage_of(bridge))}
    middle = bridge.layout.columns // 2
    assert columns == {middle - 1, middle, middle + 1}
    assert water_cells(stage_of(ledger)) == frozenset()


@pytest.mark.parametrize("focus", [-1, 8])
def test_a_focus_that_is_no_agent_is_refused_with_the_range(focus: int) -> None:
    with pytest.raises(ValueError, match=f"from 0 to 7.*got {focus}"):
        draw(scene_of_reference(new_world("ledger")), focus=focus)


def test_a_tile_too_small_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 8; got 4"):
        draw(scene_of_reference(new_world("ledger")), 4)


def test_text_shows_map_agents_sites_and_mail_without_escapes_unless_asked() -> None:
    for scene in moments(new_world("drawbridge"), 60):
        plain = text(scene)
        lines = plain.splitlines()
        assert len({len(line) for line in lines[1 : 1 + scene.stage.rows]}) == 1
        assert all(name in plain for name in (*scene.stage.agent_names, *scene.stage.site_names))
        assert plain.count("mail ") == len(scene.messages)
        assert "\x1b" not in plain
        assert "\x1b[" in text(scene, colours=True)
        bridge = lines[1 + scene.stage.rows // 2 + 1]
        assert ("X" in bridge) == bool(scene.closed) or any(agent.cell in scene.closed for agent in scene.agents)


def test_small_letters_are_written_as_capitals_and_unknown_signs_as_question_marks() -> None:
    assert (text_mask("gate") == text_mask("GATE")).all()
    assert (text_mask("\N{SNOWMAN}") == text_mask("?")).all()


def test_writing_over_the_edge_of_a_frame_is_cut_off() -> None:
    whole = np.zeros((30, 60, 3), np.uint8)
    write(whole, "TICK", 10, 20, palette.WHITE)
    for top, left in ((-3, -4), (26, 50), (40, 90), (-20, -90)):
        part = np.zeros_like(whole)
        write(part, "TICK", top, left, palette.WHITE)
        assert part.sum() < whole.sum()


def test_no_two_letters_look_alike_except_zero_and_o() -> None:
    letters = "0123456789ABCDEFGHIJKLMNPQRSTUVWXYZ+-=/()<>?!%.,:_*#"
    assert len({text_mask(letter).tobytes() for letter in letters}) == len(letters)


def test_a_missing_library_is_named_with_the_extra_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from stalegrid.render.window import Window

    for name in ("pygame", "imageio", "imageio.v2"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r'pip install "stalegrid\[render\]"'):
        Window()
    with pytest.raises(ImportError, match=r'pip install "stalegrid\[render\]"'):
        write_film(tmp_path / "none.gif", [np.zeros((16, 16, 3), np.uint8)], fps=8)


def test_drawing_imports_neither_pygame_nor_pillow_nor_imageio() -> None:
    modules = ("scene", "tiles", "ansi", "window", "film")
    code = (
        f"import sys; {'; '.join(f'import stalegrid.render.{name}' for name in modules)}; "
        "print([name for name in ('pygame', 'PIL', 'imageio') if name in sys.modules])"
    )
    source = str(Path(__file__).parents[1] / "src")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert done.stdout.strip() == "[]"


def test_a_window_shows_frames_closes_on_quit_and_may_be_closed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame = pytest.importorskip("pygame")
    from stalegrid.render.window import Window

    frame = draw(scene_of_reference(new_world("drawbridge")))
    window = Window("test", fps=1000)
    window.show(frame)
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).transpose(1, 0, 2)
    assert (shown == frame).all()
    assert pygame.display.get_caption()[0] == "test"
    assert not pygame.mixer.get_init()
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    window.show(frame)
    assert not window.is_open
    window.show(frame)
    window.close()
    window.close()
    assert not pygame.display.get_init()
