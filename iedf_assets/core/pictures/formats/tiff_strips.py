"""The pixels of a TIFF as they lie in it: strips or tiles, and whether they are what its tags need.

TIFF has no checksum, and libtiff leaves the one of Deflate unread.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL.TiffImagePlugin import TiffImageFile

from iedf_assets.core.errors import SourceError
from iedf_assets.core.pictures.formats.code_ends import LEAST, LZW_CUT, require_needed
from iedf_assets.core.pictures.formats.tiff import Entry, number_of, tags_of
from iedf_assets.core.reasons import CORRUPTED, TRUNCATED

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _ROWS = 256, 257, 258, 259, 262, 278
_SAMPLES, _PLANAR, _TILE_WIDTH, _TILE_HEIGHT = 277, 284, 322, 323
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_NONE, _LZW, _DEFLATE = 1, 5, frozenset({8, 32946})
_YCBCR, _SEPARATE = 6, 2
# Further directories, and what a strip alone is read by: bits, compression, meaning, order, samples, colours.
_POINTERS = frozenset({330, 34665, 34853, 40965})
_KEPT = frozenset({_BITS, _COMPRESSION, _PHOTOMETRIC, 266, _SAMPLES, 317, 320, 338, 339})
_SHORT, _LONG = 3, 4
# Strips are filled up to whole words, no more.
_MOST_SPARE = 1.05
# What follows the last strip is more of the picture when it differs so little from the row above, in levels.
_ALIKE = 24


@dataclass(frozen=True)
class _Layout:
    """How the first picture of a TIFF lies in its file."""

    tags: dict[int, Entry]
    pieces: list[tuple[int, int]]
    width: int
    rows: int
    stride: int
    tiled: bool

    def piece(self, data: bytes, number: int) -> bytes:
        start, length = self.pieces[number]
        return data[start : start + length]


def require_whole_pieces(data: bytes) -> None:
    """See that a TIFF's strips or tiles hold what its tags need, and nothing else does.

    Raises:
        SourceError: `truncated` or `corrupted`.
    """
    layout = _layout(data)
    if layout is None:
        return
    compression = _told(layout.tags, _COMPRESSION, _NONE)
    if compression == _NONE:
        _require_fitting(layout, len(data))
        _require_no_more(data, layout)
    elif compression in _DEFLATE:
        for number in range(len(layout.pieces)):
            _require_checksum(layout.piece(data, number), layout.rows * layout.stride)
    elif compression == _LZW and _told(layout.tags, _PLANAR, 1) != _SEPARATE:
        for number in range(len(layout.pieces)):
            _require_code_end(data, layout, number)


def _layout(data: bytes) -> _Layout | None:
    """None for BigTIFF, and where the tags do not say."""
    if data[2:4] not in {b"*\0", b"\0*"}:
        return None
    tags = tags_of(data)
    tiled = _TILES in tags
    places, lengths = tags.get(_TILES if tiled else _STRIPS), tags.get(_TILE_BYTES if tiled else _STRIP_BYTES)
    width, height = _told(tags, _WIDTH, 0), _told(tags, _HEIGHT, 0)
    bits = _values(tags[_BITS]) if _BITS in tags else [1]
    if places is None or lengths is None or not width or not height or len(set(bits)) != 1:
        return None
    if tiled:
        width, rows = _told(tags, _TILE_WIDTH, width), _told(tags, _TILE_HEIGHT, height)
    else:
        rows = min(_told(tags, _ROWS, height), height)
    samples = 1 if _told(tags, _PLANAR, 1) == _SEPARATE else _told(tags, _SAMPLES, 1)
    pieces = list(zip(_values(places), _values(lengths), strict=False))
    return _Layout(tags, pieces, width, rows, (width * bits[0] * samples + 7) // 8, tiled) if pieces else None


def _require_fitting(layout: _Layout, size: int) -> None:
    height = _told(layout.tags, _HEIGHT, 0)
    if layout.tiled or _told(layout.tags, _PHOTOMETRIC, 0) == _YCBCR:
        return
    planes = _told(layout.tags, _SAMPLES, 1) if _told(layout.tags, _PLANAR, 1) == _SEPARATE else 1
    needed, held = height * layout.stride * planes, sum(length for _, length in layout.pieces)
    if held < needed:
        raise SourceError(TRUNCATED, f"the TIFF's strips have {held} bytes, and its size needs {needed}")
    if needed * _MOST_SPARE < held <= size:
        raise SourceError(CORRUPTED, f"the TIFF's strips have {held} bytes, and its size needs only {needed}")


def _require_no_more(data: bytes, layout: _Layout) -> None:
    """See that what follows the last strip, if nothing points to it, is not the rest of the picture."""
    end, stride = max(start + length for start, length in layout.pieces), layout.stride
    sign = ">" if data[:2] == b"MM" else "<"
    (directory,) = struct.unpack_from(sign + "I", data, 4)
    (count,) = struct.unpack_from(sign + "H", data, directory)
    others = data[directory + 2 + 12 * count :][:4].strip(b"\0")
    pointed = [number_of(entry) or 0 for entry in layout.tags.values() if entry.tag in _POINTERS]
    places = [directory, *pointed, *(entry.place for entry in layout.tags.values())]
    tail = np.frombuffer(data[end : end + stride], np.uint8)
    if others or max(places) >= end or len(tail) == 0 or end < stride or not np.ptp(tail):
        return
    above = np.frombuffer(data[end - stride : end - stride + len(tail)], np.uint8)
    if np.abs(tail.astype(np.int16) - above).mean() < _ALIKE:
        raise SourceError(CORRUPTED, "the TIFF's picture goes on behind its last strip: bytes were put in")


def _require_checksum(piece: bytes, most: int) -> None:
    unpacker = zlib.decompressobj()
    try:
        while not unpacker.eof and piece and most >= 0:
            most -= len(unpacker.decompress(piece, 1 << 20))
            piece = unpacker.unconsumed_tail
    except zlib.error as error:
        raise SourceError(CORRUPTED, f"a strip of the TIFF is broken: {error}") from error
    if not unpacker.eof and most >= 0:
        raise SourceError(TRUNCATED, "a strip of the TIFF ends too early")


def _require_code_end(data: bytes, layout: _Layout, number: int) -> None:
    piece = layout.piece(data, number)
    if len(piece) <= LEAST:
        return
    rows = layout.rows
    if not layout.tiled:
        rows = min(rows, max(_told(layout.tags, _HEIGHT, 0) - number * rows, 1))
    require_needed(_alone(layout, piece, rows), _alone(layout, piece[:-LZW_CUT], rows), TiffImageFile)


def _alone(layout: _Layout, piece: bytes, rows: int) -> bytes:
    """A TIFF of one strip."""
    sign = ">" if layout.tags[_WIDTH].order == "big" else "<"
    new = {_WIDTH: layout.width, _HEIGHT: rows, _ROWS: rows, _STRIP_BYTES: len(piece), _STRIPS: 8}
    fields = {tag: struct.pack(sign + "HHII", tag, _LONG, 1, number) for tag, number in new.items()}
    kept = [entry for tag, entry in layout.tags.items() if tag in _KEPT and entry.kind == _SHORT]
    directory = 8 + len(piece) + len(piece) % 2
    behind, values = directory + 2 + 12 * (len(fields) + len(kept)) + 4, b""
    for entry in kept:
        place = entry.value.ljust(4, b"\0")
        if entry.size > len(place):
            place, values = struct.pack(sign + "I", behind + len(values)), values + entry.value
        fields[entry.tag] = struct.pack(sign + "HHI", entry.tag, _SHORT, entry.size // 2) + place
    head = (b"MM\0*" if sign == ">" else b"II*\0") + struct.pack(sign + "I", directory)
    table = struct.pack(sign + "H", len(fields)) + b"".join(fields[tag] for tag in sorted(fields)) + bytes(4)
    return head + piece + bytes(len(piece) % 2) + table + values


def _told(tags: dict[int, Entry], tag: int, otherwise: int) -> int:
    entry = tags.get(tag)
    number = number_of(entry) if entry else None
    return otherwise if number is None else number


def _values(entry: Entry) -> list[int]:
    size = {_SHORT: 2, _LONG: 4}.get(entry.kind)
    if size is None:
        return []
    step = range(0, len(entry.value) - size + 1, size)
    return [int.from_bytes(entry.value[at : at + size], entry.order) for at in step]
