import json
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from iedf_assets.core.publishing.index_rows import INDEX_COLUMNS, METADATA, as_today, write_tables
from iedf_assets.core.storage.naming import Layout

# One block that `datasets` guesses types from holds fewer.
MANY = 20_000
TASKS = ("consistency_edit/identity", "semantic_edit/replace", "structural_edit/move")
SHOWN = {"source_id": "b" * 32, "path": "物理变化/x.png", "licence": "CC-BY-4.0", "author": "Ann",
         "copyright": None, "source": None}  # fmt: skip


def mixed_rows(count: int) -> Iterator[dict[str, Any]]:
    """Rows sorted by key, of which only the later ones say where an object ends up or what a model was."""
    for number in range(count):
        kind = number * len(TASKS) // count
        task, subtype = TASKS[kind].split("/")
        key = f"{task}/{subtype}/mixed/{number:05d}"
        files = f"dataset/{key}"
        model = {"model": "QwenImageEditPlusPipeline", "steps": 4, "fallbacks": ["single"] * (number % 2)}
        metadata = {
            "allowed_region_mask_path": f"reports/allowed/{key}_allowed.png",
            "result_mask_path": f"reports/result_masks/{key}_result_mask.png" if kind == 2 else None,
            "recipe": json.dumps({"subtype": subtype, **({"dx": number, "dy": -1} if kind == 2 else {})}),
            "source_path": f"物理变化/{number}.png", "backend": "classical",
            "model_revision": "1" if kind == 1 else None, "width": 640, "height": 480,
            "made_with": model if kind == 1 else None,
            "measured": {"of": "a" * 32, "scores": {"cut": 0.5}} if kind == 2 else None,
            "instruction_by": "judge" if kind == 1 else "recipe",
            "inverse_of": f"{task}/{subtype}/mixed/00007" if kind == 2 else None,
            "chain": f"{task}/{subtype}/mixed/00001" if kind == 1 else None,
            "turn": 2 if kind == 1 else None,
            "reference": SHOWN if kind == 1 else None,
            "photo_licence": "CC0-1.0" if kind == 1 else None, "photo_author": None if kind else "Ann",
            "photo_copyright": "(c) Ann" if kind == 2 else None, "photo_source": "x" if kind == 2 else None,
            "photo_caption": {"ch": None, "en": "A dog."} if kind == 1 else None,
        }  # fmt: skip
        yield {
            "sample_id": f"{number:05d}", "dataset_category": "物理变化", "edit_task": task,
            "subtype": subtype, "scene": "mixed", "source_id": f"{number:032x}",
            "src_image_path": f"{files}.jpg", "result_image_path": f"{files}_result.jpg",
            "mask_paths": [f"{files}_mask.png", f"{files}_mask-1.png"], "instruction_ch": "把“它”移到左边",
            "instruction_en": 'Move "it", to the left', "metadata": metadata, "edit_id": f"{number:016x}",
            "sample_key": key, "split": "train", "tier": "composited",
        }  # fmt: skip


def test_the_first_rows_say_whatever_any_row_says_and_none_is_lost(layout: Layout) -> None:
    rows = list(mixed_rows(30))
    write_tables(rows, layout)
    written = [json.loads(line) for line in layout.index.read_text("utf-8").splitlines()]
    assert sorted(row["sample_key"] for row in written) == [row["sample_key"] for row in rows]
    lead = written[:4]
    assert all(any(row["metadata"][key] is not None for row in lead) for key in METADATA)
    assert any((row["metadata"]["made_with"] or {}).get("fallbacks") for row in lead)


def test_the_parquet_table_says_what_the_csv_says(layout: Layout) -> None:
    rows = list(mixed_rows(30))
    write_tables(rows, layout)
    table = pl.read_parquet(layout.reports / "index.parquet")
    assert tuple(table.columns) == INDEX_COLUMNS
    for found, row in zip(table.to_dicts(), rows, strict=True):
        for name in ("made_with", "measured", "reference", "photo_caption"):
            text = found["metadata"][name]
            found["metadata"][name] = json.loads(text) if text else None
        assert found == row


def test_a_dataset_without_samples_has_a_table_with_all_columns(layout: Layout) -> None:
    write_tables([], layout)
    table = pl.read_parquet(layout.reports / "index.parquet")
    assert (table.height, tuple(table.columns)) == (0, INDEX_COLUMNS)


def test_a_row_of_an_earlier_index_gets_the_keys_and_types_of_today() -> None:
    (row,) = mixed_rows(1)
    recipe = {"subtype": "move", "dx": 3}
    old = {**row, "metadata": {"recipe": recipe, "width": 640}}
    metadata = as_today(old)["metadata"]
    assert tuple(metadata) == METADATA
    assert json.loads(metadata["recipe"]) == recipe
    assert (metadata["width"], metadata["made_with"]) == (640, None)


@pytest.mark.slow
def test_readers_that_guess_types_load_a_long_mixed_index(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tables(mixed_rows(MANY), layout)
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    import datasets

    found = datasets.load_dataset(
        "json", data_files=str(layout.index), split="train", cache_dir=str(layout.outputs / "cache")
    )
    table = pl.read_ndjson(layout.index)
    assert found.num_rows == table.height == MANY
    by_key = {row["sample_key"]: row for row in table.to_dicts()}
    for row in (found[0], found[MANY // 2], found[MANY - 1]):
        assert row["metadata"]["width"] == 640
        assert by_key[row["sample_key"]]["metadata"]["recipe"] == row["metadata"]["recipe"]
    assert {type(row["recipe"]) for row in found["metadata"]} == {str}
