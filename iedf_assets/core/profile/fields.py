"""What all sections of a profile are made of."""

import inspect
import re
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

PROJECT_ROOT = Path(__file__).resolve().parents[3]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
# Seconds; no longer than a month.
Patience = Annotated[float, Field(gt=0, le=2_678_400)]
# What comes in by an entry point of a package in the environment where it runs, see docs/plugins.md.
Plugin = Annotated[str, Field(pattern=r"^plugin:[A-Za-z0-9_.-]{1,64}$")]
# A folder of samples below task and subtype; and the end of its name where it goes on after a full one.
SCENE = r"^[a-z0-9][a-z0-9_-]{0,63}$"
NO_SCENE = (
    "is no name of a folder: at most 64 of a-z, 0-9, - and _, the first a letter or digit, and no -2 or the "
    "like at its end, which is what follows a full folder"
)
CONTINUED = re.compile(r"-\d+$", re.ASCII)
# libyaml's parser, where PyYAML was built with it: ten times as fast, and the same values and lines.
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# In a docstring: names, a colon and a text, whose further lines are indented more.
_ATTRIBUTE = re.compile(r"^ {4}(\w[\w, ]*): (.*(?:\n {5,}.*)*)", re.MULTILINE)


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Put the docstrings' texts into a section's JSON Schema, in place of titles that repeat the names."""
    properties = schema["properties"]
    for told in (schema, *properties.values()):
        told.pop("title", None)
    for section in (told for told in properties.values() if "$ref" in told):
        section.pop("default", None)  # its defaults stand with its keys
    for kind in (kind for kind in reversed(model.__mro__) if issubclass(kind, Strict)):
        summary, _, attributes = (inspect.getdoc(kind) or "").partition("\n\nAttributes:\n")
        schema["description"] = _one_line(summary)
        for names, text in _ATTRIBUTE.findall(attributes):
            for name in names.split(", "):
                properties[name]["description"] = _one_line(text)


def _one_line(text: str) -> str:
    return " ".join(text.replace("`", "").split())


class Strict(BaseModel):
    """A frozen model that knows all its keys; its docstring's attribute texts describe them in the schema."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_describe)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in type(self).model_fields:
            least, most = getattr(self, name), getattr(self, name.replace("min_", "max_", 1), None)
            if name.startswith("min_") and None not in (least, most) and least > most:
                raise ValueError(f"{name} {least:g} is more than {name.replace('min_', 'max_', 1)} {most:g}")
        return self


def absolute(path: Path) -> Path:
    """A path of a profile, which starts at the project's folder unless it is absolute."""
    return (PROJECT_ROOT / path.expanduser()).absolute()


def is_scene(name: str) -> bool:
    """Whether a folder of samples may have a name; `park-2` is what follows when `park` is full."""
    fits = re.fullmatch(SCENE, name, re.ASCII) is not None and not name.endswith("\n")
    return fits and not CONTINUED.search(name)


def require_scene(name: str) -> str:
    """The name, if `is_scene`.

    Raises:
        ValueError: it is none.
    """
    if not is_scene(name):
        raise ValueError(f"{name!r} {NO_SCENE}")
    return name


def _address(text: str) -> str:
    """An address, if its host and port can be ones."""
    try:
        parts = urlsplit(text)
        if parts.hostname and parts.port != 0:
            return text
    except ValueError:  # a port above 65,535, or brackets around no address
        pass
    raise ValueError("it is no address such as http://127.0.0.1:8101")


Address = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+$"), AfterValidator(_address)]
