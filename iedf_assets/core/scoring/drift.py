"""Whether a result has drifted: its outside shifted or zoomed against the source's, by parts of a pixel."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels

# The alignment is looked for at no more pixels than this: it stays exact to a few hundredths of a pixel.
MAX_PIXELS = 500_000
ROUNDS, ENOUGH, BLUR = 60, 1e-5, 5


@dataclass(frozen=True)
class Drift:
    """How the result lies against the source.

    Attributes:
        shift_px: of the picture's centre, pixels of the full size.
        zoom: relative change of size, 0 for none.
    """

    shift_px: float
    zoom: float


def find_drift(source: Pixels, result: Pixels, outside: Pixels) -> Drift | None:
    """The affine motion that best aligns what lies outside; None when none is found.

    G. D. Evangelidis, E. Z. Psarakis, "Parametric Image Alignment Using Enhanced Correlation Coefficient
    Maximization" (TPAMI 2008), on the luminance. It does not mind other brightness or contrast.

    Args:
        source, result: uint8 (H, W, 3).
        outside: uint8 (H, W), nonzero where the two should be the same picture.
    """
    height, width = outside.shape
    factor = min(1.0, math.sqrt(MAX_PIXELS / outside.size))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    grey = [
        cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
        for picture in (source, result)
    ]
    # The blur that the search needs would bring the edit into its rim.
    known = cv2.resize(outside, size, interpolation=cv2.INTER_NEAREST)
    known = cv2.erode(known, np.ones((BLUR, BLUR), np.uint8), borderValue=255)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ROUNDS, ENOUGH)
    start = np.eye(2, 3, dtype=np.float32)
    try:
        _, motion = cv2.findTransformECC(
            grey[0], grey[1], start, cv2.MOTION_AFFINE, criteria, np.asarray(known, np.uint8), BLUR
        )
    except cv2.error:
        return None
    matrix = np.asarray(motion, np.float64)
    centre = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
    moved = matrix[:, :2] @ centre + matrix[:, 2] - centre
    zoom = math.sqrt(abs(float(np.linalg.det(matrix[:, :2])))) - 1
    return Drift(float(np.hypot(*moved)) / factor, abs(zoom))
