"""What an edit of the tier `stated` makes of a whole picture: a function of its pixels, and nothing else.

With `p` percent, on sRGB codes from 0 to 255, rounded to the nearest and clipped:

| subtype | kinds | code c becomes |
|---|---|---|
| brightness | brighter, darker | c * (1 + p/100), c * (1 - p/100) |
| contrast | higher, lower | m + (c - m) * (1 + p/100), m + (c - m) * (1 - p/100) |
| color_tone | warmer | red * (1 + p/200), green * (1 - p/400), blue * (1 - p/100) |
| color_tone | cooler | red * (1 - p/100), green * (1 - p/400), blue * (1 + p/200) |

m is the mean of the picture's grey, (19595 R + 38470 G + 7471 B + 32768) / 65536, rounded to a code. The
first two are what Pillow's `ImageEnhance.Brightness` and `Contrast` do, to a code.
"""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from PIL import Image

from iedf_assets.core.arrays import Pixels

KINDS = {
    "brightness": ("brighter", "darker"),
    "contrast": ("higher", "lower"),
    "color_tone": ("warmer", "cooler"),
}
_CODES = np.arange(256, dtype=np.float64)[:, None]


def applied(recipe: Mapping[str, Any], rgb: Pixels) -> Pixels:
    """The picture that a recipe states.

    Args:
        recipe: `subtype`, `kind` and `percent`; see the table above.
        rgb: uint8 (H, W, 3).

    Returns:
        A new picture, uint8 (H, W, 3).
    """
    return np.asarray(cv2.LUT(rgb, table_of(recipe, rgb)), np.uint8)


def table_of(recipe: Mapping[str, Any], rgb: Pixels) -> Pixels:
    """What each code of each channel becomes, uint8 (1, 256, 3), in a picture."""
    subtype, kind, share = recipe["subtype"], recipe["kind"], recipe["percent"] / 100
    more, less = 1 + share, 1 - share
    if subtype == "contrast":
        middle = _mean_grey(rgb)
        codes = middle + (_CODES - middle) * (more if kind == "higher" else less)
    elif subtype == "brightness":
        codes = _CODES * (more if kind == "brighter" else less)
    else:
        # Without less green, warmth is yellow and cold is cyan.
        gains = 1 + share / 2, 1 - share / 4, less
        codes = _CODES * np.array(gains if kind == "warmer" else gains[::-1])
    table: Pixels = np.clip(np.floor(codes + 0.5), 0, 255).astype(np.uint8)
    return np.broadcast_to(table, (256, 3))[None].copy()


def is_complete(recipe: Mapping[str, Any] | None) -> bool:
    """Whether a recipe says all that its function needs."""
    known = recipe or {}
    return "percent" in known and known.get("kind") in KINDS.get(known.get("subtype", ""), ())


def _mean_grey(rgb: Pixels) -> int:
    histogram = np.array(Image.fromarray(rgb).convert("L").histogram(), np.int64)
    return int((histogram @ np.arange(256)) / histogram.sum() + 0.5)
