"""The filters that leave out sound pictures which make poor sources."""

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.profile.sections import Filters
from iedf_assets.core.reasons import GRAYSCALE, RESOLUTION_TOO_SMALL, UNIFORM_BORDER

# Rows looked at in one go, so that their channels stay in the processor's cache.
_STRIP = 32
# A thing before a plain border is looked for at this long side, pixels: what differs from the border's colour
# by so many levels, takes at least this share, and fills its box's sides less than a framed picture does.
_LOOKED_AT, _ANOTHER_LEVEL, _LEAST_THING, _FRAMED = 256, 12, 0.002, 0.8


def turned_down(
    rgb: Pixels, original_width: int, original_height: int, filters: Filters
) -> tuple[str, str] | None:
    """Reason and detail of the first filter that a photo does not pass; None when it passes all.

    Args:
        rgb: uint8 (H, W, 3) at working size.
        original_width, original_height: its size before scaling down, pixels.
    """
    if original_width < filters.min_width or original_height < filters.min_height:
        wanted = f"{filters.min_width}x{filters.min_height}"
        return (
            RESOLUTION_TOO_SMALL,
            f"{original_width}x{original_height} pixels, at least {wanted} are wanted",
        )
    colour = channel_difference(rgb)
    if colour < filters.min_channel_difference:
        return GRAYSCALE, f"channels differ by {colour:.2f}, less than {filters.min_channel_difference:g}"
    deviation = border_deviation(rgb, filters.border)
    if deviation < filters.min_border_deviation and not shows_thing(rgb, filters.border):
        return UNIFORM_BORDER, f"deviation {deviation:.2f}, less than {filters.min_border_deviation:g}"
    return None


def shows_thing(rgb: Pixels, border: int) -> bool:
    """Whether a picture with a border in one colour shows a thing: not nothing, nor a framed picture.

    What is framed begins along straight lines on all sides; a thing seldom fills the sides of its box.
    """
    factor = min(1.0, _LOOKED_AT / max(rgb.shape[:2]))
    size = max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    width = max(1, round(border * factor))
    ground = np.median(np.concatenate([small[:width].reshape(-1, 3), small[-width:].reshape(-1, 3)]), axis=0)
    content = (np.abs(small - ground).max(axis=2) > _ANOTHER_LEVEL).astype(np.uint8)
    content = cv2.morphologyEx(content, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    left, top, across, down = cv2.boundingRect(content)
    if not across or content.mean() < _LEAST_THING:
        return False
    box = content[top : top + down, left : left + across]
    sides = [line.mean() for line in (box[:2], box[-2:], box[:, :2], box[:, -2:])]
    return bool(min(sides) < _FRAMED)


def channel_difference(rgb: Pixels) -> float:
    """Mean absolute difference between the channels, 0-255, over the three pairs of them."""
    strips = (rgb[top : top + _STRIP] for top in range(0, len(rgb), _STRIP))
    return sum(map(_pair_differences, strips)) / rgb.size


def _pair_differences(rgb: Pixels) -> float:
    red, green, blue = cv2.split(rgb)
    pairs = ((red, green), (green, blue), (blue, red))
    return sum(cv2.norm(one, other, cv2.NORM_L1) for one, other in pairs)


def border_deviation(rgb: Pixels, border: int) -> float:
    """Standard deviation (0-255) of a frame `border` pixels wide, each channel about its own mean.

    Seen per channel, so that a frame in one plain colour has none, whatever the colour.
    """
    height, width = rgb.shape[:2]
    if height <= 2 * border or width <= 2 * border:
        frame = rgb.reshape(-1, 3)
    else:
        sides = (rgb[:border], rgb[-border:], rgb[border:-border, :border], rgb[border:-border, -border:])
        frame = np.concatenate([side.reshape(-1, 3) for side in sides])
    return float(np.sqrt(frame.var(axis=0, dtype=np.float64).mean()))
