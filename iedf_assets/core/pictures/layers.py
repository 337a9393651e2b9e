"""The layers of a decomposed source as they lie staged: reading them, and putting them together again.

A layer is stored cropped, with its place. The lowest one is the background: `background.png` holds its
completed part (behind the objects and a little around it); elsewhere the background is the photo itself. The
others are RGBA.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.errors import StorageError
from iedf_assets.core.pictures.codecs import Pixels, decode
from iedf_assets.core.storage.journal import Row

BACKGROUND = "background"


def load_background(folder: Path, row: Row) -> tuple[Pixels, int, int]:
    """The completed part of the background: RGB (h, w, 3) and the place of its upper left corner, pixels.

    Raises:
        StorageError: the source was decomposed without layers, or a file is damaged.
    """
    return _load(folder, _layer(row, BACKGROUND))


def load_object(folder: Path, row: Row, number: int = 1) -> tuple[Pixels, int, int]:
    """An object layer: RGBA (h, w, 4), not premultiplied, and its place, pixels.

    Raises:
        StorageError: there is no such layer, or its file is damaged.
    """
    return _load(folder, _layer(row, f"object_{number}"))


def load_alpha(folder: Path, row: Row) -> tuple[Pixels, int, int]:
    """The subject's soft alpha: uint8 (h, w), 0-255, and its place, pixels.

    Raises:
        StorageError: a file is absent or damaged.
    """
    if row["layers"]:
        rgba, x, y = load_object(folder, row)
        return np.ascontiguousarray(rgba[..., 3]), x, y
    return decode(folder / "alpha.png"), row["subject"]["x"], row["subject"]["y"]


def over(ground: Pixels, rgba: Pixels) -> Pixels:
    """An RGBA layer composited over an RGB ground of the same size, rounded to the nearest level."""
    alpha = rgba[..., 3:].astype(np.uint32)
    mixed = rgba[..., :3] * alpha + ground * (255 - alpha)
    rounded: Pixels = ((mixed + 127) // 255).astype(np.uint8)
    return rounded


def recompose(rgb: Pixels, folder: Path, row: Row) -> Pixels:
    """The picture that a source's layers make together.

    Args:
        rgb: the photo, (H, W, 3).
    """
    whole = rgb.copy()
    for layer in row["layers"]:
        pixels, x, y = _load(folder, layer)
        height, width = pixels.shape[:2]
        place = whole[y : y + height, x : x + width]
        place[:] = over(place, pixels) if pixels.shape[2] == 4 else pixels
    return whole


def mean_absolute_error(one: Pixels, other: Pixels) -> float:
    """Mean absolute difference of two pictures of the same shape, 0-255."""
    difference: NDArray[np.int16] = one.astype(np.int16) - other
    return float(np.abs(difference).mean())


def _layer(row: Row, name: str) -> Row:
    for layer in row["layers"] or []:
        if layer["name"] == name:
            found: Row = layer
            return found
    raise StorageError(
        f"the source {row['source_id']} has no layer {name!r}", "run again with --force image_layers"
    )


def _load(folder: Path, layer: Row) -> tuple[Pixels, int, int]:
    return decode(folder / layer["file"]), layer["x"], layer["y"]
