"""Rounds of chaos: a factory at work is struck at random moments, and compared with one left alone."""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
import yaml
from skimage import data

from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.storage.files import TEMPORARY_PREFIX, content_hash
from iedf_assets.defs.jobs import FACTORY
from iedf_assets.defs.resources import PARTITION_TAG
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.shared import made_once

CATEGORY = "物理变化"
SUBJECTS = ("astronaut", "coffee", "chelsea", "rocket")
MORE_RUNS, RUN_S = 2, 600
# How long the daemon has to launch what was asked for, and its children to notice that it is gone.
DAEMON_S = 90
FULL_DISK = "a full disk"
# The mock backend's edits are no good ones; where they stand for good ones, they are to be published.
LENIENT = {
    "max_seam": 1000, "min_sharpness": 0, "min_polarity": 0, "max_recomposition_error": 255, "min_effect": -1,
    "min_structure": -1, "min_changed_share_inside": 0, "min_mask_largest_share": 0,
}  # fmt: skip
# What is undone before the next run, so that the end can be compared with the undisturbed one.
Undo = Callable[[], None]
Victim = Callable[[subprocess.Popen[bytes]], None]


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
            np.clip(turned * gains, 0, 255).astype(np.uint8), (144, 96), interpolation=cv2.INTER_AREA
        )
        path = folder / CATEGORY / f"{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_jpeg(np.asarray(small, np.uint8), 92))


@dataclass(frozen=True)
class Factory:
    """A factory in a folder of its own.

    Attributes:
        backend: of both workers; `mock` takes a third of the time, and what it makes is published as it is.
    """

    base: Path
    backend: str = "classical"

    @property
    def outputs(self) -> Path:
        """Where it works."""
        return self.base / "outputs"

    def prepare(self, **worker: Any) -> None:
        """Write its profile and Dagster's settings.

        Args:
            worker: settings of both workers that are not the usual ones.
        """
        profile = yaml.safe_load(CLASSICAL.read_text("utf-8")) | {
            "wave": 100,
            "sources": {"near_duplicate_bits": -1},
            "filters": {"min_width": 64, "min_height": 64},
            "paths": {name: str(self.base / name) for name in ("data", "outputs", "logs")},
            "workers": {name: {"backend": self.backend, **worker} for name in ("layered", "edit")},
        }
        profile["categories"][CATEGORY]["subtypes"] = {"move": 1, "recolor": 1}
        if self.backend == "mock":
            profile["categories"][CATEGORY]["thresholds"] = LENIENT
        self.profile.write_text(yaml.safe_dump(profile, allow_unicode=True), "utf-8")
        self._home.mkdir(parents=True)
        shutil.copy(PROJECT_ROOT / "dagster.yaml", self._home)

    def start(self) -> subprocess.Popen[bytes]:
        """Start `iedf run`."""
        return self._start(
            "-m", "iedf_assets.cli", "run", "--config", str(self.profile), "--category", CATEGORY
        )

    def start_daemon(self) -> subprocess.Popen[bytes]:
        """Start Dagster's daemon."""
        daemon = Path(sys.executable).with_name("dagster-daemon")
        return self._start(str(daemon), "run", "-w", "workspace.yaml")

    def queue(self) -> subprocess.Popen[bytes]:
        """Ask for a run that the daemon will launch."""
        tags = json.dumps({PARTITION_TAG: CATEGORY})
        command = ("-m", "dagster", "job", "launch", "-w", "workspace.yaml", "-j", FACTORY, "--tags", tags)
        return self._start(*command)

    @property
    def profile(self) -> Path:
        """Its profile."""
        return self.base / "profile.yaml"

    def log(self) -> str:
        """The end of what its runs printed."""
        return (self.base / "runs.log").read_text("utf-8", "replace")[-4000:]

    @property
    def _home(self) -> Path:
        return self.outputs / "dagster"

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        home = {"DAGSTER_HOME": str(self._home), "IEDF_CONFIG": str(self.profile)}
        with (self.base / "runs.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments], cwd=PROJECT_ROOT, stdout=log, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, env={**os.environ, **home}, start_new_session=True,
            )  # fmt: skip

    def samples(self) -> dict[str, tuple[str, dict[str, str]]]:
        """Edit id → number, and hashes of its files, as the index has them."""
        index = self.outputs / "reports" / "index.jsonl"
        found = {}
        for line in index.read_text("utf-8").splitlines():
            row = json.loads(line)
            folder, number = row["sample_key"].rsplit("/", 1)
            files = sorted((self.outputs / "dataset" / folder).glob(f"{number}[._]*"))
            hashes = {file.name.removeprefix(number): content_hash(file.read_bytes()) for file in files}
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


def undisturbed(base: Path, photos: int, backend: str = "classical") -> Factory:
    """A factory that was left alone."""
    factory = Factory(base, backend)
    put_photos(base / "data", photos)
    factory.prepare()
    process = factory.start()
    assert process.wait(timeout=RUN_S) == 0, factory.log()
    return factory


def left_alone(factory: pytest.TempPathFactory, photos: int) -> tuple[Factory, float]:
    """An undisturbed factory, made once, and how long its run took, seconds."""

    def make(base: Path) -> None:
        begun = time.monotonic()
        undisturbed(base, photos)
        (base / "seconds").write_text(str(time.monotonic() - begun))

    base = made_once(factory, f"left-alone-{photos}", make)
    return Factory(base), float((base / "seconds").read_text())


def play(seed: int, base: Path, reference: Factory, run_s: float, faults: Sequence[str] = ()) -> Round:
    """Strike a factory once or twice while it runs, then let it finish in at most two more runs.

    Args:
        base: a new folder.
        run_s: how long an undisturbed run takes, seconds.
        faults: what befalls it; else that is drawn.
    """
    chance, played = random.Random(seed), Round(seed)
    drawn = [chance.choice(list(FAULTS)) for _ in range(chance.choice((1, 1, 2)))]
    base.mkdir(parents=True)
    with small_disk(base) if FULL_DISK in (faults or drawn) else contextlib.nullcontext():
        struck = Factory(base, reference.backend)
        _strike(faults or drawn, chance, struck, reference, run_s, played)
    return played


def _strike(
    names: Sequence[str],
    chance: random.Random,
    factory: Factory,
    reference: Factory,
    run_s: float,
    played: Round,
) -> None:
    shutil.copytree(reference.base / "data", factory.base / "data")
    factory.prepare()
    undo: list[Undo] = []
    process = factory.start()
    moments = sorted(chance.uniform(0.05, 0.95) * run_s for _ in names)
    begun = time.monotonic()
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


def can_mount() -> bool:
    """Whether this process may mount a file system: a disk can be filled only where it has an end."""
    with tempfile.TemporaryDirectory() as name, contextlib.suppress(AssertionError), small_disk(Path(name)):
        return True
    return False


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own at a folder while the block runs."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "iedf-chaos", folder], check=False)  # noqa: S607
    assert mounted.returncode == 0, "this process may not mount a file system"
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)  # noqa: S607


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


def _full_disk(factory: Factory, _process: subprocess.Popen[bytes], _chance: random.Random) -> Undo:
    ballast = factory.base / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    return ballast.unlink


def _through_the_daemon(factory: Factory, process: subprocess.Popen[bytes], victim: Victim) -> Undo:
    """The run is stopped, the next wave goes through the daemon, and then something of that is killed."""
    process.terminate()
    process.wait(timeout=RUN_S)
    # First, since two that open an empty instance at once would meet half of its tables.
    factory.queue().wait(timeout=RUN_S)
    daemon = factory.start_daemon()
    deadline = time.monotonic() + DAEMON_S
    while time.monotonic() < deadline and not any("worker" in " ".join(_told(p)) for p in _workers(daemon)):
        time.sleep(0.1)
    victim(daemon)

    def undo() -> None:
        """Wait for what is under way, as whoever sees that the daemon is gone would."""
        if daemon.poll() is None:
            daemon.terminate()
        daemon.wait(timeout=RUN_S)
        deadline = time.monotonic() + DAEMON_S
        while factory.processes() and time.monotonic() < deadline:
            time.sleep(0.2)

    return undo


def _kill_daemon(factory: Factory, process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    def kill(daemon: subprocess.Popen[bytes]) -> None:
        time.sleep(chance.uniform(0, 3))
        daemon.kill()

    return _through_the_daemon(factory, process, kill)


def _kill_grandchild(factory: Factory, process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    def kill(daemon: subprocess.Popen[bytes]) -> None:
        children = psutil.Process(daemon.pid).children()
        grandchildren = [process for process in _workers(daemon) if process not in children]
        with contextlib.suppress(psutil.Error, IndexError):
            chance.choice(grandchildren).kill()

    return _through_the_daemon(factory, process, kill)


def _flipped_bytes(factory: Factory, _process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    file = _some_file(factory.outputs / "staging", chance)
    if file is not None:
        with contextlib.suppress(FileNotFoundError), file.open("rb+") as opened:
            at = chance.randrange(file.stat().st_size)
            opened.seek(at)
            byte = opened.read(1)
            opened.seek(at)
            opened.write(bytes([byte[0] ^ chance.randrange(1, 256)]))
    return lambda: None


def _told(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return list(process.cmdline())
    return []


def _some_file(folder: Path, chance: random.Random) -> Path | None:
    files = sorted(path for path in _files(folder) if TEMPORARY_PREFIX not in str(path))
    return chance.choice(files) if files else None


def _files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        yield from (Path(root) / name for name in names)


def _deleted_output(factory: Factory, _process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    staging = factory.outputs / "staging"
    folder = chance.choice([factory.outputs / "dataset", staging / "edit_pairs", staging / "image_layers"])
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
    "flipped bytes": _flipped_bytes,
    "kill the daemon": _kill_daemon,
    "kill a grandchild": _kill_grandchild,
    **({FULL_DISK: _full_disk} if can_mount() else {}),
}
KILLS = frozenset(
    {"kill the run", "kill the worker", "kill all", "a second run", "kill the daemon", "kill a grandchild"}
)
