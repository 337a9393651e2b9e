"""Dividing samples into shards of bounded size, so that a sample more changes one of them and not all.

Where a shard ends, the samples themselves say: each is a last one by its own number, with a chance that grows
with its bytes. Whatever comes before or after, the same samples end up in the same shard.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from iedf_assets.core.exporting.samples import Head
from iedf_assets.core.storage.keys import digest

# A shard is half as large on average as it may be: only one in eight is cut off by its bound.
_HALF = 2
_RANGE = 0x8000_0000
# What a row takes beside its pictures.
_ROW_BYTES = 4096


@dataclass
class Shard:
    """Samples or chains of one split that are written together.

    Attributes:
        split: `train` or `validation`.
        heads: sorted by key.
        bytes: about how much they come to.
    """

    split: str
    heads: list[Head] = field(default_factory=list)
    bytes: int = 0

    def key(self, *settings: object) -> str:
        """Of its content and of how it is written."""
        return digest([head.stamp for head in self.heads], *map(str, settings))


def sharded(heads: Iterable[Head], limit: int) -> Iterator[Shard]:
    """Divide samples or chains into shards, each as soon as it is full.

    Args:
        limit: bytes that a shard may hold, but for one sample that is larger by itself.
    """
    opened: dict[str, Shard] = {}
    for head in heads:
        size = head.bytes + _ROW_BYTES
        shard = opened.setdefault(head.split, Shard(head.split))
        if shard.heads and shard.bytes + size > limit:
            yield opened.pop(head.split)
            shard = opened.setdefault(head.split, Shard(head.split))
        shard.heads.append(head)
        shard.bytes += size
        if head.seed < _RANGE * min(1.0, _HALF * size / limit):
            yield opened.pop(head.split)
    yield from (opened[split] for split in sorted(opened))
