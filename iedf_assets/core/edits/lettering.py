"""Text in pictures: what an object bears, what is to be written on it, and whether it was."""

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from iedf_assets.core.profile.bank import bank
from iedf_assets.core.profile.subtypes import SUBTYPES

# Longer texts are not quoted in an instruction.
MAX_TEXT = 40
# Neither do texts that would end the quotation.
_QUOTES = re.compile('[“”"「」{}]')
_LETTERS = re.compile(r"[^\W_]+")


def quotable(text: str) -> str | None:
    """A text on an object as an instruction may quote it; None where it is none, or too long."""
    line = " ".join(text.split())
    return line if _bare(line) and len(line) <= MAX_TEXT and not _QUOTES.search(line) else None


def written(recipe: Mapping[str, Any]) -> str | None:
    """What an edit is to write; None when it writes nothing, or what it writes is in somebody's own words."""
    subtype = SUBTYPES[recipe["subtype"]]
    kind = recipe.get("kind")
    return bank().edits[subtype.name].kinds[kind].en[0] if subtype.writes and kind else None


def lettering(recipe: Mapping[str, Any], read: str) -> float | None:
    """How far the text on an object is what an edit was to make of it, 0 to 1; None where it is of no text.

    What was to be written counts by its likeness to the best part of what is read; what was to go has to be
    no more like it than it is like what took its place. Case, spaces and signs do not count.

    Args:
        recipe: see `iedf_assets.core.edits.recipes`.
        read: all text that somebody reads on the object.
    """
    new, old = written(recipe), recipe.get("lettering")
    if new is None and old is None:
        return None
    there = 1.0 if new is None else likeness(new, read)
    left = 0.0 if old is None else likeness(old, read) - (likeness(old, new) if new else 0.0)
    return min(there, 1.0 - max(0.0, left))


def likeness(text: str, read: str) -> float:
    """How like a text the best part of what is read is, 0 to 1."""
    wanted, found = _bare(text), _bare(read)
    if not wanted or not found:
        return float(wanted == found)
    if wanted in found:
        return 1.0
    windows = range(max(1, len(found) - len(wanted) + 1))
    return max(SequenceMatcher(None, wanted, found[at : at + len(wanted)]).ratio() for at in windows)


def _bare(text: str) -> str:
    return "".join(_LETTERS.findall(text.casefold()))
