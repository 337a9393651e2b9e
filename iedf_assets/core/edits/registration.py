"""Registering a model's picture to its source: models shift and zoom what they should leave in place.

The motion is found by ECC on what lies outside the edit, from coarse to fine, and undone with one resampling.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from iedf_assets.core.arrays import Doubles, Pixels

# Sizes at which the alignment is looked for, pixels in all; the last one settles it.
LEVELS = (60_000, 1_000_000)
ROUNDS, ENOUGH, BLUR = 100, 1e-6, 5
# Less than this of the picture outside the edit tells no alignment.
MIN_SHARE = 0.02
# Alignments that are as good as none are left alone: they would only cost sharpness.
STILL_PX, STILL_ZOOM = 0.05, 0.0003


@dataclass(frozen=True)
class Motion:
    """How a model's picture lies against its source.

    Attributes:
        matrix: float64 (2, 3): from pixels of the source to pixels of the model's picture.
        shift: of the picture's centre, as a share of its diagonal, 0 or more.
        zoom: relative change of size, 0 or more.
        pixels: the shift in pixels.
    """

    matrix: Doubles
    shift: float
    zoom: float
    pixels: float

    @property
    def is_still(self) -> bool:
        """Whether there is nothing to undo."""
        return self.pixels < STILL_PX and self.zoom < STILL_ZOOM


def find_motion(source: Pixels, picture: Pixels, outside: Pixels) -> Motion | None:
    """The affine motion between a source and a model's picture of it; None when none is found.

    G. D. Evangelidis, E. Z. Psarakis, "Parametric Image Alignment Using Enhanced Correlation Coefficient
    Maximization" (TPAMI 2008), on the luminance; brightness and contrast do not matter.

    Args:
        source, picture: uint8 (H, W, 3).
        outside: uint8 (H, W), nonzero where the two should show the same.
    """
    if np.count_nonzero(outside) < MIN_SHARE * outside.size:
        return None
    height, width = outside.shape
    matrix = np.eye(2, 3)
    for level, area in enumerate(LEVELS):
        factor = min(1.0, math.sqrt(area / outside.size))
        size = max(1, round(width * factor)), max(1, round(height * factor))
        scale = np.array([size[0] / width, size[1] / height])
        kind = cv2.MOTION_AFFINE if level else cv2.MOTION_EUCLIDEAN
        found = _aligned(source, picture, outside, size, _scaled(matrix, scale), kind)
        if found is None:
            return None
        matrix = _scaled(found, 1 / scale)
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    moved = matrix[:, :2] @ centre + matrix[:, 2] - centre
    pixels = float(np.hypot(*moved))
    zoom = abs(math.sqrt(abs(float(np.linalg.det(matrix[:, :2])))) - 1)
    return Motion(matrix, pixels / math.hypot(width, height), zoom, pixels)


def undone(picture: Pixels, motion: Motion) -> Pixels:
    """The picture moved back onto its source: uint8 (H, W, 3). What was out of view mirrors its edge."""
    height, width = picture.shape[:2]
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(
        picture, motion.matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(warped, np.uint8)


def _aligned(
    source: Pixels,
    picture: Pixels,
    outside: Pixels,
    size: tuple[int, int],
    start: Doubles,
    kind: int,
) -> Doubles | None:
    grey = [
        cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
        for image in (source, picture)
    ]
    known = cv2.resize(outside, size, interpolation=cv2.INTER_NEAREST)
    # The blur that the search needs would bring the edit into its rim.
    known = cv2.erode(known, np.ones((BLUR, BLUR), np.uint8), borderValue=255)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ROUNDS, ENOUGH)
    try:
        _, motion = cv2.findTransformECC(
            grey[0], grey[1], start.astype(np.float32), kind, criteria, np.asarray(known, np.uint8), BLUR
        )
    except cv2.error:
        return None
    found = np.asarray(motion, np.float64)
    return found if np.isfinite(found).all() else None


def _scaled(matrix: Doubles, scale: Doubles) -> Doubles:
    """The same motion between pictures that are `scale` (x, y) times as large; pixel centres stay centres."""
    linear = np.diag(scale) @ matrix[:, :2] @ np.diag(1 / scale)
    # In coordinates of pixel centres: u = scale * (p + 0.5) - 0.5.
    half = (scale - 1) / 2
    moved = np.diag(scale) @ matrix[:, 2] + half - linear @ half
    return np.column_stack([linear, moved])
