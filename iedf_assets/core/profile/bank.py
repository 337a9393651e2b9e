"""`configs/edits.yaml`: what objects are called and how each edit is asked for, in both languages."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from iedf_assets.core.errors import ProfileError

PATH = Path(__file__).resolve().parents[3] / "configs" / "edits.yaml"

Language = Literal["ch", "en"]
LANGUAGES: tuple[Language, Language] = ("ch", "en")
Phrasing = Literal["exact", "plain"]
PHRASINGS: tuple[Phrasing, Phrasing] = ("exact", "plain")

# The level that the words of an edit's phrases are of, by subtype or by its kind.
LEVELS = {
    "identity": "strength",
    "background": "strength",
    "move": "shift",
    "move/beside": "",
    "scale/larger": "larger",
    "scale/smaller": "smaller",
    "contrast": "amount",
    "brightness": "amount",
    "color_tone": "amount",
}
_NUMBERS = ("percent", "change")
# What a phrase may hold beside `{it}` and the words of its level.
_FIELDS = {
    "move": {"direction", "percent", "beside"},
    "scale": set(_NUMBERS),
    "recolor": {"colour"},
    "contrast": {"percent"},
    "brightness": {"percent"},
    "color_tone": {"percent"},
    "replace": {"given"},
    "replace_text": {"lettering"},
    "remove_text": {"lettering"},
}
# Their kinds are what is to be written, in whatever letters.
_QUOTING = ("write", "replace_text")
# Subtypes whose kinds share phrases: a direction or a number in the text tells them apart.
_SHARING = ("move", "scale")
_FIELD = re.compile(r"\{(\w*)\}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")

_Row = tuple[str, str, str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Texts(_Strict):
    """Phrases in both languages."""

    en: tuple[str, ...] = Field(min_length=1)
    ch: tuple[str, ...] = Field(min_length=1)

    def of(self, language: Language) -> tuple[str, ...]:
        """Those of a language."""
        return self.en if language == "en" else self.ch


class Kind(_Strict):
    """How a kind of edit is asked for: exactly, plainly, or in both ways.

    Attributes:
        optional: drawn only where a profile's `kinds` names it.
        derived: whether no recipe is drawn of it: it is what undoes another edit, and has no frames.
    """

    en: tuple[str, ...] = ()
    ch: tuple[str, ...] = ()
    plain: Texts | None = None
    optional: bool = False
    derived: bool = False

    @model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.en) != bool(self.ch) or not (self.en or self.plain):
            raise ValueError("it has to be asked for in both languages")
        return self

    def of(self, language: Language) -> tuple[str, ...]:
        """The exact ones of a language."""
        return self.en if language == "en" else self.ch


class Entry(_Strict):
    """How the edits of a subtype are asked for.

    Attributes:
        frames: around `{core}`, one of a kind's exact phrases.
        kinds: key → its phrases; a subtype without kinds has one of its own name.
    """

    frames: Texts = Texts(en=("{core}",), ch=("{core}",))
    kinds: dict[str, Kind] = Field(min_length=1)

    @property
    def drawn(self) -> tuple[str, ...]:
        """The kinds that are drawn where none is named."""
        return tuple(name for name, kind in self.kinds.items() if not (kind.optional or kind.derived))

    @property
    def has_plain(self) -> bool:
        """Whether any of its kinds can be asked for plainly."""
        return any(kind.plain for kind in self.kinds.values())

    @property
    def names_object(self) -> bool:
        """Whether its phrases name the object; they all do, or none does."""
        return any("{it}" in phrase for kind in self.kinds for phrase in self.phrases(kind, "en"))

    def phrases(self, kind: str, language: Language, phrasing: Phrasing = "exact") -> tuple[str, ...]:
        """Every phrase of a kind, the exact ones in every frame; none where there is no such way."""
        texts = self.kinds[kind]
        if phrasing == "plain":
            return texts.plain.of(language) if texts.plain else ()
        if texts.derived:
            return texts.of(language)
        return _combined(self.frames.of(language), texts.of(language))


class Shown(_Strict):
    """What a model is told after its instruction, of the second picture that it is shown.

    Attributes:
        object: it shows another photo's object.
        result: it shows roughly what the result is to be.
    """

    object: str
    result: str


class Words(_Strict):
    """What objects are called in one language.

    Attributes:
        name: how `{what}` it is and its `{place}` go together.
        object, subject: nouns for what has no caption.
        group: all objects together, where they have no caption, without a place.
        sole: the subject, one thing or not, where nothing else was found, likewise.
        sizes: words before the noun.
        places: rows and columns of the thirds of the picture.
        directions: of a move.
        also: between two edits in one instruction.
        shown: of a second picture.
    """

    name: str
    object: str
    subject: str
    group: str
    sole: str
    sizes: dict[Literal["large", "small"], str]
    places: tuple[_Row, _Row, _Row]
    directions: dict[Literal["left", "right", "up", "down"], str]
    also: str
    shown: Shown


class Level(_Strict):
    """How much, in words.

    Attributes:
        below: the number that it ends at; None for the last.
        en, ch: field of a phrase → its word.
    """

    below: float | None = None
    en: dict[str, str]
    ch: dict[str, str]

    def words(self, language: Language) -> dict[str, str]:
        """Those of a language."""
        return self.en if language == "en" else self.ch


Levels = Annotated[dict[str, Level], Field(min_length=1)]


class Bank(_Strict):
    """The whole file."""

    words: dict[Language, Words]
    levels: dict[str, Levels]
    edits: dict[str, Entry]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        problems = [*_unordered(self.levels)]
        problems += [problem for name in self.edits for problem in _faults(self, name)]
        problems += _shared(self)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def level_of(self, name: str, number: float) -> str:
        """Which step of a level a number is of."""
        steps = self.levels[name].items()
        return next(step for step, level in steps if level.below is None or number < level.below)


def level_name(key: str) -> str:
    """Of which level the words in the phrases of `subtype/kind` are; empty when they have none."""
    return LEVELS.get(key, LEVELS.get(key.partition("/")[0], ""))


@cache
def bank() -> Bank:
    """What the file holds.

    Raises:
        ProfileError: the file is not what it should be; the message says where.
    """
    return read_bank(PATH)


def read_bank(path: Path) -> Bank:
    """What a file of phrases holds.

    Raises:
        ProfileError: as `bank`.
    """
    remedy = "mend the phrases there, or take the file back from the repository"
    try:
        return Bank.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        problem = "; ".join(fault.removeprefix(": ").removeprefix("Value error, ") for fault in faults)
    except (OSError, ValueError, yaml.YAMLError) as error:
        problem = str(error)
    raise ProfileError(f"{path} cannot be used: {problem}", remedy)


def _unordered(levels: Mapping[str, Levels]) -> Iterator[str]:
    for name, table in levels.items():
        *bounds, last = [level.below for level in table.values()]
        if last is not None or None in bounds or sorted(bounds, key=lambda bound: bound or 0.0) != bounds:
            yield f"levels.{name} does not go from the least upwards, the last without an end"
        if len({(*sorted(level.en), *sorted(level.ch)) for level in table.values()}) > 1:
            yield f"levels.{name} has words for other fields in one of its steps"
    missing = sorted(set(LEVELS.values()) - {"", *levels})
    if missing:
        yield f"levels lacks {', '.join(missing)}"


def _faults(whole: Bank, name: str) -> Iterator[str]:
    """What is wrong with the phrases of a subtype, each looked at by itself."""
    phrases = list(_phrases(whole.edits[name]))
    naming = [phrase for *_, phrase in phrases if "{it}" in phrase]
    if 0 < len(naming) < len(phrases):
        yield f"edits.{name} names {{it}} in some phrases and not in others"
    for kind, language, phrasing, phrase in phrases:
        place = f"edits.{name}.{kind}, {phrase!r}"
        fields = set(_FIELD.findall(phrase))
        level = level_name(f"{name}/{kind}")
        words: dict[str, Any] = next(iter(whole.levels[level].values())).words(language) if level else {}
        known = {"it", *_FIELDS.get(name, ()), *words}
        if fields - known:
            yield f"{place} has a field that it cannot have: {', '.join(sorted(fields - known))}"
        if _FIELD.sub("", phrase).count("{") + _FIELD.sub("", phrase).count("}"):
            yield f"{place} has a brace that stands alone"
        if language == "en" and CHINESE.search(phrase) and name not in _QUOTING:
            yield f"{place} is not English"
        if language == "ch" and not CHINESE.search(phrase) and "{given}" not in phrase:
            yield f"{place} is not Chinese"
        if level and not fields & {*words, *_NUMBERS}:
            yield f"{place} does not say how much"
        if level and phrasing == "plain" and fields & set(_NUMBERS):
            yield f"{place} is exact"


def _shared(whole: Bank) -> Iterator[str]:
    """Phrases that two kinds have: a text of them could not be told."""
    seen: dict[tuple[str, str], str] = {}
    for name, entry in whole.edits.items():
        for kind, language, phrasing, phrase in _phrases(entry):
            key = f"{name}/{phrasing}" if name in _SHARING else f"{name}/{kind}/{phrasing}"
            text = re.sub(r"\{(percent|change)\}", "{}", phrase.lower())
            other = seen.setdefault((language, text), key)
            if other != key:
                yield f"{phrase!r} stands both in {other} and in {key}"


def _phrases(entry: Entry) -> Iterator[tuple[str, Language, Phrasing, str]]:
    for kind, language, phrasing in product(entry.kinds, LANGUAGES, PHRASINGS):
        for phrase in entry.phrases(kind, language, phrasing):
            yield kind, language, phrasing, phrase


def _combined(frames: tuple[str, ...], cores: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(frame.replace("{core}", core) for frame, core in product(frames, cores))
