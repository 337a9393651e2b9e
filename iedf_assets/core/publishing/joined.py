"""The categories' manifests joined into one table: every row of dataset with its edit, pair and source."""

from collections.abc import Iterable, Iterator

import polars as pl

from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.manifests import SCHEMAS, among, collected, table_of
from iedf_assets.core.storage.naming import Layout, nfc

# What other stages say of a row: the column that finds their row, and their columns.
_JOINED = {
    "edited_images": ("edit_key", ("recipe", "instruction_ch", "instruction_en", "backend", "model_revision",
                                   "made_with", "layers_key", "reference")),
    "image_layers": ("layers_key", ("objects",)),
    "edit_pairs": ("pair_key", ("tier", "width", "height", "scores", "files", "checksums", "written_ns",
                                "rewritten_ch", "rewritten_en")),
    "source_images": ("source_id", ("source_path", "facts", "rights")),
    "shown": ("reference", ("shown_path", "shown_facts", "shown_rights")),
}  # fmt: skip
# What stands in the place of what.
_REWRITTEN = {"instruction_ch": "rewritten_ch", "instruction_en": "rewritten_en"}
# In so many parts the rows are joined: the other stages' tables are read as often, and a part of them is in
# memory at a time. Of few rows one part is enough.
_PARTS, _LEAST_ROWS = 8, 1024
_ORDER = ("sample_key", "edit_id", "category")


def categories_on_disk(layout: Layout) -> list[str]:
    """All categories that ever had a row of dataset, those among them that the profile has dropped."""
    folder = layout.manifest("dataset", "x").parent
    files = folder.iterdir() if folder.is_dir() else ()
    endings = (".parquet", ".journal.jsonl")
    return sorted(
        {nfc(file.name.removesuffix(end)) for file in files for end in endings if file.name.endswith(end)}
    )


def verdicts_of_all(layout: Layout, statuses: Iterable[str], columns: Iterable[str]) -> Iterator[Row]:
    """Rows of dataset of all categories, each with what is known of its edit, its pair and its source.

    They come with the samples first, in the order of their keys, then by edit and category. Columns of a row
    that is not there are null.

    Args:
        statuses: which rows.
        columns: which columns besides `sample_key`, `edit_id` and `category`: of dataset, and what the
            other stages say; no others are read. Instructions are what took their place, where something did;
            `instruction_by`, with them, is `judge` then and `recipe` else.

    Raises:
        StorageError: a manifest cannot be read.
    """
    categories, wanted = categories_on_disk(layout), list(columns)
    if not categories:
        return
    rewritten = {name: other for name, other in _REWRITTEN.items() if name in wanted}
    wanted += rewritten.values()
    told = {stage: [name for name in known if name in wanted] for stage, (_, known) in _JOINED.items()}
    # What finds a row of layers, an edit says.
    links = (key for stage, (key, _) in _JOINED.items() if told[stage] and key in SCHEMAS["dataset"])
    own = dict.fromkeys((*_ORDER, *links, *(name for name in wanted if name in SCHEMAS["dataset"])))
    verdicts = _of_all(layout, categories, "dataset").filter(pl.col("status").is_in(list(statuses)))
    verdicts = verdicts.with_row_index("place")
    # Rows of one edit stay in the order of their slots.
    order = verdicts.select("place", *_ORDER).sort(_ORDER, nulls_last=True, maintain_order=True)
    places = collected(order.select("place"))
    for some in places.iter_slices(max(_LEAST_ROWS, -(-places.height // _PARTS))):
        rows = collected(verdicts.select("place", *own).join(some.lazy(), on="place", how="semi"))
        part = some.join(rows, on="place", how="left", maintain_order="left")
        for stage, names in told.items():
            if not names:
                continue
            key = _JOINED[stage][0]
            column = "source_id" if stage in {"source_images", "shown"} else "key"
            others = _of_all(layout, categories, stage).filter(among(column, part[key].drop_nulls()))
            table = collected(others.select("category", *names, **{key: column}))
            part = part.join(table, on=["category", key], how="left", maintain_order="left")
        said = [pl.coalesce(other, name).alias(name) for name, other in rewritten.items()]
        if rewritten and "instruction_by" in wanted:
            by = pl.when(pl.any_horizontal(pl.col(list(rewritten.values())).is_not_null()))
            said.append(by.then(pl.lit("judge")).otherwise(pl.lit("recipe")).alias("instruction_by"))
        yield from part.with_columns(said).drop(rewritten.values()).iter_rows(named=True)


def _of_all(layout: Layout, categories: Iterable[str], stage: str) -> pl.LazyFrame:
    """A stage's rows of all categories, with their category; of sources one for each `source_id`.

    `shown` are sources too, as what a model was shown.
    """
    if stage == "shown":
        sources = _of_all(layout, categories, "source_images")
        names = {"source_path": "shown_path", "facts": "shown_facts", "rights": "shown_rights"}
        return sources.rename(names)
    tables = [table_of(layout, stage, name).with_columns(category=pl.lit(name)) for name in categories]
    if stage != "source_images":
        return pl.concat(tables)
    return (
        pl.concat(tables)
        .select("category", "source_id", "status", "facts", "rights", source_path="path")
        .sort(pl.col("status") != "accepted", "source_path")
        .unique(subset=["category", "source_id"], keep="first", maintain_order=True)
    )
