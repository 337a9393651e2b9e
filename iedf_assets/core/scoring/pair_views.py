"""Parts of a pair at a reduced size, and what measures of them share."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Floats, Pixels
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.colour_difference import quick_lab
from iedf_assets.core.pictures.masks import Box, grown, grown_box

# To which the long side of the mask's box is reduced for tones, which need less than structure; pixels.
TONE_SIDE = 128
# A Gaussian of so many pixels is blurred as well as any.
FINE = 3.0
# Fewer pixels than this tell nothing.
ENOUGH_PIXELS = 32
# A weight for each channel of OKLab, in which colours differ by less than lightnesses.
_STRETCH = np.diag([1, 2, 2]).astype(np.float32)
# A step or a change of this size is noise, OKLab.
NOISE = 0.01


@dataclass(frozen=True)
class PairView:
    """A pair to be looked at in parts and reduced.

    Attributes:
        source, result: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero where the source's content changes.
    """

    source: Pixels
    result: Pixels
    mask: Pixels

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.mask.shape[1], self.mask.shape[0]

    def reduced(self, box: Box, scale: float) -> tuple[Pixels, Pixels, Bools]:
        """Source, result and what the mask shows, in a box and reduced; they are never enlarged."""
        _, shown = cv2.threshold(self.mask[box], 0, 255, cv2.THRESH_BINARY)
        parts = self.source[box], self.result[box], np.asarray(shown, np.uint8)
        one, other, inside = (_resized(part, scale) for part in parts)
        return one, other, inside > 127

    def toned(self) -> tuple[Pixels, Pixels, Bools]:
        """The mask's box, as far reduced as tones allow."""
        box = grown_box(self.mask, 0)
        return self.reduced(box, TONE_SIDE / long_side(box))


def reduced_size(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Width and height of a picture (height, width) reduced until the root of its area is `side` pixels."""
    height, width = shape[:2]
    factor = min(1.0, side / math.sqrt(height * width))
    return max(1, round(width * factor)), max(1, round(height * factor))


def reduced_lab(picture: Pixels, size: tuple[int, int]) -> Floats:
    """L*a*b* of a picture, uint8 (H, W, 3), at a smaller size, width and height; float32 (h, w, 3)."""
    return quick_lab(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8))


def reduced_mask(mask: Pixels, size: tuple[int, int]) -> Bools:
    """What a mask, uint8 (H, W), shows of most of each pixel at a smaller size, width and height."""
    shown = np.where(mask > 0, np.uint8(255), np.uint8(0))
    return np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA) > 127)


def smooth(picture: Floats, sigma: float) -> Floats:
    """A Gaussian blur of so many pixels, of float32 (h, w) or (h, w, 3)."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def averaged(picture: Floats, side: float) -> Floats:
    """The mean of each pixel's square of about that side."""
    return np.asarray(cv2.blur(picture, (2 * round(side / 2) + 1,) * 2), np.float32)


class Around:
    """Means of what lies around each pixel, of (h, w) or (h, w, 3), by a Gaussian. Being smooth, taken small.

    Args:
        weight: how much each pixel counts, (h, w), 0 or more.
        sigma: of the Gaussian, pixels.
    """

    def __init__(self, weight: Floats, sigma: float) -> None:
        self._weight, self._step = weight, max(1, int(sigma / FINE))
        self._sigma = sigma / self._step
        self._total = np.maximum(self._blurred(weight), 1e-3)

    def mean(self, values: Floats) -> Floats:
        """The weighted mean of values around each pixel."""
        deep = values.ndim > self._weight.ndim
        weight, total = (one[..., None] if deep else one for one in (self._weight, self._total))
        height, width = self._weight.shape
        means = self._blurred(values * weight) / total
        return np.asarray(cv2.resize(means, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

    def _blurred(self, values: Floats) -> Floats:
        height, width = self._weight.shape
        size = -(-width // self._step), -(-height // self._step)
        return smooth(np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA)), self._sigma)


def grown_by(mask: Bools, by: int) -> Bools:
    """A mask, (h, w), and so many pixels more to each side."""
    return grown(mask.astype(np.uint8), by) > 0


def stretched_oklab(rgb: Pixels) -> Floats:
    """OKLab with hue and chroma stretched, so that all three count about alike: float32 (h, w, 3)."""
    return np.asarray(cv2.transform(colour_names.to_oklab(rgb), _STRETCH), np.float32)


def cosine(one: Floats, other: Floats) -> float:
    """Of the angle between two fields, -1 to 1; 0 where one of them is 0 everywhere."""
    sizes = math.sqrt(cv2.norm(one, cv2.NORM_L2SQR) * cv2.norm(other, cv2.NORM_L2SQR))
    return float((one * other).sum()) / sizes if sizes else 0.0


def _resized(picture: Pixels, scale: float) -> Pixels:
    """By halves first, which is several times as fast and averages as well."""
    height, width = (max(1, round(length * min(scale, 1))) for length in picture.shape[:2])
    while min(picture.shape[0] / height, picture.shape[1] / width) >= 2:
        half = picture.shape[1] // 2, picture.shape[0] // 2
        picture = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def long_side(box: Box) -> int:
    """The longer side of a box, pixels."""
    rows, columns = box
    return int(max(rows.stop - rows.start, columns.stop - columns.start))
