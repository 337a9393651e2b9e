"""The book of a category: all that its manifests and journals say. `pending` says what is still to do."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

import polars as pl

from iedf_assets.core.errors import StorageError
from iedf_assets.core.planning.abilities import Abilities
from iedf_assets.core.planning.called import called
from iedf_assets.core.planning.limits import Allowance
from iedf_assets.core.profile.bank import LANGUAGES
from iedf_assets.core.profile.schema import Category, Profile
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.publishing.numbering import is_turned_down
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Keys, Said, Slot, needed_level
from iedf_assets.core.storage.manifests import Rows, read_rows
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.reviews import read_reviews
from iedf_assets.core.storage.staged import is_intact
from iedf_assets.core.storage.waves import open_wave

STAGES = ("source_images", "image_layers", "edited_images", "edit_pairs", "dataset")
# What tells whether the rows of a stage hold, and of what they are.
_STANDING = {
    "source_images": ("path", "key", "source_id", "status", "attempts", "bytes", "mtime_ns", "width",
                      "height", "facts"),
    "image_layers": ("key", "source_id", "status", "attempts", "level"),
    "edited_images": ("key", "source_id", "layers_key", "status", "attempts", "subtype", "variant",
                      "reference", "instruction_ch", "instruction_en"),
    "edit_pairs": ("key", "edit_key", "status", "attempts", "files", "checksums", "written_ns",
                   "rewritten_ch", "rewritten_en"),
    "dataset": ("slot", "key", "edit_id", "status", "reason", "detail", "attempts", "task", "scene", "review",
                "sample_key", "pair_key", "edit_key"),
}  # fmt: skip


class Source(NamedTuple):
    """An accepted photo: its manifest path, its id, and its working size in pixels."""

    path: str
    source_id: str
    width: int
    height: int


class Published(NamedTuple):
    """A pair in the dataset: its key, and the sample's."""

    pair_key: str
    sample_key: str


@dataclass(frozen=True)
class Book:
    """What is known of one category. Rows are read when first asked for, and no more of them than that.

    To look rows up by their keys, take `at_work` or `standing`: not all of a large category fits in memory.

    Attributes:
        name: the category's folder name, NFC.
        category: its settings.
    """

    profile: Profile
    layout: Layout
    name: str
    category: Category
    _tables: dict[str, Rows] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, profile: Profile, layout: Layout, name: str) -> Self:
        """The book of a category of the profile.

        Raises:
            ProfileError: the profile has no such category.
        """
        return cls(profile, layout, name, profile.category(name))

    @cached_property
    def keys(self) -> Keys:
        """The keys of its sources under the profile."""
        told = self.sources.where((pl.col("status") == "accepted") & pl.col("facts").is_not_null())
        said = {source_id: Said.of(facts) for source_id, facts in told.pick("source_id", "facts")}
        return Keys(self.profile, self.category, said, self.lost)

    @cached_property
    def lost(self) -> dict[str, str]:
        """The edits that show a photo which is not used any more, by their keys: its `source_id`."""
        return self.lost_without(self.accepted)

    def lost_without(self, there: Iterable[Source]) -> dict[str, str]:
        """`lost`, if these were all the photos that are used."""
        shown = self.edits.where((pl.col("status") == "done") & pl.col("reference").is_not_null())
        edits = dict(shown.pick("key", "reference"))
        used = {source.source_id for source in there} if edits else set()
        return {key: reference for key, reference in edits.items() if reference not in used}

    @cached_property
    def abilities(self) -> Abilities:
        """What can be asked of whoever makes its edits."""
        return Abilities.of(self.category.workers.edit)

    @cached_property
    def allowance(self) -> Allowance:
        """What the limits of these outputs leave."""
        return Allowance.of(self.profile, self.layout)

    @cached_property
    def reviews(self) -> dict[str, str]:
        """What people say of pairs: `accept` or `reject` by edit id."""
        return read_reviews(self.layout)

    def table(self, stage: str) -> Rows:
        """The rows of a stage by key, as they were when they were asked for first."""
        if stage not in self._tables:
            self._tables[stage] = read_rows(self.layout, stage, self.name)
        return self._tables[stage]

    def with_rows(self, stage: str, rows: Rows) -> Self:
        """The same book with the rows of a stage as they have just been made, before they are written."""
        return replace(self, _tables={**self._tables, stage: rows})

    def at_work(self) -> Self:
        """The same book with those rows alone of the stages in between that belong to `worked_on`."""
        return self.of(self.worked_on)

    def of(self, sources: Sequence[Source]) -> Self:
        """The same book with those rows alone of the stages in between that belong to some sources."""
        slots = [slot for source in sources for slot in self.keys.tries(source.source_id)]
        slots += self.derived_of(sources)
        judged = self.verdicts.only(slot.name for slot in slots).pick("pair_key")
        keys = {
            "image_layers": {slot.layers_key for slot in slots},
            # What is lost tells the keys of what takes its place.
            "edited_images": {slot.edit_key for slot in slots} | self.lost.keys(),
            # What is published may be of earlier settings.
            "edit_pairs": {slot.pair_key for slot in slots} | {key for (key,) in judged if key},
        }
        tables = {stage: self.table(stage).only(wanted) for stage, wanted in keys.items()}
        return replace(self, _tables={**self._tables, **tables})

    def standing(self) -> Self:
        """The same book with what tells whether its rows hold, and nothing else of them."""
        tables = {stage: self.table(stage).narrow(columns) for stage, columns in _STANDING.items()}
        return replace(self, _tables=tables)

    @property
    def sources(self) -> Rows:
        """Rows of source_images by path."""
        return self.table("source_images")

    @property
    def layers(self) -> Rows:
        """Rows of image_layers by key."""
        return self.table("image_layers")

    @property
    def edits(self) -> Rows:
        """Rows of edited_images by key."""
        return self.table("edited_images")

    @property
    def pairs(self) -> Rows:
        """Rows of edit_pairs by key."""
        return self.table("edit_pairs")

    @property
    def verdicts(self) -> Rows:
        """Rows of dataset by slot name."""
        return self.table("dataset")

    @property
    def accepted(self) -> Iterator[Source]:
        """The accepted sources in the order of their paths."""
        return _accepted(self.sources)

    @property
    def worked_on(self) -> list[Source]:
        """The accepted sources of the open wave; all of them when none is open."""
        wave = open_wave(self.layout, self.name)
        return list(_accepted(self.sources if wave is None else self.sources.only(wave)))

    def names(self) -> dict[str, list[Row]]:
        """What people call the objects of the photos of the open wave, by path, where they do."""
        wave = open_wave(self.layout, self.name)
        rows = self.sources if wave is None else self.sources.only(wave)
        told = rows.where(pl.col("facts").is_not_null()).pick("path", "facts")
        return {path: facts["objects"] for path, facts in told if "objects" in facts}

    @property
    def editable(self) -> Iterator[Source]:
        """The accepted sources, less those in which the decomposition found nothing to edit."""
        nothing = self.without_subject()
        return (source for source in self.accepted if self.keys.layers_key(source.source_id) not in nothing)

    @property
    def edits_whole_pictures(self) -> bool:
        """Whether any planned edit needs no object."""
        planned = (name for name, count in self.category.subtypes.items() if count)
        return any(SUBTYPES[name].needs == "none" for name in planned)

    def without_subject(self) -> set[str]:
        """The keys of the decompositions after which nothing is left to edit."""
        if self.edits_whole_pictures:
            return set()
        filtered = self.layers.where(pl.col("status") == "filtered")
        return {key for (key,) in filtered.pick("key")}

    @cached_property
    def turned_down(self) -> dict[str, str]:
        """Slot name → key of the verdict by which another try of it is due, if it has one left."""
        rejected = self.verdicts.where(pl.col("status") == "rejected")
        rows = rejected.pick("slot", "key", "status", "reason")
        return {name: key for name, key, status, reason in rows if is_turned_down(status, reason)}

    @cached_property
    def published(self) -> dict[str, Published]:
        """Slot name → its published pair, where something may be derived of it."""
        if not self.category.derive.any:
            return {}
        rows = self.verdicts.where(pl.col("status") == "published").pick("slot", "pair_key", "sample_key")
        return {name: Published(*told) for name, *told in rows}

    @cached_property
    def rendered(self) -> set[str]:
        """The keys of the edits that are more than planned."""
        return {key for key, status in self.edits.pick("key", "status") if status != "planned"}

    def current(self, stage: str) -> Rows:
        """The rows of a stage that belong to the present photos and profile; others are only for reuse."""
        rows = self.table(stage)
        if stage in {"source_images", "dataset"}:
            return rows
        attribute = {"image_layers": "layers_key", "edited_images": "edit_key", "edit_pairs": "pair_key"}[
            stage
        ]
        return rows.only(getattr(slot, attribute) for slot in self.slots_of(self.accepted))

    def counts(self) -> dict[str, dict[str, int]]:
        """Status → number of current rows, by stage."""
        return {stage: self.current(stage).counts() for stage in STAGES}

    def slots_of(self, sources: Iterable[Source]) -> Iterator[Slot]:
        """The planned edits of some sources: of each the tries up to the one that counts now, the derived."""
        for source in sources:
            tries: list[Slot] = []
            for slot in self.keys.slots(source.source_id):
                own = list(self.tries_of(slot))
                yield from own
                tries += own
            yield from self.keys.derived(tries, self.has_published, self.is_turned_down)

    def derived_of(self, sources: Iterable[Source]) -> Iterator[Slot]:
        """Those alone that are derived of published pairs."""
        if self.category.derive.any:
            yield from (slot for slot in self.slots_of(sources) if slot.parents)

    def has_published(self, slot: Slot) -> bool:
        """Whether the dataset has a pair of a slot, where something may be derived of it."""
        return slot.name in self.published

    def is_due(self, slot: Slot) -> bool:
        """Whether all that a slot is made of is published as it is planned now."""
        there = ((self.published.get(parent.name), parent.pair_key) for parent in slot.parents)
        return all(pair is not None and pair.pair_key == wanted for pair, wanted in there)

    def tries_of(self, slot: Slot) -> Iterator[Slot]:
        """The tries of a slot, from its first one, up to the one that counts now, or all of them."""
        yield slot
        following = self.keys.next_try(slot)
        if following and (self.keys.keeps_best(slot) or self.is_turned_down(slot)):
            yield from self.tries_of(following)

    def is_turned_down(self, slot: Slot) -> bool:
        """Whether another try of a slot is due, if it has one left."""
        return self.turned_down.get(slot.name) == slot.verdict_key

    def layers_row(self, source_id: str) -> Row | None:
        """The decomposition of a source under the present profile."""
        return self.layers.get(self.keys.layers_key(source_id))

    @cached_property
    def named(self) -> list[tuple[Source, Row, Row]]:
        """Objects with a name in both languages: the source worked on, its decomposition, and the object.

        Names that people gave go before a model's.
        """
        found, names = [], self.names()
        for source in self.worked_on:
            row = self.layers_row(source.source_id)
            if row is None or row["status"] != "done":
                continue
            try:
                row = called(self, row, names.get(source.path, []))
            except StorageError:  # its layers have gone meanwhile; the next run makes them again
                continue
            alone = (one for one in row["objects"] or [] if not one["parts"])
            found += [(source, row, one) for one in alone if _is_named(one.get("caption") or {})]
        return found

    def needs_layers(self) -> bool:
        """Whether any planned edit needs a decomposition."""
        return needed_level(self.category) != "none"

    def is_parked(self, row: Row | None) -> bool:
        """Whether a row failed so often that it is not tried again by itself."""
        return row is not None and self.is_used_up(row["status"], row["attempts"])

    def is_used_up(self, status: str, attempts: int | None) -> bool:
        """Whether a row of this status has been tried as often as it may be."""
        return status == "failed" and (attempts or 0) >= self.profile.max_attempts

    def is_usable(self, row: Row | None, folder: Path) -> bool:
        """Whether a staged row needs no work: made and intact, turned down, or parked."""
        if row is None or self.is_parked(row):
            return row is not None
        if row["status"] == "done":
            return is_intact(folder, row)
        return row["status"] in {"filtered", "rejected"}


def _is_named(caption: Mapping[str, str]) -> bool:
    return all(caption.get(language) for language in LANGUAGES)


def is_readable(profile: Profile, layout: Layout, name: str) -> bool:
    """Whether all tables of a category can be read."""
    try:
        Book.open(profile, layout, name).counts()
    except StorageError:
        return False
    return True


def _accepted(sources: Rows) -> Iterator[Source]:
    rows = sources.pick("path", "source_id", "width", "height", "status")
    return (Source(*values) for *values, status in rows if status == "accepted")
