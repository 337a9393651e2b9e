"""Writing an edit's instruction in Chinese and in English, from its recipe and its object alone."""

import random
import re
from collections.abc import Iterable, Sequence
from typing import Any

from iedf_assets.core.edits.phrases import (
    NEW_OBJECT,
    has_plain,
    key_of,
    level_of,
    level_words,
    phrases_of,
    short_phrases_of,
)
from iedf_assets.core.edits.recipes import Recipe, Subject
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.layers import is_found
from iedf_assets.core.profile.bank import LANGUAGES, Language, Phrasing, Words, bank

# Shares of the picture from which an object is called large, and up to which it is called small.
LARGE, SMALL = 0.25, 0.03
# Colours that white, black and dark things have in another light.
GREYS = frozenset({"light_grey", "grey", "dark_grey"})
# The middle of a side, as shares of it: what has its centre there is in the centre.
_MIDDLE = (0.4, 0.6)
# Where an object is beside another one: at most so far from it, or into its box, and further away before, as
# shares of the picture's width; and they stand on a level by this share of the lower one's height.
_NEAR, _TOUCHING, _AWAY, _BESIDE = 0.08, 0.02, 0.12, 0.5
# From here on an object may be several things, which its name must not deny; see `side_by_side`.
_DOUBTFUL = -0.5
# Tasks whose object is the subject of the picture.
_OF_SUBJECTS = ("consistency_edit", "portrait_attribute")


def phrasing_of(recipe: Recipe, seed: int, plain_share: float) -> Phrasing | None:
    """Whether an edit is asked for exactly or plainly, drawn; None where there is but one way.

    Args:
        plain_share: of the plain ones, 0 to 1.
    """
    if "text" in recipe or not has_plain(key_of(recipe)):
        return None
    rng = random.Random(f"phrasing {seed}")  # noqa: S311  # no secret
    return "plain" if rng.random() < plain_share else "exact"


def phrased(
    recipe: Recipe,
    seed: int,
    plain_share: float,
    subject: Subject,
    objects: Iterable[Subject],
    size: tuple[int, int],
) -> Recipe:
    """The recipe with its `phrasing`, and in half of the plain moves what the object ends up `beside`.

    Args:
        objects: all of the photo's.
        size: width and height of the picture, pixels.
    """
    phrasing = phrasing_of(recipe, seed, plain_share)
    if phrasing is None:
        return recipe
    found = {**recipe, "phrasing": phrasing}
    neighbour = _neighbour(recipe, subject, objects, size) if phrasing == "plain" and seed % 2 else None
    if neighbour is None:
        return found
    names = {
        language: object_name(neighbour, *size, language, _noun(neighbour, recipe, language))
        for language in LANGUAGES
    }
    return {**found, "beside": names}


def write(recipe: Recipe, subject: Subject, width: int, height: int, seed: int) -> tuple[str, str]:
    """The instruction in Chinese and in English, one line each; the seed draws the phrase of each.

    A recipe's own `text` stands for both as it is.

    Args:
        recipe: see `iedf_assets.core.edits.recipes`; its `phrasing` is `exact` unless it says `plain`.
        subject: see `object_name`; empty for an edit of the whole picture.
        width, height: of the picture, pixels.
    """
    if "text" in recipe:
        return recipe["text"], recipe["text"]
    rng = random.Random(f"instruction {seed}")  # noqa: S311  # no secret
    chinese, english = (_write(language, recipe, subject, (width, height), rng) for language in LANGUAGES)
    return chinese, english


def write_composed(
    edits: Sequence[tuple[Recipe, Subject]], width: int, height: int, seed: int
) -> tuple[str, str]:
    """One instruction for several edits, in Chinese and in English, of short exact phrases.

    Args:
        edits: the recipe of each, and its object.
    """
    rng = random.Random(f"instruction {seed}")  # noqa: S311  # no secret
    texts = {language: [_short(language, *edit, (width, height), rng) for edit in edits]
             for language in LANGUAGES}  # fmt: skip
    joined = {language: bank().words[language].also.join(parts) for language, parts in texts.items()}
    chinese, english = (text[0].upper() + text[1:] for text in joined.values())
    return chinese, english


def object_name(subject: Subject, width: int, height: int, language: Language, noun: str) -> str:
    """What an object is called: by its caption, else by size and colour; and by its place.

    All of a photo's objects together are called a group, whatever they are and wherever.

    Args:
        subject: its box, `area_share`, `colour_name` (a key of `COLOURS`, or None for none; of older rows
            `colour`, RGB); perhaps a `caption`, English text or `{"ch", "en"}`, and the `parts` of a group.
        noun: what it is called without a caption.
    """
    words, caption = bank().words[language], _caption(subject, language)
    if subject.get("parts") and not caption:
        return words.group
    row, column = place_of(subject, width, height)
    what = caption or _described(subject, language, words, noun)
    return words.name.format(what=what, place=words.places[row][column])


def is_told_apart(subject: Subject, others: Iterable[Subject], width: int, height: int) -> bool:
    """Whether what an object is called, in either language, is true of none of the others.

    What a text leaves out tells nothing apart: "the object on the left" is also a small blue one there.
    """
    return not any(
        _is_true_of(subject, other, (width, height), language) for other in others for language in LANGUAGES
    )


def place_of(subject: Subject, width: int, height: int) -> tuple[int, int]:
    """Row and column, 0 to 2, of the place that an object is said to be at.

    The leftmost or rightmost of several things is not the one in the centre, unless beyond the middle.
    """
    row, column = (
        _third(subject["y"], subject["height"], height),
        _third(subject["x"], subject["width"], width),
    )
    centre = subject["x"] + subject["width"] / 2
    middles = [left + extent / 2 for left, _, extent, _ in subject.get("others") or ()]
    if column != 1 or not middles:
        return row, column
    # What covers the middle is at a side only where its own middle is.
    most, least = _MIDDLE if _spans(subject["x"], subject["width"], width) else (0.5, 0.5)
    if centre < min(*middles, most * width):
        return row, 0
    return row, 2 if centre > max(*middles, least * width) else 1


def colour_of(subject: Subject) -> str | None:
    """The colour, a key of `COLOURS`, that an object is called by; None when it is called by none."""
    if "colour_name" in subject:
        found: str | None = subject["colour_name"]
        # White in the shade looks grey, and so does navy; of objects of a network nothing doubtful is said.
        return None if found in GREYS and is_found(subject) else found
    return colour_names.name_of(subject["colour"]).key


def worded(recipe: Recipe, language: Language, name: str, phrase: str) -> str:
    """The instruction in one of the recipe's phrases, for an object that is called `name`."""
    text = phrase.format(it=name, **_values(recipe, language))
    return text[0].upper() + text[1:]


def _short(
    language: Language, recipe: Recipe, subject: Subject, size: tuple[int, int], rng: random.Random
) -> str:
    """An instruction that another one can follow: it says nothing of the rest, and begins in lower case."""
    phrases = short_phrases_of(key_of(recipe), language)
    text = worded(recipe, language, _called(recipe, subject, size, language), rng.choice(phrases))
    return text[0].lower() + text[1:]


def _write(
    language: Language, recipe: Recipe, subject: Subject, size: tuple[int, int], rng: random.Random
) -> str:
    name = _called(recipe, subject, size, language) if subject else ""
    if language == "en" and key_of(recipe) == NEW_OBJECT:
        name = _indefinite(name, subject)
    phrases = phrases_of(key_of(recipe), language, recipe.get("phrasing", "exact"))
    return worded(recipe, language, name, rng.choice(phrases))


def _called(recipe: Recipe, subject: Subject, size: tuple[int, int], language: Language) -> str:
    """What an object is called in the instruction of an edit."""
    words, in_place = bank().words[language], recipe["task"] == "consistency_edit"
    if _is_sole(subject) and not _caption(subject, language) and (in_place or _may_be_several(subject)):
        return words.sole
    return object_name(subject, *size, language, _noun(subject, recipe, language))


def _noun(subject: Subject, recipe: Recipe, language: Language) -> str:
    """What a thing without a name is; what a network found may be a person, whom nobody calls an object."""
    words = bank().words[language]
    return words.subject if is_found(subject) or recipe["task"] in _OF_SUBJECTS else words.object


def _is_sole(subject: Subject) -> bool:
    """Whether others were looked for, and none was found: it is all there is, be it one thing or not."""
    return is_found(subject) and not subject["others"] and not subject.get("parts")


def _may_be_several(subject: Subject) -> bool:
    """Whether an object looks as if it could be several things side by side."""
    return float(subject.get("apart", -1)) >= _DOUBTFUL


def _values(recipe: Recipe, language: Language) -> dict[str, Any]:
    """What the phrases' fields stand for."""
    values: dict[str, Any] = {}
    if "direction" in recipe:
        values["direction"] = bank().words[language].directions[recipe["direction"]]
    if "percent" in recipe:
        values["percent"] = recipe["percent"]
    if "factor" in recipe:
        percent = round(recipe["factor"] * 100)
        values |= {"percent": percent, "change": abs(percent - 100)}
    if "colour" in recipe:
        values["colour"] = colour_names.COLOURS[recipe["colour"]].word(language)
    if "lettering" in recipe:
        values["lettering"] = recipe["lettering"]
    values |= {field: recipe[field][language] for field in ("beside", "given") if field in recipe}
    level = level_of(recipe)
    return values | (level_words(level, language) if level else {})


def _neighbour(
    recipe: Recipe, subject: Subject, objects: Iterable[Subject], size: tuple[int, int]
) -> Subject | None:
    """The object with a name of its own that a sideways move leads up to, from further away."""
    shift, (width, height) = recipe.get("dx", 0), size
    alone = [one for one in objects if not one.get("parts") and one.get("number") != subject.get("number")]
    for one in alone if shift else ():
        others = [subject, *(other for other in alone if other is not one)]
        named = all(_caption(one, language) for language in LANGUAGES)
        gaps = [_gap(subject["x"] + dx, subject["width"], one, shift) / width for dx in (0, shift)]
        shared = min(subject["y"] + subject["height"], one["y"] + one["height"]) - max(subject["y"], one["y"])
        level = shared >= _BESIDE * min(subject["height"], one["height"], height)
        near = gaps[0] > _AWAY and -_TOUCHING <= gaps[1] <= _NEAR
        if level and near and named and is_told_apart(one, others, *size):
            return one
    return None


def _gap(start: float, extent: float, other: Subject, shift: float) -> float:
    """Pixels between a box and the side of another one that a shift leads to; negative past it."""
    return float(other["x"] - start - extent if shift > 0 else start - other["x"] - other["width"])


def _third(start: float, extent: float, length: int) -> int:
    """0, 1 or 2: in which third of a side something is, in the middle one only where it truly is."""
    if _spans(start, extent, length):
        return 1
    centre = (start + extent / 2) / length
    return 0 if centre < _MIDDLE[0] else 2 if centre > _MIDDLE[1] else 1


def _spans(start: float, extent: float, length: int) -> bool:
    """Whether something covers the middle third of a side."""
    return start <= length / 3 and start + extent >= 2 * length / 3


def _indefinite(name: str, subject: Subject) -> str:
    """The English name of an object that is not there yet: `a dog on the left`, `flowers at the top`."""
    bare, told = name.removeprefix("the "), str((subject.get("caption") or {})["en"]).strip()
    own = re.match(r"(an?)\s", told, flags=re.IGNORECASE)
    if own:
        return f"{own[1].lower()} {bare}"
    if re.search(r"[^sui]s$", told):
        return bare
    return f"{'an' if bare[:1].lower() in 'aeiou' else 'a'} {bare}"


def _caption(subject: Subject, language: Language) -> str:
    """The caption in that language without an article or a full stop, empty if there is none."""
    caption = subject.get("caption") or ""
    if isinstance(caption, str):
        caption = {"en": caption}
    text = " ".join((caption.get(language) or "").split()).strip(" .。")
    return re.sub(r"^(?:an?|the)\s+", "", text, flags=re.IGNORECASE) if language == "en" else text


def _described(subject: Subject, language: Language, words: Words, noun: str) -> str:
    """Size, colour and noun of what has no caption."""
    size, key = _size(subject), colour_of(subject)
    colour = colour_names.COLOURS[key].word(language) if key else ""
    space = " " if colour and language == "en" else ""
    return f"{words.sizes[size] if size else ''}{colour}{space}{noun}"


def _size(subject: Subject) -> Any:
    share = subject["area_share"]
    return "large" if share >= LARGE else "small" if share <= SMALL else None


def _is_true_of(subject: Subject, other: Subject, size: tuple[int, int], language: Language) -> bool:
    """Whether what an object is called in a language fits another one as well."""
    if place_of(subject, *size) != place_of(other, *size):
        return False
    caption = _caption(subject, language)
    if caption or subject.get("parts"):
        alike = bool(subject.get("parts")) == bool(other.get("parts"))
        return caption.lower() == _caption(other, language).lower() and alike
    said = {"size": (_size(subject), _size(other)), "colour": (colour_of(subject), colour_of(other))}
    return not other.get("parts") and all(mine in (None, theirs) for mine, theirs in said.values())
