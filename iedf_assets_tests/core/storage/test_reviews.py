import pytest

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.journal import read_journal
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.reviews import add_review, read_reviews
from iedf_assets_tests.helpers.pair_making import Plant

ONE, OTHER = "0123456789abcdef", "fedcba9876543210"


def test_the_last_word_counts_and_nothing_is_ever_lost(layout: Layout) -> None:
    assert read_reviews(layout) == {}
    for edit_id, verdict in [(ONE, "accept"), (OTHER, "accept"), (ONE, "reject"), (OTHER, "clear")]:
        add_review(layout, edit_id, verdict, "looked at")
    assert read_reviews(layout) == {ONE: "reject"}
    assert [row["verdict"] for row in read_journal(layout.reviews)] == ["accept", "accept", "reject", "clear"]


@pytest.mark.parametrize(
    ("edit_id", "verdict", "note"),
    [(ONE, "maybe", ""), ("../../etc", "accept", ""), ("", "accept", ""), (ONE, "accept", "x" * 1001)],
)
def test_what_is_no_review_is_refused(layout: Layout, edit_id: str, verdict: str, note: str) -> None:
    with pytest.raises(ProfileError, match="cannot be kept"):
        add_review(layout, edit_id, verdict, note)
    assert not layout.reviews.exists()


def test_the_gate_honours_reviews_and_they_survive_runs(profile: Profile, layout: Layout) -> None:
    plant = Plant(profile, layout, "物体一致性")
    plant.no_ops = frozenset({plant.slots[0].name})
    plant.make()
    plant.judge()
    assert plant.statuses() == ["rejected", "published", "published", "published"]
    rows = [plant.rows[slot.name] for slot in plant.slots]
    add_review(layout, rows[0]["edit_id"], "accept")
    add_review(layout, rows[1]["edit_id"], "reject")
    reviews = read_reviews(layout)
    open_slots = [slot for slot, row in zip(plant.slots, rows, strict=True) if not plant.holds(slot, reviews)]
    assert open_slots == plant.slots[:2]
    for _ in range(2):
        plant.judge()
        assert plant.statuses() == ["published", "rejected", "published", "published"]
    accepted, rejected = (plant.rows[slot.name] for slot in plant.slots[:2])
    assert (accepted["review"], accepted["failed_checks"][0]) == ("accept", "no_op")
    assert (rejected["review"], rejected["reason"]) == ("reject", "rejected_by_review")
    number = rows[1]["sample_key"]
    add_review(layout, rows[1]["edit_id"], "clear")
    plant.judge()
    assert plant.rows[plant.slots[1].name]["sample_key"] == number
