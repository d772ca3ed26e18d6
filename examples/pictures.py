"""Draw the pictures of the README and the docs again, into docs/pictures: `make pictures`. Needs the extra `render`."""

import argparse
from pathlib import Path

from PIL import Image

from stalegrid import SCENARIOS
from stalegrid.clip import FPS, clip_frames, clip_of, clip_size, look_of, still
from stalegrid.compare import FIRST_TEST_SEED, Cell, Comparison
from stalegrid.demo import SEEDS, median_seed
from stalegrid.story import HAPPENS
from stalegrid.tape import Tape

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
MOST_BYTES = 1_000_000
COLOURS, SAMPLES = 160, 10  # of an animation, and the frames that they are taken from
STILL_TICK = 12


def harm(name):
    """Draw one harm, without protocol and with the cure, at a typical seed."""
    scenario = SCENARIOS[name]
    run = Comparison().run(Cell(name, "none", seeds=SEEDS))
    bitten = sum(report.counts[f"{scenario.hazard}.decisive"] > 0 for report in run.reports)
    seed = median_seed(run, [scenario.hazard])
    clip = clip_of([Tape(name, protocol, seed) for protocol in ("none", scenario.cure)])
    happens = HAPPENS[scenario.hazard]
    note = f"The same episode twice. Without a protocol, {happens} in {bitten} of {SEEDS} episodes."
    look, size = look_of(name, note), clip_size(clip, note=True)
    save_still(still(clip, look, size, clip.acts), f"{name}.png")
    frames = list(clip_frames(clip, look, size))
    path = PICTURES / f"{name}.gif"
    save_gif(frames, path)
    megabytes, seconds = path.stat().st_size / 1e6, len(frames) / FPS
    print(f"{path.name}: seed {seed} of {bitten} bitten, {size[0]} x {size[1]}, {seconds:.1f} s, {megabytes:.2f} MB")
    assert path.stat().st_size <= MOST_BYTES


def calm(name):
    """Draw a scenario without a hazard at some tick."""
    clip = clip_of([Tape(name, protocol, FIRST_TEST_SEED) for protocol in ("none", "serial")])
    save_still(still(clip, look_of(name), clip_size(clip, note=False), STILL_TICK), f"{name}.png")


def save_still(frame, name):
    """Write a frame with the colours it needs and no more."""
    Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE).save(PICTURES / name, optimize=True)
    print(name)


def save_gif(frames, path):
    """Write frames in one set of colours, taken from the whole of them, so that what stands still costs nothing."""
    sample = Image.fromarray(frames[0])
    tall = Image.new("RGB", (sample.width, sample.height * SAMPLES))
    for nth in range(SAMPLES):
        tall.paste(Image.fromarray(frames[nth * (len(frames) - 1) // (SAMPLES - 1)]), (0, nth * sample.height))
    colours = tall.quantize(COLOURS, dither=Image.Dither.NONE)
    pictures = [Image.fromarray(frame).quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=round(1000 / FPS), loop=0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", help=f"some of {', '.join(SCENARIOS)}; by default all")
    chosen = parser.parse_args().scenarios or list(SCENARIOS)
    if unknown := set(chosen) - set(SCENARIOS):
        parser.error(f"unknown scenarios {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in chosen:
        if SCENARIOS[name].hazard:
            harm(name)
        else:
            calm(name)
