"""Where the values of a profile come from."""

from pathlib import Path

import pytest

from iedf_assets.core.profile.loading import trace_profile
from iedf_assets.core.profile.reading.origins import Origin, Origins, leaves

TEXT = """\
wave: 5
workers:
  layered: &worker {steps: 9}
  edit:
    <<: *worker
    threads: 2
limits: {quotas: {}}
categories:
  a.b:
    task: semantic_edit
    filters: {min_width: 7}
"""


def trace(folder: Path, *settings: str) -> Origins:
    path = folder / "profile.yaml"
    path.write_text(TEXT, "utf-8")
    return trace_profile(path, settings)[1]


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("wave", 1),
        ("workers layered steps", 3),
        ("workers edit steps", 3),  # where the merged mapping has it
        ("workers edit threads", 6),
        ("limits quotas", 7),
        ("categories a.b task", 10),
    ],
)
def test_what_the_file_has_comes_from_its_line(tmp_path: Path, key: str, line: int) -> None:
    assert trace(tmp_path).of(tuple(key.split())) == Origin("file", line)


def test_what_nobody_wrote_is_the_default(tmp_path: Path) -> None:
    origins = trace(tmp_path)
    assert origins.of(("seed",)) == Origin()
    assert origins.of(("workers", "edit", "ray", "jobs")) == Origin()
    assert origins.of(("categories", "a.b", "subtypes", "delete")) == Origin()


def test_of_several_settings_the_last_holds(tmp_path: Path) -> None:
    origins = trace(tmp_path, "wave=6", "wave=7")
    assert origins.of(("wave",)).setting == origins.settings[1]


def test_a_setting_of_a_section_takes_the_place_of_what_the_file_has_there(tmp_path: Path) -> None:
    origins = trace(tmp_path, "workers.edit={steps: 3}")
    assert origins.of(("workers", "edit", "steps")).source == "setting"
    assert origins.of(("workers", "edit", "threads")).source == "default"
    assert origins.of(("workers", "layered", "steps")).source == "file"


def test_a_category_has_its_settings_from_itself_or_from_the_profiles_section(tmp_path: Path) -> None:
    origins = trace(tmp_path, "filters.min_height=8")
    section = ("categories", "a.b", "filters")
    assert origins.of((*section, "min_width")) == Origin("file", 11, by="category")
    assert origins.of((*section, "min_height")).by == "section"
    assert origins.of((*section, "min_height")).source == "setting"
    assert origins.of((*section, "border")) == Origin(by="section")
    assert origins.of(("categories", "a.b", "workers", "edit", "steps")) == Origin("file", 3, by="section")


def test_the_leaves_of_a_profile_are_its_values_by_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(TEXT, "utf-8")
    found = leaves(trace_profile(path)[0])
    assert found["limits", "quotas"] == {}
    assert found["paths", "data"] == "data"
    assert found["thresholds", "global", "publish"] is False
    assert found["categories", "a.b", "subtypes", "delete"] == 1
    assert found["categories", "a.b", "workers", "edit", "steps"] == 9
