"""Asset checks: every one looks at what lies on disk, says at how much, and names the worst cases.

All are built by `_check`, since partitioned checks are a preview in Dagster: a change there is one edit here.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import polars as pl

from iedf_assets.core.accounts import HELD, accounts_of
from iedf_assets.core.book import Book
from iedf_assets.core.files import content_hash
from iedf_assets.core.inspection import Inspection
from iedf_assets.core.inspections import inspect_published
from iedf_assets.core.journal import read_journal
from iedf_assets.core.judging import judge_sample
from iedf_assets.core.lint import list_tree
from iedf_assets.core.naming import Layout, SampleKey
from iedf_assets.core.pair_checks import (
    EFFECT,
    INSTRUCTION,
    JUDGED,
    NO_OUTSIDE,
    OUTSIDE_BOUNDS,
    POLARITY,
    bounds_of,
    judge,
)  # fmt: skip
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.proving import UNTOUCHED
from iedf_assets.core.scan import find_files
from iedf_assets.core.subtypes import SUBTYPES
from iedf_assets.metadata import Metadata, accounts_table, records_table
from iedf_assets.pictures import cases_strip
from iedf_assets.resources import Factory

WORST = 5
# The pair checks by the asset check that reports them: what it is for, and which they are.
PAIR_CHECKS = {
    "consistency": (
        "Outside its allowed region each pair is the same on disk. Protects from shift, tint and leaks.",
        (*dict.fromkeys(bound.check for bound in OUTSIDE_BOUNDS), NO_OUTSIDE),
    ),
    "masks_sane": (
        "Each mask is one thing of sensible size, where the change lies. Protects from inverted masks.",
        ("mask_area", "mask_shape", POLARITY),
    ),
    "edits_effective": (
        "Each edit did what its recipe says. Protects from no-ops, wrong directions and swapped files.",
        ("no_op", EFFECT, "structure"),
    ),
    "edits_seamless": (
        "Each edit fades into its surroundings and is as sharp. Protects from hard pastes and enlargement.",
        ("seam", "sharpness"),
    ),
    "instructions_agree": (
        "Both instructions say what recipe and picture show. Protects from texts that teach the wrong thing.",
        (INSTRUCTION,),
    ),
}


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


def build_checks(
    partitions: dg.StaticPartitionsDefinition, *, with_models: bool = False
) -> list[dg.AssetChecksDefinition]:
    """All checks; those on a stage are partitioned like it. Only models' edits can have been judged."""
    return [
        _check("source_images", inputs_unchanged, partitions),
        _check("source_images", every_file_listed, partitions, dg.AssetCheckSeverity.WARN),
        _check("image_layers", layers_sane, partitions),
        _check("dataset", naming_and_completeness, partitions),
        *(_pair_check(name, partitions) for name in PAIR_CHECKS),
        *([_check("dataset", edits_judged, partitions, dg.AssetCheckSeverity.WARN)] if with_models else []),
        _check("dataset", pairs_unique, partitions),
        _check("dataset", accounts_add_up, partitions),
        _whole_check("dataset_index", index_matches_dataset),
        _whole_check("canaries", canaries_caught),
    ]


def inputs_unchanged(book: Book) -> Verdict:
    """The photos are as they were read: same size and time. Protects the promise never to write inputs."""
    listed = {file.name: file for file in find_files(book.layout, book.name) or []}
    cases = []
    for path, size, mtime_ns in book.sources.pick("path", "bytes", "mtime_ns"):
        file = listed.get(path)
        if file is None:
            cases.append((path, "gone since it was read"))
        elif (file.size, file.mtime_ns) != (size, mtime_ns):
            cases.append((path, "changed since it was read"))
    return Verdict(len(book.sources), cases)


def every_file_listed(book: Book) -> Verdict:
    """Every file has its row, and none waits or failed. Protects from photos that are silently skipped."""
    listed = [file.name for file in find_files(book.layout, book.name) or []]
    cases = [(name, "has no row") for name in listed if name not in book.sources]
    cases += [
        (path, f"{status}: {reason or 'not read yet'}")
        for path, status, reason in book.sources.pick("path", "status", "reason")
        if status in {"pending", "failed"}
    ]
    return Verdict(len(listed), cases)


def layers_sane(book: Book) -> Verdict:
    """Layers recompose to their photo, and masks are neither specks nor the whole picture."""
    cases = []
    thresholds = book.category.thresholds
    looked_at, worst = 0, 0.0
    columns = ("source_id", "status", "recomposition_error", "subject")
    for source_id, status, error, subject in book.current("image_layers").pick(*columns):
        if status != "done":
            continue
        looked_at, worst = looked_at + 1, max(worst, error or 0.0)
        if error and error > thresholds.max_recomposition_error:
            cases.append((source_id, f"recomposition error {error:.2f} levels"))
        if not thresholds.min_mask_share <= subject["area_share"] <= thresholds.max_mask_share:
            cases.append((source_id, f"mask covers {subject['area_share']:.2%} of the picture"))
    more = {"max_recomposition_error": thresholds.max_recomposition_error, "worst_recomposition_error": worst}
    return Verdict(looked_at, cases, more)


def naming_and_completeness(book: Book) -> Verdict:
    """Each sample has all its files, readable, of one size, named right. Protects trainers."""
    issues = [issue for found in _inspections(book) for issue in found.issues]
    cases = [(issue.path, f"{issue.code}: {issue.message}") for issue in issues]
    return Verdict(len(_published(book)), cases)


def pairs_unique(book: Book) -> Verdict:
    """No result lies in the dataset twice. Protects from training on one pair again and again."""
    by_size: dict[int, list[SampleKey]] = {}
    for sample in _published(book):
        with suppress(OSError):
            size = (book.layout.dataset / sample.file("result")).stat().st_size
            by_size.setdefault(size, []).append(sample)
    seen: dict[str, SampleKey] = {}
    cases = []
    for sample in sorted(sample for alike in by_size.values() if len(alike) > 1 for sample in alike):
        result = content_hash((book.layout.dataset / sample.file("result")).read_bytes())
        first = seen.setdefault(result, sample)
        if first != sample:
            cases.append((str(sample), f"the same result as {first}"))
    return Verdict(sum(map(len, by_size.values())), cases)


def accounts_add_up(book: Book) -> Verdict:
    """Each source found was published, rejected, filtered or failed. Protects from photos that get lost."""
    accounts = accounts_of(book)
    waiting = [account for account in accounts if account.outcome == "pending" and account.reason != HELD]
    cases = [(f"{account.sources} sources", account.reason or "no stage has said anything of them")
             for account in waiting]  # fmt: skip
    total = sum(account.sources for account in accounts)
    if total != len(book.sources):
        cases.append((book.name, f"{len(book.sources)} sources were found, {total} are accounted for"))
    return Verdict(len(book.sources), cases, {"accounts": accounts_table(accounts)})


def index_matches_dataset(layout: Layout) -> Verdict:
    """The index names exactly the samples in the dataset, where nothing else lies. Protects from orphans."""
    listing = list_tree(layout.dataset)
    indexed = {row["sample_key"] for row in read_journal(layout.index)}
    lying = {str(sample) for sample in listing.samples}
    cases = [(issue.path, f"{issue.code}: {issue.message}") for issue in listing.issues]
    cases += [(sample, "in the index, but not in the dataset") for sample in sorted(indexed - lying)]
    cases += [(sample, "in the dataset, but not in the index") for sample in sorted(lying - indexed)]
    return Verdict(len(lying | indexed), cases)


def canaries_caught(layout: Layout) -> Verdict:
    """Every class of known faults is found and no good sample rejected. Protects from a blind judge."""
    found = json.loads(layout.canaries.read_text("utf-8")) if layout.canaries.exists() else []
    if not found:
        return Verdict(0, [("canaries", "not run: there is no sample to put a fault into")])
    cases = []
    for detection in found:
        wrong = sorted({*detection["missed"], *detection["missed_bare"]})
        what = (
            "rejected without a fault" if detection["name"] == UNTOUCHED else f"{detection['name']} not found"
        )
        cases += [(sample, what) for sample in wrong]
    return Verdict(sum(detection["injected"] for detection in found), cases)


def edits_judged(book: Book) -> Verdict:
    """The model's own judge rates each edit well. Protects from edits beside the point."""
    if not book.category.workers.edit.model.judge:
        return Verdict(0, [("judge", "not run: workers.edit.model.judge is off")])
    cases, looked_at = [], 0
    for row in book.current("edit_pairs").values():
        scores = row["scores"] or {}
        if row["status"] != "done" or scores.get("upscaling") is None:
            continue
        looked_at += 1
        if scores.get("judge_instruction") is None:
            cases.append((row["edit_id"], "not run: the judge gave no rating"))
        elif JUDGED in judge(scores, row["tier"], book.category.thresholds):
            ratings = f"{scores['judge_instruction']} and {scores['judge_preservation']} of 5"
            cases.append((row["edit_id"], f"instruction and preservation are rated {ratings}"))
    return Verdict(looked_at, cases)


def _published(book: Book) -> list[SampleKey]:
    rows = book.verdicts.pick("sample_key", "status")
    return [SampleKey.parse(key) for key, status in rows if status == "published"]


def _inspections(book: Book) -> Iterator[Inspection]:
    published = book.verdicts.table.filter(pl.col("status") == "published").select("sample_key", "edit_key")
    drawn = book.edits.table.select("recipe", edit_key="key")
    recipes = published.join(drawn, on="edit_key", how="left").select("sample_key", "recipe").iter_rows()
    return inspect_published(book.layout, book.name, recipes, thread_count(book.profile.threads))


def _pairs_verdict(book: Book, names: tuple[str, ...]) -> Verdict:
    """Samples that fail one of some checks, or for which it could not run, which is no pass either.

    What a person accepted all the same is counted apart.
    """
    accepted = {key for key, review in book.verdicts.pick("sample_key", "review") if review == "accept"}
    thresholds, cases, looked_at = book.category.thresholds, [], 0
    tiers = set()
    for looked_at, found in enumerate(_inspections(book), 1):  # noqa: B007  # how many there were
        tier = SUBTYPES[found.sample.subtype].tier
        tiers.add(tier)
        judged = judge_sample(found, tier, thresholds, ())
        wrong = [name for name in judged.failed_checks if name in names]
        wrong += [f"{name} not run" for name in judged.not_run if name in names]
        said = f" ({'; '.join(found.wrong_texts)})" if INSTRUCTION in wrong else ""
        if wrong and str(found.sample) not in accepted:
            cases.append((str(found.sample), ", ".join(wrong) + said))
    limits = {
        bound.limit: limit
        for tier in sorted(tiers)
        for bound, limit in bounds_of(tier, thresholds)
        if bound.check in names
    }
    return Verdict(looked_at, cases, {**limits, "accepted by review": len(accepted)})


def _pair_check(name: str, partitions: dg.StaticPartitionsDefinition) -> dg.AssetChecksDefinition:
    description, checks = PAIR_CHECKS[name]

    def look(book: Book) -> Verdict:
        return _pairs_verdict(book, checks)

    look.__name__, look.__doc__ = name, description
    return _check("dataset", look, partitions)


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


def _whole_check(asset: str, look: Callable[[Layout], Verdict]) -> dg.AssetChecksDefinition:
    """The asset check of a function that looks at all categories at once."""

    @dg.asset_check(asset=asset, name=look.__name__, description=look.__doc__)
    def check(factory: dg.ResourceParam[Factory]) -> dg.AssetCheckResult:
        return _result(look(factory.layout), dg.AssetCheckSeverity.ERROR, factory.layout.dataset)

    return check


def _result(verdict: Verdict, severity: dg.AssetCheckSeverity, dataset: Path) -> dg.AssetCheckResult:
    worst = [{"subject": subject, "finding": finding} for subject, finding in verdict.cases[:WORST]]
    shown = {"worst": records_table(worst, {"subject": "string", "finding": "string"})} if worst else {}
    metadata = {"looked_at": verdict.looked_at, "findings": len(verdict.cases), **verdict.more, **shown}
    pictures = cases_strip(dataset, [subject for subject, _ in verdict.cases]) if verdict.cases else {}
    return dg.AssetCheckResult(passed=not verdict.cases, severity=severity, metadata={**metadata, **pictures})
