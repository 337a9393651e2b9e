"""The order of the rooms is held by `lint-imports`: what breaks it fails."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from iedf_assets.core.profile.fields import PROJECT_ROOT


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code, without what it does not need."""
    folder = tmp_path_factory.mktemp("house")
    for name in ("iedf_assets", "model_envs"):
        shutil.copytree(PROJECT_ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(PROJECT_ROOT / "pyproject.toml", folder / "pyproject.toml")
    return folder


def lint(house: Path) -> tuple[int, str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    done = subprocess.run([*command, "--no-cache"], cwd=house, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("iedf_assets/core/attic/__init__.py", "", "attic"),
        ("iedf_assets/annexe.py", "", "annexe"),
        ("iedf_assets/core/storage/up.py", "import iedf_assets.core.pictures.masks", "storage.up"),
        ("iedf_assets/core/pairs/across.py", "import iedf_assets.core.judging.lint", "pairs.across"),
        ("iedf_assets/core/edits/out.py", "import model_envs.stopping", "edits.out"),
        ("iedf_assets/core/edits/orchestrated.py", "import dagster", "edits.orchestrated"),
        ("iedf_assets/defs/heavy.py", "import torch", "defs.heavy"),
        ("model_envs/edit/up.py", "import iedf_assets.launching.deaths", "edit.up"),
        ("model_envs/qwen/up.py", "import model_envs.edit.toning", "qwen.up"),
    ],
)
@pytest.mark.slow
def test_a_room_without_a_place_and_an_import_that_runs_upwards_fail(
    house: Path, file: str, text: str, told: str
) -> None:
    path = house / file
    made = not path.parent.exists()
    path.parent.mkdir(exist_ok=True)
    path.write_text(text + "\n")
    code, output = lint(house)
    shutil.rmtree(path.parent) if made else path.unlink()
    assert code == 1
    assert told in output


@pytest.mark.slow
def test_the_rooms_as_they_are_hold(house: Path) -> None:
    code, output = lint(house)
    assert code == 0, output


def test_the_map_names_every_room_and_no_other() -> None:
    table = (PROJECT_ROOT / "docs/architecture.md").read_text("utf-8").split("## The rooms")[1]
    named = set(re.findall(r"^\| `((?:iedf_assets|model_envs)[\w/]*)` \|", table, re.MULTILINE))
    below = [
        path.parent
        for root in ("iedf_assets/core", "model_envs")
        for path in (PROJECT_ROOT / root).glob("*/__init__.py")
    ]
    below += [path.parent for path in (PROJECT_ROOT / "iedf_assets").glob("*/__init__.py")]
    assert named == {path.relative_to(PROJECT_ROOT).as_posix() for path in below}


def test_a_room_holds_no_more_than_one_can_see_at_once() -> None:
    for root in ("iedf_assets", "model_envs"):
        for folder in (path.parent for path in (PROJECT_ROOT / root).rglob("__init__.py")):
            files = sorted(folder.glob("*.py"))
            assert len(files) <= 16, folder
            assert [file for file in files if file.read_text("utf-8").count("\n") > 400] == []
