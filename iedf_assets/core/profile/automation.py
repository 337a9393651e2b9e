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


class Automation(Strict):
    """When schedules run, and who is told.

    Attributes:
        timezone: of the schedules, by its IANA name; null for the machine's.
        webhook: an address that gets a JSON message of each run that failed; null for none.
    """

    timezone: Annotated[str, AfterValidator(_known_zone)] | None = None
    webhook: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
