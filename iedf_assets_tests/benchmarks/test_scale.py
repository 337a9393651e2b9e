"""The benchmark of many photos: its profile is one."""

from pathlib import Path

from benchmarks.scale import CATEGORY, profile_in
from iedf_assets.core.profile.loading import load_profile


def test_its_profile_asks_for_one_move_a_photo_of_the_mock_backend(tmp_path: Path) -> None:
    profile = load_profile(profile_in(tmp_path, 50))
    category = profile.categories[CATEGORY]
    assert (profile.wave, category.subtypes) == (50, {"move": 1})
    assert (category.workers.layered.backend, category.workers.edit.backend) == ("mock", "mock")
