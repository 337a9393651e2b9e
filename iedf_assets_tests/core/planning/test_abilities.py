"""Nothing is asked of a class that it cannot do."""

import pytest

from iedf_assets.core.edits.recipes import Unplannable
from iedf_assets.core.planning.abilities import BEYOND_MODEL, able
from iedf_assets.core.profile.editors import editor_of
from iedf_assets.core.profile.subtypes import SUBTYPES, Kinds, Move


@pytest.mark.parametrize("subtype", ["write", "replace_text"])
def test_a_class_that_writes_english_alone_is_asked_for_no_chinese(subtype: str) -> None:
    english = able(Kinds(), SUBTYPES[subtype], editor_of("FluxKontextPipeline"))
    assert set(english.kinds) == {"sale", "hello", "year", "open"}
    none = able(Kinds(kinds=("welcome",)), SUBTYPES[subtype], editor_of("FluxKontextPipeline"))
    assert isinstance(none, Unplannable)
    assert none.reason == BEYOND_MODEL


@pytest.mark.parametrize("class_name", ["QwenImageEditPlusPipeline", "NextYearsEditPipeline", None])
def test_of_others_everything_is_asked(class_name: str | None) -> None:
    editor = editor_of(class_name) if class_name else None
    for subtype in ("write", "replace_text", "remove_text", "replace"):
        assert able(Kinds(), SUBTYPES[subtype], editor) == Kinds()
    assert able(Move(), SUBTYPES["move"], editor) == Move()


def test_own_words_are_nobody_s_kind() -> None:
    own = Kinds(instruction="写上“福”")
    assert able(own, SUBTYPES["write"], editor_of("Flux2KleinPipeline")) == own
