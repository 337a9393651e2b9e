from pathlib import Path

import pytest

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.bank import PATH, bank, read_bank
from iedf_assets.core.profile.subtypes import SUBTYPES, Recipes


def test_the_bank_holds_every_subtype() -> None:
    assert set(bank().edits) == set(SUBTYPES) == set(Recipes.model_fields)


def test_every_physical_change_that_people_ask_for_is_there() -> None:
    assert set(bank().edits["physical"].kinds) == {"melt", "freeze", "wet", "break", "age", "burn"}


def test_exact_phrases_are_every_core_in_every_frame() -> None:
    entry = bank().edits["physical"]
    english = entry.phrases("melt", "en")
    assert len(english) == len(entry.frames.en) * len(entry.kinds["melt"].en)
    assert "please make {it} melt" in english
    assert "请让{it}融化" in entry.phrases("melt", "ch")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("remove {it}", "remove {thing}", "field that it cannot have: thing"),
        ("remove {it}", "remove it", "names {it} in some phrases and not in others"),
        ("移除{it}", "remove {it} now", "is not Chinese"),
        ("erase {it} from the picture", "移除{it}", "is not English"),
        ("shift {it} {far} {direction}", "shift {it} {direction}", "does not say how much"),
        ("edit out {it}", "paint {it} {colour}", "field that it cannot have: colour"),
        ("edit out {it}", "shatter {it}", "stands both in delete/delete/exact and in physical/break/exact"),
        ("edit out {it}", "edit out {it", "a brace that stands alone"),
        ("below: 0.7,", "below: 0.4,", "does not go from the least upwards"),
        ("{far: a fair way}", "{far: a fair way, near: x}", "words for other fields"),
        ("group: the group of subjects in the photo", "gruppe: x", "words.en.group"),
        ("words:", "words: [", "cannot be used"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_of_phrases_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "edits.yaml"
    text = PATH.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ProfileError, match="cannot be used") as caught:
        read_bank(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)
