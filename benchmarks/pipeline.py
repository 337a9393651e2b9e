"""The whole factory beside a plain one-process script that does the same the obvious way.

The baseline is scikit-image and OpenCV as one would write them in an afternoon: spectral-residual saliency,
a GrabCut rectangle and `cv2.inpaint` at a reduced size (at full size these two take a quarter of an hour),
JPEG, PNG, `structural_similarity`. One process, no checks, no resumption.

    python -m benchmarks.pipeline [--photos 24] [--megapixels 2.83] [--skip-baseline]
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from skimage.metrics import structural_similarity

from benchmarks.photos import put_photos
from iedf_assets.core.profile.fields import PROJECT_ROOT

ALL_PHOTOS = "sources.near_duplicate_bits=-1"
REDUCED = 0.25
STAGES = ("source_images", "image_layers", "edited_images", "edit_pairs")


def main() -> None:
    """Print the table."""
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="iedf-bench-"))
    try:
        pixels = put_photos(folder / "data", arguments.photos, arguments.megapixels)
        megapixels = pixels / 1e6
        print(f"{arguments.photos} photos, {megapixels:.0f} MP, {len(os.sched_getaffinity(0))} cores")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = _factory(folder)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"factory, end to end: {seconds:.1f} s ({megapixels / seconds:.1f} MP/s)")
        print(f"  of processors, all processes together: {worked:.1f} s")
        _stages(folder / "outputs")
        again = _factory(folder)
        print(f"factory, nothing to do: {again:.1f} s")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"largest process: {peak:.0f} MiB")
        if not arguments.skip_baseline:
            begun = time.perf_counter()
            _baseline(folder / "data", folder / "baseline")
            plain = time.perf_counter() - begun
            print(f"baseline: {plain:.1f} s; the factory takes {seconds / plain:.2f} of it")
    finally:
        shutil.rmtree(folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--megapixels", type=float, default=68 / 24)
    parser.add_argument("--skip-baseline", action="store_true")
    return parser.parse_args()


def _factory(folder: Path) -> float:
    begun = time.perf_counter()
    # The photos are variations of four; all of them are to be worked on.
    arguments = ["--data", str(folder / "data"), "--outputs", str(folder / "outputs"), "--set", ALL_PHOTOS]
    subprocess.run([sys.executable, "-m", "iedf_assets.cli", "run", *arguments], check=True, cwd=PROJECT_ROOT)
    return time.perf_counter() - begun


def _stages(outputs: Path) -> None:
    """Work of each stage as its rows tell it: thread seconds, and megapixels of source per such second."""
    sizes = pl.concat(
        [pl.read_parquet(path) for path in (outputs / "manifests/source_images").glob("*.parquet")]
    )
    sizes = sizes.select("source_id", megapixels=pl.col("width") * pl.col("height") / 1e6)
    for stage in STAGES:
        rows = pl.concat(
            [pl.read_parquet(path) for path in (outputs / "manifests" / stage).glob("*.parquet")]
        )
        rows = rows.select("source_id", "seconds").drop_nulls().join(sizes, on="source_id")
        work, done = float(rows["seconds"].to_numpy().sum()), float(rows["megapixels"].to_numpy().sum())
        print(f"  {stage:14s} {work:6.1f} s in all threads, {done / work:6.1f} MP/s per thread")


def _baseline(data: Path, target: Path) -> None:
    target.mkdir()
    for path in sorted(data.rglob("*.jpg")):
        photo = cv2.imread(str(path))
        assert photo is not None
        height, width = photo.shape[:2]
        detector = cv2.saliency.StaticSaliencySpectralResidual.create()
        _, salient = detector.computeSaliency(photo)
        y, x = np.nonzero(salient > salient.mean())
        box = (int(x.min()) + 1, int(y.min()) + 1, int(np.ptp(x)) - 2, int(np.ptp(y)) - 2)
        models = np.zeros((2, 65))
        small = cv2.resize(photo, None, fx=REDUCED, fy=REDUCED, interpolation=cv2.INTER_AREA)
        small_box = tuple(int(side * REDUCED) for side in box)
        small_mask = np.zeros(small.shape[:2], np.uint8)
        cv2.grabCut(small, small_mask, small_box, models[:1], models[1:], 2, cv2.GC_INIT_WITH_RECT)
        small_mask = np.where(small_mask & 1, 255, 0).astype(np.uint8)
        filled = cv2.inpaint(small, small_mask, 3, cv2.INPAINT_TELEA)
        mask = cv2.resize(small_mask, (width, height), interpolation=cv2.INTER_NEAREST)
        large = cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC)
        result = np.where(mask[..., None] > 0, large, photo).astype(np.uint8)
        name = target / path.stem
        cv2.imwrite(f"{name}.jpg", photo)
        cv2.imwrite(f"{name}_result.jpg", result)
        cv2.imwrite(f"{name}_mask.png", mask)
        cv2.imwrite(f"{name}_mask-1.png", 255 - mask)
        written = [cv2.imread(f"{name}{suffix}") for suffix in (".jpg", "_result.jpg")]
        structural_similarity(*written, channel_axis=2, data_range=255)


if __name__ == "__main__":
    main()
