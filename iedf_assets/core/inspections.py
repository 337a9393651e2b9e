"""Inspecting many samples, those alone whose files have changed since they were inspected last."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from iedf_assets.core.errors import StorageError
from iedf_assets.core.inspection import Inspection, Known, inspect_sample
from iedf_assets.core.keys import digest
from iedf_assets.core.lint import Issue
from iedf_assets.core.manifests import among, batches, merged, scan_table, write_table
from iedf_assets.core.naming import SUFFIXES, Layout, SampleKey
from iedf_assets.core.parallel import Report, silent, stream_map
from iedf_assets.core.scores import SCORES_VERSION
from iedf_assets.core.subtypes import SUBTYPES

# Bump when an inspection finds something else in the same files.
INSPECTION_VERSION = 2
_SCHEMA = {"sample_key": pl.String, "signature": pl.String, "found": pl.String}


def inspect_published(
    layout: Layout,
    category: str,
    recipes: Iterable[tuple[str, str | None]],
    threads: int,
    report: Report = silent,
) -> Iterator[Inspection]:
    """Inspect published samples of a category; see `inspect_samples`.

    Args:
        recipes: (sample key, recipe), both as the manifests hold them.
    """
    cache = layout.manifests / "inspections" / f"{category}.parquet"
    samples = (
        (sample, known_of(layout, sample, json.loads(recipe) if recipe else None))
        for sample, recipe in ((SampleKey.parse(key), recipe) for key, recipe in recipes)
    )
    return inspect_samples(layout.dataset, samples, cache, threads, report)


def known_of(layout: Layout, sample: SampleKey, recipe: dict[str, Any] | None = None) -> Known:
    """What is known of a published sample."""
    relocates = sample.subtype in SUBTYPES and SUBTYPES[sample.subtype].relocates
    result_mask = layout.result_mask(sample) if relocates else None
    return Known(layout.allowed_region(sample), result_mask, recipe)


def inspect_samples(
    dataset: Path,
    samples: Iterable[tuple[SampleKey, Known]],
    cache: Path,
    threads: int,
    report: Report = silent,
) -> Iterator[Inspection]:
    """Inspect samples; a file is read again only when its size, time or inode changed.

    All that has to be read is read before the first one is handed out; then they come one by one, so that
    memory does not grow with what was found in them.

    Args:
        cache: the table that keeps what was found; it is replaced by one of exactly these samples.

    Returns:
        What was found, sorted by the text of the sample keys.
    """
    known = _known(cache)
    signatures = dict(known.select("sample_key", "signature").collect().iter_rows())
    wanted, unknown = set(), {}
    for sample, facts in samples:
        wanted.add(str(sample))
        signature = _signature(dataset, sample, facts)
        if signatures.get(str(sample)) != signature:
            unknown[sample] = signature, facts
    work = stream_map(lambda sample: inspect_sample(dataset, sample, unknown[sample][1]), unknown, threads)
    rows = []
    for done, (sample, inspection) in enumerate(work, 1):
        rows.append((str(sample), unknown[sample][0], _dump(inspection)))
        report(done, len(unknown))
    found = pl.DataFrame(rows, schema=_SCHEMA, orient="row").sort("sample_key")
    table = merged(known.filter(among("sample_key", wanted)), found, "sample_key")
    if unknown or signatures.keys() - wanted:
        write_table(table, cache)
    for batch in batches(table):
        for key, _, text in batch.iter_rows():
            yield _load(SampleKey.parse(key), text)


def _known(cache: Path) -> pl.LazyFrame:
    """What was found before; a cache that cannot be read knows nothing."""
    with suppress(StorageError):
        table = scan_table(cache) if cache.exists() else None
        if table is not None and table.collect_schema() == _SCHEMA:
            return table
    return pl.LazyFrame(schema=_SCHEMA)


def _signature(dataset: Path, sample: SampleKey, known: Known) -> str:
    paths: list[str | Path] = [f"{dataset}/{sample.file(role)}" for role in SUFFIXES]
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
