"""Fixtures that all tests share."""

import contextlib
from pathlib import Path

import pytest

from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.profiles import CLASSICAL

# `make test` looks at fewer examples than `make test-all`.
with contextlib.suppress(ImportError):  # the models' environments have no hypothesis
    from hypothesis import settings

    settings.register_profile("fast", max_examples=40)


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """The default profile with data, outputs and logs below a temporary folder."""
    folders = {"data": "data", "outputs": "outputs", "logs": "logs"}
    return load_profile(CLASSICAL, [f"paths.{key}={tmp_path / name}" for key, name in folders.items()])


@pytest.fixture
def layout(profile: Profile) -> Layout:
    """The layout of `profile`."""
    return Layout.of(profile)


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs set DAGSTER_HOME; it is put back."""
    monkeypatch.setenv("DAGSTER_HOME", "")
