"""Proof that an export is the dataset: it is read back by its form's own rules and compared.

Every row is read; the pictures of some of them, spread over all, are decoded and compared to the dataset's.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.exporting.formats.seen import Read, Seen
from iedf_assets.core.exporting.grid import STEP
from iedf_assets.core.exporting.looks import pixels_of, white_mask
from iedf_assets.core.exporting.samples import Head
from iedf_assets.core.exporting.units import Plan
from iedf_assets.core.pictures.codecs import decode
from iedf_assets.core.profile.exports import Export

LOOKED_AT = 48


@dataclass(frozen=True)
class Proof:
    """What reading an export back has shown.

    Attributes:
        rows: that were read.
        compared: of which the pictures were compared.
        faults: subject and what is wrong with it.
        by_datasets: of how many samples `datasets` was seen to give the same.
        chains: records of chains that were read.
    """

    rows: int
    compared: int
    faults: list[tuple[str, str]]
    by_datasets: int = 0
    chains: int = 0


def prove_export(plan: Plan, read: Read, *, once: bool = True) -> Proof:
    """Read an export back and compare it with the samples that it was made of.

    Args:
        once: whether every sample has to be there, and only once.

    Raises:
        StorageError: it cannot be read by its form's rules.
        OSError: a file of it cannot be read.
    """
    rows, chosen = _spread(read(plan.folder, plan.asked))
    faults = []
    looked_at, expected = _among(plan.examples.heads(), chosen)
    for head, (example,) in plan.examples.read(looked_at):
        faults += [(head.key, fault) for fault in _differences(example, chosen[head.stem], plan.asked)]
    if once and rows != expected:
        faults.append((str(plan.folder), f"{rows} rows were read, {expected} samples are there"))
    unknown = chosen.keys() - {head.stem for head in looked_at}
    faults += [(stem, "is no sample of the dataset") for stem in sorted(unknown)]
    return Proof(rows, len(looked_at), faults)


def prove_chains(plan: Plan, read: Read, proof: Proof) -> Proof:
    """Read the records of chains back and compare them likewise.

    Args:
        proof: of the samples.

    Returns:
        That with what is shown besides.

    Raises:
        StorageError, OSError: as `prove_export`.
    """
    rows, chosen = _spread(read(plan.folder, plan.asked))
    faults = list(proof.faults)
    looked_at, expected = _among(plan.examples.chains(), chosen)
    for head, turns in plan.examples.read(looked_at):
        unlike = _unlike(turns, chosen[head.stem], plan.asked)
        faults += [(f"the chain {head.key}", fault) for fault in unlike]
    if rows != expected:
        faults.append((str(plan.folder), f"{rows} chains were read, {expected} are there"))
    unknown = chosen.keys() - {head.stem for head in looked_at}
    faults += [(stem, "is no chain of the dataset") for stem in sorted(unknown)]
    return replace(proof, faults=faults, chains=rows)


def _among(heads: Iterable[Head], chosen: Container[str]) -> tuple[list[Head], int]:
    """Those that were chosen, by their stems, and how many there are in all."""
    found, count = [], 0
    for head in heads:
        count += 1
        if head.stem in chosen:
            found.append(head)
    return found, count


def _spread(seen: Iterable[Seen]) -> tuple[int, dict[str, Seen]]:
    """How many there are, and some of them, from the first to the last, by their stems."""
    rows, step = 0, 1
    chosen: dict[str, Seen] = {}
    for one in seen:
        if rows % step == 0:
            chosen.setdefault(one.stem, one)
        rows += 1
        if len(chosen) > LOOKED_AT:  # every other one of them, and half as many from here on
            chosen, step = dict(list(chosen.items())[::2]), 2 * step
    return rows, chosen


def _unlike(turns: Sequence[Example], seen: Seen, asked: Export) -> list[str]:
    """What of a chain is not as it should be."""
    texts = {language: "\n".join(one.caption(language) for one in turns) for language in asked.languages}
    faults = [] if dict(seen.texts) == texts else [f"has other texts: {dict(seen.texts)}"]
    pictures = {role: pixels_of(content) for role, content in seen.load().items()}
    if asked.size == "grid":
        return faults + _misfits({role: picture.shape[1::-1] for role, picture in pictures.items()})
    wanted = {"0": (turns[0], "source")}
    for number, turn in enumerate(turns, 1):
        wanted |= {f"{number}": (turn, "target"), f"{number}.mask": (turn, "mask")}
    if pictures.keys() != wanted.keys():
        return [*faults, f"has the pictures {', '.join(sorted(pictures))}"]
    return faults + [
        f"its picture {role} is not the dataset's"
        for role, (turn, name) in wanted.items()
        if not np.array_equal(pictures[role], _published(turn, name))
    ]


def _differences(example: Example, seen: Seen, asked: Export) -> list[str]:
    """What of a sample is not as it should be."""
    texts = {language: example.caption(language) for language in asked.languages}
    faults = [] if dict(seen.texts) == texts else [f"has other texts: {dict(seen.texts)}"]
    pictures = {role: pixels_of(content) for role, content in seen.load().items()}
    if asked.size == "grid":
        return faults + _misfits({role: picture.shape[1::-1] for role, picture in pictures.items()})
    worse = pictures.pop("worse", None)
    if worse is not None and np.array_equal(worse, pictures["target"]):
        faults.append("its worse result is its target")
    return faults + [
        f"its {role} is not the dataset's"
        for role, picture in pictures.items()
        if not np.array_equal(picture, _published(example, role))
    ]


def _published(example: Example, role: str) -> Pixels:
    path = example.files.get(role)
    return decode(path) if path else white_mask(example)


def _misfits(sizes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """What is wrong with the sizes of a sample that was brought to the grid."""
    if len(set(sizes.values())) > 1:
        return [f"its pictures differ in size: {dict(sizes)}"]
    size = next(iter(sizes.values()))
    return [] if all(side % STEP == 0 or side < STEP for side in size) else [f"{size} is no size of the grid"]
