"""Wave after wave, until all is through or nothing gets on."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from iedf_assets.cli.commands.run import LazyWaves
from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.files import TEMPORARY_PREFIX, this_host
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.ownership import claim_outputs
from iedf_assets.defs.category_loop import run_category
from iedf_assets.defs.wave_runs import _root_of

CATEGORY = "物理变化"


class Visitors:
    """Waves during which photos come, too small for the filters, so that they end at the first stage."""

    def __init__(self, profile: Profile, layout: Layout, *, works: bool) -> None:
        self._layout, self._coming = layout, 4
        self._waves = LazyWaves(profile, lambda *_: None) if works else None
        self.come()

    def come(self) -> None:
        (self._layout.data / CATEGORY).mkdir(parents=True, exist_ok=True)
        for number in range(min(2, self._coming)):
            photo = np.full((60, 80, 3), 40 * (self._coming - number), np.uint8)
            path = self._layout.data / CATEGORY / f"{self._coming - number}.jpg"
            path.write_bytes(encode_jpeg(photo, 90))
        self._coming -= 2

    def run(self, category: str) -> None:
        self.come()
        if self._waves:
            self._waves.run(category)


@pytest.mark.slow
def test_photos_that_come_faster_than_waves_take_them_do_not_stop_a_run(
    profile: Profile, layout: Layout
) -> None:
    profile = profile.model_copy(update={"wave": 1})
    outcome = run_category(profile, CATEGORY, Visitors(profile, layout, works=True))
    assert outcome.went_through, outcome.error
    assert (outcome.waves, outcome.counts["source_images"]) == (4, {"filtered": 4})


def test_a_run_ends_when_no_photo_gets_on_whatever_comes(profile: Profile, layout: Layout) -> None:
    outcome = run_category(profile, CATEGORY, Visitors(profile, layout, works=False))
    assert "4 photos of 物理变化 do not get on" in str(outcome.error)
    assert outcome.waves == 1


def test_logs_that_have_no_place_stop_a_run_before_it_begins(profile: Profile, layout: Layout) -> None:
    paths = profile.paths.model_copy(update={"logs": layout.logs / ("x" * 300)})
    nowhere = profile.model_copy(update={"paths": paths})
    outcome = run_category(nowhere, CATEGORY, Visitors(nowhere, layout, works=False))
    assert "File name too long\n  remedy: give it a shorter name" in str(outcome.error)
    assert outcome.waves == 0


def test_a_run_that_finds_nothing_to_do_sweeps_up_what_killed_ones_left(
    profile: Profile, layout: Layout
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    claim_outputs(layout)
    layout.index.parent.mkdir(parents=True, exist_ok=True)
    layout.index.touch()
    places = [layout.staging / "edit_pairs" / "53", layout.reports / "rejects" / "53"]
    left = [place / f"{TEMPORARY_PREFIX}{ended.pid}@{this_host()}-0123abcd-name" for place in places]
    for folder in left:
        folder.mkdir(parents=True)
    visitors = Visitors(profile, layout, works=False)
    for photo in (layout.data / CATEGORY).iterdir():
        photo.unlink()
    outcome = run_category(profile, CATEGORY, visitors)
    assert (outcome.error, outcome.waves) == (None, 0)
    assert not any(folder.exists() for folder in left)


def test_whatever_is_wrong_with_a_category_stops_that_one_alone(profile: Profile, layout: Layout) -> None:
    class Breaks(Visitors):
        def run(self, category: str) -> None:
            raise ZeroDivisionError(category)

    outcome = run_category(profile, CATEGORY, Breaks(profile, layout, works=False))
    assert outcome.error is not None
    assert "ZeroDivisionError" in outcome.error
    assert "remedy: report it with" in outcome.error


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("iedf_assets.core.errors.X: a is b\n  remedy: c", "a is b\n  remedy: c"),
        ("X: [Errno 28] No space left: '/a/b'", "/a/b cannot be used: No space left\n  remedy: free space"),
        ("X: (sqlite3.OperationalError) database or disk is full", "free space"),
        ("X: odd", "X: odd\n  remedy: report it"),
    ],
)
def test_what_a_step_failed_by_is_told_with_a_remedy(said: str, told: str) -> None:
    error = SimpleNamespace(message=said, cls_name="X", cause=None)
    assert told in _root_of(SimpleNamespace(message="outer", cls_name="Y", cause=error))
