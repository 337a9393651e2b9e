"""Factories of their own for tests: their photos, profile and processes, and what they published."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
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
from iedf_assets.defs.instance import PARTITION_TAG
from iedf_assets.defs.jobs import FACTORY
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.shared import made_once

CATEGORY = "物理变化"
SUBJECTS = ("astronaut", "coffee", "chelsea", "rocket")
RUN_S = 600
WATCHED = Path(__file__).with_name("watched")
# The mock backend's edits are no good ones; where they stand for good ones, they are to be published.
LENIENT = {
    "max_seam": 1000, "min_sharpness": 0, "min_polarity": 0, "max_recomposition_error": 255, "min_effect": -1,
    "min_structure": -1, "min_changed_share_inside": 0, "min_mask_largest_share": 0,
}  # fmt: skip


def prepared() -> dict[str, str]:
    """The variables that have processes run `helpers/watched` first."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(WATCHED), os.environ.get("PYTHONPATH"))))}


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
            `onnx` is of the layers alone: edits are `classical` then, as by default.
        watched: note what its processes sync, and let their clock be set: `helpers/watched`.
    """

    base: Path
    backend: str = "classical"
    watched: bool = False

    @property
    def outputs(self) -> Path:
        """Where it works."""
        return self.base / "outputs"

    def prepare(self, finish: dict[str, Any] | None = None, **worker: Any) -> None:
        """Write its profile and Dagster's settings.

        Args:
            finish: settings of who finishes pairs.
            worker: settings of both workers that are not the usual ones.
        """
        profile = yaml.safe_load(CLASSICAL.read_text("utf-8")) | {
            "wave": 100,
            "sources": {"near_duplicate_bits": -1},
            "filters": {"min_width": 64, "min_height": 64},
            "paths": {name: str(self.base / name) for name in ("data", "outputs", "logs")},
            "workers": {
                "layered": {"backend": self.backend, **worker},
                "edit": {"backend": "classical" if self.backend == "onnx" else self.backend, **worker},
                "finish": finish or {},
            },
        }
        profile["categories"][CATEGORY]["subtypes"] = {"move": 1, "identity": 1}
        if self.backend == "mock":
            profile["categories"][CATEGORY]["thresholds"] = LENIENT
        self.profile.write_text(yaml.safe_dump(profile, allow_unicode=True), "utf-8")
        self.home.mkdir(parents=True)
        shutil.copy(PROJECT_ROOT / "configs" / "dagster.yaml", self.home)

    def start(self, *before: str) -> subprocess.Popen[bytes]:
        """Start `iedf run`.

        Args:
            before: a command that it is put behind.
        """
        run = ("-m", "iedf_assets.cli", "run", "--config", str(self.profile), "--category", CATEGORY)
        return self._start(*run, before=before)

    def start_daemon(self, *definitions: str) -> subprocess.Popen[bytes]:
        """Start Dagster's daemon, on the project's definitions or on those that its options name."""
        daemon = Path(sys.executable).with_name("dagster-daemon")
        return self._start(str(daemon), "run", *(definitions or ("-w", "workspace.yaml")))

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
    def home(self) -> Path:
        """Its Dagster instance's folder."""
        return self.outputs / "dagster"

    def _start(self, *arguments: str, before: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        home = {"DAGSTER_HOME": str(self.home), "IEDF_CONFIG": str(self.profile), **prepared()}
        if self.watched:
            home["IEDF_WATCHED"] = str(self.base)
        with (self.base / "runs.log").open("ab") as log:
            return subprocess.Popen(
                [*before, sys.executable, *arguments], cwd=PROJECT_ROOT, stdout=log, stderr=subprocess.STDOUT,
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
