"""What is wrong with a picture file that its decoder lets pass: found before it becomes a source.

A decoder fills what is missing with grey or black and says nothing, or says it where nobody listens.
"""

import re
import struct
from collections.abc import Callable

import cv2
import numpy as np
import simplejpeg

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import SourceError
from iedf_assets.core.pictures.containers import Container
from iedf_assets.core.pictures.formats import code_ends
from iedf_assets.core.pictures.formats.stairs import require_no_stair
from iedf_assets.core.pictures.formats.tiff_strips import require_whole_pieces
from iedf_assets.core.reasons import CORRUPTED, TRUNCATED

_EXTRA = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
# Bytes before its end that a JPEG may have for nothing: some cameras fill up.
_FILLING = 64
# So many rows of nothing, at least, are no picture's own edge, as long as they begin within a row.
_LEAST_ROWS, _LEAST_RUN = 8, 16
# A shorter piece of a row tells it where the row above goes on there, in so many levels.
_CLEAR_RUN, _SHOWN = 2, 16
# Neighbours whose channels step by values that lie so far apart; the share of them, in so many rows, that no
# photo comes near: scikit-image's and 18 more have at most 0.6 %, what came out of broken code 9 % and more.
_JUMP, _MOST_JUMPS, _BAND = 128, 0.05, 16


def require_sound(container: Container, pixels: Pixels) -> None:
    """See that a picture is whole, as far as its file can tell.

    Args:
        pixels: as stored, before turning and scaling: uint8 (H, W, 3).

    Raises:
        SourceError: `truncated` or `corrupted`.
    """
    look = _LOOKS.get(container.format)
    if look is not None:
        look(container.data)
    if container.format == "JPEG":
        require_no_stair(container.data, pixels)
    if container.data[12:16] == b"VP8L":
        _require_no_confetti(pixels)
    if container.format in _FILLED:
        _require_no_empty_end(pixels if container.format != "BMP" else pixels[::-1])


def _jpeg(data: bytes) -> None:
    """The decoder's own warnings; an eighth of the size is enough to have it read everything."""
    try:
        simplejpeg.decode_jpeg(data, "GRAY", fastdct=True, fastupsample=True, min_factor=8, strict=True)
    except ValueError as error:
        told = str(error)
        extra = _EXTRA.search(told)
        # What a camera fills up with is one byte again and again.
        if extra and int(extra[1]) <= _FILLING and len(set(data[-2 - int(extra[1]) : -2])) == 1:
            return
        if "premature end" in told.lower():
            raise SourceError(TRUNCATED, f"the JPEG has less data than its size needs: {told}") from error
        if told.startswith("Corrupt JPEG data"):
            raise SourceError(CORRUPTED, told) from error


def _webp(data: bytes) -> None:
    """Its chunks fill it exactly."""
    at, end = 12, 8 + int.from_bytes(data[4:8], "little")
    while at + 8 <= end:
        kind, size = struct.unpack_from("<4sI", data, at)
        if not kind.isascii():
            raise SourceError(CORRUPTED, f"the WebP is broken at byte {at}")
        at += 8 + size + size % 2
    if at != end or len(data) > end + 1:
        raise SourceError(CORRUPTED, "the WebP's chunks do not fill it")
    code_ends.webp(data)


def _boxes(data: bytes) -> None:
    """The outermost boxes of an AVIF or HEIF fill it exactly."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
        if not kind.isascii() or (size < 8 and size != 0):
            raise SourceError(CORRUPTED, f"the file is broken at byte {at}")
        at = len(data) if size == 0 else at + size
    if at != len(data):
        wrong = TRUNCATED if at > len(data) else CORRUPTED
        raise SourceError(wrong, "the file's boxes do not fill it")


def _heif(data: bytes) -> None:
    _boxes(data)
    code_ends.heif(data)


def _avif(data: bytes) -> None:
    _boxes(data)
    code_ends.avif(data)


def _bmp(data: bytes) -> None:
    told = int.from_bytes(data[2:6], "little")
    if told and told != len(data):
        wrong = TRUNCATED if told > len(data) else CORRUPTED
        raise SourceError(wrong, f"the BMP has {len(data)} bytes and says {told}")


def _require_no_empty_end(pixels: Pixels) -> None:
    """See that a picture does not end in black that begins in the middle of a row."""
    filled = np.flatnonzero(pixels.any(axis=(1, 2)))
    if len(filled) == 0:
        return
    last = int(filled[-1])
    empty = len(pixels) - 1 - last
    shown = np.flatnonzero(pixels[last].any(axis=1))
    run = pixels.shape[1] - 1 - int(shown[-1])
    above = pixels[max(last - 1, 0)]
    begins = run >= _LEAST_RUN or (run >= _CLEAR_RUN and _breaks_off(above, pixels[last], run))
    if empty >= _LEAST_ROWS and begins and int(shown[0]) == 0:
        raise SourceError(TRUNCATED, f"nothing but zeros in the last {empty} rows and part of the one before")


def _breaks_off(above: Pixels, row: Pixels, run: int) -> bool:
    """Whether a row goes on as the one above it, all of which shows something, and then shows nothing."""
    step = np.abs(row[:-run].astype(np.int16) - above[:-run]).mean()
    return bool(above[-run:].max(axis=1).min() >= _SHOWN and step < _SHOWN)


def _require_no_confetti(pixels: Pixels) -> None:
    """See that colours do not jump, each another way, as where differences add up to nonsense."""
    wide = pixels.astype(np.int16)
    steps = wide[:, 1:] - wide[:, :-1]
    red, green, blue = cv2.split(steps)
    spread = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    jumps = spread > _JUMP
    for top in range(0, len(pixels), _BAND):
        found = steps[top : top + _BAND][jumps[top : top + _BAND]]
        # Letters on a coloured ground jump too, again and again the same way.
        if len(found) > _MOST_JUMPS * jumps[top : top + _BAND].size and (
            len(np.unique(found, axis=0)) > len(found) / 4
        ):
            raise SourceError(CORRUPTED, f"colours jump as in no photo from row {top} on")


_LOOKS: dict[str, Callable[[bytes], None]] = {
    "JPEG": _jpeg, "WEBP": _webp, "AVIF": _avif, "HEIF": _heif, "BMP": _bmp,
    "GIF": code_ends.gif, "TIFF": require_whole_pieces,
}  # fmt: skip
# Formats without a checksum or a code that could break.
_FILLED = frozenset({"BMP", "TIFF"})
