"""What a reader sees of an export: its samples with their texts, and their pictures when asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iedf_assets.core.profile.exports import Export

Load = Callable[[], Mapping[str, bytes]]
"""Gives a sample's files: role (`source`, `target`, perhaps `mask`) → content."""


@dataclass(frozen=True)
class Seen:
    """A sample of an export, or a chain of them, as a trainer's reader would find it.

    Attributes:
        stem: see `examples.stem_of`.
        texts: language → caption; of a chain a line for each turn.
        load: reads its pictures: of a chain `0`, as it begins, and `1`, `1.mask` and so on for each turn.
    """

    stem: str
    texts: Mapping[Any, str]
    load: Load


Read = Callable[[Path, Export], Iterator[Seen]]
"""Reads the export in a folder, of which is told what was asked for, by the rules of those whom it is for.

Raises:
    StorageError: it is not as they want it.
    OSError: a file cannot be read.
"""


def files_loader(paths: Mapping[str, Path]) -> Load:
    """Reads files of these roles."""
    return lambda: {role: path.read_bytes() for role, path in paths.items()}
