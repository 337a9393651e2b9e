"""What is said of a profile that cannot be used."""

from pathlib import Path

import pytest

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.loading import load_profile

HEAD = "categories:\n  a:\n    task: semantic_edit\n    workers:\n      edit:\n"


def faults_of(folder: Path, text: str, *settings: str) -> list[str]:
    path = folder / "profile.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ProfileError) as found:
        load_profile(path, settings)
    head, *faults = found.value.problem.splitlines()
    assert head == f"the profile {path} cannot be used:"
    return [fault.strip() for fault in faults]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("        stepz: 1", "workers.edit.stepz (line 6): unknown key; did you mean 'steps'?"),
        (
            "        model:\n          cgf: 1",
            "workers.edit.model.cgf (line 7): unknown key; did you mean 'cfg'?",
        ),
        (
            "        ray: {adress: x}",
            "workers.edit.ray.adress (line 6): unknown key; did you mean 'address'?",
        ),
        ("        steps: 0", "workers.edit.steps (line 6): Input should be greater than or equal to 1"),
        ("        devices:\n          - a b", "workers.edit.devices.0 (line 7): String should match pattern"),
        ("        service: 3", "workers.edit.service (line 6): Input should be a valid dictionary"),
    ],
)
def test_a_fault_deep_in_a_category_is_told_once_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (fault,) = faults_of(tmp_path, HEAD + text)
    assert fault.startswith(f"categories.a.{said}")


def test_an_unknown_key_unlike_any_other_brings_those_that_are_known(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, HEAD + "        model: {zzzz: 1}")
    assert "known here: runtime, cfg, resolution" in fault


def test_a_key_of_a_section_with_another_name_in_the_code_is_suggested_from(tmp_path: Path) -> None:
    text = "thresholds: {global: {publsh: true}}\ncategories: {a: {task: semantic_edit}}"
    assert faults_of(tmp_path, text) == [
        "thresholds.global.publsh (line 1): unknown key; did you mean 'publish'?"
    ]


def test_what_every_category_has_from_a_section_is_told_once_where_it_stands(tmp_path: Path) -> None:
    text = "filters:\n  border: 0\ncategories: {a: {task: semantic_edit}, b: {task: semantic_edit}}"
    assert faults_of(tmp_path, text) == [
        "filters.border (line 2): Input should be greater than or equal to 1"
    ]


def test_a_category_named_as_a_section_is_a_category(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, "categories: {filters: {task: semantic_edit, scnee: x}}")
    assert fault == "categories.filters.scnee (line 1): unknown key; did you mean 'scene'?"


def test_a_wrong_setting_is_told_as_it_was_given(tmp_path: Path) -> None:
    text = "wave: 3\ncategories: {a: {task: semantic_edit}}"
    (fault,) = faults_of(tmp_path, text, "wave=0")
    assert fault == "wave (set by 'wave=0'): Input should be greater than or equal to 1"
    (fault,) = faults_of(tmp_path, text, "workers.edit.devices=['a b']")
    assert fault.startswith("workers.edit.devices.0 (set by")


def test_what_is_missing_is_told_with_the_line_that_lacks_it(tmp_path: Path) -> None:
    assert faults_of(tmp_path, "seed: 1\ncategories:\n  a: {}") == [
        "categories.a.task (line 3): Field required"
    ]
    assert faults_of(tmp_path, "seed: 1") == ["categories: Field required"]


def test_keys_that_are_no_words_are_told(tmp_path: Path) -> None:
    assert faults_of(tmp_path, "1: 2\ncategories: {a: {task: semantic_edit}}") == [
        "1 (line 1): Keys should be strings"
    ]
