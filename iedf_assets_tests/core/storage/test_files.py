import os
from pathlib import Path

import pytest

from iedf_assets.core.storage.files import TEMPORARY_PREFIX, fresh_folder, place_file, write_bytes


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
