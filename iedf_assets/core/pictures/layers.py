"""The objects of a decomposed source as they lie staged: which one an edit takes, and reading its pictures.

A row of image_layers has one entry for each object, the main one first:

| key | what it is |
|---|---|
| number | of the object in its photo, from 1 |
| x, y, width, height | the box of its alpha, pixels |
| area_share, center_x, center_y | its share of the picture; its middle, shares of the sides |
| colour, caption | its body's colour, RGB; what it is called by: English text, or `{"ch", "en"}`, or null |
| text | what it bears, as whoever names objects has read it, or null; absent where nobody was to read |
| colour_name | the colour that it is called by, a key of `COLOURS`, or null; absent in older rows |
| body | of the body's colour: `share` of the object, `lightness`, and `skin`; absent in older rows |
| touches_border | whether its box reaches the picture's border |
| confidence | how far the network agrees with itself about it, 0 to 1; null where none was asked |
| apart | how far its mask looks like several things side by side, -1 to 1; absent where nobody looked |
| several | whether that is so much that it is not taken for one thing; absent likewise |
| others | boxes of the photo's other objects: x, y, width, height each; absent where they are not known |
| parts | of a group, the numbers of the objects that it is made of; else null |
| mask | file of its silhouette, the whole picture, 0 or 255 |
| footprint | file of the same with its shadow, for edits that take it away; null where it casts none |
| layer | its RGBA picture, with its shadow; null where no edit needs it |
| alpha | its own soft alpha, without the shadow; null where the layer's is the same |
| background | what lies behind it, completed; null where it has not been made |

A turn of a chain finds an object elsewhere, by `moved`, pixels to the right and down; its files stay the
photo's. The last three are cropped: `file`, `x`, `y`, `width`, `height`, pixels.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import StorageError
from iedf_assets.core.pictures.codecs import decode
from iedf_assets.core.profile.subtypes import Subtype
from iedf_assets.core.storage.journal import Row

Object = Mapping[str, Any]

PICTURES = ("layer", "alpha", "background")


def object_of(objects: list[Row], recipe: Mapping[str, Any]) -> Row:
    """The object that a recipe is for: the one that it names, else the first; empty where there is none."""
    number = recipe.get("object", 1)
    return next((one for one in objects if one["number"] == number), {})


def is_found(one: Object) -> bool:
    """Whether a network found it, whose rim nobody knows for certain, and which may be a person."""
    return "others" in one


def moved_object(one: Row, dx: int, dy: int) -> Row:
    """An object as it is after a move by whole pixels; its files stay, and are read as moved."""
    before_x, before_y = moved_by(one)
    return {**one, "x": one["x"] + dx, "y": one["y"] + dy, "moved": [before_x + dx, before_y + dy]}


def moved_by(one: Object) -> tuple[int, int]:
    """How far an object is from where it is in the photo, pixels to the right and down."""
    dx, dy = one.get("moved") or (0, 0)
    return dx, dy


def silhouette_file(one: Object, subtype: Subtype | None) -> str:
    """The file of an object's silhouette: its footprint for an edit that takes the object away.

    Args:
        subtype: None for what only words tell.
    """
    takes_away = subtype is not None and subtype.needs == "layers" and one.get("footprint")
    return str(one["footprint"] if takes_away else one["mask"])


def files_of(one: Object) -> set[str]:
    """The names of an object's files."""
    pictures = {one[name]["file"] for name in PICTURES if one.get(name)}
    return pictures | {one[name] for name in ("mask", "footprint") if one.get(name)}


def load_background(folder: Path, one: Object) -> tuple[Pixels, int, int]:
    """The completed part of what lies behind an object: RGB (h, w, 3), and its upper left corner, pixels.

    Raises:
        StorageError: it was not made, or its file is damaged.
    """
    return _load(folder, one, "background")


def load_object(folder: Path, one: Object) -> tuple[Pixels, int, int]:
    """An object's layer: RGBA (h, w, 4), not premultiplied, and its place, pixels.

    Raises:
        StorageError: there is no such layer, or its file is damaged.
    """
    return _load(folder, one, "layer")


def load_alpha(folder: Path, one: Object) -> tuple[Pixels, int, int]:
    """An object's own soft alpha: uint8 (h, w), 0-255, and its place, pixels.

    Raises:
        StorageError: a file is absent or damaged.
    """
    if one.get("alpha"):
        return _load(folder, one, "alpha")
    rgba, x, y = load_object(folder, one)
    return np.ascontiguousarray(rgba[..., 3]), x, y


def over(ground: Pixels, rgba: Pixels) -> Pixels:
    """An RGBA layer composited over an RGB ground of the same size, rounded to the nearest level."""
    alpha = rgba[..., 3:].astype(np.uint32)
    mixed = rgba[..., :3] * alpha + ground * (255 - alpha)
    rounded: Pixels = ((mixed + 127) // 255).astype(np.uint8)
    return rounded


def paste(ground: Pixels, pixels: Pixels, x: int, y: int) -> None:
    """Put a picture onto another in place, as far as it lies inside; RGBA is composited.

    Args:
        x, y: where its upper left corner comes to lie, pixels.
    """
    height, width = ground.shape[:2]
    rows = slice(max(y, 0), min(y + pixels.shape[0], height))
    columns = slice(max(x, 0), min(x + pixels.shape[1], width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    part = pixels[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
    place = ground[rows, columns]
    place[:] = over(place, part) if pixels.shape[2] == 4 else part


def recompose(rgb: Pixels, folder: Path, one: Object) -> Pixels:
    """The picture that an object and what lies behind it make together.

    Args:
        rgb: the photo, (H, W, 3).
    """
    whole = rgb.copy()
    for name in ("background", "layer"):
        paste(whole, *_load(folder, one, name))
    return whole


def mean_absolute_error(one: Pixels, other: Pixels) -> float:
    """Mean absolute difference of two pictures of the same shape, 0-255."""
    difference: NDArray[np.int16] = one.astype(np.int16) - other
    return float(np.abs(difference).mean())


def _load(folder: Path, one: Object, name: str) -> tuple[Pixels, int, int]:
    picture = one.get(name)
    if not picture:
        raise StorageError(
            f"object {one.get('number', 1)} in {folder} has no {name}", "run again with --force image_layers"
        )
    dx, dy = moved_by(one)
    return decode(folder / picture["file"]), picture["x"] + dx, picture["y"] + dy
