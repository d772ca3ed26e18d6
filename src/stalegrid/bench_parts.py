"""The parts of the benchmark: each measures one thing of a scenario under a protocol, and gives rows of figures.

Rows that are compared are measured in turn, in one run. A new part is a function here and a line in `PARTS`.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from .phases import CAN_RUN, PhaseClock
from .protocols.config import Config
from .protocols.presets import PRESETS, resolve
from .rates import BatchLoad, Load, ParallelLoad, Rate, TurnLoad, VectorLoad, measure
from .reading import make_rules
from .world.rules import Rules
from .world.scenarios import SCENARIOS

SEVERAL = (2, 4, 8, 16, 32, 64)  # agents
SIDES = (16, 32, 48, 64)  # of a square grid
SHAPES = (1, 64, 1024, 8192)  # worlds of a batch
SHARED = 1024  # worlds that threads share
LONG_RUN = 10_000_000  # steps after which memory must not have grown

Row = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What is to be measured: a scenario under a protocol."""

    scenario: str
    config: Config
    size: str
    worlds: int
    seconds: float
    _: KW_ONLY
    ticks: int = 64  # that a batch plays a call, see `Batch.play`
    tailor: bool = False  # every batch, see `Batch`
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def rules(self) -> Rules:
        """The scenario, read."""
        return make_rules(self.scenario, size=self.size, **self.settings)

    @property
    def options(self) -> dict[str, Any]:
        """What an environment takes beside scenario and protocol."""
        return {"size": self.size, **self.settings}

    def with_settings(self, **settings: Any) -> Job:
        """Return the same under other settings."""
        return replace(self, settings={**self.settings, **settings})

    def batch(self, config: Config | None = None, worlds: int | None = None, **options: Any) -> BatchLoad:
        """Return its batch."""
        options = {"ticks": self.ticks, "tailor": self.tailor, **options}
        return BatchLoad(self.rules, config or self.config, worlds or self.worlds, **options)


def grid(rules: Rules) -> str:
    """Name the grid by its rows and columns."""
    return f"{rules.layout.rows}x{rules.layout.columns}"


def machine() -> str:
    """Name the machine."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = named[0].split(":", 1)[1].strip() if named else model
    return f"{model}, Python {platform.python_version()}, {platform.system()}"


def peak_mb() -> float:
    """Return the most memory that this process has had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts in what `resource` tells what the parent had when it began this process
        return float(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _figures(rate: Rate) -> Row:
    return {"agent_steps": rate.agent_steps, "decisions": rate.decisions, "commits": rate.commits}


def views(job: Job) -> Iterator[Row]:
    """Measure each way to step: the three environments, and batches of several sizes, by single ticks and by several.

    Whoever trains calls once a tick; several ticks a call are what play without a learner can do.
    """
    loads: dict[str, Load] = {}
    memory = {}

    def add(name: str, load: Load) -> None:
        load.run()
        loads[name], memory[name] = load, peak_mb()

    add("ParallelEnv", ParallelLoad(job.scenario, job.config, **job.options))
    add("AEC", TurnLoad(job.scenario, job.config, **job.options))
    several = VectorLoad(job.scenario, job.config, job.worlds, tailor=job.tailor, **job.options)
    add(f"VectorEnv, {job.worlds} worlds", several)
    for worlds in sorted({*SHAPES, job.worlds}):
        load, name = job.batch(worlds=worlds), f"batch, {worlds} world{'s' if worlds > 1 else ''}"
        for ticks in sorted({1, job.ticks}):
            add(name + (f", {ticks} ticks a call" if ticks > 1 else ""), load.taking(ticks))
    for name, rate in measure(loads, job.seconds).items():
        ticks = getattr(loads[name], "ticks", 1)
        yield {"what": name, "ticks": ticks, **_figures(rate), "rss_mb": memory[name]}


def presets(job: Job) -> Iterator[Row]:
    """Measure every compiled preset beside `none`."""
    rates = measure({name: job.batch(resolve(name)) for name in PRESETS}, job.seconds)
    for name, rate in rates.items():
        yield {"what": name, **_figures(rate), "times_none": 1 / rate.share}


def tailoring(job: Job) -> Iterator[Row]:
    """Measure what it brings to compile the step for scenario and protocol, and the same for steering by hand.

    Without thought and with each move an action nearly every row decides, and is written, in every tick.
    """
    free = job.with_settings(think=0, navigation="manual")
    for name, one in (("as it is", job), ("think 0, manual", free)):
        rates = measure({made: one.batch(tailor=made != "") for made in ("", ", tailored")}, job.seconds)
        for made, rate in rates.items():
            beside = {"times_plain": rate.share}
            yield {"what": name + made, **_figures(rate), **beside, "deciding": rate.decisions / rate.agent_steps}


def log(job: Job) -> Iterator[Row]:
    """Measure what it costs to keep the log."""
    rates = measure({"off": job.batch(), "on": job.batch(keep_log=True)}, job.seconds)
    for name, rate in rates.items():
        yield {"what": f"log {name}", **_figures(rate), "times_off": 1 / rate.share}


def _per_tick(job: Job, shapes: Mapping[str, tuple[Job, int]]) -> Iterator[Row]:
    loads = {name: one.batch(worlds=worlds) for name, (one, worlds) in shapes.items()}
    for name, rate in measure(loads, job.seconds).items():
        agents = loads[name].batch.agents
        tick = 1e9 * agents / rate.agent_steps
        beside = {"deciding": rate.decisions / rate.agent_steps, "times_first": 1 / rate.share}
        yield {"what": name, **_figures(rate), **beside, "ns_a_tick": tick, "ns_an_agent": tick / agents}


def _that_fit(jobs: Iterable[Job]) -> list[Job]:
    """Return those that the scenario has room for.

    Raises: ValueError that says why the last one does not fit, if none does.
    """
    fitting, why = [], None
    for one in jobs:
        try:
            _ = one.rules
        except ValueError as error:
            why = error
        else:
            fitting.append(one)
    if why and not fitting:
        raise why
    return fitting


def agents(job: Job) -> Iterator[Row]:
    """Measure teams of 2 to 64, if there is room for them: the cost of a tick should grow in proportion.

    The team that was asked for comes first; what an agent of the others costs is told beside it, round by round.
    Where a larger team also has more sites, as in the warehouse, its agents see more and decide more often. Further
    rows keep the sites of the first team: in them only the number of agents differs.
    The batches hold as many agents in all, whatever the team: else the large teams alone would leave the cache.
    """
    rows, sites = job.worlds * len(job.rules.agent_names), len(job.rules.site_names)
    teams = [job, *_that_fit(job.with_settings(agents=many) for many in SEVERAL)]
    teams += [one for one in _that_fit(_shared_by(job, many) for many in SEVERAL) if len(one.rules.site_names) == sites]
    shapes: dict[str, tuple[Job, int]] = {}
    for one in teams:
        many = len(one.rules.agent_names)
        shapes.setdefault(f"{many} on {len(one.rules.site_names)} sites", (one, max(1, rows // many)))
    return _per_tick(job, shapes)


def _shared_by(job: Job, many: int) -> Job:
    """Return it with so many agents on what its team has to itself: those who share grow in number as the team does."""
    scenario, team = SCENARIOS[job.scenario], len(job.rules.agent_names)
    sizes = {**scenario.sizes[job.size], **job.settings}
    grown = {name: max(1, sizes[name] * many // team) for name, more in scenario.contention.items() if more > 0}
    return job.with_settings(agents=many, **grown)


def grids(job: Job) -> Iterator[Row]:
    """Measure grids of 16x16 to 64x64: the cost of a tick should stay."""
    sides = _that_fit(job.with_settings(rows=side, columns=side) for side in SIDES)
    return _per_tick(job, {grid(one.rules): (one, job.worlds) for one in sides})


def threads(job: Job) -> Iterator[Row]:
    """Measure threads that share many worlds, by the clock."""
    counts = sorted({1, 2, os.cpu_count() or 1})
    loads = {f"{many} thread{'s' if many > 1 else ''}": job.batch(worlds=SHARED, threads=many) for many in counts}
    rates = measure(loads, job.seconds, time.perf_counter)
    for name, rate in rates.items():
        yield {"what": name, "worlds": SHARED, **_figures(rate), "times_one": rate.share}
    for load in loads.values():
        load.batch.close()


def phases(job: Job) -> Iterator[Row]:
    """Measure which phase of the tick takes which share of its time; compiles the engine anew, with readings."""
    load = job.batch(ticks=1)
    clock = PhaseClock(load.batch)
    load.play = clock.play
    measure({"phases": load}, job.seconds)
    for name, share in clock.shares().items():
        yield {"what": name.replace("_", " "), "ticks": load.ticks, "share": share}


_FIRST_STEP = """
import time
begun = time.perf_counter()
from stalegrid.compiling import compile_engine
compile_engine()
spent = time.perf_counter() - begun, time.process_time()
from stalegrid.bench_parts import peak_mb
print(*spent, peak_mb())
"""


def compiling(job: Job) -> Iterator[Row]:
    """Measure a fresh process from its start to the first step: without the compiler's cache, and with it."""
    with tempfile.TemporaryDirectory() as folder:
        for what in ("cold", "cached"):
            told = subprocess.run(
                [sys.executable, "-c", _FIRST_STEP], capture_output=True, text=True, check=True,
                env={**os.environ, "NUMBA_CACHE_DIR": folder},
            ).stdout.split()  # fmt: skip
            yield {"what": what, "seconds": float(told[0]), "cpu_seconds": float(told[1]), "rss_mb": float(told[2])}


def limits(job: Job) -> Iterator[Row]:
    """Measure what bounds any environment of this shape: copying its observations, and filling dicts with nothing."""
    agents, width = len(job.rules.agent_names), job.batch(worlds=1).batch.layout.width
    rows = np.ones((max(1, 2**26 // (4 * width)), width), np.float32)
    target = np.empty_like(rows)
    copied = _median(lambda: np.copyto(target, rows), job.seconds)
    yield {"what": "observations copied", "agent_steps": len(rows) * copied, "gb_a_second": rows.nbytes * copied / 1e9}
    names, row = [f"agent_{index}" for index in range(agents)], np.zeros(width, np.float32)
    mask = np.zeros(len(job.rules.actions), np.int8)

    def fill() -> None:
        for _ in range(100):
            tuple(dict.fromkeys(names, value) for value in (row, 0.0, False, False))
            {name: {"action_mask": mask, "busy": 0, "ready": 1, "ready_in": 0, "elapsed": 1} for name in names}

    yield {"what": "dicts of nothing", "agent_steps": 100 * agents * _median(fill, job.seconds), "gb_a_second": None}


def _median(work: Callable[[], Any], seconds: float) -> float:
    """Return how often a CPU-second it can be done, the median of five rounds."""
    rates = []
    work()
    for _ in range(5):
        done, start = 0, time.process_time()
        while time.process_time() - start < seconds / 5:
            work()
            done += 1
        rates.append(done / (time.process_time() - start))
    return float(np.median(rates))


def growth(job: Job) -> Iterator[Row]:
    """Take ten million agent-steps and tell what memory was before and after."""
    load = job.batch()
    for _ in range(8):
        load.run()
    before, begun = peak_mb(), load.agent_steps
    while load.agent_steps - begun < LONG_RUN:
        load.run()
    yield {"what": f"{load.agent_steps - begun:,} agent-steps", "rss_mb_before": before, "rss_mb": peak_mb()}


PARTS: dict[str, Callable[[Job], Iterator[Row]]] = {
    "views": views, "presets": presets, "log": log, "tailoring": tailoring, "agents": agents,
    "grids": grids, "threads": threads, "compile": compiling, "growth": growth, "limits": limits,
}  # fmt: skip
if CAN_RUN:
    PARTS["phases"] = phases
