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
from pathlib import Path

import polars as pl

from iedf_assets.core.errors import StorageError
from iedf_assets.core.judging.verdicts import row_of, verdict, with_outcome
from iedf_assets.core.pairs import samples
from iedf_assets.core.parallel import Report, stream_map, thread_count
from iedf_assets.core.profile.schema import Category, Profile
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.reasons import STAGED_FILES_MISSING
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Slot
from iedf_assets.core.storage.ledger import Ledger
from iedf_assets.core.storage.leftovers import sweep
from iedf_assets.core.storage.manifests import Rows, among
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.core.storage.reviews import read_reviews
from iedf_assets.core.storage.staged import is_intact

DUPLICATE_EDIT, OVER_QUOTA = "duplicate_edit", "over_quota"


def judge_and_publish(  # noqa: PLR0917  # all that a stage depends on, nothing of it optional
    profile: Profile,
    category: Category,
    category_name: str,
    layout: Layout,
    slots: Iterable[Slot],
    edits: Mapping[str, Row],
    pairs: Mapping[str, Row],
    previous: Rows,
    open_slots: set[str] | None,
    report: Report,
) -> Rows:
    """Bring the dataset in line with the plan and the thresholds.

    Interrupted anywhere and run again, it ends in the same tree as if it had not been interrupted.

    Args:
        slots: of all sources that are in the plan.
        edits: rows of edited_images by key.
        pairs: rows of edit_pairs by key.
        previous: rows of dataset by slot, as the run before left them.
        open_slots: names of the slots to judge now, None for all; the others keep their rows.
        report: called after each pair that was published or kept.

    Returns:
        The rows of dataset: one per slot of `slots`, and those of the withdrawn samples.

    Raises:
        StorageError: the disk cannot be written.
        LockedError: the ledger stays locked.
    """
    quotas = profile.limits.quotas
    before_open = previous if open_slots is None else previous.only(open_slots)
    gate = _Gate(
        category, category_name, layout, edits, pairs, previous, before_open, read_reviews(layout), quotas
    )
    judged, staying = gate.sort_out(slots, open_slots)
    try:
        sweep(_folders(layout, category.subtypes))
        judged = gate.number(judged, staying)
        work = _to_carry_out(judged.values())
        for done, _ in enumerate(stream_map(gate.carry_out, work, thread_count(profile.threads)), 1):
            report(done, len(work))
        rows = staying.overlaid(judged.values())
        withdrawn = gate.withdraw(rows)
        samples.drop_rejects(layout, _rejects(previous) - _rejects(rows))
    except OSError as error:
        raise StorageError(
            f"the dataset in {layout.outputs} cannot be written: {error}",
            "free space or mend the folder, then run again: what is published stays as it is",
        ) from error
    return rows.overlaid(withdrawn)


def holds(row: Row, layout: Layout, reviews: Mapping[str, str], pair: Row | None) -> bool:
    """Whether a verdict needs no judging while its key stays the same: no new review, all files in order.

    Args:
        pair: its row of edit_pairs, for what the published files were when they were made.
    """
    if row["pair_key"] and row["review"] != reviews.get(row["edit_id"]):
        return False
    if row["status"] == "published":
        return samples.is_complete(layout, SampleKey.parse(row["sample_key"]), pair)
    return bool(row["status"] == "rejected")


@dataclass(frozen=True)
class _Gate:
    """One category's gate and what its verdicts depend on; `judge_and_publish` says what is what.

    Attributes:
        before: the previous rows of the slots to judge.
    """

    category: Category
    name: str
    layout: Layout
    edits: Mapping[str, Row]
    pairs: Mapping[str, Row]
    previous: Rows
    before: Rows
    reviews: Mapping[str, str]
    quotas: Mapping[str, int]

    def sort_out(
        self, slots: Iterable[Slot], open_slots: Collection[str] | None
    ) -> tuple[dict[str, Row], Rows]:
        """The rows that are judged now or are new, by slot, and those that stay what they were."""
        known = {name for (name,) in self.previous.pick("slot")}
        judged: dict[str, Row] = {}
        # Most of a large dataset stays: only its names are held.
        kept: list[str] = []
        for slot in slots:
            if open_slots is None or slot.name in open_slots:
                before = self.before.get(slot.name)
                row = self.judge(slot, before)
                if row is not before:
                    judged[slot.name] = row
                    continue
            elif slot.name not in known:
                judged[slot.name] = row_of(slot, self.category, status="pending")
                continue
            kept.append(slot.name)
        return judged, self.previous.only(kept)

    def judge(self, slot: Slot, before: Row | None) -> Row:
        """The row of a slot: the previous one, `before`, where nothing new is known of it."""
        edit, pair = self.edits.get(slot.edit_key), self.pairs.get(slot.pair_key)
        row = verdict(slot, self.category, edit, pair, self.reviews)
        if row["status"] == "published" and not (self._is_staged(row) or self._lies_there(row)):
            detail = "the finished pair's files in staging are gone, or not what was written"
            row = with_outcome(row, "failed", STAGED_FILES_MISSING, detail)
        is_news = row["status"] in {"published", "rejected"}
        keeps = before is not None and (before["status"] == "published" or row["status"] == "pending")
        return before if before is not None and keeps and not is_news else row

    def number(self, judged: dict[str, Row], kept: Rows) -> dict[str, Row]:
        """The judged rows with their numbers; a slot whose edit another one publishes is rejected.

        Two slots can draw the same edit: of equal variants, or of a photo that lies in two categories.
        """
        passing = {name: row for name, row in sorted(judged.items()) if row["status"] == "published"}
        rivals = kept.where(among("edit_id", (row["edit_id"] for row in passing.values())))
        picked = rivals.pick("edit_id", "slot", "status")
        holder = {edit_id: name for edit_id, name, status in picked if status == "published"}
        for name, row in passing.items():
            holder.setdefault(row["edit_id"], name)
        known = (
            (edit_id, SampleKey.parse(key))
            for edit_id, key in self.previous.pick("edit_id", "sample_key")
            if key
        )
        given = Ledger(self.layout).assign(
            {
                row["edit_id"]: (row["task"], row["subtype"], row["scene"])
                for name, row in passing.items()
                if holder[row["edit_id"]] == name
            },
            self.name,
            known,
            self.quotas,
        )
        for name, row in passing.items():
            sample = given.numbers.get(row["edit_id"])
            if holder[row["edit_id"]] == name and sample is not None:
                passing[name] = {**row, "sample_key": str(sample), "scene": sample.scene}
            elif row["edit_id"] in given.over_quota:
                detail = "it passed, but as many samples of its kind as limits.quotas allows are published"
                passing[name] = with_outcome(row, "rejected", OVER_QUOTA, detail)
            else:
                where = "another slot" if holder[row["edit_id"]] != name else "another category"
                detail = f"the same edit is published by {where}"
                passing[name] = with_outcome(row, "rejected", DUPLICATE_EDIT, detail)
        return judged | passing

    def carry_out(self, row: Row) -> None:
        """Make the files what the row says: published, or kept as a reject."""
        pair, edit = self.pairs[row["pair_key"]], self.edits[row["edit_key"]]
        files = samples.Pair(
            self.layout.staged("edit_pairs", pair["key"]),
            tuple(pair["files"]),
            edit["instruction_ch"],
            edit["instruction_en"],
        )
        if row["status"] == "rejected":
            told = ("slot", "reason", "detail", "failed_checks", "review")
            reasons = {column: row[column] for column in told}
            reasons |= {"edit_id": row["edit_id"], "source_id": row["source_id"], "category": self.name}
            reasons |= {"tier": pair["tier"], "scores": pair["scores"], "recipe": edit["recipe"]}
            samples.keep_reject(self.layout, row["edit_id"], files, {**reasons, "pair_key": pair["key"]})
        elif self._is_staged(row):
            sample = SampleKey.parse(row["sample_key"])
            samples.publish(self.layout, sample, files, unchanged=self._lies_there(row))

    def withdraw(self, rows: Rows) -> list[Row]:
        """Take out every sample of this category that no row publishes any more.

        What the category may remove is the ledger's to say: it knows of samples that an interrupted run
        published without a row, and of those that another category has taken over.

        Returns:
            The rows of all samples withdrawn so far that have not returned.
        """
        withdrawn = {
            row["sample_key"]: row for row in self.previous.where(pl.col("status") == "withdrawn").values()
        }
        ledger = Ledger(self.layout)
        owned = ledger.owned(self.name)
        published: dict[str, str] = {}
        for edit_id, key, status in rows.pick("edit_id", "sample_key", "status"):
            if status == "published" and list(map(str, owned.get(edit_id, ()))) == [key]:
                # So it is with most of them: an edit that never had another number.
                del owned[edit_id]
                withdrawn.pop(key, None)
            elif status == "published":
                published[edit_id] = key
        leaving: dict[str, tuple[str, SampleKey]] = {}
        for edit_id, ever in owned.items():
            for sample in ever:
                key = str(sample)
                if published.get(edit_id) == key:
                    withdrawn.pop(key, None)
                else:
                    samples.withdraw(self.layout, sample)
                    if key not in withdrawn:
                        leaving[key] = edit_id, sample
        before = self.previous.where(among("sample_key", leaving))
        slots = {row["sample_key"]: row for row in before.values()}
        now = rows.only(row["slot"] for row in slots.values())
        for key, (edit_id, sample) in leaving.items():
            withdrawn[key] = _withdrawn(edit_id, sample, slots.get(key), now)
        ledger.release(owned.keys() - published.keys(), self.name)
        return list(withdrawn.values())

    def _is_staged(self, row: Row) -> bool:
        folder = self.layout.staged("edit_pairs", row["pair_key"])
        return is_intact(folder, self.pairs[row["pair_key"]])

    def _lies_there(self, row: Row) -> bool:
        """Whether the previous run published this very pair for the slot, and all of it is there."""
        before = self.before.get(row["slot"])
        return (
            before is not None
            and before["status"] == "published"
            and (before["pair_key"], before["edit_id"]) == (row["pair_key"], row["edit_id"])
            and samples.is_complete(
                self.layout, SampleKey.parse(before["sample_key"]), self.pairs.get(before["pair_key"])
            )
        )


def _withdrawn(edit_id: str, sample: SampleKey, before: Row | None, rows: Rows) -> Row:
    """The row of a sample that leaves the dataset."""
    now = rows.get(before["slot"]) if before else None
    if now is None:
        reason, detail = "left_plan", "its source or its place in the plan is gone"
    elif now["status"] == "rejected":
        reason, detail = now["reason"], now["detail"]
    elif now["edit_id"] != edit_id:
        reason, detail = "replaced", f"the plan has another edit in its place: {now['edit_id']}"
    else:
        reason, detail = "moved", f"it lies at {now['sample_key']} now"
    columns = before or {
        "key": "",
        "source_id": None,
        "attempts": None,
        "seconds": None,
        "failed_checks": None,
        "review": None,
        "pair_key": None,
        "edit_key": None,
    }
    return {
        **columns,
        "slot": f"withdrawn/{sample}",
        "edit_id": edit_id,
        "status": "withdrawn",
        "reason": reason,
        "detail": detail,
        "task": sample.task,
        "subtype": sample.subtype,
        "scene": sample.scene,
        "sample_key": str(sample),
    }


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
