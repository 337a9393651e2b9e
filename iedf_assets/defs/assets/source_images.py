"""source_images: every file found in a category's folder, decoded, filtered, fingerprinted; one row each."""

import dagster as dg
import polars as pl

from iedf_assets.core.errors import InputsLostError
from iedf_assets.core.planning.pending import wave_for
from iedf_assets.core.sources import scan
from iedf_assets.core.sources.ingest import ingest, require_inputs
from iedf_assets.core.storage.journal import Journal
from iedf_assets.core.storage.keys import SOURCES_VERSION
from iedf_assets.defs.columns import column_schema
from iedf_assets.defs.metadata import OWNERS, result
from iedf_assets.defs.resources import Factory


def source_images_asset(partitions: dg.StaticPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset for a profile's categories."""

    @dg.asset(
        partitions_def=partitions,
        group_name="ingest",
        kinds={"polars", "pillow"},
        owners=OWNERS,
        code_version=str(SOURCES_VERSION),
        metadata=column_schema("source_images"),
        description="Scans `data/<category>/`, decodes, filters and fingerprints: a manifest row for every "
        "file, with the reason when it is left out. Reads only; opens the wave that the later "
        "stages work on.",
    )
    def source_images(
        context: dg.AssetExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.MaterializeResult[pl.LazyFrame]:
        category = context.partition_key
        book = factory.book(category)
        found = scan.find_files(factory.layout, category)
        try:
            share = factory.profile.sources.max_loss_share
            found = require_inputs(category, found, book.sources, share)
        except InputsLostError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        wave = set(wave_for(book, found))
        with Journal(factory.layout.journal("source_images", category)) as journal:
            rows = ingest(
                factory.profile, book.category, found, book.sources, wave, journal, factory.progress(context)
            )
        unmapped = scan.unmapped_folders(factory.layout, factory.profile)
        for folder in unmapped:
            context.log.warning("data/%s is in no category of the profile; its photos are left alone", folder)
        book = book.with_rows("source_images", rows)
        return result(book, "source_images", {"wave": len(wave), "unmapped_folders": unmapped})

    return source_images
