"""Whose a photo is and what may be done with it: what people say beside it, else what its own file says."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from iedf_assets.core.pictures.formats.told_rights import ToldRights
from iedf_assets.core.profile.sections import Limits
from iedf_assets.core.sources.licences import licence_of, permits

Told = Mapping[str, Any]


class Rights(NamedTuple):
    """What is known of the rights in a photo.

    Attributes:
        licence: its SPDX id where it is one that is known, else as it was told.
        author: who made it.
        copyright: the notice in its file.
        source: where it comes from.
    """

    licence: str | None
    author: str | None
    copyright: str | None
    source: str | None


def rights_of(facts: Told | None, embedded: Told | None) -> Rights:
    """The rights in a photo.

    Args:
        facts, embedded: the columns `facts` and `rights` of its row of source_images.
    """
    said, own = facts or {}, embedded or {}
    licence = said.get("licence") or own.get("licence")
    return Rights(
        (licence_of(licence) or licence) if licence else None,
        said.get("author") or own.get("author"),
        own.get("copyright"),
        said.get("source"),
    )


def embedded_rights(told: ToldRights) -> dict[str, str] | None:
    """The column `rights` of a photo whose file says this; None where it says nothing."""
    hints = (*told.licences, *told.pages, *told.copyrights)
    licence = next(filter(None, map(licence_of, hints)), None) or next(iter(told.licences), None)
    found = {
        "licence": licence,
        "author": next(iter(told.authors), None),
        "copyright": next(iter(told.copyrights), None),
    }
    return {key: value for key, value in found.items() if value} or None


def held_back(
    photos: Iterable[tuple[str, Told | None, Told | None]], limits: Limits
) -> Iterator[tuple[str, str]]:
    """The photos that may not be used as the profile wants to, by path, and why.

    Args:
        photos: path, and the columns `facts` and `rights`.
    """
    for path, facts, embedded in photos if limits.use != "any" else ():
        licence = rights_of(facts, embedded).licence
        if not permits(licence, limits):
            what = f"its licence, {licence}," if licence else "no licence is told of it, which"
            yield path, f"{what} is not known to allow limits.use: {limits.use}"


def from_text(text: str | None) -> Any:
    """A nested column as it is in a manifest."""
    return json.loads(text) if text else None
