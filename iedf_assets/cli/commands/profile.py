"""`iedf profile`: every key of a profile with its value and where that comes from, as YAML or as JSON."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml
from rich.cells import cell_len

from iedf_assets.core.profile.loading import trace_profile
from iedf_assets.core.profile.reading.origins import Key, Origin, leaves
from iedf_assets.core.profile.schema import OVERRIDABLE, Profile

# Where the comments stand, unless a value reaches beyond.
COLUMN = 44
SECTIONS = (
    "# A category takes the sections above, but for what stands here; --category NAME shows one in full."
)


@dataclass(frozen=True)
class Value:
    """A key's value and where it comes from."""

    value: Any
    origin: Origin


def show_profile(path: Path, settings: tuple[str, ...], category: str | None, *, as_json: bool) -> None:
    """Print a profile, or what holds for one of its categories.

    Raises:
        ProfileError: the profile cannot be used, or has no such category.
    """
    values = _values(path, settings, category)
    file = os.path.relpath(path) if path.absolute().is_relative_to(Path.cwd()) else str(path)
    if as_json:
        click.echo(json.dumps(_as_json(values, file), ensure_ascii=False, indent=1))
    else:
        click.echo(_as_yaml(values, file, whole=category is None))


def schema_text() -> str:
    """The JSON Schema of a profile, as `configs/profile.schema.json` has it."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A profile of iedf"}
    return json.dumps(head | Profile.model_json_schema(), ensure_ascii=False, indent=1)


def _values(path: Path, settings: tuple[str, ...], category: str | None) -> dict[Key, Value]:
    """Of a category all of its own settings and no other's; else of each what it sets for itself."""
    profile, origins = trace_profile(path, settings)
    name = profile.category_name(category) if category is not None else None
    values = {key: Value(value, origins.of(key)) for key, value in leaves(profile).items()}
    if name is None:
        return {key: value for key, value in values.items() if value.origin.by != "section"}
    mine = {key: value for key, value in values.items() if key[0] not in OVERRIDABLE}
    return {key: value for key, value in mine.items() if key[0] != "categories" or key[1] == name}


def _as_json(values: Mapping[Key, Value], file: str) -> dict[str, dict[str, Any]]:
    return {".".join(key): {"value": told.value, **_place(told.origin, file)} for key, told in values.items()}


def _place(origin: Origin, file: str) -> dict[str, Any]:
    place: dict[str, Any] = {"from": origin.source}
    if origin.line:
        place |= {"file": file, "line": origin.line}
    if origin.setting:
        place |= {"setting": origin.setting.text}
    return place | ({"by": origin.by} if origin.by else {})


def _as_yaml(values: Mapping[Key, Value], file: str, *, whole: bool) -> str:
    lines = []
    opened = set()
    for key, told in values.items():
        for section in (key[:depth] for depth in range(1, len(key))):
            if section not in opened:
                lines += [SECTIONS] if whole and section == ("categories",) else []
                lines.append(f"{_indented(section)}:")
                opened.add(section)
        line = f"{_indented(key)}: {_scalar(told.value)}"
        lines.append(f"{line}{' ' * max(COLUMN - cell_len(line), 2)}# {_told(told.origin, file)}")
    return "\n".join(lines)


def _indented(key: Key) -> str:
    return "  " * (len(key) - 1) + _scalar(key[-1])


def _told(origin: Origin, file: str) -> str:
    if origin.source == "default":
        return "default"
    place = "--set" if origin.source == "setting" else f"{file}:{origin.line}"
    return place + {None: "", "category": ", category", "section": ", profile section"}[origin.by]


def _scalar(value: Any) -> str:
    """A value as YAML on one line."""
    style = '"' if isinstance(value, str) and not value.isprintable() else None
    text = yaml.safe_dump(
        value, allow_unicode=True, default_flow_style=True, default_style=style, width=2**31
    )
    return text.removesuffix("...\n").strip()
