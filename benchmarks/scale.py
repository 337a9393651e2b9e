"""How time and memory grow with the number of photos, and of pairs.

python -m benchmarks.scale sources [--counts 1000 10000 100000]
python -m benchmarks.scale pairs [--counts 1000 20000]

`sources` takes tiny synthetic photos through source_images alone, then once more with nothing to do. `pairs`
takes them through the whole factory, wave after wave, with the mock backend, whose layers cost next to
nothing: what is measured is the factory itself. Exits 1 when memory is not flat.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import psutil
import yaml

from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.loading import DEFAULT_PROFILE
from iedf_assets_tests.helpers.factories import LENIENT

CATEGORY = "物理变化"
MIB = 2**20
SIZE = (96, 72)
FLAT = 1.2
ONE_STAGE = """
import sys
from pathlib import Path
import dagster as dg
from iedf_assets.defs.build import build_defs
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.profile.fields import absolute
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.defs.instance import open_instance
profile = load_profile(Path(sys.argv[1]))
instance = open_instance(Layout.of(profile), absolute(profile.paths.instance))
job = build_defs(profile).resolve_implicit_global_asset_job_def()
done = job.execute_in_process(instance=instance, partition_key=sys.argv[2], raise_on_error=True,
                              asset_selection=[dg.AssetKey("source_images")],
                              run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}})
"""


def main(what: str = "sources", counts: Sequence[int] = (1000, 10_000, 100_000)) -> bool:
    """Print a table; whether memory stayed flat."""
    heading = {
        "sources": "| photos | seconds | photos/s | peak MiB | seconds again | events, KiB |",
        "pairs": "| pairs | seconds | pairs/s | peak MiB | seconds again | instance, KiB |",
    }[what]
    print(heading, "|---" * (heading.count("|") - 1) + "|", sep="\n")
    peaks = []
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="iedf-scale-") as name:
            base = Path(name)
            put_photos(base / "data" / CATEGORY, count)
            config = profile_in(base, wave=count if what == "sources" else 256)
            one_stage = [sys.executable, "-c", ONE_STAGE, str(config), CATEGORY]
            whole = [sys.executable, "-m", "iedf_assets.cli", "run", "--config", str(config)]
            command = one_stage if what == "sources" else [*whole, "--category", CATEGORY]
            seconds, peak = timed(command, base / "log")
            stored = sum(file.stat().st_size for file in (base / "outputs" / "dagster").rglob("*.db"))
            again, _ = timed(command, base / "log")
            peaks.append(peak)
            index = base / "outputs" / "reports" / "index.jsonl"
            made = len(index.read_bytes().splitlines()) if what == "pairs" else count
            print(
                f"| {made:,} | {seconds:.1f} | {made / seconds:.0f} | {peak:.0f} | {again:.1f} "
                f"| {stored / 1024:.0f} |",
                flush=True,
            )
    return peaks[-1] <= FLAT * peaks[0]


def put_photos(folder: Path, count: int) -> None:
    """So many different small JPEGs, a thousand to a folder."""
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"{number // 1000:04d}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
        cv2.imwrite(str(path), cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC))


def profile_in(base: Path, wave: int) -> Path:
    """A profile that works in `base` with the mock backend and takes so many photos to a wave."""
    profile = yaml.safe_load(DEFAULT_PROFILE.read_text("utf-8")) | {"wave": wave}
    profile["paths"] |= {name: str(base / name) for name in ("data", "outputs", "logs")}
    profile["filters"] |= {"min_width": 64, "min_height": 64}
    for stage in ("layered", "edit"):
        profile["workers"][stage]["backend"] = "mock"
    profile["categories"][CATEGORY] |= {"subtypes": {"move": 1}, "thresholds": LENIENT}
    path = base / "profile.yaml"
    path.write_text(yaml.safe_dump(profile, allow_unicode=True), "utf-8")
    return path


def timed(command: list[str], log: Path) -> tuple[float, float]:
    """Seconds that a command takes, and its highest resident memory in MiB, its children left out."""
    begun, peak = time.perf_counter(), 0.0
    with log.open("wb") as output:
        run = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=output, stderr=output, env=os.environ)
    process = psutil.Process(run.pid)
    while run.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            peak = max(peak, process.memory_info().rss / MIB)
        time.sleep(0.05)
    if run.returncode:
        raise SystemExit(
            f"{' '.join(command[:4])} ended with {run.returncode}:\n{log.read_text('utf-8')[-2000:]}"
        )
    return time.perf_counter() - begun, peak


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["sources", "pairs"])
    parser.add_argument("--counts", type=int, nargs="+")
    arguments = parser.parse_args()
    usual = {"sources": (1000, 10_000, 100_000), "pairs": (1000, 20_000)}[arguments.what]
    sys.exit(not main(arguments.what, arguments.counts or usual))
