"""Jobs: one for the whole way of a wave, and one per stage."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

FACTORY, EXPORT = "factory", "export"
STAGE_JOBS = {
    "ingest": "source_images",
    "decompose": "image_layers",
    "generate": "edited_images",
    "finish": "edit_pairs",
    "publish": "dataset",
    "index": "dataset_index",
    "prove": "canaries",
    "write_report": "report",
}
# What is made when somebody asks for it, not with every wave.
ON_DEMAND = ("canaries", "report")


JUDGE = "judge"


def build_jobs(exports: Sequence[str] = ()) -> list[UnresolvedAssetJobDefinition]:
    """`factory` takes a wave of a category through all stages, `judge` only checks, others make a stage.

    Args:
        exports: names of the assets that are exports, which the job `export` makes.
    """
    whole = dg.define_asset_job(
        FACTORY,
        selection=dg.AssetSelection.all() - dg.AssetSelection.assets(*ON_DEMAND, *exports),
        description="A wave of a category's photos through all stages, with all checks and the index.",
    )
    judge = dg.define_asset_job(
        JUDGE,
        selection=dg.AssetSelection.all_asset_checks()
        - dg.AssetSelection.checks_for_assets(dg.AssetKey("canaries")),
        description="Only judges: all checks of all categories, on what lies on disk. Takes no partition; "
        "the resource factory's `categories` in the launchpad picks some.",
    )
    own = dg.define_asset_job(
        EXPORT,
        selection=dg.AssetSelection.assets(*exports),
        description="Makes all exports and their checks.",
    )
    return [
        whole,
        judge,
        *([own] if exports else []),
        *(
            dg.define_asset_job(
                job, selection=dg.AssetSelection.assets(asset), description=f"Makes {asset} and its checks."
            )
            for job, asset in STAGE_JOBS.items()
        ),
    ]
