"""edited_images: the plan of a category's edits, and their pictures as the edit worker renders them."""

import dagster as dg

from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.requests import edit_requests, plan_edits
from iedf_assets.core.sources.scan import paths_on_disk
from iedf_assets.core.storage.journal import Journal
from iedf_assets.core.storage.keys import EDITS_VERSION
from iedf_assets.core.storage.manifests import frame, write_table
from iedf_assets.core.storage.space import require_space
from iedf_assets.defs.assets.stage import Stage
from iedf_assets.defs.instance import POOLS
from iedf_assets.defs.metadata import Metadata
from iedf_assets.defs.resources import Factory
from iedf_assets.launching.launch import launch


def _generate(context: dg.AssetExecutionContext, factory: Factory, book: Book) -> tuple[Book, Metadata]:
    at_work = book.at_work()
    plan = plan_edits(at_work)
    write_table(frame(plan, "edited_images"), factory.layout.manifest("plan", book.name))
    # What cannot be made, and what nothing is to be rendered for.
    settled = [row for row in plan if row["status"] != "planned" and row["key"] not in at_work.edits]
    with Journal(factory.layout.journal("edited_images", book.name)) as journal:
        journal.append(settled)
    requests = edit_requests(at_work, plan, paths_on_disk(factory.layout, book.name))
    require_space("edited_images", factory.layout.staging, len(requests), book.edits)
    worker = book.category.workers.edit
    report = factory.progress(context)
    launch(
        context,
        factory.layout,
        worker,
        "edited_images",
        requests,
        report,
        book.allowance,
        echo=not factory.has_terminal,
    )
    return factory.book(book.name), {"planned": len(plan), "made": len(requests)}


EDITED_IMAGES = Stage(
    name="edited_images",
    after="image_layers",
    kinds=frozenset({"opencv", "python"}),
    version=EDITS_VERSION,
    description="Plans the edits of each source (recipe and bilingual instruction, drawn from the seed), "
    "writes the plan, then has the edit worker render what is missing. The pictures stay raw "
    "here.",
    work=_generate,
    pool=POOLS["edited_images"],
)
