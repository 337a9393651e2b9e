"""Reading an instruction back: what a text of the phrase bank states, and whether that agrees with the edit.

The patterns are made of the phrases themselves, so what `instructions` can write can be read.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from iedf_assets.core.edits.instructions import strength_level
from iedf_assets.core.edits.phrases import DIRECTIONS, PHRASES, PLACES, STRENGTHS, Language
from iedf_assets.core.edits.recipes import Recipe
from iedf_assets.core.pictures.colour_names import COLOURS

_NOUNS: dict[Language, tuple[str, ...]] = {"en": ("object", "subject"), "ch": ("物体", "主体")}
_SIZES: dict[Language, dict[str, str]] = {
    "en": {"large ": "large", "small ": "small"},
    "ch": {"大型": "large", "小型": "small"},
}
_NUMBERS = ("percent", "change")
_FIELD = re.compile(r"\\\{(\w+)\\\}")
# A factor is stated in whole percent.
_FACTOR_STEP = 0.005


@dataclass(frozen=True)
class Reading:
    """What a text states; None is what it does not.

    Attributes:
        subtype: of the edit.
        kind: of an identity or a background edit.
        direction: of a move: `left`, `right`, `up` or `down`.
        percent: of a move, of the picture's width or height.
        factor: of a scaling, of the object's sides.
        colour: the new one of a recolouring, a key of `COLOURS`.
        strength: `slight`, `clear` or `strong`.
        place: row and column of the thirds of the picture, 0 to 2, that the object lies in.
        size: of the object: `large` or `small`.
        object_colour: a key of `COLOURS`.
        caption: what the object is called, if not by size and colour.
        name: the object's name as it stands in the text, with its place.
    """

    subtype: str
    kind: str | None = None
    direction: str | None = None
    percent: int | None = None
    factor: float | None = None
    colour: str | None = None
    strength: str | None = None
    place: tuple[int, int] | None = None
    size: str | None = None
    object_colour: str | None = None
    caption: str | None = None
    name: str = ""


def read(text: str, language: Language) -> Reading | None:
    """What a text states; None when it is in other words than the phrase bank's.

    Where a caption makes several readings possible, the one that calls the object by the least is taken.
    """
    found = [reading for pattern in _patterns(language) if (reading := pattern.read(text))]
    return min(found, key=lambda reading: len(reading.caption or ""), default=None)


def disagreements(reading: Reading, recipe: Recipe) -> list[str]:
    """Each thing in which a text and a recipe differ; what the recipe does not have is not compared."""
    wanted: dict[str, Any] = {
        name: recipe[name]
        for name in ("subtype", "kind", "direction", "percent", "factor", "colour")
        if name in recipe
    }
    if "strength" in recipe:
        wanted["strength"] = strength_level(recipe["strength"])
    return [
        f"{name}: the text says {getattr(reading, name)}, the recipe {value}"
        for name, value in wanted.items()
        if not _alike(getattr(reading, name), value)
    ]


def contradictions(ch: Reading, en: Reading) -> list[str]:
    """Each thing in which the Chinese and the English text differ; captions are not compared."""
    captioned = ch.caption is not None or en.caption is not None
    left_out = {"caption", "name", *(("size", "object_colour") if captioned else ())}
    return [
        f"{field.name}: the Chinese says {getattr(ch, field.name)}, the English {getattr(en, field.name)}"
        for field in fields(Reading)
        if field.name not in left_out and not _alike(getattr(ch, field.name), getattr(en, field.name))
    ]


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float | int):
        return abs(one - other) <= _FACTOR_STEP + 1e-9
    return bool(one == other)


@dataclass(frozen=True)
class _Pattern:
    """One phrase of the bank as a regular expression, and what all its texts state."""

    key: str
    language: Language
    expression: re.Pattern[str]

    def read(self, text: str) -> Reading | None:
        match = self.expression.fullmatch(text.strip())
        if not match:
            return None
        subtype, _, variety = self.key.partition("/")
        values = match.groupdict()
        # What asks for another picture as a whole names no object.
        name = _name(values["it"], self.language) if "it" in values else {}
        stated = _stated(subtype, variety, values, self.language)
        if name is None or stated is None:
            return None
        return Reading(subtype, **stated, **name, name=values.get("it", ""))


@cache
def _patterns(language: Language) -> tuple[_Pattern, ...]:
    return tuple(_made_patterns(language))


def _made_patterns(language: Language) -> Iterator[_Pattern]:
    colours = {colour.en if language == "en" else colour.ch for colour in COLOURS.values()}
    words = {
        "it": r".+?",
        "direction": _any_of(DIRECTIONS[language].values()),
        "colour": _any_of(colours),
        **dict.fromkeys(_NUMBERS, r"\d+"),
        **{
            slot: _any_of(level[slot] for level in STRENGTHS[language].values())
            for slot in STRENGTHS[language]["clear"]
        },
    }
    for key, phrases in PHRASES[language].items():
        for phrase in phrases:
            pattern = _FIELD.sub(lambda field: f"(?P<{field[1]}>{words[field[1]]})", re.escape(phrase))
            yield _Pattern(key, language, re.compile(pattern, re.IGNORECASE))


def _any_of(words: Any) -> str:
    """The longest first, since one may begin with another."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _stated(
    subtype: str, variety: str, values: Mapping[str, str], language: Language
) -> dict[str, Any] | None:
    """What a text states of the recipe; None when that contradicts itself."""
    stated: dict[str, Any] = {}
    if variety and subtype not in {"move", "scale"}:
        stated["kind"] = variety
    if "direction" in values:
        stated["direction"] = _key_of(DIRECTIONS[language], values["direction"])
        if (stated["direction"] in {"left", "right"}) != (variety == "horizontal"):
            return None
    if subtype == "move":
        stated["percent"] = int(values["percent"])
    if subtype == "scale":
        larger = variety == "larger"
        percent = (
            int(values["percent"])
            if "percent" in values
            else 100 + int(values["change"]) * (1 if larger else -1)
        )
        if percent == 100 or (percent > 100) != larger:
            return None
        stated["factor"] = percent / 100
    if "colour" in values:
        stated["colour"] = _colour(values["colour"], language)
    for slot in STRENGTHS[language]["clear"]:
        if slot in values:
            levels = {level: words[slot] for level, words in STRENGTHS[language].items()}
            stated["strength"] = _key_of(levels, values[slot])
    return stated


@cache
def _name_patterns(language: Language) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """An object's name with its place; and what it is, by size, colour and noun."""
    places = _any_of(place for row in PLACES[language] for place in row)
    colours = _any_of(colour.en if language == "en" else colour.ch for colour in COLOURS.values())
    size, noun = _any_of(_SIZES[language]), _any_of(_NOUNS[language])
    space = " " if language == "en" else ""
    name = (
        rf"the (?P<what>.+) (?P<place>{places})"
        if language == "en"
        else rf"(?P<place>{places})的(?P<what>.+)"
    )
    what = rf"(?P<size>{size})?(?P<colour>{colours}){space}(?:{noun})"
    return re.compile(name, re.IGNORECASE), re.compile(what, re.IGNORECASE)


def _name(text: str, language: Language) -> dict[str, Any] | None:
    """What an object's name says of it; None when it says no place, as every name of the bank does."""
    whole, described = _name_patterns(language)
    match = whole.fullmatch(text)
    if not match:
        return None
    row, column = next(
        (row, column)
        for row, places in enumerate(PLACES[language])
        for column, place in enumerate(places)
        if place == match["place"].lower()
    )
    found: dict[str, Any] = {"place": (row, column)}
    known = described.fullmatch(match["what"])
    if not known:
        return found | {"caption": match["what"]}
    size = _SIZES[language].get((known["size"] or "").lower())
    return found | {"size": size, "object_colour": _colour(known["colour"], language)}


def _colour(name: str, language: Language) -> str:
    names = {key: colour.en if language == "en" else colour.ch for key, colour in COLOURS.items()}
    return _key_of(names, name)


def _key_of(words: Mapping[str, str], word: str) -> str:
    return next(key for key, other in words.items() if other.lower() == word.lower())
