"""What all sections of a profile are made of."""

import inspect
import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

PROJECT_ROOT = Path(__file__).resolve().parents[3]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
# libyaml's parser, where PyYAML was built with it: ten times as fast, and the same values and lines.
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Put a docstring's texts into a section's JSON Schema, in place of titles that only repeat the names."""
    summary, _, attributes = (inspect.getdoc(model) or "").partition("\n\nAttributes:\n")
    schema["description"] = _one_line(summary)
    schema.pop("title", None)
    for prop in schema["properties"].values():
        prop.pop("title", None)
        if "$ref" in prop:  # a section's defaults stand with its keys
            prop.pop("default", None)
    # An attribute's line is indented once, the lines that go on with it twice.
    for names, text in re.findall(r"^ {4}(\w[\w, ]*): (.*(?:\n {5,}.*)*)", attributes, re.MULTILINE):
        for name in names.split(", "):
            schema["properties"][name]["description"] = _one_line(text)


def _one_line(text: str) -> str:
    return " ".join(text.replace("`", "").split())


class Strict(BaseModel):
    """A frozen model that knows all its keys; its docstring's attribute texts describe them in the schema."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_describe)


def absolute(path: Path) -> Path:
    """A path of a profile, which starts at the project's folder unless it is absolute."""
    return (PROJECT_ROOT / path.expanduser()).absolute()
