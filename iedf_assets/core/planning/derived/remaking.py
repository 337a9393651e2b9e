"""What published pairs can be finished again from, as far as staging still has it."""

from collections.abc import Iterator

import polars as pl

from iedf_assets.core.pairs.composing import ComposedRequest
from iedf_assets.core.pairs.finishing import PairRequest
from iedf_assets.core.pairs.unencoded import Remaking
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.derived.plans import derived_request
from iedf_assets.core.planning.materials import pair_request
from iedf_assets.core.sources.scan import paths_on_disk
from iedf_assets.core.storage.keys import Slot

# Photos whose rows are in memory at a time.
_AT_ONCE = 1024


def remakings(book: Book) -> Iterator[tuple[str, Remaking]]:
    """Of the samples that are published as they are planned now: sample key, and what they are made from.

    Whether that still lies there, and makes the same, is seen when it is asked for.
    """
    photos = paths_on_disk(book.layout, book.name)
    accepted = list(book.accepted)
    for start in range(0, len(accepted), _AT_ONCE):
        sources = accepted[start : start + _AT_ONCE]
        part = book.of(sources)
        slots = list(part.slots_of(sources))
        judged = part.verdicts.only(slot.name for slot in slots).where(pl.col("status") == "published")
        published = {name: told for name, *told in judged.pick("slot", "pair_key", "sample_key")}
        paths = {source.source_id: photos.get(source.path) for source in sources}
        for slot in slots:
            pair_key, sample_key = published.get(slot.name, (None, None))
            path = paths[slot.source_id]
            if pair_key == slot.pair_key and sample_key and path:
                remaking = _remaking(part, slot, path)
                if remaking:
                    yield sample_key, remaking


def _remaking(book: Book, slot: Slot, path: str) -> Remaking | None:
    edit = book.edits.get(slot.edit_key)
    if edit is None:
        return None
    if not slot.parents:
        return Remaking(pair_request(book, slot, edit, None, path))
    request = derived_request(book, slot, edit, None, path)
    if isinstance(request, PairRequest | ComposedRequest):
        return Remaking(request)
    turned = _remaking(book, slot.parents[0], path)
    return Remaking(turned.request, is_back=True) if turned else None
