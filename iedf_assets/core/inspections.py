"""Inspecting many samples, those alone whose files have changed since they were inspected last."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from iedf_assets.core.errors import StorageError
from iedf_assets.core.inspection import Inspection, Known, inspect_sample
from iedf_assets.core.keys import digest
from iedf_assets.core.lint import Issue
from iedf_assets.core.manifests import read_table, write_table
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
    recipes: Mapping[SampleKey, dict[str, Any] | None],
    threads: int,
    report: Report = silent,
) -> list[Inspection]:
    """Inspect published samples of a category, each with its recipe; see `inspect_samples`."""
    cache = layout.manifests / "inspections" / f"{category}.parquet"
    samples = {sample: known_of(layout, sample, recipe) for sample, recipe in recipes.items()}
    return inspect_samples(layout.dataset, samples, cache, threads, report)


def known_of(layout: Layout, sample: SampleKey, recipe: dict[str, Any] | None = None) -> Known:
    """What is known of a published sample."""
    relocates = sample.subtype in SUBTYPES and SUBTYPES[sample.subtype].relocates
    result_mask = layout.result_mask(sample) if relocates else None
    return Known(layout.allowed_region(sample), result_mask, recipe)


def inspect_samples(
    dataset: Path, samples: Mapping[SampleKey, Known], cache: Path, threads: int, report: Report = silent
) -> list[Inspection]:
    """Inspect samples, in their order; a file is read again only when its size, time or inode changed.

    Args:
        cache: the table that keeps what was found; it is replaced by one of exactly these samples.
    """
    known = _known(cache)
    signatures = {sample: _signature(dataset, sample, facts) for sample, facts in sorted(samples.items())}
    found = {
        sample: _load(sample, known[str(sample)][1])
        for sample, signature in signatures.items()
        if known.get(str(sample), ("",))[0] == signature
    }
    unknown = [sample for sample in signatures if sample not in found]
    work = stream_map(lambda sample: inspect_sample(dataset, sample, samples[sample]), unknown, threads)
    for done, (sample, inspection) in enumerate(work, 1):
        found[sample] = inspection
        report(done, len(unknown))
    if unknown or len(known) != len(found):
        rows = [(str(sample), signatures[sample], _dump(found[sample])) for sample in signatures]
        write_table(pl.DataFrame(rows, schema=_SCHEMA, orient="row"), cache)
    return [found[sample] for sample in signatures]


def _known(cache: Path) -> dict[str, tuple[str, str]]:
    """Sample key → signature and what was found; a cache that cannot be read knows nothing."""
    try:
        table = read_table(cache) if cache.exists() else None
    except StorageError:
        table = None
    if table is None or table.schema != _SCHEMA:
        return {}
    return {key: (signature, found) for key, signature, found in table.iter_rows()}


def _signature(dataset: Path, sample: SampleKey, known: Known) -> str:
    paths = [dataset / sample.file(role) for role in SUFFIXES]
    named = [str(path) if path else None for path in (known.allowed, known.result_mask)]
    paths += [path for path in (known.allowed, known.result_mask) if path]
    return digest(INSPECTION_VERSION, SCORES_VERSION, named, known.recipe, [_stat(path) for path in paths])


def _stat(path: Path) -> list[int] | None:
    try:
        stat = path.stat()
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
