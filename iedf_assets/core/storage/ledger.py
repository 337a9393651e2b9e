"""The ledger: which number each edit has in the dataset, given out once and never again.

One append-only file for all categories, written under one lock. A row is `edit_id`, `task`, `subtype`,
`scene`, `number` and `owner`, the category that publishes the edit; a later row of the same edit changes the
owner or, after the scene was changed, the number in use, which is a new one where it has none there. An edit
has one owner at a time, so that a photo that lies in two categories is not published twice under one number.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import NamedTuple

from iedf_assets.core.storage.journal import Journal, Row, read_journal
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.naming import FULL_FOLDER, Layout, SampleKey, base_scene

Place = tuple[str, str, str]
"""Task, subtype and scene that an edit is to be published under."""

_WAIT_S = 300.0
_SHARED = ("task", "subtype", "scene", "owner")
_COLUMNS = frozenset({"edit_id", "number", *_SHARED})


@dataclass
class _Entries:
    """What the ledger's rows say.

    Attributes:
        current: of each edit, the one of its numbers that its newest row has.
    """

    current: dict[str, SampleKey] = field(default_factory=dict)
    numbers: dict[str, list[SampleKey]] = field(default_factory=lambda: defaultdict(list))
    owners: dict[str, str | None] = field(default_factory=dict)
    taken: set[SampleKey] = field(default_factory=set)
    highest: dict[Place, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, edit_id: str, sample: SampleKey, owner: str | None) -> None:
        self.owners[edit_id], self.current[edit_id] = owner, sample
        if sample not in self.taken:
            self.taken.add(sample)
            self.numbers[edit_id].append(sample)
            folder = (sample.task, sample.subtype, sample.scene)
            self.highest[folder] = max(self.highest[folder], sample.number)


class Given(NamedTuple):
    """What the ledger answers.

    Attributes:
        numbers: `edit_id` → number, without the edits that another category has published.
        over_quota: the edits for which a quota has no room.
    """

    numbers: dict[str, SampleKey]
    over_quota: frozenset[str]


class Ledger:
    """The numbers of one factory's outputs."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def assign(
        self,
        edits: Mapping[str, Place],
        owner: str,
        known: Iterable[tuple[str, SampleKey]] = (),
        quotas: Mapping[str, int] | None = None,
    ) -> Given:
        """The number of each edit, new ones in the order of `edit_id`; durable before this returns.

        An edit that had a number under its task, subtype and scene has it again. A folder that is full goes
        on in `<scene>-2`, then `-3`. A number that a file in the dataset's folder bears is never given out,
        even if the ledger does not know of it.

        Args:
            edits: `edit_id` → where it is to be published.
            owner: the category that publishes them.
            known: (`edit_id`, number) that the category's manifest knows, taken where the ledger lost them.
            quotas: how many edits may be published by `task` or `task/scene`; what is published stays.
        """
        with self._locked():
            entries = self._read()
            rows: list[Row] = []
            heights: dict[Place, int] = {}

            def note(edit_id: str, sample: SampleKey, to: str | None) -> None:
                entries.add(edit_id, sample, to)
                rows.append(_row(edit_id, sample, to))

            for edit_id, sample in sorted(pair for pair in known if pair[1] not in entries.taken):
                note(edit_id, sample, entries.owners.get(edit_id, owner))
            given: dict[str, SampleKey] = {}
            over: set[str] = set()
            room = _Room(quotas or {}, entries)
            for edit_id, place in sorted(edits.items()):
                if entries.owners.get(edit_id) not in {None, owner}:
                    continue
                if entries.owners.get(edit_id) != owner and not room.take(place):
                    over.add(edit_id)
                    continue
                had = next((key for key in entries.numbers.get(edit_id, []) if _lies_in(key, place)), None)
                sample = had or self._next(entries, heights, place)
                if entries.current.get(edit_id) != sample or entries.owners[edit_id] is None:
                    note(edit_id, sample, owner)
                given[edit_id] = sample
            self._append(rows)
        return Given(given, frozenset(over))

    def restore(self, known: Iterable[tuple[str, SampleKey, bool]], owner: str) -> int:
        """Write down again the numbers that a category's manifest knows and the ledger lost; how many.

        As long as only one of the two is lost, nothing is ever numbered anew: so neither stays lost.

        Args:
            known: (`edit_id`, number, whether it is published).
        """
        told = sorted(set(known))
        if not told:
            return 0
        with self._locked():
            entries = self._read()
            # What is published last: it is the number in use.
            lost = sorted((one for one in told if one[1] not in entries.taken), key=lambda one: one[2])
            self._append(
                [
                    _row(edit, sample, entries.owners.get(edit, owner if published else None))
                    for edit, sample, published in lost
                ]
            )
        return len(lost)

    def release(self, edit_ids: Iterable[str], owner: str) -> None:
        """Let edits go that `owner` no longer publishes. They keep their numbers."""
        wanted = sorted(set(edit_ids))
        if not wanted:
            return
        with self._locked():
            entries = self._read()
            held = [edit_id for edit_id in wanted if entries.owners.get(edit_id) == owner]
            self._append([_row(edit_id, entries.current[edit_id], None) for edit_id in held])

    def owned(self, owner: str) -> dict[str, list[SampleKey]]:
        """The edits that a category publishes, each with all numbers that it ever had."""
        entries = self._read()
        return {edit: entries.numbers[edit] for edit, whose in entries.owners.items() if whose == owner}

    def all(self) -> dict[str, list[SampleKey]]:
        """Every edit that ever had a number, with all of them in the order given out."""
        return dict(self._read().numbers)

    def _locked(self) -> AbstractContextManager[None]:
        return exclusive(self._layout.locks / "ledger.lock", subject="the ledger", wait_s=_WAIT_S)

    def _read(self) -> _Entries:
        entries = _Entries()
        for row in read_journal(self._layout.ledger, fits=_is_entry):
            # Each of these texts is there once, not once for every row.
            task, subtype, scene, owner = (row[name] and intern(row[name]) for name in _SHARED)
            entries.add(row["edit_id"], SampleKey(task, subtype, scene, row["number"]), owner)
        return entries

    def _append(self, rows: list[Row]) -> None:
        if not rows:
            return
        with Journal(self._layout.ledger) as journal:
            journal.append(rows)

    def _next(self, entries: _Entries, heights: dict[Place, int], place: Place) -> SampleKey:
        """The lowest number above all that the place's folder has seen, or its continuation's."""
        task, subtype, wanted = place
        scene, part = wanted, 1
        while True:
            folder = (task, subtype, scene)
            if entries.highest[folder] < FULL_FOLDER:
                if folder not in heights:
                    heights[folder] = _highest_on_disk(self._layout.dataset.joinpath(*folder))
                number = max(entries.highest[folder], heights[folder]) + 1
                if number <= FULL_FOLDER:
                    return SampleKey(*folder, number)
            part += 1
            scene = f"{wanted}-{part}"


class _Room:
    """What quotas leave, by what is published at the moment."""

    def __init__(self, quotas: Mapping[str, int], entries: _Entries) -> None:
        self._left = dict(quotas)
        for edit_id in entries.owners if quotas else ():
            if entries.owners[edit_id] is not None:
                self._use(_place(entries.current[edit_id]))

    def take(self, place: Place) -> bool:
        """Use up one, if there is room."""
        if any(self._left.get(quota, 1) <= 0 for quota in _quotas_of(place)):
            return False
        self._use(place)
        return True

    def _use(self, place: Place) -> None:
        for quota in _quotas_of(place):
            if quota in self._left:
                self._left[quota] -= 1


def _quotas_of(place: Place) -> tuple[str, str]:
    task, _, scene = place
    return task, f"{task}/{base_scene(scene)}"


def _is_entry(row: Row) -> bool:
    number, owner = row.get("number"), row.get("owner")
    return (
        row.keys() >= _COLUMNS
        and isinstance(row["edit_id"], str)
        and (owner is None or isinstance(owner, str))
        and isinstance(number, int)
        and not isinstance(number, bool)
        and 0 < number <= FULL_FOLDER
        # A folder's name is a part of paths, below which files are deleted.
        and SampleKey.is_key(f"{row['task']}/{row['subtype']}/{row['scene']}/{number:05d}")
    )


def _row(edit_id: str, sample: SampleKey, owner: str | None) -> Row:
    return {
        "edit_id": edit_id,
        "task": sample.task,
        "subtype": sample.subtype,
        "scene": sample.scene,
        "number": sample.number,
        "owner": owner,
    }


def _place(sample: SampleKey) -> Place:
    return sample.task, sample.subtype, sample.scene


def _lies_in(sample: SampleKey, place: Place) -> bool:
    """Whether a sample's folder is that place or continues it."""
    task, subtype, scene = place
    rest = sample.scene.removeprefix(f"{scene}-")
    continues = rest != sample.scene and rest.isdecimal()
    return (sample.task, sample.subtype) == (task, subtype) and (sample.scene == scene or continues)


def _highest_on_disk(folder: Path) -> int:
    try:
        names = os.listdir(folder)  # noqa: PTH208  # names suffice, of hundreds of thousands of files
    except FileNotFoundError:
        return 0
    return max((int(name[:5]) for name in names if name[:5].isdecimal()), default=0)
