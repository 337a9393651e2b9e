"""The categories' manifests joined into one table: every row of dataset with its edit, pair and source."""

from collections.abc import Sequence

import polars as pl

from iedf_assets.core.manifests import collected, table_of
from iedf_assets.core.naming import Layout, nfc

_OF_EDITS = ("recipe", "instruction_ch", "instruction_en", "backend", "model_revision", "made_with")
_OF_PAIRS = ("tier", "width", "height", "scores")


def categories_on_disk(layout: Layout) -> list[str]:
    """All categories that ever had a row of dataset, those among them that the profile has dropped."""
    folder = layout.manifest("dataset", "x").parent
    files = folder.iterdir() if folder.is_dir() else ()
    endings = (".parquet", ".journal.jsonl")
    return sorted(
        {nfc(file.name.removesuffix(end)) for file in files for end in endings if file.name.endswith(end)}
    )


def verdicts_of(layout: Layout, category: str) -> pl.LazyFrame:
    """Every row of dataset, with what the index needs of its edit, its pair and its source.

    Columns of a row that is not there are null. `category` and `source_path` are added.
    """
    edits = table_of(layout, "edited_images", category).select("key", *_OF_EDITS)
    pairs = table_of(layout, "edit_pairs", category).select("key", *_OF_PAIRS)
    sources = (
        table_of(layout, "source_images", category)
        .sort(pl.col("status") != "accepted", "path")
        .unique(subset="source_id", keep="first", maintain_order=True)
        .select("source_id", source_path="path")
    )
    return (
        table_of(layout, "dataset", category)
        .join(edits, left_on="edit_key", right_on="key", how="left")
        .join(pairs, left_on="pair_key", right_on="key", how="left")
        .join(sources, on="source_id", how="left")
        .with_columns(category=pl.lit(category))
    )


def verdicts_of_all(
    layout: Layout, where: pl.Expr | None = None, *, without: Sequence[str] = ()
) -> pl.DataFrame:
    """`verdicts_of` all categories, the samples first, in the order of their keys, then by edit.

    Args:
        where: which rows; None for all.
        without: columns that nobody asks for; they are not read.

    Raises:
        StorageError: a manifest cannot be read.
    """
    tables = [verdicts_of(layout, category) for category in categories_on_disk(layout)]
    table = pl.concat(tables) if tables else verdicts_of(layout, "x").clear()
    chosen = (table if where is None else table.filter(where)).select(pl.exclude(without))
    return collected(chosen.sort("sample_key", "edit_id", "category", "slot", nulls_last=True))
