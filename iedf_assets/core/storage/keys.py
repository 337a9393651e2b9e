"""Keys: what a row depends on, as a hash, so that a row is reused exactly while its key stays the same.

Each stage's key contains the key of the stage before it, its own settings and its version. All keys of a
source follow from its `source_id` and the profile alone, so what is pending can be told without rendering
anything.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from iedf_assets.core.profile.schema import Category, Profile
from iedf_assets.core.profile.subtypes import SUBTYPES, Needs, Subtype

# Bump a stage's version when its output for the same input changes; golden tests say when that is due.
SOURCES_VERSION = 1
LAYERS_VERSION = 2
PLAN_VERSION = 1
EDITS_VERSION = 1
PAIRS_VERSION = 4
VERDICTS_VERSION = 1


def digest(*parts: Any) -> str:
    """128-bit hexadecimal hash of JSON-like values; dictionary order does not matter."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def _joined(settings: str, key: str) -> str:
    """128-bit hash of what settings have in common and of one key."""
    return hashlib.sha256(f"{settings}/{key}".encode()).hexdigest()[:32]


def seed_from(*parts: Any) -> int:
    """A 31-bit seed (what OpenCV's generator takes) drawn from JSON-like values."""
    return int(digest(*parts)[:8], 16) & 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the plan, an edit that a source gets for a subtype and a variant, at one of its tries.

    Attributes:
        number: of the try, from 1.
    """

    source_id: str
    subtype: Subtype
    variant: int
    number: int
    layers_key: str
    edit_key: str
    pair_key: str
    verdict_key: str

    @property
    def name(self) -> str:
        """`<source_id>/<subtype>/<variant>`, from the second try on with `/<number>`; not of the keys."""
        return name_of_try(f"{self.source_id}/{self.subtype.name}/{self.variant}", self.number)


def name_of_try(slot: str, number: int) -> str:
    """The name of one of a slot's tries, from 1; the first bears the slot's own."""
    return slot if number == 1 else f"{slot}/{number}"


def try_of_name(name: str) -> tuple[str, int]:
    """The inverse of `name_of_try`: the slot's own name, and the number of the try."""
    *place, number = name.split("/")
    return ("/".join(place), int(number)) if len(place) == 3 else (name, 1)


def needed_level(category: Category) -> Needs:
    """The most that any planned subtype needs of a decomposition."""
    wanted = {SUBTYPES[name].needs for name, count in category.subtypes.items() if count > 0}
    return "layers" if "layers" in wanted else "mask" if "mask" in wanted else "none"


def largest_area(category: Category) -> float:
    """The largest share of a picture that any planned edit of an object's layers takes; 0 for none."""
    names = [name for name, count in category.subtypes.items() if count and SUBTYPES[name].needs == "layers"]
    return max((getattr(category.recipes, name).max_area for name in names), default=0.0)


# What says which files are taken, and nothing of what a file shows.
SELECTION = ("recursive", "extensions", "files", "max_images")


def sources_settings(profile: Profile, category: Category) -> str:
    """What a source row depends on besides the file itself."""
    return digest(
        "source_images",
        SOURCES_VERSION,
        profile.sources.model_dump(exclude={"max_loss_share", "validation_share", "timeout_s", *SELECTION}),
        category.filters.model_dump(),
        profile.max_megapixels,
    )


class Keys:
    """The keys of a category's sources. What depends on the settings alone is hashed once."""

    def __init__(self, profile: Profile, category: Category) -> None:
        level = [needed_level(category), largest_area(category)]
        layered = category.workers.layered.identity()
        self._layers = digest("image_layers", LAYERS_VERSION, level, layered, profile.max_megapixels)
        self._pair = digest("edit_pairs", PAIRS_VERSION, category.encoding.model_dump())
        self._verdict = digest("dataset", VERDICTS_VERSION, category.thresholds.model_dump())
        self._edits = [
            (SUBTYPES[name], variant, self._edit_settings(profile, category, name, variant))
            for name, count in sorted(category.subtypes.items())
            for variant in range(count)
        ]
        self._tries = category.tries

    @staticmethod
    def _edit_settings(profile: Profile, category: Category, name: str, variant: int) -> list[str]:
        """What each try of an edit depends on besides its layers."""
        limits = getattr(category.recipes, name).model_dump()
        worker = category.workers.edit.identity()
        told = ("edited_images", PLAN_VERSION, EDITS_VERSION, profile.seed, name, variant, limits,
                category.scene, worker)  # fmt: skip
        return [digest(*told, *([number] if number > 1 else [])) for number in range(1, category.tries + 1)]

    def layers_key(self, source_id: str) -> str:
        """Key of the decomposition of one source."""
        return _joined(self._layers, source_id)

    def slots(self, source_id: str) -> list[Slot]:
        """All edits that the profile plans for a source, each at its first try, in a fixed order."""
        layers = self.layers_key(source_id)
        return [self._try(source_id, layers, place, 1) for place in range(len(self._edits))]

    def tries(self, source_id: str) -> list[Slot]:
        """All tries that the edits of a source may take."""
        layers, numbers = self.layers_key(source_id), range(1, self._tries + 1)
        return [
            self._try(source_id, layers, place, number)
            for place in range(len(self._edits))
            for number in numbers
        ]

    def next_try(self, slot: Slot) -> Slot | None:
        """The try that follows when this one is turned down; None when it was the last."""
        if slot.number >= self._tries:
            return None
        place = next(
            place
            for place, (subtype, variant, _) in enumerate(self._edits)
            if (subtype, variant) == (slot.subtype, slot.variant)
        )
        return self._try(slot.source_id, slot.layers_key, place, slot.number + 1)

    def _try(self, source_id: str, layers: str, place: int, number: int) -> Slot:
        subtype, variant, settings = self._edits[place]
        edit = _joined(settings[number - 1], layers)
        pair = _joined(self._pair, edit)
        return Slot(source_id, subtype, variant, number, layers, edit, pair, _joined(self._verdict, pair))


def edit_id(source_id: str, recipe: dict[str, Any], worker_identity: list[Any]) -> str:
    """The identity of an edit: source, recipe, backend, model revision and stage version."""
    return digest("edit", source_id, recipe, worker_identity, EDITS_VERSION)[:16]
