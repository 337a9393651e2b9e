"""What people say of pairs: an append-only file that goes before the checks, by edit, for ever.

Each line is `{"edit_id", "verdict", "note", "reviewed_at"}`; the last line of an edit counts. `accept`
publishes a pair that failed checks, `reject` keeps one out that passed them all, `clear` takes either back.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.storage.journal import Journal, Row, read_journal
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.naming import Layout

ReviewVerdict = Literal["accept", "reject", "clear"]
MAX_NOTE = 1000
_EDIT_ID = re.compile(r"[0-9a-f]{16}")
_WAIT_S = 30.0


def add_review(layout: Layout, edit_id: str, verdict: str, note: str = "") -> None:
    """Append a review; it is durable when this returns.

    Args:
        edit_id: 16 hexadecimal digits.
        verdict: `accept`, `reject` or `clear`.
        note: why, at most 1,000 characters.

    Raises:
        ProfileError: no such verdict, no edit id, or a note that is too long.
        LockedError: another process keeps writing reviews.
        OSError: the disk cannot be written.
    """
    if verdict not in get_args(ReviewVerdict) or not _EDIT_ID.fullmatch(edit_id) or len(note) > MAX_NOTE:
        raise ProfileError(
            f"the review {verdict!r} of {edit_id[:40]!r} cannot be kept",
            f"say {', '.join(get_args(ReviewVerdict))} of an edit id, with a note of {MAX_NOTE} characters",
        )
    row = {
        "edit_id": edit_id,
        "verdict": verdict,
        "note": note,
        "reviewed_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    lock = exclusive(layout.locks / "reviews.lock", subject="the reviews", wait_s=_WAIT_S)
    with lock, Journal(layout.reviews) as journal:
        journal.append([row])


def read_reviews(layout: Layout) -> dict[str, str]:
    """`accept` or `reject` by edit id."""
    return reviews_in(layout.reviews)


def reviews_in(file: Path) -> dict[str, str]:
    """The same of a file, which need not be there."""
    last = {row["edit_id"]: row["verdict"] for row in read_journal(file, fits=_is_review)}
    return {edit_id: verdict for edit_id, verdict in last.items() if verdict in {"accept", "reject"}}


def _is_review(row: Row) -> bool:
    return isinstance(row.get("edit_id"), str) and isinstance(row.get("verdict"), str)
