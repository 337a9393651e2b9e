"""Runs that a limit ends, and that go on when it is raised."""

import json

import pytest

from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import PHYSICAL, finished, put, run, with_settings

pytestmark = pytest.mark.slow


def samples(layout: Layout) -> dict[str, bytes]:
    """Edit id → its result's bytes, as the index has them."""
    rows = [json.loads(line) for line in layout.index.read_text("utf-8").splitlines()]
    return {row["edit_id"]: (layout.outputs / row["result_image_path"]).read_bytes() for row in rows}


@pytest.fixture
def unlimited(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What comes of the coffee and the rocket without a limit."""
    home = finished(tmp_path_factory, "coffee", "rocket")
    return samples(Layout.of(load_profile(CLASSICAL, [f"paths.outputs={home / 'outputs'}"])))


def test_edits_in_steps_come_to_the_same_as_all_at_once(
    profile: Profile, layout: Layout, unlimited: dict[str, bytes]
) -> None:
    put(layout, PHYSICAL, "coffee", "rocket")
    assert len(unlimited) == 4
    for limit, done in ((1, 1), (3, 3), (3, 3), (9, 4)):
        limited = with_settings(profile, f"limits.max_edits={limit}")
        outcome, made = run(limited)
        assert outcome.went_through, outcome.error
        assert made.get("edited_images", 0) <= 2
        book = Book.open(limited, layout, PHYSICAL)
        assert book.edits.counts() == {"done": done}
        assert bool(book.allowance.reached) == (limit < 4)
    assert samples(layout) == unlimited


def test_a_quota_holds_and_raising_it_publishes_without_making_anything_again(
    profile: Profile, layout: Layout, unlimited: dict[str, bytes]
) -> None:
    put(layout, PHYSICAL, "coffee", "rocket")
    limited = with_settings(profile, "limits.quotas={structural_edit/mixed: 3}")
    outcome, _ = run(limited)
    assert outcome.went_through, outcome.error
    assert outcome.counts["dataset"] == {"published": 3, "rejected": 1}
    assert run(limited)[1] == {}
    first = samples(layout)

    lowered = with_settings(profile, "limits.quotas={structural_edit: 1}")
    assert run(lowered)[1] == {}
    put(layout, PHYSICAL, "astronaut")
    outcome, made = run(lowered)
    assert outcome.went_through, outcome.error
    assert made == {}, "a full quota keeps new photos from being worked on"
    assert samples(layout) == first

    outcome, made = run(profile)
    assert outcome.went_through, outcome.error
    assert made["image_layers"] == 1, "that of the new photo alone"
    assert made.get("edited_images", 0) <= 2
    (layout.data / PHYSICAL / "astronaut" / "astronaut.jpg").unlink()
    assert run(with_settings(profile, "sources.max_loss_share=1"))[0].went_through
    assert samples(layout) == unlimited
