"""Inspecting many samples, those alone whose files have changed since they were inspected last."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from iedf_assets.core.errors import StorageError
from iedf_assets.core.judging.inspection import Inspection, Known, Measured, inspect_sample, state_of
from iedf_assets.core.judging.lint import Issue
from iedf_assets.core.parallel import Report, silent, stream_map
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.scoring.masks.mask_scores import carried
from iedf_assets.core.scoring.scores import SCORES_VERSION
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import digest
from iedf_assets.core.storage.manifests import (
    among,
    batches,
    collected,
    merged,
    scan_table,
    table_of,
    write_table,
)
from iedf_assets.core.storage.naming import SUFFIXES, Layout, SampleKey

# Bump when an inspection finds something else in the same files.
INSPECTION_VERSION = 4
# Samples whose findings are in memory at once.
_AT_ONCE = 2048
_SCHEMA = {"sample_key": pl.String, "signature": pl.String, "found": pl.String}


def inspect_published(
    layout: Layout, category: str, threads: int, report: Report = silent
) -> Iterator[Inspection]:
    """Inspect the published samples of a category; a file is read again only when it was written to since.

    All that has to be read is read before the first one is handed out; then they come one by one, so that
    memory does not grow with what was found in them.

    Returns:
        What was found, sorted by the text of the sample keys.

    Raises:
        StorageError: a manifest cannot be read.
    """
    published = table_of(layout, "dataset", category).filter(pl.col("status") == "published")
    published = published.select("sample_key", "edit_id", "edit_key", "pair_key")
    cache = layout.manifests / "inspections" / f"{category}.parquet"
    known = _known(cache)
    signed = pl.DataFrame(schema={name: _SCHEMA[name] for name in ("sample_key", "signature")})
    for batch in batches(published):
        signatures = [_signature(layout, key, edit_id) for key, edit_id, *_ in batch.iter_rows()]
        signed.extend(batch.select("sample_key", signature=pl.Series(signatures, dtype=pl.String)))
    gone = collected(known.select("sample_key").join(signed.lazy(), on="sample_key", how="anti"))
    before = known.select("sample_key", "signature")
    changed = signed.lazy().join(before, on=["sample_key", "signature"], how="anti")
    done = 0
    unknown = collected(published.join(changed, on="sample_key", how="inner"))
    table = known.filter(~among("sample_key", gone["sample_key"]))
    if len(gone) and unknown.is_empty():
        write_table(table, cache)
    # What was found of a part is kept before the next one is read, for the next run, too.
    for part in unknown.iter_slices(_AT_ONCE):
        rows = []
        for row in stream_map(_inspector(layout, category, part), part.iter_rows(named=True), threads):
            rows.append(row[1])
            done += 1
            report(done, len(unknown))
        found = pl.DataFrame(rows, schema=_SCHEMA, orient="row").sort("sample_key")
        write_table(merged(table, found, "sample_key"), cache)
        table = scan_table(cache)
    for batch in batches(table):
        for key, _, text in batch.iter_rows():
            yield _load(SampleKey.parse(key), text)


def _inspector(layout: Layout, category: str, samples: pl.DataFrame) -> Callable[[Row], tuple[str, str, str]]:
    """What inspects one of some samples and gives its row of the cache."""
    edits = table_of(layout, "edited_images", category).filter(among("key", samples["edit_key"].drop_nulls()))
    recipes = dict(collected(edits.select("key", "recipe")).iter_rows())
    pairs = table_of(layout, "edit_pairs", category).filter(among("key", samples["pair_key"].drop_nulls()))
    made = {key: told for key, *told in collected(pairs.select("key", "scores", "checksums")).iter_rows()}

    def inspect(row: Row) -> tuple[str, str, str]:
        sample, recipe = SampleKey.parse(row["sample_key"]), recipes.get(row["edit_key"])
        measured = measured_of(*made.get(row["pair_key"], (None, None)))
        known = known_of(layout, sample, json.loads(recipe) if recipe else None, measured)
        return row["sample_key"], row["signature"], _dump(inspect_sample(layout.dataset, sample, known))

    return inspect


def measured_of(scores: str | None, checksums: str | None) -> Measured | None:
    """What a row of edit_pairs tells of its mask; None of a pair from before that was measured.

    Args:
        scores, checksums: its columns, JSON.
    """
    found = carried(json.loads(scores or "{}") or {})
    files = json.loads(checksums or "{}") or {}
    if not found or not files:
        return None
    names = {"source": "source.jpg", "mask": "mask.png", "result_mask": "result_mask.png"}
    return Measured(state_of({role: files.get(name) for role, name in names.items()}), found)


def known_of(
    layout: Layout,
    sample: SampleKey,
    recipe: dict[str, Any] | None = None,
    measured: Measured | None = None,
) -> Known:
    """What is known of a published sample."""
    subtype = SUBTYPES.get(sample.subtype)
    if subtype and subtype.tier == "stated":
        return Known(recipe=recipe)
    result_mask = layout.result_mask(sample) if subtype and subtype.relocates else None
    return Known(layout.allowed_region(sample), result_mask, recipe, measured)


def _known(cache: Path) -> pl.LazyFrame:
    """What was found before; a cache that cannot be read knows nothing."""
    with suppress(StorageError):
        table = scan_table(cache) if cache.exists() else None
        if table is not None and table.collect_schema() == _SCHEMA:
            return table
    return pl.LazyFrame(schema=_SCHEMA)


def _signature(layout: Layout, key: str, edit_id: str) -> str:
    """What an inspection depends on; of the recipe an edit's id tells."""
    sample = SampleKey.parse(key)
    known = known_of(layout, sample)
    paths: list[str | Path] = [f"{layout.dataset}/{sample.file(role)}" for role in SUFFIXES]
    named = [str(path) if path else None for path in (known.allowed, known.result_mask)]
    paths += [path for path in (known.allowed, known.result_mask) if path]
    return digest(INSPECTION_VERSION, SCORES_VERSION, named, edit_id, [_stat(path) for path in paths])


def _stat(path: str | Path) -> list[int] | None:
    try:
        stat = os.stat(path)  # noqa: PTH116  # a Path of every file would cost more than all else here
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def _dump(inspection: Inspection) -> str:
    issues = [[issue.path, issue.code, issue.message] for issue in inspection.issues]
    texts = inspection.instructions, inspection.wrong_texts
    return json.dumps([issues, inspection.scores, inspection.region_known, *texts], ensure_ascii=False)


def _load(sample: SampleKey, found: str) -> Inspection:
    issues, scores, region_known, instructions, wrong_texts = json.loads(found)
    read = tuple(Issue(*issue) for issue in issues)
    return Inspection(sample, read, scores, region_known, instructions, tuple(wrong_texts))
