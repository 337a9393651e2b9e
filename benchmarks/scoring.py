"""What scoring a pair costs, beside decoding it, and what `iedf check` costs for a tree.

    python -m benchmarks.scoring [--pairs 200]

One core for the pair, all cores for the tree. The floor of a check is decoding its four pictures.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.photos import varied
from iedf_assets.core.arrays import Pixels
from iedf_assets.core.judging.dataset_check import check_dataset
from iedf_assets.core.pairs.blending import composite
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.pictures.codecs import decode, decode_jpeg, encode_jpeg, encode_png
from iedf_assets.core.pictures.masks import allowed_region, moved, region_alpha
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.scoring.scores import measure
from iedf_assets.core.storage.naming import SampleKey

MARGIN, FEATHER, REPEATS = 15, 0.6, 7
RECIPES: dict[str, dict[str, Any]] = {
    "move": {"dx": 200, "dy": 0, "direction": "right", "percent": 17},
    "delete": {},
    "identity": {"kind": "brighten", "strength": 0.6},
    "background": {"kind": "warm", "strength": 0.6},
}


def main() -> None:
    """Print a line per kind of pair, and one for a tree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=200, help="samples in the tree")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for subtype, parameters in RECIPES.items():
        files = pair_files(subtype, 1.0, 0)
        jpegs = files["source"], files["result"]
        source, result = _decode_all(jpegs)
        mask, allowed = (_png(files[name]) for name in ("mask", "allowed"))
        there = _png(files["result_mask"]) if "result_mask" in files else None
        shaded = np.clip(result.astype(np.int16) + 1, 0, 255).astype(np.uint8)
        rest = mask, allowed, there, {"subtype": subtype, **parameters}
        decoding = _milliseconds(partial(_decode_all, jpegs))
        exact = _milliseconds(partial(measure, source, result, *rest))
        differs = _milliseconds(partial(measure, source, shaded, *rest))
        print(f"{subtype:10s} 1 MP: decode {decoding:5.1f} ms, score {exact:5.1f} ms, "
              f"score where the outside differs {differs:6.1f} ms")  # fmt: skip
    _tree(arguments.pairs)


def pair_files(subtype: str, megapixels: float, number: int) -> dict[str, bytes]:
    """The files of a plausible pair: both pictures, both masks, allowed region and perhaps a result mask."""
    photo = varied(number, megapixels)
    height, width = photo.shape[:2]
    silhouette = np.zeros((height, width), np.uint8)
    cv2.ellipse(silhouette, (width // 3, height // 2), (width // 7, height // 5), 20, 0, 360, 255, -1)
    kind = SUBTYPES[subtype]
    there = moved(silhouette, RECIPES[subtype]["dx"], 0) if kind.relocates else None
    mask = 255 - silhouette if kind.mask_of == "background" else silhouette
    edited = np.roll(photo, 200, axis=1) if subtype in {"move", "delete"} else np.minimum(photo, 215) + 40
    alpha = region_alpha(kind, silhouette, there, MARGIN, FEATHER)
    result = composite(photo, edited.astype(np.uint8), alpha, 0, 0)
    files = {
        "source": encode_jpeg(photo, 95), "result": encode_jpeg(result, 95), "mask": encode_png(mask),
        "mask_inverse": encode_png(255 - mask), "allowed": encode_png(allowed_region(alpha)),
    }  # fmt: skip
    return files | ({"result_mask": encode_png(there)} if there is not None else {})


def _decode_all(jpegs: Iterable[bytes]) -> list[Pixels]:
    return [decode_jpeg(jpeg) for jpeg in jpegs]


def _png(data: bytes) -> Pixels:
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(data)
        file.flush()
        return decode(Path(file.name))


def _milliseconds(work: Callable[[], object]) -> float:
    """The median of several times."""
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return sorted(times)[REPEATS // 2] * 1000


def _tree(pairs: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="iedf-scoring-"))
    try:
        written = [pair_files("delete", 1.0, number) for number in range(8)]
        for number in range(1, pairs + 1):
            sample = SampleKey("semantic_edit", "delete", "mixed", number)
            files = written[number % len(written)]
            texts = {"instruction_ch": "移除物体".encode(), "instruction_en": b"Remove the object"}
            for role, data in {**files, **texts}.items():
                if role not in {"allowed", "result_mask"}:
                    path = folder / "dataset" / sample.file(role)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
        begun = time.perf_counter()
        check_dataset(folder / "dataset", threads=thread_count(0))
        seconds = time.perf_counter() - begun
        print(f"iedf check, {pairs} pairs of 1 MP on {thread_count(0)} cores: {seconds:.1f} s, "
              f"{1000 * seconds / pairs:.0f} s for 1,000")  # fmt: skip
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
