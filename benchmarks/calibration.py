"""The scores of good pairs and of faulty ones beside their limits: rates, and a plot of the distributions.

    python -m benchmarks.calibration [--photos 36] [--plot benchmarks/calibration.png]

Good pairs are all that the classical backend finishes of photos of 0.3 to 1 MP, rejects included. Faulty ones
are the same pairs with a canary in them, and with their edits enlarged.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib import pyplot as plt

from benchmarks.photos import CATEGORIES, varied
from iedf_assets.core.arrays import Pixels
from iedf_assets.core.judging.canaries import CANARIES, injected
from iedf_assets.core.judging.pair_checks import bounds_of, judge
from iedf_assets.core.judging.specimens import Specimen
from iedf_assets.core.pictures.codecs import decode, decode_jpeg, encode_jpeg
from iedf_assets.core.pictures.masks import edit_masks
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.loading import DEFAULT_PROFILE, load_profile
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.scoring.scores import Scores, measure
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.manifests import Rows

SETTINGS = (
    "sources.near_duplicate_bits=-1",
    f"categories.{CATEGORIES[0]}.subtypes={{identity: 2, background: 2}}",
    f"categories.{CATEGORIES[1]}.subtypes={{delete: 1, recolor: 2}}",
    f"categories.{CATEGORIES[2]}.subtypes={{move: 2, scale: 2}}",
)
MEGAPIXELS = (0.3, 0.6, 1.0)
# Which faults a score is there to tell.
TELLS = {
    "effect": ("no_op", "swapped_pair", "wrong_direction"),
    "seam": ("hard_seam",),
    "sharpness": ("enlarged_2", "enlarged_3", "enlarged_4"),
    "polarity": ("mask_inverted", "wrong_file"),
    "changed_share_inside": ("no_op",),
    "mask_share": ("mask_empty", "mask_full"),
    "max_difference_outside": ("brighter_1", "re_encoded", "leak"),
    "colour_cast": ("brighter_1", "brighter_2", "warm_cast"),
    "shift_px": ("shifted",),
    "zoom": ("zoomed",),
    "leak_px": ("leak", "wrong_file"),
    "psnr_outside": ("re_encoded", "shifted", "wrong_file"),
    "structure_inside": ("wrong_file",),
    "mask_largest_share": (),
    "mask_hole_share": (),
}
PICTURES = tuple(sorted({name for names in TELLS.values() for name in names if name in CANARIES}))


def main() -> None:
    """Print the tables and draw the plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=36)
    parser.add_argument("--plot", type=Path, default=PROJECT_ROOT / "benchmarks/calibration.png")
    arguments = parser.parse_args()
    thresholds = load_profile(DEFAULT_PROFILE).thresholds
    with tempfile.TemporaryDirectory(prefix="iedf-calibration-") as folder:
        outputs = _made(Path(folder), arguments.photos)
        rows = list(_finished(outputs))
        good = [row["scores"] for row in rows]
        faulty = _faulty(outputs, rows)
    _print_good(rows, thresholds)
    _print_faulty(good, faulty, thresholds)
    _draw(good, faulty, thresholds, arguments.plot)
    print(f"plot: {arguments.plot}")


def _made(folder: Path, photos: int) -> Path:
    for number in range(photos):
        path = folder / "data" / CATEGORIES[number % len(CATEGORIES)] / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_jpeg(varied(number, MEGAPIXELS[number // 3 % len(MEGAPIXELS)]), 92))
    folders = ["--data", str(folder / "data"), "--outputs", str(folder / "outputs")]
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    command = [sys.executable, "-m", "iedf_assets.cli", "run", *folders, *settings]
    subprocess.run(command, check=True, cwd=PROJECT_ROOT)
    return folder / "outputs"


def _finished(outputs: Path) -> Iterator[Row]:
    """Rows of edit_pairs with their recipe."""
    for path in sorted((outputs / "manifests/edit_pairs").glob("*.parquet")):
        edits = {
            row["key"]: row
            for row in Rows(
                pl.read_parquet(outputs / "manifests/edited_images" / path.name), "edited_images"
            ).values()
        }
        for row in Rows(pl.read_parquet(path), "edit_pairs").values():
            if row["status"] == "done":
                yield {**row, "recipe": edits[row["edit_key"]]["recipe"], "edit": edits[row["edit_key"]]}


def _specimen(outputs: Path, row: Row) -> Specimen:
    folder = outputs / "staging/edit_pairs" / row["key"][:2] / row["key"]
    names = {"source": "source.jpg", "result": "result.jpg", "mask": "mask.png", "mask_inverse": "mask-1.png"}
    files = {role: (folder / name).read_bytes() for role, name in names.items()}
    files |= {role: row["edit"][role].encode() for role in ("instruction_ch", "instruction_en")}
    source, result = (decode_jpeg(files[role]) for role in ("source", "result"))
    mask, allowed = (decode(folder / name) for name in ("mask.png", "allowed.png"))
    return Specimen(source, result, mask, allowed, files, row["recipe"])


def _faulty(outputs: Path, rows: list[Row]) -> dict[str, list[Scores]]:
    """Fault → the scores of the pairs that have it."""
    found: dict[str, list[Scores]] = {name: [] for names in TELLS.values() for name in names}
    for number, row in enumerate(rows):
        pair, other = _specimen(outputs, row), _specimen(outputs, rows[(number + 1) % len(rows)])
        for name in PICTURES:
            fault = injected(name, pair, [other], number)
            if fault is not None:
                found[name].append(_scores(pair, fault.files, fault.recipe or pair.recipe))
        if SUBTYPES[pair.recipe["subtype"]].mask_of == "object":
            for factor in (2, 3, 4):
                result = _enlarged(pair, factor)
                files = {"source": encode_jpeg(pair.source, 95), "result": encode_jpeg(result, 95)}
                found[f"enlarged_{factor}"].append(_scores(pair, files, pair.recipe))
    return found


def _enlarged(pair: Specimen, factor: int) -> Pixels:
    """The result, with the edit as soft as a model's output that was enlarged so many times."""
    size = pair.mask.shape[1], pair.mask.shape[0]
    small = cv2.resize(pair.result, (size[0] // factor, size[1] // factor), interpolation=cv2.INTER_AREA)
    soft = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
    mask, result_mask = edit_masks(SUBTYPES[pair.recipe["subtype"]], pair.mask, pair.recipe)
    edited = mask if result_mask is None else mask | result_mask
    return np.where(edited[..., None] > 0, soft, pair.result).astype(np.uint8)


def _scores(pair: Specimen, files: dict[str, bytes], recipe: dict[str, Any]) -> Scores:
    files = {**pair.files, **files}
    source, result = (decode_jpeg(files[role]) for role in ("source", "result"))
    mask = np.asarray(cv2.imdecode(np.frombuffer(files["mask"], np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
    there = edit_masks(SUBTYPES[recipe["subtype"]], pair.mask, pair.recipe)[1]
    return measure(source, result, mask, pair.allowed, there, recipe)


def _print_good(rows: list[Row], thresholds: Thresholds) -> None:
    print("\n| subtype | pairs | rejected | by |\n|---|---|---|---|")
    kinds = sorted({row["recipe"]["subtype"] for row in rows})
    for kind in kinds:
        verdicts = [
            judge(row["scores"], row["tier"], thresholds) for row in rows if row["recipe"]["subtype"] == kind
        ]
        failed = [checks for checks in verdicts if checks]
        by = sorted({check for checks in failed for check in checks})
        print(f"| {kind} | {len(verdicts)} | {len(failed)} | {', '.join(by)} |")
    rejected = sum(bool(judge(row["scores"], row["tier"], thresholds)) for row in rows)
    print(f"\n{len(rows)} good pairs, {rejected} rejected ({rejected / len(rows):.1%})\n")


def _print_faulty(good: list[Scores], faulty: dict[str, list[Scores]], thresholds: Thresholds) -> None:
    print("| score | limit | good pairs: lowest, median, highest | good beyond it | fault | beyond it |")
    print("|---|---|---|---|---|---|")
    for score, faults in TELLS.items():
        values = _values(good, score)
        spread = f"{values.min():.3g}, {np.median(values):.3g}, {values.max():.3g}"
        told = f"{_beyond(values, score, thresholds).mean():.1%}"
        limits = ", ".join(
            f"{'≥' if least else '≤'} {limit:g}" for least, limit in _limits(score, thresholds)
        )
        for name in faults or ("",):
            wrong = _values(faulty.get(name, []), score)
            share = f"{_beyond(wrong, score, thresholds).mean():.1%} of {len(wrong)}" if len(wrong) else ""
            print(f"| {score} | {limits} | {spread} | {told} | {name} | {share} |")


def _limits(score: str, thresholds: Thresholds) -> list[tuple[bool, float]]:
    bounds = bounds_of("composited", thresholds)
    return [(bound.limit.startswith("min_"), limit) for bound, limit in bounds if bound.score == score]


def _beyond(values: np.ndarray, score: str, thresholds: Thresholds) -> np.ndarray:
    wrong = np.zeros(len(values), bool)
    for least, limit in _limits(score, thresholds):
        wrong |= values < limit if least else values > limit
    return wrong


def _values(scores: list[Scores], name: str) -> np.ndarray:
    return np.array([value for found in scores if (value := found.get(name)) is not None], float)


def _draw(good: list[Scores], faulty: dict[str, list[Scores]], thresholds: Thresholds, path: Path) -> None:
    mpl.use("Agg")
    figure, axes = plt.subplots(5, 3, figsize=(12, 13), layout="constrained")
    for axis, (score, faults) in zip(axes.ravel(), TELLS.items(), strict=True):
        groups = {"good": _values(good, score)} | {name: _values(faulty[name], score) for name in faults}
        groups = {name: np.clip(values, -1e3, 1e3) for name, values in groups.items() if len(values)}
        every = np.concatenate(list(groups.values()))
        bins = np.linspace(every.min(), max(every.max(), every.min() + 1e-3), 41).tolist()
        for name, values in groups.items():
            weights = np.full(len(values), 1 / len(values))
            axis.hist(values, bins, weights=weights, alpha=0.6, label=f"{name} ({len(values)})")
        for _, limit in _limits(score, thresholds):
            axis.axvline(limit, color="black", linewidth=1)
        axis.set_title(score, fontsize=10)
        axis.legend(fontsize=7)
    figure.suptitle("Share of pairs by score; black lines are the limits of the tier composited")
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
