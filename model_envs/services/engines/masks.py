"""The mask of an edit, from whatever a caller takes for one; what is no plain mask is refused by name."""

from pathlib import Path

import numpy as np
from PIL import Image

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures.photos import Photo, read_photo, upright

# A request without a mask edits this part of the sides, in the middle.
CENTRAL = 0.5
# Levels by which the channels of a grey pixel differ at most, and the share of others that is overlooked.
_GREY, _OVERLOOKED = 24, 0.01
# Grey levels that are neither black nor white, and the share of them that only a picture has.
_DARK, _LIGHT, _MOSTLY = 48, 207, 0.5


class RefusedError(Exception):
    """The request itself cannot be made; it is no fault of the service."""


def central(height: int, width: int) -> Pixels:
    """The mask of a request that brings none: uint8 (height, width), 0 or 255."""
    mask = np.zeros((height, width), np.uint8)
    inset_y, inset_x = round(height * (1 - CENTRAL) / 2), round(width * (1 - CENTRAL) / 2)
    mask[inset_y : max(height - inset_y, 1), inset_x : max(width - inset_x, 1)] = 255
    return mask


def mask_of(path: Path, photo: Photo, max_pixels: int) -> tuple[Pixels, bool]:
    """The mask in a file, and whether it was turned along with the photo.

    Args:
        photo: that is edited. A mask is of the upright photo; one that fits only its stored pixels is turned.

    Returns:
        uint8 (H, W) of the photo's size, 0 or 255; and whether it was turned.

    Raises:
        RefusedError: it is no plain mask, not of the photo's size, or empty.
        SourceError: it cannot be read.
    """
    rgb = read_photo(path, max_pixels=max_pixels, max_megapixels=max_pixels / 1e6).rgb
    _require_plain(path, rgb)
    grey, size = rgb.max(axis=2), photo.rgb.shape[:2]
    turned = grey.shape != size and photo.orientation >= 5 and grey.shape == size[::-1]
    if turned:
        grey = upright(grey, photo.orientation)
    if grey.shape != size:
        raise RefusedError(
            f"the mask is {grey.shape[1]} x {grey.shape[0]} pixels, the picture {size[1]} x {size[0]}"
        )
    if grey.max() < 128:
        raise RefusedError(
            f"the mask is empty: white (255) is what is edited, and its largest value is {grey.max()}"
        )
    return np.where(grey >= 128, 255, 0).astype(np.uint8), turned


def _require_plain(path: Path, rgb: Pixels) -> None:
    remedy = "send a picture in black and white: white is where the photo is edited"
    with Image.open(path) as picture:
        alpha = np.asarray(picture.convert("RGBA").getchannel("A")) if picture.has_transparency_data else None
        if alpha is not None and alpha.min() < 255:
            raise RefusedError(f"the mask has transparent pixels, which may mean either; {remedy}")
    spread = rgb.max(axis=2) - rgb.min(axis=2)
    if float((spread > _GREY).mean()) > _OVERLOOKED:
        raise RefusedError(f"the mask is a picture in colour; {remedy}")
    if float(((rgb[..., 0] > _DARK) & (rgb[..., 0] < _LIGHT)).mean()) > _MOSTLY:
        raise RefusedError(f"the mask is mostly neither black nor white; {remedy}")
