"""What a model's class can do, by the table of classes: nothing else is asked of it."""

import re
from typing import Any

from iedf_assets.core.edits.recipes import Unplannable
from iedf_assets.core.profile.bank import bank
from iedf_assets.core.profile.editors import Editor
from iedf_assets.core.profile.subtypes import Kinds, Subtype

BEYOND_MODEL = "beyond_model"
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def able(limits: Any, subtype: Subtype, editor: Editor | None) -> Any | Unplannable:
    """The limits of a subtype's recipes without the kinds that a class cannot do, or that it can do none.

    Args:
        limits: the profile's `recipes` section of the subtype.
        editor: None where nobody knows the class, which may then do anything.
    """
    if editor is None or not isinstance(limits, Kinds) or limits.instruction:
        return limits
    kinds = limits.kinds or tuple(bank().edits[subtype.name].kinds)
    can = tuple(kind for kind in kinds if _can(subtype, kind, editor))
    if not can:
        asked = ", ".join(kinds)
        return Unplannable(BEYOND_MODEL, f"a {editor.class_name} can do none of {subtype.name}: {asked}")
    return limits if can == kinds else limits.model_copy(update={"kinds": can})


def _can(subtype: Subtype, kind: str, editor: Editor) -> bool:
    """Whether a class writes what a kind is to write."""
    if not subtype.writes:
        return True
    text = bank().edits[subtype.name].kinds[kind].en[0]
    return ("zh" if _CHINESE.search(text) else "en") in editor.writes
