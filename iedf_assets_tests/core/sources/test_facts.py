"""What people say of a photo: what is understood, and what is found fault with."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.sources.facts import LONGEST_NAME, Facts, understood

WHOLE = {
    "objects": [{"en": "dog", "ch": "狗", "at": [0.25, 0.5]}, {"en": "red  ball", "ch": "红球"}],
    "scene": "park",
    "caption": {"en": "A dog with a ball.", "ch": "一只狗和球。"},
    "licence": "CC-BY-4.0",
    "author": "Ann",
    "source": "https://example.org/7",
}
CAT = {"en": "cat", "ch": "猫"}
KEYS = [*WHOLE, "en", "ch", "at"]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=12,
)


def read(raw: dict[str, Any]) -> tuple[Facts, list[str]]:
    problems: list[str] = []
    return understood(raw, lambda _, problem: problems.append(problem)), problems


def test_a_whole_entry_is_taken_as_it_is_with_its_blanks_single() -> None:
    facts, problems = read(WHOLE)
    assert problems == []
    assert facts["objects"][1] == {"en": "red ball", "ch": "红球"}
    assert {**facts, "objects": None} == {**WHOLE, "objects": None}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"mood": "calm"}, "unknown key 'mood'"),
        ({"scene": "Park Lane"}, "scene is no name of a folder"),
        ({"scene": "../up"}, "scene is no name of a folder"),
        ({"scene": "trip-2024"}, "scene is no name of a folder"),  # what follows a full `trip`
        ({"scene": "park\n"}, "scene is no name of a folder"),
        ({"licence": 4}, "licence is no text but 4"),
        ({"author": "x" * 1000}, "author is empty or longer"),
        ({"author": "a\u202eb"}, "author has characters that cannot be printed"),
        ({"source": "\ud800"}, "source has characters that cannot be printed"),
        ({"caption": "A dog."}, "caption is no object"),
        ({"caption": {"fr": "Un chien"}}, "unknown key 'fr'"),
        ({"objects": "dog"}, "objects is no list"),
        ({"objects": [CAT] * 40}, "at most 32"),
        ({"objects": [{"en": "cat"}]}, "lacks ch"),
        ({"objects": [{"ch": "猫"}]}, "lacks en"),
        ({"objects": [{**CAT, "en": "猫"}]}, "is Chinese"),
        ({"objects": [{**CAT, "en": "c" * (LONGEST_NAME + 1)}]}, "longer than 60"),
        ({"objects": [{**CAT, "where": "left"}]}, "unknown key 'where' of an object"),
        ({"objects": [{**CAT, "at": [0.5]}]}, "at is no point"),
        ({"objects": [{**CAT, "at": [0.5, 1.5]}]}, "at is no point"),
        ({"objects": [{**CAT, "at": [True, 0]}]}, "at is no point"),
        ({"objects": [{**CAT, "at": [float("nan"), 0.5]}]}, "at is no point"),
        ({"license": "MIT", "licence": "MIT"}, "licence is told twice"),
    ],
)
def test_what_is_wrong_is_told_and_takes_nothing_else_along(wrong: dict[str, Any], told: str) -> None:
    facts, problems = read({**wrong, **{key: WHOLE[key] for key in WHOLE if key not in wrong}})
    assert len(problems) == 1
    assert told in problems[0]
    right = read({key: WHOLE[key] for key in WHOLE if key not in wrong})[0]
    assert {key: facts[key] for key in right} == right


@pytest.mark.parametrize("at", [{}, {"at": [0.5, 0.5]}])
def test_two_names_of_one_place_contradict_each_other_and_name_nothing(at: dict[str, Any]) -> None:
    near = {"at": [0.505, 0.5]} if at else {}
    facts, problems = read({"objects": [{**CAT, **at}, {"en": "fox", "ch": "狐狸", **near}]})
    assert "objects" not in facts
    assert len(problems) == 1
    assert "'cat' and 'fox'" in problems[0]


def test_the_same_name_twice_is_once() -> None:
    assert read({"objects": [CAT, CAT]}) == ({"objects": [CAT]}, [])


def test_what_is_left_empty_says_nothing() -> None:
    assert read({"scene": None, "licence": "", "objects": []}) == ({}, [])


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*WHOLE, "license", "mood"]), JSON))
def test_whatever_stands_there_is_read_without_an_error_and_understood_again(raw: dict[str, Any]) -> None:
    facts, _ = read(raw)
    assert read(facts) == (facts, [])
    json.dumps(facts, ensure_ascii=False).encode("utf-8")
