"""Fixtures that all tests share."""

import contextlib
import re
from pathlib import Path

import pytest

from iedf_assets.core.profile.loading import DEFAULT_PROFILE, load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout

# `make test` looks at fewer examples than `make test-all`.
with contextlib.suppress(ImportError):  # the models' environments have no hypothesis
    from hypothesis import settings

    settings.register_profile("fast", max_examples=40)


ALL_SLOW = re.compile(r"^pytestmark = pytest\.mark\.slow$", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where slow tests are left out, their modules are not so much as imported: that takes seconds."""
    if config.getoption("markexpr") != "not slow" or collection_path.suffix != ".py":
        return None
    return True if ALL_SLOW.search(collection_path.read_text("utf-8")) else None


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """The default profile with data, outputs and logs below a temporary folder."""
    folders = {"data": "data", "outputs": "outputs", "logs": "logs"}
    return load_profile(DEFAULT_PROFILE, [f"paths.{key}={tmp_path / name}" for key, name in folders.items()])


@pytest.fixture
def layout(profile: Profile) -> Layout:
    """The layout of `profile`."""
    return Layout.of(profile)


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs set DAGSTER_HOME; it is put back."""
    monkeypatch.setenv("DAGSTER_HOME", "")
