"""Fixtures that all tests share."""

from pathlib import Path

import pytest

from iedf_assets.core.naming import Layout
from iedf_assets.core.profile import DEFAULT_PROFILE, Profile, load_profile


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """The default profile with data, outputs and logs below a temporary folder."""
    folders = {"data": "data", "outputs": "outputs", "logs": "logs"}
    return load_profile(DEFAULT_PROFILE, [f"paths.{key}={tmp_path / name}" for key, name in folders.items()])


@pytest.fixture
def layout(profile: Profile) -> Layout:
    """The layout of `profile`."""
    return Layout.of(profile)
