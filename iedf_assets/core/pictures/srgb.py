"""Any decoded picture as sRGB: colour profiles, CMYK and Lab, 16 bits, palettes, transparency."""

import io

import numpy as np
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import TiffImageFile

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import SourceError
from iedf_assets.core.reasons import UNREADABLE

_MODE_OF_SPACE = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
# A profile that moves no colour by more than so many levels (of 255) is sRGB in other words.
_SAME_COLOUR = 1
# A tag of TIFF.
_PHOTOMETRIC = 262
# No agreed white: the same numbers mean black to one writer and white to another.
_UNSCALED = frozenset({"I", "F"})


def to_srgb(picture: Image.Image, icc: bytes) -> Pixels:
    """uint8 (H, W, 3) sRGB of a loaded picture; what is transparent shows white.

    16-bit samples keep their upper 8 bits, as Pillow's own reduction of 16-bit RGB does: 65535 becomes 255.

    Args:
        icc: its colour profile, empty for none; a broken or unfitting one counts as none.

    Raises:
        SourceError: `unreadable` for 32-bit integers and floats, whose range nobody knows.
    """
    if picture.mode in _UNSCALED:
        raise SourceError(
            UNREADABLE, f"pixels of mode {picture.mode} have no agreed range", "convert it to 8 or 16 bits"
        )
    colour, alpha = _separated(picture)
    rgb = (_managed(colour, icc) if icc else None) or _in_mode(colour, "RGB")
    if alpha is not None:
        white = Image.new("RGB", rgb.size, "white")
        white.paste(rgb, mask=alpha)
        rgb = white
    return np.asarray(rgb)


def _separated(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour (RGB, L, CMYK or LAB) and alpha (L) of a picture in any mode."""
    if picture.mode.startswith("I;16"):
        grey = (np.asarray(picture) >> 8).astype(np.uint8)
        # Pillow minds which end is white at 8 bits alone.
        zero_is_white = isinstance(picture, TiffImageFile) and picture.tag_v2.get(_PHOTOMETRIC) == 0
        return Image.fromarray(255 - grey if zero_is_white else grey), None
    if "transparency" in picture.info or picture.mode in {"PA", "RGBa"}:
        picture = picture.convert("RGBA")
    elif picture.mode == "La":
        picture = picture.convert("LA")
    if picture.mode in {"RGBA", "LA"}:
        alpha = picture.getchannel("A")
        # Nothing at all to be seen was meant by nobody: programs leave an alpha empty that they do not use.
        return picture.convert(picture.mode[:-1]), alpha if alpha.getextrema()[1] else None
    if picture.mode == "1":
        return picture.convert("L"), None
    return (picture if picture.mode in _MODE_OF_SPACE.values() else picture.convert("RGB")), None


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    """The picture in a mode; unlike `convert`, no copy when it is in that mode already."""
    return picture if picture.mode == mode else picture.convert(mode)


def _managed(colour: Image.Image, icc: bytes) -> Image.Image | None:
    """The picture brought from its profile to sRGB; None when the profile is broken or of another space."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        mode = _MODE_OF_SPACE[profile.profile.xcolor_space.strip()]
        if mode == "RGB" and colour.mode == "L":
            colour = colour.convert("RGB")
        if mode != colour.mode:
            return None
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        transform = ImageCms.buildTransform(profile, srgb, mode, "RGB")
        return colour if mode == "RGB" and _changes_nothing(transform) else transform.apply(colour)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, KeyError):
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a transform leaves a lattice of 9 x 9 x 9 colours where they are."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    moved = np.asarray(transform.apply(Image.fromarray(lattice)), np.int16)
    return bool(np.abs(moved - lattice).max() <= _SAME_COLOUR)
