"""Text on objects: what may be quoted, and whether an edit made of it what it was to make."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iedf_assets.core.edits.lettering import lettering, likeness, quotable

REPLACED = {"subtype": "replace_text", "kind": "open", "lettering": "CLOSED TODAY"}
REMOVED = {"subtype": "remove_text", "lettering": "CLOSED TODAY"}


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("  OPEN\n 24h ", "OPEN 24h"), ("营业中", "营业中"), ("", None), ("...", None), ("x" * 41, None),
     ('say "hi"', None), ("{it}", None)],
)  # fmt: skip
def test_what_may_be_quoted_is_one_short_line_with_letters(text: str, quoted: str | None) -> None:
    assert quotable(text) == quoted


@pytest.mark.parametrize(
    ("recipe", "read", "least", "most"),
    [
        ({"subtype": "write", "kind": "open"}, "We are open!", 1, 1),
        ({"subtype": "write", "kind": "open"}, "OPFN", 0.7, 0.8),
        ({"subtype": "write", "kind": "open"}, "", 0, 0),
        ({"subtype": "write", "kind": "happiness"}, "福", 1, 1),
        (REPLACED, "OPEN", 1, 1),
        (REPLACED, "open closed today", 0, 0.6),
        (REPLACED, "CLOSED TODAY", 0, 0.6),
        (REMOVED, "", 1, 1),
        (REMOVED, "CLOSED", 0, 0.5),
        (REMOVED, "closed today", 0, 0),
        ({"subtype": "replace_text", "kind": "open", "lettering": "OPE"}, "OPEN", 1, 1),
    ],
)
def test_a_text_is_what_was_asked_for_and_not_what_was_to_go(
    recipe: dict[str, str], read: str, least: float, most: float
) -> None:
    found = lettering(recipe, read)
    assert found is not None
    assert least <= found <= most


def test_an_edit_of_no_text_or_in_own_words_says_nothing() -> None:
    assert lettering({"subtype": "replace", "kind": "cat"}, "OPEN") is None
    assert lettering({"subtype": "write", "text": "write a poem"}, "OPEN") is None


TEXTS = st.text("aábCDé7福 ", min_size=1).filter(str.strip)


@given(TEXTS, TEXTS)
def test_likeness_is_a_share_and_a_text_is_like_itself(text: str, other: str) -> None:
    assert 0 <= likeness(text, other) <= 1
    assert likeness(text, f"{other}{text}") == 1
