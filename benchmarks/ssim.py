"""How exact and how fast the factory's SSIM is beside scikit-image's: `python -m benchmarks.ssim`.

Pairs are photos of which one place, 12 % of the picture, was blurred, and the same photos with noise
everywhere. Times are the best of several, on one core.
"""

import time
from collections.abc import Callable
from typing import TypeVar

import cv2
import numpy as np
from skimage import data
from skimage.metrics import structural_similarity

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.scoring.ssim import ssim

SIZES = ((512, 512), (1024, 683), (2048, 1366), (4096, 2731))
CHANGED_SHARE = 0.12

Result = TypeVar("Result")


def main() -> None:
    """Print one line per size and kind of change."""
    cv2.setNumThreads(1)
    print(f"{'size':>11}  {'change':<6}  {'error':>8}  {'scikit-image':>12}  {'own':>9}  {'ratio':>6}")
    for size in SIZES:
        photo = np.asarray(cv2.resize(data.astronaut(), size, interpolation=cv2.INTER_CUBIC), np.uint8)
        for name, change in (("local", _blurred), ("noise", _noisy)):
            _compare(f"{size[0]}x{size[1]}", name, photo, change(photo))


def _compare(size: str, name: str, a: Pixels, b: Pixels) -> None:
    reference, slow = _timed(lambda: float(structural_similarity(a, b, channel_axis=2, data_range=255)), 2)
    own, fast = _timed(lambda: ssim(a, b), 7)
    print(
        f"{size:>11}  {name:<6}  {abs(own - reference):8.1e}  {slow * 1e3:9.1f} ms  {fast * 1e3:6.1f} ms  "
        f"{slow / fast:6.1f}"
    )


def _blurred(photo: Pixels) -> Pixels:
    height, width = (round(side * CHANGED_SHARE**0.5) for side in photo.shape[:2])
    result = photo.copy()
    place = result[height : 2 * height, width : 2 * width]
    place[:] = cv2.GaussianBlur(place, (0, 0), 3)
    return result


def _noisy(photo: Pixels) -> Pixels:
    noise = np.random.default_rng(0).integers(-3, 4, photo.shape)
    return np.asarray(np.clip(photo + noise, 0, 255), np.uint8)


def _timed(function: Callable[[], Result], times: int) -> tuple[Result, float]:
    best = float("inf")
    for _ in range(times):
        begun = time.perf_counter()
        result = function()
        best = min(best, time.perf_counter() - begun)
    return result, best


if __name__ == "__main__":
    main()
