"""Nothing is asked of a class that it cannot do."""

import json
from pathlib import Path

import pytest

from iedf_assets.core.edits.recipes import Unplannable
from iedf_assets.core.planning.abilities import BEYOND_MODEL, Abilities
from iedf_assets.core.profile.subtypes import SUBTYPES, Kinds, Move
from iedf_assets.core.profile.workers import EditWorker


def abilities(folder: Path, class_name: str, **more: object) -> Abilities:
    (folder / "model_index.json").write_text(json.dumps({"_class_name": class_name}))
    return Abilities.of(EditWorker.model_validate({"backend": "diffusers", "model_dir": folder, **more}))


@pytest.mark.parametrize("subtype", ["write", "replace_text"])
def test_a_class_that_writes_english_alone_is_asked_for_no_chinese(tmp_path: Path, subtype: str) -> None:
    kontext = abilities(tmp_path, "FluxKontextPipeline")
    assert set(kontext.within(Kinds(), SUBTYPES[subtype]).kinds) == {"sale", "hello", "year", "open"}
    none = kontext.within(Kinds(kinds=("welcome",)), SUBTYPES[subtype])
    assert isinstance(none, Unplannable)
    assert none.reason == BEYOND_MODEL


@pytest.mark.parametrize("class_name", ["QwenImageEditPlusPipeline", "NextYearsEditPipeline"])
def test_of_others_everything_is_asked(tmp_path: Path, class_name: str) -> None:
    can = abilities(tmp_path, class_name)
    for subtype in ("write", "replace_text", "remove_text", "replace"):
        assert can.within(Kinds(), SUBTYPES[subtype]) == Kinds()
    assert can.within(Move(), SUBTYPES["move"]) == Move()


def test_own_words_are_nobody_s_kind(tmp_path: Path) -> None:
    own = Kinds(instruction="写上“福”")
    assert abilities(tmp_path, "Flux2KleinPipeline").within(own, SUBTYPES["write"]) == own


def test_only_a_class_that_takes_several_pictures_is_shown_another(tmp_path: Path) -> None:
    asked = Kinds(kinds=("reference", "cat"))
    elsewhere = {"launcher": "service", "endpoints": ["http://127.0.0.1:1"]}
    kinds = [
        abilities(tmp_path, class_name, **more).within(asked, SUBTYPES["replace"]).kinds
        for class_name, more in (
            ("QwenImageEditPlusPipeline", {}),
            ("QwenImageEditPipeline", {}),
            ("NextYearsEditPipeline", {}),
            ("QwenImageEditPlusPipeline", elsewhere),
        )
    ]
    assert kinds == [("reference", "cat"), ("cat",), ("cat",), ("cat",)]
