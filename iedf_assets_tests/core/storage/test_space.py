import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from iedf_assets.core.errors import StorageError
from iedf_assets.core.storage.manifests import Rows
from iedf_assets.core.storage.space import MIN_ROWS, SPARE_BYTES, require_space

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024  # as shutil's own
FILES = {"a.png": 600_000, "b.png": 400_000}


def rows_of(count: int, files: dict[str, int] | None) -> Rows:
    return Rows.of([{"key": f"k{number}", "files": files} for number in range(count)], "edit_pairs")


ROWS = rows_of(MIN_ROWS, FILES)


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(0, 0, size))


def test_what_fits_is_let_through(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    free(monkeypatch, 1000 * 1_000_000 + SPARE_BYTES)
    require_space("edit_pairs", tmp_path / "not" / "there", 1000, ROWS)


def test_what_does_not_fit_stops_before_it_begins_and_says_both_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    free(monkeypatch, 1_000_000_000)
    with pytest.raises(StorageError, match=r"about 1\.3 GB for 1000 items, and 1\.0 GB are free") as caught:
        require_space("edit_pairs", tmp_path, 1000, ROWS)
    assert "iedf clean" in caught.value.remedy


@pytest.mark.parametrize(("count", "rows"), [(0, ROWS), (1000, rows_of(3, FILES)), (1000, rows_of(50, None))])
def test_without_anything_to_go_by_nothing_is_said(
    count: int, rows: Rows, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    free(monkeypatch, 0)
    require_space("edit_pairs", tmp_path, count, rows)
