"""Masks as the eye sees them, and where a trainer that takes a file's numbers reads something else."""

import numpy as np
from PIL import Image

from iedf_assets.core.arrays import Pixels

_PLAIN = "store it as 8-bit grey, 0 and 255"
_MODES = {
    "1": "one bit a pixel, which readers take as 0 and 1",
    "P": "a palette, of which readers take the numbers and not the colours",
    "I;16": "16 bits a pixel, which readers cut to 8 in different ways",
    "I": "16 or 32 bits a pixel, which readers cut to 8 in different ways",
    "RGB": "in colour: three channels, where readers expect one",
    "LA": "transparency, which readers take for the mask or leave out",
    "RGBA": "in colour with transparency, which readers take for the mask or leave out",
}


def odd_form(picture: Image.Image) -> str | None:
    """How a mask's file is read otherwise than it looks, with the remedy; None for a plain one.

    Args:
        picture: decoded, as its file has it.
    """
    told = _MODES.get(picture.mode)
    if picture.mode == "L":
        highest = int(np.asarray(picture).max())
        if "transparency" in picture.info:
            told = _MODES["LA"]
        elif 0 < highest <= 127:  # the middle of grey
            told = f"nearly black: its highest value is {highest}, which readers take for nothing"
    return f"{told}; {_PLAIN}" if told else None


def seen(picture: Image.Image) -> Pixels:
    """uint8 (H, W), 0 or 255, as the eye sees a mask: what is lighter than the middle is white."""
    if picture.mode.startswith("I"):
        return np.where(np.asarray(picture) > 0x7FFF, np.uint8(255), np.uint8(0))
    grey = np.asarray(picture if picture.mode == "L" else picture.convert("L"))
    return np.where(grey > 127, np.uint8(255), np.uint8(0))  # the middle of grey
