"""What lies around the pixels of a picture file: its format, whether it is whole, orientation and profile.

Decoders let pass what must not pass here: a JPEG with garbage in the middle, a PNG with wrong checksums or
without its end. So JPEG and PNG are walked through segment by segment first, and the decoder is handed only
the segments that it needs; broken metadata cannot spoil sound pixels.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.errors import SourceError
from iedf_assets.core.pictures.formats.colour_spaces import (
    Space,
    of_bmp,
    of_code_points,
    of_exif,
    of_png,
    of_tiff,
)
from iedf_assets.core.pictures.formats.raw_files import raw_kind
from iedf_assets.core.pictures.formats.tiff import entries_of, number_of, tags_of
from iedf_assets.core.reasons import CORRUPTED, RAW_FILE, TRUNCATED, UNREADABLE

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_PNG_TOLD = frozenset({b"eXIf", b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"})
_JPEG_SEQUENTIAL = frozenset({0xC0, 0xC1})
_JPEG_KEPT = frozenset({0xE0, 0xEE})  # JFIF and Adobe: they say which colour space the components are in
# tables, scans, line numbers, comments and applications' own
_JPEG_BETWEEN_SCANS = frozenset({0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)})
_ORIENTATION = 0x0112
# What lies among photos and is none that is read.
_FOREIGN = (
    (b"\xff\x0a", "JPEG XL"), (b"\0\0\0\x0cJXL ", "JPEG XL"), (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"), (b"v/1\x01", "OpenEXR"), (b"#?RADIANCE", "Radiance HDR"),
    (b"8BPS", "Photoshop's PSD"), (b"%PDF", "a PDF"), (b"PK\x03\x04", "an archive"), (b"<svg", "SVG"),
    (b"\0\x05\x16\x07", "macOS' notes on another file"), (b"\x1aE\xdf\xa3", "a film"),
    (b"<!DOCTYPE", "a web page"), (b"<html", "a web page"),
    (b"version https://git-lfs", "Git LFS' pointer to a file that is still to be fetched"),
)  # fmt: skip
_MAX_PROFILE_BYTES = 16 << 20
# The boxes that describe an AVIF or HEIF lie before its pixels, and take no more.
_MAX_BOXES = 1 << 20
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
        space: the colours by other words of the file, which count where it has no profile; None for sRGB.
    """

    format: str
    data: bytes
    exif: bytes = b""
    icc: bytes = b""
    space: Space | None = None


def take_apart(data: bytes) -> Container:
    """Tell a file's format by its content and take it apart.

    Raises:
        SourceError: `unreadable` for what is no picture in a known format, `truncated` for one that ends too
            early, `corrupted` for one that is damaged inside.
    """
    if not data:
        raise SourceError(UNREADABLE, "the file is empty")
    raw = raw_kind(data)
    if raw is not None:
        raise SourceError(
            RAW_FILE, f"a raw file ({raw}), not a photo yet", "develop it, and put the JPEG or TIFF here"
        )
    for name, matches, walk in _FORMATS:
        if matches(data):
            return walk(name, data)
    known = next((name for beginning, name in _FOREIGN if data.startswith(beginning)), None)
    known = known or ("a film" if data[4:8] == b"ftyp" else None)
    told = known or f"a format that is not read; it begins with {data[:12]!r}"
    raise SourceError(UNREADABLE, f"not a picture but {told}: convert it to JPEG or PNG if it is one")


def orientation(exif: bytes) -> int:
    """The EXIF orientation, 1-8; 1 when there is none or the block is broken."""
    entry = tags_of(exif.removeprefix(b"Exif\0\0")).get(_ORIENTATION)
    number = number_of(entry) if entry else None
    return number if number is not None and 1 <= number <= 8 else 1


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
    icc = b"".join(profile[part] for part in sorted(profile))
    return Container(name, b"".join(kept), exif, icc, of_exif(exif))


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
    view, at, kept, told = memoryview(data), 8, [data[:8]], dict[bytes, bytes]()
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
        elif kind in _PNG_TOLD:
            # The first one counts, and no other is so much as inflated.
            told.setdefault(kind, data[at + 8 : end - 4])
        if kind == b"IEND":
            return _png_colours(Container(name, b"".join(kept), told.get(b"eXIf", b"")), told)
        at = end
    raise SourceError(TRUNCATED, "the PNG has no end")


def _png_colours(container: Container, told: dict[bytes, bytes]) -> Container:
    """With the colours that a PNG's chunks tell: cICP before iCCP, before sRGB, before the rest."""
    points = told.get(b"cICP", b"")
    if len(points) == 4:
        return replace(container, space=of_code_points(points[0], points[1]))
    if b"iCCP" in told:
        return replace(container, icc=_inflated_profile(told[b"iCCP"]))
    if b"sRGB" in told:
        return container
    exif = of_exif(container.exif)
    return replace(container, space=exif or of_png(told.get(b"gAMA", b""), told.get(b"cHRM", b"")))


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
        entries = list(entries_of(data))
        if not entries or any(len(entry.value) < entry.size for entry in entries):
            raise SourceError(TRUNCATED, "the TIFF ends before or within its tags")
        return Container(name, data, space=of_tiff(data))
    return Container(name, data)


def _bmp(name: str, data: bytes) -> Container:
    space, icc = of_bmp(data)
    return Container(name, data, icc=icc, space=space)


def _boxed(name: str, data: bytes) -> Container:
    """AVIF and HEIF, whose colours are told in a box of the picture's properties."""
    points = _nclx(data)
    return Container(name, data, space=of_code_points(*points) if points else None)


def _nclx(data: bytes) -> tuple[int, int] | None:
    """Primaries and transfer of the first picture that tells them; None where a profile does, or nothing."""
    at = data.find(b"colrnclx", 0, _MAX_BOXES)
    if at < 0 or data.find(b"colrprof", 0, _MAX_BOXES) >= 0 or data.find(b"colrrICC", 0, _MAX_BOXES) >= 0:
        return None
    primaries, transfer = struct.unpack_from(">HH", data.ljust(at + 12, b"\0"), at + 8)
    return primaries, transfer


def _has_brand(data: bytes, *wanted: bytes) -> bool:
    brands = data[8 : max(16, min(int.from_bytes(data[:4], "big"), 256))]
    return data[4:8] == b"ftyp" and any(brand in brands for brand in wanted)


_FORMATS: tuple[tuple[str, Callable[[bytes], bool], Callable[[str, bytes], Container]], ...] = (
    ("JPEG", lambda data: data.startswith(b"\xff\xd8\xff"), _jpeg),
    ("PNG", lambda data: data.startswith(_PNG_MAGIC), _png),
    ("WEBP", lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP", _webp),
    ("TIFF", lambda data: data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}, _tiff),
    ("GIF", lambda data: data.startswith((b"GIF87a", b"GIF89a")), Container),
    ("BMP", lambda data: data.startswith(b"BM"), _bmp),
    ("AVIF", lambda data: _has_brand(data, b"avif", b"avis"), _boxed),
    ("HEIF", lambda data: _has_brand(data, b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1"), _boxed),
)
