"""Whose a photo is: what people say beside it, else what its own file says."""

from iedf_assets.core.profile.sections import Limits
from iedf_assets.core.sources.rights import Rights, held_back, rights_of

OWN = {"licence": "CC-BY-NC-4.0", "author": "Zoë", "copyright": "© Zoë"}


def test_what_people_say_goes_before_what_the_file_says() -> None:
    facts = {"licence": "cc by 4.0", "source": "https://example.org/7"}
    assert rights_of(facts, OWN) == Rights("CC-BY-4.0", "Zoë", "© Zoë", "https://example.org/7")
    assert rights_of(None, OWN) == Rights("CC-BY-NC-4.0", "Zoë", "© Zoë", None)
    assert rights_of(None, None) == Rights(None, None, None, None)


def test_a_licence_that_is_not_known_stays_as_it_was_told() -> None:
    assert rights_of({"licence": "house rules"}, OWN).licence == "house rules"


def test_what_may_not_be_used_is_held_back_with_the_reason() -> None:
    photos = [
        ("a", {"licence": "MIT"}, None),
        ("b", None, OWN),
        ("c", {"licence": "mine"}, None),
        ("d", None, None),
    ]
    assert list(held_back(photos, Limits())) == []
    assert dict(held_back(photos, Limits(use="commercial"))) == {
        "b": "its licence, CC-BY-NC-4.0, is not known to allow limits.use: commercial",
        "c": "its licence, mine, is not known to allow limits.use: commercial",
        "d": "no licence is told of it, which is not known to allow limits.use: commercial",
    }
    assert list(dict(held_back(photos, Limits(use="research")))) == ["c", "d"]
