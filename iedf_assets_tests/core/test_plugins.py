"""A tiny package brings a backend and a judge: found where it is installed, and nowhere else."""

import re
import site
import sys
import venv
from pathlib import Path

import pytest

from iedf_assets.cli.commands.doctor import _probe
from iedf_assets.core.asking.asker import asker_of
from iedf_assets.core.asking.questions import JUDGE, Judgement, Naming
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.planning.book import Book
from iedf_assets.core.plugins import BACKENDS, VISION, listed
from iedf_assets.core.profile.asked import Asked
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.workers import Worker
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.runs import PHYSICAL, put, run, with_settings
from model_envs.worker import backend_class

DOCUMENT = (PROJECT_ROOT / "docs" / "plugins.md").read_text("utf-8")


def block(language: str, number: int = 0) -> str:
    return str(re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)[number])


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The documents' own example, as a package that is installed in a folder."""
    monkeypatch.delitem(sys.modules, "my_package", raising=False)
    folder = tmp_path / "site"
    info = folder / "my_package-1.dist-info"
    info.mkdir(parents=True)
    (folder / "my_package.py").write_text(block("python"), "utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1\n")
    entries = block("toml")
    (info / "entry_points.txt").write_text(
        "[iedf.backends]\nedit.stamp = my_package:Stamp\n[iedf.vision]\nalways = my_package:Always\n"
    )
    assert all(name in entries for name in ("edit.stamp", "my_package:Stamp", "always", "my_package:Always"))
    return folder


def test_what_a_package_brings_is_found_where_it_is_installed(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WorkerError, match=r"no package here brings 'edit\.stamp'"):
        backend_class("edited_images", "plugin:stamp")
    monkeypatch.syspath_prepend(package)
    assert "edit.stamp" in listed(BACKENDS)
    assert "always" in listed(VISION)
    assert backend_class("edited_images", "plugin:stamp").__name__ == "Stamp"
    with pytest.raises(WorkerError, match=r"no package here brings 'layered\.stamp'"):
        backend_class("image_layers", "plugin:stamp")
    asker = asker_of(Asked.model_validate({"by": "plugin:always"}), "workers.edit.judge")
    assert asker.ask(JUDGE, [], Judgement).instruction == 5
    assert asker.ask("?", [], Naming).en == "a thing"


def test_a_package_that_is_broken_is_named(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package / "my_package.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(package)
    with pytest.raises(WorkerError, match="my_package:Stamp"):
        backend_class("edited_images", "plugin:stamp")


def test_a_plugins_revision_is_what_its_edits_are_known_by() -> None:
    told = {"backend": "plugin:stamp", "revision": "1"}
    assert Worker.model_validate(told).identity() == ["plugin:stamp", "1"]
    assert Worker.model_validate(told | {"revision": "2"}).identity() == ["plugin:stamp", "2"]


@pytest.mark.slow
def test_a_run_uses_what_a_package_brings_and_the_doctor_lists_it(
    package: Path, profile: Profile, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(layout, PHYSICAL, "coffee")
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "shared.pth").write_text(
        f"{package}\n" + "".join(f"{one}\n" for one in site.getsitepackages())
    )
    found = _probe("edited_images", str(environment), "plugin:stamp")
    assert found.remedy == ""
    assert "bring edit.stamp, always" in found.state
    monkeypatch.syspath_prepend(package)
    settings = [
        f"workers.edit={{backend: 'plugin:stamp', revision: '1', environment: '{environment}'}}",
        "workers.edit.judge.by='plugin:always'", f"categories.{PHYSICAL}.subtypes={{replace: 1}}",
    ]  # fmt: skip
    stamped = with_settings(profile, *settings)
    outcome, _ = run(stamped)
    assert outcome.went_through, outcome.error
    book = Book.open(stamped, Layout.of(stamped), PHYSICAL)
    assert {row["backend"] for row in book.current("edited_images").values()} == {"plugin:stamp"}
    assert [row["judged"]["what"] for row in book.current("edit_pairs").values()] == ["it was stamped"]
