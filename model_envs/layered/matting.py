"""From a small mask to a soft alpha at full size, and the object's own colours along its rim."""

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.codecs import Pixels

Floats = NDArray[np.float32]

# The rim in which alpha is decided, in pixels of the small mask, and what is certain beyond it.
RIM = 2.0
SMOOTHNESS = (0.02 * 255) ** 2
SUBSAMPLING = 0.25
HAZE, CORE = 0.2, 0.8


def full_alpha(rgb: Pixels, small_mask: Pixels) -> Pixels:
    """The soft alpha of a subject, uint8 (H, W), from its mask at a smaller size.

    A guided filter (K. He, J. Sun, X. Tang, "Guided Image Filtering", TPAMI 2013; its subsampled form of
    2015) with the photo as the colour guide, worked only around the subject. Thin haze becomes 0, and what is
    nearly solid 255.
    """
    height, width = rgb.shape[:2]
    factor = max(height / small_mask.shape[0], width / small_mask.shape[1])
    coarse = cv2.resize(small_mask, (width, height), interpolation=cv2.INTER_LINEAR)
    reach = max(2, round(RIM * factor))
    x, y, w, h = cv2.boundingRect(coarse)
    top, left = max(0, y - 2 * reach), max(0, x - 2 * reach)
    box = np.s_[top : y + h + 2 * reach, left : x + w + 2 * reach]
    guide = np.ascontiguousarray(rgb[box])
    scale = SUBSAMPLING if factor >= 2 else 1.0
    source = coarse[box].astype(np.float32) / 255
    filtered = cv2.ximgproc.guidedFilter(guide, source, reach, SMOOTHNESS, scale=scale)
    soft = (np.clip((filtered - HAZE) / (CORE - HAZE), 0, 1) * 255 + 0.5).astype(np.uint8)
    # Only the rim is uncertain: what lies well inside the mask is solid, what lies well outside is not there.
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    solid, reachable = cv2.erode(coarse[box], kernel), cv2.dilate(coarse[box], kernel)
    alpha = np.zeros((height, width), np.uint8)
    alpha[box] = np.minimum(np.maximum(soft, solid), reachable)
    return alpha


def own_colours(rgb: Pixels, alpha: Pixels) -> Pixels:
    """The object's own colours, uint8 (H, W, 3): the photo, freed of the background where alpha is partial.

    One round of M. Forte, "Approximate Fast Foreground Colour Estimation" (ICIP 2021): a blurred guess of
    foreground and background, corrected so that the two mix to the photo.
    """
    soft = (alpha > 0) & (alpha < 255)
    if not soft.any():
        return rgb
    share: Floats = (alpha.astype(np.float32) / np.float32(255))[..., None]
    photo = rgb.astype(np.float32)
    reach = (max(3, round(max(rgb.shape[:2]) * 0.02)),) * 2
    weight = _blurred(share, reach)
    front = _blurred(np.multiply(photo, share, dtype=np.float32), reach) / np.maximum(weight, 1e-4)
    back = _blurred(np.multiply(photo, 1 - share, dtype=np.float32), reach) / np.maximum(1 - weight, 1e-4)
    corrected = front + share * (photo - share * front - (1 - share) * back)
    colours = rgb.copy()
    colours[soft] = np.clip(corrected[soft] + 0.5, 0, 255).astype(np.uint8)
    return colours


def _blurred(values: Floats, reach: tuple[int, int]) -> Floats:
    blurred = cv2.blur(values, reach)
    return (blurred if blurred.ndim == 3 else blurred[..., None]).astype(np.float32, copy=False)
