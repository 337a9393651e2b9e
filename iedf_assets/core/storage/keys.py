"""Keys: what a row depends on, as a hash, so that a row is reused exactly while its key stays the same.

Each stage's key contains the key of the stage before it, its own settings and its version. All keys of a
source follow from its `source_id`, the profile, and what people say beside it, so what is pending can be told
without rendering anything.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from iedf_assets.core.profile.bank import bank
from iedf_assets.core.profile.fields import absolute
from iedf_assets.core.profile.schema import PLAIN_SHARE, Category, Profile
from iedf_assets.core.profile.subtypes import COMPOSED, SUBTYPES, Needs, Subtype
from iedf_assets.core.storage.slots.derived import children, is_rendered

# Bump a stage's version when its output for the same input changes; golden tests say when that is due.
SOURCES_VERSION = 1
LAYERS_VERSION = 2
# The same of what a network or a model sees in a photo, beside the former.
OBJECTS_VERSION = 8
PLAN_VERSION = 1
EDITS_VERSION = 1
PAIRS_VERSION = 4
VERDICTS_VERSION = 1
# Of what is made of published pairs, beside those of its stages; and of turns that are rendered.
DERIVED_VERSION, TURNS_VERSION = 1, 2
_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(*parts: Any) -> str:
    """128-bit hexadecimal hash of JSON-like values; dictionary order does not matter."""
    return hashed(canonical(*parts))


def canonical(*parts: Any) -> str:
    """JSON-like values as one line of JSON, a list of them; of equal ones it is the same."""
    return _CANONICAL.encode(parts)


def hashed(text: str) -> str:
    """128-bit hexadecimal hash of a text."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def _joined(settings: str, key: str) -> str:
    """128-bit hash of what settings have in common and of one key."""
    return hashed(f"{settings}/{key}")


def seed_from(*parts: Any) -> int:
    """A 31-bit seed (what OpenCV's generator takes) drawn from JSON-like values."""
    return int(digest(*parts)[:8], 16) & 0x7FFFFFFF


class Said(NamedTuple):
    """What people say of a source that its keys depend on.

    Attributes:
        names: a hash of its objects' names; empty for none.
        scene: the folder of its samples; None for the category's.
    """

    names: str = ""
    scene: str | None = None

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Said":
        """Of a photo's facts, see `sources.facts`."""
        names = facts.get("objects")
        return cls(digest(names)[:16] if names else "", facts.get("scene"))


SaidOfAll = Mapping[str, Said]
"""Source id → what people say of it, where they do."""
NOTHING_SAID: SaidOfAll = MappingProxyType({})
NOTHING_LOST: Mapping[str, str] = MappingProxyType({})
_NOTHING = Said()


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the plan, an edit that a source gets for a subtype and a variant, at one of its tries.

    Attributes:
        number: of the try, from 1.
        scene: the folder below task and subtype that its sample goes to.
        role: of a derived one what it is made as, such as `inverse`; else empty.
        parents: of a derived one the slots whose published pairs it is made of.
    """

    source_id: str
    subtype: Subtype
    variant: int
    number: int
    scene: str
    layers_key: str
    edit_key: str
    pair_key: str
    verdict_key: str
    role: str = ""
    parents: tuple["Slot", ...] = ()

    @property
    def is_rendered(self) -> bool:
        """Whether a worker makes its picture."""
        return not self.parents or is_rendered(self.role, self.subtype)

    @property
    def name(self) -> str:
        """`<source_id>/<subtype>/<variant>`, from the second try on with `/<number>`; not of the keys.

        A derived one is called by the slot that it goes back to, whichever its try, and by its role:
        `<source_id>/move/0+inverse`; one that is composed by its source, `<source_id>/composed/0`.
        """
        if self.subtype is COMPOSED:
            return name_of_try(f"{self.source_id}/{self.subtype.name}/0", self.number)
        return name_of_try(f"{self.place}+{self.role}" if self.parents else self.place, self.number)

    @property
    def place(self) -> str:
        """The name of the slot at its first try; of a derived one, of the first that it goes back to."""
        return (
            self.parents[0].place if self.parents else f"{self.source_id}/{self.subtype.name}/{self.variant}"
        )


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


def reads_text(category: Category) -> bool:
    """Whether somebody is asked what text the objects bear, since a planned edit changes it."""
    asks = any(SUBTYPES[name].reads for name, count in category.subtypes.items() if count)
    return asks and category.workers.layered.namer.elsewhere


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
        profile.sources.model_dump(
            exclude={"max_loss_share", "validation_share", "timeout_s", "exclude", *SELECTION}
        ),
        category.filters.model_dump(),
        profile.max_megapixels,
        *(_state_of(absolute(path)) for path in profile.sources.exclude),
        # Where it matters, files are read again: rows of earlier versions do not tell what they say.
        *([["use", profile.limits.use, profile.limits.licences]] if profile.limits.use != "any" else []),
    )


def _state_of(path: Path) -> list[Any]:
    """What is another one when a file, or anything in a folder, was written to."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.exists() else []
    states = ((file.relative_to(path).as_posix(), file.stat()) for file in files)
    return [[name, state.st_size, state.st_mtime_ns] for name, state in states]


def settings_digests(profile: Profile, category: Category) -> dict[str, str]:
    """Stage → hash of all settings that its rows depend on, of every stage of a category."""
    return {"source_images": sources_settings(profile, category), **Keys(profile, category).settings}


class Keys:
    """The keys of a category's sources. What depends on the settings alone is hashed once.

    Args:
        said: what people say of its sources.
        lost: edits that show a photo which has left, by their keys: its `source_id`. They are planned anew.
    """

    def __init__(
        self,
        profile: Profile,
        category: Category,
        said: SaidOfAll = NOTHING_SAID,
        lost: Mapping[str, str] = NOTHING_LOST,
    ) -> None:
        self._said, self._lost, self._scene = said, lost, category.scene
        level = [needed_level(category), largest_area(category)]
        layered = category.workers.layered.identity()
        told = ("image_layers", LAYERS_VERSION, level, layered, profile.max_megapixels)
        seen = [OBJECTS_VERSION] if category.workers.layered.backend in {"onnx", "diffusers"} else []
        self._layers = digest(*told, *seen, *(["reads"] if reads_text(category) else []))
        judge = category.workers.edit.judge.identity()
        self._pair = digest("edit_pairs", PAIRS_VERSION, category.encoding.identity(), *judge)
        # Which try is the best follows from all of them.
        among = [["best", category.tries]] if category.choose == "best" and category.tries > 1 else []
        self._verdict = digest("dataset", VERDICTS_VERSION, category.thresholds.identity(), *among)
        self._edits = [
            (SUBTYPES[name], variant, self._edit_settings(profile, category, name, variant))
            for name, count in sorted(category.subtypes.items())
            for variant in range(count)
        ]
        self._tries = category.tries
        # What asks in the profile's own words calls no object by a name.
        self._naming = {
            name
            for name in category.subtypes
            if bank().edits[name].names_object
            and not getattr(category.recipes, name).model_dump().get("instruction")
        }
        self._keeps_best = {name for name in category.subtypes if category.keeps_best(SUBTYPES[name])}
        self._derive = category.derive
        self._drawing = {
            name: [profile.seed, getattr(category.recipes, name).model_dump()]
            for name, subtype in SUBTYPES.items()
            if subtype.tier == "stated"
        }

    @staticmethod
    def _edit_settings(profile: Profile, category: Category, name: str, variant: int) -> list[str]:
        """What each try of an edit depends on besides its layers."""
        limits = category.recipes.in_keys(name)
        worker = category.workers.edit.identity()
        told = ("edited_images", PLAN_VERSION, EDITS_VERSION, profile.seed, name, variant, limits,
                category.scene, worker)  # fmt: skip
        # What nothing was chosen for has the key that it had before there was a choice.
        chosen = category.plain_share != PLAIN_SHARE and bank().edits[name].has_plain
        words = [["plain_share", category.plain_share]] if chosen else []
        further = ["best"] if category.keeps_best(SUBTYPES[name]) else []
        return [
            digest(*told, *([number, *further] if number > 1 else []), *words)
            for number in range(1, category.tries + 1)
        ]

    @property
    def settings(self) -> dict[str, str]:
        """Stage → hash of what its rows depend on besides the rows before them."""
        derived = [self._derive.model_dump()] if self._derive.any else []
        edits = digest([settings for _, _, settings in self._edits], *derived)
        return {
            "image_layers": self._layers,
            "edited_images": edits,
            "edit_pairs": self._pair,
            "dataset": self._verdict,
        }

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

    def keeps_best(self, slot: Slot) -> bool:
        """Whether all tries of a slot are made, and the best of them is published."""
        return slot.subtype.name in self._keeps_best

    def next_try(self, slot: Slot) -> Slot | None:
        """The try that follows, when this one is turned down or all are made; None when it was the last."""
        if slot.number >= self._tries or slot.parents:
            return None
        place = next(
            place
            for place, (subtype, variant, _) in enumerate(self._edits)
            if (subtype, variant) == (slot.subtype, slot.variant)
        )
        return self._try(slot.source_id, slot.layers_key, place, slot.number + 1)

    def derived(
        self,
        slots: Iterable[Slot],
        is_published: Callable[[Slot], bool],
        is_turned_down: Callable[[Slot], bool],
    ) -> Iterator[Slot]:
        """Every slot that is derived of some of a source, each after those that it is made of.

        Of each the tries come up to the one that counts.

        Args:
            slots: at the try that counts.
            is_published: whether the dataset has a pair of a slot; of a derived one it is asked after that
                has been handed out.
            is_turned_down: whether another try of a slot is due, asked likewise.
        """
        if not self._derive.any:
            return
        published = [slot for slot in slots if is_published(slot)]
        seen: set[str] = set()
        while new := [tries for tries in self._children(published) if tries[0].name not in seen]:
            for tries in new:
                seen.add(tries[0].name)
                for slot in tries:
                    yield slot
                    if is_published(slot):
                        published.append(slot)
                    if not is_turned_down(slot):
                        break

    def _children(self, published: list[Slot]) -> Iterator[list[Slot]]:
        return (tries for tries in children(self._derive, published, self._child) if tries)

    def _child(self, role: str, subtype: Subtype, parents: tuple[Slot, ...], number: int) -> Slot:
        first, told = parents[0], [parent.edit_key for parent in parents]
        # What is drawn anew depends on more than what it is made of.
        drawn: list[Any] = (
            [self._drawing[subtype.name]] if subtype.tier == "stated" and role != "inverse" else []
        )
        if is_rendered(role, subtype):
            drawn = [TURNS_VERSION]
        edit = digest("derived", DERIVED_VERSION, role, told, subtype.name, *drawn)
        pair = _joined(self._pair, edit)
        verdict = _joined(self._verdict, pair)
        return Slot(
            source_id=first.source_id,
            subtype=subtype,
            variant=first.variant,
            number=number,
            scene=first.scene,
            layers_key=first.layers_key,
            edit_key=edit,
            pair_key=pair,
            verdict_key=verdict,
            role=role,
            parents=parents,
        )

    def _try(self, source_id: str, layers: str, place: int, number: int) -> Slot:
        subtype, variant, settings = self._edits[place]
        said = self._said.get(source_id, _NOTHING)
        # What nothing is said of has the keys that it had before anything could be said.
        names = f"/{said.names}" if said.names and subtype.name in self._naming else ""
        scene = said.scene or self._scene
        edit = _joined(settings[number - 1], layers + names)
        while edit in self._lost:
            edit = _joined(self._lost[edit], edit)
        pair = _joined(self._pair, edit)
        verdict = _joined(self._verdict, pair if scene == self._scene else f"{pair}/{scene}")
        return Slot(source_id, subtype, variant, number, scene, layers, edit, pair, verdict)


def derived_id(role: str, edit_ids: list[str], drawn: dict[str, Any] | None = None) -> str:
    """The identity of an edit that is made as something of published ones, perhaps by a recipe of its own."""
    return digest("derived", role, edit_ids, DERIVED_VERSION, *([drawn] if drawn else []))[:16]


def edit_id(source_id: str, recipe: dict[str, Any], worker_identity: list[Any]) -> str:
    """The identity of an edit: source, recipe, backend, model revision and stage version."""
    return digest("edit", source_id, recipe, worker_identity, EDITS_VERSION)[:16]
