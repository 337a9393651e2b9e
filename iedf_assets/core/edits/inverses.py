"""The way back from an edit: what its inverse is asked for by, and the object as it is found there.

| of | the inverse |
|---|---|
| move | the same way in the opposite direction |
| scale | 1 / factor, about the same point |
| recolor | the name of the colour that its body had |
| brightness, contrast | the percentage that gets back: 25 more are undone by 20 less |
| color_tone | as much cooler as it was warmer: red against blue is as it was |
| delete | `add`, of an object with a name in both languages |

The inverse of a stated edit is no function of its own source, since codes were rounded and clipped. It states
that its source is what the edit that it `undoes` makes of its result, to the pixel.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from iedf_assets.core.edits.phrases import NEW_OBJECT
from iedf_assets.core.edits.recipes import Recipe, Subject, Unplannable
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.profile.bank import LANGUAGES
from iedf_assets.core.profile.derive import INVERSES
from iedf_assets.core.profile.subtypes import SUBTYPES

NO_NAME = "no_name"
# The greatest percentage of a stated edit.
MOST_PERCENT = 90
_OPPOSITE = {
    "left": "right", "right": "left", "up": "down", "down": "up",
    "brighter": "darker", "darker": "brighter", "higher": "lower", "lower": "higher",
    "warmer": "cooler", "cooler": "warmer",
}  # fmt: skip
_UPWARDS = ("brighter", "higher")


def inverted(recipe: Mapping[str, Any], subject: Subject) -> tuple[Recipe, Subject] | Unplannable:
    """The recipe of an edit's inverse and its object as that finds it, or why there is none.

    Args:
        recipe: of a subtype in `INVERSES`.
        subject: the object as the edit found it; empty for an edit of the whole picture.
    """
    name = INVERSES[recipe["subtype"]]
    found = _INVERTED.get(recipe["subtype"], _stated)(recipe, subject)
    if isinstance(found, Unplannable):
        return found
    own, there = found
    numbered = {"object": recipe["object"]} if "object" in recipe else {}
    return {"task": SUBTYPES[name].task, "subtype": name, **own, **numbered}, there


def undone(recipe: Mapping[str, Any]) -> Recipe:
    """The stated edit that an inverse undoes, from what it `undoes`."""
    return {"subtype": recipe["subtype"], "kind": _OPPOSITE[recipe["kind"]], "percent": recipe["undoes"]}


def perhaps_undone(recipe: Mapping[str, Any], percents: Collection[int]) -> list[Recipe]:
    """The stated edits whose inverse is asked for by a recipe's kind and one of some percentages."""
    if recipe.get("kind") not in _OPPOSITE:
        return []
    guesses = [undone({**recipe, "undoes": percent}) for percent in range(1, MOST_PERCENT + 1)]
    return [guess for guess in guesses if percent_back(**guess) in percents]


def percent_back(subtype: str, kind: str, percent: int) -> int:
    """The whole percentage that gets back from a stated edit of a kind and percentage."""
    if subtype == "color_tone":
        return percent
    change = percent if kind in _UPWARDS else -percent
    return abs(round(100 * change / (100 + change)))


_Inverted = tuple[Recipe, Subject] | Unplannable


def _move(recipe: Mapping[str, Any], subject: Subject) -> _Inverted:
    dx, dy = recipe["dx"], recipe["dy"]
    back = {"direction": _OPPOSITE[recipe["direction"]], "percent": recipe["percent"], "dx": -dx, "dy": -dy}
    return back, {**subject, "x": subject["x"] + dx, "y": subject["y"] + dy}


def _scale(recipe: Mapping[str, Any], subject: Subject) -> _Inverted:
    factor = recipe["factor"]
    anchor = {side: recipe[f"anchor_{side}"] for side in ("x", "y")}
    box = {side: round(anchor[side] + factor * (subject[side] - anchor[side])) for side in ("x", "y")}
    size = {side: round(factor * subject[side]) for side in ("width", "height")}
    there = {**subject, **box, **size, "area_share": subject["area_share"] * factor**2}
    about = {f"anchor_{side}": value for side, value in anchor.items()}
    return {"factor": round(1 / factor, 6), **about}, there


def _recolor(recipe: Mapping[str, Any], subject: Subject) -> _Inverted:
    before = colour_names.name_of(subject["colour"]).key
    return {"colour": before}, {**subject, "colour_name": recipe["colour"]}


def _delete(_recipe: Mapping[str, Any], subject: Subject) -> _Inverted:
    caption = subject.get("caption")
    if not isinstance(caption, Mapping) or not all(caption.get(language) for language in LANGUAGES):
        return Unplannable(NO_NAME, "the object has no name in both languages, so nobody can ask for it")
    return {"kind": NEW_OBJECT.partition("/")[2]}, subject


def _stated(recipe: Mapping[str, Any], subject: Subject) -> _Inverted:
    kind, percent = recipe["kind"], recipe["percent"]
    back = percent_back(recipe["subtype"], kind, percent)
    return {"kind": _OPPOSITE[kind], "percent": back, "undoes": percent}, subject


_INVERTED: dict[str, Callable[[Mapping[str, Any], Subject], _Inverted]] = {
    "move": _move,
    "scale": _scale,
    "recolor": _recolor,
    "delete": _delete,
}
