"""Rows of earlier versions, read as those of today."""

import json

import polars as pl
import pytest

from iedf_assets.core.storage.manifests import read_rows
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.older_rows import renewed, renewed_table

BOX = {"x": 3, "y": 4, "width": 50, "height": 60}
SUBJECT = {**BOX, "area_share": 0.2, "colour": [1, 2, 3], "caption": None}
LAYERS = [
    {"name": "background", "file": "background.png", "x": 1, "y": 2, "width": 55, "height": 66},
    {"name": "object_1", "file": "object_1.png", **BOX},
]


def test_one_subject_with_its_layers_is_one_object() -> None:
    (one,) = renewed({"key": "k", "subject": SUBJECT, "layers": LAYERS})["objects"]
    assert one.items() >= SUBJECT.items()
    assert (one["number"], one["mask"], one["alpha"], one["parts"]) == (1, "mask.png", None, None)
    assert one["layer"] == {"file": "object_1.png", **BOX}
    assert one["background"]["file"] == "background.png"


def test_without_layers_its_alpha_lies_in_a_file_of_its_own() -> None:
    (one,) = renewed({"key": "k", "subject": SUBJECT, "layers": []})["objects"]
    assert (one["layer"], one["background"]) == (None, None)
    assert one["alpha"] == {"file": "alpha.png", **BOX}


def test_rows_of_today_and_rows_without_a_subject_stay_as_they_are() -> None:
    today = {"key": "k", "objects": [{"number": 1}]}
    assert renewed(today) == today
    assert renewed({"key": "k", "subject": None, "layers": None}) == {"key": "k", "objects": None}


@pytest.mark.parametrize("nested", [True, False])
def test_a_manifest_and_a_journal_of_before_are_read_as_of_today(layout: Layout, *, nested: bool) -> None:
    row = {"key": "k", "source_id": "s", "status": "done", "subject": SUBJECT, "layers": LAYERS}
    if nested:
        path = layout.journal("image_layers", "分类")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(row) + "\n", "utf-8")
    else:
        path = layout.manifest("image_layers", "分类")
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame([row | {name: json.dumps(row[name]) for name in ("subject", "layers")}]).write_parquet(
            path
        )
    rows = read_rows(layout, "image_layers", "分类")
    assert rows["k"]["objects"] == renewed(row)["objects"]
    ((number,),) = [tuple(one["number"] for one in objects) for (objects,) in rows.pick("objects")]
    assert number == 1


def test_a_table_of_today_is_left_alone() -> None:
    table = pl.LazyFrame({"key": ["k"], "objects": ["[]"]})
    assert renewed_table(table, ["key", "objects"]) is table


def test_of_edits_the_photo_that_was_shown_is_told_by_their_recipes() -> None:
    recipes = ['{"reference": {"object": 2, "source_id": "abc"}, "subtype": "replace"}', '{"dx": 1}', None]
    table = renewed_table(pl.LazyFrame({"recipe": recipes}), ["recipe"]).collect()
    assert table["reference"].to_list() == ["abc", None, None]
    assert renewed_table(table.lazy(), table.columns).collect().equals(table)
