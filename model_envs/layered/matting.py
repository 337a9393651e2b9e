"""From a small mask to a soft alpha at full size, and the object's own colours along its rim."""

import cv2
import numpy as np

from iedf_assets.core.arrays import Floats, Pixels

# The rim in which alpha is decided, in pixels of the small mask, and what is certain beyond it.
RIM = 2.0
SMOOTHNESS = (0.02 * 255) ** 2
SUBSAMPLING = 0.25
GUESS_SIDE = 512
BLURS = 0.18, 0.012  # sides of the two blurs, as shares of the long side: 90 and 6 pixels of 512
MAP_ROWS = 32_000
HAZE, CORE = 0.2, 0.8


def full_alpha(rgb: Pixels, small_mask: Pixels, rim: float = RIM) -> Pixels:
    """The soft alpha of a subject, uint8 (H, W), from its mask or its probability at a smaller size.

    A guided filter (K. He, J. Sun, X. Tang, "Guided Image Filtering", TPAMI 2013; its subsampled form of
    2015) with the photo as the colour guide, worked only around the subject. Thin haze becomes 0, and what is
    nearly solid 255.

    Args:
        rgb: the photo, uint8 (H, W, 3).
        small_mask: uint8 (h, w), 0-255.
        rim: how wide of the mask's edge alpha is decided anew, in pixels of `small_mask`.
    """
    height, width = rgb.shape[:2]
    factor = max(height / small_mask.shape[0], width / small_mask.shape[1])
    coarse = cv2.resize(small_mask, (width, height), interpolation=cv2.INTER_LINEAR)
    reach = max(2, round(rim * factor))
    x, y, w, h = cv2.boundingRect(coarse)
    top, left = max(0, y - 2 * reach), max(0, x - 2 * reach)
    box = np.s_[top : y + h + 2 * reach, left : x + w + 2 * reach]
    guide = np.ascontiguousarray(rgb[box])
    scale = SUBSAMPLING if factor >= 2 else 1.0
    source = coarse[box].astype(np.float32) / 255
    filtered = cv2.ximgproc.guidedFilter(guide, source, reach, SMOOTHNESS, scale=scale)
    soft = (np.clip((filtered - HAZE) / (CORE - HAZE), 0, 1) * 255 + 0.5).astype(np.uint8)
    # Only the rim is uncertain: what lies well inside the mask is solid, what lies well outside is not there.
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    solid, reachable = cv2.erode(coarse[box], kernel), cv2.dilate(coarse[box], kernel)
    alpha = np.zeros((height, width), np.uint8)
    alpha[box] = np.minimum(np.maximum(soft, solid), reachable)
    return alpha


def own_colours(rgb: Pixels, alpha: Pixels) -> Pixels:
    """The object's own colours, uint8 (H, W, 3): the photo, freed of the background where alpha is partial.

    M. Forte, "Approximate Fast Foreground Colour Estimation" (ICIP 2021): a widely blurred guess of
    foreground and background, corrected so that the two mix to the photo, and again with a narrow blur. The
    guesses are made at a reduced size, being smooth; the last correction at full size.
    """
    rows, columns = np.nonzero((alpha > 0) & (alpha < 255))
    if not len(rows):
        return rgb
    height, width = alpha.shape
    factor = min(1.0, GUESS_SIDE / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    photo = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    share = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / np.float32(
        255
    )
    wide, narrow = (max(3, round(max(size) * part)) for part in BLURS)
    first = _blurred(photo, share, wide)
    ground = _blurred(photo, 1 - share, wide)
    first = np.clip(first + share * (photo - share * first - (1 - share) * ground), 0, 255)
    guesses = _blurred(first, share, narrow), _blurred(ground, 1 - share, narrow)
    # Sampled where they are needed: at the rim's pixels, by the map that cv2.resize uses.
    across = ((columns + 0.5) * (size[0] / width) - 0.5).astype(np.float32)[:, None]
    down = ((rows + 0.5) * (size[1] / height) - 0.5).astype(np.float32)[:, None]
    front, back = (_sampled(guess, across, down) for guess in guesses)
    part = alpha[rows, columns].astype(np.float32)[:, None] / np.float32(255)
    corrected = front + part * (rgb[rows, columns] - part * front - (1 - part) * back)
    colours = rgb.copy()
    colours[rows, columns] = np.clip(corrected + 0.5, 0, 255).astype(np.uint8)
    return colours


def _blurred(colours: Floats, weight: Floats, side: int) -> Floats:
    """The mean of the colours, (h, w, 3), in a square of that side, by the weights (h, w, 1), 0 to 1."""
    total = cv2.blur(weight, (side, side))[..., None]
    mixed = cv2.blur(colours * weight, (side, side))
    return np.divide(mixed, np.maximum(total, 1e-3), dtype=np.float32)


def _sampled(picture: Floats, across: Floats, down: Floats) -> Floats:
    """The picture at given places, (N, 3). A map may have no more than 32,767 rows."""
    places = range(0, len(across), MAP_ROWS)
    parts = [
        cv2.remap(picture, across[n : n + MAP_ROWS], down[n : n + MAP_ROWS], cv2.INTER_LINEAR,
                  borderMode=cv2.BORDER_REPLICATE)
        for n in places
    ]  # fmt: skip
    return np.concatenate(parts)[:, 0].astype(np.float32, copy=False)
