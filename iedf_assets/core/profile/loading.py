"""Loading a profile: a YAML file and `key.sub=value` settings; an error says file, line and key."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.bank import bank
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.nesting import require_apart
from iedf_assets.core.profile.reading.documents import parsed
from iedf_assets.core.profile.reading.faults import explain
from iedf_assets.core.profile.reading.origins import Origins
from iedf_assets.core.profile.reading.settings import Setting
from iedf_assets.core.profile.schema import Profile

DEFAULT_PROFILE = PROJECT_ROOT / "configs" / "default.yaml"


def load_profile(path: Path = DEFAULT_PROFILE, settings: Iterable[str] = ()) -> Profile:
    """Read a profile and apply `key.sub=value` settings, whose values are YAML.

    Raises:
        ProfileError: no such file, no valid YAML, an unknown key or a wrong value (says the file, the line
        and the key), folders that lie in one another, or phrases that cannot be used.
    """
    profile, _ = trace_profile(path, settings)
    return profile


def trace_profile(path: Path, settings: Iterable[str] = ()) -> tuple[Profile, Origins]:
    """As `load_profile`, and where each value comes from.

    Raises:
        ProfileError: as there.
    """
    raw, tree = _parsed(path)
    changes = tuple(Setting.parse(setting) for setting in settings)
    for change in changes:
        raw = change.applied(raw)
    origins = Origins(tree, changes)
    try:
        profile = Profile.model_validate(raw).of_file(path)
    except ValidationError as error:
        raise ProfileError(explain(error, path, origins), "see configs/default.yaml for every key") from error
    require_apart(profile.folders, profile.categories)
    bank()
    return profile, origins


def _parsed(path: Path) -> tuple[dict[Any, Any], yaml.Node]:
    """A file's content, and its syntax tree, which knows the lines."""
    try:
        raw, tree = parsed(_text(path))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that is none, for instance
        raise ProfileError(
            f"the profile {path} is no valid YAML: {error}", "mend it, and run again"
        ) from error
    if tree is None or not isinstance(raw, dict):
        raise ProfileError(f"the profile {path} is not a mapping of keys to values")
    return raw, tree


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"the profile {path} cannot be read: {error}"
        raise ProfileError(problem, "give an existing file with --config or IEDF_CONFIG") from error
