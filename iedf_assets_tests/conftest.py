"""Fixtures that all tests share."""

import contextlib
import gc
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.profiles import CLASSICAL

# `make test` looks at fewer examples than `make test-all`, and what has to land at some between.
with contextlib.suppress(ImportError):  # the models' environments have no hypothesis
    from hypothesis import HealthCheck, settings

    # How long an example takes, and how many are passed over, is up to the machine and to chance.
    by_chance = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    for name, count in {"fast": 20, "landing": 40, "all": 100}.items():
        settings.register_profile(name, max_examples=count, deadline=None, suppress_health_check=by_chance)
    settings.load_profile("fast")  # unless --hypothesis-profile says otherwise


ALL_SLOW = re.compile(r"^pytestmark = pytest\.mark\.slow$", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where slow tests are left out, their modules are not so much as imported: that takes seconds."""
    if config.getoption("markexpr") != "not slow" or collection_path.suffix != ".py":
        return None
    return True if ALL_SLOW.search(collection_path.read_text("utf-8")) else None


def pytest_collection_finish() -> None:
    """What was imported stays: nobody is to look for garbage in it, which each run does."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)  # the models' environments have no xdist
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One worker per core; half as many again for slow tests, which mostly wait for their processes."""
    cores = os.cpu_count() or 1
    return cores + (cores + 1) // 2 if config.getoption("markexpr") == "slow" else cores


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Whole factories first in each worker's share: none is to begin when everything else is done."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    whole = [item for item in items if "whole" in item.path.parts]
    rest = [item for item in items if "whole" not in item.path.parts]
    items[:] = [
        item
        for share in range(workers)
        for kind in (whole, rest)
        for item in kind[share * len(kind) // workers : (share + 1) * len(kind) // workers]
    ]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A cache of the tests' own instead of the user's, for the processes that they start, too."""
    os.environ["IEDF_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """The default profile with data, outputs and logs below a temporary folder."""
    folders = {"data": "data", "outputs": "outputs", "logs": "logs"}
    return load_profile(CLASSICAL, [f"paths.{key}={tmp_path / name}" for key, name in folders.items()])


@pytest.fixture
def layout(profile: Profile) -> Layout:
    """The layout of `profile`."""
    return Layout.of(profile)


@pytest.fixture
def already_run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """Puts photos and a finished run over them, of the default profile, where `profile` has its folders."""

    def copy(*names: str) -> None:
        from iedf_assets_tests.helpers.runs import finished

        shutil.copytree(finished(tmp_path_factory, *names), tmp_path, dirs_exist_ok=True)

    return copy


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs set DAGSTER_HOME; it is put back."""
    monkeypatch.setenv("DAGSTER_HOME", "")


@pytest.fixture(autouse=True, scope="session")
def quick_disk() -> Iterator[None]:
    """No test outlives a power cut, so none waits for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield
