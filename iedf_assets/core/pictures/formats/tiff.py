"""The directories of TIFF, which EXIF blocks have too."""

import struct
from collections.abc import Iterator
from typing import Literal, NamedTuple

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_WHOLE = frozenset({1, 3, 4, 6, 8, 9, 13})
_SUB_DIRECTORY = 13


class Entry(NamedTuple):
    """One tag.

    Attributes:
        kind: the type of its values, as TIFF counts them.
        size: bytes that its values take; `value` is shorter where they lie beyond the end.
        order: of the bytes of a number.
        place: where its values begin in the block.
    """

    tag: int
    kind: int
    size: int
    value: bytes
    order: Literal["big", "little"]
    place: int


def entries_of(block: bytes, at: int | None = None) -> Iterator[Entry]:
    """The tags of a directory.

    Args:
        block: a TIFF file, or an EXIF block without its introduction.
        at: where the directory begins; None for the first one.
    """
    if len(block) < 8:
        return
    order: Literal["big", "little"] = "big" if block[:2] == b"MM" else "little"
    sign = ">" if order == "big" else "<"
    if at is None:
        (at,) = struct.unpack_from(sign + "I", block, 4)
    if at + 2 > len(block):
        return
    (count,) = struct.unpack_from(sign + "H", block, at)
    for place in range(at + 2, min(at + 2 + 12 * count, len(block) - 11), 12):
        tag, kind, number = struct.unpack_from(sign + "HHI", block, place)
        size = (4 if kind == _SUB_DIRECTORY else _SIZES.get(kind, 0)) * number
        start = place + 8 if size <= 4 else struct.unpack_from(sign + "I", block, place + 8)[0]
        yield Entry(tag, kind, size, bytes(block[start : start + size]), order, start)


def number_of(entry: Entry) -> int | None:
    """The first value of a tag of whole numbers, whatever their length; None for another one."""
    length = 4 if entry.kind == _SUB_DIRECTORY else _SIZES.get(entry.kind, 0)
    if entry.kind not in _WHOLE or len(entry.value) < length:
        return None
    return int.from_bytes(entry.value[:length], entry.order)


def tags_of(block: bytes, at: int | None = None) -> dict[int, Entry]:
    """The tags of a directory by their numbers; of two of one number the first."""
    found: dict[int, Entry] = {}
    for entry in entries_of(block, at):
        found.setdefault(entry.tag, entry)
    return found
