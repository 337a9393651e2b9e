from iedf_assets.core.profile.bank import bank
from iedf_assets.core.profile.subtypes import SUBTYPES, Recipes


def test_the_bank_holds_what_only_a_model_can_do() -> None:
    assert {name for name, subtype in SUBTYPES.items() if subtype.needs_model} <= set(bank()) <= set(SUBTYPES)
    assert set(bank()) <= set(Recipes.model_fields)


def test_every_physical_change_that_people_ask_for_is_there() -> None:
    assert set(bank()["physical"].kinds) == {"melt", "freeze", "wet", "break", "age", "burn"}


def test_phrases_are_every_core_in_every_frame() -> None:
    entry = bank()["physical"]
    texts = entry.phrases("melt")
    assert len(texts.en) == len(entry.frames.en) * len(entry.kinds["melt"].en)
    assert "please make {it} melt" in texts.en
    assert "请让{it}融化" in texts.ch
