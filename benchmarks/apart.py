"""What decoding in child processes costs a clean run: beside the same run that decodes in its own process.

    python -m benchmarks.apart [--photos 12] [--megapixels 2.83] [--rounds 3]

Both take the same photos, from nothing, in alternation. The ratio is of the medians.
"""

import argparse
import importlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.photos import put_photos
from iedf_assets.cli.main import main as iedf
from iedf_assets.core.apart.children import Apart
from iedf_assets.core.profile.fields import PROJECT_ROOT

WAYS = {
    "in child processes": "from iedf_assets.cli.main import main; main()",
    "in the run's own": "from benchmarks.apart import in_one_process; in_one_process()",
}


def in_one_process() -> None:
    """The command `iedf`, with what its children would do done by itself."""
    with mock.patch.object(Apart, "call", called_here):
        iedf()


def called_here(_self: Apart, function: str, argument: Any, _timeout_s: float) -> Any:
    """`Apart.call`, without a child."""
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)(argument)


def main(photos: int = 12, megapixels: float = 68 / 24, rounds: int = 3) -> float:
    """Print the table; returns processor seconds with children, of those without."""
    spent: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="iedf-apart-") as name:
        base = Path(name)
        put_photos(base / "data", photos, megapixels)
        for number in range(rounds):
            # Who comes first finds the disk's cache colder.
            for way in list(WAYS)[:: -1 if number % 2 else 1]:
                spent[way].append(_run(WAYS[way], base / "data", base / f"{len(spent[way])}{way}"))
    print("| decoding | seconds | processor seconds, all processes |\n|---|---|---|")
    medians: list[float] = []
    for way, runs in spent.items():
        seconds, worked = (statistics.median(each) for each in zip(*runs, strict=True))
        medians.append(worked)
        print(f"| {way} | {seconds:.1f} | {worked:.1f} ({', '.join(f'{each[1]:.1f}' for each in runs)}) |")
    print(f"\n{photos} photos, {len(os.sched_getaffinity(0))} cores: {medians[0] / medians[1]:.3f} times")
    return medians[0] / medians[1]


def _run(program: str, data: Path, outputs: Path) -> tuple[float, float]:
    """Seconds of one run, by the clock and of processors."""
    settings = [
        f"paths.data={data}", f"paths.outputs={outputs / 'outputs'}", f"paths.logs={outputs / 'logs'}",
        "sources.near_duplicate_bits=-1",
    ]  # fmt: skip
    told = [part for setting in settings for part in ("--set", setting)]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", program, "run", *told], check=True, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL
    )
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--megapixels", type=float, default=68 / 24)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    main(arguments.photos, arguments.megapixels, arguments.rounds)
