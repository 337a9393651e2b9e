"""What is wrong with a profile, so that it can be mended: the key, where it stands, and why."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from iedf_assets.core.errors import own_words
from iedf_assets.core.profile.reading.origins import Origin, Origins
from iedf_assets.core.profile.schema import Profile


def explain(error: ValidationError, path: Path, origins: Origins) -> str:
    """Every fault of a profile, a line each; what several categories have from one section is told once."""
    faults = [_fault(problem, origins) for problem in error.errors()]
    return "\n".join([f"the profile {path} cannot be used:", *dict.fromkeys(faults)])


def _fault(problem: ErrorDetails, origins: Origins) -> str:
    location = [part for part in problem["loc"] if part != "[key]"]
    key, origin = origins.nearest(location)
    message = own_words(problem["msg"])
    if problem["type"] == "extra_forbidden":
        message = "unknown key" + _suggestion(key)
    return f"  {'.'.join(key) or 'profile'}{_place(origin)}: {message}"


def _place(origin: Origin) -> str:
    if origin.setting:
        return f" (set by {origin.setting.text!r})"
    return f" (line {origin.line})" if origin.line else ""


def _suggestion(key: Sequence[str]) -> str:
    model = _section(key[:-1])
    known = [field.alias or name for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(key[-1], known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(known)}"


def _section(key: Sequence[str]) -> type[BaseModel]:
    """The model whose keys stand below a key."""
    kind: Any = Profile
    for name in key:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = {field.alias or known: field for known, field in kind.model_fields.items()}
            kind = fields[name].annotation
        else:  # a mapping by name: of any name, the same
            kind = get_args(kind)[1]
    found: type[BaseModel] = kind
    return found
