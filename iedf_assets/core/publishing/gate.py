"""The gate: judges finished pairs by their scores, publishes what passes, keeps and withdraws the rest.

Nothing is rendered or measured here, so new thresholds cost no more than reading scores. Every slot of the
plan has one row:

| status | meaning |
|---|---|
| published | its pair lies in the dataset |
| rejected | no such edit can be made of the source, or its pair failed a check; kept with the reasons |
| failed | its edit or its pair could not be made; tried again |
| pending | not judged yet |

A sample that left the dataset has a row of its own, `withdrawn/<sample key>`, until it returns. What is
published stays until something is known of what replaces it: a slot whose new edit failed, or is not judged
yet, keeps its sample.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import polars as pl

from iedf_assets.core.errors import StorageError
from iedf_assets.core.judging.choosing import best_of
from iedf_assets.core.judging.verdicts import row_of, verdict, with_outcome
from iedf_assets.core.pairs import samples
from iedf_assets.core.parallel import Report, stream_map, thread_count
from iedf_assets.core.profile.schema import Category, Profile
from iedf_assets.core.profile.subtypes import KNOWN
from iedf_assets.core.publishing.cell_quotas import within_cells
from iedf_assets.core.publishing.numbering import DUPLICATE_EDIT, OVER_QUOTA, is_turned_down, numbered
from iedf_assets.core.publishing.withdrawing import withdraw
from iedf_assets.core.reasons import STAGED_FILES_MISSING
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Keys, Slot, try_of_name
from iedf_assets.core.storage.ledger import Ledger
from iedf_assets.core.storage.leftovers import sweep
from iedf_assets.core.storage.manifests import Rows, among
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.core.storage.reviews import read_reviews
from iedf_assets.core.storage.slots.derived import chain_of, is_turn
from iedf_assets.core.storage.staged import is_intact


@dataclass(frozen=True)
class Candidates:
    """What of a category may be published, and all that its verdicts depend on.

    Attributes:
        name: of the category.
        keys: of the category's sources.
        slots: of all sources that are in the plan, at their first try, one source after another.
        edits: rows of edited_images by key.
        pairs: rows of edit_pairs by key.
        previous: rows of dataset by slot, as the run before left them.
        open_slots: names of the slots to judge now, with all their tries, None for all; the others keep
            their rows.
        layers: rows of image_layers by key, for quotas of cells.
        lost: keys of the edits that show a photo which has left. What the run before made of them is
            forgotten, in slots that are not judged now, too.
    """

    profile: Profile
    layout: Layout
    name: str
    keys: Keys
    slots: Iterable[Slot]
    edits: Mapping[str, Row]
    pairs: Mapping[str, Row]
    previous: Rows
    open_slots: Collection[str] | None
    layers: Mapping[str, Row] = field(default_factory=dict)
    lost: Collection[str] = ()

    @property
    def category(self) -> Category:
        """The settings of the category."""
        return self.profile.category(self.name)

    @cached_property
    def remembered(self) -> Rows:
        """The previous rows, less those of lost edits."""
        if not self.lost:
            return self.previous
        return self.previous.where(pl.col("edit_key").is_null() | ~among("edit_key", self.lost))

    @cached_property
    def before(self) -> Rows:
        """The remembered rows of the slots to judge."""
        if self.open_slots is None:
            return self.remembered
        return self.remembered.where(among("source_id", {slot.partition("/")[0] for slot in self.open_slots}))

    def is_open(self, slot: str) -> bool:
        """Whether a slot, by its name at its first try, is judged now."""
        return self.open_slots is None or slot in self.open_slots

    @cached_property
    def reviews(self) -> dict[str, str]:
        """What people say of pairs: `accept` or `reject` by edit id."""
        return read_reviews(self.layout)


def judge_and_publish(candidates: Candidates, report: Report) -> Rows:
    """Bring the dataset in line with the plan and the thresholds.

    Interrupted anywhere and run again, it ends in the same tree as if it had not been interrupted.

    Args:
        report: called after each pair that was published or kept.

    Returns:
        The rows of dataset: one per slot of the plan, and those of the withdrawn samples.

    Raises:
        StorageError: the disk cannot be written.
        LockedError: the ledger stays locked.
    """
    layout, profile, previous = candidates.layout, candidates.profile, candidates.previous
    ledger = Ledger(layout)
    judged, staying = sort_out(candidates)
    try:
        sweep_dataset(layout, candidates.category)
        told = candidates.edits, candidates.layers, candidates.before
        judged = within_cells(profile, layout, judged, *told)
        judged = numbered(judged, staying, previous, ledger, candidates.name, profile.limits.quotas)
        work = _to_carry_out(judged.values())
        carried_out = stream_map(lambda row: carry_out(candidates, row), work, thread_count(profile.threads))
        for done, _ in enumerate(carried_out, 1):
            report(done, len(work))
        rows = staying.overlaid(judged.values())
        withdrawn = withdraw(layout, ledger, candidates.name, previous, rows)
        samples.drop_rejects(layout, _rejects(previous) - _rejects(rows))
    except OSError as error:
        raise StorageError(
            f"the dataset in {layout.outputs} cannot be written: {error}",
            "free space or mend the folder, then run again: what is published stays as it is",
        ) from error
    return rows.overlaid(withdrawn)


def holds(
    row: Row, layout: Layout, reviews: Mapping[str, str], pair: Row | None, edit: Row | None = None
) -> bool:
    """Whether a verdict needs no judging while its key stays the same: no new review, all files in order.

    Args:
        pair: its row of edit_pairs, for what the published files were when they were made.
        edit: its row of edited_images, for what the texts say.
    """
    if row["pair_key"] and row["review"] != reviews.get(row["edit_id"]):
        return False
    if row["status"] == "published":
        texts = samples.texts_of(edit, pair) if edit else None
        return samples.is_complete(layout, SampleKey.parse(row["sample_key"]), pair, texts)
    return bool(row["status"] == "rejected")


def sort_out(candidates: Candidates) -> tuple[dict[str, Row], Rows]:
    """The rows that are judged now or are new, by slot, and those that stay what they were.

    When a try is turned down its slot goes on to the next one, which may be made already. Where the best of
    all is kept, the others that pass are turned down for it. What is derived comes after what it is made of.
    """
    sorting = _Sorting(candidates)
    for _, slots in groupby(candidates.slots, key=lambda slot: slot.source_id):
        tries: list[Slot] = []
        for first in slots:
            keeps_best = candidates.keys.keeps_best(first)
            own: list[Slot] = []
            slot: Slot | None = first
            while slot is not None:
                sorting.sort(slot, first.name)
                own.append(slot)
                goes_on = keeps_best or sorting.is_turned_down(slot)
                slot = candidates.keys.next_try(slot) if goes_on else None
            if keeps_best:
                sorting.keep_best(own)
            tries += own
        for derived in candidates.keys.derived(tries, sorting.is_published, sorting.is_turned_down):
            sorting.sort_derived(derived)
    return sorting.judged, candidates.previous.only(sorting.kept)


class _Known(NamedTuple):
    """What the run before left of a slot.

    Attributes:
        turned_down: whether another try of it is due.
        duplicate: the edit that another slot or category published; None otherwise.
        parent: what can be derived of it; None when it has published nothing.
    """

    turned_down: bool
    duplicate: str | None
    parent: "_Parent | None"


class _Parent(NamedTuple):
    """A published pair that others are derived of."""

    pair_key: str
    edit_id: str
    sample_key: str


class _Sorting:
    """Tells apart which rows are judged now and which stay."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates
        picked = candidates.remembered.pick("slot", "status", "reason", "pair_key", "edit_id", "sample_key")
        derives = candidates.category.derive.any
        self._known = {
            name: _Known(
                is_turned_down(status, reason),
                edit_id if reason == DUPLICATE_EDIT else None,
                _Parent(pair_key, edit_id, sample) if derives and status == "published" else None,
            )
            for name, status, reason, pair_key, edit_id, sample in picked
        }
        self.judged: dict[str, Row] = {}
        # Most of a large dataset stays: only its names are held.
        self.kept: list[str] = []

    def sort(self, slot: Slot, first: str) -> None:
        """Sort one try of a slot in."""
        candidates, known = self._candidates, slot.name in self._known
        if candidates.is_open(first):
            before = candidates.before.get(slot.name)
            row = judge(candidates, slot, before)
            self._add(slot, None if row is before else row)
        else:
            self._add(slot, None if known else row_of(slot, status="pending"))

    def sort_derived(self, slot: Slot) -> None:
        """Sort in what is derived of published pairs.

        It is judged when they were published before this run, so that no quota and no other category keeps
        them out any more. Until then a sample stays that was made of the same edits.
        """
        candidates = self._candidates
        if not candidates.is_open(slot.place):
            self.kept.append(slot.name)
            return
        before = candidates.before.get(slot.name)
        parents = [self._parent(parent) for parent in slot.parents]
        origin = self._origin(slot, parents)
        stays = before if before and (before["derived_from"] or {}).get("edits") == origin["edits"] else None
        due = all(
            parent and parent.pair_key == wanted.pair_key
            for parent, wanted in zip(parents, slot.parents, strict=True)
        )
        if due:
            row = judge(candidates, slot, stays)
            self._add(slot, None if row is stays else {**row, "derived_from": origin})
        elif stays:
            self.kept.append(slot.name)

    def keep_best(self, tries: Iterable[Slot]) -> None:
        """Turn down the tries of a slot that pass for the best of them."""
        own = {slot.name: self.judged[slot.name] for slot in tries if slot.name in self.judged}
        self.judged |= best_of(own, self._candidates.pairs)

    def is_turned_down(self, slot: Slot) -> bool:
        """Whether another try of a slot is due."""
        row, known = self.judged.get(slot.name), self._known.get(slot.name)
        if row is None:
            return known is not None and known.turned_down
        # What passes is told to be published elsewhere when it gets its number, which it did not get before.
        again = known is not None and known.duplicate is not None and known.duplicate == row["edit_id"]
        return again or is_turned_down(row["status"], row["reason"])

    def is_published(self, slot: Slot) -> bool:
        """Whether a slot has a pair in the dataset that passes now and was there before."""
        row = self.judged.get(slot.name)
        return self._parent(slot) is not None and (row is None or row["status"] == "published")

    def _parent(self, slot: Slot) -> _Parent | None:
        """What was published before of a slot that publishes the same edit now."""
        known = self._known.get(slot.name)
        parent, row = known.parent if known else None, self.judged.get(slot.name)
        if parent is None or row is None:
            return parent
        return parent._replace(pair_key=row["pair_key"]) if row["edit_id"] == parent.edit_id else None

    def _origin(self, slot: Slot, parents: Sequence[_Parent | None]) -> Row:
        """What a derived pair is made as and of; of a turn also the chain, by its first sample."""
        there = [parent for parent in parents if parent]
        told: Row = {
            "as": slot.role,
            "edits": [parent.edit_id for parent in there],
            "of": [parent.sample_key for parent in there],
        }
        head = self._parent(chain_of(slot)[0]) if is_turn(slot) else None
        return told | {"chain": head.sample_key} if head else told

    def _add(self, slot: Slot, row: Row | None) -> None:
        """A slot's new row, or none where it keeps the one that it had."""
        if row is None:
            self.kept.append(slot.name)
        else:
            self.judged[slot.name] = row


def judge(candidates: Candidates, slot: Slot, before: Row | None) -> Row:
    """The row of a slot: the previous one, `before`, where nothing new is known of it."""
    edit, pair = candidates.edits.get(slot.edit_key), candidates.pairs.get(slot.pair_key)
    row = verdict(slot, candidates.category, edit, pair, candidates.reviews)
    if row["status"] == "published" and not (_is_staged(candidates, row) or _lies_there(candidates, row)):
        detail = "the finished pair's files in staging are gone, or not what was written"
        row = with_outcome(row, "failed", STAGED_FILES_MISSING, detail)
    is_news = row["status"] in {"published", "rejected"}
    keeps = before is not None and (before["status"] == "published" or row["status"] == "pending")
    return before if before is not None and keeps and not is_news else row


def carry_out(candidates: Candidates, row: Row) -> None:
    """Make the files what a judged row says: published, or kept as a reject."""
    pair, edit = candidates.pairs[row["pair_key"]], candidates.edits[row["edit_key"]]
    layout = candidates.layout
    chinese, english = samples.texts_of(edit, pair) or ("", "")
    folder = layout.staged("edit_pairs", pair["key"])
    files = samples.Pair(folder, tuple(pair["files"]), chinese, english)
    if row["status"] == "rejected":
        reasons = {column: row[column] for column in ("reason", "detail", "failed_checks", "review")}
        slot, number = try_of_name(row["slot"])
        reasons |= {"slot": slot, "try": number}
        reasons |= {"edit_id": row["edit_id"], "source_id": row["source_id"], "category": candidates.name}
        reasons |= {"tier": pair["tier"], "scores": pair["scores"], "recipe": edit["recipe"]}
        samples.keep_reject(layout, row["edit_id"], files, {**reasons, "pair_key": pair["key"]})
        return
    sample = SampleKey.parse(row["sample_key"])
    if _is_staged(candidates, row):
        samples.publish(layout, sample, files, unchanged=_lies_there(candidates, row))
    else:
        samples.write_texts(layout, sample, files)


def _is_staged(candidates: Candidates, row: Row) -> bool:
    folder = candidates.layout.staged("edit_pairs", row["pair_key"])
    return is_intact(folder, candidates.pairs[row["pair_key"]])


def _lies_there(candidates: Candidates, row: Row) -> bool:
    """Whether the previous run published this very pair for the slot, and all of it is there."""
    before = candidates.before.get(row["slot"])
    return (
        before is not None
        and before["status"] == "published"
        and (before["pair_key"], before["edit_id"]) == (row["pair_key"], row["edit_id"])
        and samples.is_complete(
            candidates.layout, SampleKey.parse(before["sample_key"]), candidates.pairs.get(before["pair_key"])
        )
    )


def _to_carry_out(judged: Iterable[Row]) -> list[Row]:
    """The rows whose files have to be brought in line, in the order of their slots, one for each edit."""
    ordered = sorted(judged, key=lambda row: str(row["slot"]), reverse=True)
    work = {
        row["edit_id"]: row
        for row in ordered
        if row["status"] == "published" or _is_kept(row["status"], row["pair_key"], row["reason"])
    }
    return list(reversed(work.values()))


def _is_kept(status: str, pair_key: str | None, reason: str | None) -> bool:
    """Whether a row's pair is kept as a reject."""
    return status == "rejected" and bool(pair_key) and reason not in {DUPLICATE_EDIT, OVER_QUOTA}


def _rejects(rows: Rows) -> set[str]:
    picked = rows.pick("edit_id", "status", "pair_key", "reason")
    return {edit_id for edit_id, *outcome in picked if _is_kept(*outcome)}


def sweep_dataset(layout: Layout, category: Category) -> None:
    """Sweep the folders that samples of a category and its rejects go to."""
    sweep(_folders(layout, category.derive.subtypes_beside(category.subtypes)))


def _folders(layout: Layout, subtypes: Iterable[str]) -> set[Path]:
    """The folders that samples of these subtypes, and rejects, are written to."""
    trees = (layout.dataset, layout.reports / "allowed", layout.reports / "result_masks")
    roots = {root / KNOWN[name].task / name for name in subtypes for root in trees}
    roots.add(layout.reports / "rejects")
    return {folder for root in roots if root.is_dir() for folder in root.iterdir() if folder.is_dir()}
