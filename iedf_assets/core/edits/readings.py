"""Reading an instruction back: what a text of the phrase bank states, and whether that agrees with the edit.

The patterns are made of the phrases themselves, so what `instructions` can write can be read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import Any, TypeVar

from iedf_assets.core.edits.phrases import FOLLOWING, NEW_OBJECT, level_of, phrases_of, short_phrases_of
from iedf_assets.core.edits.recipes import Recipe
from iedf_assets.core.pictures.colour_names import COLOURS
from iedf_assets.core.profile.bank import PHRASINGS, Language, Level, Phrasing, bank, level_name

Key = TypeVar("Key", bound=str)
_NUMBERS = ("percent", "change")
_FIELD = re.compile(r"\\\{(\w+)\\\}")
# What stands between the words of a phrase: its fields, and the sign that may have a space before it.
_OPEN = re.compile(r"\{\w+\}|%")
# Letters that a regular expression takes for an i, whatever their case, and `casefold` does not.
_LIKE_I = str.maketrans("\u0130\u0131", "ii")
# A factor is stated in whole percent.
_FACTOR_STEP = 0.005
# What a recipe and a text of it both have; a text says how much by a number or by a word.
_COMPARED = ("subtype", "kind", "direction", "colour", "lettering")
_AMOUNTS = ("percent", "factor")


@dataclass(frozen=True)
class Reading:
    """What a text states; None is what it does not.

    Attributes:
        subtype: of the edit.
        phrasing: `exact` or `plain`.
        kind: where the recipe has one.
        direction: of a move: `left`, `right`, `up` or `down`.
        percent: of a move, of the picture's width or height; of an edit of the whole picture.
        factor: of a scaling, of the object's sides.
        colour: the new one of a recolouring, a key of `COLOURS`.
        level: how much in words, such as `strength/slight`: see the levels of `configs/edits.yaml`.
        beside: what another object is called that this one is moved next to.
        lettering: the text on the object that is replaced or removed.
        given: what an object of another photo is called that takes its place.
        place: row and column of the thirds of the picture, 0 to 2, that the object lies in.
        size: of the object: `large` or `small`.
        object_colour: a key of `COLOURS`.
        caption: what the object is called, if not by size and colour.
        name: the object's name as it stands in the text, with its place.
    """

    subtype: str
    phrasing: Phrasing = "exact"
    kind: str | None = None
    direction: str | None = None
    percent: int | None = None
    factor: float | None = None
    colour: str | None = None
    level: str | None = None
    beside: str | None = None
    lettering: str | None = None
    given: str | None = None
    place: tuple[int, int] | None = None
    size: str | None = None
    object_colour: str | None = None
    caption: str | None = None
    name: str = ""


def read(text: str, language: Language, *, among: bool = False) -> Reading | None:
    """What a text states; None when it is in other words than the phrase bank's.

    Where a caption makes several readings possible, the one that calls the object by the least is taken.

    Args:
        among: whether it may be one of several in one instruction, which say less.
    """
    patterns = (*_patterns(language), *(_short_patterns(language) if among else ()))
    folded = _folded(text)
    likely = [pattern for pattern in patterns if pattern.longest in folded]
    found = [reading for pattern in likely if (reading := pattern.read(text, folded))]
    return min(found, key=lambda reading: len(reading.caption or ""), default=None)


def disagreements(reading: Reading, recipe: Recipe) -> list[str]:
    """Each thing in which a text and a recipe differ; what the recipe does not have is not compared."""
    wanted: dict[str, Any] = {name: recipe[name] for name in _COMPARED if name in recipe}
    if reading.level is None and reading.beside is None:
        wanted |= {name: recipe[name] for name in _AMOUNTS if name in recipe}
    elif level := level_of(recipe):
        wanted["level"] = level
    for role in ("beside", "given"):
        if getattr(reading, role) is not None or role in recipe:
            wanted[role] = _called(getattr(reading, role), recipe.get(role) or {})
    return [
        f"{name}: the text says {getattr(reading, name)}, the recipe {value}"
        for name, value in wanted.items()
        if not _alike(getattr(reading, name), value)
    ]


def _called(name: str | None, names: Mapping[str, str]) -> str | None:
    """A name as a recipe has it in one of the languages, or that of the recipe which it is not."""
    alike = [known for known in names.values() if known.lower() == (name or "").lower()]
    return name if alike else next(iter(names.values()), None)


def contradictions(ch: Reading, en: Reading) -> list[str]:
    """Each thing in which the Chinese and the English text differ; captions are not compared."""
    captioned = ch.caption is not None or en.caption is not None
    left_out = {"caption", "name", "beside", "given", *(("size", "object_colour") if captioned else ())}
    found = [
        f"{field.name}: the Chinese says {getattr(ch, field.name)}, the English {getattr(en, field.name)}"
        for field in fields(Reading)
        if field.name not in left_out and not _alike(getattr(ch, field.name), getattr(en, field.name))
    ]
    return found + ["beside: one language names it alone"] * ((ch.beside is None) != (en.beside is None))


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float | int):
        return abs(one - other) <= _FACTOR_STEP + 1e-9
    return bool(one == other)


@dataclass(frozen=True)
class _Pattern:
    """One phrase of the bank, and what all its texts state."""

    key: str
    language: Language
    phrasing: Phrasing
    phrase: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """What every text of it has, whatever its case."""
        return tuple(_folded(part) for part in _OPEN.split(self.phrase))

    @cached_property
    def longest(self) -> str:
        return max(self.words, key=len)

    @cached_property
    def expression(self) -> re.Pattern[str]:
        return _expression(self.phrase, _fillers(self.key, self.language))

    def read(self, text: str, folded: str) -> Reading | None:
        """What a text states, of which `folded` is what `_folded` makes."""
        # There are hundreds of phrases, and a few texts in most processes: few are ever compiled.
        match = all(word in folded for word in self.words) and self.expression.fullmatch(text.strip())
        if not match:
            return None
        values = match.groupdict()
        # What asks for another picture as a whole names no object.
        name = _name(self._named(values["it"]), self.language) if "it" in values else {}
        stated = _stated(self.key, values, self.language)
        if (
            name is None
            or stated is None
            or ("beside" in values and not _name(values["beside"], self.language))
        ):
            return None
        subtype = self.key.partition("/")[0]
        return Reading(subtype, self.phrasing, **stated, **name, name=values.get("it", ""))

    def _named(self, it: str) -> str:
        """What stands for the object, with the article that names have."""
        if self.key != NEW_OBJECT or self.language != "en":
            return it
        return "the " + re.sub(r"^(?:an?|the)\s+", "", it, flags=re.IGNORECASE)


@cache
def _patterns(language: Language) -> tuple[_Pattern, ...]:
    return tuple(_made_patterns(language))


@cache
def _short_patterns(language: Language) -> tuple[_Pattern, ...]:
    """Of the phrases that stand beside others alone."""
    return tuple(
        _Pattern(key, language, "exact", phrase)
        for subtype, entry in bank().edits.items()
        for key in (f"{subtype}/{kind}" for kind, texts in entry.kinds.items() if texts.of(language))
        for phrase in set(short_phrases_of(key, language)).difference(phrases_of(key, language))
    )


def _made_patterns(language: Language) -> Iterator[_Pattern]:
    for subtype, entry in bank().edits.items():
        for kind in entry.kinds:
            key = f"{subtype}/{kind}"
            for phrasing in PHRASINGS:
                for phrase in entry.phrases(kind, language, phrasing):
                    yield _Pattern(key, language, phrasing, phrase)


def _fillers(key: str, language: Language) -> dict[str, str]:
    """Field of a phrase of `subtype/kind` → what may stand for it."""
    words = {
        "it": r".+?",
        "beside": r".+",
        "lettering": r".+?",
        "given": r".+",
        "direction": _any_of(bank().words[language].directions.values()),
        "colour": _any_of(colour.word(language) for colour in COLOURS.values()),
        **dict.fromkeys(_NUMBERS, r"\d+"),
    }
    return words | {
        field: _any_of(level.words(language)[field] for level in _levels(key).values())
        for field in _level_fields(key, language)
    }


def _folded(text: str) -> str:
    return text.translate(_LIKE_I).casefold()


def _expression(phrase: str, fillers: Mapping[str, str]) -> re.Pattern[str]:
    # Older texts had a space before the sign.
    spaced = re.escape(phrase).replace("%", " ?%")
    pattern = _FIELD.sub(lambda field: f"(?P<{field[1]}>{fillers[field[1]]})", spaced)
    return re.compile(pattern, re.IGNORECASE)


def _levels(key: str) -> Mapping[str, Level]:
    return bank().levels[level_name(key)] if level_name(key) else {}


def _level_fields(key: str, language: Language) -> tuple[str, ...]:
    return next((tuple(level.words(language)) for level in _levels(key).values()), ())


def _any_of(words: Iterable[str]) -> str:
    """The longest first, since one may begin with another."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _stated(key: str, values: Mapping[str, str], language: Language) -> dict[str, Any] | None:
    """What a text states of the recipe; None when that contradicts itself."""
    subtype, _, kind = key.partition("/")
    stated: dict[str, Any] = {}
    if kind and subtype not in FOLLOWING:
        stated["kind"] = kind
    if "direction" in values:
        stated["direction"] = _key_of(bank().words[language].directions, values["direction"])
        if (stated["direction"] in {"left", "right"}) != (kind != "vertical"):
            return None
    stated |= {field: values[field] for field in ("beside", "lettering", "given") if field in values}
    if subtype == "scale" and values.keys() & set(_NUMBERS):
        stated["factor"] = _factor(values, kind)
        if stated["factor"] is None:
            return None
    elif "percent" in values:
        stated["percent"] = int(values["percent"])
    if "colour" in values:
        stated["colour"] = _colour(values["colour"], language)
    for field in set(_level_fields(key, language)) & values.keys():
        levels = {level: words.words(language)[field] for level, words in _levels(key).items()}
        stated["level"] = f"{level_name(key)}/{_key_of(levels, values[field])}"
    return stated


def _factor(values: Mapping[str, str], kind: str) -> float | None:
    """Of the sides of what became larger or smaller; None when the numbers say the other."""
    sign = 1 if kind == "larger" else -1
    percent = int(values["percent"]) if "percent" in values else 100 + int(values["change"]) * sign
    return percent / 100 if (percent - 100) * sign > 0 else None


@cache
def _name_patterns(language: Language) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """An object's name with its place; and what it is, by size, colour and noun."""
    words = bank().words[language]
    places = _any_of(place for row in words.places for place in row)
    colours = _any_of(colour.word(language) for colour in COLOURS.values())
    size, noun = _any_of(words.sizes.values()), _any_of((words.object, words.subject))
    space = " " if language == "en" else ""
    parts = {"what": r"(?P<what>.+)", "place": f"(?P<place>{places})"}
    name = re.sub(r"\\\{(what|place)\\\}", lambda part: parts[part[1]], re.escape(words.name))
    what = rf"(?P<size>{size})?(?:(?P<colour>{colours}){space})?(?:{noun})"
    return re.compile(name, re.IGNORECASE), re.compile(what, re.IGNORECASE)


def _name(text: str, language: Language) -> dict[str, Any] | None:
    """What an object's name says of it; None without a place, unless it is the sole subject or the group."""
    words = bank().words[language]
    if text.lower() in {words.sole.lower(), words.group.lower()}:
        return {}
    whole, described = _name_patterns(language)
    match = whole.fullmatch(text)
    if not match:
        return None
    row, column = next(
        (row, column)
        for row, places in enumerate(words.places)
        for column, place in enumerate(places)
        if _folded(place) == _folded(match["place"])
    )
    found: dict[str, Any] = {"place": (row, column)}
    known = described.fullmatch(match["what"])
    if not known:
        return found | {"caption": match["what"]}
    return found | {
        "size": _key_of(words.sizes, known["size"]) if known["size"] else None,
        "object_colour": _colour(known["colour"], language) if known["colour"] else None,
    }


def _colour(name: str, language: Language) -> str:
    return _key_of({key: colour.word(language) for key, colour in COLOURS.items()}, name)


def _key_of(words: Mapping[Key, str], word: str) -> Key:
    return next(key for key, other in words.items() if _folded(other) == _folded(word))
