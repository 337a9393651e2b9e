"""Licences: what a text means by one, and what it lets others do with edited pictures.

| allows | licences |
|---|---|
| commercial use | public domain, CC0, PDM, CC BY, CC BY-SA of all versions; those of `_FREE` |
| research | the same with NC |
| neither | ND, which forbids to pass on what was changed; all rights reserved |

A licence that is not told, or not known, allows nothing for certain.
"""

import re
from collections.abc import Iterable
from typing import Literal

from iedf_assets.core.profile.sections import Limits

Allowed = Literal["commercial", "research", "nothing"]

UNKNOWN = "unknown"
RESERVED = "all rights reserved"
# Between the licences of photos that one sample was made of.
AND = " + "
# By their SPDX ids.
_FREE = (
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0",
    "CDLA-Sharing-1.0", "DL-DE-BY-2.0", "DL-DE-ZERO-2.0", "etalab-2.0", "GFDL-1.1-only", "GFDL-1.1-or-later",
    "GFDL-1.2-only", "GFDL-1.2-or-later", "GFDL-1.3-only", "GFDL-1.3-or-later", "ISC", "LAL-1.2", "LAL-1.3",
    "MIT", "MIT-0", "ODbL-1.0", "ODC-By-1.0", "OGL-UK-1.0", "OGL-UK-2.0", "OGL-UK-3.0", "PDDL-1.0",
    "Unlicense", "WTFPL",
)  # fmt: skip
_IDS = {name.lower(): name for name in (*_FREE, "CC0-1.0", "CC-PDM-1.0", "CC-PDDC")}
_OTHER_NAMES = {
    "cc0": "CC0-1.0", "cc zero": "CC0-1.0", "cc 0": "CC0-1.0", "cc0 1.0": "CC0-1.0", "cc zero 1.0": "CC0-1.0",
    "cc pdm": "CC-PDM-1.0", "pdm": "CC-PDM-1.0", "pdm 1.0": "CC-PDM-1.0", "public domain mark": "CC-PDM-1.0",
    "public domain mark 1.0": "CC-PDM-1.0", "public domain": "CC-PDDC", "pd": "CC-PDDC",
    "all rights reserved": RESERVED, "apache 2.0": "Apache-2.0",
    "cc0 1.0 universal": "CC0-1.0", "cc zero 1.0 universal": "CC0-1.0",
    "cc0 1.0 universal public domain dedication": "CC0-1.0",
}  # fmt: skip
_CC_PAGE = re.compile(
    r"creativecommons\.org/(?:licenses/(?P<terms>by(?:-nc)?(?:-(?:nd|sa))?)/(?P<version>\d\.\d)"
    r"(?:/(?P<place>[a-z]{2,3})(?=/|$))?|publicdomain/(?P<free>zero|mark)/1\.0|licenses/(?P<old>publicdomain))",
    re.IGNORECASE,
)
_CC_NAME = re.compile(
    r"(?:cc|creative commons) (?:by|attribution)(?P<terms>(?: (?:nc|nd|sa|non ?commercial|share ?alike|"
    r"no ?deriv(?:ative)?s?))*)(?: (?P<version>\d\.\d))?"
    r"(?: (?:international|generic|unported|(?P<place>[a-z]{2,3})))?"
)
_SHORT = (("nc", "non ?commercial"), ("nd", "no ?deriv(?:ative)?s?"), ("sa", "share ?alike"))
_OURS = re.compile(r"CC-BY(?P<nc>-NC)?(?P<nd>-ND)?(?:-SA)?(?:-\d\.\d)?(?:-[A-Z]{2,3})?")


def licence_of(text: str) -> str | None:
    """The SPDX id of the licence that a text names, by an id, a name or its page; None for no known one.

    A version that is not told is left out, as in `CC-BY`.
    """
    page = _CC_PAGE.search(text)
    if page:
        if page["terms"]:
            return _cc(page["terms"].split("-")[1:], page["version"], page["place"])
        return "CC0-1.0" if page["free"] == "zero" else "CC-PDM-1.0" if page["free"] else "CC-PDDC"
    known = _IDS.get(text.strip().lower())
    if known:
        return known
    # `Creative Commons Attribution-ShareAlike 4.0 International (CC BY-SA 4.0)` says it twice.
    name = re.sub(r"(?<=\S) *\((?:cc|CC)[^()]*\)", "", text.strip(" .")).lower()
    words = " ".join(re.sub(r"[-_/,()]+|\blicen[cs]e\b|^the\b", " ", name).split())
    match = _CC_NAME.fullmatch(words)
    if match is None:
        return _OTHER_NAMES.get(words) or _IDS.get(words.replace(" ", "-"))
    terms = [short for short, spelt in _SHORT if re.search(rf"\b(?:{short}|{spelt})\b", match["terms"])]
    return _cc(terms, match["version"], match["place"])


def allowed_by(licence: str | None) -> Allowed:
    """What a licence lets others do with edited pictures; `nothing` also where nobody knows.

    Args:
        licence: as `licence_of` gives it, or any text.
    """
    if licence in _IDS.values():
        return "commercial"
    match = _OURS.fullmatch(licence or "")
    if match is None or match["nd"]:
        return "nothing"
    return "research" if match["nc"] else "commercial"


def together(licences: Iterable[str | None]) -> str:
    """The licences of photos that one sample was made of, each once; `UNKNOWN` for untold ones."""
    return AND.join(dict.fromkeys(licence or UNKNOWN for licence in licences))


def permits(licence: str | None, limits: Limits) -> bool:
    """Whether a photo under a licence may be used as the profile wants to use the dataset."""
    if limits.use == "any":
        return True
    own = {(licence_of(name) or name).casefold(): allowed for name, allowed in limits.licences.items()}
    allowed = own.get((licence or "").casefold()) or allowed_by(licence)
    return allowed in {"commercial", limits.use}


def _cc(terms: list[str], version: str | None, place: str | None) -> str:
    ordered = [term.upper() for term in ("nc", "nd", "sa") if term in terms]
    parts = [
        "CC-BY",
        *ordered,
        *([version] if version else []),
        *([place.upper()] if version and place else []),
    ]
    return "-".join(parts)
