"""Nothing is asked of a class that it cannot do."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from iedf_assets.core.edits.recipes import Unplannable
from iedf_assets.core.planning.abilities import BEYOND_MODEL, Abilities
from iedf_assets.core.profile.editors import editor_of
from iedf_assets.core.profile.subtypes import SUBTYPES, Kinds, Move, Relocating, Scale
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


@pytest.mark.parametrize("limits", [Move(by="model"), Scale(by="model")])
def test_only_a_class_that_takes_several_pictures_draws_a_move(tmp_path: Path, limits: Relocating) -> None:
    subtype = SUBTYPES[type(limits).__name__.lower()]
    assert abilities(tmp_path, "QwenImageEditPlusPipeline").within(limits, subtype) == limits
    elsewhere = {"launcher": "service", "endpoints": ["http://127.0.0.1:1"]}
    for can in (
        abilities(tmp_path, "QwenImageEditPipeline"),
        abilities(tmp_path, "NextYearsEditPipeline"),
        abilities(tmp_path, "QwenImageEditPlusPipeline", **elsewhere),
        Abilities.of(EditWorker()),
    ):
        refused = can.within(limits, subtype)
        assert isinstance(refused, Unplannable)
        assert refused.reason == BEYOND_MODEL
        by_layers = limits.model_copy(update={"by": "layers"})
        assert can.within(by_layers, subtype) == by_layers


@pytest.mark.parametrize(
    ("languages", "told_in"), [("en, zh", "en"), ("en", "en"), ("unknown", "en"), ("zh", "ch")]
)
def test_a_class_is_told_in_english_unless_it_takes_chinese_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, languages: str, told_in: str
) -> None:
    kind = replace(editor_of("QwenImageEditPlusPipeline"), languages=languages)
    monkeypatch.setattr(EditWorker, "editor", property(lambda _: kind))
    assert abilities(tmp_path, "QwenImageEditPlusPipeline").language == told_in
