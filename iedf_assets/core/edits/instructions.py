"""Writing an edit's instruction in Chinese and in English, from its recipe and its subject alone."""

import random
import re
from typing import Any

from iedf_assets.core.edits.phrases import DIRECTIONS, PHRASES, PLACES, STRENGTHS, Language
from iedf_assets.core.edits.recipes import Recipe, Subject
from iedf_assets.core.pictures import colour_names

# Shares of the picture from which an object is called large, and up to which it is called small.
LARGE, SMALL = 0.25, 0.03
# Strengths from which an edit is called clear, and strong.
CLEAR, STRONG = 0.5, 0.7


def write(recipe: Recipe, subject: Subject, width: int, height: int, seed: int) -> tuple[str, str]:
    """The instruction in Chinese and in English, one line each; the seed draws the phrasing of each.

    A recipe's own `text` stands for both as it is.

    Args:
        recipe: see `iedf_assets.core.edits.recipes`.
        subject: its box, `area_share`, `colour` (RGB), and perhaps a `caption`: English text, or
            `{"ch", "en"}`; empty for an edit of the whole picture.
        width, height: of the picture, pixels.
    """
    if "text" in recipe:
        return recipe["text"], recipe["text"]
    rng = random.Random(f"instruction {seed}")  # noqa: S311  # no secret
    chinese = _write("ch", recipe, subject, (width, height), rng)
    return chinese, _write("en", recipe, subject, (width, height), rng)


def strength_level(strength: float) -> str:
    """The word for a strength: `slight`, `clear` or `strong`."""
    return "strong" if strength >= STRONG else "clear" if strength >= CLEAR else "slight"


def phrases_of(recipe: Recipe, language: Language) -> tuple[str, ...]:
    """All phrasings for a recipe."""
    key = recipe["subtype"]
    if "kind" in recipe:
        key = f"{key}/{recipe['kind']}"
    elif "factor" in recipe:
        key = f"{key}/{'larger' if recipe['factor'] > 1 else 'smaller'}"
    elif "direction" in recipe:
        key = f"{key}/{'horizontal' if recipe['direction'] in {'left', 'right'} else 'vertical'}"
    return PHRASES[language][key]


def object_name(subject: Subject, width: int, height: int, language: Language, noun: str) -> str:
    """What the subject is called: by its caption, else by size and colour; and by its place.

    Args:
        noun: what it is called without a caption.
    """
    column = _third(subject["x"] + subject["width"] / 2, width)
    row = _third(subject["y"] + subject["height"] / 2, height)
    place = PLACES[language][row][column]
    what = _caption(subject, language) or _size(subject, language) + _colour(subject, language) + noun
    return f"the {what} {place}" if language == "en" else f"{place}的{what}"


def _write(
    language: Language, recipe: Recipe, subject: Subject, size: tuple[int, int], rng: random.Random
) -> str:
    nouns = {"en": ("object", "subject"), "ch": ("物体", "主体")}[language]
    noun = nouns[recipe["task"] in {"consistency_edit", "portrait_attribute"}]
    name = object_name(subject, *size, language, noun) if subject else ""
    return worded(recipe, language, name, rng.choice(phrases_of(recipe, language)))


def worded(recipe: Recipe, language: Language, name: str, phrase: str) -> str:
    """The instruction in one of the recipe's phrasings, for an object that is called `name`."""
    text = phrase.format(it=name, **_values(recipe, language))
    return text[0].upper() + text[1:]


def _values(recipe: Recipe, language: Language) -> dict[str, Any]:
    """What the phrases' fields stand for."""
    values: dict[str, Any] = {}
    if "direction" in recipe:
        values |= {"direction": DIRECTIONS[language][recipe["direction"]], "percent": recipe["percent"]}
    if "factor" in recipe:
        percent = round(recipe["factor"] * 100)
        values |= {"percent": percent, "change": abs(percent - 100)}
    if "colour" in recipe:
        colour = colour_names.COLOURS[recipe["colour"]]
        values["colour"] = colour.en if language == "en" else colour.ch
    if "strength" in recipe:
        values |= STRENGTHS[language][strength_level(recipe["strength"])]
    return values


def _third(position: float, length: int) -> int:
    return min(int(3 * position / length), 2)


def _caption(subject: Subject, language: Language) -> str:
    """The caption in that language without an article or a full stop, empty if there is none."""
    caption = subject.get("caption") or ""
    if isinstance(caption, str):
        caption = {"en": caption}
    text = " ".join((caption.get(language) or "").split()).strip(" .。")
    return re.sub(r"^(?:an?|the)\s+", "", text, flags=re.IGNORECASE) if language == "en" else text


def _size(subject: Subject, language: Language) -> str:
    words = {"en": ("large ", "small "), "ch": ("大型", "小型")}[language]
    share = subject["area_share"]
    return words[0] if share >= LARGE else words[1] if share <= SMALL else ""


def _colour(subject: Subject, language: Language) -> str:
    colour = colour_names.name_of(subject["colour"])
    return f"{colour.en} " if language == "en" else colour.ch
