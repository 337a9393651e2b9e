"""What is still to do of a category: which photos are not through all stages, and their next wave."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

import polars as pl

from iedf_assets.core.planning.book import Book, Source
from iedf_assets.core.planning.holding import holds_all, is_held
from iedf_assets.core.publishing.gate import holds
from iedf_assets.core.publishing.numbering import OVER_QUOTA
from iedf_assets.core.sources.found import Found
from iedf_assets.core.sources.ingest import row_key
from iedf_assets.core.sources.rights import from_text
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Slot, sources_settings
from iedf_assets.core.storage.manifests import Rows, among, batches, collected, decode
from iedf_assets.core.storage.naming import STAGED
from iedf_assets.core.storage.waves import begin_wave, open_wave, wave_size

_FAILED = pl.col("status") == "failed"
# What tells whether a verdict holds, besides its pair's files.
_VERDICT = (
    "key", "slot", "edit_id", "status", "reason", "detail", "task", "scene", "review", "sample_key",
    "pair_key", "edit_key",
)  # fmt: skip


def failed_attempts(book: Book) -> dict[str, int]:
    """How often each path's rows have failed, in whichever stage; paths without failures are absent."""
    failed: Counter[str] = Counter()
    for path, attempts in book.sources.where(_FAILED).pick("path", "attempts"):
        failed[path] += attempts or 0
    failures = [
        row
        for stage in STAGED
        for row in book.table(stage).where(_FAILED).pick("key", "source_id", "attempts")
    ]
    paths = {source.source_id: source.path for source in book.accepted} if failures else {}
    for key, source_id, attempts in failures:
        if source_id in paths and key in _keys_of(book, source_id):
            failed[paths[source_id]] += attempts or 0
    return dict(failed)


def verdicts_state(book: Book) -> int:
    """What is another number whenever a verdict of a category has changed."""
    told = book.verdicts.table.select(pl.struct("slot", "key", "edit_id", "status").hash().sum())
    return int(collected(told).item())


def is_left_over(book: Book, found: Iterable[Found]) -> bool:
    """Whether something listed or published has to go: its file is gone, or its slot left the plan."""
    if book.sources.others(file.name for file in found):
        return True
    listed = book.verdicts.where(pl.col("status") != "withdrawn")
    return bool(listed.others(slot.name for slot in book.slots_of(book.editable)))


def wave_for(book: Book, found: list[Found]) -> list[str]:
    """The paths to work on now: the open wave, or a new one of the first unfinished files."""
    wave = open_wave(book.layout, book.name)
    if wave is not None:
        return wave
    failed = failed_attempts(book)
    waiting = sorted(unfinished(book, found), key=lambda path: (failed.get(path, 0), path))
    size = wave_size(book.profile.wave, len(found) - len(waiting))
    return begin_wave(book.layout, book.name, waiting[:size])


def unfinished(book: Book, found: list[Found]) -> list[str]:
    """Paths of the files that have not been through all stages as they are now; parked ones have."""
    known = book.sources.beside((file.name for file in found), "key", "source_id", "status", "attempts")
    settings = sources_settings(book.profile, book.category)
    is_through, held_of_scene = _through(book), cache(partial(holds_all, book))

    def is_held_back(file: Found) -> bool:
        return held_of_scene(from_text(file.facts).get("scene") if file.facts else None)

    def is_done_with(file: Found, row: tuple[Any, ...] | None) -> bool:
        if row is None or row[0] != row_key(settings, file):
            return row is None and is_held_back(file)
        _, source_id, status, attempts = row
        if status in {"failed", "pending"}:
            return book.is_used_up(status, attempts) or (status == "pending" and is_held_back(file))
        return status != "accepted" or is_through(source_id)

    return [file.name for file, row in zip(found, known, strict=True) if not is_done_with(file, row)]


def is_finished(book: Book, slot: Slot, verdict: Row) -> bool:
    """Whether a slot needs no judging."""
    pair, edit = book.pairs.get(verdict["pair_key"]), book.edits.get(verdict["edit_key"])
    return verdict["key"] == slot.verdict_key and _holds(book, verdict, pair, edit)


def _through(book: Book) -> Callable[[str], bool]:
    """Whether a source, by its id, has been through all stages. Looks at the files of every sample."""
    settled, given_up = _settled(book), _given_up(book)

    def is_through(source_id: str) -> bool:
        if book.keys.layers_key(source_id) in given_up:
            return True
        slots = book.keys.slots(source_id)
        if not all(is_try_through(one) for slot in slots for one in book.tries_of(slot)):
            return False
        # What is derived of a pair that nothing new comes of stays as it is, too.
        return all(
            is_try_through(slot)
            for slot in book.derived_of([Source("", source_id, 0, 0)])
            if book.is_due(slot)
        )

    def is_try_through(slot: Slot) -> bool:
        ended = slot.verdict_key in settled or not given_up.isdisjoint((slot.edit_key, slot.pair_key))
        return ended or is_held(book, slot)

    return is_through


def _keys_of(book: Book, source_id: str) -> set[str]:
    """The keys of all rows of a source under the present profile."""
    slots = [*book.keys.tries(source_id), *book.derived_of([Source("", source_id, 0, 0)])]
    return {key for slot in slots for key in (slot.layers_key, slot.edit_key, slot.pair_key)}


def _settled(book: Book) -> set[str]:
    """The keys of the verdicts that need no judging."""
    verdicts = book.verdicts.where(pl.col("status").is_in(["published", "rejected"])).narrow(_VERDICT)
    settled = _holding(book, verdicts, ("files", "written_ns"))
    # Checksums are long, and few of them are needed: those of files that were written to since.
    doubtful = verdicts.where(~among("key", settled))
    if not doubtful:
        return settled
    return settled | _holding(book, doubtful, ("files", "written_ns", "checksums"))


def _holding(book: Book, verdicts: Rows, of_pairs: Iterable[str]) -> set[str]:
    """The keys of the verdicts that hold, by some columns of their pairs."""
    pairs = book.pairs.table.select(*of_pairs, "rewritten_ch", "rewritten_en", pair_key="key")
    texts = book.edits.table.select("instruction_ch", "instruction_en", edit_key="key")
    table = verdicts.table.join(pairs, on="pair_key", how="left").join(texts, on="edit_key", how="left")
    rows = (decode(row) for batch in batches(table) for row in batch.iter_rows(named=True))
    return {row["key"] for row in rows if _holds(book, row, row, row)}


def _holds(book: Book, verdict: Row, pair: Row | None, edit: Row | None) -> bool:
    """Whether a verdict needs no judging; what was over its quota does as soon as there is room."""
    if verdict["reason"] == OVER_QUOTA and book.allowance.has_room_for(verdict):
        return False
    return holds(verdict, book.layout, book.reviews, pair, edit)


def _given_up(book: Book) -> set[str]:
    """The keys of the rows that nothing follows: they are parked, or nothing was found to edit."""
    parked = {
        row["key"]
        for stage in STAGED
        for row in book.table(stage).where(_FAILED).values()
        if book.is_parked(row)
    }
    return parked | book.without_subject()
