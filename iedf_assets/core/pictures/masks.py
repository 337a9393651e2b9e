"""The geometry of an edit: which region changes, where the edit may show, and which JPEG blocks that touches.

Masks are uint8 (H, W), 0 or 255. Coordinates are pixel indices, x to the right and y down. What each mask
means per subtype is the table in `iedf_assets.core.profile.subtypes`.
"""

import math
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.arrays import Floats, Pixels
from iedf_assets.core.profile.subtypes import Subtype

JPEG_BLOCK = 8
MIN_MARGIN = 4
# OpenCV's 5x5 chamfer distance (Borgefors 1986) falls short of the true one by up to 1.8 %.
_CHAMFER_REACH = 1 / (1 - 0.018)
# 3t² - 2t³ for t in 255ths, in 255ths.
_SMOOTHSTEP = np.array([round(255 * (3 * t**2 - 2 * t**3)) for t in np.linspace(0, 1, 256)], np.uint8)

Levels = TypeVar("Levels", bound=np.generic)
Box = tuple[slice, slice]
"""Rows and columns of a rectangle, to index a picture with."""


class HasMargin(Protocol):
    """Settings with a `margin`: how far an edit may reach beyond its mask, as a share of the short side."""

    @property
    def margin(self) -> float:
        """0 to 1."""


def margin_px(settings: HasMargin, width: int, height: int, subtype: Subtype | None = None) -> int:
    """The margin in pixels for a picture of that size, as wide as the subtype needs."""
    margin = max(MIN_MARGIN, round(settings.margin * min(width, height)))
    return round(margin * (subtype.spread if subtype else 1))


def edit_masks(
    subtype: Subtype, silhouette: Pixels, recipe: Mapping[str, Any]
) -> tuple[Pixels, Pixels | None]:
    """The mask of an edit, and the result mask when the object ends up elsewhere or in another shape.

    Args:
        subtype: a row of the table.
        silhouette: of the object or the subject in the source.
        recipe: of a move `dx`, `dy` (pixels); of a scaling `factor`, `anchor_x`, `anchor_y`.
    """
    if subtype.mask_of == "everything":
        return np.full_like(silhouette, 255), None
    mask = ~silhouette if subtype.mask_of == "background" else silhouette
    if not subtype.relocates:
        return mask, None
    if "factor" in recipe:
        return mask, scaled(silhouette, recipe["factor"], recipe["anchor_x"], recipe["anchor_y"])
    return mask, moved(silhouette, recipe["dx"], recipe["dy"])


def moved(silhouette: NDArray[Levels], dx: int, dy: int) -> NDArray[Levels]:
    """A silhouette, or levels (H, W, 3), shifted by whole pixels; what leaves the picture is cut off."""
    height, width = silhouette.shape[:2]
    result = np.zeros_like(silhouette)
    result[max(dy, 0) : max(height + dy, 0), max(dx, 0) : max(width + dx, 0)] = silhouette[
        max(-dy, 0) : max(height - dy, 0), max(-dx, 0) : max(width - dx, 0)
    ]
    return result


def scaled(silhouette: Pixels, factor: float, anchor_x: float, anchor_y: float) -> Pixels:
    """A silhouette under new = anchor + factor * (old - anchor); what leaves the picture is cut off."""
    height, width = silhouette.shape
    result = np.zeros_like(silhouette)
    left, top, box_width, box_height = cv2.boundingRect(silhouette)
    columns = _scaled_span(left, box_width, factor, anchor_x, width)
    rows = _scaled_span(top, box_height, factor, anchor_y, height)
    if not box_width or columns.start >= columns.stop or rows.start >= rows.stop:
        return result
    # The same map, from coordinates inside the object's box to coordinates inside its new box.
    shift_x = anchor_x + factor * (left - anchor_x) - columns.start
    shift_y = anchor_y + factor * (top - anchor_y) - rows.start
    warped = cv2.warpAffine(
        silhouette[top : top + box_height, left : left + box_width],
        np.array([[factor, 0, shift_x], [0, factor, shift_y]]),
        (columns.stop - columns.start, rows.stop - rows.start),
        flags=cv2.INTER_LINEAR,
    )
    result[rows, columns] = np.where(warped > 127, 255, 0)
    return result


def region_alpha(
    subtype: Subtype, silhouette: Pixels, result_mask: Pixels | None, reach: int, feather: float
) -> Pixels:
    """How much of the edit shows at each pixel, uint8 (H, W): 0 is the source, 255 the edit.

    For an object it is 255 on its silhouettes, in the source and in the result, and 0 from `reach` pixels
    beyond them. For a background edit it is 0 on the subject and 255 from `reach` pixels beyond it. Between
    them it follows the smoothstep 3t² - 2t³ over `feather` * `reach` pixels: the last ones of the margin, or
    the first ones off the subject.

    Args:
        subtype: a row of the table.
        silhouette: of the object or the subject in the source.
        result_mask: of a move or a scaling, else None.
        reach: the margin in pixels.
        feather: the soft rim as a share of the margin, 0 to 1.
    """
    if subtype.mask_of == "everything":
        return np.full_like(silhouette, 255)
    slope = 255 / max(feather * reach, 1e-3)
    background = subtype.mask_of == "background"
    alpha = np.full_like(silhouette, 255 if background else 0)
    for shape in (silhouette, result_mask):
        if shape is None or not shape.any():
            continue
        box = grown_box(shape, reach)
        distance = _distance(shape[box])
        if background:
            alpha[box] = _smoothstep(distance, slope)
        else:
            np.maximum(alpha[box], _smoothstep(np.maximum(reach - distance, 0), slope), out=alpha[box])
    return alpha


def drawn_in(silhouette: Pixels, by: int) -> Pixels:
    """A silhouette without its rim of so many pixels; where the frame cuts it off it has none."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1,) * 2)
    return np.asarray(cv2.erode(silhouette, kernel, borderValue=255), np.uint8)


def allowed_region(alpha: Pixels) -> Pixels:
    """The region in which finished files may differ: the 8x8 JPEG blocks that `alpha` > 0 touches, as a mask.

    Blocks count from the upper left corner; those at the right and lower border may be cut. At 4:4:4 a block
    depends on its own pixels alone, so pictures that are equal elsewhere decode to equal pixels elsewhere.
    """
    height, width = alpha.shape
    padded = np.pad(alpha, ((0, -height % JPEG_BLOCK), (0, -width % JPEG_BLOCK)))
    # Rows first: that runs along memory and leaves an eighth for the second step.
    by_rows = padded.reshape(-1, JPEG_BLOCK, padded.shape[1]).max(axis=1)
    blocks = by_rows.reshape(len(by_rows), -1, JPEG_BLOCK).max(axis=2)
    touched = np.where(blocks > 0, np.uint8(255), np.uint8(0))
    return touched.repeat(JPEG_BLOCK, axis=1).repeat(JPEG_BLOCK, axis=0)[:height, :width]


def grown(mask: Pixels, by: int) -> Pixels:
    """A mask, uint8 (H, W), and `by` pixels more to each side of whatever is in it."""
    return np.asarray(cv2.dilate(mask, np.ones((2 * by + 1,) * 2, np.uint8)), np.uint8)


def grown_box(mask: Pixels, by: int) -> Box:
    """The bounding box of a mask's nonzero pixels, `by` pixels wider on each side, inside the picture.

    The box of an empty mask is empty.
    """
    left, top, width, height = cv2.boundingRect(mask)
    if not width:
        return slice(0, 0), slice(0, 0)
    return (
        slice(max(top - by, 0), min(top + height + by, mask.shape[0])),
        slice(max(left - by, 0), min(left + width + by, mask.shape[1])),
    )


def difference_box(difference: Pixels) -> Box:
    """The bounding box of what is not 0 in a picture (H, W, 3)."""
    rows, values = grown_box(difference.reshape(len(difference), -1), 0)
    return rows, slice(values.start // 3, -(-values.stop // 3))


def _scaled_span(start: int, length: int, factor: float, anchor: float, limit: int) -> slice:
    """Where the pixels start ... start + length - 1 of a row or column can end up, inside the picture."""
    first = anchor + factor * (start - 1 - anchor)
    last = anchor + factor * (start + length - anchor)
    return slice(min(max(math.floor(first), 0), limit), min(max(math.ceil(last) + 1, 0), limit))


def _distance(mask: Pixels) -> Floats:
    """Distance in pixels to the nearest nonzero pixel of `mask`: the true one to 4 % more, never less."""
    distance = cv2.distanceTransform(~mask, cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.multiply(distance, _CHAMFER_REACH, dtype=np.float32)


def _smoothstep(values: Floats, slope: float) -> Pixels:
    """255 * (3t² - 2t³) for t = values * slope / 255, at most 1; values are not negative."""
    return np.asarray(cv2.LUT(cv2.convertScaleAbs(values, alpha=slope), _SMOOTHSTEP), np.uint8)
