"""Proving the judge: canaries in copies of a dataset's samples, and what share of them it finds."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from iedf_assets.core.judging.canaries import CANARIES, index_entry, injected
from iedf_assets.core.judging.dataset_check import REGIONS, check_dataset, recipe_of
from iedf_assets.core.judging.specimens import Fault, Specimen
from iedf_assets.core.parallel import Report, silent
from iedf_assets.core.pictures.codecs import decode
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.storage.journal import Row, read_journal
from iedf_assets.core.storage.keys import seed_from
from iedf_assets.core.storage.naming import SUFFIXES, SampleKey
from iedf_assets.core.storage.reviews import reviews_in

# Copies without a fault, which have to pass.
UNTOUCHED = "untouched"


@dataclass(frozen=True)
class Detection:
    """How a class of canaries fared.

    Attributes:
        name: of the canary, or `untouched`.
        injected: how many copies had it.
        missed: the samples whose copies passed, with their index.
        missed_bare: the same without an index. Of `untouched`, both are the samples that failed.
    """

    name: str
    injected: int
    missed: tuple[str, ...]
    missed_bare: tuple[str, ...]

    @property
    def rates(self) -> tuple[float, float]:
        """Shares of the copies that failed, with an index and without: 1 of a fault, 0 of `untouched`."""
        shares = [len(missed) / max(self.injected, 1) for missed in (self.missed, self.missed_bare)]
        return (shares[0], shares[1]) if self.name == UNTOUCHED else (1 - shares[0], 1 - shares[1])

    @property
    def strength(self) -> str:
        """How large the fault is, in words."""
        return CANARIES[self.name].strength if self.name in CANARIES else "no fault: the share that fails"

    @property
    def holds(self) -> bool:
        """Whether nothing was missed."""
        return not self.missed and not self.missed_bare


def prove(
    outputs: Path,
    work: Path,
    *,
    per_class: int,
    seed: int = 0,
    thresholds: Thresholds | None = None,
    threads: int = 1,
    report: Report = silent,
) -> list[Detection]:
    """Inject every canary into copies of published samples and judge them, with their index and bare.

    Args:
        outputs: holds `dataset/` and `reports/`; nothing is written there.
        work: an empty folder for the copies.
        per_class: at most so many samples get each canary, spread evenly over the dataset.
        report: called after each class.

    Returns:
        One entry per class that applied to any sample, and `untouched`; none when the dataset is empty.
    """
    chosen = specimens(outputs, per_class)
    found = []
    names = (*CANARIES, UNTOUCHED) if chosen else ()
    for done, name in enumerate(names, 1):
        folder = work / name
        planted = plant(name, outputs, folder, chosen, seed)
        if planted:
            failed = [
                _failed(tree / "dataset", thresholds, threads)
                for tree in (folder / "indexed", folder / "bare")
            ]
            wrong = [planted & keys if name == UNTOUCHED else planted - keys for keys in failed]
            found.append(Detection(name, len(planted), *(tuple(sorted(keys)) for keys in wrong)))
        report(done, len(names))
    return found


def specimens(outputs: Path, per_class: int) -> list[Row]:
    """Index entries of at most so many samples, spread evenly over a dataset."""
    reports = outputs / "reports"
    reviews = reviews_in(reports / "reviews.jsonl")

    def is_usable(entry: Row) -> bool:
        # What is composed has the faults of its edits; what a person accepts may fail checks.
        return entry["subtype"] in SUBTYPES and reviews.get(entry["edit_id"]) != "accept"

    def usable() -> Iterator[Row]:
        return filter(is_usable, read_journal(reports / "index.jsonl"))

    # Counted first: an index of hundreds of thousands of samples takes gigabytes.
    count = sum(1 for _ in usable())
    return list(islice(usable(), 0, None, max(1, -(-count // per_class))))


def worst_rates(found: Iterable[Detection]) -> dict[str, float]:
    """The lowest share found of any class, and the share of good copies that were rejected."""
    rates = {detection.name: detection.rates for detection in found}
    good = rates.pop(UNTOUCHED, (0.0, 0.0))
    return {
        "lowest_detection_rate": min((min(pair) for pair in rates.values()), default=0.0),
        "false_reject_rate": max(good),
    }


def as_json(found: Iterable[Detection]) -> str:
    """What was found, as `reports/qa/canaries.json` holds it."""
    rows = [
        {**asdict(detection), "strength": detection.strength, "rates": detection.rates} for detection in found
    ]
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"


def _failed(dataset: Path, thresholds: Thresholds | None, threads: int) -> set[str]:
    """The samples of a tree of which a check fails, as their keys."""
    pairs = check_dataset(dataset, thresholds=thresholds, threads=threads).pairs
    return {str(pair.sample) for pair in pairs if pair.failed_checks}


def plant(name: str, outputs: Path, folder: Path, entries: Sequence[Row], seed: int) -> set[str]:
    """Copies of samples with a fault, twice: beside an index, and bare, or with none.

    Args:
        name: of the canary, or `untouched`.
        folder: gets `indexed/` and `bare/`.
        entries: of the index, a line each.

    Returns:
        The keys of the samples that it applied to.
    """
    lines: list[Mapping[str, Any]] = []
    for number, entry in enumerate(entries):
        pair = _specimen(outputs, entry)
        fault: Fault | None = Fault({})
        if name != UNTOUCHED:
            # Another sample's picture, or its own upside down where there is only one.
            other = _specimen(outputs, entries[(number + 1) % len(entries)])
            fault = injected(name, pair, [other], seed_from("canary", name, seed, entry["sample_key"]))
        if fault is None:
            continue
        lines.append(index_entry(entry, fault))
        sample = SampleKey.parse(entry["sample_key"])
        for tree in ("indexed", "bare"):
            for role, content in {**pair.files, **fault.files}.items():
                if role not in REGIONS:
                    _write(folder / tree / "dataset" / sample.file(role), content)
        for role, named in _regions(entry).items():
            _write(folder / "indexed" / named, fault.files.get(role) or (outputs / named).read_bytes())
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    _write(folder / "indexed" / "reports" / "index.jsonl", text.encode("utf-8"))
    return {line["sample_key"] for line in lines}


def _specimen(outputs: Path, entry: Row) -> Specimen:
    dataset, sample = outputs / "dataset", SampleKey.parse(entry["sample_key"])
    source, result = (decode(dataset / sample.file(role)) for role in ("source", "result"))
    paths = {role: dataset / sample.file(role) for role in SUFFIXES}
    files = {role: path.read_bytes() for role, path in paths.items() if path.is_file()}
    named = entry["metadata"].get("allowed_region_mask_path")
    everything = np.full(source.shape[:2], 255, np.uint8)
    mask = decode(paths["mask"]) if "mask" in files else everything
    allowed = decode(outputs / named) if named else everything
    return Specimen(source, result, mask, allowed, files, recipe_of(entry["metadata"]) or {})


def _regions(entry: Row) -> dict[str, str]:
    """The masks beside the dataset that the index names, by role, relative to the outputs."""
    metadata = entry["metadata"]
    return {role: metadata[key] for role, key in REGIONS.items() if metadata.get(key)}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
