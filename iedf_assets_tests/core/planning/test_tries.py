"""A slot goes on to its next try when one is turned down, and no further than it has to."""

import pytest

from iedf_assets.core.judging.choosing import NOT_THE_BEST
from iedf_assets.core.planning.accounts import Slots, slots_of
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.keys import Keys, Slot, try_of_name
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.reviews import add_review
from iedf_assets_tests.helpers.pair_making import Plant
from iedf_assets_tests.helpers.runs import with_settings

CATEGORY = "物体一致性"
ELSEWHERE = "{backend: diffusers, launcher: service, endpoints: [http://127.0.0.1:1], revision: one}"
BEST_OF_THREE = ("tries=3", "choose=best", f"workers.edit={ELSEWHERE}")


@pytest.fixture
def plant(profile: Profile, layout: Layout) -> Plant:
    """A category whose edits have three tries each."""
    return Plant(with_settings(profile, "tries=3"), layout, CATEGORY)


def names(plant: Plant, status: str) -> set[str]:
    return {name for name, row in plant.rows.items() if row["status"] == status}


def book_of(plant: Plant) -> Book:
    plant.save()
    return Book.open(plant.profile, plant.layout, CATEGORY)


def test_the_first_try_has_the_keys_that_an_edit_without_tries_has(profile: Profile, plant: Plant) -> None:
    category = profile.category(CATEGORY)
    assert Keys(profile, category).slots("abc") == plant.keys.slots("abc")
    tries = plant.keys.tries("abc")
    assert [slot.number for slot in tries] == [1, 2, 3]
    assert len({key for slot in tries for key in (slot.edit_key, slot.pair_key, slot.verdict_key)}) == 9
    assert [try_of_name(slot.name) for slot in tries] == [(tries[0].name, n) for n in (1, 2, 3)]
    assert plant.keys.next_try(tries[0]) == tries[1]
    assert plant.keys.next_try(tries[2]) is None


def test_a_slot_whose_try_passes_has_no_other(plant: Plant) -> None:
    plant.make()
    plant.judge()
    assert names(plant, "published") == {slot.name for slot in plant.slots} == set(plant.rows)
    assert slots_of(book_of(plant)) == Slots(4, 4, 0, 0, 4)


def test_a_turned_down_try_makes_its_slot_pending_again_with_the_next(plant: Plant) -> None:
    first = plant.slots[0]
    plant.no_ops = frozenset({first.name})
    plant.make()
    plant.judge()
    second = plant.keys.next_try(first)
    assert second
    assert names(plant, "rejected") == {first.name}
    assert names(plant, "pending") == {second.name}
    book = book_of(plant)
    assert [slot.name for slot in book.tries_of(first)] == [first.name, second.name]
    assert slots_of(book) == Slots(4, 3, 1, 0, 5)

    plant.make_slot(second)
    plant.judge()
    assert names(plant, "published") == {second.name, *(slot.name for slot in plant.slots[1:])}
    assert names(plant, "rejected") == {first.name}
    assert slots_of(book_of(plant)) == Slots(4, 4, 0, 0, 5)


def test_after_the_last_try_a_slot_is_given_up(plant: Plant) -> None:
    tries = plant.keys.tries(plant.slots[0].source_id)
    plant.no_ops = frozenset(slot.name for slot in tries)
    plant.make()
    for slot in tries[1:]:
        plant.judge()
        plant.make_slot(slot)
    plant.judge()
    assert names(plant, "rejected") == {slot.name for slot in tries}
    assert names(plant, "pending") == set()
    assert slots_of(book_of(plant)) == Slots(4, 3, 0, 1, 6)


def test_a_person_who_accepts_an_earlier_try_lets_it_fill_the_slot_and_may_change_their_mind(
    plant: Plant,
) -> None:
    tries = plant.keys.tries(plant.slots[0].source_id)
    plant.no_ops = frozenset({tries[0].name})
    plant.make()
    plant.judge()
    plant.make_slot(tries[1])
    plant.judge()
    number = plant.rows[tries[1].name]["sample_key"]
    turned_down = plant.rows[tries[0].name]["edit_id"]

    add_review(plant.layout, turned_down, "accept")
    plant.judge()
    assert plant.rows[tries[0].name]["status"] == "published"
    assert plant.rows[f"withdrawn/{number}"]["reason"] == "left_plan"
    assert tries[1].name not in plant.rows

    add_review(plant.layout, turned_down, "reject")
    plant.judge()
    assert plant.rows[tries[0].name]["status"] == "rejected"
    assert plant.rows[tries[1].name]["sample_key"] == number


@pytest.fixture
def best(profile: Profile, layout: Layout) -> Plant:
    """A category whose edits a model draws three times, to keep the best."""
    return Plant(with_settings(profile, *BEST_OF_THREE), layout, CATEGORY)


def rate(plant: Plant, slot: Slot, instruction: int, preservation: int) -> None:
    scores = plant.pairs[slot.pair_key]["scores"]
    told = {"judge_instruction": instruction, "judge_preservation": preservation}
    plant.pairs[slot.pair_key]["scores"] = {**scores, **told}


def test_where_the_best_is_kept_all_tries_are_planned_and_only_one_is_published(best: Plant) -> None:
    first = best.slots[0]
    tries = [slot for slot in best.keys.tries(first.source_id) if slot.subtype == first.subtype]
    assert [slot.name for slot in book_of(best).tries_of(first)] == [slot.name for slot in tries]
    for slot, ratings in zip(tries, [(4, 4), (5, 5), (5, 4)], strict=True):
        best.make_slot(slot)
        rate(best, slot, *ratings)
    best.judge()
    assert names(best, "published") == {tries[1].name}
    assert {best.rows[slot.name]["reason"] for slot in (tries[0], tries[2])} == {NOT_THE_BEST}
    assert "try 2 is better: rating 5 against 4" in best.rows[tries[0].name]["detail"]
    kept = best.layout.rejected(best.rows[tries[0].name]["edit_id"])
    assert (kept / "result.jpg").is_file()
    assert slots_of(book_of(best)) == Slots(4, 1, 3, 0, 12)

    add_review(best.layout, best.rows[tries[1].name]["edit_id"], "reject")
    best.judge()
    assert names(best, "published") == {tries[2].name}
    add_review(best.layout, best.rows[tries[0].name]["edit_id"], "accept")
    best.judge()
    assert names(best, "published") == {tries[0].name}


def test_a_try_that_comes_later_takes_the_place_of_a_worse_one(best: Plant) -> None:
    first = best.slots[0]
    tries = [slot for slot in best.keys.tries(first.source_id) if slot.subtype == first.subtype]
    for slot, ratings in zip(tries, [(4, 4), (5, 5), (5, 4)], strict=True):
        best.make_slot(slot)
        rate(best, slot, *ratings)
        best.judge()
    assert names(best, "published") == {tries[1].name}
    assert [row["reason"] for row in best.rows.values() if row["status"] == "withdrawn"]


def test_what_is_worked_out_from_layers_has_no_best(best: Plant) -> None:
    best.profile = with_settings(best.profile, *BEST_OF_THREE, f"categories.{CATEGORY}.subtypes={{move: 1}}")
    slot = best.slots[0]
    assert [one.name for one in book_of(best).tries_of(slot)] == [slot.name]
    assert not best.keys.keeps_best(slot)
    best.profile = with_settings(
        best.profile, *BEST_OF_THREE, f"categories.{CATEGORY}.subtypes={{move: 1}}", "recipes.move.by=model"
    )
    assert best.keys.keeps_best(best.slots[0])


def test_fewer_tries_withdraw_what_a_later_one_published(plant: Plant) -> None:
    first = plant.slots[0]
    plant.no_ops = frozenset({first.name})
    plant.make()
    plant.judge()
    second = plant.keys.next_try(first)
    assert second
    plant.make_slot(second)
    plant.judge()
    plant.profile = with_settings(plant.profile, "tries=1")
    plant.judge(())
    assert (len(names(plant, "published")), names(plant, "rejected")) == (3, {first.name})
    assert len(names(plant, "withdrawn")) == 1
