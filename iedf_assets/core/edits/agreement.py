"""Whether the two instructions of a pair agree with its recipe, with its picture and with each other."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.instructions import LARGE, SMALL
from iedf_assets.core.edits.readings import Reading, contradictions, disagreements, read
from iedf_assets.core.edits.recipes import Recipe
from iedf_assets.core.profile.bank import Language, bank
from iedf_assets.core.profile.subtypes import COMPOSED, SUBTYPES

LANGUAGES: dict[str, Language] = {"instruction_ch": "ch", "instruction_en": "en"}
# A place or a size is wrong when it is off by more than this: shares of a side, and a factor of the area.
PLACE_SLACK, SIZE_SLACK = 0.08, 1.25
_THIRDS = tuple((third / 3 - PLACE_SLACK, (third + 1) / 3 + PLACE_SLACK) for third in range(3))
# From where to where an object's middle may be, by the row or column that is told, shares of a side. Of
# things side by side the leftmost is the one on the left, if it is left of the middle.
PLACES = {"row": _THIRDS, "column": ((0.0, 0.53), _THIRDS[1], (0.47, 1.0))}


def readings(texts: Mapping[str, str]) -> dict[str, Reading]:
    """What the instructions state, by role; without those that are in somebody else's words."""
    read_texts = {role: read(text, LANGUAGES[role]) for role, text in texts.items()}
    return {role: reading for role, reading in read_texts.items() if reading}


def stated_recipe(said: Mapping[str, Reading], subtype: str) -> Recipe:
    """What the instructions say of the recipe: the subtype alone when they say nothing or something else."""
    recipe: Recipe = {"subtype": subtype}
    reading = next(iter(said.values()), None)
    if reading and reading.subtype == subtype:
        names = ("kind", "direction", "percent", "factor", "colour")
        recipe |= {name: value for name in names if (value := getattr(reading, name)) is not None}
    return recipe


def faults(
    said: Mapping[str, Reading], subtype: str, recipe: Mapping[str, Any] | None, mask: Pixels
) -> list[str] | None:
    """Everything that the instructions say wrongly; None when none of them can be read.

    Args:
        said: see `readings`.
        subtype: of the pair.
        recipe: the complete one; None when only the texts tell of it.
        mask: uint8 (H, W), white where the source's content changes.
    """
    if not said:
        return None
    found = [
        f"subtype: the text asks for {reading.subtype}, the pair is one of {subtype}"
        for reading in said.values()
        if reading.subtype != subtype
    ]
    known = SUBTYPES.get(subtype)
    silhouette = cv2.bitwise_not(mask) if known and known.mask_of == "background" else mask
    for reading in said.values():
        if recipe is not None and reading.subtype == subtype:
            found += disagreements(reading, dict(recipe))
        found += _misplaced(reading, np.asarray(silhouette, np.uint8))
    if len(said) == len(LANGUAGES):
        found += contradictions(*(said[role] for role in LANGUAGES))
    return list(dict.fromkeys(found))


def composed_faults(texts: Mapping[str, str], recipe: Mapping[str, Any] | None) -> list[str] | None:
    """Everything that the instructions of several edits at once say wrongly; None when none can be read.

    Where each object is, the mask of all of them does not tell.

    Args:
        recipe: the complete one, with its `edits`; None when only the texts tell of it.
    """
    read_through = composed_readings(texts)
    if not read_through:
        return None
    found: list[str] = []
    for told in read_through.values():
        edits = recipe["edits"] if recipe else told
        if len(told) != len(edits) or len(told) < 2:
            found.append(f"edits: the text asks for {len(told)}, the pair is one of {len(edits)}")
        for reading, edit in zip(told, recipe["edits"] if recipe else (), strict=False):
            found += disagreements(reading, dict(edit))
    if len(read_through) == len(LANGUAGES):
        for pair in zip(*(read_through[role] for role in LANGUAGES), strict=False):
            found += contradictions(*pair)
    return list(dict.fromkeys(found))


def composed_readings(texts: Mapping[str, str]) -> dict[str, list[Reading]]:
    """What the instructions of several edits at once state of each, by role; likewise."""
    parts = {role: text.split(bank().words[LANGUAGES[role]].also) for role, text in texts.items()}
    said = {role: [read(part, LANGUAGES[role], among=True) for part in told] for role, told in parts.items()}
    return {role: [part for part in told if part] for role, told in said.items() if all(told)}


def text_faults(
    texts: Mapping[str, str], subtype: str, recipe: Mapping[str, Any] | None, mask: Pixels
) -> list[str] | None:
    """`faults` of a pair's texts, or `composed_faults` where several edits are asked for at once."""
    if subtype == COMPOSED.name:
        return composed_faults(texts, recipe)
    return faults(readings(texts), subtype, recipe, mask)


def instruction_faults(texts: Mapping[str, str], recipe: Mapping[str, Any], mask: Pixels) -> int | None:
    """The number of `faults` of a pair's own texts and recipe."""
    found = text_faults(texts, recipe["subtype"], recipe, mask)
    return None if found is None else len(found)


def _misplaced(reading: Reading, silhouette: Pixels) -> list[str]:
    """Where and how large the text says that the object is, if the mask shows something else."""
    x, y, width, height = cv2.boundingRect(silhouette)
    if not width:
        return []
    found = []
    if reading.place is not None:
        centres = (y + height / 2) / silhouette.shape[0], (x + width / 2) / silhouette.shape[1]
        for third, centre, axis in zip(reading.place, centres, ("row", "column"), strict=True):
            least, most = PLACES[axis][third]
            if not least <= centre <= most:
                found.append(f"place: the text says {axis} {third + 1} of 3, the mask is at {centre:.2f}")
    share = np.count_nonzero(silhouette) / silhouette.size
    if (reading.size == "large" and share * SIZE_SLACK < LARGE) or (
        reading.size == "small" and share > SMALL * SIZE_SLACK
    ):
        found.append(f"size: the text says {reading.size}, the mask covers {share:.1%}")
    return found
