"""Whole runs on real photos, for tests: putting photos in, running, and what came out."""

from pathlib import Path

import cv2
import pytest
from skimage import data

from iedf_assets.cli.commands.run import LazyWaves
from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.files import content_hash
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.category_loop import Outcome, run_category
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.shared import made_once

CHECKED = "ASSET_CHECK_EVALUATION"
PHYSICAL, OBJECTS = "物理变化", "物体一致性"


def put(layout: Layout, category: str, *names: str) -> None:
    for name in names:
        path = layout.data / category / name / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo = getattr(data, name)()
        size = photo.shape[1] // 2, photo.shape[0] // 2
        path.write_bytes(
            encode_jpeg(cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype("uint8"), 95)
        )


class Ticks:
    """Counts what each stage makes, through the progress that the terminal would show."""

    def __init__(self, profile: Profile) -> None:
        self.made: dict[str, int] = {}
        self._waves = LazyWaves(profile, self)

    def __call__(self, stage: str, _category: str, done: int, _total: int) -> None:
        self.made[stage] = self.made.get(stage, 0) + 1 if done else 0

    def run(self, category: str) -> None:
        self._waves.run(category)


def run(profile: Profile, category: str = PHYSICAL) -> tuple[Outcome, dict[str, int]]:
    waves = Ticks(profile)
    return run_category(profile, category, waves), waves.made


def finished(factory: pytest.TempPathFactory, *names: str) -> Path:
    """A folder with photos of `PHYSICAL` below `data`, and their run below `outputs` and `logs`."""

    def make(base: Path) -> None:
        folders = [f"paths.{name}={base / name}" for name in ("data", "outputs", "logs")]
        profile = load_profile(CLASSICAL, folders)
        put(Layout.of(profile), PHYSICAL, *names)
        outcome, _ = run(profile)
        assert outcome.went_through, outcome.error

    return made_once(factory, "run-" + "-".join(names), make)


def tree(folder: Path) -> dict[str, str]:
    """Relative path → hash of each file; contents would take a failure hours to tell apart."""
    return {
        str(path.relative_to(folder)): content_hash(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def with_settings(profile: Profile, *settings: str) -> Profile:
    paths = profile.paths
    folders = [f"paths.data={paths.data}", f"paths.outputs={paths.outputs}", f"paths.logs={paths.logs}"]
    return load_profile(CLASSICAL, [*folders, *settings])
