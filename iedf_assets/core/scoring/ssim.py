"""The structural similarity index of two pictures, computed only where they differ.

Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 2004, in the
form that is scikit-image's default: a uniform window of 7x7, the sample covariance, each channel by itself,
data range 255, the mean over every window that lies wholly inside the picture. A window in which both are
equal scores exactly 1, so only windows that touch a difference need computing.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.arrays import Doubles, Pixels
from iedf_assets.core.pictures.masks import Box, difference_box, grown_box

WINDOW = 7
TILE = 96
_AREA = WINDOW * WINDOW
# The constants of the formula, scaled to sums over a window in place of means.
_C1 = (0.01 * 255) ** 2 * _AREA**2
_C2 = (0.03 * 255) ** 2 * _AREA * (_AREA - 1)


def ssim(a: Pixels, b: Pixels, changed: Pixels | None = None) -> float:
    """The mean index of two pictures; equals `skimage.metrics.structural_similarity` within 1e-6.

    Args:
        a: uint8 (H, W, 3).
        b: the same shape.
        changed: uint8 (H, W), nonzero at least wherever the pictures differ, from a caller who compared them.

    Returns:
        -1 to 1. When a side is shorter than the window, none fits: then 1 for equal pictures, else 0.
    """
    rows, columns = a.shape[0] - WINDOW + 1, a.shape[1] - WINDOW + 1
    if rows < 1 or columns < 1:
        return float(np.array_equal(a, b))
    difference = np.asarray(cv2.absdiff(a, b), np.uint8) if changed is None else changed
    box = difference_box(difference) if changed is None else grown_box(changed, 0)
    return float(1 - sum(loss.sum() for _, loss in _losses(a, b, difference, box)) / (rows * columns))


def ssim_within(a: Pixels, b: Pixels, region: Pixels) -> float | None:
    """The mean index over the windows that lie wholly in a region; None when none does.

    Args:
        a: uint8 (H, W, 3).
        b: the same shape.
        region: uint8 (H, W), nonzero where the pictures are compared.
    """
    border = WINDOW // 2
    square = np.ones((WINDOW, WINDOW), np.uint8)
    counted = cv2.erode(region, square, borderValue=0)[border : -border or None, border : -border or None] > 0
    number = int(np.count_nonzero(counted))
    if not number:
        return None
    difference = np.asarray(cv2.absdiff(a, b).max(axis=2) * (region > 0), np.uint8)
    losses = _losses(a, b, difference, grown_box(difference, 0))
    return float(1 - sum(loss[counted[windows]].sum() for windows, loss in losses) / number)


def _losses(a: Pixels, b: Pixels, difference: Pixels, box: Box) -> Iterator[tuple[Box, Doubles]]:
    """1 - index, the mean of the channels, of all windows that touch a difference: tile by tile.

    A window is named by its upper left pixel.
    """
    rows, columns = a.shape[0] - WINDOW + 1, a.shape[1] - WINDOW + 1
    for top, below in _tiles(box[0], rows):
        for left, right in _tiles(box[1], columns):
            if difference[top:below, left:right].any():
                windows = np.s_[top : below - WINDOW + 1, left : right - WINDOW + 1]
                yield windows, _loss(a[top:below, left:right], b[top:below, left:right])


def _tiles(span: slice, windows: int) -> Iterator[tuple[int, int]]:
    """Bounds of tiles that together hold, once each, the windows that touch a span of pixels.

    A tile's windows begin at its first `TILE` pixels; `windows` is how many there are in all.
    """
    last = min(span.stop, windows)
    for first in range(max(span.start - WINDOW + 1, 0), last, TILE):
        yield first, min(first + TILE, last) + WINDOW - 1


def _loss(a: Pixels, b: Pixels) -> Doubles:
    """1 - index of all windows inside a tile, the mean of its channels."""
    x, y = a.astype(np.int32), b.astype(np.int32)
    # Sums of integers stay exact in int32: 49 * 49 * 2 * 255 ** 2 < 2 ** 31. Only the quotient is rounded.
    sum_x, sum_y, sum_xy, sum_squares = (_window_sums(part) for part in (x, y, x * y, x * x + y * y))
    product = sum_x * sum_y
    squares = sum_x * sum_x + sum_y * sum_y
    numerator = (2 * product + _C1) * (2 * (_AREA * sum_xy - product) + _C2)
    denominator = (squares + _C1) * (_AREA * sum_squares - squares + _C2)
    return np.asarray((1 - numerator / denominator).mean(axis=2), np.float64)


def _window_sums(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Sums over the windows that lie wholly inside."""
    border = WINDOW // 2
    sums = cv2.boxFilter(values, cv2.CV_32S, (WINDOW, WINDOW), normalize=False)
    return np.asarray(sums, np.int32)[border:-border, border:-border]
