"""Rounds of chaos: a factory at work is struck at random moments, and compared with one left alone."""

import contextlib
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import psutil
from skimage import data

from iedf_assets.core.codecs import encode_jpeg
from iedf_assets.core.files import TEMPORARY_PREFIX
from iedf_assets.core.profile import PROJECT_ROOT

CATEGORY = "物理变化"
SUBTYPES = f"categories.{CATEGORY}.subtypes={{move: 1, recolor: 1}}"
SUBJECTS = ("astronaut", "coffee", "chelsea", "rocket")
MORE_RUNS, RUN_S = 2, 600
# What is undone before the next run, so that the end can be compared with the undisturbed one.
Undo = Callable[[], None]


@dataclass
class Round:
    """What was done in a round, and what came of it.

    Attributes:
        faults: what was injected, and after how many seconds.
        runs: how many were needed.
        problems: what does not agree with the undisturbed factory; none is as it should be.
    """

    seed: int
    faults: list[str] = field(default_factory=list)
    runs: int = 0
    problems: list[str] = field(default_factory=list)


def put_photos(folder: Path, count: int) -> None:
    """Small photos, no two of them near duplicates."""
    for number in range(count):
        rng = np.random.default_rng(number)
        photo = getattr(data, SUBJECTS[number % len(SUBJECTS)])()
        height, width = photo.shape[:2]
        top, left = (rng.random(2) * 0.1 * np.array([height, width])).astype(int)
        turned = photo[top:, left:][:, :: -1 if rng.random() < 0.5 else 1]
        gains = 1 + rng.uniform(-0.15, 0.15, 3)
        small = cv2.resize(
            np.clip(turned * gains, 0, 255).astype(np.uint8), (216, 144), interpolation=cv2.INTER_AREA
        )
        path = folder / CATEGORY / f"{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_jpeg(np.asarray(small, np.uint8), 92))


@dataclass(frozen=True)
class Factory:
    """A factory in a folder of its own."""

    base: Path

    def start(self) -> subprocess.Popen[bytes]:
        """Start `iedf run`."""
        settings = [
            "sources.near_duplicate_bits=-1", SUBTYPES, f"paths.logs={self.base / 'logs'}", "wave=25",
            "filters.min_width=64", "filters.min_height=64",
        ]  # fmt: skip
        told = [part for setting in settings for part in ("--set", setting)]
        command = [
            sys.executable, "-m", "iedf_assets.cli", "run", "--category", CATEGORY,
            "--data", str(self.base / "data"), "--outputs", str(self.base / "outputs"), *told,
        ]  # fmt: skip
        with (self.base / "runs.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=PROJECT_ROOT, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env={**os.environ, "DAGSTER_HOME": ""}, start_new_session=True,
            )  # fmt: skip

    def samples(self) -> dict[str, tuple[str, dict[str, str]]]:
        """Edit id → number, and hashes of its files, as the index has them."""
        index = self.base / "outputs" / "reports" / "index.jsonl"
        found = {}
        for line in index.read_text("utf-8").splitlines():
            row = json.loads(line)
            folder, number = row["sample_key"].rsplit("/", 1)
            files = sorted((self.base / "outputs" / "dataset" / folder).glob(f"{number}[._]*"))
            hashes = {
                file.name.removeprefix(number): hashlib.sha256(file.read_bytes()).hexdigest()
                for file in files
            }
            found[row["edit_id"]] = row["sample_key"], hashes
        return found

    def left_over(self) -> list[str]:
        """Temporary files anywhere below it."""
        return [str(path) for path in self.base.rglob(f"{TEMPORARY_PREFIX}*")]

    def processes(self) -> list[psutil.Process]:
        """Everything that works for it, workers included: their job files lie below it."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                about = " ".join([*process.cmdline(), *process.environ().get("DAGSTER_HOME", "").split("\0")])
                if str(self.base) in about:
                    found.append(process)
        return found


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def undisturbed(base: Path, photos: int) -> Factory:
    """A factory that was left alone."""
    factory = Factory(base)
    put_photos(base / "data", photos)
    process = factory.start()
    assert process.wait(timeout=RUN_S) == 0, (base / "runs.log").read_text("utf-8")[-2000:]
    return factory


def play(seed: int, base: Path, reference: Factory, run_s: float) -> Round:
    """Strike a factory once or twice while it runs, then let it finish in at most two more runs.

    Args:
        base: a new folder.
        run_s: how long an undisturbed run takes, seconds.
    """
    chance, played = random.Random(seed), Round(seed)
    factory = Factory(base)
    base.mkdir(parents=True)
    shutil.copytree(reference.base / "data", base / "data")
    undo: list[Undo] = []
    process = factory.start()
    moments = sorted(chance.uniform(0.05, 0.95) * run_s for _ in range(chance.choice((1, 1, 2))))
    begun = time.monotonic()
    names = [chance.choice(list(FAULTS)) for _ in moments]
    for name, moment in zip(names, moments, strict=True):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=max(0.0, begun + moment - time.monotonic()))
        played.faults.append(f"{name} at {moment:.1f} s")
        undo.append(FAULTS[name](factory, process, chance))
    process.wait(timeout=RUN_S)
    played.runs = 1
    for step in reversed(undo):
        step()
    code = None
    while code != 0 and played.runs <= MORE_RUNS:
        code = factory.start().wait(timeout=RUN_S)
        played.runs += 1
    if code != 0:
        played.problems.append(f"the last run ended with {code}")
    _compare(factory, reference, played, whole=set(names) <= KILLS)
    return played


def _compare(factory: Factory, reference: Factory, played: Round, *, whole: bool) -> None:
    mine, theirs = factory.samples(), reference.samples()
    if mine.keys() != theirs.keys():
        played.problems.append(f"{len(theirs.keys() - mine)} lost, {len(mine.keys() - theirs)} not wanted")
    keys = [key for key, _ in mine.values()]
    if len(keys) != len(set(keys)):
        played.problems.append("two samples have one number")
    different = [edit for edit in mine.keys() & theirs.keys() if mine[edit][1] != theirs[edit][1]]
    if different:
        played.problems.append(f"{len(different)} differ in their bytes, {different[0]} for one")
    renumbered = [edit for edit in mine.keys() & theirs.keys() if mine[edit][0] != theirs[edit][0]]
    if whole and renumbered:
        played.problems.append(f"{len(renumbered)} have another number")
    if factory.left_over():
        played.problems.append(f"temporary files: {factory.left_over()[:3]}")
    deadline = time.monotonic() + 10
    while factory.processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    if factory.processes():
        played.problems.append(f"processes remain: {factory.processes()}")


def _workers(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def _kill_run(_factory: Factory, process: subprocess.Popen[bytes], _chance: random.Random) -> Undo:
    process.kill()
    return lambda: None


def _kill_worker(_factory: Factory, process: subprocess.Popen[bytes], _chance: random.Random) -> Undo:
    for worker in _workers(process):
        with contextlib.suppress(psutil.Error):
            worker.kill()
    return lambda: None


def _kill_all(_factory: Factory, process: subprocess.Popen[bytes], _chance: random.Random) -> Undo:
    workers = _workers(process)
    process.kill()
    for worker in workers:
        with contextlib.suppress(psutil.Error):
            worker.kill()
    return lambda: None


def _second_run(factory: Factory, _process: subprocess.Popen[bytes], _chance: random.Random) -> Undo:
    second = factory.start()

    def undo() -> None:
        second.wait(timeout=RUN_S)

    return undo


def _photo(factory: Factory, chance: random.Random) -> Path:
    return chance.choice(sorted((factory.base / "data" / CATEGORY).iterdir()))


def _unreadable_photo(factory: Factory, _process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    photo = _photo(factory, chance)
    aside = factory.base / f"aside-{chance.random()}"
    photo.rename(aside)
    photo.symlink_to(factory.base / "nowhere")

    def undo() -> None:
        photo.unlink()
        aside.rename(photo)

    return undo


def _changed_photo(factory: Factory, _process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    photo = _photo(factory, chance)
    before = photo.read_bytes()
    photo.write_bytes(before[: len(before) // 2])

    def undo() -> None:
        photo.write_bytes(before)

    return undo


def _some_file(folder: Path, chance: random.Random) -> Path | None:
    files = sorted(path for path in _files(folder) if TEMPORARY_PREFIX not in str(path))
    return chance.choice(files) if files else None


def _files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        yield from (Path(root) / name for name in names)


def _deleted_output(factory: Factory, _process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    outputs = factory.base / "outputs"
    folder = chance.choice(
        [outputs / "dataset", outputs / "staging" / "edit_pairs", outputs / "staging" / "image_layers"]
    )
    file = _some_file(folder, chance)
    if file is not None:
        file.unlink(missing_ok=True)
    return lambda: None


FAULTS: dict[str, Callable[[Factory, subprocess.Popen[bytes], random.Random], Undo]] = {
    "kill the run": _kill_run,
    "kill the worker": _kill_worker,
    "kill all": _kill_all,
    "a second run": _second_run,
    "an unreadable photo": _unreadable_photo,
    "a changed photo": _changed_photo,
    "a deleted output": _deleted_output,
}
KILLS = frozenset({"kill the run", "kill the worker", "kill all", "a second run"})
