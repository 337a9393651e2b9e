import json
import os
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iedf_assets.core.errors import InputsLostError, ProfileError
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.sections import Sources
from iedf_assets.core.reasons import HIDDEN
from iedf_assets.core.sources.found import Found
from iedf_assets.core.sources.scan import find_files, fingerprint, paths_on_disk, unmapped_folders
from iedf_assets.core.storage.naming import Layout

CATEGORY = "物体一致性"


def put(layout: Layout, name: str, content: bytes = b"x") -> Path:
    path = layout.data / CATEGORY / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def found_in(layout: Layout, category: str = CATEGORY) -> dict[str, Found]:
    found = find_files(layout, category)
    assert found is not None
    assert [file.name for file in found] == sorted({file.name for file in found})
    return {file.name.removeprefix(f"{category}/"): file for file in found}


def test_every_file_at_any_depth_is_found(layout: Layout) -> None:
    names = ["a.jpg", "deep/er/b.png", ".hidden", ".folder/c", "no extension", "Thumbs.db"]
    for name in names:
        put(layout, name, name.encode())
    (layout.data / CATEGORY / "empty folder").mkdir()
    found = found_in(layout)
    assert sorted(found) == sorted(names)
    for name, file in found.items():
        facts = file.path.stat()
        assert (file.size, file.mtime_ns, file.ctime_ns) == (len(name), facts.st_mtime_ns, facts.st_ctime_ns)
        assert file.path.is_absolute()
        hidden = name.startswith(".") or name == "Thumbs.db"
        assert (file.problem is not None) is hidden


@pytest.mark.parametrize(
    "name",
    ["@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", ".thumbnails/1.jpg", "__MACOSX/._a.jpg", "._a.jpg",
     "相册/.picasa.ini", "#recycle/a.jpg", "$RECYCLE.BIN/S-1/a.jpg", "deep/@eaDir/b/c.jpg", "desktop.ini",
     "2024 Smart Previews.lrdata/0/a.dng", "a.jpg@SynoEAStream", "@Recently-Snapshot/a.jpg"],
)  # fmt: skip
def test_what_programs_keep_for_themselves_is_named_and_never_opened(layout: Layout, name: str) -> None:
    put(layout, name, b"x")
    (file,) = found_in(layout).values()
    assert file.problem is not None
    assert file.problem[0] == HIDDEN


def test_an_absent_folder_is_not_an_empty_one(layout: Layout) -> None:
    assert find_files(layout, CATEGORY) is None
    (layout.data / CATEGORY).mkdir(parents=True)
    assert find_files(layout, CATEGORY) == []


def test_a_category_spelt_in_nfd_is_found_under_its_nfc_name(layout: Layout) -> None:
    folder = layout.data / unicodedata.normalize("NFD", "café")
    folder.mkdir(parents=True)
    (folder / unicodedata.normalize("NFD", "é.jpg")).write_bytes(b"x")
    found = found_in(layout, "café")
    assert list(found) == ["é.jpg"]
    assert found["é.jpg"].path.read_bytes() == b"x"


def test_names_that_differ_in_form_only_are_both_found(layout: Layout) -> None:
    nfc, nfd = "é/ü.jpg", unicodedata.normalize("NFD", "é/ü.jpg")
    put(layout, nfc, b"nfc")
    first = found_in(layout)
    put(layout, nfd, b"nfd")
    found = found_in(layout)
    assert len(found) == 2
    assert found[nfc] == first[nfc]
    (other,) = (file for name, file in found.items() if name != nfc)
    assert other.path.read_bytes() == b"nfd"
    assert other.name.startswith(f"{CATEGORY}/{nfc}#")
    assert found_in(layout) == found


def test_links_within_the_data_folder_are_files(layout: Layout) -> None:
    target = put(layout, "a.jpg", b"four")
    other = layout.data / "elsewhere.jpg"
    other.write_bytes(b"other")
    (target.parent / "b.jpg").symlink_to("a.jpg")
    (target.parent / "c.jpg").symlink_to(other)
    found = found_in(layout)
    assert [(name, file.size, file.problem) for name, file in found.items()] == [
        ("a.jpg", 4, None), ("b.jpg", 4, None), ("c.jpg", 5, None)
    ]  # fmt: skip


def test_a_category_folder_may_be_a_link_to_another_disk(layout: Layout, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "a.jpg").write_bytes(b"x")
    (disk / "b.jpg").symlink_to(disk / "a.jpg")
    layout.data.mkdir()
    (layout.data / CATEGORY).symlink_to(disk)
    assert [file.problem for file in found_in(layout).values()] == [None, None]


def test_links_that_lead_out_or_nowhere_or_to_folders_are_problems(layout: Layout, tmp_path: Path) -> None:
    folder = put(layout, "inner/a.jpg").parent.parent
    sibling = tmp_path / "data2"  # begins like the data folder, yet lies outside
    sibling.mkdir()
    (sibling / "a.jpg").write_bytes(b"x")
    targets: dict[str, str | Path] = {
        "out.jpg": sibling / "a.jpg", "out": sibling, "gone": "nowhere", "loop": "loop", "inside": "inner",
        "dots.jpg": "../../data2/a.jpg",
    }  # fmt: skip
    for name, target in targets.items():
        (folder / name).symlink_to(target)
    problems = {name: file.problem[0] for name, file in found_in(layout).items() if file.problem}
    assert problems == {
        "out.jpg": "symlink_outside", "out": "symlink_outside", "dots.jpg": "symlink_outside",
        "gone": "unreadable", "loop": "unreadable", "inside": "unreadable",
    }  # fmt: skip


def test_special_files_are_problems_and_not_opened(layout: Layout) -> None:
    folder = put(layout, "a.jpg").parent
    os.mkfifo(folder / "pipe.jpg")  # opening it would wait for ever
    problem = found_in(layout)["pipe.jpg"].problem
    assert problem is not None
    assert problem[0] == "unreadable"


def test_names_that_are_not_utf_8_can_be_written_anywhere(layout: Layout) -> None:
    folder = os.fsencode(put(layout, "a.jpg").parent)
    for name in (b"\xff\xfe.jpg", b"caf\xe9/b.jpg", rb"\xff\xfe.jpg"):
        path = os.path.join(folder, name)  # noqa: PTH118  # bytes have no Path
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        os.close(os.open(path, os.O_CREAT))
    found = found_in(layout)
    assert len(found) == 4
    json.dumps([file.name for file in found.values()], ensure_ascii=False).encode("utf-8")
    assert sum(file.problem is not None for file in found.values()) == 2
    assert fingerprint(found.values())


def test_a_folder_that_cannot_be_read_stops_the_scan(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    put(layout, "locked/a.jpg")
    scandir = os.scandir

    def refusing(path: str | int) -> object:
        if str(path).endswith("locked"):  # or the number of an open one
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(InputsLostError, match="locked"):
        find_files(layout, CATEGORY)


def test_the_fingerprint_tells_every_change() -> None:
    file = Found("/a", "c/a", 1, 2, 3)
    other = Found("/b", "c/b", 1, 2, 3)
    variants = [
        [], [file], [other], [file, other], [replace(file, size=9)], [replace(file, mtime_ns=9)]
    ]  # fmt: skip
    assert len({fingerprint(variant) for variant in variants}) == len(variants)
    assert fingerprint([file, other]) == fingerprint([file, other])


def test_folders_in_no_category_are_named(layout: Layout, profile: Profile) -> None:
    assert unmapped_folders(layout, profile) == []
    for name in (*profile.categories, "holiday", unicodedata.normalize("NFD", "été")):
        (layout.data / name).mkdir(parents=True)
    (layout.data / "README.md").write_text("not a folder")
    assert unmapped_folders(layout, profile) == [unicodedata.normalize("NFD", "été"), "holiday"]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(st.text(st.sampled_from("aéé̈ü가각ﾊ゙\\#"), min_size=1, max_size=3), max_size=8))
def test_every_spelling_gets_a_name_of_its_own(layout: Layout, names: set[str]) -> None:
    folder = layout.data / CATEGORY
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    for name in names:
        (folder / name).write_bytes(name.encode())
    found = found_in(layout)
    assert {file.path.read_bytes().decode() for file in found.values()} == names
    assert all(unicodedata.is_normalized("NFC", name) for name in found)


def test_a_profile_may_take_only_some_of_the_files(layout: Layout, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.PNG", "c.txt", "deep/d.jpg", ".e.jpg"):
        put(layout, name, b"x")
    listed = tmp_path / "photos.txt"
    listed.write_text(f"{CATEGORY}/deep/d.jpg\n\n{layout.data / CATEGORY / 'b.PNG'}\n", "utf-8")

    def names(**sources: Any) -> list[str]:
        found = find_files(layout, CATEGORY, Sources(**sources)) or []
        return [file.name.removeprefix(f"{CATEGORY}/") for file in found]

    assert names(recursive=False) == [".e.jpg", "a.jpg", "b.PNG", "c.txt"]
    assert names(extensions=("jpg", "png")) == [".e.jpg", "a.jpg", "b.PNG", "deep/d.jpg"]
    assert names(files=listed) == ["b.PNG", "deep/d.jpg"]
    assert names(max_images=2) == ["a.jpg", "b.PNG"]
    with pytest.raises(ProfileError, match=r"sources\.files"):
        names(files=tmp_path / "nothing.txt")


def test_control_characters_in_a_name_are_spelt_out_and_the_photo_is_found(layout: Layout) -> None:
    path = put(layout, "a\n\x1b[31mb.jpg")
    (file,) = found_in(layout).values()
    assert file.name == f"{CATEGORY}/a\\x0a\\x1b[31mb.jpg"
    assert (file.path, file.problem) == (path, None)
    assert paths_on_disk(layout, CATEGORY) == {file.name: str(path)}
