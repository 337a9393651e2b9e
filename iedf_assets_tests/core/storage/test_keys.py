import pytest

from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.subtypes import Move, Recipes
from iedf_assets.core.storage.keys import (
    Keys,
    Said,
    Slot,
    digest,
    edit_id,
    needed_level,
    seed_from,
    sources_settings,
)


def keys_with(setting: str | None = None) -> tuple[str, Slot]:
    profile = load_profile(settings=[setting] if setting else [])
    category = profile.category("物理变化")
    return sources_settings(profile, category), Keys(profile, category).slots("abc")[0]


@pytest.mark.parametrize(
    ("setting", "stays"),
    [
        ("thresholds.composited.max_mse_outside=2", ("sources", "layers_key", "edit_key", "pair_key")),
        ("encoding.jpeg_quality=90", ("sources", "layers_key", "edit_key")),
        ("seed=7", ("sources", "layers_key")),
        ("recipes.move.max_shift=0.3", ("sources", "layers_key")),
        ("recipes.move.by=model", ("sources", "layers_key")),
        ("recipes.move.by=layers", ("sources", "layers_key", "edit_key", "pair_key", "verdict_key")),
        ("recipes.delete.max_area=0.3", ("sources", "layers_key", "edit_key", "pair_key", "verdict_key")),
        ("filters.min_width=200", ("layers_key", "edit_key", "pair_key", "verdict_key")),
        ("max_megapixels=2", ()),
        ("wave=7", ("sources", "layers_key", "edit_key", "pair_key", "verdict_key")),
        ("workers.edit.threads=1", ("sources", "layers_key", "edit_key", "pair_key", "verdict_key")),
    ],
)
def test_a_setting_changes_exactly_the_keys_that_depend_on_it(setting: str, stays: tuple[str, ...]) -> None:
    sources, slot = keys_with()
    changed_sources, changed = keys_with(setting)
    kept = {name for name in ("layers_key", "edit_key", "pair_key", "verdict_key")
            if getattr(slot, name) == getattr(changed, name)}  # fmt: skip
    kept |= {"sources"} if sources == changed_sources else set()
    assert kept == set(stays)
    assert changed.name == slot.name


def test_adding_a_subtype_leaves_the_other_subtypes_edits_alone() -> None:
    category = "categories.物理变化"
    before = load_profile(settings=[f"{category}.subtypes={{move: 1}}"])
    after = load_profile(settings=[f"{category}.subtypes={{move: 2, delete: 1}}"])
    keys = [{slot.edit_key for slot in Keys(p, p.category("物理变化")).slots("abc")} for p in (before, after)]
    assert keys[0] < keys[1]
    assert len(keys[1]) == 3


def test_the_level_is_the_most_that_any_subtype_needs() -> None:
    def level(subtypes: str) -> str:
        return needed_level(
            load_profile(settings=[f"categories.物理变化.subtypes={subtypes}"]).category("物理变化")
        )

    assert level("{identity: 1}") == "mask"
    assert level("{identity: 1, move: 1}") == "layers"
    assert level("{identity: 1, move: 0}") == "mask"
    assert level("{move: 0}") == "none"


def test_the_layers_key_does_not_depend_on_which_subtype_needs_the_layers() -> None:
    one = load_profile(settings=["categories.物理变化.subtypes={move: 1}"])
    other = load_profile(settings=["categories.物理变化.subtypes={scale: 3}"])
    keys = {Keys(p, p.category("物理变化")).layers_key("x") for p in (one, other)}
    assert len(keys) == 1


def test_digests_do_not_depend_on_dictionary_order_and_seeds_suit_opencv() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest("ab") != digest("a", "b")
    assert 0 <= seed_from("anything") < 2**31


def test_edit_ids_follow_source_recipe_and_worker() -> None:
    ids = {edit_id("s", {"dx": 1}, ["classical"]), edit_id("t", {"dx": 1}, ["classical"]),
           edit_id("s", {"dx": 2}, ["classical"]), edit_id("s", {"dx": 1}, ["other"])}  # fmt: skip
    assert len(ids) == 4


def slots_said(said: Said, subtypes: str = "{move: 1, brightness: 1, background: 1}") -> dict[str, Slot]:
    profile = load_profile(settings=[f"categories.物理变化.subtypes={subtypes}"])
    slots = Keys(profile, profile.category("物理变化"), {"abc": said}).slots("abc")
    return {slot.subtype.name: slot for slot in slots}


def test_the_keys_of_a_source_that_nothing_is_said_of_are_as_they_ever_were() -> None:
    assert slots_said(Said()) == slots_said(Said.of({"licence": "MIT"})) == slots_said(Said(scene="mixed"))


def test_a_name_changes_the_edits_that_call_the_object_by_it_and_no_others() -> None:
    before, after = slots_said(Said()), slots_said(Said.of({"objects": [{"en": "dog", "ch": "狗"}]}))
    changed = {name for name in before if before[name].edit_key != after[name].edit_key}
    assert changed == {"move", "background"}
    assert {slot.layers_key for slot in before.values()} == {slot.layers_key for slot in after.values()}
    assert before["brightness"] == after["brightness"]


def test_a_scene_changes_where_samples_go_and_no_edit() -> None:
    before, after = slots_said(Said()), slots_said(Said.of({"scene": "park"}))
    for name, slot in before.items():
        assert after[name].scene == "park"
        assert (after[name].edit_key, after[name].pair_key) == (slot.edit_key, slot.pair_key)
        assert after[name].verdict_key != slot.verdict_key


def test_who_makes_a_move_is_in_its_keys_only_where_that_is_a_model() -> None:
    assert "by" not in Recipes().in_keys("move")
    assert Recipes(move=Move(by="model")).in_keys("move")["by"] == "model"
