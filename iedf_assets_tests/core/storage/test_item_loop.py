import errno
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from iedf_assets.core.errors import SourceError, StorageError, SystematicError
from iedf_assets.core.parallel import silent
from iedf_assets.core.reasons import STAGED_FILES_DAMAGED
from iedf_assets.core.storage.item_loop import Make, run_requests
from iedf_assets.core.storage.journal import Journal, read_journal
from iedf_assets.core.storage.staged import is_intact


@dataclass(frozen=True)
class Item:
    number: int
    output: str
    row: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)


def items(folder: Path, count: int, **row: Any) -> list[Item]:
    return [Item(n, str(folder / f"item{n}"), {"key": str(n), **row}) for n in range(count)]


def run(tmp_path: Path, requests: list[Item], make: Make[Item], in_a_row: int = 5) -> list[dict[str, Any]]:
    path = tmp_path / "journal.jsonl"
    try:
        with Journal(path) as journal:
            run_requests(requests, make, journal, threads=2, max_failures_in_a_row=in_a_row, report=silent)
    finally:
        rows = list(read_journal(path))
    return rows


def make_file(item: Item, folder: Path) -> dict[str, Any]:
    (folder / "n.txt").write_text(str(item.number))
    return {"status": "done"}


def test_every_item_gets_its_folder_and_its_row(tmp_path: Path) -> None:
    rows = run(tmp_path, items(tmp_path, 7), make_file)
    assert [row["key"] for row in rows] == [str(n) for n in range(7)]
    for number, row in enumerate(rows):
        assert row["status"] == "done"
        assert row["attempts"] == 1
        assert is_intact(tmp_path / f"item{number}", row)


def test_an_item_that_fails_leaves_a_reason_and_no_folder_and_the_others_go_on(tmp_path: Path) -> None:
    def make(item: Item, folder: Path) -> dict[str, Any]:
        if item.number == 2:
            raise SourceError("truncated", "half a file")
        if item.number == 4:
            raise ZeroDivisionError("boom")
        return make_file(item, folder)

    rows = run(tmp_path, items(tmp_path, 6, attempts=1), make)
    assert [row["status"] for row in rows] == ["done", "done", "failed", "done", "failed", "done"]
    assert (rows[2]["reason"], rows[2]["detail"]) == ("truncated", "half a file")
    assert (rows[4]["reason"], rows[4]["detail"]) == ("ZeroDivisionError", "boom")
    assert rows[2]["attempts"] == 2
    assert not (tmp_path / "item2").exists()
    assert not list(tmp_path.glob(".tmp-*"))


def test_the_same_failure_too_often_in_a_row_stops_with_the_cause(tmp_path: Path) -> None:
    def always(_item: Item, _folder: Path) -> dict[str, Any]:
        raise RuntimeError("no model")

    with pytest.raises(SystematicError, match="last 5 items failed alike: RuntimeError: no model"):
        run(tmp_path, items(tmp_path, 50), always)
    assert len(list(read_journal(tmp_path / "journal.jsonl"))) == 5


def test_no_item_is_begun_once_the_budget_is_spent_and_what_is_under_way_is_kept(tmp_path: Path) -> None:
    def slow(item: Item, folder: Path) -> dict[str, Any]:
        time.sleep(0.02)
        return make_file(item, folder)

    with Journal(tmp_path / "journal.jsonl") as journal:
        run_requests(
            items(tmp_path, 50), slow, journal,
            threads=2, max_failures_in_a_row=5, report=silent, budget_s=0.1,
        )  # fmt: skip
    rows = list(read_journal(tmp_path / "journal.jsonl"))
    assert sum(row["seconds"] for row in rows) >= 0.1
    # Two threads may each have up to two items in flight when it is spent.
    assert sum(row["seconds"] for row in rows[:-4]) < 0.1
    assert {row["status"] for row in rows} == {"done"}
    assert all((tmp_path / f"item{row['key']}").is_dir() for row in rows)


def test_differing_failures_do_not_stop_the_stage(tmp_path: Path) -> None:
    def alternating(item: Item, _folder: Path) -> dict[str, Any]:
        raise (ValueError if item.number % 2 else TypeError)(str(item.number))

    assert len(run(tmp_path, items(tmp_path, 20), alternating)) == 20


def test_a_full_disk_stops_at_once(tmp_path: Path) -> None:
    def full(item: Item, folder: Path) -> dict[str, Any]:
        if item.number == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return make_file(item, folder)

    with pytest.raises(StorageError, match=r"(?s)No space left.*free space"):
        run(tmp_path, items(tmp_path, 10), full)
    assert len(list(read_journal(tmp_path / "journal.jsonl"))) == 1


def test_an_item_made_from_damaged_files_fails_alone_and_they_are_removed_to_be_made_again(
    tmp_path: Path,
) -> None:
    made = run(tmp_path, items(tmp_path, 3), make_file)
    (tmp_path / "item1" / "n.txt").write_text("7")
    following = [
        replace(item, output=f"{item.output}-next", inputs={item.output: row["checksums"]})
        for item, row in zip(items(tmp_path, 3), made, strict=True)
    ]
    rows = run(tmp_path, following, make_file)[3:]
    assert [row["status"] for row in rows] == ["done", "failed", "done"]
    assert rows[1]["reason"] == STAGED_FILES_DAMAGED
    assert "item1/n.txt is not what was written" in rows[1]["detail"]
    assert [is_intact(tmp_path / f"item{n}", made[n]) for n in range(3)] == [True, False, True]
    assert not (tmp_path / "item1").exists()
