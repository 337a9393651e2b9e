"""image_layers: each source split into RGBA layers and a main mask by the layered worker."""

import dagster as dg
import polars as pl

from iedf_assets.core.planning.requests import layer_requests
from iedf_assets.core.sources.scan import paths_on_disk
from iedf_assets.core.storage.keys import LAYERS_VERSION
from iedf_assets.core.storage.space import require_space
from iedf_assets.defs.columns import column_schema
from iedf_assets.defs.instance import POOLS
from iedf_assets.defs.metadata import OWNERS, result
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.strips import layers_strip
from iedf_assets.launching.launch import launch


def image_layers_asset(partitions: dg.StaticPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset for a profile's categories."""

    @dg.asset(
        partitions_def=partitions,
        deps=["source_images"],
        group_name="decompose",
        kinds={"opencv", "python"},
        owners=OWNERS,
        pool=POOLS["image_layers"],
        code_version=str(LAYERS_VERSION),
        metadata=column_schema("image_layers"),
        description="RGBA layers, a completed background and a main mask of each accepted source, as far as "
        "the planned edits need them. Made by the layered worker in its own environment, through Pipes.",
    )
    def image_layers(
        context: dg.AssetExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.MaterializeResult[pl.LazyFrame]:
        category = context.partition_key
        book = factory.book(category)
        requests = layer_requests(book.at_work(), paths_on_disk(factory.layout, category))
        require_space("image_layers", factory.layout.staging, len(requests), book.layers)
        worker = book.category.workers.layered
        report = factory.progress(context)
        launch(context, factory.layout, worker, "image_layers", requests, report, book.allowance)
        book = factory.book(category)
        return result(book, "image_layers", {"made": len(requests), **layers_strip(book.at_work())})

    return image_layers
