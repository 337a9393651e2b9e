"""The section of a profile about what happens by itself."""

import zoneinfo
from typing import Annotated

from pydantic import AfterValidator, Field

from iedf_assets.core.profile.fields import Strict


def _known_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; give one such as Asia/Shanghai or UTC") from error
    return name


Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]


class Automation(Strict):
    """When schedules run and sensors look, where pictures are, and who is told.

    Attributes:
        timezone: of the schedules, by its IANA name; null for the machine's.
        report_url: where the report is served, which links in the UI begin with; `iedf dev` serves it there
            when that is this machine.
        every_s: how often the sensors look, seconds; the daemon itself comes round every five.
        webhook: an address that gets a JSON message of each run that failed; null for none.
    """

    timezone: Annotated[str, AfterValidator(_known_zone)] | None = None
    report_url: Url = "http://127.0.0.1:8100"
    every_s: Annotated[int, Field(ge=1)] = 30
    webhook: Url | None = None
