"""Draw the pictures of the README and the docs again, into docs/pictures: `make pictures`. Needs the extra `render`."""

from pathlib import Path

from PIL import Image

from stalegrid import SCENARIOS, make_rules
from stalegrid.compare import Cell, Comparison
from stalegrid.demo import FPS, first_harm, frames_of, lines_of, median_seed, slowed
from stalegrid.episodes import play
from stalegrid.protocols.presets import resolve
from stalegrid.protocols.single import CompiledEngine
from stalegrid.render.drawing import scene_of
from stalegrid.render.gif import write_gif
from stalegrid.render.tiles import draw

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
BEFORE, AFTER = 25, 12  # ticks of the animation around the first harm
MOST_BYTES = 3_000_000


def harm(name):
    """Draw the moment at which a scenario's hazard first does harm, beside the same moment under the cure."""
    rules, scenario = make_rules(name), SCENARIOS[name]
    run = Comparison().run(Cell(name, "none"))
    seed = median_seed(run, scenario.hazard)
    told = {protocol: lines_of(rules, protocol, seed)[0] for protocol in ("none", scenario.cure)}
    tick, _ = first_harm(told)
    window = range(max(0, tick - BEFORE), tick + AFTER)
    frames = frames_of(rules, scenario.cure, seed, told, window)
    save(frames_of(rules, scenario.cure, seed, told, range(tick, tick + 1))[0], f"{name}.png")
    write_gif(PICTURES / f"{name}.gif", slowed(frames, told, window), FPS)
    size = (PICTURES / f"{name}.gif").stat().st_size
    print(f"{name}.gif: seed {seed}, ticks {window.start} to {window.stop - 1}, {size / 1e6:.2f} MB")
    assert size <= MOST_BYTES


def still(name, tick, seed=1_000_000):
    """Draw a scenario without a hazard at some tick."""
    engine = CompiledEngine(make_rules(name), resolve("none"))
    for _ in play(engine, "naive", seed):
        if engine.tick == tick:
            save(draw(scene_of(engine), 32), f"{name}.png")


def save(frame, name):
    """Write a frame with the colours it needs and no more."""
    Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE).save(PICTURES / name, optimize=True)
    print(name)


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    for scenario in SCENARIOS.values():
        if scenario.hazard:
            harm(scenario.name)
        else:
            still(scenario.name, tick=12)
