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

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from iedf_assets.core.errors import StorageError
from iedf_assets.core.judging.choosing import best_of
from iedf_assets.core.judging.verdicts import row_of, verdict, with_outcome
from iedf_assets.core.pairs import samples
from iedf_assets.core.parallel import Report, stream_map, thread_count
from iedf_assets.core.profile.schema import Category, Profile
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.publishing.numbering import DUPLICATE_EDIT, OVER_QUOTA, is_turned_down, numbered
from iedf_assets.core.publishing.withdrawing import withdraw
from iedf_assets.core.reasons import STAGED_FILES_MISSING
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Keys, Slot, name_of_try, try_of_name
from iedf_assets.core.storage.ledger import Ledger
from iedf_assets.core.storage.leftovers import sweep
from iedf_assets.core.storage.manifests import Rows
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.core.storage.reviews import read_reviews
from iedf_assets.core.storage.staged import is_intact


@dataclass(frozen=True)
class Candidates:
    """What of a category may be published, and all that its verdicts depend on.

    Attributes:
        name: of the category.
        keys: of the category's sources.
        slots: of all sources that are in the plan, at their first try.
        edits: rows of edited_images by key.
        pairs: rows of edit_pairs by key.
        previous: rows of dataset by slot, as the run before left them.
        open_slots: names of the slots to judge now, with all their tries, None for all; the others keep
            their rows.
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

    @property
    def category(self) -> Category:
        """The settings of the category."""
        return self.profile.category(self.name)

    @cached_property
    def before(self) -> Rows:
        """The previous rows of the slots to judge."""
        if self.open_slots is None:
            return self.previous
        numbers = range(1, self.category.tries + 1)
        return self.previous.only(name_of_try(slot, number) for slot in self.open_slots for number in numbers)

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
        sweep(_folders(layout, candidates.category.subtypes))
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
    all is kept, the others that pass are turned down for it.
    """
    picked = candidates.previous.pick("slot", "status", "reason")
    known = {name: is_turned_down(status, reason) for name, status, reason in picked}
    judged: dict[str, Row] = {}
    # Most of a large dataset stays: only its names are held.
    kept: list[str] = []
    for first in candidates.slots:
        is_open = candidates.open_slots is None or first.name in candidates.open_slots
        keeps_best = candidates.keys.keeps_best(first)
        tries: dict[str, Row] = {}
        slot: Slot | None = first
        while slot is not None:
            row = _row(candidates, slot, is_open=is_open, is_known=slot.name in known)
            if row is None:
                kept.append(slot.name)
                goes_on = known[slot.name]
            else:
                tries[slot.name] = row
                goes_on = is_turned_down(row["status"], row["reason"])
            slot = candidates.keys.next_try(slot) if goes_on or keeps_best else None
        judged |= best_of(tries, candidates.pairs) if keeps_best else tries
    return judged, candidates.previous.only(kept)


def _row(candidates: Candidates, slot: Slot, *, is_open: bool, is_known: bool) -> Row | None:
    """The new row of a slot; None when it keeps the one it had."""
    if is_open:
        before = candidates.before.get(slot.name)
        row = judge(candidates, slot, before)
        return None if row is before else row
    return None if is_known else row_of(slot, status="pending")


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


def _folders(layout: Layout, subtypes: Iterable[str]) -> set[Path]:
    """The folders that samples of these subtypes, and rejects, are written to."""
    trees = (layout.dataset, layout.reports / "allowed", layout.reports / "result_masks")
    roots = {root / SUBTYPES[name].task / name for name in subtypes for root in trees}
    roots.add(layout.reports / "rejects")
    return {folder for root in roots if root.is_dir() for folder in root.iterdir() if folder.is_dir()}
