"""Which slots are derived of the published ones of a photo."""

import pytest

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.storage.keys import Keys, Slot, try_of_name
from iedf_assets.core.storage.slots.derived import chain_of, turn_of, turns_of
from iedf_assets_tests.helpers.profiles import CLASSICAL

CATEGORY = "物理变化"


def keys_of(subtypes: str, derive: str) -> Keys:
    settings = [f"categories.{CATEGORY}.subtypes={subtypes}", f"derive={derive}"]
    profile = load_profile(CLASSICAL, settings)
    return Keys(profile, profile.category(CATEGORY))


def derived(keys: Keys, *turned_down: str) -> list[Slot]:
    """All that comes of a photo whose slots are all published, but for some."""
    names = set(turned_down)
    return list(
        keys.derived(keys.slots("abc"), lambda slot: slot.name not in names, lambda slot: slot.name in names)
    )


def test_nothing_is_derived_unless_it_is_asked_for() -> None:
    assert derived(keys_of("{move: 1}", "{}")) == []


def test_each_own_edit_that_has_a_way_back_gets_one_inverse() -> None:
    slots = derived(keys_of("{move: 1, delete: 2, identity: 1, contrast: 1}", "{inverse: true}"))
    assert [slot.name for slot in slots] == [
        "abc/contrast/0+inverse", "abc/delete/0+inverse", "abc/delete/1+inverse", "abc/move/0+inverse",
    ]  # fmt: skip
    assert [slot.subtype.name for slot in slots] == ["contrast", "add", "add", "move"]


def test_a_chain_takes_edits_of_other_objects_first_and_whole_pictures_then() -> None:
    keys = keys_of("{delete: 2, move: 1}", "{turns: 4}")
    slots = derived(keys)
    assert [(slot.role, slot.subtype.name) for slot in slots][:2] == [("turn2", "delete"), ("turn3", "move")]
    assert slots[2].subtype.tier == "stated"
    own = keys.slots("abc")
    assert chain_of(slots[2]) == [*own, slots[2]]
    assert [turn_of(slot.role) for slot in slots] == [2, 3, 4]
    assert len({slot.edit_key for slot in slots}) == 3


def test_a_turn_that_is_turned_down_has_others_to_take_its_place() -> None:
    keys = keys_of("{delete: 2, move: 1}", "{turns: 2}")
    first, second, *_ = derived(keys, "abc/delete/0+turn2")
    assert [first.parents[1].name, second.parents[1].name] == ["abc/delete/1", "abc/move/0"]
    assert second.name == "abc/delete/0+turn2/2"
    assert try_of_name(second.name) == (first.name, 2)


def test_a_background_is_edited_only_around_a_subject_that_stayed() -> None:
    last = [
        derived(keys_of(f"{{{name}: 1, background: 1}}", "{turns: 2}"))[0] for name in ("identity", "move")
    ]
    assert [slot.subtype.name == "background" for slot in last] == [True, False]


def test_half_of_the_chains_begin_with_a_move_that_an_edit_of_light_or_colour_can_go_on_from() -> None:
    def begun(subtypes: str) -> list[str]:
        keys = keys_of(subtypes, "{turns: 2}")
        chains = [
            next(keys.derived(keys.slots(photo), lambda _: True, lambda _: False)) for photo in ("abf", "abg")
        ]
        return [slot.parents[0].subtype.name for slot in chains]

    assert begun("{background: 1, identity: 1, move: 1}") == ["identity", "move"]
    assert begun("{delete: 2, identity: 1, move: 1}") == ["delete", "move"]
    assert begun("{delete: 1, move: 1}") == ["delete", "delete"]


def test_a_chain_stays_when_what_does_not_begin_it_is_published_later() -> None:
    keys = keys_of("{background: 1, delete: 2, identity: 1, move: 1}", "{turns: 3}")

    def chain(*missing: str) -> list[str]:
        slots = keys.derived(keys.slots("abg"), lambda slot: slot.name not in missing, lambda _: False)
        return [slot.name for slot in slots]

    assert chain("abg/delete/0", "abg/background/0") == chain() == ["abg/move/0+turn2", "abg/move/0+turn3"]


def test_only_objects_edits_are_composed_and_different_variants_first() -> None:
    keys = keys_of("{delete: 2, move: 1, background: 1, contrast: 1}", "{compose: 3}")
    (first,) = derived(keys)
    assert first.name == "abc/composed/0"
    assert [slot.name for slot in first.parents] == ["abc/delete/0", "abc/delete/1"]
    assert first.subtype.task == "composite_edit"
    second = derived(keys, first.name)[1]
    assert second.name == "abc/composed/0/2"
    assert [slot.name for slot in second.parents] == ["abc/delete/1", "abc/move/0"]


def test_a_background_is_composed_with_what_stayed_in_its_place_and_comes_last() -> None:
    keys = keys_of("{recolor: 1, move: 1, background: 1}", "{compose: 2}")
    found = [
        [
            tuple(parent.subtype.name for parent in slot.parents)
            for slot in keys.derived(keys.slots(photo), lambda slot: not slot.parents, lambda _: True)
        ]
        for photo in ("abc", "abd")
    ]
    around, apart = ("recolor", "background"), ("move", "recolor")
    # Half of the photos begin with either.
    assert found in ([[apart, around], [around, apart]], [[around, apart], [apart, around]])


def test_workers_render_turns_alone_but_for_those_of_the_whole_picture() -> None:
    keys = keys_of("{delete: 2, move: 1}", "{turns: 3, inverse: true, compose: 2}")
    rendered = {slot.role: slot.is_rendered for slot in derived(keys)}
    assert rendered == {"inverse": False, "composed": False, "turn2": True, "turn3": True}
    assert all(slot.is_rendered for slot in keys.slots("abc"))
    last = derived(keys_of("{delete: 1}", "{turns: 2}"))[-1]
    assert (last.subtype.tier, last.is_rendered) == ("stated", False)
    third = next(slot for slot in derived(keys) if slot.role == "turn3")
    assert [turn.role for turn in turns_of(third)] == ["", "turn2", "turn3"]


def test_a_chain_of_one_turn_is_none() -> None:
    with pytest.raises(ProfileError, match="two turns or more"):
        load_profile(CLASSICAL, ["derive.turns=1"])


def test_no_profile_plans_what_is_only_composed() -> None:
    with pytest.raises(ProfileError, match="unknown subtype composed"):
        load_profile(CLASSICAL, [f"categories.{CATEGORY}.subtypes={{composed: 1}}"])
