"""The coded pictures of AVIF and HEIF: items of a box `meta`, whose bytes lie elsewhere in the file."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MOST_ITEMS = 1000
# A flag of an item that is shown as a part of others alone, a tile for instance.
_HIDDEN = 1


@dataclass(frozen=True)
class Item:
    """One coded picture: the photo, a tile of it, its alpha, a thumbnail.

    Attributes:
        number: by which the file names it.
        payload: its bytes.
        place: where the file says where they are.
    """

    number: int
    payload: bytes
    place: "_Place"


@dataclass(frozen=True)
class _Place:
    """Of an item with one extent: where its offset and its length are written, and in how many bytes."""

    offset_at: int
    offset_size: int
    length_at: int
    length_size: int
    base: int


def coded_items(data: bytes, kind: bytes) -> list[Item]:
    """The items of a type that lie in one piece and can be read; none where the file has no such box.

    Args:
        kind: `av01` or `hvc1`.
    """
    try:
        meta = _meta(data)
        if meta is None:
            return []
        wanted = _numbers(data, meta[b"iinf"], kind)
        return [item for item in _located(data, *meta[b"iloc"]) if item.number in wanted][:_MOST_ITEMS]
    except (struct.error, KeyError, IndexError):
        return []


def shown_items(data: bytes, kind: bytes) -> list[Item]:
    """Those of `coded_items` that the photo is: its picture, or the tiles of it; no thumbnail, no depth."""
    found = coded_items(data, kind)
    meta = _meta(data)
    if not found or meta is None or b"pitm" not in meta:
        return []
    shown = {_primary(data, meta)}
    start, end = meta.get(b"iref", (0, 0))
    wide = 4 if end and data[start] else 2  # the box's version
    for name, at, stop in _boxes(data, start + 4, end):
        if name == b"dimg" and _number(data, at, wide) in shown:
            shown |= {_number(data, place, wide) for place in range(at + wide + 2, stop, wide)}
    return [item for item in found if item.number in shown]


def _primary(data: bytes, meta: dict[bytes, tuple[int, int]]) -> int:
    at, _ = meta[b"pitm"]
    return _number(data, at + 4, 2 if data[at] == 0 else 4)


def alone(data: bytes, item: Item, payload: bytes) -> bytes:
    """The file with an item for its picture and other bytes for the item's own.

    Args:
        item: of `coded_items`.
        payload: they are put behind the end.
    """
    file = bytearray(data)
    # The main brand of a film would have its decoder read the film.
    if file[8:12] == b"avis":
        file[8:12] = b"avif"
    meta = _meta(data)
    assert meta is not None
    for entry in _entries(data, meta[b"iinf"]):
        file[entry + 3] &= ~_HIDDEN & 0xFF
    at, _ = meta[b"pitm"]
    size = 2 if file[at] == 0 else 4
    file[at + 4 : at + 4 + size] = item.number.to_bytes(size, "big")
    place, start = item.place, len(data) + 8
    file[place.offset_at : place.offset_at + place.offset_size] = (start - place.base).to_bytes(
        place.offset_size, "big"
    )
    file[place.length_at : place.length_at + place.length_size] = len(payload).to_bytes(
        place.length_size, "big"
    )
    return bytes(file) + (8 + len(payload)).to_bytes(4, "big") + b"mdat" + payload


def parameter_sets(data: bytes, item: Item) -> list[bytes]:
    """The units of HEVC that say how an item is coded; none where the file does not say which are its own."""
    try:
        meta = _meta(data)
        assert meta is not None
        places = {kind: (start, end) for kind, start, end in _boxes(data, *meta[b"iprp"])}
        properties = list(_boxes(data, *places[b"ipco"]))
        for index in _property_indices(data, places[b"ipma"], item.number):
            kind, start, _ = properties[index - 1]
            if kind == b"hvcC":
                return list(_configured(data, start))
    except (struct.error, KeyError, IndexError):
        pass
    return []


def _property_indices(data: bytes, box: tuple[int, int], number: int) -> list[int]:
    """Of an item, counted from 1, from `ipma`."""
    start, _ = box
    # The box's version and flags: numbers of items are wide, indices are wide.
    wide, each = 2 if data[start] == 0 else 4, 1 + (data[start + 3] & 1)
    mask, at = 0x7F if each == 1 else 0x7FFF, start + 8
    for _ in range(min(_number(data, start + 4, 4), _MOST_ITEMS)):
        count = data[at + wide]
        first = at + wide + 1
        if _number(data, at, wide) == number:
            return [_number(data, first + place * each, each) & mask for place in range(count)]
        at = first + count * each
    return []


def _configured(data: bytes, start: int) -> Iterator[bytes]:
    """The units of a box `hvcC`."""
    at = start + 23
    for _ in range(data[start + 22]):
        units, at = _number(data, at + 1, 2), at + 3
        for _ in range(units):
            size = _number(data, at, 2)
            yield data[at + 2 : at + 2 + size]
            at += 2 + size


def _meta(data: bytes) -> dict[bytes, tuple[int, int]] | None:
    """Type → (start, end) of the boxes in `meta`."""
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"meta":
            return {kind: (start, end) for kind, start, end in _boxes(data, start + 4, end)}
    return None


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,), start = struct.unpack_from(">Q", data, start), start + 8
        stop = end if size == 0 else at + size
        if stop <= at:
            return
        yield kind, start, min(stop, end)
        at = stop


def _entries(data: bytes, box: tuple[int, int]) -> Iterator[int]:
    """Where what `iinf` says of each item begins."""
    start, end = box
    for name, at, _ in _boxes(data, start + (6 if data[start] == 0 else 8), end):
        if name == b"infe" and data[at] in {2, 3}:
            yield at


def _numbers(data: bytes, box: tuple[int, int], kind: bytes) -> set[int]:
    """Numbers of the items of a type, from `iinf`."""
    numbers = set()
    for at in _entries(data, box):
        form = ">H2x4s" if data[at] == 2 else ">I2x4s"  # the box's version
        number, told = struct.unpack_from(form, data, at + 4)
        if told == kind:
            numbers.add(number)
    return numbers


def _located(data: bytes, start: int, end: int) -> Iterator[Item]:
    """The items of `iloc` that have one extent, in the file itself."""
    version = data[start]
    sizes = data[start + 4], data[start + 5]
    offset_size, length_size, base_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index_size = sizes[1] & 15 if version else 0
    wide = 4 if version == 2 else 2  # the box's version
    at = start + 6 + wide
    for _ in range(min(_number(data, start + 6, wide), _MOST_ITEMS)):
        number = _number(data, at, wide)
        method = data[at + wide + 1] & 15 if version else 0
        at += wide + (2 if version else 0) + 2
        base = _number(data, at, base_size)
        extents = _number(data, at + base_size, 2)
        at += base_size + 2
        place = _Place(at + index_size, offset_size, at + index_size + offset_size, length_size, base)
        at += extents * (index_size + offset_size + length_size)
        if at > end:
            return
        if extents != 1 or method != 0 or not offset_size or not length_size:
            continue
        offset = base + _number(data, place.offset_at, offset_size)
        length = _number(data, place.length_at, length_size)
        if 0 < length <= len(data) - offset:
            yield Item(number, data[offset : offset + length], place)


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")
