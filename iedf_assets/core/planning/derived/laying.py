"""Whether edits of one photo can be laid over each other, and what its objects are after them."""

from collections.abc import Iterable

from iedf_assets.core.edits.inverses import inverted
from iedf_assets.core.edits.recipes import Recipe, Unplannable
from iedf_assets.core.pictures.layers import object_of
from iedf_assets.core.pictures.masks import JPEG_BLOCK, margin_px
from iedf_assets.core.planning.drawing import subject_of
from iedf_assets.core.profile.schema import Category
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Slot

EDITS_OVERLAP = "edits_overlap"
# A background and all objects before it are edited at once.
NOTHING_LEFT_ALONE = "nothing_left_alone"
Edit = tuple[Slot, Recipe]
_Span = tuple[float, float, float, float]


def is_apart(category: Category, layers: Row, one: Edit, other: Edit) -> bool:
    """Whether two edits show in different parts of a photo, or one is of the background around the other.

    Args:
        layers: the row of the photo's decomposition.
    """
    if any(slot.subtype.mask_of != "object" for slot, _ in (one, other)):
        return True
    boxes = [_shown(category, layers, *edit) for edit in (one, other)]
    (left, top, right, bottom), (other_left, other_top, other_right, other_bottom) = boxes
    return right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top


def leaves_alone(layers: Row, edits: Iterable[Edit]) -> bool:
    """Whether edits of one photo leave an object alone, where one of them is of the background around all."""
    own: dict[str, set[int]] = {"object": set(), "background": set()}
    for slot, recipe in edits:
        one = object_of(layers["objects"], recipe)
        own[slot.subtype.mask_of] |= {*(one["parts"] or [one["number"]])}
    return not own["background"] or bool(own["background"] - own["object"])


def edited_objects(objects: Iterable[Row], done: Iterable[Edit]) -> list[Row]:
    """A photo's objects as they are after some edits: elsewhere, of another colour, or gone."""
    found = {one["number"]: one for one in objects}
    for slot, recipe in done:
        one = object_of(list(found.values()), recipe)
        if slot.subtype.name == "delete":
            found.pop(one.get("number"), None)
        elif one and slot.subtype.name in {"move", "scale", "recolor"}:
            there = inverted(recipe, one)
            if not isinstance(there, Unplannable):
                found[one["number"]] = dict(there[1])
    return list(found.values())


def _shown(category: Category, layers: Row, slot: Slot, recipe: Recipe) -> _Span:
    """Left, top, right and bottom of all that an edit of an object may touch in a file, pixels."""
    one = subject_of(slot, object_of(layers["objects"], recipe))
    there = inverted(recipe, one) if slot.subtype.relocates else None
    boxes = [one] if there is None or isinstance(there, Unplannable) else [one, there[1]]
    reach = margin_px(category.encoding, layers["width"], layers["height"], slot.subtype) + JPEG_BLOCK
    return (
        min(box["x"] for box in boxes) - reach,
        min(box["y"] for box in boxes) - reach,
        max(box["x"] + box["width"] for box in boxes) + reach,
        max(box["y"] + box["height"] for box in boxes) + reach,
    )
