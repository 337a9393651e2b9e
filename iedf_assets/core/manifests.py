"""The stages' tables: their columns, and reading and writing them as Parquet manifests plus journals."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from iedf_assets.core.errors import StorageError
from iedf_assets.core.files import fsync_folder, temporary_beside
from iedf_assets.core.journal import Row, read_journal
from iedf_assets.core.naming import Layout

# Columns that hold nested values keep them as JSON text, so that a manifest's schema never depends on its
# rows.
NESTED = frozenset(
    {"files", "checksums", "layers", "subject", "recipe", "failed_checks", "scores", "made_with", "judged"}
)

_OUTCOME = {
    "status": pl.String,
    "reason": pl.String,
    "detail": pl.String,
    "attempts": pl.Int32,
    "seconds": pl.Float64,
}
_STAGED = {"files": pl.String, "checksums": pl.String, "written_ns": pl.Int64}

SCHEMAS: dict[str, dict[str, type[pl.DataType]]] = {
    # one row per file found; key: path (relative to data/, NFC)
    "source_images": {
        "path": pl.String, "key": pl.String, "source_id": pl.String, **_OUTCOME, "duplicate_of": pl.String,
        "width": pl.Int32, "height": pl.Int32, "original_width": pl.Int32, "original_height": pl.Int32,
        "format": pl.String, "mode": pl.String, "bytes": pl.Int64, "mtime_ns": pl.Int64, "phash": pl.String,
    },
    # one row per decomposition; key: key
    "image_layers": {
        "key": pl.String, "source_id": pl.String, **_OUTCOME, "level": pl.String,
        "width": pl.Int32, "height": pl.Int32, "layers": pl.String, "subject": pl.String, **_STAGED,
        "recomposition_error": pl.Float64, "backend": pl.String, "model_revision": pl.String,
        "made_with": pl.String,
    },
    # one row per edit; key: key
    "edited_images": {
        "key": pl.String, "edit_id": pl.String, "source_id": pl.String, "layers_key": pl.String, **_OUTCOME,
        "task": pl.String, "subtype": pl.String, "scene": pl.String, "variant": pl.Int32, "recipe": pl.String,
        "instruction_ch": pl.String, "instruction_en": pl.String, "x": pl.Int32, "y": pl.Int32,
        **_STAGED, "backend": pl.String, "model_revision": pl.String, "made_with": pl.String,
        "judged": pl.String,
    },
    # one row per finished pair; key: key
    "edit_pairs": {
        "key": pl.String, "edit_key": pl.String, "edit_id": pl.String, "source_id": pl.String, **_OUTCOME,
        "tier": pl.String, "width": pl.Int32, "height": pl.Int32, **_STAGED, "scores": pl.String,
    },
    # one row per slot of the plan; key: slot
    "dataset": {
        "slot": pl.String, "key": pl.String, "edit_id": pl.String, "source_id": pl.String, **_OUTCOME,
        "task": pl.String, "subtype": pl.String, "scene": pl.String, "failed_checks": pl.String,
        "review": pl.String, "sample_key": pl.String, "pair_key": pl.String, "edit_key": pl.String,
    },
}  # fmt: skip
KEY_COLUMN = {"source_images": "path", "dataset": "slot"}


def key_column(stage: str) -> str:
    """The column that identifies a row of a stage."""
    return KEY_COLUMN.get(stage, "key")


def encode(row: Mapping[str, Any], stage: str) -> Row:
    """A row as the manifest holds it: every column, nested values as JSON text.

    Raises:
        StorageError: the row has a column that the stage does not know.
    """
    schema = SCHEMAS[stage]
    unknown = sorted(set(row) - set(schema))
    if unknown:
        raise StorageError(f"a row of {stage} has unknown columns: {', '.join(unknown)}")
    encoded: Row = {}
    for column in schema:
        value = row.get(column)
        nested = column in NESTED and value is not None and not isinstance(value, str)
        encoded[column] = json.dumps(value, ensure_ascii=False, sort_keys=True) if nested else value
    return encoded


def decode(row: Mapping[str, Any]) -> Row:
    """The inverse of `encode`: nested columns as Python values."""
    return {
        column: json.loads(value) if column in NESTED and isinstance(value, str) else value
        for column, value in row.items()
    }


def frame(rows: Iterable[Mapping[str, Any]], stage: str) -> pl.DataFrame:
    """Rows as a table with the stage's schema, sorted by key, the last row of a key winning."""
    latest = {row[key_column(stage)]: encode(row, stage) for row in rows}
    return pl.DataFrame(list(latest.values()), schema=SCHEMAS[stage], orient="row").sort(key_column(stage))


def rows_of(table: pl.DataFrame) -> list[Row]:
    """The rows of a table with nested columns decoded."""
    return [decode(row) for row in table.iter_rows(named=True)]


def read_rows(layout: Layout, stage: str, category: str) -> dict[str, Row]:
    """Everything known of a stage: its manifest, overlaid by its journal, by key.

    Raises:
        StorageError: the manifest cannot be read.
    """
    path = layout.manifest(stage, category)
    rows = rows_of(read_table(path)) if path.exists() else []
    column = key_column(stage)
    journal = [row for row in read_journal(layout.journal(stage, category)) if column in row]
    # Journals hold what was known of a row, and manifests of before the columns of their time.
    empty = dict.fromkeys(SCHEMAS[stage])
    return {row[column]: {**empty, **row} for row in [*rows, *journal]}


def read_table(path: Path) -> pl.DataFrame:
    """A manifest as a table.

    Raises:
        StorageError: it cannot be read.
    """
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StorageError(
            f"the manifest {path} cannot be read: {error}",
            "restore it, or delete it: what its journal and the staged files still show is found again",
        ) from error


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a manifest atomically and durably."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        with temporary.open("wb") as file:
            table.write_parquet(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_folder(path.parent)
