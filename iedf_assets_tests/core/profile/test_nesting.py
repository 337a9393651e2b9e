"""Which folders of a profile may lie in which others."""

from pathlib import Path

import pytest

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.nesting import require_outside
from iedf_assets.core.profile.schema import Profile
from iedf_assets_tests.helpers.profiles import CLASSICAL

PHYSICAL = "物理变化"


def load(folder: Path, **places: str) -> Profile:
    paths = {"data": "data", "outputs": "outputs", "logs": "logs", **places}
    return load_profile(CLASSICAL, [f"paths.{key}={folder / place}" for key, place in paths.items()])


@pytest.mark.parametrize(
    "places",
    [
        {"staging": "data"},
        {"staging": f"data/{PHYSICAL}"},
        {"outputs": "data"},
        {"outputs": f"data/{PHYSICAL}/made"},
        {"outputs": "data/made"},
        {"data": "outputs/dataset"},
        {"data": "outputs/staging/photos"},
        {"staging": "outputs"},
        {"staging": "outputs/dataset"},
        {"staging": "outputs/staging/more"},
        {"staging": "."},
        {"logs": "data/logs"},
        {"logs": "outputs/manifests"},
        {"logs": "outputs"},
        {"logs": "work", "staging": "work"},
        {"outputs": "logs/out"},
        {"data": "x/../outputs/reports"},
    ],
)
def test_folders_that_would_be_read_filled_or_emptied_as_parts_of_others_are_refused(
    tmp_path: Path, places: dict[str, str]
) -> None:
    with pytest.raises(ProfileError, match=r"cannot lie so, links resolved: .*(lies in|are the same)"):
        load(tmp_path, **places)


@pytest.mark.parametrize(
    "places",
    [
        {},
        {"staging": "fast"},
        {"staging": "outputs/staging"},
        {"logs": "outputs/logs"},
        {"data": "outputs/photos"},
    ],
)
def test_folders_beside_one_another_and_beside_the_outputs_rooms_are_taken(
    tmp_path: Path, places: dict[str, str]
) -> None:
    load(tmp_path, **places)


def test_links_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "data" / PHYSICAL).mkdir(parents=True)
    (tmp_path / "made").symlink_to(tmp_path / "data" / PHYSICAL)
    with pytest.raises(ProfileError, match=r"lies in paths\.data"):
        load(tmp_path, outputs="made")


def test_a_category_folder_that_links_to_the_products_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "outputs" / "dataset").mkdir(parents=True)
    (tmp_path / "data" / PHYSICAL).symlink_to(tmp_path / "outputs" / "dataset")
    with pytest.raises(ProfileError, match=f"the category folder .*{PHYSICAL}"):
        load(tmp_path)


def test_a_category_folder_that_links_to_where_the_outputs_lie_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "disk" / "outputs").mkdir(parents=True)
    (tmp_path / "data" / PHYSICAL).symlink_to(tmp_path / "disk")
    with pytest.raises(ProfileError, match="lies in the category folder"):
        load(tmp_path, outputs="disk/outputs")


def test_a_link_to_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ProfileError, match="loop"):
        load(tmp_path, data="loop", outputs="loop")


@pytest.mark.parametrize(
    "place", ["data/x", f"data/{PHYSICAL}", "outputs/dataset", "outputs/reports", "logs"]
)
def test_what_is_asked_for_by_hand_is_not_written_where_photos_or_products_lie(
    tmp_path: Path, place: str
) -> None:
    profile = load(tmp_path)
    with pytest.raises(ProfileError, match="lies in"):
        require_outside(tmp_path / place, profile.folders, profile.categories)


@pytest.mark.parametrize("place", ["elsewhere", "outputs/tried", "."])
def test_it_is_written_anywhere_else(tmp_path: Path, place: str) -> None:
    profile = load(tmp_path)
    require_outside(tmp_path / place, profile.folders, profile.categories)
