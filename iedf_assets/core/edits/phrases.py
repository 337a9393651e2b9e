"""Which phrases of `configs/edits.yaml` an edit is asked for by, and the words that fill them."""

import re
from collections.abc import Mapping
from typing import Any

from iedf_assets.core.profile.bank import Language, Phrasing, bank, level_name
from iedf_assets.core.profile.subtypes import SUBTYPES

# Subtypes whose kinds are no parameter of the recipe but follow from others.
FOLLOWING = ("move", "scale", "delete", "recolor", "remove_text")
# What asks for an object that is not there yet: English puts another article before it.
NEW_OBJECT = "add/object"
# What a phrase has that says more than what is to be done.
_LONG: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:please|and|without|leaving|keeping|unchanged)\b"),
    "ch": re.compile("请|并|保持|不变|其他|其余|背景"),
}


def key_of(recipe: Mapping[str, Any]) -> str:
    """The `subtype/kind` whose phrases a recipe is asked for by."""
    subtype = recipe["subtype"]
    if "factor" in recipe:
        kind = "larger" if recipe["factor"] > 1 else "smaller"
    elif "beside" in recipe:
        kind = "beside"
    elif "direction" in recipe:
        kind = "horizontal" if recipe["direction"] in {"left", "right"} else "vertical"
    else:
        kind = recipe.get("kind", subtype)
    return f"{subtype}/{kind}"


def phrases_of(key: str, language: Language, phrasing: Phrasing = "exact") -> tuple[str, ...]:
    """All phrases of a `subtype/kind`; empty where there is no such way to ask for it."""
    subtype, _, kind = key.partition("/")
    return bank().edits[subtype].phrases(kind, language, phrasing)


def short_phrases_of(key: str, language: Language) -> tuple[str, ...]:
    """The exact ones that others can follow, since they say nothing of what is not edited.

    All frames of a background edit say that its subject stays, so those are left out.
    """
    subtype, _, kind = key.partition("/")
    if SUBTYPES[subtype].mask_of == "background":
        return bank().edits[subtype].kinds[kind].of(language)
    return tuple(phrase for phrase in phrases_of(key, language) if not _LONG[language].search(phrase))


def has_plain(key: str) -> bool:
    """Whether a `subtype/kind` can be asked for in two ways."""
    return bool(phrases_of(key, "en", "plain"))


def level_of(recipe: Mapping[str, Any]) -> str | None:
    """The level, such as `strength/slight`, that a recipe's amount is of; None for an edit without one."""
    name, number = level_name(key_of(recipe)), amount_of(recipe)
    return f"{name}/{bank().level_of(name, number)}" if name and number is not None else None


def amount_of(recipe: Mapping[str, Any]) -> float | None:
    """What the words for how much are chosen by: a strength, percent of the picture, of the size, of all."""
    if "factor" in recipe:
        return float(round(recipe["factor"] * 100))
    found: float | None = recipe.get("strength", recipe.get("percent"))
    return found


def level_words(level: str, language: Language) -> dict[str, str]:
    """Field of a phrase → word, for a level such as `strength/slight`."""
    name, _, step = level.partition("/")
    return bank().levels[name][step].words(language)
