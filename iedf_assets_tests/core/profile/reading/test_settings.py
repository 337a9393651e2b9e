"""`key.sub=value`."""

import unicodedata
from typing import Any

from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.reading.settings import Setting

CATEGORY = "naïve café"


def test_a_setting_makes_the_sections_it_needs_and_changes_nothing_it_was_given() -> None:
    raw: dict[str, Any] = {"workers": {"edit": {"steps": 4}}}
    changed = Setting.parse("workers.edit.ray.jobs=2").applied(raw)
    assert changed == {"workers": {"edit": {"steps": 4, "ray": {"jobs": 2}}}}
    assert raw == {"workers": {"edit": {"steps": 4}}}


def test_of_two_sections_that_a_file_writes_once_a_setting_changes_one() -> None:
    profile = load_profile(settings=["workers.edit.model.cfg=2"])
    assert (profile.workers.edit.model.cfg, profile.workers.layered.model.cfg) == (2, None)


def test_a_key_is_found_in_any_normal_form() -> None:
    raw = {"categories": {unicodedata.normalize("NFD", CATEGORY): {"task": "style_edit"}}}
    changed = Setting.parse(f"categories.{CATEGORY}.scene=park").applied(raw)
    assert list(changed["categories"].values()) == [{"task": "style_edit", "scene": "park"}]
