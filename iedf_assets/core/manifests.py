"""The stages' tables: their columns, and reading and writing them as Parquet manifests plus journals."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self

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
_REMEDY = "restore it, or delete it: what its journal and the staged files still show is found again"
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


class Rows(Mapping[str, Row]):
    """A stage's rows by key: kept as a table, and decoded one by one when they are asked for.

    Args:
        table: with the stage's columns, one row per key.
    """

    def __init__(self, table: pl.DataFrame, stage: str) -> None:
        self.table = table
        self._stage = stage

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], stage: str) -> Self:
        """Rows as they have just been made; the last one of a key wins."""
        return cls(frame(rows, stage), stage)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {key: place for place, key in enumerate(self.table[key_column(self._stage)])}

    def __getitem__(self, key: str) -> Row:
        return decode(self.table.row(self._places[key], named=True))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return self.table.height

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def only(self, keys: Iterable[str]) -> Self:
        """The rows of these keys, as far as there are any."""
        wanted = pl.Series(list(keys), dtype=pl.String)
        column = key_column(self._stage)
        return type(self)(self.table.filter(pl.col(column).is_in(wanted.implode())), self._stage)

    def overlaid(self, rows: Iterable[Mapping[str, Any]]) -> Self:
        """These rows and others; of two with one key, the other."""
        column = key_column(self._stage)
        table = pl.concat([self.table, frame(rows, self._stage)])
        return type(self)(table.unique(subset=column, keep="last").sort(column), self._stage)

    def counts(self) -> dict[str, int]:
        """Status → number of rows."""
        return dict(sorted(self.table["status"].value_counts().iter_rows()))

    def pick(self, *columns: str) -> Iterator[tuple[Any, ...]]:
        """Some columns of every row, sorted by key; many times faster than whole rows."""
        nested = [column in NESTED for column in columns]
        for values in self.table.select(columns).iter_rows():
            if not any(nested):
                yield values
            else:
                yield tuple(json.loads(value) if is_json and value is not None else value
                            for value, is_json in zip(values, nested, strict=True))  # fmt: skip


def read_rows(layout: Layout, stage: str, category: str) -> Rows:
    """Everything known of a stage: its manifest, overlaid by its journal.

    Raises:
        StorageError: the manifest cannot be read.
    """
    return Rows(collected(table_of(layout, stage, category)), stage)


def table_of(layout: Layout, stage: str, category: str) -> pl.LazyFrame:
    """`read_rows` as a table, sorted by key, of which only the columns asked for are read.

    Raises:
        StorageError: the manifest cannot be read; `collected` raises it too.
    """
    column = key_column(stage)
    journal = [row for row in read_journal(layout.journal(stage, category)) if column in row]
    path = layout.manifest(stage, category)
    tables = [_completed(_scanned(path), stage)] if path.exists() else []
    if journal or not tables:
        # Journals hold what was known of a row.
        tables.append(frame(journal, stage).lazy())
    if len(tables) == 1:
        return tables[0]  # written sorted, each key once
    return pl.concat(tables).unique(subset=column, keep="last").sort(column)


def collected(table: pl.LazyFrame) -> pl.DataFrame:
    """Read what a lazy table of manifests asks for.

    Raises:
        StorageError: a manifest cannot be read.
    """
    try:
        return table.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StorageError(f"a manifest cannot be read: {error}", _REMEDY) from error


def _completed(table: pl.LazyFrame, stage: str) -> pl.LazyFrame:
    """A table with the columns of today: manifests have those of their time."""
    there = table.collect_schema().names()
    missing = [pl.lit(None, kind).alias(name) for name, kind in SCHEMAS[stage].items() if name not in there]
    return table.with_columns(missing).select(SCHEMAS[stage].keys())


def _scanned(path: Path) -> pl.LazyFrame:
    with _reading(path):
        table = pl.scan_parquet(path)
        table.collect_schema()
        return table


def read_table(path: Path) -> pl.DataFrame:
    """A manifest as a table.

    Raises:
        StorageError: it cannot be read.
    """
    with _reading(path):
        return pl.read_parquet(path)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StorageError(f"the manifest {path} cannot be read: {error}", _REMEDY) from error


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
