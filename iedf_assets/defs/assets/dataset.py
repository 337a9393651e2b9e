"""dataset: the gate, which publishes what passes the thresholds and keeps the rest as rejects."""

import dagster as dg

from iedf_assets.core.planning.accounts import accounts_of, survival_of
from iedf_assets.core.planning.book import Book
from iedf_assets.core.publishing.gate import Candidates, judge_and_publish
from iedf_assets.core.storage.keys import VERDICTS_VERSION
from iedf_assets.core.storage.waves import close_wave
from iedf_assets.defs.assets.stage import Stage
from iedf_assets.defs.metadata import Metadata, accounts_table, survival_table
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.strips import rejects_strip, samples_strip
from iedf_assets.defs.telling.links import category_links


def _publish(context: dg.AssetExecutionContext, factory: Factory, book: Book) -> tuple[Book, Metadata]:
    at_work = book.at_work()
    candidates = Candidates(
        factory.profile,
        factory.layout,
        book.name,
        book.keys,
        slots=(slot for source in book.editable for slot in book.keys.slots(source.source_id)),
        edits=at_work.edits,
        pairs=at_work.pairs,
        previous=book.verdicts,
        open_slots={slot.name for source in book.worked_on for slot in book.keys.slots(source.source_id)},
        layers=at_work.layers,
        lost=book.lost,
    )
    rows = judge_and_publish(candidates, factory.progress(context))
    close_wave(factory.layout, book.name)
    book = book.with_rows("dataset", rows)
    accounts = {
        "accounts": accounts_table(accounts_of(book)),
        "survival": survival_table([survival_of(book)]),
    }
    links = category_links(factory.profile, book.name)
    return book, {**links, **accounts, **samples_strip(book), **rejects_strip(book)}


DATASET = Stage(
    name="dataset",
    after="edit_pairs",
    kinds=frozenset({"polars", "file"}),
    version=VERDICTS_VERSION,
    description="Applies the thresholds to the measured pairs and publishes what passes under the naming "
    "spec, numbered by the ledger. Rejects are kept with their reasons. Closes the wave.",
    work=_publish,
)
