"""Taking out of the dataset what no row publishes any more, and saying why."""

from collections.abc import Mapping

import polars as pl

from iedf_assets.core.pairs import samples
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.ledger import Ledger
from iedf_assets.core.storage.manifests import Rows, among
from iedf_assets.core.storage.naming import Layout, SampleKey

# What a withdrawn row says when nothing is known of the row that published it.
_NOTHING_KNOWN = dict.fromkeys(
    ("source_id", "attempts", "seconds", "failed_checks", "review", "pair_key", "edit_key")
)


def withdraw(layout: Layout, ledger: Ledger, category: str, previous: Rows, rows: Rows) -> list[Row]:
    """Take out every sample of a category that none of its rows publishes any more.

    What the category may remove is the ledger's to say: it knows of samples that an interrupted run published
    without a row, and of those that another category has taken over.

    Args:
        previous: the category's rows as they were before.
        rows: as they are now.

    Returns:
        The rows of all samples withdrawn so far that have not returned.
    """
    withdrawn = {row["sample_key"]: row for row in previous.where(pl.col("status") == "withdrawn").values()}
    owned = ledger.owned(category)
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
                samples.withdraw(layout, sample)
                if key not in withdrawn:
                    leaving[key] = edit_id, sample
    withdrawn |= _rows_of(leaving, previous, rows)
    ledger.release(owned.keys() - published.keys(), category)
    return list(withdrawn.values())


def _rows_of(leaving: Mapping[str, tuple[str, SampleKey]], previous: Rows, rows: Rows) -> dict[str, Row]:
    """The rows of samples that leave, by their keys."""
    before = previous.where(among("sample_key", leaving))
    slots = {row["sample_key"]: row for row in before.values()}
    now = rows.only(row["slot"] for row in slots.values())
    return {
        key: _withdrawn(edit_id, sample, slots.get(key), now) for key, (edit_id, sample) in leaving.items()
    }


def _withdrawn(edit_id: str, sample: SampleKey, before: Row | None, rows: Rows) -> Row:
    """The row of a sample that leaves the dataset."""
    now = rows.get(before["slot"]) if before else None
    if now is None or (now["status"] == "pending" and now["edit_id"] is None):
        reason, detail = "left_plan", "its source, its place in the plan or what it was made of is gone"
    elif now["status"] == "rejected":
        reason, detail = now["reason"], now["detail"]
    elif now["edit_id"] != edit_id:
        reason, detail = "replaced", f"the plan has another edit in its place: {now['edit_id']}"
    else:
        reason, detail = "moved", f"it lies at {now['sample_key']} now"
    columns = before or {"key": "", **_NOTHING_KNOWN}
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
