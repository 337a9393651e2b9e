"""The samples of an export, looked up once and gone through as often as its form needs."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.profile.exports import Language
from iedf_assets.core.storage.files import temporary_beside
from iedf_assets.core.storage.keys import digest


@dataclass(frozen=True)
class Chain:
    """A photo that is edited turn by turn.

    Attributes:
        turns: its samples, from the first; the source of each is the target of the one before, byte by byte.
    """

    turns: Sequence[Example]

    @property
    def key(self) -> str:
        """The key of its first sample, which is called the chain in each."""
        return self.turns[0].key

    @property
    def stem(self) -> str:
        """A file name for it, of its own among chains."""
        return self.turns[0].stem

    @property
    def split(self) -> str:
        """`train` or `validation`."""
        return self.turns[0].split

    @cached_property
    def bytes(self) -> int:
        """Of its files together."""
        return sum(turn.bytes for turn in self.turns)

    @cached_property
    def stamp(self) -> str:
        """Another one whenever one of its samples has another."""
        return digest(*(turn.stamp for turn in self.turns))

    def facts(self, languages: tuple[Language, ...]) -> dict[str, Any]:
        """What exports say of a chain: of its photo a value, of its turns a list."""
        told = [turn.facts(languages) for turn in self.turns]
        shared = ("source_id", "split", "category", "scene", "source_path", *self.turns[0].rights)
        texts = [f"instruction_{language}" for language in languages]
        of_turns = {"sample_keys": "sample_key", "edit_tasks": "edit_task", "subtypes": "subtype",
                    "recipes": "recipe", **{name.replace("_", "s_"): name for name in texts}}  # fmt: skip
        return {
            "chain": self.key,
            "turns": len(self.turns),
            **{name: told[0][name] for name in shared},
            **{plural: [one[name] for one in told] for plural, name in of_turns.items()},
        }


class Samples:
    """The samples that an export asks for, sorted by key, kept in a file beside it while it is made.

    What they are is joined of several tables, and each file is looked at: that is done once.
    """

    def __init__(self, examples: Iterable[Example], path: Path) -> None:
        self._examples, self._path = examples, path

    @classmethod
    @contextmanager
    def of(cls, examples: Iterable[Example], folder: Path) -> Iterator[Self]:
        """Samples whose file lies in a folder until the block ends.

        Raises:
            StorageError: they cannot be read, when they are gone through first.
        """
        path = temporary_beside(folder / "samples.jsonl")
        try:
            yield cls(examples, path)
        finally:
            path.unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Example]:
        """Go through them, one in memory at a time."""
        self._require_kept()
        with self._path.open("rb") as lines:
            yield from map(_read, lines)

    def chains(self) -> Iterator[Chain]:
        """The chains of which the first two turns or more are asked for, sorted by key."""
        self._require_kept()
        with self._path.open("rb") as lines:
            for key in sorted(self._places):
                places = enumerate(sorted(self._places[key]), 1)
                turns = [place for number, (turn, place) in places if turn == number]
                if len(turns) > 1:
                    yield Chain([_read_at(lines, place) for place in turns])

    def _require_kept(self) -> None:
        if self._path.exists():
            return
        # Turn and place in the file of each sample of a chain.
        self._places: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        with self._path.open("wb") as file:
            for example in self._examples:
                metadata = example.entry["metadata"]
                if metadata["chain"]:
                    self._places[metadata["chain"]].append((metadata["turn"], file.tell()))
                file.write(_line(example))


def _line(example: Example) -> bytes:
    files = {role: str(path) for role, path in example.files.items()}
    told = [example.entry, example.scores, files, example.bytes, example.stamp]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _read(line: bytes) -> Example:
    entry, scores, files, size, stamp = json.loads(line)
    return Example(entry, scores, {role: Path(path) for role, path in files.items()}, size, stamp)


def _read_at(lines: Any, place: int) -> Example:
    lines.seek(place)
    return _read(lines.readline())
