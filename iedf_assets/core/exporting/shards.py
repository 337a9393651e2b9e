"""Dividing samples into shards of bounded size, so that a sample more changes one of them and not all.

Where a shard ends, the samples themselves say: each is a last one by its own number, with a chance that grows
with its bytes. Whatever comes before or after, the same samples end up in the same shard.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.storage.keys import digest, seed_from

# A shard is half as large on average as it may be: only one in eight is cut off by its bound.
_HALF = 2
_RANGE = 0x8000_0000
# What a row takes beside its pictures.
_ROW_BYTES = 4096


@dataclass
class Shard:
    """Samples of one split that are written together.

    Attributes:
        split: `train` or `validation`.
        examples: sorted by key.
        bytes: about how much they come to.
    """

    split: str
    examples: list[Example] = field(default_factory=list)
    bytes: int = 0

    def key(self, *settings: object) -> str:
        """Of its content and of how it is written."""
        return digest([example.stamp for example in self.examples], *map(str, settings))


def sharded(examples: Iterable[Example], limit: int) -> Iterator[Shard]:
    """Divide samples into shards, each as soon as it is full.

    Args:
        limit: bytes that a shard may hold, but for one sample that is larger by itself.
    """
    opened: dict[str, Shard] = {}
    for example in examples:
        size = example.bytes + _ROW_BYTES
        shard = opened.setdefault(example.split, Shard(example.split))
        if shard.examples and shard.bytes + size > limit:
            yield opened.pop(example.split)
            shard = opened.setdefault(example.split, Shard(example.split))
        shard.examples.append(example)
        shard.bytes += size
        if seed_from(example.entry["sample_key"]) < _RANGE * min(1.0, _HALF * size / limit):
            yield opened.pop(example.split)
    yield from (opened[split] for split in sorted(opened))
