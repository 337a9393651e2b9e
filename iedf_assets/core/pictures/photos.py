"""Reading photos: from whatever lies on disk to sRGB pixels at working size, or the reason why not."""

import io
import math
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import SourceError
from iedf_assets.core.memory import claim_pixels
from iedf_assets.core.pictures.containers import Container, orientation, take_apart
from iedf_assets.core.pictures.formats.colour_spaces import of_exif, profile_of
from iedf_assets.core.pictures.srgb import to_srgb
from iedf_assets.core.reasons import (
    CHANGED_SINCE_SCAN,
    CHANGED_WHILE_READING,
    CORRUPTED,
    OUT_OF_MEMORY,
    READ_ERROR,
    TOO_LARGE,
    TRUNCATED,
    UNREADABLE,
)
from iedf_assets.core.storage.files import content_hash

MAX_FILE_BYTES = 2 << 30
# No JPEG has longer sides, and a pair is written as JPEG.
MAX_SIDE = 65_500
# Tags of TIFF.
_BITS, _COMPRESSION, _PLANES = 258, 259, 284
# Sizes are checked here, against the profile's own bound and before anything is decoded. Pillow's bound is
# fixed, and between one and two times of it a warning, so it is switched off for good.
Image.MAX_IMAGE_PIXELS = None


def _heif(file: io.BytesIO) -> Image.Image:
    """HEIC; its library turns a picture upright itself, and says so in the EXIF block that it gives."""
    try:
        from pillow_heif import HeifImageFile  # noqa: PLC0415  # a model's environment may be without it
    except ImportError as error:
        raise SourceError(
            UNREADABLE, "HEIC is not read in this environment", "install pillow-heif there"
        ) from error
    picture: Image.Image = HeifImageFile(file)  # type: ignore[no-untyped-call]
    return picture


def _tiff(file: io.BytesIO) -> Image.Image:
    picture = TiffImageFile(file)
    told = picture.tag_v2
    # Pillow decodes them as if they were of 8 bits.
    if told.get(_PLANES) == 2 and np.max(told.get(_BITS, 1)) > 8 and told.get(_COMPRESSION, 1) == 1:
        raise SourceError(
            UNREADABLE, "uncompressed planes of 16 bits", "save it compressed, or with interleaved channels"
        )
    return picture


# The decoders are called directly: `Image.open` would guess anew, and warn where it need not.
_DECODERS: dict[str, Callable[[io.BytesIO], Image.Image]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "TIFF": _tiff,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "AVIF": AvifImageFile,
    "HEIF": _heif,
}
_UPRIGHT: dict[int, Callable[[Any], Any]] = {
    1: lambda rgb: rgb,
    2: lambda rgb: cv2.flip(rgb, 1),
    3: lambda rgb: cv2.flip(rgb, -1),
    4: lambda rgb: cv2.flip(rgb, 0),
    5: cv2.transpose,
    6: lambda rgb: cv2.rotate(rgb, cv2.ROTATE_90_CLOCKWISE),
    7: lambda rgb: cv2.flip(cv2.transpose(rgb), -1),
    8: lambda rgb: cv2.rotate(rgb, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


Look = Callable[[Container, Pixels], None]
"""Sees a file and its pixels as stored, uint8 (H, W, 3), and raises a SourceError when they are not sound."""


@dataclass(frozen=True)
class Photo:
    """One photo as the factory works on it.

    Attributes:
        rgb: uint8 (H, W, 3), sRGB, upright, at working size; read-only.
        source_id: hash of the file's bytes.
        original_width, original_height: pixels, upright, before scaling down.
        format: Pillow's name of the file's format.
        mode: Pillow's mode of the picture in the file.
        bytes: size of the file.
        orientation: 1-8 as EXIF counts; the pixels are upright already.
    """

    rgb: Pixels
    source_id: str
    original_width: int
    original_height: int
    format: str
    mode: str
    bytes: int
    orientation: int = 1


def read_photo(
    path: Path,
    *,
    max_pixels: int,
    max_megapixels: float,
    expected_id: str | None = None,
    look: Look | None = None,
) -> Photo:
    """Read a JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF or HEIC file.

    The content tells the format, not the name. Of an animation the first picture counts.

    Args:
        max_pixels: a picture with more is not decoded.
        max_megapixels: a larger one is scaled down to this, keeping its shape.
        expected_id: the `source_id` that it had when it was scanned.
        look: refuses what the decoder lets pass, such as `soundness.require_sound`.

    Raises:
        SourceError: the photo cannot be used; the reason is one of `iedf_assets.core.reasons`.
    """
    data = _read_bytes(path)
    source_id = content_hash(data)
    if expected_id not in {None, source_id}:
        raise SourceError(CHANGED_SINCE_SCAN, "the file is not the one that was scanned", "run again")
    # Decoders meet hostile bytes here and raise what they please (struct.error, zlib.error, IndexError,
    # AssertionError, ...), so this is the one place where any error of theirs becomes the photo's reason.
    try:
        return _decode(take_apart(data), source_id, len(data), max_pixels, max_megapixels, look)
    except SourceError:
        raise
    except MemoryError as error:
        raise SourceError(OUT_OF_MEMORY, "not enough memory to decode it") from error
    except Exception as error:
        message = f"{type(error).__name__}: {error}"[:300]
        raise SourceError(_reason(error), f"cannot be decoded: {message}") from error


def working_size(width: int, height: int, max_megapixels: float) -> tuple[int, int]:
    """(width, height) at which a picture is worked on: its own, or the largest of its shape within bounds."""
    factor = math.sqrt(max_megapixels * 1e6 / (width * height))
    if factor >= 1:
        return width, height
    sides = [max(1, int(width * factor)), max(1, int(height * factor))]
    if sides[0] * sides[1] > max_megapixels * 1e6 and min(sides) > 1:
        # The root was rounded up.
        sides[sides.index(max(sides))] -= 1
    return sides[0], sides[1]


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Stored pixels as they are to be seen.

    Args:
        pixels: uint8 (H, W) or (H, W, 3).
        orientation: 1-8.
    """
    return np.ascontiguousarray(_UPRIGHT[orientation](pixels))


def _read_bytes(path: Path) -> bytes:
    try:
        # Non-blocking, so that a pipe that took the file's place since the scan does not hang the run.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor, not a path
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise SourceError(UNREADABLE, "not a regular file")
            if before.st_size > MAX_FILE_BYTES:
                raise SourceError(TOO_LARGE, f"{before.st_size} bytes, more than {MAX_FILE_BYTES}")
            data = file.read(MAX_FILE_BYTES + 1)
            after = os.fstat(descriptor)
    except (OSError, ValueError) as error:
        raise SourceError(READ_ERROR, f"cannot be read: {error}") from error
    except MemoryError as error:
        raise SourceError(OUT_OF_MEMORY, "not enough memory to read it") from error
    if (before.st_size, before.st_mtime_ns, len(data)) != (after.st_size, after.st_mtime_ns, after.st_size):
        raise SourceError(CHANGED_WHILE_READING, "the file was written while it was read", "run again")
    return data


def _decode(
    container: Container,
    source_id: str,
    size: int,
    max_pixels: int,
    max_megapixels: float,
    look: Look | None,
) -> Photo:
    picture = _DECODERS[container.format](io.BytesIO(container.data))
    width, height = picture.size
    if width * height > max_pixels:
        raise SourceError(TOO_LARGE, f"{width}x{height} pixels, more than {max_pixels}")
    if max(width, height) > MAX_SIDE:
        raise SourceError(TOO_LARGE, f"{width}x{height} pixels, a side of more than {MAX_SIDE}")
    claim_pixels(width * height)
    mode, target = picture.mode, working_size(width, height, max_megapixels)
    if isinstance(picture, JpegImageFile) and target != picture.size:
        # libjpeg halves exactly while decoding, as long as the result is not smaller than the target.
        picture.draft(None, target)
    picture.load()
    rgb = to_srgb(picture, container.icc or picture.info.get("icc_profile") or _profile(container, picture))
    if look is not None:
        look(container, rgb)
    if target != (rgb.shape[1], rgb.shape[0]):
        rgb = np.asarray(cv2.resize(rgb, target, interpolation=cv2.INTER_AREA))
    turn = orientation(container.exif or picture.info.get("exif") or b"")
    pixels = upright(rgb, turn)
    pixels.flags.writeable = False
    if turn >= 5:
        width, height = height, width
    return Photo(pixels, source_id, width, height, container.format, mode, size, turn)


def _profile(container: Container, picture: Image.Image) -> bytes:
    """The profile of a picture whose file has none but says its colours otherwise; empty for sRGB."""
    space = container.space
    if space is None and container.format not in {"JPEG", "PNG"}:
        space = of_exif(picture.info.get("exif") or b"")
    return profile_of(space) if space else b""


def _reason(error: Exception) -> str:
    text = str(error).lower()
    if isinstance(error, EOFError) or "truncated" in text:
        return TRUNCATED
    # Pillow raises SyntaxError while it reads a header, other errors while it decodes pixels.
    return UNREADABLE if isinstance(error, SyntaxError) else CORRUPTED
