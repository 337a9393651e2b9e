"""What a stage shows in the UI: counts, reasons, columns and pictures."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import polars as pl

from iedf_assets.core.planning.accounts import Account, Survival
from iedf_assets.core.planning.book import Book
from iedf_assets.core.storage.manifests import Rows

# What tells one row from another: not what differs each time it is made.
_TELLING = ("path", "slot", "key", "status", "reason", "sample_key")
Metadata = dict[str, Any]
GROUP = "factory"  # of all assets: one graph, which the UI opens at once
OWNERS = ["team:image-edit-dataset-factory"]


def row_counts(book: Book, stage: str) -> Metadata:
    """Current rows in all and by status, and a table of the reasons where there are any."""
    rows = book.current(stage)
    told = rows.where(pl.col("reason").is_not_null())
    reasons = {"reasons": reasons_table(told)} if told else {}
    return {"dagster/row_count": len(rows), **rows.counts(), **reasons}


def source_of(function: Callable[..., Any]) -> Metadata:
    """Where the code of an asset stands, as the UI links it."""
    place = function.__code__
    reference = dg.LocalFileCodeReference(
        file_path=place.co_filename, line_number=place.co_firstlineno, label=function.__module__
    )
    return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}


def reasons_table(rows: Rows) -> dg.TableMetadataValue:
    """How often each reason occurs, with one example's detail."""
    examples: dict[tuple[str, str], str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for status, reason, detail in rows.pick("status", "reason", "detail"):
        examples[status, reason] = detail
        counts[status, reason] += 1
    records = [
        {"status": status, "reason": reason, "rows": count, "example": examples[status, reason]}
        for (status, reason), count in counts.most_common()
    ]
    return records_table(
        records, {"status": "string", "reason": "string", "rows": "int", "example": "string"}
    )


def accounts_table(accounts: list[Account]) -> dg.TableMetadataValue:
    """What became of the sources."""
    columns = {"outcome": "string", "task": "string", "reason": "string", "sources": "int"}
    return records_table([account._asdict() for account in accounts], columns)


def survival_table(rows: list[Survival]) -> dg.TableMetadataValue:
    """How much is left after each stage, a row per category."""
    columns = {name: "string" if name == "category" else "int" for name in Survival._fields}
    return records_table([row._asdict() for row in rows], columns)


def records_table(records: list[dict[str, Any]], columns: Mapping[str, str]) -> dg.TableMetadataValue:
    """Rows as table metadata; `columns` gives their order and types."""
    schema = dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in columns.items()])
    return dg.MetadataValue.table(
        records=[dg.TableRecord({name: record.get(name) for name in columns}) for record in records],
        schema=schema,
    )


def result(book: Book, stage: str, extra: Metadata) -> dg.MaterializeResult[pl.LazyFrame]:
    """The materialization of a stage: its table, and what to show of the rows that are current."""
    rows = book.table(stage)
    return dg.MaterializeResult(
        value=rows.table,
        metadata={**row_counts(book, stage), **extra},
        data_version=dg.DataVersion(_version(rows)),
    )


def _version(rows: Rows) -> str:
    """A digest of what was made, the same while nothing was made otherwise, in whatever order."""
    total = 0
    known = rows.table.collect_schema().names()
    for row in rows.pick(*(column for column in _TELLING if column in known)):
        total += int.from_bytes(hashlib.sha256(repr(row).encode()).digest()[:16])
    return f"{total % 2**128:032x}"
