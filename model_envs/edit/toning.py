"""Tones, light and defocus of a whole picture; the caller decides by an alpha where they show.

Pictures are uint8 RGB (H, W, 3), sRGB. Strengths are 0 to 1.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from iedf_assets.core.arrays import Floats, Pixels
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.body_colour import likeness
from model_envs.edit.shades import with_shades

# Gains in linear light of red, green and blue, in stops at strength 1; the luminance stays about the same.
_WARM = (0.75, 0.0, -1.5)
_COOL = (-1.0, 0.0, 1.2)
# The same in OKLab's a and b per lightness at strength 1, and the chroma of a colour that is as warm, or as
# cool, as it gets.
_TINTS = {"warm": (0.015, 0.14), "cool": (-0.015, -0.14)}
_WARMEST = 0.14
_STRIP = 256  # rows
# Gamma of the codes, in stops at strength 1: 2 ** -1 lifts 64 to 128.
_BRIGHTEN_STOPS = 1.1
# Light of what is brightened without its darkest becoming grey, in stops at strength 1.
_BRIGHTER_STOPS = 1.4
_DARKEN_STOPS = 1.5
_RELIGHT_STOPS = 2.0
# Share of the subject's box at either end that is fully in the light or in the dark.
_RELIGHT_PLATEAU = 0.15
# Exponent of the contrast curve at strength 1, in stops: the middle becomes so much steeper.
_CONTRAST_STOPS = 1.25
_GAIN_LEVELS = 128
# Standard deviation of the blur at strength 1, as a share of the short side, and how it grows with strength.
_DEFOCUS, _DEFOCUS_GROWTH = 0.034, 2.2
# The blur is computed at a size at which it is about this wide, pixels.
_DEFOCUS_AT = 4.0
# Half sizes of specks of the subject's colour and of highlights on it, and the rim of mixed colours around
# it; as shares of the geometric mean of the picture's sides.
_SPECK, _HIGHLIGHT, _RIM = 0.005, 0.022, 0.004
# An alpha up to which a pixel is background; how far its change is carried on below a rim, pixels.
_FAINT, _CARRIED_PX = 0.2, 2.5
# How far an object's edge is drawn in, a share of those sides, so that no old background is left at it; and
# how thin a part is, in such steps, that is left as it is.
_DRAWN_IN, _THIN = 0.0012, 5


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


def graded(rgb: Pixels, kind: str, strength: float) -> Pixels:
    """`toned`, but vivid colours become warmer and cooler as others do, not green; and black stays black."""
    if kind == "brighten":
        return np.asarray(cv2.LUT(rgb, _more_light(strength)), np.uint8)
    if kind not in _TINTS:
        return toned(rgb, kind, strength)
    result = np.empty_like(rgb)
    # A strip at a time: OKLab takes many times the memory of the codes, and backgrounds are whole pictures.
    for top in range(0, len(rgb), _STRIP):
        strip = np.s_[top : top + _STRIP]
        result[strip] = _tinted(rgb[strip], np.array(_TINTS[kind], np.float32), strength)
    return result


def relit(rgb: Pixels, kind: str, strength: float, subject: tuple[int, int, int, int]) -> Pixels:
    """Light from one side: brighter towards it and darker away from it, evenly across the subject's box.

    Args:
        kind: `relight_left`, `relight_right` or `relight_above`.
        subject: its box in the picture: x, y, width and height, pixels.
    """
    height, width = rgb.shape[:2]
    x, y, box_width, box_height = subject
    start, span, length = (y, box_height, height) if kind == "relight_above" else (x, box_width, width)
    position = (np.arange(length) - start) / max(span - 1, 1)
    position = np.clip((position - _RELIGHT_PLATEAU) / (1 - 2 * _RELIGHT_PLATEAU), 0, 1)
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


def contrasted(rgb: Pixels, mask: Pixels, strength: float) -> Pixels:
    """The picture with darker darks and brighter lights, about the mean level of what the mask shows.

    Args:
        mask: uint8 (H, W), not 0 somewhere.
    """
    pivot = float(np.clip(cv2.mean(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), mask)[0] / 255, 0.1, 0.9))
    exponent = 2 ** (_CONTRAST_STOPS * strength)
    codes = np.arange(256) / 255
    dark = pivot * (np.minimum(codes, pivot) / pivot) ** exponent
    light = (1 - pivot) * ((1 - np.maximum(codes, pivot)) / (1 - pivot)) ** exponent
    table = np.rint(255 * np.where(codes < pivot, dark, 1 - light)).astype(np.uint8)
    return np.asarray(cv2.LUT(rgb, table), np.uint8)


def recoloured(
    rgb: Pixels,
    old: Sequence[float],
    hue: float,
    chroma: float,
    gamma: float,
    alpha: Pixels | None = None,
) -> Pixels:
    """The picture with one of its colours replaced: lightness and shading stay, and so do other colours.

    Args:
        old: the colour that is replaced, RGB 0-255.
        hue: degrees in OKLCh.
        chroma: that `old` gets, OKLCh; fainter shades of it get less.
        gamma: exponent of the lightness.
        alpha: of the object, uint8 (H, W), whose shades of other hues are taken along; None: they are not.
    """
    lab = colour_names.to_oklab(rgb)
    lightness = cv2.pow(lab[..., 0], gamma)
    _, usual, _ = colour_names.lch_of(old)
    # A grey subject's variation of chroma is mere noise.
    kept = min(max(usual / (2 * colour_names.ACHROMATIC) - 0.5, 0.0), 0.9)
    variation = np.clip(cv2.magnitude(lab[..., 1], lab[..., 2]) / max(usual, 1e-3), 0, 1.5)
    wanted = chroma * (1 - kept + kept * variation)
    greatest = colour_names.greatest_chroma(hue, np.linspace(0, 1, 256, dtype=np.float32))
    shown = np.minimum(wanted, np.take(greatest, np.clip(lightness * 255, 0, 255).astype(np.uint8)))
    angle = math.radians(hue)
    painted = cv2.merge([lightness, shown * math.cos(angle), shown * math.sin(angle)])
    share = likeness(lab, old)
    if alpha is not None:
        share = with_shades(lab, alpha, old, share)
    mixed = lab + (painted - lab) * _without_specks(share)[..., None]
    return colour_names.from_oklab(np.asarray(mixed, np.float32))


def defocused(rgb: Pixels, alpha: Pixels, strength: float) -> Pixels:
    """The picture out of focus, of its background's colours alone.

    A convolution normalised by the background's weight (Knutsson and Westin 1993), so that the subject's
    colours do not bleed out; computed at a size at which the blur is a few pixels wide.

    Args:
        alpha: of the subject, uint8 (H, W).
    """
    height, width = rgb.shape[:2]
    sigma = max(_DEFOCUS * strength**_DEFOCUS_GROWTH * min(width, height), 1.0)
    reduction = max(sigma / _DEFOCUS_AT, 1.0)
    small = (max(1, round(width / reduction)), max(1, round(height / reduction)))
    # The rim's mixed colours count for nothing; left in, they would bleed out when the size is reduced.
    outside = np.where(alpha > 0, np.uint8(0), np.uint8(255))
    sums, weights = (
        cv2.GaussianBlur(
            cv2.resize(picture, small, interpolation=cv2.INTER_AREA).astype(np.float32),
            (0, 0),
            sigma / reduction,
        )
        for picture in (cv2.bitwise_and(rgb, rgb, mask=outside), outside)
    )
    shares = np.maximum(weights / 255, 1e-4)[..., None]
    codes = np.clip(sums / shares + 0.5, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(codes, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _without_specks(share: Floats) -> Floats:
    """Opened, closed and softened: specks and highlights belong to their surroundings, rims to the colour."""
    side = math.sqrt(share.size)
    speck, highlight, rim = (max(1, round(side * part)) for part in (_SPECK, _HIGHLIGHT, _RIM))

    def square(half: int) -> Pixels:
        return np.ones((2 * half + 1,) * 2, np.uint8)

    codes = cv2.dilate(cv2.erode(np.rint(share * 255).astype(np.uint8), square(speck)), square(speck))
    codes = cv2.erode(cv2.dilate(codes, square(highlight + rim)), square(highlight))
    return np.asarray(cv2.GaussianBlur(codes, (0, 0), rim / 2).astype(np.float32) / 255, np.float32)


def _tinted(rgb: Pixels, tint: Floats, strength: float) -> Pixels:
    """The more shifted towards a tint, OKLab's a and b, the less a colour is it already."""
    lab = colour_names.to_oklab(rgb)
    along = lab[..., 1:] @ (tint / np.linalg.norm(tint))
    left = lab[..., 0] * np.clip(1 - along / _WARMEST, 0, 1)
    lab[..., 1:] += left[..., None] * (strength * tint)
    return colour_names.from_oklab(lab)


def _gains(kind: str, strength: float) -> Pixels:
    stops = np.array(_WARM if kind == "warm" else _COOL, np.float32) * strength
    return colour_names.encoded(_rolled_off(colour_names.LINEAR[None, :, None], 2.0**stops))


def _gamma(_kind: str, strength: float) -> Pixels:
    codes = (np.arange(256) / 255) ** (2 ** (-_BRIGHTEN_STOPS * strength)) * 255
    return np.rint(codes).astype(np.uint8)


def _more_light(strength: float) -> Pixels:
    gain = np.array(2 ** (_BRIGHTER_STOPS * strength), np.float32)
    return colour_names.encoded(_rolled_off(colour_names.LINEAR[None, :], gain))


def _exposure(_kind: str, strength: float) -> Pixels:
    return colour_names.encoded(colour_names.LINEAR * np.float32(2 ** (-_DARKEN_STOPS * strength)))


def _light_table(strength: float) -> Pixels:
    """Codes (levels, 256) of every code under `_GAIN_LEVELS` lights, from the darkest to the brightest."""
    stops = np.linspace(-1, 1, _GAIN_LEVELS, dtype=np.float32) * (_RELIGHT_STOPS * strength)
    return colour_names.encoded(_rolled_off(colour_names.LINEAR[None, :], 2.0 ** stops[:, None]))


def _rolled_off(light: Floats, gain: Floats) -> Floats:
    """Linear light times gain; a gain above 1 bends towards white instead of clipping there."""
    return np.asarray(light * gain / (1 + light * np.maximum(gain - 1, 0)), np.float32)


def around(rgb: Pixels, edited: Pixels, alpha: Pixels) -> Pixels:
    """A picture edited around an object, without a halo of the old background at the object's soft rim.

    A pixel of the rim is a mixture, of which only the background's part is edited. How that part changes is
    carried on from what lies outside, since the mixture itself is no background. What is hardly the object's
    counts as background.

    Args:
        rgb, edited: uint8 (H, W, 3), before and after the edit of everything.
        alpha: uint8 (H, W), of the object.
    """
    own = np.clip((_drawn_in(alpha).astype(np.float32) / 255 - _FAINT) / (1 - _FAINT), 0, 1)
    outside = (own == 0).astype(np.float32)
    change = edited.astype(np.float32) - rgb
    sums = cv2.GaussianBlur(np.dstack([change * outside[..., None], outside]), (0, 0), _CARRIED_PX)
    carried = sums[..., :3] / np.maximum(sums[..., 3:], 1e-4)
    near = (outside[..., None] == 0) & (sums[..., 3:] > 1e-3)
    change = np.where(near, carried, change)
    return np.clip(np.rint(rgb + (1 - own[..., None]) * change), 0, 255).astype(np.uint8)


def _drawn_in(alpha: Pixels) -> Pixels:
    reach = max(1, round(_DRAWN_IN * np.sqrt(alpha.shape[0] * alpha.shape[1])))
    smaller = cv2.erode(alpha, np.ones((2 * reach + 1,) * 2, np.uint8), borderValue=255)
    thin = cv2.morphologyEx(alpha, cv2.MORPH_TOPHAT, np.ones((_THIN * reach,) * 2, np.uint8))
    return np.asarray(np.where(thin > 127, alpha, smaller), np.uint8)
