"""The files that belong to no single category: the index, the scores of all judged pairs, lint, twins.

Everything is merged from the categories' manifests and sorted, so that the same dataset gives the same bytes
whatever order the categories ran in. Paths are relative to the outputs, so that a dataset can be moved.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from iedf_assets.core.judging.inspection_cache import inspect_published
from iedf_assets.core.judging.lint import Issue, list_tree
from iedf_assets.core.parallel import Report, silent, thread_count
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.sections import Sources
from iedf_assets.core.publishing.coverage import Cell, coverage
from iedf_assets.core.publishing.index_rows import (
    INDEXED,
    as_today,
    entry_of,
    streamed,
    write_csv,
    write_tables,
)
from iedf_assets.core.publishing.joined import categories_on_disk, verdicts_of_all
from iedf_assets.core.sources.fingerprints import Candidate, Twin, in_company, split_groups, split_of, twins
from iedf_assets.core.storage.files import read_json, write_text
from iedf_assets.core.storage.journal import Row, read_journal
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.manifests import collected, read_rows
from iedf_assets.core.storage.naming import Layout

_MEASURES = ("mse_outside_region", "ssim_outside_region", "changed_pixel_ratio_outside_region")
QA_COLUMNS = ("sample_id", "passed", *_MEASURES, "details", "edit_id", "sample_key", "dataset_category")
_WAIT_S = 600.0
# Beside the categories, none of which is called so.
_REPORTS, _SETTINGS = "", "/settings"
_ALWAYS = 5
_SCORED = ("status", "reason", "detail", "failed_checks", "tier", "scores")


@dataclass(frozen=True)
class IndexSummary:
    """What the index was made of.

    Attributes:
        counts: category → status → number of rows of dataset; but for `withdrawn` they add up to the slots
            of the category's plan.
        judged: pairs that were measured and judged.
        passed: those among them that are published.
        lint: every finding.
        twins: photos of different categories that show the same picture.
    """

    counts: dict[str, dict[str, int]]
    judged: int
    passed: int
    lint: list[Issue]
    twins: list[Twin]

    @property
    def pass_rate(self) -> float:
        """Published / judged, 0 to 1; 0 when nothing was judged."""
        return self.passed / self.judged if self.judged else 0.0


def write_index(profile: Profile, layout: Layout, report: Report = silent) -> IndexSummary:
    """Write `index.csv`, `index.jsonl`, `index.parquet` and the reports beside them, each atomically.

    Files of the dataset are opened only when they have changed since they were inspected last.

    Args:
        report: called after each sample that is inspected.

    Raises:
        StorageError: a manifest cannot be read.
        LockedError: another process keeps writing the index.
    """
    with exclusive(layout.locks / "index.lock", subject="the index", wait_s=_WAIT_S):
        # As it is before anything is read: what changes meanwhile is for the next one.
        made_of = {name: _state(layout, name) for name in categories_on_disk(layout)}
        found, groups = _twins(layout, profile.sources.near_duplicate_bits)
        lint = _lint(layout, thread_count(profile.threads), report)
        _write_index(layout, groups, profile.sources.validation_share)
        judged, passed = _write_scores(layout)
        summary = IndexSummary(_counts(layout), judged, passed, lint, found)
        _write_json(layout.qa / "qa_summary.json", {
            "total": summary.judged,
            "passed": summary.passed,
            "failed": summary.judged - summary.passed,
            "pass_rate": summary.pass_rate,
        })  # fmt: skip
        _write_json(layout.reports / "lint_issues.json", [asdict(issue) for issue in lint])
        _write_json(layout.reports / "twins.json", [asdict(twin) for twin in found])
        _write_coverage(profile, layout)
        # The last of all: a run that ends before has not written the index.
        written = {_REPORTS: _reports(layout), _SETTINGS: _settings(profile.sources)}
        write_text(layout.indexed, json.dumps(made_of | written, ensure_ascii=False))
    return summary


def is_behind(layout: Layout, category: str, sources: Sources) -> bool:
    """Whether the index, or a report beside it, was not written since a dataset or a setting changed.

    Args:
        sources: of the profile.
    """
    state = _state(layout, category)
    if state is None:
        return False
    made_of = read_json(layout.indexed)
    if not isinstance(made_of, dict):
        return True
    settings = _settings(sources)
    if made_of.get(category) != state or made_of.get(_SETTINGS, settings) != settings:
        return True
    # Earlier versions noted fewer of them, or none.
    reports = _reports(layout)
    noted = made_of.get(_REPORTS, reports[:_ALWAYS])
    return not isinstance(noted, list) or reports[: len(noted)] != noted or None in noted


def _settings(sources: Sources) -> list[float]:
    """What of the profile changes the index itself: the split of each sample."""
    return [sources.validation_share, sources.near_duplicate_bits]


def _reports(layout: Layout) -> list[list[int] | None]:
    """What is another one whenever somebody else has written to the index, or to a report beside it."""
    files = [layout.index, layout.reports / "index.csv", layout.qa / "qa_scores.csv"]
    files += [layout.qa / "qa_summary.json", layout.reports / "lint_issues.json"]
    # Those after the first `_ALWAYS` have not been noted from the beginning.
    files += [layout.reports / "index.parquet", layout.reports / "twins.json", layout.coverage]
    return [_facts(file) for file in files]


def _state(layout: Layout, category: str) -> list[int] | None:
    """What is another one whenever a category's dataset has changed; None before there is any."""
    return _facts(layout.manifest("dataset", category))


def _facts(file: Path) -> list[int] | None:
    with suppress(FileNotFoundError):
        facts = file.stat()
        return [facts.st_mtime_ns, facts.st_size]
    return None


def _accepted(layout: Layout, category: str) -> pl.LazyFrame:
    rows = read_rows(layout, "source_images", category).where(pl.col("status") == "accepted")
    return rows.table.select("path", "source_id", "phash", category=pl.lit(category))


def _twins(layout: Layout, bits: int) -> tuple[list[Twin], dict[str, str]]:
    """The twins among the photos of all categories, and the split group of each of their sources."""
    tables = [_accepted(layout, name) for name in categories_on_disk(layout)]
    photos: dict[str, list[Candidate]] = defaultdict(list)
    for *facts, category in in_company(collected(pl.concat(tables)), bits).iter_rows() if tables else ():
        photos[category].append(Candidate(*facts))
    found = twins(photos, bits)
    return found, split_groups(chain.from_iterable(photos.values()), found)


def _counts(layout: Layout) -> dict[str, dict[str, int]]:
    return {name: counts for name in categories_on_disk(layout)
            if (counts := read_rows(layout, "dataset", name).counts())}  # fmt: skip


def _lint(layout: Layout, threads: int, report: Report) -> list[Issue]:
    """Findings by names, in the published samples' files, and samples that nobody knows of."""
    issues: list[Issue] = []
    published: set[str] = set()
    for category in categories_on_disk(layout):
        for inspection in inspect_published(layout, category, threads, report):
            issues += inspection.issues
            published.add(str(inspection.sample))
    listing = list_tree(layout.dataset)
    message = "the sample lies in the dataset, but no category published it"
    orphans = (sample.file("source") for sample in listing.samples if str(sample) not in published)
    return sorted([*issues, *listing.issues, *(Issue(path, "not_in_index", message) for path in orphans)])


def _write_index(layout: Layout, groups: dict[str, str], share: float) -> None:
    folder = layout.relative(layout.dataset)
    told = (row["derived_from"] for row in verdicts_of_all(layout, ("published",), ("derived_from",)))
    heads = {json.loads(one).get("chain") for one in told if one}

    def entries() -> Iterator[Row]:
        before: dict[str, Row] | None = None
        for row in verdicts_of_all(layout, ("published",), INDEXED):
            entry = entry_of(layout, folder, row, heads)
            if None in {row["instruction_ch"], row["tier"]}:
                # Rows that are being made anew are not there yet; what is published is what they said.
                before = before or {old["sample_key"]: old for old in read_journal(layout.index)}
                old = before.get(row["sample_key"])
                entry = as_today(old) if old and old["edit_id"] == row["edit_id"] else entry
            source_id: str = row["source_id"]
            entry["split"] = split_of(groups.get(source_id, source_id), share)
            yield entry

    write_tables(entries(), layout)


def _write_scores(layout: Layout) -> tuple[int, int]:
    """Write the scores of every judged pair; how many there are, and how many of them are published."""
    passed: Counter[str] = Counter()

    def entries() -> Iterator[Row]:
        for row in verdicts_of_all(layout, ("published", "rejected"), _SCORED):
            if row["scores"] is not None:
                passed[row["status"]] += 1
                yield _score_entry(row)

    with streamed(layout.qa / "qa_scores.csv") as file:
        write_csv(file, QA_COLUMNS, entries())
    return passed.total(), passed["published"]


def _write_coverage(profile: Profile, layout: Layout) -> None:
    """Write how many samples each cell has; those without any come first."""
    cells = coverage(layout, profile)
    rows = sorted((number, cell) for cell, number in cells.items())
    with streamed(layout.coverage) as file:
        write_csv(file, (*Cell._fields, "samples"), ({**cell._asdict(), "samples": n} for n, cell in rows))


def _score_entry(row: Row) -> Row:
    """The row of a judged pair in `qa_scores.csv`."""
    scores = json.loads(row["scores"])
    published = row["status"] == "published"
    details = {
        "failed_checks": json.loads(row["failed_checks"] or "[]"),
        "reason": row["reason"],
        "detail": row["detail"],
        "tier": row["tier"],
        **{name: value for name, value in scores.items() if name not in _MEASURES},
    }
    return {
        "sample_id": row["sample_key"][-5:] if published else "",
        "passed": "true" if published else "false",
        **{name: scores[name] for name in _MEASURES},
        "details": json.dumps(details, ensure_ascii=False, sort_keys=True),
        "edit_id": row["edit_id"],
        "sample_key": row["sample_key"] if published else "",
        "dataset_category": row["category"],
    }


def _write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")
