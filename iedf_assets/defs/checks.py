"""Asset checks: every one looks at what lies on disk, says at how much, and names the worst cases.

All are built here, since partitioned checks are a preview in Dagster.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from iedf_assets.core.judging.dataset_check import judge_sample
from iedf_assets.core.judging.inspection import Inspection
from iedf_assets.core.judging.inspection_cache import inspect_published
from iedf_assets.core.judging.lint import list_tree
from iedf_assets.core.judging.pair_checks import (
    EFFECT,
    INSTRUCTION,
    JUDGED,
    NO_OUTSIDE,
    OUTSIDE_BOUNDS,
    POLARITY,
    bounds_of,
    judge,
)  # fmt: skip
from iedf_assets.core.judging.proving import UNTOUCHED
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.planning.accounts import HELD, accounts_of
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.sources.scan import find_files
from iedf_assets.core.storage.files import content_hash
from iedf_assets.core.storage.journal import read_journal
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.defs.metadata import Metadata, accounts_table, records_table
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.strips import cases_strip

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
NAMING = "naming_and_completeness"
SAMPLE_CHECKS = {
    NAMING: "Each sample has all its files, readable, of one size, named right. Protects trainers.",
    **{name: description for name, (description, _) in PAIR_CHECKS.items()},
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
        _sample_checks(partitions),
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


def look_at_samples(book: Book) -> dict[str, Verdict]:
    """What the checks of `SAMPLE_CHECKS` find, of one pass over the published samples.

    What a person accepted all the same is no finding, but counted.
    """
    accepted = {key for key, review in book.verdicts.pick("sample_key", "review") if review == "accept"}
    thresholds = book.category.thresholds
    verdicts = {name: Verdict(0) for name in SAMPLE_CHECKS}
    tiers, looked_at = set(), 0
    for looked_at, found in enumerate(_inspections(book), 1):  # noqa: B007  # how many there were
        tier = SUBTYPES[found.sample.subtype].tier
        tiers.add(tier)
        verdicts[NAMING].cases += [(issue.path, f"{issue.code}: {issue.message}") for issue in found.issues]
        judged = judge_sample(found, tier, thresholds, ())
        wrong = {check: check for check in judged.failed_checks}
        wrong |= {check: f"{check} not run" for check in judged.not_run}
        if str(found.sample) in accepted:
            continue
        if INSTRUCTION in judged.failed_checks:
            wrong[INSTRUCTION] += f" ({'; '.join(found.wrong_texts)})"
        for name, (_, checks) in PAIR_CHECKS.items():
            if cases := [wrong[check] for check in checks if check in wrong]:
                verdicts[name].cases.append((str(found.sample), ", ".join(cases)))
    for verdict in verdicts.values():
        verdict.looked_at = looked_at
    for name, (_, checks) in PAIR_CHECKS.items():
        verdicts[name].more = {
            bound.limit: limit
            for tier in sorted(tiers)
            for bound, limit in bounds_of(tier, thresholds)
            if bound.check in checks
        } | {"accepted by review": len(accepted)}
    return verdicts


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


def _published(book: Book) -> Iterator[SampleKey]:
    rows = book.verdicts.pick("sample_key", "status")
    return (SampleKey.parse(key) for key, status in rows if status == "published")


def _inspections(book: Book) -> Iterator[Inspection]:
    return inspect_published(book.layout, book.name, thread_count(book.profile.threads))


def _sample_checks(partitions: dg.StaticPartitionsDefinition) -> dg.AssetChecksDefinition:
    """The checks of `SAMPLE_CHECKS`, which look at each sample once for all of them."""
    specs = [
        dg.AssetCheckSpec(name, asset="dataset", description=description, partitions_def=partitions)
        for name, description in SAMPLE_CHECKS.items()
    ]

    @dg.multi_asset_check(name="dataset_samples", specs=specs, can_subset=True)
    def check(
        context: dg.AssetCheckExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> Iterator[dg.AssetCheckResult]:
        book = factory.book(context.partition_key)
        verdicts = look_at_samples(book)
        for key in context.selected_asset_check_keys:
            verdict = verdicts[key.name]
            yield _result(verdict, dg.AssetCheckSeverity.ERROR, book.layout.dataset, key)

    return check


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


def _result(
    verdict: Verdict, severity: dg.AssetCheckSeverity, dataset: Path, key: dg.AssetCheckKey | None = None
) -> dg.AssetCheckResult:
    """The verdict as Dagster shows it; `key` says of which check where a step has several."""
    worst = [{"subject": subject, "finding": finding} for subject, finding in verdict.cases[:WORST]]
    shown = {"worst": records_table(worst, {"subject": "string", "finding": "string"})} if worst else {}
    metadata = {"looked_at": verdict.looked_at, "findings": len(verdict.cases), **verdict.more, **shown}
    pictures = cases_strip(dataset, [subject for subject, _ in verdict.cases]) if verdict.cases else {}
    return dg.AssetCheckResult(
        passed=not verdict.cases,
        severity=severity,
        metadata={**metadata, **pictures},
        asset_key=key.asset_key if key else None,
        check_name=key.name if key else None,
    )
