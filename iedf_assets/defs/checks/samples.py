"""Looks at the published samples as they lie on disk."""

from collections.abc import Iterator
from contextlib import suppress

from iedf_assets.core.judging.dataset_check import judge_sample
from iedf_assets.core.judging.inspection import Inspection
from iedf_assets.core.judging.inspection_cache import inspect_published
from iedf_assets.core.judging.pair_checks import (
    EFFECT,
    INSTRUCTION,
    JUDGED,
    NO_OUTSIDE,
    OUTSIDE_BOUNDS,
    POLARITY,
    bounds_of,
    judge,
)
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.storage.files import content_hash
from iedf_assets.core.storage.naming import SampleKey
from iedf_assets.defs.checks.verdict import Verdict

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


def edits_judged(book: Book) -> Verdict:
    """The judge rates each edit well. Protects from edits beside the point."""
    by = book.category.workers.edit.judge.by
    if by == "none":
        return Verdict(0, [("judge", "not run: workers.edit.judge.by is none")])
    cases, looked_at = [], 0
    for row in book.current("edit_pairs").values():
        scores = row["scores"] or {}
        if row["status"] != "done" or (by == "own" and scores.get("upscaling") is None):
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
