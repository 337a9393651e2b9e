"""Runs whose judge and namer are behind a real HTTP server that answers well, badly, or not."""

import json

import pytest

from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.foreign_editor import NAME, foreign_editor
from iedf_assets_tests.helpers.runs import PHYSICAL, put, run, with_settings
from iedf_assets_tests.helpers.vision_server import GOOD, MODEL, Reply, vision_server

pytestmark = pytest.mark.slow


def judged_by(profile: Profile, address: str, *more: str) -> Profile:
    told = f"{{by: endpoint, endpoint: '{address}', model: {MODEL}, backoff_sec: 0.01, max_retries: 1}}"
    return with_settings(profile, f"workers.edit.judge={told}", *more)


def edited_by(editor: str, judge: str) -> str:
    """The setting that has a foreign editor make the edits, and somebody rate them."""
    service = f"launcher: service, endpoints: ['{editor}'], service: {{foreign: {NAME}, send_mode: base64}}"
    return f"workers.edit={{backend: diffusers, {service}, judge: {judge}}}"


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


def test_pairs_are_finished_apart_while_the_judge_is_asked_about_others(
    profile: Profile, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(*_: object) -> None:
        raise AssertionError("a pair was finished in the run's own process")

    monkeypatch.setattr("iedf_assets.core.pairs.lot.make", here)
    put(layout, PHYSICAL, "coffee", "chelsea", "rocket")
    with vision_server(lambda _: Reply(GOOD, wait_s=0.5)) as server:
        judged = judged_by(profile, server.address, "threads=1")
        outcome, _ = run(judged)
        assert outcome.went_through, outcome.error
        rows = list(Book.open(judged, layout, PHYSICAL).current("edit_pairs").values())
        assert {row["status"] for row in rows} == {"done"}
        assert len(server.asked) == len(rows) > 2
        assert 1 < server.most <= 4


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


def test_text_on_an_object_is_read_replaced_and_read_back(profile: Profile, layout: Layout) -> None:
    put(layout, PHYSICAL, "coffee")
    with foreign_editor() as (editor, _), vision_server() as server:
        said = {"text": "CAFE"}

        def reply(number: int) -> Reply:
            question = server.words(number - 1)
            if "Name the object" in question:
                return Reply({"en": "a coffee cup", "ch": "咖啡杯"})
            return Reply(said if "Read all text" in question else GOOD)

        server.reply = reply
        told = f"{{by: endpoint, endpoint: '{server.address}', model: {MODEL}, backoff_sec: 0.01}}"
        settings = [
            f"categories.{PHYSICAL}.subtypes={{replace_text: 1, remove_text: 1}}",
            "workers.layered.backend=classical",
            f"workers.layered.namer={told}",
            edited_by(editor, told),
        ]
        texts = with_settings(profile, *settings)
        outcome, _ = run(texts)
        assert outcome.went_through, outcome.error
        book = Book.open(texts, layout, PHYSICAL)
        edits = {row["subtype"]: row for row in book.edits.values()}
        assert {row["recipe"]["lettering"] for row in edits.values()} == {"CAFE"}
        assert all("“CAFE”" in row["instruction_en"] for row in edits.values())
        assert all("“CAFE”" in row["instruction_ch"] for row in edits.values())
        pairs = list(book.pairs.values())
        assert [row["judged"]["text"] for row in pairs] == ["CAFE", "CAFE"]
        # The old text is there still.
        assert all(row["scores"]["lettering"] < 0.9 for row in pairs)
        assert all("lettering" in row["failed_checks"] for row in book.verdicts.values())


def test_the_best_of_a_model_s_tries_is_published_and_the_others_are_kept(
    profile: Profile, layout: Layout
) -> None:
    put(layout, PHYSICAL, "coffee")
    with foreign_editor() as (editor, manners), vision_server() as server:
        server.reply = lambda number: Reply(GOOD | {"preservation": 4 + number % 2})
        told = f"{{by: endpoint, endpoint: '{server.address}', model: {MODEL}, parallel: 1}}"
        best = with_settings(
            profile,
            "tries=2",
            "choose=best",
            f"categories.{PHYSICAL}.subtypes={{replace: 1}}",
            "workers.layered.backend=classical",
            edited_by(editor, told),
        )
        outcome, made = run(best)
        assert outcome.went_through, outcome.error
        assert made["edited_images"] == len(manners) == 2
        book = Book.open(best, layout, PHYSICAL)
        recipes = [row["recipe"] for row in book.edits.values()]
        assert sorted(recipe.pop("try", 1) for recipe in recipes) == [1, 2]
        assert recipes[0] == recipes[1]
        assert len({row["instruction_en"] for row in book.edits.values()}) == 1
        run(best)
        assert len(manners) == 2


def test_the_text_of_an_edit_that_did_something_else_becomes_what_it_did(
    profile: Profile, layout: Layout
) -> None:
    put(layout, PHYSICAL, "coffee")
    words = {"en": "Paint the cup in the colours of a negative", "ch": "把杯子涂成底片的颜色"}
    with vision_server() as server:

        def reply(number: int) -> Reply:
            question = server.words(number - 1)
            if "Write the instruction" in question:
                return Reply(words)
            return Reply(GOOD | {"instruction": 5 if words["en"] in question else 2})

        server.reply = reply
        outcome, _ = run(judged_by(profile, server.address))
        assert outcome.went_through
        assert published(judged_by(profile, server.address)) == []
        judge = f"{{by: endpoint, endpoint: '{server.address}', model: {MODEL}, rewrite: true}}"
        told = with_settings(profile, f"workers.edit.judge={judge}")
        run(told)
        book = Book.open(told, layout, PHYSICAL)
        pairs = [row for row in book.current("edit_pairs").values() if row["edit_id"] in published(told)]
        assert pairs
        assert {(row["rewritten_en"], row["rewritten_ch"]) for row in pairs} == {(words["en"], words["ch"])}
        assert {row["scores"]["rewritten_instruction"] for row in pairs} == {5}
        texts = {path.read_text("utf-8") for path in layout.dataset.rglob("*_EN.txt")}
        assert texts == {words["en"]}
        write_index(told, layout)
        rows = [json.loads(line) for line in layout.index.read_text("utf-8").splitlines()]
        assert {row["instruction_ch"] for row in rows} == {words["ch"]}
        assert {row["metadata"]["instruction_by"] for row in rows} == {"judge"}
        asked = len(server.asked)
        run(told)
        assert len(server.asked) == asked
        # Words that it does not find followed itself are not used.
        server.reply = lambda number: Reply(
            words if "Write the instruction" in server.words(number - 1) else GOOD | {"instruction": 3}
        )
        other = with_settings(profile, f"workers.edit.judge={judge}", "encoding.jpeg_quality=94")
        run(other)
        assert published(other) == []
