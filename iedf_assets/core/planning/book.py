"""The book of a category: all that its manifests and journals say, and what is still to be done."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import polars as pl

from iedf_assets.core.planning.limits import Allowance
from iedf_assets.core.profile.schema import Category, Profile
from iedf_assets.core.publishing.gate import OVER_QUOTA, holds
from iedf_assets.core.sources.ingest import row_key
from iedf_assets.core.sources.scan import Found
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Keys, Slot, needed_level, sources_settings
from iedf_assets.core.storage.manifests import Rows, among, batches, decode, read_rows
from iedf_assets.core.storage.naming import STAGED, Layout
from iedf_assets.core.storage.reviews import read_reviews
from iedf_assets.core.storage.staged import is_intact
from iedf_assets.core.storage.waves import begin_wave, open_wave, wave_size

STAGES = ("source_images", "image_layers", "edited_images", "edit_pairs", "dataset")
# What tells whether the rows of a stage hold, and of what they are.
_STANDING = {
    "source_images": ("path", "key", "source_id", "status", "attempts", "bytes", "mtime_ns", "width",
                      "height"),
    "image_layers": ("key", "source_id", "status", "attempts", "level"),
    "edited_images": ("key", "source_id", "layers_key", "status", "attempts", "subtype", "variant"),
    "edit_pairs": ("key", "edit_key", "status", "attempts", "files", "checksums", "written_ns"),
    "dataset": ("slot", "key", "edit_id", "status", "reason", "attempts", "task", "scene", "review",
                "sample_key", "pair_key"),
}  # fmt: skip
_FAILED = pl.col("status") == "failed"


class Source(NamedTuple):
    """An accepted photo: its manifest path, its id, and its working size in pixels."""

    path: str
    source_id: str
    width: int
    height: int


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
        return Keys(self.profile, self.category)

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
        slots = list(self.slots_of(self.worked_on))
        judged = self.verdicts.only(slot.name for slot in slots).pick("pair_key")
        keys = {
            "image_layers": {slot.layers_key for slot in slots},
            "edited_images": {slot.edit_key for slot in slots},
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

    @property
    def editable(self) -> Iterator[Source]:
        """The accepted sources, less those in which the decomposition found nothing to edit."""
        nothing = self._without_subject()
        return (source for source in self.accepted if self.keys.layers_key(source.source_id) not in nothing)

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

    def tries(self) -> dict[str, int]:
        """How often each path's rows have failed, in whichever stage; paths without failures are absent."""
        tries: Counter[str] = Counter()
        for path, attempts in self.sources.where(_FAILED).pick("path", "attempts"):
            tries[path] += attempts or 0
        failures = [
            row
            for stage in STAGED
            for row in self.table(stage).where(_FAILED).pick("key", "source_id", "attempts")
        ]
        paths = {source.source_id: source.path for source in self.accepted} if failures else {}
        for key, source_id, attempts in failures:
            if source_id in paths and key in self._keys_of(source_id):
                tries[paths[source_id]] += attempts or 0
        return dict(tries)

    def _keys_of(self, source_id: str) -> set[str]:
        """The keys of all rows of a source under the present profile."""
        return {
            key
            for slot in self.keys.slots(source_id)
            for key in (slot.layers_key, slot.edit_key, slot.pair_key)
        }

    def left_over(self, found: list[Found]) -> bool:
        """Whether something listed or published has to go: its file is gone, or its slot left the plan."""
        if self.sources.others(file.name for file in found):
            return True
        published = self.verdicts.where(pl.col("status") == "published")
        return bool(published.others(slot.name for slot in self.slots_of(self.editable)))

    def slots_of(self, sources: Iterable[Source]) -> Iterator[Slot]:
        """The planned edits of some sources."""
        for source in sources:
            yield from self.keys.slots(source.source_id)

    def layers_row(self, source_id: str) -> Row | None:
        """The decomposition of a source under the present profile."""
        return self.layers.get(self.keys.layers_key(source_id))

    def needs_layers(self) -> bool:
        """Whether any planned edit needs a decomposition."""
        return needed_level(self.category) != "none"

    def is_parked(self, row: Row | None) -> bool:
        """Whether a row failed so often that it is not tried again by itself."""
        return row is not None and self._is_used_up(row["status"], row["attempts"])

    def _is_used_up(self, status: str, attempts: int | None) -> bool:
        return status == "failed" and (attempts or 0) >= self.profile.max_attempts

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
        size = wave_size(self.profile.wave, len(found) - len(unfinished))
        return begin_wave(self.layout, self.name, unfinished[:size])

    def unfinished(self, found: list[Found]) -> list[str]:
        """Paths of the files that have not been through all stages as they are now; parked ones have."""
        known = self.sources.beside((file.name for file in found), "key", "source_id", "status", "attempts")
        settings = sources_settings(self.profile, self.category)
        settled, given_up = self._settled(), self._given_up()

        def is_through(source_id: str) -> bool:
            return self.keys.layers_key(source_id) in given_up or all(
                slot.verdict_key in settled or not given_up.isdisjoint((slot.edit_key, slot.pair_key))
                or self.is_held(slot)
                for slot in self.keys.slots(source_id)
            )  # fmt: skip

        def is_done_with(file: Found, row: tuple[Any, ...] | None) -> bool:
            if row is None or row[0] != row_key(settings, file):
                return row is None and self.holds_all
            _, source_id, status, attempts = row
            if status in {"failed", "pending"}:
                return self._is_used_up(status, attempts) or (status == "pending" and self.holds_all)
            return status != "accepted" or is_through(source_id)

        return [file.name for file, row in zip(found, known, strict=True) if not is_done_with(file, row)]

    def _settled(self) -> set[str]:
        """The keys of the verdicts that need no judging. Looks at the files of every sample."""
        verdicts = self.verdicts.where(pl.col("status").is_in(["published", "rejected"]))
        verdicts = verdicts.narrow(("key", "slot", "edit_id", "status", "reason", "task", "scene", "review",
                                    "sample_key", "pair_key"))  # fmt: skip
        settled = self._holding(verdicts, ("files", "written_ns"))
        # Checksums are long, and few of them are needed: those of files that were written to since.
        doubtful = verdicts.where(~among("key", settled))
        return (
            settled | self._holding(doubtful, ("files", "written_ns", "checksums")) if doubtful else settled
        )

    def _holding(self, verdicts: Rows, of_pairs: Iterable[str]) -> set[str]:
        """The keys of the verdicts that hold, by some columns of their pairs."""
        pairs = self.pairs.table.select(*of_pairs, pair_key="key")
        table = verdicts.table.join(pairs, on="pair_key", how="left")
        rows = (decode(row) for batch in batches(table) for row in batch.iter_rows(named=True))
        return {row["key"] for row in rows if self._holds(row, row)}

    def _given_up(self) -> set[str]:
        """The keys of the rows that nothing follows: they are parked, or nothing was found to edit."""
        parked = {
            row["key"]
            for stage in STAGED
            for row in self.table(stage).where(_FAILED).values()
            if self.is_parked(row)
        }
        return parked | self._without_subject()

    def _without_subject(self) -> set[str]:
        """The keys of the decompositions in which nothing was found to edit."""
        filtered = self.layers.where(pl.col("status") == "filtered")
        return {key for (key,) in filtered.pick("key")}

    def is_held(self, slot: Slot) -> bool:
        """Whether a limit keeps a planned edit from being made now."""
        if not self.profile.limits.any or slot.edit_key in self._rendered:
            return False
        workers = self.category.workers
        needs_layers = slot.subtype.needs != "none" and slot.layers_key not in self.layers
        return (
            self.allowance.edits_left == 0
            or self.allowance.is_full(slot.subtype.task, self.category.scene)
            or self.allowance.holds_back(workers.edit.backend)
            or (needs_layers and self.allowance.holds_back(workers.layered.backend))
        )

    @cached_property
    def holds_all(self) -> bool:
        """Whether limits keep every edit of a new photo from being made."""
        return bool(self.allowance.reached) and all(map(self.is_held, self.keys.slots("")))

    @cached_property
    def _rendered(self) -> set[str]:
        """The keys of the edits that are more than planned."""
        return {key for key, status in self.edits.pick("key", "status") if status != "planned"}

    def is_finished(self, slot: Slot, verdict: Row) -> bool:
        """Whether a slot needs no judging."""
        return verdict["key"] == slot.verdict_key and self._holds(
            verdict, self.pairs.get(verdict["pair_key"])
        )

    def _holds(self, verdict: Row, pair: Row | None) -> bool:
        """Whether a verdict needs no judging; what was over its quota does as soon as there is room."""
        if verdict["reason"] == OVER_QUOTA and not self.allowance.is_full(verdict["task"], verdict["scene"]):
            return False
        return holds(verdict, self.layout, self.reviews, pair)


def _accepted(sources: Rows) -> Iterator[Source]:
    rows = sources.pick("path", "source_id", "width", "height", "status")
    return (Source(*values) for *values, status in rows if status == "accepted")
