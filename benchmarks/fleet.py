"""How far one orchestrator goes: 1 to 512 GPUs on a Ray cluster, simulated with constants measured here.

    python -m benchmarks.fleet [--edits 500000] [--gpu-seconds 1 3 30] [--cores 16] [--judge-seconds 2]

Measured on this machine: appending a row durably, finishing a pair of 1 MP, the bytes of an edit; and, by
`benchmarks.scale` and `benchmarks.speed`, looking at a source and Dagster's own cost. Assumed, since no GPU
was at hand: how long an edit, loading a model and a judge's answer take, how often a node of eight GPUs
fails. Waves, shares and what follows a death are the launcher's own rules.
"""

import argparse
import heapq
import random
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.photos import varied
from iedf_assets.core.pairs.blending import composite
from iedf_assets.core.pictures.codecs import encode_jpeg, encode_png
from iedf_assets.core.scoring.scores import measure
from iedf_assets.core.storage.journal import Journal
from iedf_assets.core.storage.waves import wave_size

GPUS = (1, 8, 64, 512)
GPUS_PER_NODE = 8


@dataclass(frozen=True)
class Constants:
    """What the simulation goes by, in seconds and bytes.

    Attributes:
        gpu_s: an edit on a GPU. Assumed.
        load_s: starting a job and loading its model. Assumed.
        failure_s: mean time between failures of a node of eight GPUs. Assumed.
        lost_s: until the share of a lost job goes on, `alive_sec` included.
        merge_s: a row into the stage's journal, durably.
        finish_s: a pair of 1 MP composited, encoded and scored on one core.
        judge_s: a judge's answer about a pair; 0 without a judge. Assumed.
        asked: questions under way at once.
        look_s: looking at one source and its edits; once per stage and wave.
        dagster_s: a run's own cost.
        edit_bytes: an edit's staged and published files.
        cores: of the orchestrator.
        wave, share, per_source: the profile's wave and share, and edits per source.
    """

    gpu_s: float = 30.0
    load_s: float = 90.0
    failure_s: float = 1000 * 3600.0
    lost_s: float = 90.0
    merge_s: float = 0.003
    finish_s: float = 0.1
    judge_s: float = 0.0
    asked: int = 64
    look_s: float = 0.0004
    dagster_s: float = 1.3
    edit_bytes: float = 3e6
    cores: int = 16
    wave: int = 4096
    share: int = 64
    per_source: int = 4

    @property
    def pair_s(self) -> float:
        """A finished pair, by the cores or the judge, whichever is slower: both work at the same time."""
        return max(self.finish_s / self.cores, self.judge_s / self.asked)


@dataclass
class Outcome:
    """What a fleet did.

    Attributes:
        seconds: from the first wave's begin to the last one's end.
        gpu_s: that GPUs worked on edits that were kept.
        busy: seconds by what the orchestrator was at.
        edits: made.
        lost: jobs lost with their nodes.
    """

    seconds: float
    gpu_s: float
    busy: dict[str, float]
    edits: int
    lost: int

    def utilisation(self, gpus: int) -> float:
        """The share of all GPU time that went into edits, 0 to 1."""
        return self.gpu_s / (self.seconds * gpus)


def simulate(edits: int, gpus: int, constants: Constants, seed: int = 0) -> Outcome:
    """Work off `edits` wave by wave on `gpus`, with seeded failures of nodes."""
    chance, c = random.Random(seed), constants  # noqa: S311  # a simulation
    sources = -(-edits // c.per_source)
    outcome = Outcome(0.0, 0.0, {"looking": 0.0, "merging": 0.0, "finishing": 0.0, "Dagster": 0.0}, 0, 0)
    through = 0
    while through < sources:
        wave = min(wave_size(c.wave, through), sources - through)
        count = min(wave * c.per_source, edits - outcome.edits)
        rendering = _render(count, gpus, c, chance, outcome)
        looking, merging = 6 * sources * c.look_s, count * c.merge_s
        finishing = count * c.pair_s
        for name, spent in zip(outcome.busy, (looking, merging, finishing, c.dagster_s), strict=True):
            outcome.busy[name] += spent
        # Rows are merged while GPUs work; the stages follow one another.
        outcome.seconds += max(rendering, merging) + looking + finishing + c.dagster_s
        through, outcome.edits = through + wave, outcome.edits + count
    return outcome


def _render(count: int, gpus: int, c: Constants, chance: random.Random, outcome: Outcome) -> float:
    """Seconds until a wave's edits are made; shares go to whichever GPU is free first."""
    size = max(1, min(c.share, -(-count // gpus)))
    waiting = [(0.0, min(size, count - start)) for start in range(0, count, size)]
    heapq.heapify(waiting)
    free = [0.0] * gpus
    end = 0.0
    while waiting:
        ready, left = heapq.heappop(waiting)
        begin = max(heapq.heappop(free), ready)
        took = c.load_s + left * c.gpu_s
        failure = chance.expovariate(1 / c.failure_s)
        if failure < took:
            outcome.lost += 1
            made = max(0, int((failure - c.load_s) / c.gpu_s))
            outcome.gpu_s += made * c.gpu_s
            heapq.heappush(waiting, (begin + failure + c.lost_s, left - made))
            took = failure
        else:
            outcome.gpu_s += left * c.gpu_s
        heapq.heappush(free, begin + took)
        end = max(end, begin + took)
    return end


def on_paper(edits: int, gpus: int, c: Constants) -> float:
    """Hours without failures and without waiting for the slowest: the sum of what cannot overlap."""
    sources, through, seconds = edits / c.per_source, 0.0, 0.0
    while through < sources:
        wave = min(wave_size(c.wave, int(through)), sources - through)
        count = wave * c.per_source
        size = max(1.0, min(c.share, count / gpus))
        rendering = count / gpus * (c.gpu_s + c.load_s / size)
        serial = 6 * sources * c.look_s + count * c.pair_s + c.dagster_s
        seconds += max(rendering, count * c.merge_s) + serial
        through += wave
    return seconds / 3600


def measured(**assumed: float) -> Constants:
    """The constants of this machine."""
    rng = np.random.default_rng(0)
    photo = varied(0, 1.0)
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[200:500, 300:700] = 255
    patch = np.asarray(255 - photo, np.uint8)

    def finish() -> int:
        result = composite(photo, patch, mask, 0, 0)
        files = [encode_jpeg(photo, 95), encode_jpeg(result, 95), *(encode_png(mask) for _ in range(4))]
        measure(photo, result, mask, mask, None, {"subtype": "recolor", "colour": "red"})
        return sum(map(len, files)) + len(encode_png(patch[200:500, 300:700]))

    begun = time.perf_counter()
    size = max(finish() for _ in range(5))
    finish_s = (time.perf_counter() - begun) / 5
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal") as journal:
        begun = time.perf_counter()
        for _ in range(200):
            journal.append([{"key": rng.bytes(16).hex(), "status": "done", "detail": "x" * 600}])
        merge_s = (time.perf_counter() - begun) / 200
    return Constants(finish_s=finish_s, merge_s=merge_s, edit_bytes=size, **assumed)  # type: ignore[arg-type]


def main(
    edits: int = 500_000,
    gpu_seconds: tuple[float, ...] = (1.0, 3.0, 30.0),
    cores: int = 16,
    judge_seconds: float = 0.0,
) -> None:
    """Print the constants, and a table for each time that an edit takes."""
    machine = measured(cores=cores, judge_s=judge_seconds)
    for seconds in gpu_seconds:
        show(edits, replace(machine, gpu_s=seconds))


def show(edits: int, c: Constants) -> None:
    """Print the constants and the table."""
    print(
        f"measured: a row {c.merge_s * 1e3:.1f} ms, a pair {c.finish_s * 1e3:.0f} ms on a core, "
        f"{c.edit_bytes / 1e6:.1f} MB an edit, looking at a source {c.look_s * 1e6:.0f} µs; assumed: "
        f"{c.gpu_s:.0f} s an edit, {c.load_s:.0f} s a job's start, {c.judge_s:.0f} s a judge's answer "
        f"({c.asked} at once), a node of {GPUS_PER_NODE} fails every "
        f"{c.failure_s / 3600:.0f} h, {c.cores} cores\n"
    )
    headings = (
        "GPUs", "hours", "on paper", "GPUs at work", "orchestrator at work", "rows/s", "MB/s written",
        "jobs lost", "the orchestrator's most",
    )  # fmt: skip
    print(f"| {' | '.join(headings)} |", "|---" * len(headings) + "|", sep="\n")
    for gpus in GPUS:
        done = simulate(edits, gpus, c)
        rate, busy = done.edits / done.seconds, sum(done.busy.values()) / done.seconds
        most = max(done.busy, key=lambda name: done.busy[name])  # called at once
        cells = (
            f"{gpus}", f"{done.seconds / 3600:,.1f}", f"{on_paper(edits, gpus, c):,.1f}",
            f"{done.utilisation(gpus):.0%}", f"{busy:.1%}", f"{rate:.2f}",
            f"{rate * c.edit_bytes / 1e6:.1f}", f"{done.lost}", most,
        )  # fmt: skip
        print(f"| {' | '.join(cells)} |")
    print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edits", type=int, default=500_000)
    parser.add_argument("--gpu-seconds", type=float, nargs="+", default=[1.0, 3.0, 30.0])
    parser.add_argument("--judge-seconds", type=float, default=0.0)
    parser.add_argument("--cores", type=int, default=16)
    arguments = parser.parse_args()
    main(arguments.edits, tuple(arguments.gpu_seconds), arguments.cores, arguments.judge_seconds)
