"""The rows of the index as its three tables hold them: JSON lines, csv, Parquet.

`metadata` has the same keys in every row, absent ones null, and its recipe is text, since recipes of
different edits have different parameters. Readers that guess types from the first rows never see a key for
the first time later: the rows that bring something new come first in `index.jsonl`.
"""

import csv
import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import polars as pl

from iedf_assets.core.judging.inspection_cache import known_of, measured_of
from iedf_assets.core.pairs.samples import one_line
from iedf_assets.core.scoring.masks.mask_scores import MASK_SCORES
from iedf_assets.core.sources.rights import from_text, rights_of
from iedf_assets.core.storage.files import replacing
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.manifests import write_table
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.core.storage.slots.derived import turn_of

INDEX_COLUMNS = (
    "sample_id", "dataset_category", "edit_task", "subtype", "scene", "source_id", "src_image_path",
    "result_image_path", "mask_paths", "instruction_ch", "instruction_en", "metadata", "edit_id",
    "sample_key", "split", "tier",
)  # fmt: skip
# What a row of the joined manifests has to tell of a sample.
INDEXED = ("subtype", "scene", "source_id", "recipe", "instruction_ch", "instruction_en", "instruction_by",
           "backend", "model_revision", "made_with", "tier", "width", "height", "source_path", "scores",
           "checksums", "facts", "rights", "derived_from", "reference", "shown_path", "shown_facts",
           "shown_rights")  # fmt: skip
# What is known of whose the photo is, and what it shows.
RIGHTS = ("photo_licence", "photo_author", "photo_copyright", "photo_source")
PHOTO = (*RIGHTS, "photo_caption")
METADATA = (
    "allowed_region_mask_path", "result_mask_path", "recipe", "source_path", "backend", "model_revision",
    "width", "height", "made_with", "measured", "instruction_by", "inverse_of", "chain", "turn", "reference",
    *PHOTO,
)  # fmt: skip
_NUMBERS = ("width", "height", "turn")


def entry_of(layout: Layout, folder: str, row: Row, heads: Collection[str] = ()) -> Row:
    """The row of a sample in `index.jsonl`; its split is still null.

    Args:
        folder: the dataset's, relative to the outputs.
        row: of the joined manifests, with the columns `INDEXED`.
        heads: the keys of the samples that chains begin with.
    """
    sample = SampleKey.parse(row["sample_key"])
    known = known_of(layout, sample)
    files = {role: f"{folder}/{sample.file(role)}" for role in ("source", "result", "mask", "mask_inverse")}
    told = {
        **row,
        "allowed_region_mask_path": layout.relative(known.allowed) if known.allowed else None,
        "result_mask_path": layout.relative(known.result_mask) if known.result_mask else None,
        "made_with": json.loads(row["made_with"]) if row["made_with"] else None,
        "measured": _measured(row),
        **_derived(row, heads),
        **_of_photo(row),
        "reference": _shown(row),
    }
    values = {
        "sample_id": f"{sample.number:05d}",
        "dataset_category": row["category"],
        "edit_task": sample.task,
        "src_image_path": files["source"],
        "result_image_path": files["result"],
        "mask_paths": [files["mask"], files["mask_inverse"]] if row["tier"] != "stated" else [],
        "metadata": {key: told[key] for key in METADATA},
        "split": None,
        **{role: one_line(row[role]) if row[role] else None for role in ("instruction_ch", "instruction_en")},
    }
    return {column: values[column] if column in values else row[column] for column in INDEX_COLUMNS}


def _derived(row: Row, heads: Collection[str]) -> Row:
    """What a sample is made of, by the keys of other samples."""
    told = json.loads(row["derived_from"] or "{}")
    chain = row["sample_key"] if row["sample_key"] in heads else told.get("chain")
    return {
        "inverse_of": told["of"][0] if told.get("as") == "inverse" else None,
        "chain": chain,
        "turn": turn_of(told.get("as", "")) if chain else None,
    }


def _of_photo(row: Row) -> Row:
    """What people say of a photo, and its file, under the keys `PHOTO`."""
    facts = from_text(row["facts"]) or {}
    told = rights_of(facts, from_text(row["rights"]))
    caption = facts.get("caption")
    shows = {language: caption.get(language) for language in ("ch", "en")} if caption else None
    return {**{f"photo_{key}": value for key, value in told._asdict().items()}, "photo_caption": shows}


def _shown(row: Row) -> Row | None:
    """The photo of which the model was shown an object, and whose that is; None where it was shown none."""
    if not row["reference"]:
        return None
    told = rights_of(from_text(row["shown_facts"]), from_text(row["shown_rights"]))
    return {"source_id": row["reference"], "path": row["shown_path"], **told._asdict()}


def _measured(row: Row) -> Row | None:
    """What was measured of a sample's mask, by the names of all such scores."""
    found = measured_of(row["scores"], row["checksums"])
    if found is None:
        return None
    return {"of": found.of, "scores": {name: found.scores.get(name) for name in MASK_SCORES}}


def as_today(entry: Row) -> Row:
    """A row of an index that an earlier version wrote, with the keys and types of today."""
    metadata: Mapping[str, Any] = entry.get("metadata") or {}
    told = {key: metadata.get(key) for key in METADATA}
    if isinstance(told["recipe"], dict):
        told["recipe"] = json.dumps(told["recipe"], ensure_ascii=False, sort_keys=True)
    return {column: told if column == "metadata" else entry.get(column) for column in INDEX_COLUMNS}


def write_tables(entries: Iterable[Row], layout: Layout) -> None:
    """Write `index.jsonl`, `index.csv` and `index.parquet`, each atomically, from rows sorted by key."""
    table, novelty = layout.reports / "index.csv", _Novelty()
    layout.reports.mkdir(parents=True, exist_ok=True)
    with (
        streamed(layout.index) as lines,
        streamed(table) as file,
        TemporaryFile("w+", encoding="utf-8", dir=layout.reports) as later,
    ):

        def rows() -> Iterator[Row]:
            for entry in entries:
                (lines if novelty.is_in(entry) else later).write(json.dumps(entry, ensure_ascii=False) + "\n")
                yield _flat(entry)

        write_csv(file, INDEX_COLUMNS, rows())
        later.seek(0)
        shutil.copyfileobj(later, lines)
    _write_parquet(table, layout.reports / "index.parquet")


def write_csv(file: IO[str], columns: Iterable[str], rows: Iterable[Row]) -> None:
    """Write rows with a heading."""
    writer = csv.DictWriter(file, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


@contextmanager
def streamed(path: Path) -> Iterator[IO[str]]:
    """A text file, UTF-8, that takes its place atomically and durably when the block succeeds."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file


def _flat(entry: Row) -> Row:
    """A row of the index as the csv holds it."""
    metadata = json.dumps(entry["metadata"], ensure_ascii=False, sort_keys=True)
    return {**entry, "mask_paths": "|".join(entry["mask_paths"]), "metadata": metadata}


class _Novelty:
    """Tells of one row after another whether it says something that none before it said."""

    def __init__(self) -> None:
        self._said: set[tuple[str, ...]] = set()

    def is_in(self, value: Any, place: tuple[str, ...] = ()) -> bool:
        """Whether a place that was empty or absent so far is filled in a row."""
        if isinstance(value, dict):
            # All of them are looked at, so that each is remembered.
            return sum(self.is_in(below, (*place, key)) for key, below in value.items()) > 0
        if value is None or value == [] or place in self._said:
            return False
        self._said.add(place)
        return True


def _write_parquet(table: Path, path: Path) -> None:
    """Write `index.parquet` from the csv, `metadata` as a struct whose nested values are text."""
    text = pl.col("metadata").str
    metadata = pl.struct(
        text.json_path_match(f"$.{key}").cast(pl.Int32 if key in _NUMBERS else pl.String).alias(key)
        for key in METADATA
    )
    rows = pl.scan_csv(table, schema=dict.fromkeys(INDEX_COLUMNS, pl.String))
    lists = pl.col("mask_paths").str.split("|")
    write_table(rows.with_columns(mask_paths=lists, metadata=metadata), path)
