"""The canvas a model works on: an exact size that its pipeline keeps, and the exact way back from it.

Qwen's pipelines resize whatever they get to `round(sqrt(area * ratio) / 32) * 32` and its counterpart, each
side rounded by itself, which stretches most photos by up to a few percent. A canvas whose size that formula
maps to itself is not resized at all; other pipelines have other rules, see `canvas_sizes`. The photo is
scaled evenly to fit into it, mirrored beyond its edges to fill it, and cut out and scaled back afterwards.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.profile.editors import Rule

STEP = 32
# A photo that fills this share of the canvas as it is, is not scaled: every resampling costs detail.
ENOUGH = 0.85
# What FLUX.1 Kontext was trained on, pixels, at its own area; the narrow ones, then the square.
_TRAINED = (
    (672, 1568),
    (688, 1504),
    (720, 1456),
    (752, 1392),
    (800, 1328),
    (832, 1248),
    (880, 1184),
    (944, 1104),
)
KONTEXT = (*_TRAINED, (1024, 1024), *((height, width) for width, height in _TRAINED))


@dataclass(frozen=True)
class Canvas:
    """How a picture lies on its canvas.

    Attributes:
        width, height: of the canvas, multiples of 32 (of 16 where the rule says so), pixels.
        inner_width, inner_height: of the scaled picture on it.
        x, y: of its upper left corner.
        source_width, source_height: of the picture itself.
    """

    width: int
    height: int
    inner_width: int
    inner_height: int
    x: int
    y: int
    source_width: int
    source_height: int

    @property
    def upscaling(self) -> float:
        """How many times as long a pixel of the canvas is in the picture: more than 1 loses detail."""
        return max(self.source_width / self.inner_width, self.source_height / self.inner_height)

    def put(self, picture: Pixels) -> Pixels:
        """The picture on its canvas: uint8 (H, W[, C]) to (height, width[, C])."""
        inner = _resized(picture, self.inner_width, self.inner_height)
        return np.asarray(
            cv2.copyMakeBorder(
                inner,
                self.y,
                self.height - self.inner_height - self.y,
                self.x,
                self.width - self.inner_width - self.x,
                cv2.BORDER_REFLECT,
            ),
            np.uint8,
        )

    def take(self, canvas: Pixels) -> Pixels:
        """The inverse of `put`: (height, width[, C]) to uint8 (source_height, source_width[, C]).

        Raises:
            ValueError: the canvas has another size.
        """
        if canvas.shape[:2] != (self.height, self.width):
            raise ValueError(
                f"the canvas is {canvas.shape[1]}x{canvas.shape[0]}, not {self.width}x{self.height}"
            )
        inner = canvas[self.y : self.y + self.inner_height, self.x : self.x + self.inner_width]
        return _resized(np.ascontiguousarray(inner), self.source_width, self.source_height)


def fit_canvas(width: int, height: int, area: int, rule: Rule = "round32") -> Canvas:
    """The canvas of about that area, pixels, that a picture fills best."""
    ratio = width / height
    size = max(
        canvas_sizes(area, rule),
        key=lambda size: (_filled(size, width, height), -abs(size[0] / size[1] - ratio)),
    )
    factor = min(size[0] / width, size[1] / height)
    if factor >= 1 and width * height >= ENOUGH * size[0] * size[1]:
        factor = 1.0
    inner_width = min(max(1, round(width * factor)), size[0])
    inner_height = min(max(1, round(height * factor)), size[1])
    x, y = (size[0] - inner_width) // 2, (size[1] - inner_height) // 2
    return Canvas(*size, inner_width, inner_height, x, y, width, height)


def canvas_sizes(area: int, rule: Rule = "round32") -> list[tuple[int, int]]:
    """Every width and height that a pipeline keeps as they are for a working area, pixels.

    Args:
        rule: `round32`: both sides of the area rounded to 32, as Qwen's do; `at_most`: the same, no larger
            than the area, above which the pipeline shrinks what it is given; `ceil16`: both rounded up to
            16; `kontext`: the sizes that it was trained on, or at another area as `round32`.
    """
    if rule == "kontext" and area == 1 << 20:
        return list(KONTEXT)
    if rule == "ceil16":
        return _rounded_up(area)
    sizes = _rounded(area)
    return [size for size in sizes if size[0] * size[1] <= area] if rule == "at_most" else sizes


def _rounded_up(area: int) -> list[tuple[int, int]]:
    sizes = []
    for width in range(16, 16 * math.isqrt(area), 16):
        height = math.ceil(area / width / 16) * 16
        root = math.sqrt(area * width / height)
        if (math.ceil(root / 16) * 16, math.ceil(root * height / width / 16) * 16) == (width, height):
            sizes.append((width, height))
    return sizes


def _rounded(area: int) -> list[tuple[int, int]]:
    sizes = []
    for width in range(STEP, 16 * math.isqrt(area), STEP):
        height = max(STEP, round(area / width / STEP) * STEP)
        if pipeline_size(area, width / height) == (width, height):
            sizes.append((width, height))
    return sizes


def pipeline_size(area: float, ratio: float) -> tuple[int, int]:
    """The size that the pipelines resize to (`calculate_dimensions` of diffusers' Qwen-Image pipelines)."""
    width = math.sqrt(area * ratio)
    return round(width / STEP) * STEP, round(width / ratio / STEP) * STEP


def _filled(size: tuple[int, int], width: int, height: int) -> float:
    """The share of a canvas that a picture covers when it is scaled to fit."""
    factor = min(size[0] / width, size[1] / height)
    return width * height * factor**2 / (size[0] * size[1])


def _resized(picture: Pixels, width: int, height: int) -> Pixels:
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = width * height < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)
