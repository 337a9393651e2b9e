from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.errors import StorageError
from iedf_assets.core.storage.journal import Journal
from iedf_assets.core.storage.manifests import (
    SCHEMAS,
    Rows,
    frame,
    read_rows,
    scan_table,
    table_of,
    write_table,
)
from iedf_assets.core.storage.naming import Layout


def layers_row(key: str, **more: object) -> dict[str, object]:
    return {
        "key": key,
        "source_id": "s",
        "status": "done",
        "files": {"mask.png": 3},
        "objects": [{"mask": "背景.png"}],
        **more,
    }


@pytest.mark.parametrize("stage", SCHEMAS)
def test_an_empty_table_keeps_the_stages_columns(tmp_path: Path, stage: str) -> None:
    write_table(frame([], stage), tmp_path / "t.parquet")
    assert scan_table(tmp_path / "t.parquet").collect_schema() == pl.Schema(SCHEMAS[stage])


def test_nested_values_survive_the_round_trip(tmp_path: Path) -> None:
    write_table(frame([layers_row("b"), layers_row("a")], "image_layers"), tmp_path / "t.parquet")
    rows = list(Rows(scan_table(tmp_path / "t.parquet"), "image_layers").values())
    assert [row["key"] for row in rows] == ["a", "b"]
    assert rows[0]["files"] == {"mask.png": 3}
    assert rows[0]["objects"] == [{"mask": "背景.png"}]


def test_the_journal_overlays_the_manifest(layout: Layout) -> None:
    write_table(
        frame([layers_row("a"), layers_row("b")], "image_layers"), layout.manifest("image_layers", "分类")
    )
    with Journal(layout.journal("image_layers", "分类")) as journal:
        journal.append([layers_row("b", status="failed"), layers_row("c"), {"no": "key"}])
    rows = read_rows(layout, "image_layers", "分类")
    assert {key: row["status"] for key, row in rows.items()} == {"a": "done", "b": "failed", "c": "done"}


def test_a_row_with_an_unknown_column_is_refused() -> None:
    with pytest.raises(StorageError, match="unknown columns: colour"):
        frame([layers_row("a", colour="red")], "image_layers")


def test_a_damaged_manifest_is_named_with_its_remedy(layout: Layout) -> None:
    path = layout.manifest("image_layers", "分类")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 half")
    with pytest.raises(StorageError, match=r"(?s)分类\.parquet.*remedy"):
        read_rows(layout, "image_layers", "分类")


def test_rows_of_before_a_column_have_it_empty(layout: Layout) -> None:
    table = frame([{"key": "a", "status": "done"}], "edited_images")
    write_table(table.drop("made_with", "judged"), layout.manifest("edited_images", "c"))
    with Journal(layout.journal("edited_images", "c")) as journal:
        journal.append([{"key": "b", "status": "done"}])
    rows = read_rows(layout, "edited_images", "c")
    assert {key: row["made_with"] for key, row in rows.items()} == {"a": None, "b": None}
    joined = table_of(layout, "edited_images", "c").collect()
    assert sorted(joined["key"]) == ["a", "b"]
    assert joined["made_with"].to_list() == [None, None]


def test_a_manifest_alone_of_before_a_column_can_be_joined(layout: Layout) -> None:
    table = frame([{"key": "a", "status": "done"}], "edited_images")
    write_table(table.drop("made_with"), layout.manifest("edited_images", "c"))
    assert table_of(layout, "edited_images", "c").collect()["made_with"].to_list() == [None]


@given(
    old=st.dictionaries(st.text(min_size=1, max_size=3), st.sampled_from(["done", "failed"]), max_size=30),
    new=st.dictionaries(st.text(min_size=1, max_size=3), st.sampled_from(["done", "failed"]), max_size=30),
    wanted=st.sets(st.text(min_size=1, max_size=3), max_size=10),
)
@settings(deadline=None)
def test_rows_are_overlaid_and_narrowed_as_dictionaries_are(
    old: dict[str, str], new: dict[str, str], wanted: set[str]
) -> None:
    def rows_of(statuses: dict[str, str]) -> list[dict[str, object]]:
        return [layers_row(key, status=status) for key, status in statuses.items()]

    rows = Rows.of(rows_of(old), "image_layers").overlaid(rows_of(new))
    both = old | new
    assert list(rows.pick("key", "status")) == sorted(both.items())
    assert len(rows) == len(both)
    assert rows.counts() == dict(sorted(Counter(both.values()).items()))
    assert set(rows.only(wanted)) == both.keys() & wanted
    assert set(rows.without(wanted)) == both.keys() - wanted
    assert rows.others(wanted) == sorted(both.keys() - wanted)
    assert list(rows.beside(sorted(wanted), "status")) == [
        (both[key],) if key in both else None for key in sorted(wanted)
    ]
    narrow = rows.narrow(("key", "status", "files"))
    assert {key: row["status"] for key, row in narrow.items()} == both
    assert all(row.keys() == {"key", "status", "files"} for row in narrow.values())


def test_rows_stay_what_they_were_when_another_manifest_takes_the_place_of_theirs(layout: Layout) -> None:
    path = layout.manifest("image_layers", "c")
    write_table(frame([layers_row(f"{i:04d}") for i in range(2000)], "image_layers"), path)
    rows = read_rows(layout, "image_layers", "c")
    write_table(frame([layers_row("z", status="failed")], "image_layers"), path)
    assert len(rows) == 2000
    assert rows.counts() == {"done": 2000}
    assert rows["1999"]["files"] == {"mask.png": 3}
    assert read_rows(layout, "image_layers", "c").counts() == {"failed": 1}


ODD_VALUES = [
    {"width": 1 << 31}, {"width": True}, {"width": 1.5}, {"written_ns": 1 << 63}, {"seconds": 10**400},
    {"seconds": "1"}, {"status": None}, {"status": 7}, {"files": 7}, {"objects": "[1"}, {"level": ["x"]},
    {"objects": "[" * 100_000},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD_VALUES, ids=lambda odd: str(odd)[:40])
def test_a_line_whose_values_fit_no_column_is_no_row(layout: Layout, odd: dict[str, object]) -> None:
    with Journal(layout.journal("image_layers", "分类")) as journal:
        journal.append([layers_row("a"), layers_row("b", **odd)])
    assert set(read_rows(layout, "image_layers", "分类")) == {"a"}


def test_a_nested_value_that_is_no_json_is_told_with_a_remedy(layout: Layout) -> None:
    table = frame([layers_row("a")], "image_layers").with_columns(objects=pl.lit("[1"))
    write_table(table, layout.manifest("image_layers", "分类"))
    rows = read_rows(layout, "image_layers", "分类")
    for look in (lambda: rows["a"], lambda: list(rows.pick("key", "objects"))):
        with pytest.raises(StorageError, match=r"(?s)objects.*remedy"):
            look()


def test_columns_of_another_type_are_told_or_taken_where_they_fit(layout: Layout) -> None:
    path = layout.manifest("image_layers", "分类")
    for odd in (pl.lit(None).alias("reason"), pl.lit(3).cast(pl.Int8).alias("width")):
        write_table(frame([layers_row("a")], "image_layers").with_columns(odd), path)
        assert read_rows(layout, "image_layers", "分类")["a"]["status"] == "done"
    write_table(frame([layers_row("a")], "image_layers").with_columns(width=pl.lit("wide")), path)
    with pytest.raises(StorageError, match="remedy"):
        list(read_rows(layout, "image_layers", "分类").pick("key", "width"))


def test_what_polars_panics_at_is_told_like_any_other_broken_table(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def panic(*_: object, **__: object) -> None:
        raise pl.exceptions.PanicException("assertion failed")

    write_table(frame([layers_row("a")], "image_layers"), layout.manifest("image_layers", "分类"))
    rows = read_rows(layout, "image_layers", "分类")
    monkeypatch.setattr(pl.LazyFrame, "collect", panic)
    with pytest.raises(StorageError, match=r"(?s)assertion failed.*remedy"):
        len(rows)
