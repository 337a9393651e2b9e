"""The stages' tables: their columns, and reading and writing them as Parquet manifests plus journals."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any, Self, TypeVar

import polars as pl

from iedf_assets.core.errors import StorageError
from iedf_assets.core.storage.files import replacing
from iedf_assets.core.storage.journal import Row, read_journal
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.older_rows import renewed, renewed_table

# Columns that hold nested values keep them as JSON text, so that a manifest's schema never depends on its
# rows.
NESTED = frozenset(
    {
        "files",
        "checksums",
        "objects",
        "recipe",
        "failed_checks",
        "scores",
        "made_with",
        "judged",
        "facts",
        "rights",
        "derived_from",
    }
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
        "look": pl.String, "facts": pl.String, "rights": pl.String,
    },
    # one row per decomposition; key: key
    "image_layers": {
        "key": pl.String, "source_id": pl.String, **_OUTCOME, "level": pl.String,
        "width": pl.Int32, "height": pl.Int32, "objects": pl.String, **_STAGED,
        "recomposition_error": pl.Float64, "backend": pl.String, "model_revision": pl.String,
        "made_with": pl.String,
    },
    # one row per edit; key: key
    "edited_images": {
        "key": pl.String, "edit_id": pl.String, "source_id": pl.String, "layers_key": pl.String, **_OUTCOME,
        "task": pl.String, "subtype": pl.String, "scene": pl.String, "variant": pl.Int32, "recipe": pl.String,
        "reference": pl.String, "instruction_ch": pl.String, "instruction_en": pl.String,
        "x": pl.Int32, "y": pl.Int32, "recomposition_error": pl.Float64, **_STAGED,
        "backend": pl.String, "model_revision": pl.String, "made_with": pl.String, "judged": pl.String,
    },
    # one row per finished pair; key: key
    "edit_pairs": {
        "key": pl.String, "edit_key": pl.String, "edit_id": pl.String, "source_id": pl.String, **_OUTCOME,
        "tier": pl.String, "width": pl.Int32, "height": pl.Int32, **_STAGED, "scores": pl.String,
        "judged": pl.String, "rewritten_ch": pl.String, "rewritten_en": pl.String,
    },
    # one row per slot of the plan; key: slot
    "dataset": {
        "slot": pl.String, "key": pl.String, "edit_id": pl.String, "source_id": pl.String, **_OUTCOME,
        "task": pl.String, "subtype": pl.String, "scene": pl.String, "failed_checks": pl.String,
        "review": pl.String, "sample_key": pl.String, "pair_key": pl.String, "edit_key": pl.String,
        "derived_from": pl.String,
    },
}  # fmt: skip
# Rows that are held at once when a table is read or written; also the size of a file's row groups, of which
# one at least is in memory.
_BATCH_ROWS = 512
# Bits of the whole numbers that a column takes, without the sign.
_BITS: dict[type[pl.DataType], int] = {pl.Int32: 31, pl.Int64: 63, pl.Float64: 63}
T = TypeVar("T")
# What polars makes of a broken table; the latter is no `Exception`.
_BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
# Characters of what it says that are told.
_TOLD = 300
_REMEDY = "restore it, or delete it: what its journal and the staged files still show is found again"
# What identifies a row, where it is not `key`.
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
    """The inverse of `encode`: nested columns as Python values.

    Raises:
        StorageError: one of them is no JSON.
    """
    return {column: _value(column, value) if column in NESTED else value for column, value in row.items()}


def _value(column: str, value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise StorageError(f"a manifest has a row whose {column} cannot be read: {error}", _REMEDY) from error


def frame(rows: Iterable[Mapping[str, Any]], stage: str) -> pl.DataFrame:
    """Rows as a table with the stage's schema, sorted by key, the last row of a key winning."""
    column, schema = key_column(stage), SCHEMAS[stage]
    tables = [pl.DataFrame(schema=schema)]
    # A table takes a tenth of the memory that as many rows do.
    for part in _batched(rows):
        encoded = [encode(row, stage) for row in part]
        tables.append(pl.DataFrame(encoded, schema=schema, orient="row"))
    return pl.concat(tables).unique(subset=column, keep="last").sort(column)


def among(column: str, values: Iterable[str]) -> pl.Expr:
    """Whether a column's value is one of some."""
    return pl.col(column).is_in(_texts(values).implode())


def _texts(values: Iterable[str]) -> pl.Series:
    """Texts as a column, which takes half the memory that a list of them does."""
    parts = [pl.Series(dtype=pl.String), *(pl.Series(part, dtype=pl.String) for part in _batched(values))]
    return pl.concat(parts)


def _batched(values: Iterable[T]) -> Iterator[list[T]]:
    source = iter(values)
    while part := list(islice(source, _BATCH_ROWS)):
        yield part


def merged(table: pl.LazyFrame, rows: pl.DataFrame, column: str) -> pl.LazyFrame:
    """A table and rows, both sorted by a column of keys, as one; of two with one key, that of `rows`."""
    if rows.is_empty():
        return table
    return table.filter(~among(column, rows[column])).merge_sorted(rows.lazy(), key=column)


class Rows(Mapping[str, Row]):
    """A stage's rows by key, of which no more is read than is asked for.

    `pick` and `counts` read columns, a batch at a time. Looking a row up by its key brings all rows into
    memory, so narrow them down before, with `only` to some keys or with `narrow` to some columns.

    Args:
        table: with the stage's columns or some of them, one row per key, sorted by key.
    """

    def __init__(self, table: pl.DataFrame | pl.LazyFrame, stage: str) -> None:
        self.table = table.lazy()
        self._stage = stage

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], stage: str) -> Self:
        """Rows as they have just been made; the last one of a key wins."""
        return cls(frame(rows, stage), stage)

    @cached_property
    def _loaded(self) -> pl.DataFrame:
        return collected(self.table)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {key: place for place, (key,) in enumerate(self.pick(key_column(self._stage)))}

    def __getitem__(self, key: str) -> Row:
        return decode(self._loaded.row(self._places[key], named=True))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return int(collected(self.table.select(pl.len())).item())

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def only(self, keys: Iterable[str]) -> Self:
        """The rows of these keys, as far as there are any."""
        return self.where(among(key_column(self._stage), keys))

    def without(self, keys: Iterable[str]) -> Self:
        """All rows but those of these keys."""
        return self.where(~among(key_column(self._stage), keys))

    def where(self, condition: pl.Expr) -> Self:
        """The rows for which a condition on their columns holds."""
        return type(self)(self.table.filter(condition), self._stage)

    def narrow(self, columns: Iterable[str]) -> Self:
        """All rows with some of their columns alone, the key among them."""
        return type(self)(self.table.select(columns), self._stage)

    def overlaid(self, rows: Iterable[Mapping[str, Any]]) -> Self:
        """These rows and others; of two with one key, the other."""
        return type(self)(merged(self.table, frame(rows, self._stage), key_column(self._stage)), self._stage)

    def others(self, keys: Iterable[str]) -> list[str]:
        """The keys of the rows that are of none of some keys."""
        column = key_column(self._stage)
        told = pl.LazyFrame({column: _texts(keys)})
        left = self.table.select(column).join(told, on=column, how="anti", maintain_order="left")
        return collected(left)[column].to_list()

    def beside(self, keys: Iterable[str], *columns: str) -> Iterator[tuple[Any, ...] | None]:
        """For each of some keys, in ascending order, some columns of its row; None where there is none.

        Unlike a lookup it holds but a batch of the rows.
        """
        rows = self.pick(key_column(self._stage), *columns)
        row = next(rows, None)
        for key in keys:
            while row is not None and row[0] < key:
                row = next(rows, None)
            yield row[1:] if row is not None and row[0] == key else None

    def counts(self) -> dict[str, int]:
        """Status → number of rows."""
        counted = self.table.group_by("status").len()
        return dict(sorted(collected(counted).iter_rows()))

    def pick(self, *columns: str) -> Iterator[tuple[Any, ...]]:
        """Some columns of every row, sorted by key; many times faster than whole rows."""
        nested = [column in NESTED for column in columns]
        for batch in batches(self.table.select(columns)):
            for values in batch.iter_rows():
                if not any(nested):
                    yield values
                else:
                    told = zip(columns, values, nested, strict=True)
                    yield tuple(_value(name, value) if is_json else value for name, value, is_json in told)


def read_rows(layout: Layout, stage: str, category: str) -> Rows:
    """Everything known of a stage: its manifest, overlaid by its journal, as they are now.

    Raises:
        StorageError: the manifest cannot be read; whatever reads the rows may raise it too.
    """
    return Rows(table_of(layout, stage, category), stage)


def table_of(layout: Layout, stage: str, category: str) -> pl.LazyFrame:
    """`read_rows` as a table, sorted by key, of which only the columns asked for are read.

    Raises:
        StorageError: the manifest cannot be read; `collected` and `batches` raise it too.
    """
    column = key_column(stage)
    # Journals hold what was known of a row.
    rows = read_journal(layout.journal(stage, category), fits=partial(_is_row, stage))
    journal = frame(map(renewed, rows), stage)
    path = layout.manifest(stage, category)
    return merged(_completed(scan_table(path), stage), journal, column) if path.exists() else journal.lazy()


def _is_row(stage: str, row: Row) -> bool:
    """Whether what a line of a journal says can be a row of a stage."""
    row = renewed(row)
    schema, key = SCHEMAS[stage], row.get(key_column(stage))
    return (
        isinstance(key, str)
        and row.keys() <= schema.keys()
        and isinstance(row.get("status"), str)
        and all(value is None or _fits(name, value, schema[name]) for name, value in row.items())
    )


def _fits(name: str, value: Any, kind: type[pl.DataType]) -> bool:
    """Whether a value of a journal can stand in a column."""
    if name in NESTED and not isinstance(value, str):
        return isinstance(value, (list, dict))
    if isinstance(value, str):
        return kind is pl.String and (name not in NESTED or _is_json(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return kind in _BITS and -(1 << _BITS[kind]) <= value < 1 << _BITS[kind]
    return isinstance(value, float) and kind is pl.Float64


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def collected(table: pl.LazyFrame) -> pl.DataFrame:
    """Read what a lazy table of manifests asks for.

    Raises:
        StorageError: a manifest cannot be read.
    """
    with _reading("a manifest"):
        return table.collect()


def batches(table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """`collected`, some rows at a time and in their order, so that memory does not grow with the table."""
    with _reading("a manifest"):
        yield from table.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True)


def _completed(table: pl.LazyFrame, stage: str) -> pl.LazyFrame:
    """A table with the columns of today: manifests have those of their time."""
    table = renewed_table(table, table.collect_schema().names())
    there, wanted = table.collect_schema(), SCHEMAS[stage]
    missing = [pl.lit(None, kind).alias(name) for name, kind in wanted.items() if name not in there]
    # Of another type it is only where somebody else wrote it; what does not fit is told when it is read.
    others = [pl.col(name).cast(kind) for name, kind in wanted.items() if there.get(name, kind) != kind]
    return table.with_columns(missing + others).select(wanted.keys())


def scan_table(path: Path) -> pl.LazyFrame:
    """A manifest as it is now, whatever takes its place later; nothing but its head is read yet.

    Raises:
        StorageError: it cannot be read.
    """
    with _reading(f"the manifest {path}"), path.open("rb") as file:
        # From the open file, which polars keeps: by its name, it would meet what took its place.
        table = pl.scan_parquet(file)
        table.collect_schema()
        return table


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except (*_BROKEN, OSError) as error:
        raise StorageError(f"{what} cannot be read: {str(error)[:_TOLD]}", _REMEDY) from error


def write_table(table: pl.DataFrame | pl.LazyFrame, path: Path) -> None:
    """Write a manifest atomically and durably, some rows at a time.

    Raises:
        StorageError: a manifest that it is made of cannot be read.
    """
    with replacing(path) as temporary:
        try:
            table.lazy().sink_parquet(temporary, row_group_size=_BATCH_ROWS)
        except _BROKEN as error:
            raise StorageError(f"{path} cannot be written: {str(error)[:_TOLD]}", _REMEDY) from error
