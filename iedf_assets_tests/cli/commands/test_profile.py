"""`iedf profile`."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from iedf_assets.cli.commands.profile import _scalar
from iedf_assets.cli.main import cli
from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.loading import load_profile

CONFIGS = PROJECT_ROOT / "configs"
PROFILES = ("default", "mock_services", "quotas", "qwen", "qwen_ray", "qwen_services")
CATEGORY = "物理变化"
AWKWARD = (
    f"categories.{CATEGORY}.filters={{min_width: 300}}",
    "workers.edit.endpoints=['http://127.0.0.1:8102', 'http://127.0.0.1:8103']",
    "recipes.replace.instruction=\"two\\nlines: # and 'quotes' 汉字\"",
    "limits.quotas={style_edit/indoor: 5}",
    "categories.yes={task: style_edit, subtypes: {restyle: 0}}",
)


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["profile", *arguments], catch_exceptions=False, standalone_mode=False)
    return result.stdout


def as_json(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed("--json", *arguments))
    return found


def of(name: str) -> tuple[str, str]:
    return "--config", str(CONFIGS / f"{name}.yaml")


@pytest.mark.parametrize("name", PROFILES)
def test_what_is_printed_is_the_same_profile_again(name: str, tmp_path: Path) -> None:
    saved = tmp_path / "saved.yaml"
    changes = [word for setting in AWKWARD for word in ("--set", setting)]
    saved.write_text(printed(*of(name), *changes), "utf-8")
    again, first = load_profile(saved), load_profile(CONFIGS / f"{name}.yaml", AWKWARD)
    assert again.model_dump() == first.model_dump()


def test_what_is_printed_of_a_category_gives_it_the_same_settings(tmp_path: Path) -> None:
    saved = tmp_path / "saved.yaml"
    saved.write_text(printed(*of("qwen"), "--category", CATEGORY), "utf-8")
    profile, other = load_profile(saved), load_profile(CONFIGS / "qwen.yaml")
    assert list(profile.categories) == [CATEGORY]
    assert profile.category(CATEGORY) == other.category(CATEGORY)
    assert profile.wave == other.wave


@given(
    st.text()
    | st.floats(allow_nan=False)
    | st.integers()
    | st.lists(st.text(alphabet="a,:#[]{}'\" 汉"), max_size=3)
)
def test_any_value_stands_on_one_line_with_a_comment_behind_it(value: Any) -> None:
    line = f"key: {_scalar(value)}  # default"
    assert "\n" not in line
    assert yaml.safe_load(line) == {"key": value}


def test_each_line_says_where_its_value_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("max_attempts: 5\ncategories:\n  a: {task: semantic_edit}\n", "utf-8")
    lines = printed("--config", "mine.yaml", "--set", "wave=3", "--data", "photos").splitlines()
    assert f"{'seed: 20260101':<44}# default" in lines
    assert f"{'wave: 3':<44}# --set" in lines
    assert f"{'max_attempts: 5':<44}# mine.yaml:1" in lines
    assert f"{'    task: semantic_edit':<44}# mine.yaml:3" in lines
    assert as_json("--data", "photos")["paths.data"]["value"] == str(tmp_path / "photos")


def test_a_category_says_whether_itself_or_a_section_set_a_value() -> None:
    change = f"categories.{CATEGORY}.workers.edit.steps=8"
    found = as_json(*of("qwen"), "--category", CATEGORY, "--set", change)
    worker = f"categories.{CATEGORY}.workers.edit"
    assert found[f"{worker}.steps"] == {"value": 8, "from": "setting", "setting": change, "by": "category"}
    assert (found[f"{worker}.backend"]["from"], found[f"{worker}.backend"]["by"]) == ("file", "section")
    assert found[f"{worker}.threads"]["from"] == "default"


def test_json_holds_every_key_that_is_printed() -> None:
    lines = [line for line in printed().splitlines() if not line.startswith("#") and not line.endswith(":")]
    assert len(as_json()) == len(lines)
    assert as_json()["thresholds.global.publish"]["value"] is False


def test_an_unknown_category_is_told() -> None:
    with pytest.raises(ProfileError, match="no category 'nobody'"):
        printed("--category", "nobody")


def test_the_schema_for_editors_is_the_codes() -> None:
    """`iedf profile --schema > configs/profile.schema.json` renews it."""
    assert printed("--schema") == (CONFIGS / "profile.schema.json").read_text("utf-8")


@pytest.mark.parametrize("name", PROFILES)
def test_editors_find_the_schema(name: str) -> None:
    text = (CONFIGS / f"{name}.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=./profile.schema.json\n")
