"""Whether edits of one photo can be laid over each other, and what its objects are after them."""

from collections.abc import Iterable, Sequence

from iedf_assets.core.edits.inverses import inverted
from iedf_assets.core.edits.recipes import Recipe, Unplannable
from iedf_assets.core.pictures.layers import moved_by, moved_object, object_of
from iedf_assets.core.pictures.masks import JPEG_BLOCK, margin_px
from iedf_assets.core.planning.drawing import subject_of
from iedf_assets.core.profile.schema import Category
from iedf_assets.core.profile.subtypes import as_made, is_by_model
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Slot

EDITS_OVERLAP = "edits_overlap"
# A background and all objects before it are edited at once.
NOTHING_LEFT_ALONE = "nothing_left_alone"
Edit = tuple[Slot, Recipe]
# Which edits of an object may come before one of the same object: after a change of light its colour is no
# longer the one that a recolouring starts from, and a layer is not scaled along.
_GOES_ON = {"recolor": ("move",), "identity": ("move", "recolor")}
_Span = tuple[float, float, float, float]


def is_apart(category: Category, layers: Row, one: Edit, other: Edit, layers_then: Row | None = None) -> bool:
    """Whether two edits show in different parts of a photo, or one is of the background around the other.

    Args:
        layers: the row of the photo's decomposition.
        layers_then: with its objects as the other edit finds them, where that is elsewhere.
    """
    if any(slot.subtype.mask_of != "object" for slot, _ in (one, other)):
        return True
    boxes = [_shown(category, layers, *one), _shown(category, layers_then or layers, *other)]
    (left, top, right, bottom), (other_left, other_top, other_right, other_bottom) = boxes
    return right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top


def follows(category: Category, layers: Row, edit: Edit, done: Sequence[Edit]) -> bool:
    """Whether an edit can be made of what others left of a photo.

    It shows elsewhere than they do, or leaves in its place what a move has brought there, or what has another
    colour since: mask and layer are the photo's, and go with the object by whole pixels.
    """
    slot, recipe = edit
    own = [before for before in done if _is_of_one(before, edit)]
    # What a model has drawn anew has another outline and other colours than mask and layer know.
    if any(is_by_model(before[1]) for before in own):
        return False
    others = [before for before in done if before not in own]
    if not all(before[0].subtype.name in _GOES_ON.get(slot.subtype.name, ()) for before in own):
        return False
    there = {**layers, "objects": edited_objects(layers["objects"], own)}
    if own and not _is_within(layers, object_of(there["objects"], recipe)):
        return False
    return all(is_apart(category, layers, before, edit, there) for before in others)


def goes_along(one: Edit, other: Edit) -> bool:
    """Whether one of two edits moves an object that the other changes in its place.

    Where no model made that change it is the object's own, mixed in by its alpha, and goes with it.
    """
    names = {slot.subtype.name for slot, _ in (one, other)}
    return _is_of_one(one, other) and "move" in names and bool(names & _GOES_ON.keys())


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
        elif one and slot.subtype.name == "move":
            found[one["number"]] = moved_object(one, recipe["dx"], recipe["dy"])
        elif one and slot.subtype.name in {"scale", "recolor"}:
            there = inverted(recipe, one)
            if not isinstance(there, Unplannable):
                found[one["number"]] = dict(there[1])
    return list(found.values())


def _is_of_one(one: Edit, other: Edit) -> bool:
    """Whether two edits are of the same object."""
    numbers = {recipe.get("object", 1) for _, recipe in (one, other)}
    return len(numbers) == 1 and all(slot.subtype.mask_of == "object" for slot, _ in (one, other))


def _is_within(layers: Row, one: Row) -> bool:
    """Whether an object's own alpha lies within the picture, wherever it has been moved to."""
    cut, (dx, dy) = one.get("alpha") or one.get("layer") or one, moved_by(one)
    left, top = int(cut["x"] + dx), int(cut["y"] + dy)
    right, bottom = int(left + cut["width"]), int(top + cut["height"])
    return left >= 0 and top >= 0 and right <= int(layers["width"]) and bottom <= int(layers["height"])


def _shown(category: Category, layers: Row, slot: Slot, recipe: Recipe) -> _Span:
    """Left, top, right and bottom of all that an edit of an object may touch in a file, pixels."""
    one = subject_of(slot, object_of(layers["objects"], recipe))
    there = inverted(recipe, one) if slot.subtype.relocates else None
    boxes = [one] if there is None or isinstance(there, Unplannable) else [one, there[1]]
    subtype = as_made(slot.subtype, recipe)
    reach = margin_px(category.encoding, layers["width"], layers["height"], subtype) + JPEG_BLOCK
    return (
        min(box["x"] for box in boxes) - reach,
        min(box["y"] for box in boxes) - reach,
        max(box["x"] + box["width"] for box in boxes) + reach,
        max(box["y"] + box["height"] for box in boxes) + reach,
    )
