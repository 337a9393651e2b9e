"""Where each value of a profile comes from: the code's default, a line of the file, or a setting."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import yaml

from iedf_assets.core.profile.reading.settings import Setting, composed
from iedf_assets.core.profile.schema import OVERRIDABLE, Profile

Key = tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """Where a value comes from.

    Attributes:
        source: the code's `default`, the profile's `file`, or a `setting`.
        line: of the file, from 1.
        setting: which.
        by: of what a category may set for itself: whether the `category` did, or the profile's `section`.
    """

    source: Literal["default", "file", "setting"] = "default"
    line: int | None = None
    setting: Setting | None = None
    by: Literal["category", "section"] | None = None


@dataclass(frozen=True)
class Origins:
    """What a profile was made from.

    Attributes:
        tree: the file, parsed; merge keys are resolved.
        settings: applied to it, in this order.
    """

    tree: yaml.Node | None
    settings: tuple[Setting, ...] = ()

    def of(self, key: Key) -> Origin:
        """Where the value of a key comes from."""
        shared = shared_key(key)
        if shared is None:
            return self._given(key) or Origin()
        own = self._given(key)
        return replace(own, by="category") if own else replace(self._given(shared) or Origin(), by="section")

    def nearest(self, key: Sequence[object]) -> tuple[Key, Origin]:
        """Where a key or, if nobody wrote it, the next one above it is written, and its name there.

        What a category has from a section of the profile is looked for in that section.
        """
        name = tuple(map(composed, key))
        if shared_key(name) and not self._given(name):
            name = shared_key(name) or name
        above = (self._given(name[:length]) for length in range(len(name), 0, -1))
        return name, next(filter(None, above), Origin())

    def _given(self, key: Key) -> Origin | None:
        for setting in reversed(self.settings):
            length = len(setting.key)
            if key[:length] == setting.key:
                below = _holds(setting.value, key[length:])
                return Origin("setting", setting=setting) if below else None
        line = _line_of(self.tree, key)
        if line:
            return Origin("file", line=line)
        inside = (setting for setting in reversed(self.settings) if setting.key[: len(key)] == key)
        return next((Origin("setting", setting=setting) for setting in inside), None)


def shared_key(key: Key) -> Key | None:
    """The profile's own key that a category's key stands before, if it is of those a category may set."""
    return key[2:] if key[:1] == ("categories",) and len(key) > 2 and key[2] in OVERRIDABLE else None


def leaves(profile: Profile) -> dict[Key, Any]:
    """Every key of a profile that holds no section, with its value as YAML and JSON have it."""
    return dict(_leaves(profile.model_dump(mode="json", by_alias=True), ()))


def _leaves(node: Any, above: Key) -> Iterator[tuple[Key, Any]]:
    if not isinstance(node, dict) or not node:
        yield above, node
        return
    for name, child in node.items():
        yield from _leaves(child, (*above, name))


def _holds(value: Any, key: Key) -> bool:
    for name in key:
        entries = dict(enumerate(value)) if isinstance(value, list) else value
        below = entries.items() if isinstance(entries, dict) else ()
        found = [child for known, child in below if composed(known) == name]
        if not found:
            return False
        value = found[-1]
    return True


def _line_of(node: yaml.Node | None, key: Key) -> int | None:
    line = None
    for name in key:
        found = [(at, child) for known, at, child in _entries(node) if known == name]
        if not found:
            return None
        line, node = found[-1]  # of keys that stand there twice, the last holds
    return line


def _entries(node: yaml.Node | None) -> Iterator[tuple[str, int, yaml.Node]]:
    """What stands right below a node: its key or its number in a list, the line from 1, and itself."""
    if isinstance(node, yaml.MappingNode):
        for known, child in node.value:
            yield composed(known.value), known.start_mark.line + 1, child
    elif isinstance(node, yaml.SequenceNode):
        for number, child in enumerate(node.value):
            yield str(number), child.start_mark.line + 1, child
