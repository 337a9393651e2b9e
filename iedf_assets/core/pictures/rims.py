"""The rim of an object's alpha, decided anew by what the photo shows there."""

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures.masks import grown_box

# From so many pixels on a rim is decided at a fourth of its size.
WIDE, SUBSAMPLING = 16, 0.25


def fitted_rim(rgb: Pixels, alpha: Pixels, reach: int, edge: float, inwards: int | None = None) -> Pixels:
    """An alpha whose rim follows the photo: hair and blur become soft, what is sharp stays sharp.

    A guided filter with the photo as the colour guide (K. He, J. Sun, X. Tang, "Guided Image Filtering",
    TPAMI 2013), in the rim alone: what lies further than `reach` from the object's outline stays as it is. In
    the outer half of that way it passes over, since where the photo shows no edge, the filter is half sure.

    Args:
        rgb: uint8 (H, W, 3).
        alpha: uint8 (H, W), 0 to 255.
        reach: pixels.
        edge: the least contrast that is an edge, as a share of 255.
        inwards: how far within the alpha it may become less, pixels; None: as far as beyond it.
    """
    if not alpha.any():
        return alpha
    box = grown_box(alpha, 2 * reach)
    part = np.ascontiguousarray(alpha[box])
    share = part.astype(np.float32) / 255
    scale = SUBSAMPLING if reach >= WIDE else 1.0
    guide = np.ascontiguousarray(rgb[box])
    fitted = cv2.ximgproc.guidedFilter(guide, share, reach, (edge * 255) ** 2, scale=scale)
    core = (part >= 128).astype(np.uint8)
    depth, away = (cv2.distanceTransform(mask, cv2.DIST_L2, 5) for mask in (core, 1 - core))
    least = np.minimum(share, 2 * depth / max(1, reach if inwards is None else inwards) - 1)
    most = np.maximum(share, 2 - 2 * away / reach)
    result = np.zeros_like(alpha)
    result[box] = np.rint(np.clip(np.clip(fitted, 0, 1), least, most) * 255).astype(np.uint8)
    return result


def without_haze(alpha: Pixels, haze: float, core: float) -> Pixels:
    """An alpha, uint8: up to `haze` nothing is left of it, and from `core` on, shares of 1, it is solid."""
    codes = (np.clip((np.arange(256) / 255 - haze) / (core - haze), 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.asarray(cv2.LUT(alpha, codes), np.uint8)
