"""The verdict on one slot of the plan, from its edit, its pair's scores, the thresholds and the reviews."""

from collections.abc import Mapping
from typing import Any

from iedf_assets.core.judging.pair_checks import judge
from iedf_assets.core.judging.telling import told
from iedf_assets.core.profile.schema import Category
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Slot

REJECTED_BY_REVIEW = "rejected_by_review"


def verdict(
    slot: Slot, category: Category, edit: Row | None, pair: Row | None, reviews: Mapping[str, str]
) -> Row:
    """The row of dataset for a slot; of a pair that passes every check `published`, without a number yet.

    What a person says of a pair goes before its checks.

    Args:
        edit: its row of edited_images, None when there is none.
        pair: its row of edit_pairs, None when there is none.
        reviews: `accept` or `reject` by edit id.
    """
    if edit is None or edit["status"] == "planned":
        return row_of(slot, status="pending")
    if edit["status"] != "done":
        return row_of(slot, edit=edit, **_outcome(edit))
    if pair is None:
        return row_of(slot, edit=edit, status="pending")
    if pair["status"] != "done":
        return row_of(slot, edit=edit, pair=pair, **_outcome(pair))
    failed = judge(pair["scores"], pair["tier"], category.thresholds)
    review = reviews.get(edit["edit_id"])
    outcome: Row = {"status": "published", "failed_checks": failed, "review": review}
    if review == "reject":
        outcome |= {"status": "rejected", "reason": REJECTED_BY_REVIEW, "detail": "a person rejected it"}
    elif failed and review != "accept":
        why = [told(check, pair["scores"], pair["tier"], category.thresholds) for check in failed]
        outcome |= {"status": "rejected", "reason": failed[0], "detail": f"failed: {', '.join(why)}"}
    return row_of(slot, edit=edit, pair=pair, **outcome)


def row_of(slot: Slot, edit: Row | None = None, pair: Row | None = None, **columns: Any) -> Row:
    """A row of dataset with all its columns."""
    return {
        "slot": slot.name,
        "key": slot.verdict_key,
        "edit_id": edit.get("edit_id") if edit else None,
        "source_id": slot.source_id,
        "reason": None,
        "detail": None,
        "attempts": None,
        "seconds": None,
        "task": slot.subtype.task,
        "subtype": slot.subtype.name,
        "scene": slot.scene,
        "failed_checks": None,
        "review": None,
        "sample_key": None,
        "pair_key": pair["key"] if pair else None,
        "edit_key": edit["key"] if edit else None,
        **columns,
    }


def with_outcome(row: Row, status: str, reason: str, detail: str) -> Row:
    """The row with another outcome, and without a number."""
    return {**row, "status": status, "reason": reason, "detail": detail, "sample_key": None}


def _outcome(row: Row) -> Row:
    return {column: row.get(column) for column in ("status", "reason", "detail", "attempts")}
