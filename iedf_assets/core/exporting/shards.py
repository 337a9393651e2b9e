"""Dividing samples into shards of bounded size, so that a sample more changes one of them and not all.

Where a shard ends, the samples themselves say: each is a last one by its own number, with a chance that grows
with its bytes. Whatever comes before or after, the same samples end up in the same shard.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from iedf_assets.core.storage.keys import digest, seed_from

# A shard is half as large on average as it may be: only one in eight is cut off by its bound.
_HALF = 2
_RANGE = 0x8000_0000
# What a row takes beside its pictures.
_ROW_BYTES = 4096


class Entry(Protocol):
    """What is written into a shard: a sample, or a chain of them; see `Example` and `Chain`."""

    @property
    def key(self) -> str:
        """What it is called."""

    @property
    def stem(self) -> str:
        """A file name for it."""

    @property
    def split(self) -> str:
        """`train` or `validation`."""

    @property
    def bytes(self) -> int:
        """Of its files."""

    @property
    def stamp(self) -> str:
        """Another one whenever it has changed."""


One = TypeVar("One", bound=Entry)


@dataclass
class Shard(Generic[One]):
    """Samples or chains of one split that are written together.

    Attributes:
        split: `train` or `validation`.
        examples: sorted by key.
        bytes: about how much they come to.
    """

    split: str
    examples: list[One] = field(default_factory=list)
    bytes: int = 0

    def key(self, *settings: object) -> str:
        """Of its content and of how it is written."""
        return digest([example.stamp for example in self.examples], *map(str, settings))


def sharded(examples: Iterable[One], limit: int) -> Iterator[Shard[One]]:
    """Divide samples or chains into shards, each as soon as it is full.

    Args:
        limit: bytes that a shard may hold, but for one sample that is larger by itself.
    """
    opened: dict[str, Shard[One]] = {}
    for example in examples:
        size = example.bytes + _ROW_BYTES
        shard = opened.setdefault(example.split, Shard[One](example.split))
        if shard.examples and shard.bytes + size > limit:
            yield opened.pop(example.split)
            shard = opened.setdefault(example.split, Shard[One](example.split))
        shard.examples.append(example)
        shard.bytes += size
        if seed_from(example.key) < _RANGE * min(1.0, _HALF * size / limit):
            yield opened.pop(example.split)
    yield from (opened[split] for split in sorted(opened))
