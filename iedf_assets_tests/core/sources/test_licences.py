"""Which licence a text means, and what it allows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.profile.sections import Limits
from iedf_assets.core.sources.licences import Allowed, allowed_by, licence_of, permits


@pytest.mark.parametrize(
    ("text", "licence", "allows"),
    [
        ("CC0", "CC0-1.0", "commercial"),
        ("CC0 1.0 Universal (CC0 1.0) Public Domain Dedication", "CC0-1.0", "commercial"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0", "commercial"),
        ("https://creativecommons.org/publicdomain/mark/1.0/deed.en", "CC-PDM-1.0", "commercial"),
        ("Public domain", "CC-PDDC", "commercial"),
        ("cc-by-4.0", "CC-BY-4.0", "commercial"),
        ("CC BY 4.0", "CC-BY-4.0", "commercial"),
        ("CC BY", "CC-BY", "commercial"),
        ("CC-BY-SA-3.0-DE", "CC-BY-SA-3.0-DE", "commercial"),
        ("© Ann, under https://creativecommons.org/licenses/by/3.0/us/", "CC-BY-3.0-US", "commercial"),
        ("Creative Commons Attribution 2.0 Generic", "CC-BY-2.0", "commercial"),
        ("the MIT License", "MIT", "commercial"),
        ("GFDL-1.2-or-later", "GFDL-1.2-or-later", "commercial"),
        (
            "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International (CC BY-NC-SA 4.0)",
            "CC-BY-NC-SA-4.0", "research",
        ),
        ("https://creativecommons.org/licenses/by-nc/4.0/", "CC-BY-NC-4.0", "research"),
        ("https://creativecommons.org/licenses/by-nd/2.0/deed.de", "CC-BY-ND-2.0", "nothing"),
        ("cc by-nc-nd 4.0", "CC-BY-NC-ND-4.0", "nothing"),
        ("All rights reserved.", "all rights reserved", "nothing"),
        # More is said than the name of a licence, so it is not that licence.
        ("CC BY 4.0, no AI training", None, "nothing"),
        ("Unsplash License", None, "nothing"),
        ("", None, "nothing"),
    ],
)  # fmt: skip
def test_a_licence_is_known_by_id_name_or_page(text: str, licence: str | None, allows: Allowed) -> None:
    assert licence_of(text) == licence
    assert allowed_by(licence) == allows
    assert licence is None or licence_of(licence) == licence


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_licence_or_none(text: str) -> None:
    licence = licence_of(text)
    assert licence is None or licence_of(licence) == licence


@pytest.mark.parametrize(
    ("use", "permitted"),
    [
        ("any", ["CC0-1.0", "CC-BY-NC-4.0", "CC-BY-ND-4.0", "house rules", None]),
        ("research", ["CC0-1.0", "CC-BY-NC-4.0"]),
        ("commercial", ["CC0-1.0"]),
    ],
)
def test_what_is_not_known_to_allow_a_use_is_not_permitted(use: str, permitted: list[str | None]) -> None:
    limits = Limits.model_validate({"use": use})
    licences = ["CC0-1.0", "CC-BY-NC-4.0", "CC-BY-ND-4.0", "house rules", None]
    assert [one for one in licences if permits(one, limits)] == permitted


def test_a_profile_says_what_further_licences_allow() -> None:
    told = {"House Rules": "commercial", "CC BY-NC 4.0": "commercial", "ours": "research"}
    limits = Limits.model_validate({"use": "commercial", "licences": told})
    assert permits("house rules", limits)
    assert permits("CC-BY-NC-4.0", limits)
    assert not permits("ours", limits)
