"""Every CPU stage beside its floor: decoding what it must read and encoding what it must write.

    python -m benchmarks.speed [--photos 24] [--megapixels 2.83]

A real run on one thread gives each stage's seconds. The floor is then measured on the very files: each
photo and staged file that the stage reads decoded once, each that it writes encoded once. What the network
and filling behind objects take, which no codec bounds, is measured apart and left out of the ratio. At
the end, what Dagster itself costs: a run of the whole job in which no stage has anything to make.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np

from benchmarks.photos import put_photos
from iedf_assets.core.contract import ModelSettings
from iedf_assets.core.judging.inspection import inspect_sample
from iedf_assets.core.judging.inspection_cache import known_of
from iedf_assets.core.pictures.codecs import decode, encode_jpeg, encode_png
from iedf_assets.core.pictures.subjects import Network
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.requests import edit_requests, layer_requests, plan_edits
from iedf_assets.core.profile.checkpoints import network_settings
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.loading import DEFAULT_PROFILE, load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources.scan import paths_on_disk
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.defs.wave_runs import InProcessWaves
from model_envs.edit import classical
from model_envs.layered import onnx

ONE_THREAD = (
    "sources.near_duplicate_bits=-1", "threads=1", "workers.layered.threads=1", "workers.edit.threads=1",
)  # fmt: skip


def main(photos: int = 24, megapixels: float = 68 / 24) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="iedf-speed-") as name:
        base = Path(name)
        total = put_photos(base / "data", photos, megapixels) / 1e6
        folders = [f"paths.{key}={base / key}" for key in ("data", "outputs", "logs")]
        profile = load_profile(DEFAULT_PROFILE, [*folders, *ONE_THREAD])
        told = [part for setting in (*folders, *ONE_THREAD) for part in ("--set", setting)]
        command = [sys.executable, "-m", "iedf_assets.cli", "run", *told]
        subprocess.run(command, check=True, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL)
        books = [Book.open(profile, Layout.of(profile), name) for name in profile.categories]
        print(f"{photos} photos, {total:.0f} MP, one thread\n")
        print("| stage | seconds | MP/s per core | floor, s | times the floor |\n|---|---|---|---|---|")
        spent, floors = _measured(books), _floors(books)
        asked, filled = sum(map(_asked, books)), sum(map(_filled, books))
        spent["image_layers"] -= asked
        spent["edited_images"] -= filled
        for stage, seconds in spent.items():
            print(_line(stage, seconds, total, floors[stage]))
        print(_line("**all of these**", sum(spent.values()), total, sum(floors.values())))
        for what, seconds in (("the network", asked), ("filling behind objects", filled)):
            print(f"| {what} | {seconds:.1f} | {total / seconds:.1f} | | |")
        print(f"\nDagster's own cost of a run: {_of_dagster(profile):.2f} s")


def _line(stage: str, seconds: float, megapixels: float, floor: float) -> str:
    return f"| {stage} | {seconds:.1f} | {megapixels / seconds:.1f} | {floor:.1f} | {seconds / floor:.1f} |"


def _measured(books: list[Book]) -> dict[str, float]:
    """Seconds by stage, as the rows tell; and of inspecting each published sample once."""
    spent: dict[str, float] = defaultdict(float)
    for book in books:
        for stage in ("source_images", "image_layers", "edited_images", "edit_pairs"):
            spent[stage] += sum(seconds or 0.0 for (seconds,) in book.table(stage).pick("seconds"))
        drawn = dict(book.edits.pick("key", "recipe"))
        for key, edit_key, status in book.verdicts.pick("sample_key", "edit_key", "status"):
            if status == "published":
                sample = SampleKey.parse(key)
                known = known_of(book.layout, sample, drawn[edit_key])
                spent["checks of the dataset"] += _timed(inspect_sample, book.layout.dataset, sample, known)
    return spent


def _floors(books: list[Book]) -> dict[str, float]:
    """Seconds by stage of decoding what is read and encoding what is written, once each."""
    floors: dict[str, float] = defaultdict(float)
    for book in books:
        photos = {name: Path(path) for name, path in paths_on_disk(book.layout, book.name).items()}
        paths = {source.source_id: photos[source.path] for source in book.accepted}
        for path in photos.values():
            floors["source_images"] += _decoding([path])
        for row in _done(book, "image_layers"):
            written = _files(book, "image_layers", row)
            floors["image_layers"] += _decoding([paths[row["source_id"]]]) + _encoding(written)
        for row in _done(book, "edited_images"):
            read = [paths[row["source_id"]]]
            if layers := book.layers.get(row["layers_key"]):
                read += _files(book, "image_layers", layers)
            floors["edited_images"] += _decoding(read) + _encoding(_files(book, "edited_images", row))
        for row in _done(book, "edit_pairs"):
            edit = book.edits[row["edit_key"]]
            read = [paths[row["source_id"]], *_files(book, "edited_images", edit)]
            if layers := book.layers.get(edit["layers_key"]):
                read.append(book.layout.staged("image_layers", layers["key"]) / "mask.png")
            written = _files(book, "edit_pairs", row)
            # What is scored is what the written pictures decode to.
            read += [path for path in written if path.suffix == ".jpg"]
            floors["edit_pairs"] += _decoding(read) + _encoding(written)
            verdicts = {key: status for key, status in book.verdicts.pick("pair_key", "status") if key}
            if verdicts.get(row["key"]) == "published":
                floors["checks of the dataset"] += _decoding(written)
    return floors


def _asked(book: Book) -> float:
    """Seconds of the network while all photos of a category are decomposed anew."""
    fresh = Book.open(book.profile, book.layout, book.name)
    fresh = fresh.with_rows("image_layers", fresh.layers.only([]))
    requests = layer_requests(fresh.at_work(), paths_on_disk(book.layout, book.name))
    backend = onnx.Backend(network_settings(None))
    return _within(Network, "ask", lambda: _make(backend, requests))


def _filled(book: Book) -> float:
    """Seconds of filling behind objects while all edits of a category are rendered anew."""
    fresh = Book.open(book.profile, book.layout, book.name)
    fresh = fresh.with_rows("edited_images", fresh.edits.only([])).at_work()
    requests = edit_requests(fresh, plan_edits(fresh), paths_on_disk(book.layout, book.name))
    backend = classical.Backend(ModelSettings())
    return _within(classical, "fill_behind", lambda: _make(backend, requests))


def _make(backend: Any, requests: Iterable[Any]) -> None:
    for request in requests:
        with tempfile.TemporaryDirectory() as folder:
            backend.run(request, Path(folder))


def _within(owner: object, name: str, work: Callable[[], object]) -> float:
    """Seconds of a function, called by its name of its owner, during some work on one thread."""
    spent = 0.0
    function = getattr(owner, name)

    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal spent
        begun = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            spent += time.perf_counter() - begun

    cv2.setNumThreads(1)
    with mock.patch.object(owner, name, call):
        work()
    return spent


def _of_dagster(profile: Profile) -> float:
    """Seconds of a run of the whole job in which nothing is to be made, the best of three."""
    os.environ["DAGSTER_HOME"] = ""
    waves = InProcessWaves(profile, lambda *_: None)
    return min(_timed(waves.run, next(iter(profile.categories))) for _ in range(3))


def _done(book: Book, stage: str) -> list[dict[str, Any]]:
    return [row for row in book.table(stage).values() if row["status"] == "done"]


def _files(book: Book, stage: str, row: dict[str, Any]) -> list[Path]:
    return [book.layout.staged(stage, row["key"]) / name for name in row["files"]]


def _decoding(paths: Iterable[Path]) -> float:
    return sum(_timed(_decode, path) for path in paths)


def _encoding(paths: Iterable[Path]) -> float:
    seconds = 0.0
    for path in paths:
        pixels = decode(path)
        seconds += _timed(encode_jpeg, pixels, 95) if path.suffix == ".jpg" else _timed(encode_png, pixels)
    return seconds


def _decode(path: Path) -> None:
    # OpenCV's decoders are libjpeg-turbo's and libpng's.
    cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)


def _timed(function: Callable[..., object], *arguments: object) -> float:
    begun = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - begun


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--megapixels", type=float, default=68 / 24)
    arguments = parser.parse_args()
    main(arguments.photos, arguments.megapixels)
