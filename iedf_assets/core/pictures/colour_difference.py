"""Colour differences in CIE L*a*b* (D65, 2°): the colours, and the difference formula CIEDE2000."""

import cv2
import numpy as np

from iedf_assets.core.arrays import Doubles, Floats, Pixels

_POW7 = 25.0**7
# sRGB (IEC 61966-2-1): what each code is of full light, and the colours' primaries over the white point.
_CODES = np.arange(256) / 255
_LIGHT = np.where(_CODES > 0.04045, ((_CODES + 0.055) / 1.055) ** 2.4, _CODES / 12.92)
_TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])
_ACROSS = np.array([[-1, 0, 1]], np.float32)
_TO_WHITE_XYZ = (_TO_XYZ / _WHITE[:, None]).T


def to_lab(rgb: Pixels) -> Doubles:
    """L* (0 to 100), a* and b* of sRGB colours: uint8 (..., 3) to float64 (..., 3).

    Exact, where OpenCV's conversion interpolates in a table and is up to 0.5 off.
    """
    xyz = _LIGHT[rgb] @ _TO_WHITE_XYZ
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def quick_lab(rgb: Pixels) -> Floats:
    """The same by OpenCV, float32 (H, W, 3): up to 0.5 off, in a fraction of the time."""
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def steepness(lab: Floats) -> Floats:
    """How far colours differ on both sides of a pixel, across or down, a little smoothed: float32 (H, W)."""
    soft = cv2.GaussianBlur(lab, (0, 0), 1.0)
    across, down = (cv2.filter2D(soft, -1, kernel) for kernel in (_ACROSS, _ACROSS.T))
    return np.maximum(lengths(np.asarray(across, np.float32)), lengths(np.asarray(down, np.float32)))


def lengths(differences: Floats) -> Floats:
    """The lengths of vectors of colour, (H, W, 3): ΔE*ab of differences in L*a*b*."""
    return np.asarray(np.sqrt(np.einsum("ijk,ijk->ij", differences, differences)), np.float32)


def ciede2000(one: Doubles, other: Doubles) -> Doubles:
    """ΔE2000 of colours in L*a*b*, (..., 3) each; float64 (...), 1 is about a just noticeable difference.

    G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes" (2005), with
    the weights kL = kC = kH = 1.
    """
    l1, a1, b1 = np.moveaxis(one, -1, 0)
    l2, a2, b2 = np.moveaxis(other, -1, 0)
    mean_chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1 + 0.5 * (1 - np.sqrt(mean_chroma**7 / (mean_chroma**7 + _POW7)))
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a * stretch)) % 360 for a, b in ((a1, b1), (a2, b2)))
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    # Hues are angles: the difference goes the short way round, and so does their mean. Grey has none.
    grey = c1 * c2 == 0
    turn = np.where(grey, 0, (h2 - h1 + 180) % 360 - 180)
    turn = np.where((turn == -180) & (h2 > h1), 180, turn)
    hue = np.where(grey, h1 + h2, _mean_hue(h1, h2))
    delta_l, delta_c = l2 - l1, c2 - c1
    delta_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    weight = (
        1
        - 0.17 * _cos(hue - 30)
        + 0.24 * _cos(2 * hue)
        + 0.32 * _cos(3 * hue + 6)
        - 0.20 * _cos(4 * hue - 63)
    )
    s_l = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    s_c = 1 + 0.045 * chroma
    s_h = 1 + 0.015 * chroma * weight
    spread = 30 * np.exp(-(((hue - 275) / 25) ** 2))
    rotation = -2 * np.sqrt(chroma**7 / (chroma**7 + _POW7)) * np.sin(np.radians(2 * spread))
    parts = delta_l / s_l, delta_c / s_c, delta_h / s_h
    total = sum(part**2 for part in parts) + rotation * parts[1] * parts[2]
    return np.asarray(np.sqrt(np.maximum(total, 0)), np.float64)


def _mean_hue(one: Doubles, other: Doubles) -> Doubles:
    mean = (one + other) / 2
    far = np.abs(one - other) > 180
    return np.asarray(np.where(far, np.where(one + other < 360, mean + 180, mean - 180), mean))


def _cos(degrees: Doubles) -> Doubles:
    return np.asarray(np.cos(np.radians(degrees)))
