"""Runs whose judge and namer are behind a real HTTP server that answers well, badly, or not."""

import pytest

from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.runs import PHYSICAL, put, run, with_settings
from iedf_assets_tests.helpers.vision_server import GOOD, MODEL, Reply, vision_server

pytestmark = pytest.mark.slow


def judged_by(profile: Profile, address: str, *more: str) -> Profile:
    told = f"{{by: endpoint, endpoint: '{address}', model: {MODEL}, backoff_sec: 0.01, max_retries: 1}}"
    return with_settings(profile, f"workers.edit.judge={told}", *more)


def published(profile: Profile) -> list[str]:
    book = Book.open(profile, Layout.of(profile), PHYSICAL)
    return [str(row["edit_id"]) for row in book.verdicts.values() if row["status"] == "published"]


def test_nothing_is_published_unjudged_and_a_rerun_asks_what_is_missing(
    profile: Profile, layout: Layout
) -> None:
    put(layout, PHYSICAL, "coffee", "chelsea")
    with vision_server(lambda number: Reply(GOOD if number <= 1 else "no json")) as server:
        judged = judged_by(profile, server.address)
        run(judged)
        book = Book.open(judged, layout, PHYSICAL)
        rows = list(book.current("edit_pairs").values())
        good = [row for row in rows if row["status"] == "done"]
        assert len(good) == 1
        assert good[0]["judged"] == GOOD
        assert good[0]["scores"]["judge_instruction"] == 5
        assert {row["reason"] for row in rows if row["status"] == "failed"} == {"endpoint_unreadable"}
        assert set(published(judged)) <= {good[0]["edit_id"]}
        made = len(rows)
        asked = len(server.asked)
        server.reply = lambda _: Reply(GOOD)
        _, ticks = run(judged)
        assert len(server.asked) - asked == made - 1
        assert "edited_images" not in ticks
        rows = list(Book.open(judged, layout, PHYSICAL).current("edit_pairs").values())
        assert [row["judged"] for row in rows] == [GOOD] * made
        assert {len(server.pictures(number)) for number in range(len(server.asked))} == {2}
        asked = len(server.asked)
        run(judged)
        assert len(server.asked) == asked


def test_what_the_judge_rates_low_or_sees_no_change_in_is_a_reject(profile: Profile, layout: Layout) -> None:
    put(layout, PHYSICAL, "coffee")
    with vision_server(lambda _: Reply(GOOD | {"changed": False})) as server:
        judged = judged_by(profile, server.address)
        run(judged)
        assert published(judged) == []
        verdicts = Book.open(judged, layout, PHYSICAL).verdicts.values()
        assert all("judged" in row["failed_checks"] for row in verdicts)


def test_without_the_server_nothing_is_done_and_nothing_lost(profile: Profile, layout: Layout) -> None:
    put(layout, PHYSICAL, "coffee")
    with vision_server() as server:
        address = server.address
    judged = judged_by(profile, address)
    outcome, made = run(judged)
    assert "start the server" in str(outcome.error)
    assert published(judged) == []
    assert "edit_pairs" not in made
    book = Book.open(judged, layout, PHYSICAL)
    assert {row["status"] for row in book.current("edited_images").values()} <= {"done", "rejected"}
    assert list(book.current("edit_pairs").values()) == []


def test_names_of_an_endpoint_stand_in_the_instructions(profile: Profile, layout: Layout) -> None:
    put(layout, PHYSICAL, "coffee")
    names = {"en": "a coffee cup", "ch": "咖啡杯"}
    with vision_server(lambda _: Reply(names)) as server:
        told = f"{{by: endpoint, endpoint: '{server.address}', model: {MODEL}, backoff_sec: 0.01}}"
        named = with_settings(profile, f"workers.layered.namer={told}")
        outcome, _ = run(named)
        assert outcome.went_through, outcome.error
        rows = [row for row in Book.open(named, layout, PHYSICAL).edits.values() if row["instruction_en"]]
        assert rows
        assert all("coffee cup" in row["instruction_en"] for row in rows)
        assert all("咖啡杯" in row["instruction_ch"] for row in rows)
        assert {len(server.pictures(number)) for number in range(len(server.asked))} == {1}
        # Words that the pixels contradict are not used.
        server.reply = lambda _: Reply({"en": "a cup on the left", "ch": "左边的杯子"})
        other = with_settings(profile, f"workers.layered.namer={told.replace(MODEL, MODEL + '-2')}")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("iedf_assets_tests.helpers.vision_server.MODEL", f"{MODEL}-2")
            run(other)
        current = Book.open(other, layout, PHYSICAL).current("image_layers").values()
        assert [one["caption"] for row in current for one in row["objects"]] == [None] * len(
            [one for row in current for one in row["objects"]]
        )
