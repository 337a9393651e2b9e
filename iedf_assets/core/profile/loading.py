"""Loading a profile: a YAML file and `key.sub=value` settings; an error says file, line and key."""

import difflib
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.fields import PROJECT_ROOT, YAML_LOADER
from iedf_assets.core.profile.nesting import require_apart
from iedf_assets.core.profile.schema import Category, Profile

DEFAULT_PROFILE = PROJECT_ROOT / "configs" / "default.yaml"


def load_profile(path: Path = DEFAULT_PROFILE, settings: Iterable[str] = ()) -> Profile:
    """Read a profile and apply `key.sub=value` settings, whose values are YAML.

    Raises:
        ProfileError: no such file, no valid YAML, an unknown key or a wrong value (says the file, the line
        and the key), or folders that lie in one another.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(
            f"the profile {path} cannot be read: {error}",
            "give an existing file with --config or IEDF_CONFIG",
        ) from error
    try:
        raw = yaml.load(text, YAML_LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ProfileError(f"the profile {path} is no valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ProfileError(f"the profile {path} is not a mapping of keys to values")
    for setting in settings:
        _apply(raw, setting)
    try:
        profile = Profile.model_validate(raw)
    except ValidationError as error:
        tree = yaml.compose(text, Loader=YAML_LOADER)
        raise ProfileError(_explain(error, path, tree), "see configs/default.yaml for every key") from error
    require_apart(profile.folders, profile.categories)
    return profile


def _apply(raw: dict[str, Any], setting: str) -> None:
    key, separator, value = setting.partition("=")
    if not separator or not key.strip():
        raise ProfileError(f"the setting {setting!r} is not of the form key.sub=value")
    *parents, last = unicodedata.normalize("NFC", key.strip()).split(".")
    node = raw
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ProfileError(
                f"the setting {setting!r} goes below {parent!r}, which is a value and not a mapping"
            )
        node = child
    try:
        node[last] = yaml.load(value, YAML_LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ProfileError(f"the value of the setting {setting!r} is no valid YAML: {error}") from error


def _explain(error: ValidationError, path: Path, tree: yaml.Node | None) -> str:
    lines = [f"the profile {path} cannot be used:"]
    for problem in error.errors():
        location = tuple(part for part in problem["loc"] if part != "[key]")
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown key" + _suggestion(location)
        line = _line_of(tree, location)
        where = f" (line {line})" if line else ""
        lines.append(f"  {'.'.join(map(str, location)) or 'profile'}{where}: {message}")
    return "\n".join(dict.fromkeys(lines))


def _suggestion(location: tuple[int | str, ...]) -> str:
    model: Any = Profile
    for part in location[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        if field is not None:
            model = field.annotation if part != "categories" else Category
    fields = getattr(model, "model_fields", {})
    known = [field.alias or name for name, field in fields.items()]
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(known)}"


def _line_of(node: yaml.Node | None, location: tuple[int | str, ...]) -> int | None:
    line = None
    for part in location:
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if unicodedata.normalize("NFC", str(key.value)) == part:
                line, node = key.start_mark.line + 1, value
                break
        else:
            break
    return line
