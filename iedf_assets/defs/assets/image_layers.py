"""image_layers: each source split into RGBA layers and a main mask by the layered worker."""

import dagster as dg

from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.requests import layer_requests
from iedf_assets.core.sources.scan import paths_on_disk
from iedf_assets.core.storage.keys import LAYERS_VERSION
from iedf_assets.core.storage.space import require_space
from iedf_assets.defs.assets.stage import Stage
from iedf_assets.defs.instance import POOLS
from iedf_assets.defs.metadata import Metadata
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.strips import layers_strip
from iedf_assets.launching.launch import launch


def _decompose(context: dg.AssetExecutionContext, factory: Factory, book: Book) -> tuple[Book, Metadata]:
    requests = layer_requests(book.at_work(), paths_on_disk(factory.layout, book.name))
    require_space("image_layers", factory.layout.staging, len(requests), book.layers)
    worker = book.category.workers.layered
    report = factory.progress(context)
    launch(
        context,
        factory.layout,
        worker,
        "image_layers",
        requests,
        report,
        book.allowance,
        echo=not factory.has_terminal,
    )
    book = factory.book(book.name)
    return book, {"made": len(requests), **layers_strip(book.at_work())}


IMAGE_LAYERS = Stage(
    name="image_layers",
    after="source_images",
    kinds=frozenset({"opencv", "python"}),
    version=LAYERS_VERSION,
    description="RGBA layers, a completed background and a main mask of each accepted source, as far as "
    "the planned edits need them. Made by the layered worker in its own environment, through Pipes.",
    work=_decompose,
    pool=POOLS["image_layers"],
)
