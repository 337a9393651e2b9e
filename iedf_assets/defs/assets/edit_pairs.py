"""edit_pairs: edits composited into their sources, both files encoded alike, scores measured."""

from threading import BoundedSemaphore

import dagster as dg

from iedf_assets.core.pairs.finishing import PairRequest, finish, finished_apart
from iedf_assets.core.pairs.rating import rating
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.pictures.decoders import decoders
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.requests import pair_requests
from iedf_assets.core.sources.scan import paths_on_disk
from iedf_assets.core.storage.item_loop import run_requests
from iedf_assets.core.storage.journal import Journal, Row
from iedf_assets.core.storage.keys import PAIRS_VERSION
from iedf_assets.core.storage.leftovers import sweep_stage
from iedf_assets.core.storage.space import require_space
from iedf_assets.defs.assets.stage import Stage
from iedf_assets.defs.metadata import Metadata
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.strips import pairs_strip


def _finish(context: dg.AssetExecutionContext, factory: Factory, book: Book) -> tuple[Book, Metadata]:
    requests = pair_requests(book.at_work(), paths_on_disk(factory.layout, book.name))
    sweep_stage(factory.layout, "edit_pairs")
    require_space("edit_pairs", factory.layout.staging, len(requests), book.pairs)
    apart, timeout_s = decoders(factory.profile), factory.profile.sources.timeout_s
    judge = book.category.workers.edit.judge
    rate = rating(judge) if requests else None
    cores = thread_count(factory.profile.threads)
    places = BoundedSemaphore(cores)

    def finished_and_rated(request: PairRequest) -> Row:
        with places:
            row = finished_apart(request, apart, timeout_s)
        return rate(request, row) if rate else row

    with Journal(factory.layout.journal("edit_pairs", book.name)) as journal:
        run_requests(
            requests,
            finish,
            journal,
            # As many again as may wait for an answer, so that the cores go on finishing.
            threads=cores + (judge.parallel if rate else 0),
            max_failures_in_a_row=book.category.workers.edit.max_failures_in_a_row,
            report=factory.progress(context),
            apart=finished_and_rated,
            give_up=apart.give_up,
        )
    book = factory.book(book.name)
    return book, {"made": len(requests), **pairs_strip(book.at_work())}


EDIT_PAIRS = Stage(
    name="edit_pairs",
    after="edited_images",
    kinds=frozenset({"opencv", "pillow"}),
    version=PAIRS_VERSION,
    description="Composites each edit through a feathered alpha, encodes source and result once and "
    "alike, so that they are identical outside the allowed region, and measures the pair. Scores, no "
    "verdicts.",
    work=_finish,
)
