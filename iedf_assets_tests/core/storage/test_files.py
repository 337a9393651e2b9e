import os
from pathlib import Path

import pytest

from iedf_assets.core.errors import of_system
from iedf_assets.core.storage.files import (
    TEMPORARY_PREFIX,
    fresh_folder,
    place_file,
    read_json,
    read_quickly,
    write_bytes,
)
from iedf_assets.core.storage.journal import Journal


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"file"}


def test_a_placed_file_replaces_what_was_there_and_leaves_its_source(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "deep" / "target"
    for content in (b"one", b"two"):
        write_bytes(source, content)
        place_file(source, target)
        assert target.read_bytes() == source.read_bytes() == content
    assert names(target.parent) == {"target"}


def test_a_file_is_copied_where_links_are_impossible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(_source: object, _target: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_links)
    write_bytes(tmp_path / "source", b"content")
    place_file(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"content"
    assert (tmp_path / "target").stat().st_ino != (tmp_path / "source").stat().st_ino


def test_a_fresh_folder_appears_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "item"
    with fresh_folder(path) as folder:
        (folder / "a").write_text("1")
    with pytest.raises(RuntimeError), fresh_folder(path) as folder:
        (folder / "b").write_text("2")
        raise RuntimeError
    assert names(path) == {"a"}
    with fresh_folder(path) as folder:
        (folder / "c").write_text("3")
        assert folder.name.startswith(TEMPORARY_PREFIX)
    assert names(path) == {"c"}
    assert names(tmp_path) == {"item"}


@pytest.mark.parametrize("content", [b"", b"some", bytes(3 << 20)])
def test_a_file_is_read_whole_in_little_time(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert read_quickly(str(path)) == content


def test_a_full_disk_is_told_with_what_was_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    def file() -> None:
        write_bytes(tmp_path / "file", b"x")

    def item() -> None:
        with fresh_folder(tmp_path / "item") as folder:
            (folder / "a").write_text("1")

    def row() -> None:
        with Journal(tmp_path / "journal") as journal:
            journal.append([{"a": 1}])

    monkeypatch.setattr(os, "fsync", full_disk)
    for name, write in {
        "file": lambda: write_bytes(tmp_path / "file", b"x"),
        "item": item,
        "journal": row,
    }.items():
        with pytest.raises(OSError, match="No space") as caught:
            write()
        assert of_system(caught.value).problem.startswith(f"{tmp_path / name} cannot be used: No space")


@pytest.mark.parametrize("content", [None, b"", b"{", b"[" * 100_000, b"\xff", b"9" * 5000])
def test_json_that_cannot_be_read_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    assert read_json(path) is None
    assert read_json(tmp_path) is None
