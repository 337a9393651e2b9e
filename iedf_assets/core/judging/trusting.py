"""Whether a judge can be trusted: asked of known faults and good pairs, and compared with people's clicks."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from iedf_assets.core.asking.asker import Asker, Rater, judgement_on
from iedf_assets.core.errors import SourceError
from iedf_assets.core.judging.canaries import CANARIES
from iedf_assets.core.judging.proving import UNTOUCHED, plant, specimens
from iedf_assets.core.parallel import Report, silent, stream_map
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.naming import SampleKey

PEOPLE = "people's clicks"
# Of good pairs and of faults that can be seen, a judge has to be right in so many to be trusted.
TRUSTED = 0.8
SHOWN = ("source", "result", "instruction_en")


@dataclass(frozen=True)
class Agreement:
    """How often a judge was right about a class of pairs.

    Attributes:
        name: of the canary; `untouched`, which it is to pass; or `people's clicks`.
        asked: pairs that it was asked about.
        right: those that it told as they are.
        silent: those that it gave no answer about; they count as wrong.
    """

    name: str
    asked: int
    right: int
    silent: int = 0

    @property
    def rate(self) -> float:
        """Share of the pairs that it was right about."""
        return self.right / max(self.asked, 1)


def about_faults(
    outputs: Path,
    work: Path,
    judge: Asker | Rater,
    thresholds: Thresholds,
    *,
    per_class: int,
    seed: int = 0,
    threads: int = 1,
    report: Report = silent,
) -> list[Agreement]:
    """Ask about copies of published samples with each known fault, and about good ones.

    Args:
        outputs: holds `dataset/` and `reports/`; nothing is written there.
        work: an empty folder for the copies.

    Raises:
        SystematicError: the judge will answer nothing.
    """
    chosen = specimens(outputs, per_class)
    names = (*CANARIES, UNTOUCHED) if chosen else ()
    found = []
    for done, name in enumerate(names, 1):
        keys = plant(name, outputs, work / name, chosen, seed)
        tree = work / name / "bare" / "dataset"
        samples = [(tree, SampleKey.parse(key)) for key in sorted(keys)]
        if name != UNTOUCHED:
            samples = [one for one in samples if _can_be_seen(*one, outputs / "dataset")]
        passed = [
            passes for _, passes in stream_map(lambda one: _passes(judge, *one, thresholds), samples, threads)
        ]
        right = sum(passes is (name == UNTOUCHED) for passes in passed)
        if passed:
            found.append(Agreement(name, len(passed), right, passed.count(None)))
        report(done, len(names))
    return found


def with_people(rows: Sequence[Row], reviews: dict[str, str], thresholds: Thresholds) -> list[Agreement]:
    """How often the ratings that pairs have already agree with what people said of them.

    Args:
        rows: judged pairs: `edit_id`, and `scores` as JSON.
        reviews: `accept` or `reject` by edit id.
    """
    told = list(_told(rows, reviews, thresholds))
    return [Agreement(PEOPLE, len(told), sum(one == other for one, other in told))] if told else []


def is_trusted(found: Sequence[Agreement]) -> bool:
    """Whether a judge passes good pairs, agrees with people's clicks, and finds most classes of faults."""
    rates = {one.name: one.rate for one in found}
    faults = [rate for name, rate in rates.items() if name in CANARIES]
    people = rates.get(PEOPLE, 1.0)
    most = sum(rate >= TRUSTED for rate in faults) > len(faults) / 2
    return min(rates.get(UNTOUCHED, 0.0), people) >= TRUSTED and most


def _can_be_seen(copies: Path, sample: SampleKey, dataset: Path) -> bool:
    """Whether a fault is in what a judge is shown: of a wrong mask it can know nothing."""
    names = (sample.file(role) for role in SHOWN)
    return any((copies / name).read_bytes() != (dataset / name).read_bytes() for name in names)


def _told(
    rows: Sequence[Row], reviews: dict[str, str], thresholds: Thresholds
) -> Iterator[tuple[bool, bool]]:
    """What the judge and a person said of each pair that both know: whether it is good."""
    for row in rows:
        scores = json.loads(row["scores"]) if row["scores"] else {}
        if row["edit_id"] in reviews and scores.get("judge_instruction") is not None:
            yield _good(scores, thresholds), reviews[row["edit_id"]] == "accept"


def _passes(judge: Asker | Rater, dataset: Path, sample: SampleKey, thresholds: Thresholds) -> bool | None:
    """Whether the judge would let a sample through; None without an answer."""
    text = (dataset / sample.file("instruction_en")).read_text("utf-8", "replace").strip()
    pictures = [(dataset / sample.file(role)).read_bytes() for role in ("source", "result")]
    try:
        told = judgement_on(judge, text, pictures)
    except SourceError:
        return None
    return _good(told.scores, thresholds)


def _good(scores: dict[str, float], thresholds: Thresholds) -> bool:
    return (
        scores["judge_instruction"] >= thresholds.min_judge_instruction
        and scores["judge_preservation"] >= thresholds.min_judge_preservation
    )
