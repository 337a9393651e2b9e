import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from iedf_assets.core.asking.questions import Judgement
from iedf_assets.core.errors import SourceError
from iedf_assets.core.judging.proving import UNTOUCHED
from iedf_assets.core.judging.trusting import PEOPLE, Agreement, about_faults, is_trusted, with_people
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.pair_making import Plant, tree


class Judge:
    """Judges by whether a pair is one of the dataset's."""

    def __init__(self, known: set[tuple[bytes, ...]]) -> None:
        self.known = known

    def require_there(self) -> None:
        """It is."""

    def ask(self, _question: str, pictures: Sequence[bytes], _form: Any) -> Any:
        good = 5 if tuple(pictures) in self.known else 1
        return Judgement(changed=True, what="", instruction=good, preservation=good, artefacts="")


@pytest.fixture
def outputs(profile: Profile, layout: Layout) -> Path:
    plant = Plant(profile, layout, "物体一致性", photos=("coffee", "chelsea"))
    plant.make()
    plant.judge()
    plant.save()
    write_index(profile, layout)
    return layout.outputs


@pytest.mark.slow
def test_a_judge_that_sees_every_fault_is_trusted_and_one_that_sees_none_is_not(
    outputs: Path, tmp_path: Path
) -> None:
    before = tree(outputs / "dataset")
    results = (outputs / "dataset").rglob("*_result.jpg")
    pairs = [(path.with_name(path.name.replace("_result", "")), path) for path in results]
    known = {tuple(path.read_bytes() for path in pair) for pair in pairs}
    found = about_faults(outputs, tmp_path / "one", Judge(known), Thresholds(), per_class=2)
    rates = {one.name: one.rate for one in found}
    assert rates[UNTOUCHED] == rates["shifted"] == rates["no_op"] == 1
    # What is in a mask alone, nobody is asked about.
    assert "mask_inverted" not in rates
    assert is_trusted(found)

    class Blind(Judge):
        def ask(self, *_: Any) -> Any:
            return Judgement(changed=True, what="", instruction=5, preservation=5, artefacts="")

    class Silent(Judge):
        def ask(self, *_: Any) -> Any:
            raise SourceError("endpoint_unreadable", "nothing")

    blind = about_faults(outputs, tmp_path / "two", Blind(set()), Thresholds(), per_class=1)
    assert not is_trusted(blind)
    silent = about_faults(outputs, tmp_path / "three", Silent(set()), Thresholds(), per_class=1)
    assert {(one.right, one.silent) for one in silent} == {(0, one.asked) for one in silent}
    assert tree(outputs / "dataset") == before


def test_people_and_ratings_are_compared_where_both_spoke() -> None:
    def row(edit: str, instruction: int | None) -> dict[str, Any]:
        return {
            "edit_id": edit,
            "scores": json.dumps({"judge_instruction": instruction, "judge_preservation": 5}),
        }

    rows = [row("a", 5), row("b", 2), row("c", 5), row("d", None), row("e", 5)]
    reviews = {"a": "accept", "b": "reject", "c": "reject", "d": "accept"}
    assert with_people(rows, reviews, Thresholds()) == [Agreement(PEOPLE, 3, 2)]
    assert with_people(rows, {}, Thresholds()) == []


def test_no_answer_is_a_wrong_one() -> None:
    assert Agreement("no_op", 4, 1, 3).rate == 0.25
    assert not is_trusted([Agreement(UNTOUCHED, 10, 7), Agreement("no_op", 10, 10)])
    assert is_trusted([Agreement(UNTOUCHED, 10, 9), Agreement("no_op", 10, 10)])
    assert not is_trusted([Agreement(UNTOUCHED, 10, 9), Agreement("no_op", 10, 10), Agreement(PEOPLE, 9, 3)])
