"""Rows of earlier versions in the form of today: a list of objects instead of one, and references told."""

import json
from typing import Any

import polars as pl

from iedf_assets.core.storage.journal import Row

_BEFORE = ("layers", "subject")


def renewed(row: Row) -> Row:
    """A row of image_layers as today's code has it; others stay as they are."""
    if not any(column in row for column in _BEFORE):
        return row
    rest = {column: value for column, value in row.items() if column not in _BEFORE}
    return {**rest, "objects": _objects(row.get("subject"), row.get("layers"))}


def renewed_table(table: pl.LazyFrame, columns: list[str]) -> pl.LazyFrame:
    """`renewed` of a manifest, whose nested columns hold JSON.

    Args:
        columns: that the manifest has.
    """
    if "recipe" in columns and "reference" not in columns:
        shown = pl.col("recipe").str.json_path_match("$.reference.source_id")
        return table.with_columns(reference=shown)
    if not set(_BEFORE) <= set(columns):
        return table
    objects = pl.struct(*_BEFORE).map_elements(_as_json, return_dtype=pl.String, skip_nulls=False)
    return table.with_columns(objects=objects).drop(_BEFORE)


def _as_json(nested: dict[str, str | None]) -> str | None:
    subject, layers = (json.loads(text) if text else None for text in (nested["subject"], nested["layers"]))
    objects = _objects(subject, layers)
    return None if objects is None else json.dumps(objects, ensure_ascii=False, sort_keys=True)


def _objects(subject: Row | None, layers: list[Row] | None) -> list[dict[str, Any]] | None:
    if not subject:
        return None
    by_name = {layer["name"]: {key: layer[key] for key in layer if key != "name"} for layer in layers or []}
    box = {side: subject[side] for side in ("x", "y", "width", "height")}
    layer = by_name.get("object_1")
    return [
        {
            "number": 1,
            **subject,
            "confidence": None,
            "parts": None,
            "mask": "mask.png",
            "footprint": None,
            "layer": layer,
            "alpha": None if layer else {"file": "alpha.png", **box},
            "background": by_name.get("background"),
        }
    ]
