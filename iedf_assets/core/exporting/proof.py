"""Proof that an export is the dataset: it is read back by its form's own rules and compared.

Every row is read; the pictures of some of them, spread over all, are decoded and compared to the dataset's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iedf_assets.core.exporting.examples import Example, Examples
from iedf_assets.core.exporting.formats.seen import Read, Seen
from iedf_assets.core.exporting.grid import STEP
from iedf_assets.core.exporting.looks import pixels_of
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
    """

    rows: int
    compared: int
    faults: list[tuple[str, str]]


def prove_export(folder: Path, asked: Export, examples: Examples, read: Read) -> Proof:
    """Read an export back and compare it with the samples that it was made of.

    Raises:
        StorageError: it cannot be read by its form's rules.
        OSError: a file of it cannot be read.
    """
    expected = sum(1 for _ in examples)
    step = max(1, -(-expected // LOOKED_AT))
    rows, chosen = 0, {}
    for seen in read(folder, asked):
        if rows % step == 0:
            chosen[seen.stem] = seen
        rows += 1
    faults = (
        [] if rows == expected else [(str(folder), f"{rows} rows were read, {expected} samples are there")]
    )
    compared = 0
    for example in examples:
        found = chosen.pop(example.stem, None)
        if found is not None:
            compared += 1
            faults += [(example.entry["sample_key"], fault) for fault in _differences(example, found, asked)]
    faults += [(stem, "is no sample of the dataset") for stem in chosen]
    return Proof(rows, compared, faults)


def _differences(example: Example, seen: Seen, asked: Export) -> list[str]:
    """What of a sample is not as it should be."""
    texts = {language: example.caption(language) for language in asked.languages}
    faults = [] if dict(seen.texts) == texts else [f"has other texts: {dict(seen.texts)}"]
    pictures = {role: pixels_of(content) for role, content in seen.load().items()}
    if asked.size == "grid":
        return faults + _misfits({role: picture.shape[1::-1] for role, picture in pictures.items()})
    return faults + [
        f"its {role} is not the dataset's"
        for role, picture in pictures.items()
        if not np.array_equal(picture, decode(example.files[role]))
    ]


def _misfits(sizes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """What is wrong with the sizes of a sample that was brought to the grid."""
    if len(set(sizes.values())) > 1:
        return [f"its pictures differ in size: {dict(sizes)}"]
    size = next(iter(sizes.values()))
    return [] if all(side % STEP == 0 or side < STEP for side in size) else [f"{size} is no size of the grid"]
