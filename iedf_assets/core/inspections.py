"""Inspecting many samples, those alone whose files have changed since they were inspected last."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from iedf_assets.core.errors import StorageError
from iedf_assets.core.inspection import Inspection, Known, inspect_sample
from iedf_assets.core.keys import digest
from iedf_assets.core.lint import Issue
from iedf_assets.core.manifests import among, batches, collected, merged, scan_table, write_table
from iedf_assets.core.naming import SUFFIXES, Layout, SampleKey
from iedf_assets.core.parallel import Report, silent, stream_map
from iedf_assets.core.scores import SCORES_VERSION
from iedf_assets.core.subtypes import SUBTYPES

# Bump when an inspection finds something else in the same files.
INSPECTION_VERSION = 2
_SCHEMA = {"sample_key": pl.String, "signature": pl.String, "found": pl.String}


def inspect_published(
    layout: Layout, category: str, published: pl.LazyFrame, threads: int, report: Report = silent
) -> Iterator[Inspection]:
    """Inspect the published samples of a category; a file is read again only when it was written to since.

    All that has to be read is read before the first one is handed out; then they come one by one, so that
    memory does not grow with what was found in them.

    Args:
        published: the sample keys and their recipes, see `merging.published_recipes`.

    Returns:
        What was found, sorted by the text of the sample keys.
    """
    cache = layout.manifests / "inspections" / f"{category}.parquet"
    known = _known(cache)
    signed = pl.DataFrame(schema={name: _SCHEMA[name] for name in ("sample_key", "signature")})
    for batch in batches(published):
        signatures = [_signature(layout, *_facts(layout, *row)) for row in batch.iter_rows()]
        signed.extend(batch.select("sample_key", signature=pl.Series(signatures, dtype=pl.String)))
    gone = collected(known.select("sample_key").join(signed.lazy(), on="sample_key", how="anti"))
    before = known.select("sample_key", "signature")
    changed = signed.lazy().join(before, on=["sample_key", "signature"], how="anti")
    unknown = collected(published.select("sample_key", "recipe").join(changed, on="sample_key", how="inner"))

    def inspect(row: tuple[str, str | None, str]) -> tuple[str, str, str]:
        sample, facts = _facts(layout, *row[:2])
        return row[0], row[2], _dump(inspect_sample(layout.dataset, sample, facts))

    rows = []
    for done, (_, inspected) in enumerate(stream_map(inspect, unknown.iter_rows(), threads), 1):
        rows.append(inspected)
        report(done, len(unknown))
    found = pl.DataFrame(rows, schema=_SCHEMA, orient="row").sort("sample_key")
    table = merged(known.filter(~among("sample_key", gone["sample_key"])), found, "sample_key")
    if rows or len(gone):
        write_table(table, cache)
    for batch in batches(table):
        for key, _, text in batch.iter_rows():
            yield _load(SampleKey.parse(key), text)


def known_of(layout: Layout, sample: SampleKey, recipe: dict[str, Any] | None = None) -> Known:
    """What is known of a published sample."""
    relocates = sample.subtype in SUBTYPES and SUBTYPES[sample.subtype].relocates
    result_mask = layout.result_mask(sample) if relocates else None
    return Known(layout.allowed_region(sample), result_mask, recipe)


def _known(cache: Path) -> pl.LazyFrame:
    """What was found before; a cache that cannot be read knows nothing."""
    with suppress(StorageError):
        table = scan_table(cache) if cache.exists() else None
        if table is not None and table.collect_schema() == _SCHEMA:
            return table
    return pl.LazyFrame(schema=_SCHEMA)


def _facts(layout: Layout, key: str, recipe: str | None) -> tuple[SampleKey, Known]:
    sample = SampleKey.parse(key)
    return sample, known_of(layout, sample, json.loads(recipe) if recipe else None)


def _signature(layout: Layout, sample: SampleKey, known: Known) -> str:
    paths: list[str | Path] = [f"{layout.dataset}/{sample.file(role)}" for role in SUFFIXES]
    named = [str(path) if path else None for path in (known.allowed, known.result_mask)]
    paths += [path for path in (known.allowed, known.result_mask) if path]
    return digest(INSPECTION_VERSION, SCORES_VERSION, named, known.recipe, [_stat(path) for path in paths])


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
