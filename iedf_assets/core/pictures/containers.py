"""What lies around the pixels of a picture file: its format, whether it is whole, orientation and profile.

Decoders let pass what must not pass here: a JPEG with garbage in the middle, a PNG with wrong checksums or
without its end. So JPEG and PNG are walked through segment by segment first, and the decoder is handed only
the segments that it needs; broken metadata cannot spoil sound pixels.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.errors import SourceError
from iedf_assets.core.reasons import CORRUPTED, TRUNCATED, UNREADABLE

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_JPEG_SEQUENTIAL = frozenset({0xC0, 0xC1})
_JPEG_KEPT = frozenset({0xE0, 0xEE})  # JFIF and Adobe: they say which colour space the components are in
# tables, scans, line numbers, comments and applications' own
_JPEG_BETWEEN_SCANS = frozenset({0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)})
_ORIENTATION = 0x0112
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_MAX_PROFILE_BYTES = 16 << 20
# Programs write about ten; each one takes its time with every pixel.
_MAX_SCANS = 100


@dataclass(frozen=True)
class Container:
    """A picture file taken apart.

    Attributes:
        format: Pillow's name of it.
        data: what the decoder is to read.
        exif: the EXIF block, empty when there is none or when only the decoder knows it.
        icc: the colour profile, likewise.
    """

    format: str
    data: bytes
    exif: bytes = b""
    icc: bytes = b""


def take_apart(data: bytes) -> Container:
    """Tell a file's format by its content and take it apart.

    Raises:
        SourceError: `unreadable` for what is no picture in a known format, `truncated` for one that ends too
            early, `corrupted` for one that is damaged inside.
    """
    if not data:
        raise SourceError(UNREADABLE, "the file is empty")
    for name, matches, walk in _FORMATS:
        if matches(data):
            return walk(name, data)
    raise SourceError(
        UNREADABLE,
        f"not a picture in a format that is read; it begins with {data[:12]!r}",
        "convert it to JPEG or PNG",
    )


def orientation(exif: bytes) -> int:
    """The EXIF orientation, 1-8; 1 when there is none or the block is broken."""
    block = exif.removeprefix(b"Exif\0\0")
    for tag, _, value in _tiff_entries(block):
        if tag == _ORIENTATION and len(value) >= 2:
            number = int.from_bytes(value[:2], _byte_order(block))
            return number if 1 <= number <= 8 else 1
    return 1


def _jpeg(name: str, data: bytes) -> Container:
    kept, exif, profile, components = [data[:2]], b"", {}, b""
    for marker, start, end in _jpeg_segments(data):
        body = data[start + 4 : end]
        if marker == 0xE1 and body.startswith(b"Exif\0"):
            exif = exif or body
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
            profile[body[12]] = body[14:]
        elif marker == 0xDA:
            kept.append(data[start : _jpeg_end(data, end, one_scan=components == body[:1])])
            break
        elif marker < 0xE0 or marker in _JPEG_KEPT:
            kept.append(data[start:end])
        if marker in _JPEG_SEQUENTIAL:
            components = body[5:6]
    return Container(name, b"".join(kept), exif, b"".join(profile[part] for part in sorted(profile)))


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment up to and with the first start of scan."""
    at = 2
    while True:
        start = data.find(b"\xff", at)
        while start >= 0 and data[start + 1 : start + 2] == b"\xff":
            start += 1
        if start < 0 or start + 2 > len(data):
            raise SourceError(TRUNCATED, "the JPEG ends before its first scan")
        marker = data[start + 1]
        if marker == 0xD9:
            raise SourceError(CORRUPTED, "the JPEG has no scan")
        if marker in {0x00, 0x01, 0xD8} or 0xD0 <= marker <= 0xD7:
            at = start + 2
            continue
        at = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        if max(at, start + 4) > len(data):
            raise SourceError(TRUNCATED, "the JPEG ends before its first scan")
        yield marker, start, at


def _jpeg_end(data: bytes, at: int, *, one_scan: bool) -> int:
    """Where the picture whose first scan's data begins at `at` ends, all its scans being whole.

    A decoder fills what garbage spoils with grey and says nothing, so garbage is told by the markers that
    it contains by chance: about one in 256 bytes begins one that has no business there.
    """
    stops = _scan_stops(data, restarts=b"\xff\xdd\0\4" in data)
    allowed = frozenset[int]() if one_scan else _JPEG_BETWEEN_SCANS
    in_scan, scans = True, 1
    while (index := int(np.searchsorted(stops, at))) < len(stops):
        stop = int(stops[index])
        marker, length = data[stop + 1], int.from_bytes(data[stop + 2 : stop + 4], "big")
        if not in_scan and data[at] != 0xFF:
            raise SourceError(CORRUPTED, f"the JPEG is broken at byte {at}")
        if marker == 0xD9:
            return stop + 2
        in_scan = marker == 0xDA
        if marker not in allowed or (in_scan and length != 6 + 2 * int.from_bytes(data[stop + 4 : stop + 5])):
            raise SourceError(CORRUPTED, f"the JPEG's scan is broken at byte {stop}")
        scans += in_scan
        if scans > _MAX_SCANS:
            raise SourceError(CORRUPTED, f"the JPEG has more than {_MAX_SCANS} scans, which none needs")
        at = stop + 2 + length
    raise SourceError(TRUNCATED, "the JPEG has no end")


def _scan_stops(data: bytes, *, restarts: bool) -> NDArray[np.intp]:
    """Places of the markers that would end a scan.

    Within one, 0xFF is followed by 0 (stuffing), 0xFF (filling) or, where the file has them, a restart.
    """
    values = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(values[:-1] == 0xFF)
    following = values[places + 1]
    harmless = (following == 0) | (following == 0xFF)
    if restarts:
        harmless |= (following & 0xF8) == 0xD0
    stops: NDArray[np.intp] = places[~harmless]
    return stops


def _png(name: str, data: bytes) -> Container:
    view, at, kept, exif, icc = memoryview(data), 8, [data[:8]], b"", b""
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if not kind.isalpha():
            raise SourceError(CORRUPTED, f"the PNG is broken at byte {at}")
        if end > len(data):
            raise SourceError(TRUNCATED, f"the PNG ends within its chunk {kind.decode()}")
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise SourceError(CORRUPTED, f"the checksum of the PNG's chunk {kind.decode()} is wrong")
        if kind in _PNG_KEPT:
            kept.append(data[at:end])
        elif kind == b"eXIf":
            exif = data[at + 8 : end - 4]
        elif kind == b"iCCP" and not icc:
            icc = _inflated_profile(data[at + 8 : end - 4])
        if kind == b"IEND":
            return Container(name, b"".join(kept), exif, icc)
        at = end
    raise SourceError(TRUNCATED, "the PNG has no end")


def _inflated_profile(body: bytes) -> bytes:
    _, _, packed = body.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(packed[1:], _MAX_PROFILE_BYTES)
    except zlib.error:
        return b""


def _webp(name: str, data: bytes) -> Container:
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise SourceError(TRUNCATED, "the WebP is shorter than it says")
    return Container(name, data)


def _tiff(name: str, data: bytes) -> Container:
    if data[2:4] in {b"*\0", b"\0*"}:
        entries = list(_tiff_entries(data))
        if not entries or any(len(value) < size for _, size, value in entries):
            raise SourceError(TRUNCATED, "the TIFF ends before or within its tags")
    return Container(name, data)


def _byte_order(block: bytes) -> Literal["big", "little"]:
    return "big" if block[:2] == b"MM" else "little"


def _tiff_entries(block: bytes) -> Iterator[tuple[int, int, memoryview]]:
    """(tag, size in bytes, value) of the first directory; a value that lies beyond the end is cut short."""
    view, order = memoryview(block), ">" if _byte_order(block) == "big" else "<"
    if len(block) < 8:
        return
    (at,) = struct.unpack_from(order + "I", block, 4)
    if at + 2 > len(block):
        return
    (count,) = struct.unpack_from(order + "H", block, at)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(block) - 11), 12):
        tag, kind, number = struct.unpack_from(order + "HHI", block, entry)
        size = _TYPE_SIZES.get(kind, 0) * number
        place = entry + 8 if size <= 4 else struct.unpack_from(order + "I", block, entry + 8)[0]
        yield tag, size, view[place : place + size]


def _is_avif(data: bytes) -> bool:
    brands = data[8 : max(16, min(int.from_bytes(data[:4], "big"), 256))]
    return data[4:8] == b"ftyp" and (b"avif" in brands or b"avis" in brands)


_FORMATS: tuple[tuple[str, Callable[[bytes], bool], Callable[[str, bytes], Container]], ...] = (
    ("JPEG", lambda data: data.startswith(b"\xff\xd8\xff"), _jpeg),
    ("PNG", lambda data: data.startswith(_PNG_MAGIC), _png),
    ("WEBP", lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP", _webp),
    ("TIFF", lambda data: data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}, _tiff),
    ("GIF", lambda data: data.startswith((b"GIF87a", b"GIF89a")), Container),
    ("BMP", lambda data: data.startswith(b"BM"), Container),
    ("AVIF", _is_avif, Container),
)
