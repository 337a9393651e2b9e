"""Asset checks: every one looks at what lies on disk, says at how much, and names the worst cases.

All are built by `_check`, since partitioned checks are a preview in Dagster: a change there is one edit here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from iedf_assets.core.book import Book
from iedf_assets.core.inspection import Inspection
from iedf_assets.core.inspections import inspect_published
from iedf_assets.core.journal import read_journal
from iedf_assets.core.judging import judge_sample
from iedf_assets.core.lint import list_tree
from iedf_assets.core.naming import Layout, SampleKey
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.scan import find_files
from iedf_assets.core.subtypes import SUBTYPES
from iedf_assets.metadata import Metadata, records_table
from iedf_assets.pictures import cases_strip
from iedf_assets.resources import Factory

WORST = 5
MAX_RECOMPOSITION_ERROR = 2.0
OUTSIDE = ("mse_outside", "ssim_outside", "changed_outside", "exact_outside", "no_outside")


@dataclass
class Verdict:
    """What a check found.

    Attributes:
        looked_at: how many things it looked at.
        cases: what is wrong, worst first: (subject, what is wrong).
        more: further metadata, thresholds for instance.
    """

    looked_at: int
    cases: list[tuple[str, str]] = field(default_factory=list)
    more: Metadata = field(default_factory=dict)


def build_checks(partitions: dg.StaticPartitionsDefinition) -> list[dg.AssetChecksDefinition]:
    """All checks; those on a stage are partitioned like it."""
    return [
        _check("source_images", inputs_unchanged, partitions),
        _check("source_images", every_file_listed, partitions, dg.AssetCheckSeverity.WARN),
        _check("image_layers", layers_sane, partitions),
        _check("dataset", naming_and_completeness, partitions),
        _check("dataset", consistency, partitions),
        _check("dataset", masks_sane, partitions),
        _index_check(),
    ]


def inputs_unchanged(book: Book) -> Verdict:
    """The photos are as they were read: same size and time. Protects the promise never to write inputs."""
    listed = {file.name: file for file in find_files(book.layout, book.name) or []}
    cases = []
    for path, row in book.sources.items():
        file = listed.get(path)
        if file is None:
            cases.append((path, "gone since it was read"))
        elif (file.size, file.mtime_ns) != (row["bytes"], row["mtime_ns"]):
            cases.append((path, "changed since it was read"))
    return Verdict(len(book.sources), cases)


def every_file_listed(book: Book) -> Verdict:
    """Every file has its row, and none waits or failed. Protects from photos that are silently skipped."""
    listed = [file.name for file in find_files(book.layout, book.name) or []]
    cases = [(name, "has no row") for name in listed if name not in book.sources]
    cases += [
        (path, f"{row['status']}: {row['reason'] or 'not read yet'}")
        for path, row in book.sources.items()
        if row["status"] in {"pending", "failed"}
    ]
    return Verdict(len(listed), cases)


def layers_sane(book: Book) -> Verdict:
    """Layers recompose to their photo, and masks are neither specks nor the whole picture."""
    cases = []
    rows = [row for row in book.current("image_layers") if row["status"] == "done"]
    thresholds = book.category.thresholds
    for row in rows:
        error = row["recomposition_error"] or 0.0
        share = row["subject"]["area_share"]
        if error > MAX_RECOMPOSITION_ERROR:
            cases.append((row["source_id"], f"recomposition error {error:.2f} levels"))
        if not thresholds.min_mask_share <= share <= thresholds.max_mask_share:
            cases.append((row["source_id"], f"mask covers {share:.2%} of the picture"))
    worst = max((row["recomposition_error"] or 0.0 for row in rows), default=0.0)
    more = {"max_recomposition_error": MAX_RECOMPOSITION_ERROR, "worst_recomposition_error": worst}
    return Verdict(len(rows), cases, more)


def naming_and_completeness(book: Book) -> Verdict:
    """Each sample has all its files, readable, of one size, named right. Protects trainers."""
    issues = [issue for found in _inspections(book) for issue in found.issues]
    cases = [(issue.path, f"{issue.code}: {issue.message}") for issue in issues]
    return Verdict(len(_published(book)), cases)


def consistency(book: Book) -> Verdict:
    """Outside its allowed region each pair is the same on disk. Protects from shift, tint and leaks."""
    thresholds = book.category.thresholds
    names = [name for name in type(thresholds).model_fields if name.endswith("outside")]
    limits = {name: getattr(thresholds, name) for name in names}
    return Verdict(len(_published(book)), _failed(book, OUTSIDE), limits)


def masks_sane(book: Book) -> Verdict:
    """Each mask is of sensible size and something changed in it. Protects from no-op edits and full masks."""
    thresholds = book.category.thresholds
    names = ("min_mask_share", "max_mask_share", "min_changed_share_inside")
    limits = {name: getattr(thresholds, name) for name in names}
    return Verdict(len(_published(book)), _failed(book, ("mask_area", "no_op")), limits)


def index_matches_dataset(layout: Layout) -> Verdict:
    """The index names exactly the samples in the dataset, where nothing else lies. Protects from orphans."""
    listing = list_tree(layout.dataset)
    indexed = {row["sample_key"] for row in read_journal(layout.index)}
    lying = {str(sample) for sample in listing.samples}
    cases = [(issue.path, f"{issue.code}: {issue.message}") for issue in listing.issues]
    cases += [(sample, "in the index, but not in the dataset") for sample in sorted(indexed - lying)]
    cases += [(sample, "in the dataset, but not in the index") for sample in sorted(lying - indexed)]
    return Verdict(len(lying | indexed), cases)


def _published(book: Book) -> list[SampleKey]:
    rows = book.verdicts.values()
    return [SampleKey.parse(row["sample_key"]) for row in rows if row["status"] == "published"]


def _inspections(book: Book) -> list[Inspection]:
    return inspect_published(book.layout, book.name, _published(book), thread_count(book.profile.threads))


def _failed(book: Book, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Samples that fail one of some checks, or for which it could not run, which is no pass either."""
    cases = []
    for found in _inspections(book):
        tier = SUBTYPES[found.sample.subtype].tier
        judged = judge_sample(found, tier, book.category.thresholds, ())
        wrong = [name for name in judged.failed_checks if name in names]
        wrong += [f"{name} not run" for name in judged.not_run if name in names]
        if wrong:
            cases.append((str(found.sample), ", ".join(wrong)))
    return cases


def _check(
    asset: str,
    look: Callable[[Book], Verdict],
    partitions: dg.StaticPartitionsDefinition,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetChecksDefinition:
    """The asset check of a function, named and described by it, one verdict per category."""

    @dg.asset_check(asset=asset, name=look.__name__, description=look.__doc__, partitions_def=partitions)
    def check(
        context: dg.AssetCheckExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.AssetCheckResult:
        book = factory.book(context.partition_key)
        return _result(look(book), severity, book.layout.dataset)

    return check


def _index_check() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="dataset_index",
        name="index_matches_dataset",
        description=index_matches_dataset.__doc__,
    )
    def check(factory: dg.ResourceParam[Factory]) -> dg.AssetCheckResult:
        verdict = index_matches_dataset(factory.layout)
        return _result(verdict, dg.AssetCheckSeverity.ERROR, factory.layout.dataset)

    return check


def _result(verdict: Verdict, severity: dg.AssetCheckSeverity, dataset: Path) -> dg.AssetCheckResult:
    worst = [{"subject": subject, "finding": finding} for subject, finding in verdict.cases[:WORST]]
    shown = {"worst": records_table(worst, {"subject": "string", "finding": "string"})} if worst else {}
    metadata = {"looked_at": verdict.looked_at, "findings": len(verdict.cases), **verdict.more, **shown}
    pictures = cases_strip(dataset, [subject for subject, _ in verdict.cases]) if verdict.cases else {}
    return dg.AssetCheckResult(passed=not verdict.cases, severity=severity, metadata={**metadata, **pictures})
