"""What objects are called: names that people gave them beside the photo go before a model's."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures.codecs import decode
from iedf_assets.core.storage.journal import Row

if TYPE_CHECKING:
    from iedf_assets.core.planning.book import Book

# Around a point that tells which object is meant, so much of the short side is looked at.
AROUND = 0.03

Share = Callable[[Mapping[str, Any], tuple[float, float]], float]
"""How much of what lies around a point, shares of the sides, an object covers; 0 to 1."""


def called(book: "Book", layers: Row, names: list[Row]) -> Row:
    """A decomposition whose objects bear the names that people gave them.

    Args:
        names: `objects` of the photo's facts.
    """
    if not names or not layers["objects"]:
        return layers
    folder = book.layout.staged("image_layers", layers["key"])
    masks: dict[str, Pixels] = {}

    def share(one: Mapping[str, Any], point: tuple[float, float]) -> float:
        file = one["mask"]
        masks[file] = masks[file] if file in masks else decode(folder / file)
        return covered(masks[file], point)

    return {**layers, "objects": with_names(layers["objects"], names, share)}


def with_names(objects: list[Row], names: Iterable[Row], share: Share) -> list[Row]:
    """Objects with their captions.

    A name with a point is that of the object which lies there, one without is the main object's; where no
    object lies at its point, it names none.
    """
    alone = [one for one in objects if not one["parts"]]
    captions: dict[int, dict[str, str]] = {}
    for name in names:
        one = _meant(alone, name.get("at"), share)
        if one is not None:
            captions.setdefault(one["number"], {"en": name["en"], "ch": name["ch"]})
    return [
        {**one, "caption": captions[one["number"]]} if one["number"] in captions else one for one in objects
    ]


def covered(mask: Pixels, point: tuple[float, float]) -> float:
    """How much of the surroundings of a point a mask covers, 0 to 1.

    Args:
        mask: uint8 (H, W), nonzero on the object.
        point: shares of width and height.
    """
    height, width = mask.shape
    reach = max(1, round(AROUND * min(mask.shape) / 2))
    x, y = (min(int(share * side), side - 1) for share, side in zip(point, (width, height), strict=True))
    around = mask[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
    return float(np.count_nonzero(around)) / around.size


def _meant(alone: list[Row], at: list[float] | None, share: Share) -> Row | None:
    if at is None:
        return alone[0] if alone else None
    shares = [share(one, (at[0], at[1])) for one in alone]
    best = max(shares, default=0.0)
    return alone[shares.index(best)] if best > 0 else None
