"""Sizes that no trainer resamples, and bringing a pair to one of them: one crop and one resampling for both.

A trainer that scales source and target by different rules makes them drift apart. At these sizes the known
ones leave both alone. Where source and target are equal they stay equal, since both go the same way, and the
JPEG blocks that differ are told by a new allowed region, which is checked on what the files decode to.
Pictures are resampled as they were before they were encoded for the dataset, where that can be had.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import StorageError
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg
from iedf_assets.core.pictures.masks import JPEG_BLOCK, grown

_LANDSCAPE = (
    (1024, 1024), (1056, 992), (1088, 960), (1120, 928), (1248, 832), (1632, 640), (1920, 544),
)  # fmt: skip
# Width and height; through every reader of docs/training.md they go unchanged.
SIZES = frozenset({*_LANDSCAPE, *((height, width) for width, height in _LANDSCAPE)})
STEP = 32
MAX_ENLARGEMENT = 1.25
# So far a pixel of the result reaches into the source, in pixels of the result.
_REACH = 3

Box = tuple[int, int, int, int]
"""Left, top, width and height, pixels."""


@dataclass(frozen=True)
class Sizing:
    """A pair at its new size.

    Attributes:
        pixels: role → picture or mask, all of one size; `allowed` is where source and target may differ when
            both are written as JPEG.
        made_from: `published` when nothing had to be done; `staged` pictures, which were never encoded
            before; else the `decoded` pair.
        small: it would have had to be enlarged too much, and was only cut to whole steps.
    """

    pixels: Mapping[str, Pixels]
    made_from: Literal["published", "staged", "decoded"]
    small: bool


def is_kept(width: int, height: int) -> bool:
    """Whether a picture of that size goes through trainers without being resampled."""
    return (width, height) in SIZES


def nothing_raw() -> None:
    """No pictures as they were before."""


def fitted(
    pixels: Mapping[str, Pixels], quality: int, raw: Callable[[], Mapping[str, Pixels] | None] = nothing_raw
) -> Sizing:
    """A pair with its masks cropped around the edit and brought to the nearest size of the grid.

    Args:
        pixels: role → picture: `source`, `target`, `mask`, `allowed` and perhaps `result_mask`.
        quality: of the JPEG that source and target are going to be, 75-100.
        raw: gives pictures by role as they were before they were encoded, where that can be had; asked only
            when they are to be changed.

    Raises:
        StorageError: the two would differ outside the allowed region.
    """
    height, width = pixels["source"].shape[:2]
    if is_kept(width, height):
        return Sizing(pixels, "published", small=False)
    left, top, *spread = map(int, cv2.boundingRect(pixels["allowed"]))
    edit = left, top, spread[0], spread[1]
    chosen = _crop_and_size(width, height, edit)
    crop, size = chosen or _whole_steps(width, height, edit)
    small = chosen is None
    if size == (width, height):
        return Sizing(pixels, "published", small=small)
    before = raw()
    uncut = {**pixels, **(before or {})}
    found = {role: _resized(_cropped(picture, crop), size) for role, picture in uncut.items()}
    found["allowed"] = _reached(_cropped(pixels["allowed"], crop), size)
    _require_equal_outside(found, quality)
    return Sizing(found, "staged" if before else "decoded", small=small)


def _crop_and_size(width: int, height: int, edit: Box) -> tuple[Box, tuple[int, int]] | None:
    """What to cut out, and the size to bring it to; None where it would be enlarged too much."""
    best: tuple[tuple[bool, int], Box, tuple[int, int]] | None = None
    for size in sorted(SIZES):
        scale = min(width / size[0], height / size[1])
        if scale * MAX_ENLARGEMENT < 1:
            continue
        cut = min(width, round(size[0] * scale)), min(height, round(size[1] * scale))
        whole = edit[2] <= cut[0] and edit[3] <= cut[1]
        if best is None or (whole, cut[0] * cut[1]) > best[0]:
            best = (whole, cut[0] * cut[1]), _around(edit, cut, width, height), size
    return best[1:] if best is not None else None


def _whole_steps(width: int, height: int, edit: Box) -> tuple[Box, tuple[int, int]]:
    """What to cut out of a small picture, which keeps its scale."""
    size = max(STEP, width // STEP * STEP), max(STEP, height // STEP * STEP)
    size = min(size[0], width), min(size[1], height)
    return _around(edit, size, width, height), size


def _around(edit: Box, cut: tuple[int, int], width: int, height: int) -> Box:
    """A box of a size within the picture, with the edit as near to its middle as can be."""
    left = edit[0] + edit[2] // 2 - cut[0] // 2
    top = edit[1] + edit[3] // 2 - cut[1] // 2
    return min(max(left, 0), width - cut[0]), min(max(top, 0), height - cut[1]), *cut


def _cropped(picture: Pixels, crop: Box) -> Pixels:
    left, top, width, height = crop
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def _resized(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """A picture at a size; a mask stays 0 or 255."""
    if picture.shape[1::-1] == size:
        return picture
    shrinks = picture.shape[1] >= size[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    found = np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
    return found if found.ndim == 3 else np.where(found > 127, np.uint8(255), np.uint8(0))


def _reached(allowed: Pixels, size: tuple[int, int]) -> Pixels:
    """The allowed region at a size: all that its pixels reach, in whole JPEG blocks."""
    touched = np.asarray(cv2.resize(allowed, size, interpolation=cv2.INTER_AREA) > 0, np.uint8)
    wide = grown(touched, _REACH)
    rows, columns = (-(-side // JPEG_BLOCK) for side in wide.shape)
    padded = np.zeros((rows * JPEG_BLOCK, columns * JPEG_BLOCK), np.uint8)
    padded[: size[1], : size[0]] = wide
    blocks = padded.reshape(rows, JPEG_BLOCK, columns, JPEG_BLOCK).max(axis=(1, 3))
    whole = np.kron(blocks * 255, np.ones((JPEG_BLOCK, JPEG_BLOCK), np.uint8))
    return np.ascontiguousarray(whole[: size[1], : size[0]], np.uint8)


def _require_equal_outside(found: Mapping[str, Pixels], quality: int) -> None:
    source, target = (decode_jpeg(encode_jpeg(found[role], quality)) for role in ("source", "target"))
    wrong = int(((source != target).any(axis=2) & (found["allowed"] == 0)).sum())
    if wrong:
        raise StorageError(
            f"brought to the grid, {wrong} pixels outside the allowed region would differ",
            "export it with --size native",
        )
