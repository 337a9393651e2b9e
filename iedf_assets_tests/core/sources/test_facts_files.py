"""Files of facts: one of a photo's own and tables, what is wrong in them, and what they say together."""

import json
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.sources.facts_files import Said, Table, merged, read_one, read_table

CSV = "path,object_en,object_ch,at_x,at_y,scene,caption_en,caption_ch,licence,author,source"


def lines(*texts: str) -> list[bytes]:
    return [f"{text}\n".encode() for text in texts]


def facts_of(table: Table, path: str) -> dict[str, Any]:
    text, problems = merged(table[path])
    assert problems == []
    return dict(json.loads(text or "{}"))


def test_both_forms_of_a_table_and_a_file_of_its_own_say_the_same() -> None:
    entry = {
        "objects": [{"en": "dog", "ch": "狗", "at": [0.25, 0.5]}], "scene": "park",
        "caption": {"en": "A dog, outside.", "ch": "狗"}, "licence": "MIT", "author": "Ann", "source": "x",
    }  # fmt: skip
    row = 'a/dog.jpg,dog,狗,0.25,0.5,park,"A dog, outside.",狗,MIT,Ann,x'
    by_csv, problems = read_table("facts.csv", lines(CSV, row))
    by_lines, more = read_table("facts.jsonl", lines(json.dumps({"path": "./a/dog.jpg", **entry})))
    (own,), most = read_one("dog.json", b"\xef\xbb\xbf" + json.dumps(entry).encode())
    assert problems == more == most == []
    assert facts_of(by_csv, "a/dog.jpg") == facts_of(by_lines, "a/dog.jpg") == json.loads(own.text) == entry


def test_rows_of_one_photo_name_one_object_each() -> None:
    heading = "path,object_en,object_ch,at_x,at_y"
    table, _ = read_table("facts.csv", lines(heading, "p.jpg,dog,狗,0.1,0.2", "p.jpg,ball,球,0.8,0.2"))
    assert facts_of(table, "p.jpg") == {
        "objects": [{"en": "dog", "ch": "狗", "at": [0.1, 0.2]}, {"en": "ball", "ch": "球", "at": [0.8, 0.2]}]
    }


def test_a_name_in_either_unicode_form_is_the_same_photo() -> None:
    name = unicodedata.normalize("NFD", "é.jpg")
    table, _ = read_table(
        "facts.jsonl", lines(json.dumps({"path": name, "scene": "park"}, ensure_ascii=False))
    )
    assert list(table) == ["é.jpg"]


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        ('{"scene": "park",\n "mood": 1}', 2, "unknown key 'mood'"),
        ('{"scene": "park",\n "scene": "home"}', 1, "the key 'scene' stands twice"),
        ('{\n"scene": park}', 2, "it is not JSON"),
        ("[1]", 1, "it is no JSON object"),
        ("[" * 60_000, 1, "it cannot be read"),
        ("1" * 5_000, 1, "it cannot be read"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_by_its_line(content: str, line: int, told: str) -> None:
    _, (finding,) = read_one("data/p/dog.json", content.encode())
    assert (finding.file, finding.line) == ("data/p/dog.json", line)
    assert told in finding.problem


def test_a_gallery_s_own_file_is_told_once() -> None:
    (finding,) = read_one("IMG_1.jpg.json", b'{"title": "IMG_1", "url": "x", "photoTakenTime": {}}')[1]
    assert finding.problem.startswith("none of its keys is known")
    assert read_one("empty.json", b"{}") == ([], [])


def test_what_is_not_utf_8_is_told_by_its_line_and_the_other_lines_count() -> None:
    assert str(read_one("dog.json", b'{\n"author": "\xe4"}')[1][0]) == "dog.json:2: it is not UTF-8"
    table, problems = read_table("facts.csv", [b"path,author\n", b"a.jpg,\xe4\n", b"b.jpg,Ann\n"])
    assert list(table) == ["b.jpg"]
    assert [str(one) for one in problems] == ["facts.csv:2: it is not UTF-8"]


def test_every_wrong_row_is_told_by_its_line_and_no_other_is_lost() -> None:
    table, problems = read_table(
        "facts.csv",
        lines(
            "path,colour,scene,at_x",
            "a.jpg,red,park,",
            ",,park,",
            "b.jpg,,UP,",
            "c.jpg,,park,,9",
            "d.jpg,,park,x",
        ),
    )
    assert [(one.line, one.problem.partition(":")[0]) for one in problems] == [
        (1, "column 'colour' is unknown or stands twice; known"),
        (3, "path is missing"),
        (4, "scene is no name of a folder"),
        (5, "the row has more cells than the heading"),
        (6, "objects"),
    ]
    assert [path for path in table if facts_of(table, path) == {"scene": "park"}] == [
        "a.jpg",
        "c.jpg",
        "d.jpg",
    ]


def test_two_files_that_contradict_each_other_are_told_and_neither_counts() -> None:
    own, (row,) = (
        Said("dog.json", 1, '{"author": "Ann", "scene": "park"}'),
        read_table("facts.csv", lines("path,author,scene", "dog.jpg,Ann,home"))[0]["dog.jpg"],
    )
    text, (finding,) = merged([own, row])
    assert json.loads(text or "") == {"author": "Ann"}
    assert (
        str(finding)
        == "facts.csv:2: scene is another one than in dog.json:1, of the same photo: neither is used"
    )


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["facts.csv", "facts.jsonl"]))
def test_whatever_bytes_a_file_holds_reading_it_raises_nothing(content: bytes, name: str) -> None:
    table, problems = read_table(name, content.splitlines(keepends=True))
    assert all(merged(said) for said in table.values())
    assert all(one.line >= 1 for one in [*problems, *read_one("x.json", content)[1]])


def test_the_examples_of_the_page_are_understood() -> None:
    page = (PROJECT_ROOT / "docs/facts.md").read_text("utf-8")
    own, table = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("json", "csv"))
    assert own is not None
    assert table is not None
    said, problems = read_one("dog.json", own[1].encode())
    rows, more = read_table("facts.csv", table[1].encode().splitlines(keepends=True))
    assert problems == more == []
    assert facts_of({"dog.jpg": said}, "dog.jpg")["scene"] == "park"
    assert len(facts_of(rows, "walks/dog.jpg")["objects"]) == 2
