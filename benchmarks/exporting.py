"""How fast an export is beside `cp -r`, and whether its memory is flat.

python -m benchmarks.exporting [--counts 2000 20000] [--megapixels 0.25] [--forms parquet webdataset]
                              [--rounds 2]

Makes a dataset of so many samples of eight real photos; copies its files with `cp -r` and exports them in
each form, in turn, and so again for as many rounds as are asked for; then exports it with nothing to do, and
once more with one sample more. Of several rounds the fastest counts. Both read the same files: the
dataset's and the regions beside it, links to those of eight pairs, which both find in the cache. CPU seconds
are those of all threads, user and system: they say more on a busy machine. Exits 1 when memory is not flat.

The index looks at each sample once before: that takes most of the time, at 20,000 samples two minutes or so
for each 0.02 MP. `--counts 20000 --megapixels 0.02 --rounds 1` is the shortest that tells of so many.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from skimage import data

from iedf_assets.core.pairs.blending import composite
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg, encode_png
from iedf_assets.core.pictures.masks import allowed_region, region_alpha
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.scoring.scores import measure
from iedf_assets.core.storage.files import content_hash, place_file
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.manifests import frame, write_table
from iedf_assets.core.storage.naming import Layout, SampleKey

CATEGORY = "物体一致性"
PHOTOS = ("astronaut", "coffee", "chelsea", "rocket", "cat", "retina", "immunohistochemistry", "colorwheel")
SUBTYPE = SUBTYPES["identity"]
RECIPE = {"task": SUBTYPE.task, "subtype": "identity", "kind": "brighten", "strength": 0.8}
ROLES = {"source": "source.jpg", "result": "result.jpg", "mask": "mask.png", "mask_inverse": "mask-1.png"}
TEXTS = {
    "ch": "将画面中央的主体大幅调亮，其他保持不变",
    "en": "Make the subject in the centre much brighter and leave everything else unchanged",
}
FLAT = 1.2
MIB = 2**20


class Spent(NamedTuple):
    """What a command took: seconds, seconds of CPU, and its highest resident memory in MiB."""

    seconds: float
    cpu: float
    peak: float


class Pair(NamedTuple):
    """A finished pair: its files by name, its scores, its size."""

    files: dict[str, bytes]
    scores: Row
    size: tuple[int, int]


def main(
    counts: Sequence[int] = (2000, 20_000),
    megapixels: float = 0.25,
    forms: Sequence[str] = ("parquet", "webdataset"),
    rounds: int = 2,
) -> bool:
    """Print a table; whether memory stayed flat."""
    print("| form | samples | cp -r, s (CPU s) | export, s (CPU s) | of its speed | peak MiB "
          "| again, s | one more, s |", "|---" * 8 + "|", sep="\n")  # fmt: skip
    pairs = [pair_of(name, megapixels) for name in PHOTOS]
    peaks: dict[str, list[float]] = {form: [] for form in forms}
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="iedf-exporting-") as name:
            base = Path(name)
            plant(base, pairs, count)
            copied, exports = in_turn(base, forms, rounds)
            again = {form: exported(base, form) for form in forms}
            plant(base, pairs, count + 1)
            for form, first in exports.items():
                more = exported(base, form)
                peaks[form].append(first.peak)
                print(
                    f"| {form} | {count:,} | {copied.seconds:.1f} ({copied.cpu:.1f}) "
                    f"| {first.seconds:.1f} ({first.cpu:.1f}) | {copied.seconds / first.seconds:.2f} "
                    f"| {first.peak:.0f} | {again[form].seconds:.1f} | {more.seconds:.1f} |",
                    flush=True,
                )
    return all(found[-1] <= FLAT * found[0] for found in peaks.values())


def in_turn(base: Path, forms: Sequence[str], rounds: int) -> tuple[Spent, dict[str, Spent]]:
    """What `cp -r` and first exports take at their fastest, one after the other in each round."""
    copies: list[Spent] = []
    exports: dict[str, list[Spent]] = {form: [] for form in forms}
    folders = [str(base / "outputs" / name) for name in ("dataset", "reports/allowed")]
    copy = base / "copy"
    for _ in range(rounds):
        for form in forms:
            shutil.rmtree(copy, ignore_errors=True)
            shutil.rmtree(base / form, ignore_errors=True)
            copy.mkdir()
            copies.append(spent(["/bin/cp", "-r", *folders, str(copy)]))
            exports[form].append(exported(base, form))
    return min(copies), {form: min(found) for form, found in exports.items()}


def exported(base: Path, form: str) -> Spent:
    """What an export takes, in a process of its own."""
    command = [sys.executable, "-m", "iedf_assets.cli", "export", form, str(base / form)]
    return spent([*command, *(f"--set={setting}" for setting in settings(base))])


def spent(command: list[str]) -> Spent:
    """Run a command to its end."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        child = os.posix_spawn(
            command[0],
            command,
            {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
            file_actions=[(os.POSIX_SPAWN_DUP2, output.fileno(), place) for place in (1, 2)],
        )
        _, status, used = os.wait4(child, 0)
        if status:
            output.seek(0)
            raise SystemExit(f"{' '.join(command[:5])} failed:\n{output.read().decode()[-2000:]}")
    return Spent(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / MIB)


def settings(base: Path) -> list[str]:
    """What the factory's profile differs in."""
    return [f"paths.{key}={base / key}" for key in ("data", "outputs", "logs")]


def pair_of(name: str, megapixels: float) -> Pair:
    """A photo, and the same with other light in an ellipse."""
    photo = np.asarray(getattr(data, name)())[..., :3]
    factor = (megapixels * 1e6 / (photo.shape[0] * photo.shape[1])) ** 0.5
    size = round(photo.shape[1] * factor), round(photo.shape[0] * factor)
    source = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
    mask = np.zeros(source.shape[:2], np.uint8)
    cv2.ellipse(mask, (size[0] // 2, size[1] // 2), (size[0] // 5, size[1] // 4), 20, 0, 360, 255, -1)
    alpha = region_alpha(SUBTYPE, mask, None, 8, 0.6)
    result = composite(source, 255 - (255 - source) // 2, alpha, 0, 0)
    allowed = allowed_region(alpha)
    files = {
        "source.jpg": encode_jpeg(source, 95),
        "result.jpg": encode_jpeg(result, 95),
        "mask.png": encode_png(mask),
        "mask-1.png": encode_png(~mask),
        "allowed.png": encode_png(allowed),
    }
    before, after = decode_jpeg(files["source.jpg"]), decode_jpeg(files["result.jpg"])
    return Pair(files, measure(before, after, mask, allowed, None, RECIPE), size)


def plant(base: Path, pairs: Sequence[Pair], count: int) -> None:
    """A factory's outputs with so many published samples and their index; those that are there stay."""
    profile = load_profile(settings=settings(base))
    layout = Layout.of(profile)
    stages: dict[str, list[Row]] = {
        name: [] for name in ("source_images", "edited_images", "edit_pairs", "dataset")
    }
    checksums = [{name: content_hash(content) for name, content in pair.files.items()} for pair in pairs]
    for number in range(1, count + 1):
        which = number % len(pairs)
        sample = SampleKey(SUBTYPE.task, SUBTYPE.name, profile.category(CATEGORY).scene, number)
        put(layout, sample, pairs[which])
        for stage, row in rows_of(sample, number, pairs[which], checksums[which]).items():
            stages[stage].append(row)
    for stage, rows in stages.items():
        write_table(frame(rows, stage), layout.manifest(stage, CATEGORY))
    write_index(profile, layout)


def put(layout: Layout, sample: SampleKey, pair: Pair) -> None:
    """A sample's files, where they are not yet: links to the first of its pair."""
    wanted = {layout.dataset / sample.file(role): pair.files[name] for role, name in ROLES.items()}
    wanted[layout.allowed_region(sample)] = pair.files["allowed.png"]
    for language, text in TEXTS.items():
        wanted[layout.dataset / sample.file(f"instruction_{language}")] = text.encode()
    if next(iter(wanted)).exists():
        return
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        first = layout.staging / f"{content_hash(content)}{path.suffix}"
        if not first.exists():
            first.parent.mkdir(parents=True, exist_ok=True)
            first.write_bytes(content)
        place_file(first, path)


def rows_of(sample: SampleKey, number: int, pair: Pair, checksums: dict[str, str]) -> dict[str, Row]:
    """A sample's rows, by stage."""
    source_id, edit_id = f"{number:032x}", f"{number:016x}"
    shared: Row = {"source_id": source_id, "status": "done", "attempts": 1}
    size = {"width": pair.size[0], "height": pair.size[1]}
    path = {"path": f"{CATEGORY}/{number:06d}.jpg", "key": "k", "source_id": source_id, "status": "accepted"}
    place = {"task": sample.task, "subtype": sample.subtype, "scene": sample.scene}
    edit = {
        "key": f"e{number}", "edit_id": edit_id, "layers_key": "l", "variant": 0, "recipe": RECIPE,
        "backend": "classical", **{f"instruction_{language}": text for language, text in TEXTS.items()},
    }  # fmt: skip
    made = {
        "key": f"p{number}", "edit_key": f"e{number}", "edit_id": edit_id, "tier": SUBTYPE.tier,
        "scores": pair.scores, "checksums": checksums,
        "files": {name: len(content) for name, content in pair.files.items()},
    }  # fmt: skip
    verdict = {
        "slot": f"{source_id}/{sample.subtype}/0", "key": f"v{number}", "edit_id": edit_id,
        "status": "published", "sample_key": str(sample), "pair_key": f"p{number}", "edit_key": f"e{number}",
    }  # fmt: skip
    return {
        "source_images": path | size,
        "edited_images": {**shared, **edit, **place},
        "edit_pairs": {**shared, **made, **size},
        "dataset": {**shared, **verdict, **place},
    }


if __name__ == "__main__":
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--counts", type=int, nargs="+", default=[2000, 20_000])
    options.add_argument("--megapixels", type=float, default=0.25)
    options.add_argument("--forms", nargs="+", default=["parquet", "webdataset"])
    options.add_argument("--rounds", type=int, default=2)
    told = options.parse_args()
    sys.exit(not main(told.counts, told.megapixels, told.forms, told.rounds))
