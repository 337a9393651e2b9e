"""Peak memory of the orchestrator and of its workers for few photos and for many.

python -m benchmarks.memory [--counts 100 1000]
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import psutil

from benchmarks.photos import CATEGORIES, varied
from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.profile.fields import PROJECT_ROOT

# Photos that are alike would be filtered; here they are only there to be many.
SETTINGS = ("sources.near_duplicate_bits=-1", "filters.min_width=64", "filters.min_height=64", "wave=100")
MIB = 2**20


def main() -> None:
    """Print a line per count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 1000])
    for count in parser.parse_args().counts:
        folder = Path(tempfile.mkdtemp(prefix="iedf-memory-"))
        try:
            for number in range(count):
                path = folder / "data" / CATEGORIES[0] / f"{number:05d}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                small = cv2.resize(varied(number, 0.1), (240, 180), interpolation=cv2.INTER_AREA)
                path.write_bytes(encode_jpeg(small.astype("uint8"), 92))
            begun = time.perf_counter()
            orchestrator, worker = _peaks(folder)
            seconds = time.perf_counter() - begun
            print(f"{count} photos, {seconds:.0f} s: run {orchestrator:.0f} MiB, its worker {worker:.0f} MiB")
        finally:
            shutil.rmtree(folder)


def _peaks(folder: Path) -> tuple[float, float]:
    """Highest resident memory of the run and of any process below it, MiB."""
    folders = ["--data", str(folder / "data"), "--outputs", str(folder / "outputs")]
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    command = [
        sys.executable,
        "-m",
        "iedf_assets.cli",
        "run",
        "--category",
        CATEGORIES[0],
        *folders,
        *settings,
    ]
    run = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process = psutil.Process(run.pid)
    own = below = 0.0
    while run.poll() is None:
        try:
            own = max(own, process.memory_info().rss / MIB)
            # Between fork and exec a child is a copy of the run, not yet a worker.
            workers = [child for child in process.children() if "model_envs.worker" in child.cmdline()]
            below = max([below, *(worker.memory_info().rss / MIB for worker in workers)])
        except psutil.NoSuchProcess:
            continue
        time.sleep(0.1)
    if run.returncode:
        raise SystemExit(f"the run ended with exit code {run.returncode}")
    return own, below


if __name__ == "__main__":
    main()
