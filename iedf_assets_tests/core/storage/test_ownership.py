"""Which folders and files count as ours."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from iedf_assets.core.errors import StorageError
from iedf_assets.core.planning.cleaning import find_waste
from iedf_assets.core.storage.manifests import frame, write_table
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.ownership import MARK, OwnFiles, claim, claim_outputs, other_users, read_mark

ROOM_FILES = ["dataset/semantic_edit/delete/mixed/00001.jpg", "manifests/a.txt", "staging/x", "dagster/y"]


def put(path: Path, data: bytes = b"mine") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_an_empty_folder_becomes_ours_for_one_use(tmp_path: Path) -> None:
    put(tmp_path / "a" / ".DS_Store")
    mark = claim(tmp_path / "a", "cache", "")
    assert claim(tmp_path / "a", "cache", "") == mark == read_mark(tmp_path / "a")
    with pytest.raises(StorageError, match="a folder for cache of the factory, not for staging"):
        claim(tmp_path / "a", "staging", "")


def test_a_folder_of_somebody_elses_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    for name in "abcd":
        put(tmp_path / name)
    with pytest.raises(StorageError, match="it holds a, b, c and 1 more") as refused:
        claim(tmp_path, "cache", "go elsewhere")
    assert refused.value.remedy == "go elsewhere"
    assert sorted(path.name for path in tmp_path.iterdir()) == list("abcd")


def test_of_many_that_claim_a_folder_at_once_all_see_one_mark(tmp_path: Path) -> None:
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(claim(tmp_path / "a", "cache", ""))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({mark.id for mark in found}) == 1
    assert [path.name for path in (tmp_path / "a").iterdir()] == [MARK]


@pytest.mark.parametrize("name", ROOM_FILES)
def test_outputs_whose_rooms_hold_what_is_not_ours_are_refused(layout: Layout, name: str) -> None:
    file = put(layout.outputs / name)
    with pytest.raises(StorageError, match="nothing says that it is ours"):
        claim_outputs(layout)
    assert file.read_bytes() == b"mine"
    assert not (layout.outputs / MARK).exists()


def test_other_things_may_lie_beside_the_rooms_of_the_outputs(layout: Layout) -> None:
    put(layout.outputs / "notes.txt")
    layout.dataset.mkdir()
    claim_outputs(layout)
    claim_outputs(layout)


def test_a_services_cache_may_lie_in_the_outputs_before_the_first_run(layout: Layout) -> None:
    cache = layout.staging / "services" / "edit-8102"
    claim(cache, "cache", "")
    put(cache / "one" / "answer.json")
    claim_outputs(layout)
    put(layout.staging / "image_layers" / "notes.txt")
    claim_outputs(layout)


def test_outputs_of_a_version_without_marks_are_taken_over(layout: Layout) -> None:
    write_table(frame([], "dataset"), layout.manifest("dataset", "some"))
    put(layout.dataset / "semantic_edit/delete/mixed/00001.jpg")
    claim_outputs(layout)
    assert read_mark(layout.outputs)


def test_a_staging_folder_elsewhere_is_ours_too_or_refused(layout: Layout, tmp_path: Path) -> None:
    elsewhere = replace(layout, staging=tmp_path / "fast")
    claim_outputs(elsewhere)
    put(tmp_path / "photos" / "a.jpg")
    with pytest.raises(StorageError, match="photos is not empty"):
        claim_outputs(replace(layout, staging=tmp_path / "photos"))


def test_what_other_outputs_refer_to_in_a_shared_staging_folder_is_no_waste(
    layout: Layout, tmp_path: Path
) -> None:
    first = replace(layout, staging=tmp_path / "fast")
    second = replace(first, outputs=tmp_path / "second")
    for each in (first, second):
        claim_outputs(each)
    theirs, waste = "ab" * 16, "cd" * 16
    write_table(
        frame([{"key": theirs, "status": "done"}], "image_layers"), first.manifest("image_layers", "x")
    )
    for key in (theirs, waste):
        put(first.staged("image_layers", key) / "mask.png")
    assert other_users(second) == [first.outputs]
    assert [entry.path.name for entry in find_waste(second, [], superseded=True)] == [waste]

    first.outputs.rename(tmp_path / "moved")
    assert other_users(second) == [None]
    assert find_waste(second, [], superseded=True) == []

    claim_outputs(replace(first, outputs=tmp_path / "moved"))
    assert other_users(second) == [tmp_path / "moved"]


def test_only_what_we_wrote_and_nobody_changed_is_written_over_or_removed(tmp_path: Path) -> None:
    def own() -> OwnFiles:
        return OwnFiles(tmp_path, tmp_path / "steps", "steps", "go elsewhere")

    ours, changed, theirs = (tmp_path / name for name in ("ours.jpg", "changed.jpg", "theirs.jpg"))
    own().require_free([ours])
    own().remove()
    for path in (ours, changed):
        put(path)
    own().record([ours, changed])
    put(changed, b"edited by hand")
    put(theirs)
    own().require_free([ours])
    for path in (changed, theirs):
        with pytest.raises(StorageError, match="is not what we wrote there"):
            own().require_free([path])
    own().remove()
    assert not ours.exists()
    assert changed.read_bytes() == b"edited by hand"
