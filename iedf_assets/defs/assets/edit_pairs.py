"""edit_pairs: edits composited into their sources, both files encoded alike, scores measured."""

import dagster as dg

from iedf_assets.core.pairs.lot import finish_lot
from iedf_assets.core.pairs.making import AnyPair, made_apart
from iedf_assets.core.parallel import Report, thread_count
from iedf_assets.core.pictures.decoders import decoders
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.requests import pair_requests
from iedf_assets.core.sources.scan import paths_on_disk
from iedf_assets.core.storage.journal import Journal
from iedf_assets.core.storage.keys import PAIRS_VERSION
from iedf_assets.core.storage.leftovers import sweep_stage
from iedf_assets.core.storage.space import require_space
from iedf_assets.defs.assets.stage import Stage
from iedf_assets.defs.metadata import Metadata
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.strips import pairs_strip
from iedf_assets.launching.launch import launch


def _finish(context: dg.AssetExecutionContext, factory: Factory, book: Book) -> tuple[Book, Metadata]:
    requests = pair_requests(book.at_work(), paths_on_disk(factory.layout, book.name))
    sweep_stage(factory.layout, "edit_pairs")
    require_space("edit_pairs", factory.layout.staging, len(requests), book.pairs)
    workers, report = book.category.workers, factory.progress(context)
    finisher = workers.finish.elsewhere(workers.edit)
    if finisher is None:
        _finish_here(factory, book, requests, report)
    else:
        launch(context, factory.layout, finisher, "edit_pairs", requests, report, book.allowance)
    book = factory.book(book.name)
    return book, {"made": len(requests), **pairs_strip(book.at_work())}


def _finish_here(factory: Factory, book: Book, requests: list[AnyPair], report: Report) -> None:
    """Finish pairs on this machine's cores, each in a child process."""
    apart, timeout_s = decoders(factory.profile), factory.profile.sources.timeout_s
    edit = book.category.workers.edit
    with Journal(factory.layout.journal("edit_pairs", book.name)) as journal:
        finish_lot(
            requests,
            lambda request: made_apart(request, apart, timeout_s),
            journal,
            edit.judge,
            cores=thread_count(factory.profile.threads),
            max_failures_in_a_row=edit.max_failures_in_a_row,
            report=report,
            give_up=apart.give_up,
        )


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
