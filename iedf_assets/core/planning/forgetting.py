"""Forgetting on purpose: what `--force STAGE` and `--retry-failed` do to the manifests before a run."""

import polars as pl

from iedf_assets.core.planning.book import STAGES
from iedf_assets.core.storage.manifests import read_rows, write_table
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.waves import close_wave


def forget(layout: Layout, category: str, stage: str) -> None:
    """Make a stage of a category, and all that follow from it, be done anew.

    Rows of sources and verdicts stay, less their keys: which photo came first and what is published is not
    forgotten.
    """
    for later in STAGES[STAGES.index(stage) :]:
        rows = read_rows(layout, later, category)
        keep = later in {"source_images", "dataset"}
        table = rows.table.with_columns(key=pl.lit("")) if keep else rows.table.clear()
        _rewrite(layout, later, category, table)
    close_wave(layout, category)


def retry_failed(layout: Layout, category: str) -> None:
    """Give every failed row of a category its attempts back."""
    failed = pl.col("status") == "failed"
    for stage in STAGES:
        table = read_rows(layout, stage, category).table
        attempts = pl.when(failed).then(0).otherwise("attempts").cast(pl.Int32)
        _rewrite(layout, stage, category, table.with_columns(attempts=attempts))


def _rewrite(layout: Layout, stage: str, category: str, table: pl.LazyFrame) -> None:
    write_table(table, layout.manifest(stage, category))
    layout.journal(stage, category).unlink(missing_ok=True)
