"""source_images: every file found in a category's folder, decoded, filtered, fingerprinted; one row each."""

import dagster as dg

from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.pending import wave_for
from iedf_assets.core.planning.withdrawals import require_few_withdrawals
from iedf_assets.core.sources import scan
from iedf_assets.core.sources.ingest import ingest, require_inputs
from iedf_assets.core.storage.journal import Journal
from iedf_assets.core.storage.keys import SOURCES_VERSION
from iedf_assets.defs.assets.stage import Stage
from iedf_assets.defs.metadata import Metadata
from iedf_assets.defs.resources import Factory

# Findings in facts that a run's log tells; the check facts_understood counts all.
SHOWN = 20


def _ingest(context: dg.AssetExecutionContext, factory: Factory, book: Book) -> tuple[Book, Metadata]:
    told = scan.look_around(factory.layout, book.name, factory.profile.sources)
    most = factory.profile.sources.max_loss_share
    found = require_inputs(book.layout.data / book.name, told and told.photos, book.sources, most)
    findings = told.findings if told else []
    for finding in findings[:SHOWN]:
        context.log.warning("a fact is not used: %s", finding)
    require_few_withdrawals(book, found)
    wave = set(wave_for(book, found))
    with Journal(factory.layout.journal("source_images", book.name)) as journal:
        rows = ingest(
            factory.profile, book.category, found, book.sources, wave, journal, factory.progress(context)
        )
    unmapped = scan.unmapped_folders(factory.layout, factory.profile)
    for line in scan.left_alone(factory.layout, factory.profile):
        context.log.warning(line)
    metadata: Metadata = {"wave": len(wave), "unmapped_folders": unmapped, "facts_not_used": len(findings)}
    return book.with_rows("source_images", rows), metadata


SOURCE_IMAGES = Stage(
    name="source_images",
    after=None,
    kinds=frozenset({"polars", "pillow"}),
    version=SOURCES_VERSION,
    description="Scans `data/<category>/`, decodes, filters and fingerprints: a manifest row for every "
    "file, with the reason when it is left out. Reads only; opens the wave that the later "
    "stages work on.",
    work=_ingest,
)
