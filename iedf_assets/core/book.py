"""The book of a category: all that its manifests and journals say, and what is still to be done."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from iedf_assets.core.ingest import row_key
from iedf_assets.core.journal import Row
from iedf_assets.core.keys import Slot, layers_key, needed_level, slots, sources_settings
from iedf_assets.core.manifests import key_column, read_rows
from iedf_assets.core.naming import Layout
from iedf_assets.core.profile import Category, Profile
from iedf_assets.core.publishing import finished
from iedf_assets.core.reviews import read_reviews
from iedf_assets.core.scan import Found
from iedf_assets.core.staged import is_intact
from iedf_assets.core.waves import begin_wave, open_wave

STAGES = ("source_images", "image_layers", "edited_images", "edit_pairs", "dataset")


@dataclass(frozen=True)
class Book:
    """What is known of one category. Rows are read when first asked for.

    Attributes:
        name: the category's folder name, NFC.
        category: its settings.
    """

    profile: Profile
    layout: Layout
    name: str
    category: Category

    @classmethod
    def open(cls, profile: Profile, layout: Layout, name: str) -> Self:
        """The book of a category of the profile.

        Raises:
            ProfileError: the profile has no such category.
        """
        return cls(profile, layout, name, profile.category(name))

    @cached_property
    def reviews(self) -> dict[str, str]:
        """What people say of pairs: `accept` or `reject` by edit id."""
        return read_reviews(self.layout)

    def with_rows(self, stage: str, rows: list[Row]) -> Self:
        """The same book with the rows of a stage as they have just been made, before they are written."""
        book = replace(self)
        name = {"source_images": "sources", "dataset": "verdicts"}[stage]
        book.__dict__[name] = {row[key_column(stage)]: row for row in rows}
        return book

    @cached_property
    def sources(self) -> dict[str, Row]:
        """Rows of source_images by path."""
        return read_rows(self.layout, "source_images", self.name)

    @cached_property
    def layers(self) -> dict[str, Row]:
        """Rows of image_layers by key."""
        return read_rows(self.layout, "image_layers", self.name)

    @cached_property
    def edits(self) -> dict[str, Row]:
        """Rows of edited_images by key."""
        return read_rows(self.layout, "edited_images", self.name)

    @cached_property
    def pairs(self) -> dict[str, Row]:
        """Rows of edit_pairs by key."""
        return read_rows(self.layout, "edit_pairs", self.name)

    @cached_property
    def verdicts(self) -> dict[str, Row]:
        """Rows of dataset by slot name."""
        return read_rows(self.layout, "dataset", self.name)

    @property
    def accepted(self) -> list[Row]:
        """Rows of the accepted sources in the order of their paths."""
        return sorted(
            (row for row in self.sources.values() if row["status"] == "accepted"), key=lambda row: row["path"]
        )

    @property
    def worked_on(self) -> list[Row]:
        """The accepted sources of the open wave; all of them when none is open."""
        wave = open_wave(self.layout, self.name)
        return self.accepted if wave is None else [row for row in self.accepted if row["path"] in set(wave)]

    @property
    def editable(self) -> list[Row]:
        """The accepted sources, less those in which the decomposition found nothing to edit."""
        return [row for row in self.accepted if not _is_filtered(self.layers_row(row["source_id"]))]

    def current(self, stage: str) -> list[Row]:
        """The rows of a stage that belong to the present photos and profile; others are only for reuse."""
        if stage == "source_images":
            return list(self.sources.values())
        if stage == "dataset":
            return list(self.verdicts.values())
        planned = self.slots_of(self.accepted)
        table, keys = {
            "image_layers": (self.layers, [slot.layers_key for slot in planned]),
            "edited_images": (self.edits, [slot.edit_key for slot in planned]),
            "edit_pairs": (self.pairs, [slot.pair_key for slot in planned]),
        }[stage]
        return [table[key] for key in dict.fromkeys(keys) if key in table]

    def counts(self) -> dict[str, dict[str, int]]:
        """Status → number of current rows, by stage."""
        return {stage: dict(Counter(row["status"] for row in self.current(stage))) for stage in STAGES}

    def tries(self) -> dict[str, int]:
        """How often each path's rows have failed, in whichever stage; paths without failures are absent."""
        paths = {row["source_id"]: row["path"] for row in self.accepted}
        tries: Counter[str] = Counter()
        for stage in STAGES[:-1]:
            for row in self.current(stage):
                if row["status"] == "failed":
                    tries[row.get("path") or paths[row["source_id"]]] += row["attempts"] or 0
        return dict(tries)

    def left_over(self, found: list[Found]) -> bool:
        """Whether something listed or published has to go: its file is gone, or its slot left the plan."""
        names = {file.name for file in found}
        if any(path not in names for path in self.sources):
            return True
        wanted = {slot.name for slot in self.slots_of(self.editable)}
        return any(row["status"] == "published" and slot not in wanted for slot, row in self.verdicts.items())

    def slots_of(self, sources: list[Row]) -> list[Slot]:
        """The planned edits of some sources."""
        return [slot for row in sources for slot in slots(self.profile, self.category, row["source_id"])]

    def layers_row(self, source_id: str) -> Row | None:
        """The decomposition of a source under the present profile."""
        return self.layers.get(layers_key(self.profile, self.category, source_id))

    def needs_layers(self) -> bool:
        """Whether any planned edit needs a decomposition."""
        return needed_level(self.category) != "none"

    def is_parked(self, row: Row | None) -> bool:
        """Whether a row failed so often that it is not tried again by itself."""
        return bool(row and row["status"] == "failed" and (row["attempts"] or 0) >= self.profile.max_attempts)

    def is_usable(self, row: Row | None, folder: Path) -> bool:
        """Whether a staged row needs no work: made and intact, turned down, or parked."""
        if row is None or self.is_parked(row):
            return row is not None
        if row["status"] == "done":
            return is_intact(folder, row)
        return row["status"] in {"filtered", "rejected"}

    def wave_for(self, found: list[Found]) -> list[str]:
        """The paths to work on now: the open wave, or a new one of the first unfinished files."""
        wave = open_wave(self.layout, self.name)
        if wave is not None:
            return wave
        tries = self.tries()
        unfinished = sorted(self.unfinished(found), key=lambda path: (tries.get(path, 0), path))
        return begin_wave(self.layout, self.name, unfinished[: self.profile.wave])

    def unfinished(self, found: list[Found]) -> list[str]:
        """Paths of the files that have not been through all stages, rows parked for good left out."""
        return [file.name for file in found if not self._is_finished(file)]

    @cached_property
    def _source_settings(self) -> str:
        return sources_settings(self.profile, self.category)

    def _is_finished(self, file: Found) -> bool:
        row = self.sources.get(file.name)
        if row is None or row["key"] != row_key(self._source_settings, file):
            return False
        if row["status"] in {"failed", "pending"}:
            return self.is_parked(row)
        return row["status"] != "accepted" or self._is_through(row["source_id"])

    def _is_through(self, source_id: str) -> bool:
        layers = self.layers_row(source_id)
        if layers is not None and (layers["status"] == "filtered" or self.is_parked(layers)):
            return True
        return all(self._is_settled(slot) for slot in slots(self.profile, self.category, source_id))

    def _is_settled(self, slot: Slot) -> bool:
        if self.is_parked(self.edits.get(slot.edit_key)) or self.is_parked(self.pairs.get(slot.pair_key)):
            return True
        verdict = self.verdicts.get(slot.name)
        return verdict is not None and finished(verdict, slot, self.layout, self.reviews, self.pairs)


def _is_filtered(row: Row | None) -> bool:
    return row is not None and row["status"] == "filtered"
