"""Tones, light and defocus of a whole picture; the caller decides by an alpha where they show.

Pictures are uint8 RGB (H, W, 3), sRGB. Strengths are 0 to 1.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core import colours
from iedf_assets.core.codecs import Pixels

# Gains in linear light of red, green and blue, in stops at strength 1; the luminance stays about the same.
_WARM = (0.75, 0.0, -1.5)
_COOL = (-1.0, 0.0, 1.2)
# Gamma of the codes, in stops at strength 1: 2 ** -1 lifts 64 to 128.
_BRIGHTEN_STOPS = 1.1
_DARKEN_STOPS = 1.5
_RELIGHT_STOPS = 2.0
_GAIN_LEVELS = 128
# Standard deviation of the blur at strength 1, as a share of the short side.
_DEFOCUS = 0.035
# The blur is computed at a size at which it is about this wide, pixels.
_DEFOCUS_AT = 4.0


def toned(rgb: Pixels, kind: str, strength: float) -> Pixels:
    """The picture warmer, cooler, brighter, darker or less colourful.

    Args:
        kind: `warm`, `cool`, `brighten`, `darken` or `desaturate`.
    """
    if kind == "desaturate":
        grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return np.asarray(cv2.addWeighted(rgb, 1 - strength, grey, strength, 0), np.uint8)
    table = {"warm": _gains, "cool": _gains, "brighten": _gamma, "darken": _exposure}[kind](kind, strength)
    return np.asarray(cv2.LUT(rgb, table), np.uint8)


def relit(rgb: Pixels, kind: str, strength: float, subject: tuple[int, int, int, int]) -> Pixels:
    """Light from one side: brighter towards it and darker away from it, evenly across the subject's box.

    Args:
        kind: `relight_left`, `relight_right` or `relight_above`.
        subject: its box in the picture: x, y, width and height, pixels.
    """
    height, width = rgb.shape[:2]
    x, y, box_width, box_height = subject
    start, span, length = (y, box_height, height) if kind == "relight_above" else (x, box_width, width)
    position = np.clip((np.arange(length) - start) / max(span - 1, 1), 0, 1)
    if kind == "relight_right":
        position = 1 - position
    # 0 on the dark side, 1 towards the light, without a crease at either end.
    lit = 0.5 + 0.5 * np.cos(math.pi * position)
    levels = np.rint(lit * (_GAIN_LEVELS - 1)).astype(np.intp)
    table = _light_table(strength)
    result = np.empty_like(rgb)
    # All pixels of a row or column have the same light, hence the same table of codes.
    lines, source = (result, rgb) if kind == "relight_above" else (result.swapaxes(0, 1), rgb.swapaxes(0, 1))
    for number, level in enumerate(levels):
        lines[number] = table[level][source[number]]
    return result


def recoloured(rgb: Pixels, mask: Pixels, hue: float, chroma: float, gamma: float) -> Pixels:
    """The picture in one hue, with its own lightness and its own variation of chroma.

    Args:
        mask: of the subject, whose mean chroma becomes `chroma`.
        hue: degrees in OKLCh.
        chroma: of the result, OKLCh.
        gamma: exponent of the lightness.
    """
    lab = colours.to_oklab(rgb)
    lightness = cv2.pow(lab[..., 0], gamma)
    old = cv2.magnitude(lab[..., 1], lab[..., 2])
    usual = float(cv2.mean(old, mask)[0])
    # White and metal parts of a coloured subject stay almost so; a grey subject's variation is mere noise.
    kept = min(max(usual / (2 * colours.ACHROMATIC) - 0.5, 0.0), 0.9)
    variation = np.clip(old / max(usual, 1e-3), 0.1, 1.5)
    wanted = chroma * (1 - kept + kept * variation)
    greatest = colours.greatest_chroma(hue, np.linspace(0, 1, 256, dtype=np.float32))
    shown = np.minimum(wanted, np.take(greatest, np.clip(lightness * 255, 0, 255).astype(np.uint8)))
    angle = math.radians(hue)
    painted = cv2.merge([lightness, shown * math.cos(angle), shown * math.sin(angle)])
    return colours.from_oklab(np.asarray(painted, np.float32))


def defocused(rgb: Pixels, alpha: Pixels, strength: float) -> Pixels:
    """The picture out of focus, of its background's colours alone.

    A convolution normalised by the background's weight (Knutsson and Westin 1993), so that the subject's
    colours do not bleed out; computed at a size at which the blur is a few pixels wide.

    Args:
        alpha: of the subject, uint8 (H, W).
    """
    height, width = rgb.shape[:2]
    sigma = max(_DEFOCUS * strength * min(width, height), 1.0)
    reduction = max(sigma / _DEFOCUS_AT, 1.0)
    small = (max(1, round(width / reduction)), max(1, round(height / reduction)))
    weight = cv2.resize(~alpha, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    # The rim's mixed colours count for nothing.
    weight = np.maximum(weight * 2 - 1, 1e-4)
    colour = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA).astype(np.float32) * weight[..., None]
    size = (0, 0)
    blurred = cv2.GaussianBlur(colour, size, sigma / reduction)
    share = np.maximum(cv2.GaussianBlur(weight, size, sigma / reduction), 1e-4)
    codes = np.clip(blurred / share[..., None] + 0.5, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(codes, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _gains(kind: str, strength: float) -> Pixels:
    stops = np.array(_WARM if kind == "warm" else _COOL, np.float32) * strength
    return colours.encoded(_rolled_off(colours.LINEAR[None, :, None], 2.0**stops))


def _gamma(_kind: str, strength: float) -> Pixels:
    codes = (np.arange(256) / 255) ** (2 ** (-_BRIGHTEN_STOPS * strength)) * 255
    return np.rint(codes).astype(np.uint8)


def _exposure(_kind: str, strength: float) -> Pixels:
    return colours.encoded(colours.LINEAR * np.float32(2 ** (-_DARKEN_STOPS * strength)))


def _light_table(strength: float) -> Pixels:
    """Codes (levels, 256) of every code under `_GAIN_LEVELS` lights, from the darkest to the brightest."""
    stops = np.linspace(-1, 1, _GAIN_LEVELS, dtype=np.float32) * (_RELIGHT_STOPS * strength)
    return colours.encoded(_rolled_off(colours.LINEAR[None, :], 2.0 ** stops[:, None]))


def _rolled_off(light: NDArray[np.float32], gain: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light times gain; a gain above 1 bends towards white instead of clipping there."""
    return np.asarray(light * gain / (1 + light * np.maximum(gain - 1, 0)), np.float32)
