"""Colours as people see them: OKLab coordinates, and names for them in English and Chinese.

OKLab (Ottosson 2020) has lightness 0 to 1 and, unlike CIE Lab, keeps blue apart from purple by hue alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from iedf_assets.core.arrays import Floats, Pixels

Hues = TypeVar("Hues", float, Floats)

# Below this chroma a colour is black, white or grey.
ACHROMATIC = 0.030
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_FROM_CONES = np.linalg.inv(_TO_CONES.astype(np.float64)).astype(np.float32)
_FROM_LAB = np.linalg.inv(_TO_LAB.astype(np.float64)).astype(np.float32)
_CODES = np.arange(256) / 255
LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""Linear light 0-1 of the 256 sRGB codes (IEC 61966-2-1)."""
# Finer than the steepest part of the curve, where a code spans 5 of these steps.
_ENCODE_STEPS = 1 << 14


@dataclass(frozen=True)
class Colour:
    """A colour's name: its key, and what it is called in English and in Chinese."""

    key: str
    en: str
    ch: str

    def word(self, language: str) -> str:
        """Its name in `en` or `ch`."""
        return self.en if language == "en" else self.ch


COLOURS = {
    key: Colour(key, key.replace("_", " "), chinese)
    for key, chinese in {
        "black": "黑色",
        "dark_grey": "深灰色",
        "grey": "灰色",
        "light_grey": "浅灰色",
        "white": "白色",
        "dark_red": "深红色",
        "red": "红色",
        "pink": "粉色",
        "dark_brown": "深棕色",
        "brown": "棕色",
        "orange": "橙色",
        "beige": "米色",
        "olive": "橄榄色",
        "yellow": "黄色",
        "light_yellow": "浅黄色",
        "dark_green": "深绿色",
        "green": "绿色",
        "light_green": "浅绿色",
        "dark_teal": "深青色",
        "teal": "青色",
        "light_teal": "浅青色",
        "dark_blue": "深蓝色",
        "blue": "蓝色",
        "light_blue": "浅蓝色",
        "dark_purple": "深紫色",
        "purple": "紫色",
        "light_purple": "浅紫色",
        "magenta": "品红色",
    }.items()
}

# (greatest hue in degrees, [(greatest lightness, key), ...]), both ascending; hues count from 12 upwards.
_GREYS = [(0.22, "black"), (0.42, "dark_grey"), (0.70, "grey"), (0.88, "light_grey"), (2.0, "white")]
_FAMILIES = [
    (35, [(0.44, "dark_red"), (0.72, "red"), (2.0, "pink")]),
    (82, [(0.38, "dark_brown"), (0.62, "brown"), (2.0, "orange")]),
    (118, [(0.62, "olive"), (0.92, "yellow"), (2.0, "light_yellow")]),
    (165, [(0.42, "dark_green"), (0.80, "green"), (2.0, "light_green")]),
    (222, [(0.42, "dark_teal"), (0.80, "teal"), (2.0, "light_teal")]),
    (283, [(0.38, "dark_blue"), (0.70, "blue"), (2.0, "light_blue")]),
    (315, [(0.38, "dark_purple"), (0.70, "purple"), (2.0, "light_purple")]),
    (332, [(0.38, "dark_purple"), (0.55, "purple"), (0.72, "magenta"), (2.0, "light_purple")]),
    (352, [(0.38, "dark_purple"), (0.68, "magenta"), (2.0, "pink")]),
    (372, [(0.44, "dark_red"), (0.60, "magenta"), (2.0, "pink")]),
]


def name_of(rgb: Sequence[float]) -> Colour:
    """The name of an sRGB colour (0-255 each)."""
    lightness, chroma, hue = lch_of(rgb)
    return name_of_lch(lightness, chroma, hue)


def name_of_lch(lightness: float, chroma: float, hue: float) -> Colour:
    """The name of a colour in OKLCh: lightness 0-1, chroma from 0, hue in degrees."""
    if chroma < ACHROMATIC or lightness < 0.12:
        return COLOURS[_banded(_GREYS, lightness)]
    hue = (hue - 12) % 360 + 12
    # Pale skin, sand, wood and paper: too faint to be called orange or yellow.
    if 30 <= hue < 118 and chroma < 0.085 and lightness > 0.74:
        return COLOURS["beige"]
    if 30 <= hue < 95 and chroma < 0.085:
        return COLOURS["dark_brown" if lightness <= 0.38 else "brown"]
    bands = next(bands for greatest, bands in _FAMILIES if hue <= greatest)
    return COLOURS[_banded(bands, lightness)]


def lch_of(rgb: Sequence[float]) -> tuple[float, float, float]:
    """OKLCh of an sRGB colour (0-255 each): lightness 0-1, chroma, hue in degrees 0-360."""
    pixel = np.clip(np.rint(rgb), 0, 255).astype(np.uint8).reshape(1, 1, 3)
    lightness, a, b = to_oklab(pixel)[0, 0].tolist()
    return lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360


def hue_distance(one: Hues, other: float) -> Hues:
    """Distance of a hue, or of many, from another one around the circle, 0-180 degrees."""
    return abs((one - other + 180) % 360 - 180)


def to_oklab(rgb: Pixels) -> Floats:
    """From sRGB uint8 (H, W, 3) to OKLab float32 (H, W, 3)."""
    cones = cv2.transform(cv2.LUT(rgb, LINEAR), _TO_CONES)
    return np.asarray(cv2.transform(cv2.pow(cones, 1 / 3), _TO_LAB), np.float32)


def from_oklab(lab: Floats) -> Pixels:
    """From OKLab float32 (H, W, 3) to sRGB uint8; what sRGB cannot show is clipped by channel."""
    cones = cv2.transform(lab, _FROM_LAB)
    return encoded(np.asarray(cv2.transform(cones * cones * cones, _FROM_CONES), np.float32))


def encoded(linear: Floats) -> Pixels:
    """Linear light (0-1, clipped) to sRGB codes, uint8."""
    steps = np.clip(linear * (_ENCODE_STEPS - 1) + 0.5, 0, _ENCODE_STEPS - 1).astype(np.uint16)
    codes: Pixels = np.take(_ENCODED, steps)
    return codes


def greatest_chroma(hue: float, lightness: Floats) -> Floats:
    """The greatest chroma that sRGB can show of a hue, to 0.002.

    Args:
        hue: degrees.
        lightness: float32 (N,), 0-1.

    Returns:
        float32 (N,).
    """
    chromas = np.linspace(0, 0.34, 171, dtype=np.float32)
    grid, chroma = np.meshgrid(lightness, chromas, indexing="ij")
    angle = math.radians(hue)
    lab = cv2.merge([grid, chroma * math.cos(angle), chroma * math.sin(angle)])
    linear = np.asarray(cv2.transform(cv2.transform(lab, _FROM_LAB) ** 3, _FROM_CONES))
    shown = ((linear > -1e-3) & (linear < 1 + 1e-3)).all(axis=2)
    greatest: Floats = chromas[np.maximum(np.argmin(shown, axis=1) - 1, 0)]
    return greatest


def _banded(bands: list[tuple[float, str]], value: float) -> str:
    return next(key for greatest, key in bands if value <= greatest)


def _encode_table() -> Pixels:
    light = np.linspace(0, 1, _ENCODE_STEPS)
    codes = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    table: Pixels = np.rint(codes * 255).astype(np.uint8)
    return table


_ENCODED = _encode_table()
