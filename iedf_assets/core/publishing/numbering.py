"""Giving the pairs that pass their numbers in the dataset, each edit one, as far as quotas allow."""

from collections.abc import Mapping

from iedf_assets.core.judging.verdicts import with_outcome
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.ledger import Ledger
from iedf_assets.core.storage.manifests import Rows, among
from iedf_assets.core.storage.naming import SampleKey

DUPLICATE_EDIT, OVER_QUOTA = "duplicate_edit", "over_quota"


def is_turned_down(status: str, reason: str | None) -> bool:
    """Whether a verdict calls for another try; what only finds its quota full waits for room."""
    return status == "rejected" and reason != OVER_QUOTA


def numbered(
    judged: dict[str, Row],
    kept: Rows,
    previous: Rows,
    ledger: Ledger,
    category: str,
    quotas: Mapping[str, int],
) -> dict[str, Row]:
    """The judged rows with their numbers; a slot whose edit another one publishes is rejected.

    Two slots can draw the same edit: of equal variants, or of a photo that lies in two categories.

    Args:
        judged: rows by slot; those that pass are `published`.
        kept: the rows that stay what they were.
        previous: all rows as they were before.
        category: whose rows they are, for the ledger.
        quotas: see `profile.sections.Limits`.
    """
    passing = {name: row for name, row in sorted(judged.items()) if row["status"] == "published"}
    holder = _holders(passing, kept)
    known = (
        (edit_id, SampleKey.parse(key)) for edit_id, key in previous.pick("edit_id", "sample_key") if key
    )
    wanted = {
        row["edit_id"]: (row["task"], row["subtype"], row["scene"])
        for name, row in passing.items()
        if holder[row["edit_id"]] == name
    }
    given = ledger.assign(wanted, category, known, quotas)
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


def _holders(passing: Mapping[str, Row], kept: Rows) -> dict[str, str]:
    """The slot that publishes each edit: one that does so already, else the first by name."""
    rivals = kept.where(among("edit_id", (row["edit_id"] for row in passing.values())))
    picked = rivals.pick("edit_id", "slot", "status")
    holder = {edit_id: name for edit_id, name, status in picked if status == "published"}
    for name, row in passing.items():
        holder.setdefault(row["edit_id"], name)
    return holder
