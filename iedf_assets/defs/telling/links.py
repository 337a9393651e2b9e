"""Links from the UI into the report, as `iedf dev` serves it beside the UI."""

from urllib.parse import urlencode

import dagster as dg

from iedf_assets.core.profile.schema import Profile
from iedf_assets.defs.metadata import Metadata

PAGE = "reports/html/index.html"


def report_link(profile: Profile, **shown: str) -> dg.UrlMetadataValue:
    """The report's page, showing what has these values, such as `category`, `verdict` or `pair`."""
    fragment = f"#{urlencode(shown)}" if shown else ""
    return dg.MetadataValue.url(f"{profile.automation.report_url.rstrip('/')}/{PAGE}{fragment}")


def category_links(profile: Profile, category: str) -> Metadata:
    """The samples and the rejects of a category."""
    return {
        "look at samples": report_link(profile, category=category, verdict="published"),
        "look at rejects": report_link(profile, category=category, verdict="rejected"),
    }
