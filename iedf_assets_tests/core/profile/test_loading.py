import unicodedata
from pathlib import Path

import pytest
import yaml

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.loading import DEFAULT_PROFILE, load_profile


def written(folder: Path, text: str) -> Path:
    path = folder / "profile.yaml"
    path.write_text(text, "utf-8")
    return path


def test_unknown_keys_are_named_with_line_and_likely_meaning(tmp_path: Path) -> None:
    path = written(
        tmp_path, "seed: 1\ncategories:\n  a:\n    task: semantic_edit\n    filters:\n      min_widht: 5\n"
    )
    with pytest.raises(
        ProfileError, match=r"categories\.a\.filters\.min_widht \(line 6\).*did you mean 'min_width'"
    ):
        load_profile(path)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("wave=0", "wave"),
        ("seed=abc", "seed"),
        ("categories.物理变化.subtypes={fly: 1}", "unknown subtype fly"),
        ("categories.物理变化.scene=../up", "scene"),
        ("categories.物理变化.scene=trip-2024", "trip-2024"),
        ("limits.quotas={style_edit/room-12: 1}", "room-12"),
        ("recipes.move={min_shift: 0.4, max_shift: 0.2}", "min_shift 0.4 is more than max_shift 0.2"),
        ("recipes.identity={min_strength: 0.9, max_strength: 0.1}", "is more than max_strength"),
        ("sources.timeout_s=.inf", "timeout_s"),
        ("workers.edit.item_timeout_s=1.0e+300", "item_timeout_s"),
        ("workers.edit.endpoints=['http://x:port']", "no address"),
        ("workers.edit.endpoints=['http://127.0.0.1:99999']", "no address"),
        ("workers.edit.endpoints=['http://[bad']", "no address"),
        ("categories={'../up': {task: semantic_edit}}", "categories"),
        ("seed.deeper=1", "goes below 'seed'"),
        ("no_equals_sign", "key.sub=value"),
        ("thresholds.min_mask_share=[", "no valid YAML"),
        ("workers.edit.backend=qwen3", "workers.edit.backend"),
    ],
)
def test_bad_settings_are_refused_by_name(setting: str, said: str) -> None:
    with pytest.raises(ProfileError, match=said):
        load_profile(DEFAULT_PROFILE, [setting])


def test_settings_change_one_key_and_leave_the_rest() -> None:
    profile = load_profile(DEFAULT_PROFILE, ["wave=3", "filters.min_width=500"])
    assert profile.wave == 3
    assert profile.category("物体一致性").filters.min_width == 500
    assert profile.category("物体一致性").filters.min_height == 128


def test_a_category_narrows_only_what_it_names() -> None:
    profile = load_profile(DEFAULT_PROFILE, ["categories.物理变化.thresholds.composited.max_mse_outside=2"])
    assert profile.category("物理变化").thresholds.composited.max_mse_outside == 2
    assert profile.category("物理变化").thresholds.composited.min_ssim_outside == 0.98
    assert profile.category("物体一致性").thresholds.composited.max_mse_outside == 4


def test_a_category_without_subtypes_gets_its_tasks_default(tmp_path: Path) -> None:
    profile = load_profile(written(tmp_path, "categories: {a: {task: structural_edit}}"))
    assert profile.category("a").subtypes == {"move": 1}


def test_category_names_match_in_any_normal_form(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "naïve café")
    path = written(tmp_path, f"categories: {{'{decomposed}': {{task: semantic_edit}}}}")
    profile = load_profile(path)
    assert profile.category_name(decomposed) == unicodedata.normalize("NFC", decomposed)


@pytest.mark.parametrize(
    "text",
    [
        "seed: 1\nwave: 3\nseed: 2", "categories: {é: {task: style_edit}, e\u0301: {task: style_edit}}",
        "thresholds: {max_seam: 1, max_seam: 2}",
    ],
)  # fmt: skip
def test_a_key_that_stands_twice_is_told_with_both_lines(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProfileError, match=r"the key .* stands in line \d and again in line \d"):
        load_profile(written(tmp_path, text))


@pytest.mark.parametrize("text", ["", "- a list", "a: [", "\x00", "seed: 2020-99-99"])
def test_files_that_are_no_profile_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProfileError):
        load_profile(written(tmp_path, text))


def test_a_missing_profile_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"nowhere\.yaml.*\n.*--config or IEDF_CONFIG"):
        load_profile(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("name", ["a...b", "a,b", "a*", '"a"', "[a]", "a "])
def test_a_category_that_the_ui_cannot_bear_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(yaml.safe_dump({"categories": {name: {"task": "semantic_edit"}}}), "utf-8")
    with pytest.raises(ProfileError, match=r"rename its folder and (its )?entry"):
        load_profile(path)


def test_a_time_zone_that_is_none_is_refused() -> None:
    with pytest.raises(ProfileError, match="is no time zone"):
        load_profile(settings=["automation.timezone=Mars/Olympus"])
    assert load_profile(settings=["automation.timezone=Asia/Shanghai"]).automation.timezone == "Asia/Shanghai"
