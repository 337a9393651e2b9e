"""What all sections of a profile are made of."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

PROJECT_ROOT = Path(__file__).resolve().parents[3]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
# libyaml's parser, where PyYAML was built with it: ten times as fast, and the same values and lines.
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Strict(BaseModel):
    """A frozen model that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def absolute(path: Path) -> Path:
    """A path of a profile, which starts at the project's folder unless it is absolute."""
    return (PROJECT_ROOT / path.expanduser()).absolute()
