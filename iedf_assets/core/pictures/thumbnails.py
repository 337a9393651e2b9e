"""Small pictures to look at: contact strips of pairs for run metadata and reports."""

import base64
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import StorageError
from iedf_assets.core.pictures.codecs import encode_jpeg

GAP = 2
GREY = 128
QUALITIES = (88, 75)
SHRINK = 0.8


def load_small(path: Path, side: int) -> Pixels:
    """A picture file, upright, shrunk to fit a square of `side` pixels; a JPEG is hardly decoded for it.

    Returns:
        uint8, (H, W) of a grey picture or a mask, else (H, W, 3); what is transparent is grey.

    Raises:
        StorageError: the file is absent or damaged.
    """
    try:
        with Image.open(path) as picture:
            # With a reducing gap Pillow has libjpeg decode at a half, a quarter or an eighth of the size.
            picture.thumbnail((side, side), reducing_gap=2.0)
            upright = ImageOps.exif_transpose(picture)
            if upright.mode == "L":
                return np.asarray(upright)
            ground = Image.new("RGBA", upright.size, (GREY, GREY, GREY, 255))
            return np.asarray(Image.alpha_composite(ground, upright.convert("RGBA")).convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise StorageError(f"{path} cannot be decoded: {error}", "delete it and run again") from error


def shrunk(picture: Pixels, side: int) -> Pixels:
    """A picture or mask, uint8 (H, W, 3) or (H, W), its long side at most `side` pixels; never enlarged."""
    height, width = picture.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return picture
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def strip(rows: Sequence[Sequence[Pixels]], height: int = 128, limit_bytes: int = 100_000) -> bytes:
    """A contact strip as JPEG: one row of pictures per pair, such as source, mask and result.

    Args:
        rows: at least one, of at least one picture each, uint8 (H, W) or (H, W, 3) of any size.
        height: of a row, pixels; a picture is at most twice as wide. Less when the limit asks for it.
        limit_bytes: the JPEG is never larger.

    Raises:
        ValueError: no JPEG fits into so few bytes.
    """
    sheet = _sheet([[_fit(picture, height) for picture in row] for row in rows], height)
    while True:
        for quality in QUALITIES:
            # A JPEG's sides are 16-bit numbers.
            if max(sheet.shape) < 2**16 and len(data := encode_jpeg(sheet, quality)) <= limit_bytes:
                return data
        if max(sheet.shape[:2]) == 1:
            raise ValueError(f"no JPEG fits into {limit_bytes} bytes")
        sheet = _resize(sheet, SHRINK)


def data_uri(jpeg: bytes) -> str:
    """A JPEG as a `data:` address for Markdown and HTML."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _fit(picture: Pixels, height: int) -> Pixels:
    rgb = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    return _resize(rgb, min(height / rgb.shape[0], 2 * height / rgb.shape[1]))


def _resize(rgb: Pixels, factor: float) -> Pixels:
    # Rounded down, so that shrinking again and again ends at one pixel; the small addend mends 127.999.
    height, width = (max(1, int(side * factor + 1e-6)) for side in rgb.shape[:2])
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _sheet(rows: list[list[Pixels]], height: int) -> Pixels:
    """Rows of pictures, none higher than `height`, side by side and one below the other on grey."""
    width = max(sum(picture.shape[1] + GAP for picture in row) for row in rows)
    sheet = np.full((len(rows) * (height + GAP), width, 3), GREY, np.uint8)
    for i, row in enumerate(rows):
        top, left = i * (height + GAP), 0
        for picture in row:
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            left += picture.shape[1] + GAP
    return sheet
