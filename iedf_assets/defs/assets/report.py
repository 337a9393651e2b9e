"""report: the HTML page with every pair, its pictures, scores and reasons."""

import dagster as dg

from iedf_assets.core.report.building import build_report
from iedf_assets.defs.assets.merging import made_unless_others_are_broken
from iedf_assets.defs.automation import FOLLOWS_INDEX
from iedf_assets.defs.metadata import GROUP, OWNERS, source_of
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.telling.links import report_link

REPORT_VERSION = 1


def report_asset() -> dg.AssetsDefinition:
    """The asset, one for all categories."""

    @dg.asset(
        deps=["dataset_index"],
        group_name=GROUP,
        kinds={"html"},
        owners=OWNERS,
        automation_condition=FOLLOWS_INDEX,
        metadata=source_of(report_asset),
        code_version=str(REPORT_VERSION),
        description="A static page that opens from disk: all pairs, published and rejected, with before and "
        "after, masks, scores against their thresholds, reasons and accounts.",
    )
    def report(
        context: dg.AssetExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.MaterializeResult[None]:
        page = made_unless_others_are_broken(context, factory, "report", build_report)
        if isinstance(page, dg.MaterializeResult):
            return page
        return dg.MaterializeResult(
            metadata={
                "page": dg.MetadataValue.path(str(page)),
                "open": report_link(factory.profile),
                "review": dg.MetadataValue.md(
                    "`iedf dev` serves it beside the UI, else `iedf report --serve`"
                ),
            }
        )

    return report
