"""How many published samples a change would take away, told before anything is done."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from iedf_assets.core.errors import MassWithdrawalError
from iedf_assets.core.planning import withdrawals as module
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.withdrawals import require_few_withdrawals, withdrawals
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources.found import Found
from iedf_assets.core.sources.scan import find_files
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.pair_making import Plant
from iedf_assets_tests.helpers.runs import with_settings

CATEGORY = "物体一致性"


@pytest.fixture
def published(profile: Profile, layout: Layout) -> Callable[..., tuple[Book, list[Found]]]:
    """Four published samples of four photos, and then the profile changed by some settings."""
    plant = Plant(profile, layout, CATEGORY)
    plant.make()
    plant.judge()
    plant.save()
    plant.put_photos()

    def changed(*settings: str) -> tuple[Book, list[Found]]:
        changed = with_settings(profile, *settings)
        return Book.open(changed, layout, CATEGORY), find_files(layout, CATEGORY) or []

    return changed


Change = Callable[..., tuple[Book, list[Found]]]


@pytest.mark.parametrize(
    ("setting", "leaving"),
    [
        ("wave=7", 0),
        ("thresholds.max_seam=2.2", 0),
        ("thresholds.max_mask_share=0.02", 4),
        ("encoding.jpeg_quality=90", 0),
        (f"categories.{CATEGORY}.subtypes={{recolor: 1}}", 4),
        ("seed=7", 4),
    ],
)
def test_what_leaves_is_what_the_plan_has_no_more_or_what_would_fail(
    published: Change, setting: str, leaving: int
) -> None:
    assert withdrawals(*published(setting)) == (leaving, 4)


def test_photos_that_may_not_be_used_take_their_samples_along(published: Change) -> None:
    assert withdrawals(*published("limits.use=commercial")) == (4, 4)
    book, found = published("limits.use=commercial")
    found = [replace(found[0], facts='{"licence": "MIT"}'), *found[1:]]
    assert withdrawals(book, found) == (3, 4)


def test_a_photo_that_is_gone_takes_its_samples_along(published: Change) -> None:
    book, found = published("wave=7")
    assert withdrawals(book, found[1:]) == (1, 4)


def test_too_many_are_asked_for_and_a_few_go(published: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    require_few_withdrawals(*published("seed=7"))
    monkeypatch.setattr(module, "FEW", 4)
    book, found = published("limits.max_withdrawn_share=0.25")
    require_few_withdrawals(book, found[1:])
    with pytest.raises(MassWithdrawalError, match=r"2 of the 4 published samples .* nothing") as said:
        require_few_withdrawals(book, found[2:])
    assert "--withdraw" in said.value.remedy
    require_few_withdrawals(*published("seed=7", "limits.max_withdrawn_share=1"))
