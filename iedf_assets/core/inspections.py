"""Inspecting many samples, those alone whose files have changed since they were inspected last."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from iedf_assets.core.errors import StorageError
from iedf_assets.core.inspection import Inspection, Regions, inspect_sample
from iedf_assets.core.keys import digest
from iedf_assets.core.lint import Issue
from iedf_assets.core.manifests import read_table, write_table
from iedf_assets.core.naming import SUFFIXES, Layout, SampleKey
from iedf_assets.core.parallel import Report, silent, stream_map
from iedf_assets.core.subtypes import SUBTYPES

# Bump when an inspection finds something else in the same files.
INSPECTION_VERSION = 1
_SCHEMA = {"sample_key": pl.String, "signature": pl.String, "found": pl.String}


def inspect_published(
    layout: Layout, category: str, samples: Iterable[SampleKey], threads: int, report: Report = silent
) -> list[Inspection]:
    """Inspect samples of a category as they lie in the dataset; see `inspect_samples`."""
    cache = layout.manifests / "inspections" / f"{category}.parquet"
    regions = {sample: published_regions(layout, sample) for sample in samples}
    return inspect_samples(layout.dataset, regions, cache, threads, report)


def published_regions(layout: Layout, sample: SampleKey) -> Regions:
    """Where the regions of a published sample lie."""
    relocates = sample.subtype in SUBTYPES and SUBTYPES[sample.subtype].relocates
    return Regions(layout.allowed_region(sample), layout.result_mask(sample) if relocates else None)


def inspect_samples(
    dataset: Path, samples: Mapping[SampleKey, Regions], cache: Path, threads: int, report: Report = silent
) -> list[Inspection]:
    """Inspect samples, in their order; a file is read again only when its size, time or inode changed.

    Args:
        cache: the table that keeps what was found; it is replaced by one of exactly these samples.
    """
    known = _known(cache)
    signatures = {sample: _signature(dataset, sample, regions) for sample, regions in sorted(samples.items())}
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


def _signature(dataset: Path, sample: SampleKey, regions: Regions) -> str:
    paths = [dataset / sample.file(role) for role in SUFFIXES]
    named = [str(path) if path else None for path in (regions.allowed, regions.result_mask)]
    paths += [path for path in (regions.allowed, regions.result_mask) if path]
    return digest(INSPECTION_VERSION, named, [_stat(path) for path in paths])


def _stat(path: Path) -> list[int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def _dump(inspection: Inspection) -> str:
    issues = [[issue.path, issue.code, issue.message] for issue in inspection.issues]
    found = [issues, inspection.scores, inspection.region_known, inspection.instructions]
    return json.dumps(found, ensure_ascii=False)


def _load(sample: SampleKey, found: str) -> Inspection:
    issues, *rest = json.loads(found)
    return Inspection(sample, tuple(Issue(*issue) for issue in issues), *rest)
