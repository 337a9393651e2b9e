"""The files that belong to no single category: the index, the scores of all judged pairs, lint, twins.

Everything is merged from the categories' manifests and sorted, so that the same dataset gives the same bytes
whatever order the categories ran in. Paths are relative to the outputs, so that a dataset can be moved.
"""

import csv
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from iedf_assets.core.files import fsync_folder, temporary_beside, write_text
from iedf_assets.core.fingerprints import Twin, split_groups, split_of, twins
from iedf_assets.core.inspections import inspect_published, known_of
from iedf_assets.core.journal import Row, read_journal
from iedf_assets.core.lint import Issue, list_tree
from iedf_assets.core.locks import exclusive
from iedf_assets.core.manifests import collected, read_rows, table_of
from iedf_assets.core.merging import categories_on_disk, verdicts_of_all
from iedf_assets.core.naming import Layout, SampleKey
from iedf_assets.core.parallel import Report, silent, thread_count
from iedf_assets.core.profile import Profile
from iedf_assets.core.samples import one_line

INDEX_COLUMNS = (
    "sample_id", "dataset_category", "edit_task", "subtype", "scene", "source_id", "src_image_path",
    "result_image_path", "mask_paths", "instruction_ch", "instruction_en", "metadata", "edit_id",
    "sample_key", "split", "tier",
)  # fmt: skip
_MEASURES = ("mse_outside_region", "ssim_outside_region", "changed_pixel_ratio_outside_region")
QA_COLUMNS = ("sample_id", "passed", *_MEASURES, "details", "edit_id", "sample_key", "dataset_category")
_WAIT_S = 600.0


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
    """Write `index.csv`, `index.jsonl` and the reports beside them, each atomically.

    Files of the dataset are opened only when they have changed since they were inspected last.

    Args:
        report: called after each sample that is inspected.

    Raises:
        StorageError: a manifest cannot be read.
        LockedError: another process keeps writing the index.
    """
    with exclusive(layout.locks / "index.lock", subject="the index", wait_s=_WAIT_S):
        sources = {name: _sources(layout, name) for name in categories_on_disk(layout)}
        found = twins(sources, profile.sources.near_duplicate_bits)
        groups = split_groups((row for rows in sources.values() for row in rows), found)
        is_published = pl.col("status") == "published"
        published = verdicts_of_all(layout, is_published, without=("scores",))
        lint = _lint(layout, published, thread_count(profile.threads), report)
        _write_index(layout, published, groups, profile.sources.validation_share)
        del published  # nothing but its files has to be in memory from here on
        is_judged = (is_published | (pl.col("status") == "rejected")) & pl.col("scores").is_not_null()
        judged = verdicts_of_all(layout, is_judged, without=("recipe", "instruction_ch", "instruction_en"))
        with _streamed(layout.qa / "qa_scores.csv") as file:
            _write_csv(file, QA_COLUMNS, map(_score_entry, judged.iter_rows(named=True)))
        passed = judged.filter(is_published).height
        summary = IndexSummary(_counts(layout), judged.height, passed, lint, found)
        _write_json(layout.qa / "qa_summary.json", {
            "total": summary.judged,
            "passed": summary.passed,
            "failed": summary.judged - summary.passed,
            "pass_rate": summary.pass_rate,
        })  # fmt: skip
        _write_json(layout.reports / "lint_issues.json", [asdict(issue) for issue in lint])
        _write_json(layout.reports / "twins.json", [asdict(twin) for twin in found])
    return summary


def _sources(layout: Layout, category: str) -> list[Row]:
    """What twins and splits need of the accepted sources."""
    table = table_of(layout, "source_images", category).filter(pl.col("status") == "accepted")
    return collected(table.select("path", "source_id", "status", "phash")).to_dicts()


def _counts(layout: Layout) -> dict[str, dict[str, int]]:
    return {name: counts for name in categories_on_disk(layout)
            if (counts := read_rows(layout, "dataset", name).counts())}  # fmt: skip


def _lint(layout: Layout, published: pl.DataFrame, threads: int, report: Report) -> list[Issue]:
    """Findings by names, in the published samples' files, and samples that nobody knows of."""
    listing = list_tree(layout.dataset)
    issues = list(listing.issues)
    for (category,), rows in published.group_by("category"):
        recipes = rows.select("sample_key", "recipe").iter_rows()
        for inspection in inspect_published(layout, str(category), recipes, threads, report):
            issues += inspection.issues
    known = set(published["sample_key"])
    for sample in listing.samples:
        if str(sample) not in known:
            message = "the sample lies in the dataset, but no category published it"
            issues.append(Issue(str(sample.file("source")), "not_in_index", message))
    return sorted(issues)


def _write_index(layout: Layout, published: pl.DataFrame, groups: dict[str, str], share: float) -> None:
    before: dict[str, Row] = {}
    if published["instruction_ch"].null_count() + published["tier"].null_count():
        # Rows that are being made anew are not there yet; what is published is still what they said.
        before = {row["sample_key"]: row for row in read_journal(layout.index)}
    with _streamed(layout.index) as lines, _streamed(layout.reports / "index.csv") as table:

        def entries() -> Iterator[Row]:
            for row in published.iter_rows(named=True):
                entry = _entry(layout, row)
                old = before.get(row["sample_key"])
                if old and None in {row["instruction_ch"], row["tier"]} and old["edit_id"] == row["edit_id"]:
                    entry = old
                entry["split"] = split_of(groups.get(row["source_id"], row["source_id"]), share)
                lines.write(json.dumps(entry, ensure_ascii=False) + "\n")
                yield entry

        _write_csv(table, INDEX_COLUMNS, map(_flat, entries()))


def _entry(layout: Layout, row: Row) -> Row:
    """The row of a sample in `index.jsonl`."""
    sample = SampleKey.parse(row["sample_key"])
    known = known_of(layout, sample)
    folder = layout.relative(layout.dataset)
    files = {role: f"{folder}/{sample.file(role)}" for role in ("source", "result", "mask", "mask_inverse")}
    metadata = {
        "allowed_region_mask_path": layout.relative(known.allowed) if known.allowed else None,
        "recipe": json.loads(row["recipe"]) if row["recipe"] else None,
        **{key: row[key] for key in ("source_path", "backend", "model_revision", "width", "height")},
    }
    if row["made_with"]:
        metadata["made_with"] = json.loads(row["made_with"])
    if known.result_mask:
        metadata["result_mask_path"] = layout.relative(known.result_mask)
    values = {
        "sample_id": f"{sample.number:05d}",
        "dataset_category": row["category"],
        "edit_task": sample.task,
        "src_image_path": files["source"],
        "result_image_path": files["result"],
        "mask_paths": [files["mask"], files["mask_inverse"]],
        "metadata": metadata,
        "split": None,
        **{role: one_line(row[role]) if row[role] else None for role in ("instruction_ch", "instruction_en")},
    }
    return {column: values[column] if column in values else row[column] for column in INDEX_COLUMNS}


def _flat(entry: Row) -> Row:
    """A row of the index as the csv holds it."""
    metadata = json.dumps(entry["metadata"], ensure_ascii=False, sort_keys=True)
    return {**entry, "mask_paths": "|".join(entry["mask_paths"]), "metadata": metadata}


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


def _write_csv(file: IO[str], columns: Iterable[str], rows: Iterable[Row]) -> None:
    writer = csv.DictWriter(file, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


@contextmanager
def _streamed(path: Path) -> Iterator[IO[str]]:
    """A text file, UTF-8, that takes its place atomically and durably when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_folder(path.parent)
