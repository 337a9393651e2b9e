"""What an edit of the tier `stated` makes of a whole picture: a function of its pixels, and nothing else.

With `p` percent, on sRGB codes from 0 to 255, rounded to the nearest and clipped:

| subtype | kinds | code c becomes |
|---|---|---|
| brightness | brighter, darker | c * (1 + p/100), c * (1 - p/100) |
| contrast | higher, lower | m + (c - m) * (1 + p/100), m + (c - m) * (1 - p/100) |
| color_tone | warmer, cooler | red * (1 + p/200), blue * (1 - p/100); red * (1 - p/100), blue * (1 + p/200) |

m is the mean of the picture's grey, (19595 R + 38470 G + 7471 B + 32768) / 65536, rounded to a code. The
first two are what Pillow's `ImageEnhance.Brightness` and `Contrast` do, to a code.
"""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from iedf_assets.core.pictures.codecs import Pixels

KINDS = {
    "brightness": ("brighter", "darker"),
    "contrast": ("higher", "lower"),
    "color_tone": ("warmer", "cooler"),
}
_CODES = np.arange(256, dtype=np.float64)


def applied(recipe: Mapping[str, Any], rgb: Pixels) -> Pixels:
    """The picture that a recipe states.

    Args:
        recipe: `subtype`, `kind` and `percent`; see the table above.
        rgb: uint8 (H, W, 3).

    Returns:
        A new picture, uint8 (H, W, 3).
    """
    subtype, kind, share = recipe["subtype"], recipe["kind"], recipe["percent"] / 100
    more, less = 1 + share, 1 - share
    if subtype == "brightness":
        gain = more if kind == "brighter" else less
        codes = _CODES[:, None] * np.array([gain] * 3)
    elif subtype == "contrast":
        middle = _mean_grey(rgb)
        scaled = middle + (_CODES - middle) * (more if kind == "higher" else less)
        codes = np.repeat(scaled[:, None], 3, axis=1)
    else:
        gains = [1 + share / 2, 1, less] if kind == "warmer" else [less, 1, 1 + share / 2]
        codes = _CODES[:, None] * np.array(gains)
    return np.asarray(cv2.LUT(rgb, _table(codes)), np.uint8)


def is_complete(recipe: Mapping[str, Any] | None) -> bool:
    """Whether a recipe says all that its function needs."""
    known = recipe or {}
    return "percent" in known and known.get("kind") in KINDS.get(known.get("subtype", ""), ())


def _mean_grey(rgb: Pixels) -> int:
    histogram = np.array(Image.fromarray(rgb).convert("L").histogram(), np.int64)
    return int((histogram @ np.arange(256)) / histogram.sum() + 0.5)


def _table(codes: NDArray[np.float64]) -> Pixels:
    """A table for `cv2.LUT`, (1, 256, 3), of codes (256, 3)."""
    return np.clip(np.floor(codes + 0.5), 0, 255).astype(np.uint8)[None]
