"""Facts: what people say of a photo beside it, in a file of its own or a row of a table.

| key | what it says |
|---|---|
| objects | names of its objects, `{"en", "ch"}` each, perhaps with a point `at` it, shares of the sides |
| scene | the folder that its samples go to |
| caption | what the photo shows, `en` or `ch` or both |
| licence, author, source | whose it is, what others may do with it, and where it comes from |

An object without a point is the main one. What cannot be understood, or is contradicted, is not used, and
found fault with by file and line; the rest counts.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from iedf_assets.core.profile.fields import NO_SCENE, is_scene

Facts = dict[str, Any]

LONGEST_NAME, LONGEST_CAPTION, LONGEST_TEXT = 60, 1000, 300
MAX_OBJECTS = 32
# So near to each other, shares of the sides, two points are one.
SAME_POINT = 0.01
LANGUAGES = ("en", "ch")
KEYS = ("objects", "scene", "caption", "licence", "author", "source")
# Other spellings of keys.
SPELT = {"license": "licence"}


class UnusableError(ValueError):
    """A value that is no such fact; says why."""


class Finding(NamedTuple):
    """What is wrong with a file of facts, and on which line, from 1."""

    file: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}"


Find = Callable[[str, str], None]
"""Notes what is wrong with a key."""


def understood(raw: Mapping[str, Any], find: Find) -> Facts:
    """The facts that an object of JSON says, as far as they can be used."""
    facts: Facts = {}
    for given, value in raw.items():
        key = SPELT.get(given, given)
        read = _READERS.get(key)
        if read is None:
            find(given, f"unknown key {given[:60]!r}; known: {', '.join(KEYS)}")
        elif key in facts:
            find(given, f"{key} is told twice")
        elif value is not None and value != "":
            try:
                clean = read(value, find)
            except UnusableError as error:
                find(given, f"{key} {error}")
            else:
                facts |= {key: clean} if clean else {}
    return facts


def _objects(value: Any, find: Find) -> list[Facts]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise UnusableError('is no list of objects such as {"en": "dog", "ch": "狗"}')
    if len(value) > MAX_OBJECTS:
        raise UnusableError(f"has {len(value)} names, at most {MAX_OBJECTS} are read")
    named = []
    for raw in value:
        try:
            named.append(_object(raw))
        except UnusableError as error:
            find("objects", f"objects: {error}")
    return agreeing(named, find)


def _object(raw: Mapping[str, Any]) -> Facts:
    unknown = sorted(set(raw) - {*LANGUAGES, "at"})
    if unknown:
        raise UnusableError(f"unknown key {unknown[0][:60]!r} of an object; known: en, ch, at")
    missing = [language for language in LANGUAGES if not raw.get(language)]
    if missing:
        raise UnusableError(f"a name lacks {' and '.join(missing)}: it takes both languages")
    name: Facts = {language: _text(raw[language], LONGEST_NAME) for language in LANGUAGES}
    if any("\u4e00" <= letter <= "\u9fff" for letter in name["en"]):
        raise UnusableError(f"the English name {name['en']!r} is Chinese")
    if raw.get("at") is not None:
        name["at"] = _point(raw["at"])
    return name


def _point(value: Any) -> list[float]:
    numbers = value if isinstance(value, list) and len(value) == 2 else []
    if not numbers or not all(type(one) in {int, float} and 0 <= one <= 1 for one in numbers):
        raise UnusableError("at is no point such as [0.4, 0.6]: shares of width and height, 0 to 1")
    return [round(float(one), 4) for one in numbers]


def agreeing(named: list[Facts], find: Find) -> list[Facts]:
    """Names less those that contradict each other: two at one point, two of the main object."""
    unique = [one for place, one in enumerate(named) if one not in named[:place]]
    rivals = [
        (one, other)
        for place, one in enumerate(unique)
        for other in unique[:place]
        if _same_place(one, other)
    ]
    for one, other in rivals:
        where = (
            "at the same point" if "at" in one else "without a point, of which only the main object has one"
        )
        find("objects", f"objects: {other['en']!r} and {one['en']!r} are two names {where}: neither is used")
    disputed = [one for pair in rivals for one in pair]
    return [one for one in unique if one not in disputed]


def _same_place(one: Facts, other: Facts) -> bool:
    if "at" not in one or "at" not in other:
        return "at" not in one and "at" not in other
    return all(abs(a - b) <= SAME_POINT for a, b in zip(one["at"], other["at"], strict=True))


def _scene(value: Any, _find: Find) -> str:
    if not isinstance(value, str) or not is_scene(value):
        raise UnusableError(NO_SCENE)
    return value


def _caption(value: Any, find: Find) -> Facts:
    if not isinstance(value, dict):
        raise UnusableError('is no object such as {"en": "...", "ch": "..."}')
    for name in sorted(set(value) - set(LANGUAGES)):
        find("caption", f"unknown key {name[:60]!r} of the caption; known: en, ch")
    return {one: _text(value[one], LONGEST_CAPTION) for one in LANGUAGES if value.get(one)}


def _short(value: Any, _find: Find) -> str:
    return _text(value, LONGEST_TEXT)


def _text(value: Any, longest: int) -> str:
    """A text in NFC, its blanks single.

    Raises:
        UnusableError: it is none, is empty or too long, or has what is not printed.
    """
    if not isinstance(value, str):
        raise UnusableError(f"is no text but {json.dumps(value)[:60]}")
    text = " ".join(unicodedata.normalize("NFC", value[: longest * 8]).split())
    if not text or len(text) > longest or len(value) > longest * 8:
        raise UnusableError(f"is empty or longer than {longest} letters")
    if not text.isprintable():
        raise UnusableError("has characters that cannot be printed")
    return text


_READERS: dict[str, Callable[[Any, Find], Any]] = {
    "objects": _objects, "scene": _scene, "caption": _caption,
    "licence": _short, "author": _short, "source": _short,
}  # fmt: skip
