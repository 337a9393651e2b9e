"""The profile as a whole: everything a run depends on. Unknown keys are errors.

A category may have `tries`, `choose`, `plain_share`, `derive`, `filters`, `recipes`, `workers`, `encoding`
and `thresholds` of its own; when the profile is loaded these are merged, so that every `Category` carries its
own complete settings.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.automation import Automation
from iedf_assets.core.profile.derive import Derive
from iedf_assets.core.profile.exports import Export
from iedf_assets.core.profile.fields import SCENE, Positive, Share, Strict, absolute, require_scene
from iedf_assets.core.profile.sections import Encoding, Filters, Limits, Paths, Sources
from iedf_assets.core.profile.subtypes import DEFAULT_SUBTYPE, SUBTYPES, Recipes, Subtype, Task
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.profile.workers import Workers

Tries = Annotated[int, Field(ge=1, le=20)]
Choose = Literal["first", "best"]
PLAIN_SHARE = 0.5
# What a category may set for itself; the rest of such a section comes from the profile.
OVERRIDABLE = (
    "tries", "choose", "plain_share", "derive", "filters", "recipes", "workers", "encoding", "thresholds",
)  # fmt: skip


# What the UI reads as several partitions, or as a pattern, where it asks for some.
_OF_THE_UI = re.compile(r'\.\.\.|[,*"\[\]]')


def _bearable(name: str) -> str:
    if found := _OF_THE_UI.search(name):
        raise ValueError(
            f"the category {name!r} has {found[0]!r} in its name, which Dagster's UI reads as a choice of "
            "several; rename its folder and its entry"
        )
    if name != name.strip():
        raise ValueError(
            f"the category {name!r} begins or ends with a space; rename its folder and its entry"
        )
    return name


CategoryName = Annotated[
    str,
    Field(min_length=1, pattern=r"^[^/\\.\x00-\x1f][^/\\\x00-\x1f]*$"),
    AfterValidator(_bearable),
]


class Category(Strict):
    """What happens to the photos of one folder under `data/`.

    Attributes:
        task: the edit task; gives the default subtype.
        subtypes: how many edits of each subtype a source gets.
        scene: the folder below task and subtype that samples go to.
        tries: how many tries each of its edits has; by default the profile's.
        choose: which of them is published; by default the profile's.
        plain_share: of its edits that are asked for plainly; by default the profile's.
        derive: what is made of its published pairs; by default the profile's.
    """

    task: Task
    subtypes: dict[str, Annotated[int, Field(ge=0, le=100)]] = Field(default_factory=dict)
    scene: Annotated[str, Field(pattern=SCENE), AfterValidator(require_scene)] = "mixed"
    tries: Tries = 1
    choose: Choose = "first"
    plain_share: Share = PLAIN_SHARE
    derive: Derive = Derive()
    filters: Filters = Filters()
    recipes: Recipes = Recipes()
    workers: Workers = Workers()
    encoding: Encoding = Encoding()
    thresholds: Thresholds = Thresholds()

    def keeps_best(self, subtype: Subtype) -> bool:
        """Whether all tries of an edit are made, and the best of them is published."""
        drawn = self.workers.edit.follows_words and self.recipes.are_drawn(subtype)
        return self.choose == "best" and self.tries > 1 and drawn

    @model_validator(mode="after")
    def _complete_subtypes(self) -> Self:
        unknown = sorted(set(self.subtypes) - set(SUBTYPES))
        if unknown:
            raise ValueError(f"unknown subtype {', '.join(unknown)}; known: {', '.join(sorted(SUBTYPES))}")
        if not self.subtypes:
            object.__setattr__(self, "subtypes", {DEFAULT_SUBTYPE[self.task]: 1})
        beyond = sorted(name for name, count in self.subtypes.items() if count and SUBTYPES[name].needs_model)
        if beyond and not self.workers.edit.follows_words:
            raise ValueError(
                f"only a model can do {', '.join(beyond)}: set workers.edit.backend to diffusers "
                "or leave it out"
            )
        return self


# Bytes of a category's name: a file's has at most 255, and its manifests' and journals' are longer.
MAX_NAME = 200


@dataclass(frozen=True)
class _Origin:
    """The file that a profile was read from, which makes it no other profile."""

    path: Path | None = field(default=None, compare=False)


class Profile(Strict):
    """Everything a run depends on.

    Attributes:
        seed: of all random choices.
        max_megapixels: larger photos are scaled down to this before anything else; it bounds what is
            published.
        wave: how many sources a run takes through all stages before the next lot; later lots grow, see
            `waves.wave_size`.
        threads: of the stages that run in the orchestrator; 0 means one per CPU core.
        max_attempts: how often a failing row is tried before it is parked.
        tries: how many tries an edit has to pass the judge.
        choose: `first`: the next try is made when one is turned down; `best`: of what a model draws all tries
            are made, by other seeds of one recipe, and the best of those that pass is published.
        exports: made as assets of their own, downstream of the index; see `profile.exports.Export`.
        plain_share: of the edits that can be asked for exactly and plainly, those that are so plainly.
        derive: more pairs, made of the published ones.
        categories: folder under `paths.data` → what happens to its photos; may set `tries`, `choose`,
            `plain_share`, `derive`, `filters`, `recipes`, `workers`, `encoding` and `thresholds` for itself,
            in part or in whole.
    """

    seed: int = 20260101
    max_megapixels: Positive = 16.0
    wave: Annotated[int, Field(ge=1)] = 256
    threads: Annotated[int, Field(ge=0)] = 0
    max_attempts: Annotated[int, Field(ge=1)] = 3
    tries: Tries = 1
    choose: Choose = "first"
    plain_share: Share = PLAIN_SHARE
    derive: Derive = Derive()
    paths: Paths = Paths()
    limits: Limits = Limits()
    automation: Automation = Automation()
    sources: Sources = Sources()
    filters: Filters = Filters()
    recipes: Recipes = Recipes()
    workers: Workers = Workers()
    encoding: Encoding = Encoding()
    thresholds: Thresholds = Thresholds()
    exports: list[Export] = Field(default_factory=list)
    categories: dict[CategoryName, Category]
    _file: _Origin = PrivateAttr(_Origin())

    @model_validator(mode="before")
    @classmethod
    def _complete_categories(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("categories"), dict):
            return raw
        categories = {}
        shared = {key: raw[key] for key in OVERRIDABLE if key in raw}
        for name, category in raw["categories"].items():
            _require_usable(str(name))
            complete = _merged(shared, category) if isinstance(category, dict) else category
            categories[unicodedata.normalize("NFC", str(name))] = complete
        return {**raw, "categories": categories}

    def of_file(self, file: Path) -> Self:
        """The same profile, which knows the file that it was read from."""
        known = self.model_copy()
        known._file = _Origin(file)  # noqa: SLF001  # of its own kind
        return known

    @property
    def file(self) -> Path | None:
        """The file that it was read from, if it was."""
        return self._file.path

    @property
    def folders(self) -> dict[str, Path]:
        """Where the photos are and where things are made, absolute, by their keys."""
        paths = self.paths
        outputs = absolute(paths.outputs)
        return {
            "paths.data": absolute(paths.data),
            "paths.outputs": outputs,
            "paths.staging": absolute(paths.staging) if paths.staging else outputs / "staging",
            "paths.logs": absolute(paths.logs),
        }

    def category_name(self, name: str) -> str:
        """The profile's spelling (NFC) of a category given in any Unicode normal form.

        Raises:
            ProfileError: the profile has no such category.
        """
        composed = unicodedata.normalize("NFC", name)
        if composed not in self.categories:
            raise ProfileError(
                f"the profile has no category {name!r}",
                f"use one of {', '.join(self.categories)}, or add it under `categories:`",
            )
        return composed

    def category(self, name: str) -> Category:
        """The settings of a category.

        Raises:
            ProfileError: the profile has no such category.
        """
        return self.categories[self.category_name(name)]


def uses_models(profile: Profile) -> bool:
    """Whether any category's edits are made by a model."""
    return any(category.workers.edit.runs_pipeline for category in profile.categories.values())


def _require_usable(name: str) -> None:
    """See that a category's name can be part of a file's name.

    Raises:
        ValueError: it does not.
    """
    size = len(name.encode("utf-8", "replace"))
    if size > MAX_NAME:
        raise ValueError(
            f"the category {name[:40]!r}... has {size} bytes in its name, at most {MAX_NAME} work"
        )


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = (
            _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return merged
