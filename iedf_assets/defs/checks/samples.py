"""Looks at the published samples as they lie on disk."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from iedf_assets.core.judging.dataset_check import judge_sample
from iedf_assets.core.judging.inspection import Inspection
from iedf_assets.core.judging.inspection_cache import inspect_published
from iedf_assets.core.judging.pair_checks import (
    EFFECT,
    INSTRUCTION,
    JUDGED,
    NO_OUTSIDE,
    OBJECT,
    OUTSIDE_BOUNDS,
    PLACE,
    POLARITY,
    REMAINDER,
    STATED,
    judge,
)
from iedf_assets.core.judging.telling import Extremes, told
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.subtypes import KNOWN, Tier
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.storage.files import content_hash
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.defs.checks.verdict import Case, Verdict

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
    "masks_whole": (
        "Each mask is one whole object, left nothing of it behind, and the object ends up where it can be.",
        (OBJECT, REMAINDER, PLACE),
    ),
    "edits_effective": (
        "Each edit did what its recipe says. Protects from no-ops, wrong directions and swapped files.",
        ("no_op", EFFECT, "structure", STATED),
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
    extremes: dict[Tier, Extremes] = {}
    looked_at = 0
    for looked_at, found in enumerate(_inspections(book), 1):  # noqa: B007  # how many there were
        tier = KNOWN[found.sample.subtype].tier
        extremes.setdefault(tier, Extremes(tier, thresholds)).see(found.scores or {})
        pictures = sample_pictures(book.layout, found.sample)
        verdicts[NAMING].cases += [
            Case(issue.path, f"{issue.code}: {issue.message}", pictures) for issue in found.issues
        ]
        if str(found.sample) in accepted:
            continue
        for name, finding in _findings(found, tier, thresholds).items():
            verdicts[name].cases.append(Case(str(found.sample), finding, pictures))
    for name, verdict in verdicts.items():
        verdict.looked_at = looked_at
        _, checks = PAIR_CHECKS.get(name, ("", ()))
        for tier in sorted(extremes):
            verdict.more |= extremes[tier].of(checks)
        if checks:
            verdict.more["accepted by review"] = len(accepted)
    return verdicts


def _findings(found: Inspection, tier: Tier, thresholds: Thresholds) -> dict[str, str]:
    """Name of a check of `PAIR_CHECKS` → what it finds wrong with a sample."""
    judged = judge_sample(found, tier, thresholds, ())
    if found.scores is None:
        why = found.issues[0].message if found.issues else "its files do not tell enough"
        return {
            name: f"not run: {why}"
            for name, (_, checks) in PAIR_CHECKS.items()
            if not set(checks).isdisjoint(judged.not_run)
        }
    findings = {}
    for name, (_, checks) in PAIR_CHECKS.items():
        wrong = [told(check, judged.scores, tier, thresholds) for check in checks
                 if check in judged.failed_checks]  # fmt: skip
        if INSTRUCTION in checks and INSTRUCTION in judged.failed_checks:
            wrong = [f"{INSTRUCTION}: {'; '.join(found.wrong_texts)}"]
        not_run = [check for check in checks if check in judged.not_run]
        wrong += [f"not run: {', '.join(not_run)}"] if not_run else []
        if wrong:
            findings[name] = ", ".join(wrong)
    return findings


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
            pictures = *sample_pictures(book.layout, sample), book.layout.dataset / first.file("result")
            cases.append(Case(str(sample), f"the same result as {first}", pictures))
    return Verdict(sum(map(len, by_size.values())), cases)


def edits_judged(book: Book) -> Verdict:
    """The judge rates each edit well. Protects from edits beside the point."""
    by = book.category.workers.edit.judge.by
    if by == "none":
        return Verdict(0, [Case("judge", "not run: workers.edit.judge.by is none")])
    cases, looked_at = [], 0
    for row in book.current("edit_pairs").values():
        scores = row["scores"] or {}
        if row["status"] != "done" or (by == "own" and scores.get("upscaling") is None):
            continue
        looked_at += 1
        if scores.get("judge_instruction") is None:
            cases.append(Case(row["edit_id"], "not run: the judge gave no rating", _staged(book, row)))
        elif JUDGED in judge(scores, row["tier"], book.category.thresholds):
            ratings = f"{scores['judge_instruction']} and {scores['judge_preservation']} of 5"
            finding = f"instruction and preservation are rated {ratings}"
            cases.append(Case(row["edit_id"], finding, _staged(book, row)))
    return Verdict(looked_at, cases)


def sample_pictures(layout: Layout, sample: SampleKey) -> tuple[Path, ...]:
    """Source, mask and result of a sample."""
    return tuple(layout.dataset / sample.file(role) for role in ("source", "mask", "result"))


def _staged(book: Book, row: Row) -> tuple[Path, ...]:
    folder = book.layout.staged("edit_pairs", row["key"])
    return tuple(folder / name for name in ("source.jpg", "mask.png", "result.jpg"))


def _published(book: Book) -> Iterator[SampleKey]:
    rows = book.verdicts.pick("sample_key", "status")
    return (SampleKey.parse(key) for key, status in rows if status == "published")


def _inspections(book: Book) -> Iterator[Inspection]:
    return inspect_published(book.layout, book.name, thread_count(book.profile.threads))
