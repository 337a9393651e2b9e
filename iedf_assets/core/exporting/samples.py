"""The samples of an export, looked up once and gone through as often as its form needs."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.profile.exports import Language
from iedf_assets.core.storage.files import temporary_beside
from iedf_assets.core.storage.keys import canonical, digest, seed_from


class Head(NamedTuple):
    """What an export is divided by: of a sample, or of a chain of them.

    Attributes:
        key: of the sample; of a chain that of its first one, which is called the chain in each.
        stem: a file name for it, of its own among all samples, or all chains.
        split: `train` or `validation`.
        bytes: of its files together.
        stamp: another one whenever its files or what is known of it change.
        seed: drawn from its key, 31 bits.
        places: where its samples are found.
    """

    key: str
    stem: str
    split: str
    bytes: int
    stamp: str
    seed: int
    places: tuple[int, ...]


class Samples:
    """The samples that an export asks for, sorted by key, kept in two files beside it while it is made.

    What they are is joined of several tables, and each of their files is looked at: that is done once. What
    an export is divided by is gone through several times, and is small.

    Args:
        outputs: the factory's.
    """

    def __init__(self, examples: Iterable[Example], outputs: Path, path: Path) -> None:
        self._examples, self._outputs, self._path = examples, str(outputs), path
        self._heads = path.with_name(f"{path.name}.heads")

    @classmethod
    @contextmanager
    def of(cls, examples: Iterable[Example], outputs: Path, folder: Path) -> Iterator[Self]:
        """Samples whose files lie in a folder until the block ends.

        Raises:
            StorageError: they cannot be read, when they are gone through first.
        """
        path = temporary_beside(folder / "samples.jsonl")
        samples = cls(examples, outputs, path)
        try:
            yield samples
        finally:
            path.unlink(missing_ok=True)
            samples._heads.unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Example]:
        """Go through them, one in memory at a time."""
        self._require_kept()
        with self._path.open("rb") as lines:
            yield from (Example.of(self._outputs, line) for line in lines)

    def heads(self) -> Iterator[Head]:
        """Likewise, but only so much of each as an export is divided by."""
        self._require_kept()
        with self._heads.open("rb") as lines:
            yield from map(_head, lines)

    def chains(self) -> Iterator[Head]:
        """The chains of which the first two turns or more are asked for, sorted by key."""
        self._require_kept()
        with self._heads.open("rb") as lines:
            for key in sorted(self._places):
                asked = enumerate(sorted(self._places[key]), 1)
                places = [place for number, (turn, place) in asked if turn == number]
                if len(places) > 1:
                    turns = [_head(_line_at(lines, place)) for place in places]
                    yield turns[0]._replace(
                        bytes=sum(turn.bytes for turn in turns),
                        stamp=digest(*(turn.stamp for turn in turns)),
                        places=tuple(place for turn in turns for place in turn.places),
                    )

    def read(self, heads: Iterable[Head]) -> Iterator[tuple[Head, list[Example]]]:
        """Heads with their samples: one, or the turns of a chain, the source of each the target before it."""
        with self._path.open("rb") as lines:
            for head in heads:
                yield head, [Example.of(self._outputs, _line_at(lines, place)) for place in head.places]

    def _require_kept(self) -> None:
        if self._path.exists():
            return
        # Turn, and place among the heads, of each sample of a chain.
        self._places: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        place = place_of_head = 0
        with self._path.open("wb") as file, self._heads.open("wb") as heads:
            for example in self._examples:
                told = (example.key, example.stem, example.split, example.bytes, example.stamp)
                head = canonical(*told, seed_from(example.key), place)
                metadata = example.entry["metadata"]
                if metadata["chain"]:
                    self._places[metadata["chain"]].append((metadata["turn"], place_of_head))
                place += file.write(f"{example.line}\n".encode())
                place_of_head += heads.write(f"{head}\n".encode())


def chain_facts(turns: Sequence[Example], languages: tuple[Language, ...]) -> dict[str, Any]:
    """What exports say of a chain: of its photo a value, of its turns a list."""
    told = [turn.facts(languages) for turn in turns]
    shared = ("source_id", "split", "category", "scene", "source_path", *turns[0].photo_rights)
    of_turns = {"sample_keys": "sample_key", "edit_tasks": "edit_task", "subtypes": "subtype",
                "recipes": "recipe", "references": "reference"}  # fmt: skip
    of_turns |= {f"instructions_{language}": f"instruction_{language}" for language in languages}
    return {
        "chain": told[0]["sample_key"],
        "turns": len(told),
        **{name: told[0][name] for name in shared},
        **{plural: [one[name] for one in told] for plural, name in of_turns.items()},
    }


def _head(line: bytes) -> Head:
    key, stem, split, size, stamp, seed, place = json.loads(line)
    return Head(key, stem, split, size, stamp, seed, (place,))


def _line_at(lines: IO[bytes], place: int) -> bytes:
    lines.seek(place)
    return lines.readline()
