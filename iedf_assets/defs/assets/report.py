"""report: the HTML page with every pair, its pictures, scores and reasons."""

import dagster as dg

from iedf_assets.core.errors import StorageError
from iedf_assets.core.planning.book import is_readable
from iedf_assets.core.report.building import build_report
from iedf_assets.defs.metadata import OWNERS
from iedf_assets.defs.resources import PARTITION_TAG, Factory

REPORT_VERSION = 1


def report_asset() -> dg.AssetsDefinition:
    """The asset, one for all categories."""

    @dg.asset(
        deps=["dataset_index"],
        group_name="publish",
        kinds={"html"},
        owners=OWNERS,
        code_version=str(REPORT_VERSION),
        description="A static page that opens from disk: all pairs, published and rejected, with before and "
        "after, masks, scores against their thresholds, reasons and accounts.",
    )
    def report(
        context: dg.AssetExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.MaterializeResult[None]:
        try:
            page = build_report(factory.profile, factory.layout)
        except StorageError as error:
            own = context.run.tags.get(PARTITION_TAG)
            if own is None or not is_readable(factory.profile, factory.layout, own):
                raise
            # Another category's tables are broken: this one is published all the same.
            context.log.warning("the report stays as it was: %s", error)
            return dg.MaterializeResult(metadata={"not written": str(error)})
        return dg.MaterializeResult(
            metadata={
                "page": dg.MetadataValue.path(str(page)),
                "open": dg.MetadataValue.url(page.absolute().as_uri()),
                "review": dg.MetadataValue.md("`iedf report --serve` serves it with review buttons"),
            }
        )

    return report
