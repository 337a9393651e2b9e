"""YAML as people and programs write it: taken apart within bounds, whatever it holds."""

import unicodedata
from typing import Any

import yaml

from iedf_assets.core.profile.fields import YAML_LOADER

# No section lies so deep, and no profile holds so much, aliases written out.
DEPTH, NODES = 50, 100_000
# Letters of a number; longer ones are no number of anything.
_DIGITS = {"tag:yaml.org,2002:int": 18, "tag:yaml.org,2002:float": 40}


class BoundsError(yaml.YAMLError):
    """A document that goes beyond all that is written by hand."""


class TwiceError(yaml.YAMLError):
    """A key that stands twice."""


def parsed(text: str) -> tuple[Any, yaml.Node | None]:
    """What a document holds, and its syntax tree, which knows the lines; None for an empty one.

    Raises:
        YAMLError, ValueError: it is no YAML, or a value is none: a date, for instance.
        TwiceError: a key stands twice.
        BoundsError: it is too deep or too large, refers to itself, or has a value that nothing takes.
    """
    _require_shallow(text)
    loader = YAML_LOADER(text)
    try:
        tree = loader.get_single_node()
        if tree is None:
            return None, None
        _size(tree, {})
        return loader.construct_document(tree), tree  # which resolves the tree's merge keys
    finally:
        loader.dispose()


def _require_shallow(text: str) -> None:
    """See that a document is not too deep, before anything goes down into it."""
    depth = 0
    for event in yaml.parse(text, YAML_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH:
            raise BoundsError(f"it is nested more than {DEPTH} deep")


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many nodes stand below one, with what its aliases stand for; 0 in `known` while that is counted."""
    if id(node) in known:
        if not known[id(node)]:
            raise BoundsError("it refers to itself by an alias (*): write out what that stands for")
        return known[id(node)]
    known[id(node)] = 0
    below: list[yaml.Node] = []
    if isinstance(node, yaml.ScalarNode):
        _require_sensible(node)
    elif isinstance(node, yaml.MappingNode):
        _require_once(node)
        below = [child for pair in node.value for child in pair]
    else:
        below = node.value
    size = known[id(node)] = sum((_size(child, known) for child in below), 1)
    if size > NODES:
        raise BoundsError(f"it holds more than {NODES} values, its aliases (*) written out")
    return size


def _require_once(node: yaml.MappingNode) -> None:
    """See that no key stands twice, of which YAML would take the last without a word."""
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            name, line = unicodedata.normalize("NFC", key.value), key.start_mark.line + 1
            if name in lines:
                raise TwiceError(f"the key {name!r} stands in line {lines[name]} and again in line {line}")
            lines[name] = line


def _require_sensible(node: yaml.ScalarNode) -> None:
    line = node.start_mark.line + 1
    if len(node.value) > _DIGITS.get(node.tag, len(node.value)):
        raise BoundsError(f"the number in line {line} has {len(node.value)} digits")
    if "\0" in node.value:
        raise BoundsError(f"a value in line {line} holds a null character")
