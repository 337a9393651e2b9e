"""Mixing an edit into its source through an alpha, exactly."""

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.pictures.masks import grown_box


def composite(source: Pixels, patch: Pixels, alpha: Pixels, x: int, y: int) -> Pixels:
    """Mix source and patch as (source * (255 - alpha) + patch * alpha) / 255, rounded.

    Where alpha is 0 that is exactly the source, where it is 255 exactly the patch.

    Args:
        source: uint8 (H, W, 3).
        patch: uint8 (h, w, 3), its upper left corner at (x, y) of the source.
        alpha: uint8 (H, W).

    Returns:
        A new picture, uint8 (H, W, 3).

    Raises:
        WorkerError: the patch is no RGB picture, or alpha > 0 somewhere outside it.
    """
    if patch.shape[2:] != (3,):
        raise WorkerError(f"the edited pixels have shape {patch.shape}, which is no RGB picture")
    rows, columns = grown_box(alpha, 0)
    if rows.start == rows.stop:
        return source.copy()
    bottom, right = y + patch.shape[0], x + patch.shape[1]
    if rows.start < y or columns.start < x or rows.stop > bottom or columns.stop > right:
        raise WorkerError(
            f"the edited pixels cover rows {y} to {bottom} and columns {x} to {right}, but the edit shows in "
            f"rows {rows.start} to {rows.stop} and columns {columns.start} to {columns.stop}"
        )
    result = source.copy()
    covering = patch[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
    result[rows, columns] = _blend(source[rows, columns], covering, alpha[rows, columns])
    return result


def _blend(source: Pixels, patch: Pixels, alpha: Pixels) -> Pixels:
    blended = source.copy()
    cv2.copyTo(patch, (alpha == 255).view(np.uint8), blended)
    # Arithmetic is needed on the rim alone. It stays below 2 ** 16, and the shifts divide by 255 exactly.
    rim = np.flatnonzero((alpha > 0) & (alpha < 255))
    weight = alpha.ravel()[rim, None].astype(np.uint16)
    total = source.reshape(-1, 3)[rim] * (255 - weight) + patch.reshape(-1, 3)[rim] * weight + 128
    blended.reshape(-1, 3)[rim] = (total + (total >> 8)) >> 8
    return blended
