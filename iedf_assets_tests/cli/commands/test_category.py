import difflib
import shutil
from pathlib import Path

import pytest

from iedf_assets.cli.commands.category import add_category
from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.loading import load_profile

CONFIGS = sorted(
    path for path in (PROJECT_ROOT / "configs").glob("*.yaml") if "\ncategories:" in path.read_text("utf-8")
)


def copied(path: Path, folder: Path) -> Path:
    return Path(shutil.copy(path, folder / path.name))


def changes(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that are gone, and those that came."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return [line[2:] for line in lines if line[0] == "-"], [line[2:] for line in lines if line[0] == "+"]


@pytest.mark.parametrize("name", ["新的", "007", "a: b"])
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_an_entry_like_anothers_is_added_and_no_line_changes(path: Path, tmp_path: Path, name: str) -> None:
    profile = copied(path, tmp_path)
    before = profile.read_text("utf-8")
    known = load_profile(profile)
    like = next(iter(known.categories))
    add_category(profile, name, like)
    gone, came = changes(before, profile.read_text("utf-8"))
    assert gone == []
    assert came
    after = load_profile(profile)
    assert after.categories == {**known.categories, name: known.categories[like]}
    assert list(after.categories)[1] == name


@pytest.mark.parametrize(
    ("name", "like", "problem"),
    [("物理变化", "物体一致性", "already"), ("x", "nothing", "nothing"), ("a,b", "物体一致性", "UI")],
)
def test_what_cannot_be_added_is_refused_and_nothing_is_written(
    tmp_path: Path, name: str, like: str, problem: str
) -> None:
    profile = copied(PROJECT_ROOT / "configs" / "default.yaml", tmp_path)
    before = profile.read_bytes()
    with pytest.raises(ProfileError, match=problem):
        add_category(profile, name, like)
    assert profile.read_bytes() == before


def test_a_name_that_cannot_be_is_told_with_the_profiles_own_path(tmp_path: Path) -> None:
    profile = copied(PROJECT_ROOT / "configs" / "default.yaml", tmp_path)
    with pytest.raises(ProfileError) as caught:
        add_category(profile, "a,b", "物理变化")
    assert "iedf-profile-" not in caught.value.problem
    assert str(profile) in caught.value.problem


def test_the_ends_of_lines_stay_as_they_are(tmp_path: Path) -> None:
    profile = copied(PROJECT_ROOT / "configs" / "default.yaml", tmp_path)
    profile.write_bytes(profile.read_bytes().replace(b"\n", b"\r\n"))
    add_category(profile, "new", "物理变化")
    assert profile.read_bytes().count(b"\n") == profile.read_bytes().count(b"\r\n")
