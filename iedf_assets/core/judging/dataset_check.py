"""The core of `iedf check`: lint and pair checks of any tree in the naming spec, with an index or without.

A pair's tier is the one asked for, else the index's, else that of its subtype in the table of
`core.profile.subtypes`, else `raw`. The checks are those of `core.judging.pair_checks`, and
`files`: no lint finding concerns the sample. A pair passes only when every check that its tier requires has
run. Some need more than the files:

| check | what it needs |
|---|---|
| all of the outside of a structural edit | the allowed region, which the index names |
| effect | the recipe, from the index or from an instruction that can be read |
| instruction | an instruction in words that can be read |
| stated | the recipe, from the index or from an instruction that can be read |
| object | what the index carries of it, or the small network, which is asked without an index only |

Without an index nobody vouches for where a moved object ended up, so the checks of the outside of a
structural edit are in `not_run` and it does not pass; but what changed where no object can have gone, by
its instruction, fails. Of other edits the outside is then measured as `core.judging.inspection` says. A
composite that is exact there but has changed more than 7 pixels beyond its mask may be right, with a wider
margin, or wrong: the checks that it fails by that are in `not_run` too. `effect` and `instruction` are in
`not_run` where an edit is asked for in other words than this project's, what concerns the making
of a pair always, for a dataset does not tell of it; no tier requires them.

`object`, `remainder` and `place` are measured without an index, and where a file is not the one that the
index's measures are of. An index from before pairs had them is not asked for them.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast, get_args

from iedf_assets.core.errors import StorageError
from iedf_assets.core.judging.inspection import INSTRUCTIONS, Inspection, Known, Measured, inspect_sample
from iedf_assets.core.judging.lint import Issue, list_tree
from iedf_assets.core.judging.pair_checks import (
    CHECKS,
    EFFECT,
    EXACT,
    INSTRUCTION,
    MAKING,
    NO_OUTSIDE,
    OBJECT,
    POLARITY,
    SEAM,
    SHARPNESS,
    STATED,
    WHOLE_TIERS,
    bounds_of,
    judge,
    outside_checks,
)
from iedf_assets.core.parallel import Report, silent, stream_map
from iedf_assets.core.profile.subtypes import KNOWN, MaskCheck, Tier, relocates
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.scoring.masks.second_opinion import SecondOpinion, second_opinion
from iedf_assets.core.scoring.scores import Scores
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.naming import SampleKey
from iedf_assets.core.storage.reviews import reviews_in

FILES = "files"
# Masks that only an index names: role → its key.
REGIONS = {"allowed": "allowed_region_mask_path", "result_mask": "result_mask_path"}
# Letters of a name that are told.
_TOLD = 200
CONSISTENCY_CHECKS = ("mse_outside", "ssim_outside", "changed_outside")
# Either of them tells whether a mask is an object.
OPINIONS = ("object_confidence", "object_agreement")
# Not every text is in this project's words, so no pair must have been read.
OPTIONAL = (EFFECT, INSTRUCTION, OBJECT, *MAKING)


@dataclass(frozen=True)
class PairVerdict:
    """The verdict on one sample.

    Attributes:
        failed_checks: checks that ran and failed.
        not_run: checks that its tier requires and that could not run.
        scores: what was measured; empty when nothing could be.
        accepted: whether a person has, which goes before the checks of what its files show.
    """

    sample: SampleKey
    tier: Tier
    failed_checks: tuple[str, ...]
    not_run: tuple[str, ...]
    scores: Scores
    accepted: bool = False

    @property
    def passed(self) -> bool:
        """Whether every required check has run and none failed; of what a person accepts, the files'."""
        if self.accepted:
            return FILES not in self.failed_checks
        return not self.failed_checks and not set(self.not_run) - set(OPTIONAL)


@dataclass(frozen=True)
class CheckReport:
    """What is wrong with a dataset, and the verdict on each of its pairs."""

    lint: list[Issue] = field(default_factory=list)
    pairs: list[PairVerdict] = field(default_factory=list)
    index: Path | None = None

    @property
    def clean(self) -> bool:
        """No finding, and every pair passes."""
        return not self.lint and all(pair.passed for pair in self.pairs)

    def as_json(self) -> dict[str, Any]:
        """`lint`, `pairs` and `summary`, as `iedf check --json` prints them."""
        failed = [pair for pair in self.pairs if pair.failed_checks and not pair.passed]
        passed = sum(pair.passed for pair in self.pairs)
        return {
            "lint": [vars(issue) for issue in self.lint],
            "pairs": [_pair_json(pair) for pair in self.pairs],
            "summary": {
                "clean": self.clean,
                "samples": len(self.pairs),
                "passed": passed,
                "failed": len(failed),
                "undecided": len(self.pairs) - passed - len(failed),
                "accepted": sum(pair.accepted for pair in self.pairs),
                "failed_checks": dict(Counter(check for pair in failed for check in pair.failed_checks)),
                "not_run": dict(Counter(check for pair in self.pairs for check in pair.not_run)),
                "lint": dict(Counter(issue.code for issue in self.lint)),
                "index": str(self.index) if self.index else None,
            },
        }


def check_dataset(
    dataset: Path,
    index: Path | None = None,
    tier: Tier | None = None,
    thresholds: Thresholds | None = None,
    threads: int = 1,
    report: Report = silent,
    *,
    deep: bool = False,
) -> CheckReport:
    """Lint a dataset and judge each of its pairs by what its files decode to.

    Args:
        index: an `index.jsonl`; None takes `../reports/index.jsonl` when it is there. Paths in it are
            relative to the folder above the index's own. What people accept stands beside it.
        tier: judges every pair by this tier, whatever the index says.
        thresholds: None for the default ones.
        report: called after each sample.
        deep: measure every mask anew, with a second opinion, whatever the index carries of it.

    Raises:
        StorageError: the index cannot be read.
        WorkerError: the small network's file is no network.
    """
    beside = dataset.absolute().parent / "reports" / "index.jsonl"
    index = index or (beside if beside.is_file() else None)
    listing = list_tree(dataset)
    entries = _Index.read(index) if index else None
    reviews = reviews_in(index.with_name("reviews.jsonl")) if index else {}
    lint, pairs = list(listing.issues), []
    limits = thresholds or Thresholds()
    opinion = second_opinion() if limits.min_object_agreement is not None else None
    looking = _Looking(dataset, entries, opinion, deep=deep)
    work = stream_map(looking.inspect, listing.samples, threads)
    for done, (sample, (inspection, issues)) in enumerate(work, 1):
        lint += issues
        entry = entries.rows.get(sample) if entries else None
        verdict = judge_sample(inspection, tier or _tier(sample, entry), limits, issues)
        accepted = entry is not None and reviews.get(entry.get("edit_id", "")) == "accept"
        pairs.append(replace(verdict, accepted=accepted))
        report(done, len(listing.samples))
    if entries:
        lint += _absent(entries.rows.keys() - set(listing.samples))
    return CheckReport(sorted(lint), pairs, index)


def judge_sample(
    inspection: Inspection, tier: Tier, thresholds: Thresholds, issues: Iterable[Issue]
) -> PairVerdict:
    """The verdict on an inspected sample.

    Args:
        issues: every lint finding that concerns it.
    """
    files = (FILES,) if list(issues) else ()
    scores = inspection.scores
    if scores is None:
        checks = dict.fromkeys(bound.check for bound, _ in bounds_of(tier, thresholds))
        return PairVerdict(inspection.sample, tier, files, tuple(checks), {})
    found = judge(scores, tier, thresholds)
    not_run = _not_run(inspection, scores, found, tier, thresholds)
    if NO_OUTSIDE in found and scores["outside_share"] and tier not in WHOLE_TIERS:
        # Something lies outside, but nobody knows what may have changed there.
        found.remove(NO_OUTSIDE)
    failed = (*files, *(check for check in found if check not in not_run))
    return PairVerdict(inspection.sample, tier, failed, not_run, scores)


def _not_run(
    inspection: Inspection, scores: Scores, found: list[str], tier: Tier, thresholds: Thresholds
) -> tuple[str, ...]:
    """Checks that could not run: what they need is not known, or what they found says nothing."""
    outside = outside_checks(tier, thresholds)
    relocated = relocates(inspection.sample.task, inspection.sample.subtype)
    missing = {bound.check for bound, _ in bounds_of(tier, thresholds) if scores.get(bound.score) is None}
    if any(scores.get(name) is not None for name in OPINIONS) or not _is_judged(inspection, "object"):
        missing.discard(OBJECT)
    if scores["max_difference_outside"] is None:
        moved = relocated and not inspection.region_known
        not_run = {*outside, *(missing & {POLARITY, SEAM, SHARPNESS} if moved else ())}
    elif inspection.region_known:
        not_run = set()
    elif relocated:
        not_run = {*CONSISTENCY_CHECKS, *(set(outside) - set(found))} & set(outside)
    elif EXACT not in found and tier == "composited":
        not_run = set(found) & set(CONSISTENCY_CHECKS)
    else:
        not_run = set()
    not_run |= missing & {*OPTIONAL, STATED}
    return tuple(check for check in CHECKS if check in not_run)


def _is_judged(inspection: Inspection, check: MaskCheck) -> bool:
    subtype = KNOWN.get(inspection.sample.subtype)
    return subtype is not None and check in subtype.mask_checks


@dataclass(frozen=True)
class _Index:
    """The rows of an `index.jsonl` by sample, and the folder that its paths start at."""

    rows: Mapping[SampleKey, Row]
    outputs: Path

    @classmethod
    def read(cls, path: Path) -> "_Index":
        try:
            rows = dict(_rows(path))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StorageError(
                f"the index {path} cannot be read: {type(error).__name__}: {error}",
                "give the index.jsonl of this dataset with --index",
            ) from error
        return cls(rows, path.absolute().parent.parent)

    def known(self, sample: SampleKey) -> tuple[Known, list[Issue]]:
        """What the index says of a sample; a path outside the outputs is a finding instead."""
        metadata = self.rows[sample]["metadata"]
        found: dict[str, Path | None] = {}
        issues = []
        for name, key in REGIONS.items():
            named = metadata.get(key)
            path = _resolved(self.outputs / named) if named else None
            if named and not (path and path.is_relative_to(self.outputs.resolve())):
                message = f"the index names {named[:_TOLD]} as {key}, which does not lie in {self.outputs}"
                issues.append(Issue(sample.file("source"), "path_outside", message))
                path = None
            found[name] = path
        measured = metadata.get("measured")
        return Known(
            **found,
            recipe=recipe_of(metadata),
            measured=_measured(measured) if isinstance(measured, dict) else None,
        ), issues


def _rows(path: Path) -> Iterator[tuple[SampleKey, Row]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                row = json.loads(line)
                metadata = row.get("metadata") or {}
                row["metadata"] = json.loads(metadata) if isinstance(metadata, str) else dict(metadata)
                for key in REGIONS.values():
                    if not isinstance(row["metadata"].get(key), str | None):
                        raise TypeError(f"{key} of {row['sample_id']} is no path")
                places = (row["edit_task"], row["subtype"], row["scene"])
                yield SampleKey(*places, int(row["sample_id"])), row


def _resolved(path: Path) -> Path | None:
    with suppress(OSError, ValueError):  # a name that no file can have
        path.exists()
        return path.resolve()
    return None


def _measured(told: Mapping[str, Any]) -> Measured | None:
    """What an index carries of a mask; what could not be told is null there. None of what is nothing such."""
    if not isinstance(told.get("of"), str) or not isinstance(told.get("scores"), dict):
        return None
    return Measured(told["of"], {name: value for name, value in told["scores"].items() if value is not None})


def recipe_of(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """The recipe that a row of an index tells, as text or, as earlier versions wrote it, as an object."""
    recipe = metadata.get("recipe")
    with suppress(ValueError):
        recipe = json.loads(recipe) if isinstance(recipe, str) else recipe
    return recipe if isinstance(recipe, dict) else None


@dataclass(frozen=True)
class _Looking:
    """Inspects samples and compares them with the index.

    Attributes:
        deep: whether masks are measured anew whatever the index carries of them.
    """

    dataset: Path
    entries: _Index | None
    opinion: SecondOpinion | None
    deep: bool

    def inspect(self, sample: SampleKey) -> tuple[Inspection, list[Issue]]:
        """What is found in a sample's files, and all findings that concern it."""
        row = self.entries.rows.get(sample) if self.entries else None
        if self.entries is None or row is None:
            inspection = inspect_sample(self.dataset, sample, Known(), self.opinion, afresh=True)
            message = "the sample lies in the dataset, but the index does not know of it"
            strays = [Issue(sample.file("source"), "not_in_index", message)] if self.entries else []
            return inspection, [*inspection.issues, *strays]
        known, issues = self.entries.known(sample)
        inspection = inspect_sample(self.dataset, sample, known, self.opinion, afresh=self.deep)
        for role in INSTRUCTIONS:
            said, listed = inspection.instructions.get(role), row.get(role)
            if said is not None and said != listed:
                message = f"the index has {listed!r}"
                issues.append(Issue(sample.file(role), "instruction_mismatch", message))
        return inspection, [*inspection.issues, *issues]


def _tier(sample: SampleKey, entry: Row | None) -> Tier:
    named = (entry or {}).get("tier")
    if named in get_args(Tier):
        return cast("Tier", named)
    return KNOWN[sample.subtype].tier if sample.subtype in KNOWN else "raw"


def _absent(samples: Iterable[SampleKey]) -> list[Issue]:
    message = "the index lists the sample, but none of its files is there"
    return [Issue(sample.file("source"), "missing_required", message) for sample in samples]


def _pair_json(pair: PairVerdict) -> dict[str, Any]:
    return {
        "sample": str(pair.sample),
        "passed": pair.passed,
        "accepted": pair.accepted,
        "tier": pair.tier,
        "failed_checks": list(pair.failed_checks),
        "not_run": list(pair.not_run),
        "scores": pair.scores,
    }
