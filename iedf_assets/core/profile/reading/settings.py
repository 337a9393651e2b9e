"""Changes to a profile from outside its file: `key.sub=value`, whose value is YAML."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import yaml

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.reading.documents import parsed

# Characters of what was given that a message shows.
_SHOWN = 200


@dataclass(frozen=True)
class Setting:
    """One change.

    Attributes:
        text: as it was given.
        key: from the top of the profile to the key that is set.
        value: what it is set to.
    """

    text: str
    key: tuple[str, ...]
    value: Any

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `key.sub=value`.

        Raises:
            ProfileError: it is not of that form, or the value is no YAML.
        """
        key, separator, value = text.partition("=")
        if not separator or not key.strip():
            raise ProfileError(f"the setting {text!r} is not of the form key.sub=value")
        try:
            meant, _ = parsed(value)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            problem = f"the value of the setting {text[:_SHOWN]!r} is no valid YAML: {str(error)[:_SHOWN]}"
            raise ProfileError(problem) from error
        return cls(text, tuple(composed(key.strip()).split(".")), meant)

    def applied(self, raw: Mapping[Any, Any]) -> dict[Any, Any]:
        """A profile's content with this change; what is given stays as it is.

        Raises:
            ProfileError: the key goes below a value.
        """
        return self._put(raw, self.key)

    def _put(self, node: Mapping[Any, Any], key: Sequence[str]) -> dict[Any, Any]:
        name = next((name for name in node if composed(name) == key[0]), key[0])
        if len(key) == 1:
            return {**node, name: self.value}
        child = node.get(name, {})
        if not isinstance(child, Mapping):
            problem = f"goes below {key[0]!r}, which is a value and not a mapping"
            raise ProfileError(f"the setting {self.text!r} {problem}")
        return {**node, name: self._put(child, key[1:])}


def composed(name: object) -> str:
    """A key in Unicode's form NFC, in which keys are compared."""
    return unicodedata.normalize("NFC", str(name))
