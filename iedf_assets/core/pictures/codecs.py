"""Encoding and decoding the factory's own files: pairs as JPEG, masks and layers as PNG."""

import hashlib
import io
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import StorageError

# No file of the factory is larger; a tree that others made is not trusted to be sensible.
MAX_PIXELS = 250_000_000
# Of the bytes that the encoder of Pillow's wheels makes of a known picture.
_REFERENCE = "e8cd94350a07c6e6"


def encode_jpeg(rgb: Pixels, quality: int, xmp: bytes = b"") -> bytes:
    """Baseline JPEG, 4:4:4, of an RGB picture (H, W, 3).

    Without chroma subsampling every 8x8 block is coded by itself, so two pictures that are equal in a block
    are equal there after decoding, whatever happens elsewhere. `quality` is libjpeg's, 75-100.

    Args:
        xmp: a packet of metadata, at most 65,000 bytes; empty for none.
    """
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, subsampling=0, xmp=xmp)
    return buffer.getvalue()


@cache
def is_reference_encoder() -> bool:
    """Whether `encode_jpeg` gives the very bytes here that it gives with the libjpeg of Pillow's wheels."""
    ramp = np.arange(64, dtype=np.uint8) * 4
    across, down = np.meshgrid(ramp, ramp)
    codes = encode_jpeg(np.dstack([across, down, across ^ down]), 90)
    return hashlib.sha256(codes).hexdigest()[:16] == _REFERENCE


def quality_of(path: Path) -> int | None:
    """The quality that `encode_jpeg` wrote a file with; None for what another encoder wrote, or is none."""
    try:
        with Image.open(path, formats=("JPEG",)) as picture:
            full = isinstance(picture, JpegImageFile) and all(layer[1:3] == (1, 1) for layer in picture.layer)
            return _qualities().get(_tables(picture)) if full else None
    except (OSError, SyntaxError, ValueError):
        return None


def encode_png(pixels: Pixels) -> bytes:
    """Lossless PNG of a mask, an RGB or an RGBA picture.

    Rows of pictures are averaged, those of masks plain, and only run lengths are packed: of photos that is
    three times faster than zlib's fastest search for repetitions, reads faster, and is smaller.
    """
    row_filter = cv2.IMWRITE_PNG_FILTER_NONE if pixels.ndim == 2 else cv2.IMWRITE_PNG_FILTER_AVG
    settings = (
        cv2.IMWRITE_PNG_COMPRESSION, 1,
        cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE,
        cv2.IMWRITE_PNG_FILTER, row_filter,
    )  # fmt: skip
    return cv2.imencode(".png", _blue_first(pixels), settings)[1].tobytes()


def decode_jpeg(data: bytes) -> Pixels:
    """The RGB pixels (H, W, 3) of a JPEG that `encode_jpeg` made."""
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)


def decode(path: Path) -> Pixels:
    """The pixels of one of the factory's own files, in the mode they were written.

    Raises:
        StorageError: the file is absent or damaged.
    """
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise StorageError(f"{path} claims {picture.width} x {picture.height} pixels", "delete it")
            return np.asarray(picture)
    except (OSError, SyntaxError, ValueError) as error:
        raise StorageError(f"{path} cannot be decoded: {error}", "delete it and run again") from error


@cache
def _qualities() -> dict[str, int]:
    grey = np.full((8, 8, 3), 128, np.uint8)
    files = {number: io.BytesIO(encode_jpeg(grey, number)) for number in range(75, 101)}
    return {_tables(JpegImageFile(file)): number for number, file in files.items()}


def _tables(picture: Image.Image) -> str:
    tables: dict[int, list[int]] = getattr(picture, "quantization", {})
    return str(sorted((number, list(table)) for number, table in tables.items()))


def _blue_first(pixels: Pixels) -> Pixels:
    """Pixels with their channels in OpenCV's order."""
    if pixels.ndim == 2:
        return pixels
    conversion = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    return np.asarray(cv2.cvtColor(pixels, conversion), np.uint8)
