import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iedf_assets.core.errors import SourceError
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.staged import are_intact, is_intact, require_undamaged, staged_columns

PICTURE = bytes(range(256)) * 4


@pytest.fixture
def item(tmp_path: Path) -> Path:
    folder = tmp_path / "item"
    folder.mkdir()
    (folder / "picture.png").write_bytes(PICTURE)
    (folder / "mask.png").write_bytes(b"mask")
    return folder


def flipped(file: Path, at: int = 100, *, later: bool = True) -> None:
    """One bit of a file turned over, in place."""
    state, data = file.stat(), bytearray(file.read_bytes())
    data[at % len(data)] ^= 1
    file.write_bytes(data)
    moment = state.st_mtime_ns + (1_000_000_000 if later else 0)
    os.utime(file, ns=(moment, moment))


def test_what_was_just_made_is_intact(item: Path) -> None:
    row = staged_columns(item)
    assert row["files"] == {"mask.png": 4, "picture.png": 1024}
    assert is_intact(item, row)


@given(st.integers(0, 1023))
def test_a_bit_that_was_turned_over_is_noticed_wherever_it_is(
    tmp_path_factory: pytest.TempPathFactory, at: int
) -> None:
    folder = tmp_path_factory.mktemp("item")
    (folder / "picture.png").write_bytes(PICTURE)
    row = staged_columns(folder)
    flipped(folder / "picture.png", at)
    assert not is_intact(folder, row)


def test_a_missing_or_shorter_file_is_noticed(item: Path) -> None:
    row = staged_columns(item)
    (item / "mask.png").write_bytes(b"")
    assert not is_intact(item, row)
    (item / "mask.png").unlink()
    assert not is_intact(item, row)


def test_files_that_were_copied_later_are_read_and_found_to_be_the_same(item: Path, tmp_path: Path) -> None:
    row = staged_columns(item)
    copy = tmp_path / "copy"
    shutil.copytree(item, copy)
    for file in copy.iterdir():
        os.utime(file, ns=(row["written_ns"] + 10**9,) * 2)
    assert is_intact(copy, row)


def test_a_row_of_before_that_knows_sizes_alone_is_judged_by_them(item: Path) -> None:
    row: Row = {**staged_columns(item), "checksums": None, "written_ns": None}
    flipped(item / "mask.png")
    assert is_intact(item, row)


def test_files_may_lie_elsewhere_under_other_names(item: Path, tmp_path: Path) -> None:
    row = staged_columns(item)
    elsewhere = {"picture.png": tmp_path / "a", "mask.png": tmp_path / "b"}
    for name, path in elsewhere.items():
        os.link(item / name, path)
    assert are_intact(elsewhere, row)
    flipped(item / "picture.png")
    assert not are_intact(elsewhere, row)


def test_what_is_read_is_compared_even_when_it_looks_untouched(item: Path) -> None:
    row = staged_columns(item)
    require_undamaged(item, row["checksums"])
    flipped(item / "picture.png", later=False)
    assert is_intact(item, row)
    with pytest.raises(SourceError, match=r"picture.png is not what was written; .* makes it again"):
        require_undamaged(item, row["checksums"])
    assert not item.exists()
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        require_undamaged(item, row["checksums"])
