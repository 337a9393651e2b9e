"""`iedf category add`: a category's entry in the profile, made like another's; comments stay as they are."""

import json
import re
import tempfile
from pathlib import Path

import yaml

from iedf_assets.cli.consoles import PlainConsole
from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.fields import YAML_LOADER
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.storage.files import write_text
from iedf_assets.core.storage.naming import Layout, nfc


def add_category(path: Path, name: str, like: str) -> None:
    """Add an entry to the profile at `path`, below that of `like` and with its settings.

    Raises:
        ProfileError: the profile cannot be used, `like` is no category of it, or `name` is one or cannot be.
    """
    profile = load_profile(path)
    name, like = nfc(name), profile.category_name(like)
    if name in profile.categories:
        raise ProfileError(f"the profile {path} has the category {name} already", "give another name")
    text = _with_entry(path.read_bytes().decode("utf-8"), name, like)
    with tempfile.TemporaryDirectory(prefix="iedf-profile-") as folder:
        trial = Path(folder) / path.name
        write_text(trial, text)
        try:
            layout = Layout.of(load_profile(trial))
        except ProfileError as error:
            problem = f"{name!r} can be no category: {error.problem.replace(str(trial), str(path))}"
            raise ProfileError(problem, "give another name") from None
    write_text(path, text)
    folder_there = layout.category_folder(name) is not None
    then = "`iedf run` makes it" if folder_there else f"put photos into {layout.data / name}"
    PlainConsole(soft_wrap=True).print(
        f"{path}: {name} is a category like {like}; {then}. Reload the code location of a UI that runs."
    )


def _with_entry(text: str, name: str, like: str) -> str:
    """The text of a profile with one more entry: the lines of another one, under its own name."""
    text = text.rstrip("\n") + "\n"
    place = _place_of(text, like)
    if place is None:
        raise ProfileError(f"the entry {like} does not stand on lines of its own", "add the new one by hand")
    key, end = place
    lines = text.splitlines(keepends=True)
    entry = lines[key.start_mark.line : end]
    while len(entry) > 1 and (not entry[-1].strip() or entry[-1].lstrip().startswith("#")):
        entry.pop()  # what is said of the next entry
    entry[0] = entry[0][: key.start_mark.column] + _spelt(name) + entry[0][key.end_mark.column :]
    below = key.start_mark.line + len(entry)
    return "".join([*lines[:below], *entry, *lines[below:]])


def _place_of(text: str, like: str) -> tuple[yaml.Node, int] | None:
    """The key of a category's entry, and the line where the entry has ended; None in a flow of entries."""
    tree = yaml.compose(text, YAML_LOADER)
    sections = {key.value: value for key, value in tree.value} if tree else {}
    categories = sections.get("categories")
    if categories is None or categories.flow_style:
        return None
    key, value = next((key, value) for key, value in categories.value if nfc(key.value) == like)
    # A block ends where the next thing begins, a flow where it ends.
    is_block = isinstance(value, yaml.MappingNode) and not value.flow_style
    return key, value.end_mark.line + (not is_block)


def _spelt(name: str) -> str:
    """A name as a key in YAML, in quotes where it would be something else without."""
    is_plain = re.fullmatch(r"\w[\w -]*", name) and yaml.safe_load(name) == name
    return name if is_plain else json.dumps(name, ensure_ascii=False)
