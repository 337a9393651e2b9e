"""What an export is made of: units, each a file or a few that are made at once."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.exporting.samples import Samples
from iedf_assets.core.profile.exports import Export
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout

Facts = Mapping[str, Any]
Make = Callable[[Mapping[str, Path]], Facts | None]
"""Writes a unit's files, given as path in the export → the temporary file to write; may tell of them.

One that tells `absent` has found that there is nothing to write, and wrote nothing.
"""
Raw = Callable[[Example, Pixels, Pixels], tuple[Pixels, Pixels] | None]
"""Gives source and target of a sample as they were before they were encoded, from what they are published as.

None where that cannot be had.
"""


@dataclass(frozen=True)
class Unit:
    """Files of an export that are made together.

    Attributes:
        paths: relative to the export's folder.
        key: of all that they depend on. None for small files and tables, which are made each time and take
            the place of what is there only when they differ; they may ask for what others told.
        bytes: about how much they come to.
        make: makes them.
        movable: whether it is the same unit under another name, as a shard that others come before.
    """

    paths: tuple[str, ...]
    key: str | None
    bytes: int
    make: Make
    movable: bool = False


@dataclass(frozen=True)
class Plan:
    """What a form is planned from.

    Attributes:
        profile, layout: of the factory.
        asked: what was asked for.
        folder: the export's, absolute.
        examples: the samples.
        told: gives what the making of a unit told, by its first path.
        number: gives a sample's number in the export, by its key: from 1, for ever, no other's.
        raw: gives a sample's pictures as they were before they were encoded.
    """

    profile: Profile
    layout: Layout
    asked: Export
    folder: Path
    examples: Samples
    told: Callable[[str], Facts]
    number: Callable[[str], int]
    raw: Raw


def summed(told: Iterable[Facts]) -> dict[str, Any]:
    """What was told of samples, or of lots of them, in numbers.

    Returns:
        `small`: how many were too small for the grid; `made_from`: how many were made from what.
    """
    small, made_from = 0, Counter[str]()
    for facts in told:
        small += int(facts.get("small", 0))
        source = facts.get("made_from", {})
        made_from.update([source] if isinstance(source, str) else source)
    return {"small": small, "made_from": dict(made_from)}


Units = Callable[[Plan], Iterator[Unit]]
"""Gives all units of a form, those without a key last."""


def text_unit(path: str, text: str) -> Unit:
    """A small text file, UTF-8."""

    def make(files: Mapping[str, Path]) -> None:
        files[path].write_text(text, "utf-8")

    return Unit((path,), None, len(text), make)


def lines_unit(path: str, lines: Callable[[], Iterator[str]]) -> Unit:
    """A text file of many lines, which are asked for when it is written."""

    def make(files: Mapping[str, Path]) -> None:
        with files[path].open("w", encoding="utf-8", newline="") as file:
            file.writelines(f"{line}\n" for line in lines())

    return Unit((path,), None, 0, make)
