"""What is wrong with a dataset tree by its names alone, found by listing and without opening any file."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from iedf_assets.core.storage.files import TEMPORARY_PREFIX
from iedf_assets.core.storage.naming import SampleKey, parse_sample_file

Code = Literal[
    "missing_dataset",
    "bad_name",
    "corrupted",
    "missing_required",
    "missing_mask1",
    "shape_mismatch",
    "mask_not_inverse",
    "mask_form",
    "wrong_language",
    "instruction_mismatch",
    "not_in_index",
    "path_outside",
]
"""The first six are the naming spec's.

| code | meaning |
|---|---|
| missing_dataset | there is no such folder |
| bad_name | a file or folder that the naming spec does not know, one at the wrong depth or left over |
| corrupted | a picture that does not decode, a text that is empty, not UTF-8 or not one line |
| missing_required | a file that the sample must have, or a region that the index names, is not there |
| missing_mask1 | the mask's inverse is not there |
| shape_mismatch | a picture or a mask is not of the source's size |
| mask_not_inverse | `_mask-1` is not the inverse of `_mask` |
| mask_form | a mask that a trainer reads otherwise than it looks: 1 or 16 bits, colour, alpha, 0 and 1 |
| wrong_language | the Chinese text holds no Chinese, or the English text more Chinese than Latin letters |
| instruction_mismatch | a text is not the one in the index |
| not_in_index | the sample lies in the dataset, but the index does not know of it |
| path_outside | the index names a file outside the outputs |
"""

_DEPTH = ("task", "subtype", "scene")


@dataclass(frozen=True, order=True)
class Issue:
    """One finding.

    Attributes:
        path: relative to the dataset.
    """

    path: str
    code: Code
    message: str


@dataclass
class Listing:
    """What a dataset tree holds by its names.

    Attributes:
        samples: every sample of which at least one file is there, sorted.
        issues: sorted.
    """

    samples: list[SampleKey] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)


def list_tree(dataset: Path) -> Listing:
    """All samples of a tree, and what does not belong there."""
    if not dataset.is_dir():
        return Listing(issues=[Issue(".", "missing_dataset", f"there is no folder {dataset}")])
    listing = Listing()
    for folder in _scene_folders(dataset, (), listing.issues):
        numbers = set()
        with os.scandir(dataset.joinpath(*folder)) as entries:
            for entry in entries:
                known = parse_sample_file(entry.name)
                if known is None or not entry.is_file():
                    listing.issues.append(_bad((*folder, entry.name), _why(entry)))
                else:
                    numbers.add(known[0])
        listing.samples += [SampleKey(*folder, number) for number in sorted(numbers)]
    listing.issues.sort()
    return listing


def _scene_folders(
    dataset: Path, above: tuple[str, ...], issues: list[Issue]
) -> Iterator[tuple[str, str, str]]:
    for entry in _entries(dataset.joinpath(*above)):
        path = (*above, entry.name)
        level = _DEPTH[len(above)]
        if not entry.is_dir():
            what = (
                _why(entry)
                if entry.name.startswith(TEMPORARY_PREFIX)
                else f"no file lies here, but {level} folders"
            )
            issues.append(_bad(path, what))
        elif not _is_folder_name(entry.name):
            issues.append(_bad(path, f"no name of a {level}: lower-case letters, digits, _ and - only"))
        elif len(path) == len(_DEPTH):
            yield path[0], path[1], path[2]
        else:
            yield from _scene_folders(dataset, path, issues)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_folder_name(name: str) -> bool:
    try:
        SampleKey.parse(f"{name}/{name}/{name}/00001")
    except ValueError:
        return False
    return True


def _bad(path: tuple[str, ...], why: str) -> Issue:
    return Issue("/".join(path), "bad_name", why)


def _why(entry: os.DirEntry[str]) -> str:
    if entry.name.startswith(TEMPORARY_PREFIX):
        return "a temporary file that a killed process left; the next run that publishes here removes it"
    if entry.is_dir():
        return "no folder lies here, but files of samples"
    if parse_sample_file(entry.name):
        return "not a regular file"
    return "no name of a sample's file, such as 00001.jpg, 00001_result.jpg or 00001_mask-1.png"
