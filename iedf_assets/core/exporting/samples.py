"""The samples of an export, looked up once and gone through as often as its form needs."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.profile.exports import Language
from iedf_assets.core.storage.files import temporary_beside
from iedf_assets.core.storage.keys import digest

# Between a sample's head and the rest of its line; JSON holds none of its own.
_END = b"\t"


class Head(NamedTuple):
    """What an export is divided by: of a sample, or of a chain of them.

    Attributes:
        key: of the sample; of a chain that of its first one, which is called the chain in each.
        stem: a file name for it, of its own among all samples, or all chains.
        split: `train` or `validation`.
        bytes: of its files together.
        stamp: another one whenever its files or what is known of it change.
        places: where its samples are found.
    """

    key: str
    stem: str
    split: str
    bytes: int
    stamp: str
    places: tuple[int, ...]


class Samples:
    """The samples that an export asks for, sorted by key, kept in a file beside it while it is made.

    What they are is joined of several tables, and each of their files is looked at: that is done once.
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
            yield from map(_example, lines)

    def heads(self) -> Iterator[Head]:
        """Likewise, but only so much of each as an export is divided by."""
        self._require_kept()
        place = 0
        with self._path.open("rb") as lines:
            for line in lines:
                yield _head(line, place)
                place += len(line)

    def chains(self) -> Iterator[Head]:
        """The chains of which the first two turns or more are asked for, sorted by key."""
        self._require_kept()
        with self._path.open("rb") as lines:
            for key in sorted(self._places):
                asked = enumerate(sorted(self._places[key]), 1)
                places = [place for number, (turn, place) in asked if turn == number]
                if len(places) > 1:
                    turns = [_head(_line_at(lines, place), place) for place in places]
                    yield turns[0]._replace(
                        bytes=sum(turn.bytes for turn in turns),
                        stamp=digest(*(turn.stamp for turn in turns)),
                        places=tuple(places),
                    )

    def read(self, heads: Iterable[Head]) -> Iterator[tuple[Head, list[Example]]]:
        """Heads with their samples: one, or the turns of a chain, the source of each the target before it."""
        with self._path.open("rb") as lines:
            for head in heads:
                yield head, [_example(_line_at(lines, place)) for place in head.places]

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


def chain_facts(turns: Sequence[Example], languages: tuple[Language, ...]) -> dict[str, Any]:
    """What exports say of a chain: of its photo a value, of its turns a list."""
    told = [turn.facts(languages) for turn in turns]
    shared = ("source_id", "split", "category", "scene", "source_path", *turns[0].rights)
    of_turns = {"sample_keys": "sample_key", "edit_tasks": "edit_task", "subtypes": "subtype",
                "recipes": "recipe"}  # fmt: skip
    of_turns |= {f"instructions_{language}": f"instruction_{language}" for language in languages}
    return {
        "chain": told[0]["sample_key"],
        "turns": len(told),
        **{name: told[0][name] for name in shared},
        **{plural: [one[name] for one in told] for plural, name in of_turns.items()},
    }


def _line(example: Example) -> bytes:
    head = [example.key, example.stem, example.split, example.bytes, example.stamp]
    rest = [example.entry, example.scores, {role: str(path) for role, path in example.files.items()}]
    told = (json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode() for part in (head, rest))
    return _END.join(told) + b"\n"


def _head(line: bytes, place: int) -> Head:
    key, stem, split, size, stamp = json.loads(line.partition(_END)[0])
    return Head(key, stem, split, size, stamp, (place,))


def _example(line: bytes) -> Example:
    head, _, rest = line.partition(_END)
    *_, size, stamp = json.loads(head)
    entry, scores, files = json.loads(rest)
    return Example(entry, scores, {role: Path(path) for role, path in files.items()}, size, stamp)


def _line_at(lines: Any, place: int) -> bytes:
    lines.seek(place)
    line: bytes = lines.readline()
    return line
