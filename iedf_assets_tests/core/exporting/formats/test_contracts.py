"""Rules of readers that are not installed here, restated from their code; docs/training.md names each."""

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from iedf_assets.core.judging.dataset_check import check_dataset
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.exports import exported, indexed

Rows = list[dict[str, Any]]


def captions(dataset: Profile, language: str = "en") -> list[str]:
    return sorted(row[f"instruction_{language}"] for row in indexed(dataset).values())


def pixels(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def published(dataset: Profile, key: str, what: str) -> Any:
    return pixels(Layout.of(dataset).outputs / indexed(dataset)[key][what])


def test_diffsynth_reads_a_list_of_relative_paths_with_a_list_of_sources(
    dataset: Profile, tmp_path: Path
) -> None:
    exported(dataset, tmp_path / "out", "diffsynth")
    rows: Rows = json.loads((tmp_path / "out/metadata.json").read_text("ascii"))
    assert sorted(row["prompt"] for row in rows) == captions(dataset)
    for row in rows:
        # A string would get the template of single pictures, silently.
        assert isinstance(row["edit_image"], list)
        assert len(row["edit_image"]) == 1
        assert np.array_equal(
            pixels(tmp_path / "out" / row["edit_image"][0]),
            published(dataset, row["sample_key"], "src_image_path"),
        )
        assert np.array_equal(
            pixels(tmp_path / "out" / row["image"]),
            published(dataset, row["sample_key"], "result_image_path"),
        )
    single: Rows = json.loads((tmp_path / "out/metadata_single.json").read_text("ascii"))
    assert all(
        isinstance(row["edit_image"], str) and row["kontext_images"] == row["edit_image"] for row in single
    )
    assert (tmp_path / "out/metadata.json").suffix == ".json"  # any other ending is read as csv


def test_diffsynth_metadata_is_ascii_without_a_mark_a_blank_line_or_a_null(
    dataset: Profile, tmp_path: Path
) -> None:
    exported(dataset, tmp_path / "out", "diffsynth", language="both", masks=True)
    assert not (tmp_path / "out/metadata.json").exists()
    for language in ("en", "zh"):
        data = (tmp_path / f"out/metadata_{language}.json").read_bytes()
        assert data.isascii()
        assert not data.startswith(b"\xef\xbb\xbf")
        rows: Rows = json.loads(data)
        assert sorted(row["prompt"] for row in rows) == captions(dataset, "ch" if language == "zh" else "en")
        assert all(value is not None for row in rows for value in row.values())
        assert len({frozenset(row) for row in rows}) == 1
        mask = tmp_path / "out" / rows[0]["blockwise_controlnet_inpaint_mask"]
        assert np.array_equal(
            pixels(mask)[..., 0],
            pixels(Layout.of(dataset).outputs / indexed(dataset)[rows[0]["sample_key"]]["mask_paths"][0])[
                ..., 0
            ],
        )


def test_diffsynth_loads_under_a_locale_that_is_not_utf_8(dataset: Profile, tmp_path: Path) -> None:
    exported(dataset, tmp_path / "out", "diffsynth", language="zh")
    script = "import json, sys; print(len(json.load(open(sys.argv[1]))))"
    command = [
        sys.executable,
        "-X",
        "utf8=0",
        "-W",
        "ignore",
        "-c",
        script,
        str(tmp_path / "out/metadata.json"),
    ]
    done = subprocess.run(command, env={**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert int(done.stdout) == len(indexed(dataset))


def test_musubi_reads_absolute_paths_with_unique_names(dataset: Profile, tmp_path: Path) -> None:
    exported(dataset, tmp_path / "out", "musubi")
    config = tomllib.loads((tmp_path / "out/dataset.toml").read_text("utf-8"))
    (described,) = config["datasets"]
    assert config["general"]["enable_bucket"] is True  # else everything is cropped to one size
    assert described["cache_directory"]
    lines = Path(described["image_jsonl_file"]).read_text("utf-8").split("\n")
    assert lines.pop() == ""
    rows: Rows = [json.loads(line) for line in lines]  # a blank line would raise
    assert sorted(row["caption"] for row in rows) == captions(dataset)
    names = [Path(row["image_path"]).stem for row in rows]
    assert len(set(names)) == len(names)  # caches go by the name alone
    for row in rows:
        assert Path(row["image_path"]).is_absolute()
        # What follows control_path_ has to be a number.
        assert [key for key in row if key.startswith("control_path")] == ["control_path"]
        assert np.array_equal(
            pixels(Path(row["control_path"])), published(dataset, row["sample_key"], "src_image_path")
        )


@pytest.mark.parametrize("masks", [False, True])
def test_folders_match_by_name_and_ending_and_hold_nothing_else(
    dataset: Profile, tmp_path: Path, masks: bool
) -> None:
    exported(dataset, tmp_path / "out", "folders", masks=masks)
    pictures = {path.name for path in (tmp_path / "out/target").iterdir() if path.suffix != ".txt"}
    for name in ("source", "mask") if masks else ("source",):
        assert {path.name for path in (tmp_path / "out" / name).iterdir()} == pictures
    assert {Path(name).suffix for name in pictures} == {".png" if masks else ".jpg"}
    assert (tmp_path / "out/mask").exists() == masks
    # A picture that is not a target must not lie below it, nor have a name that musubi takes for a control.
    assert all(re.fullmatch(r"[a-z0-9-]+\.(jpg|png)", name) for name in pictures)
    texts = {path.stem: path.read_text("utf-8") for path in (tmp_path / "out/target").glob("*.txt")}
    assert texts.keys() == {Path(name).stem for name in pictures}
    assert sorted(texts.values()) == captions(dataset)
    assert all("\n" not in text for text in texts.values())  # SimpleTuner takes each line for a caption


def test_folders_of_two_languages_have_a_target_each(dataset: Profile, tmp_path: Path) -> None:
    exported(dataset, tmp_path / "out", "folders", language="both")
    for folder, language in (("target_en", "en"), ("target_zh", "ch")):
        texts = sorted(path.read_text("utf-8") for path in (tmp_path / "out" / folder).glob("*.txt"))
        assert texts == captions(dataset, language)


def test_the_settings_beside_the_folders_name_them_and_delete_nothing(
    dataset: Profile, tmp_path: Path
) -> None:
    exported(dataset, tmp_path / "out", "folders", masks=True)
    job = yaml.safe_load((tmp_path / "out/ai-toolkit.yaml").read_text("utf-8"))
    (described,) = job["config"]["process"][0]["datasets"]
    assert described["folder_path"] == str(tmp_path / "out/target")
    assert described["control_path"] == str(tmp_path / "out/source")
    assert described["mask_path"] == str(tmp_path / "out/mask")
    backends = json.loads((tmp_path / "out/simpletuner.json").read_text("utf-8"))
    target, source, _ = backends
    assert (target["instance_data_dir"], target["conditioning_data"]) == (
        str(tmp_path / "out/target"),
        [source["id"]],
    )
    assert source["source_dataset_id"] == target["id"]
    assert not any(backend.get("delete_unwanted_images") for backend in backends)
    assert not any(backend.get("delete_problematic_images") for backend in backends)


def test_members_of_a_sample_lie_side_by_side_with_the_same_fields_for_all(
    dataset: Profile, tmp_path: Path
) -> None:
    exported(dataset, tmp_path / "out", "webdataset")
    for path in (tmp_path / "out").glob("*.tar"):
        with tarfile.open(path) as tar:
            names = tar.getnames()
        stems = [name.split(".", 1)[0] for name in names]
        changes = sum(one != other for one, other in pairwise(stems))
        assert changes + 1 == len(set(stems))
        fields = {
            stem: [n.split(".", 1)[1] for n, s in zip(names, stems, strict=True) if s == stem]
            for stem in stems
        }
        assert {tuple(found) for found in fields.values()} == {
            ("source.jpg", "target.jpg", "mask.png", "json", "en.txt", "zh.txt")
        }


def test_an_imagefolder_names_files_below_its_table(dataset: Profile, tmp_path: Path) -> None:
    exported(dataset, tmp_path / "out", "imagefolder")
    for table in (tmp_path / "out").glob("*/metadata.jsonl"):
        rows: Rows = [json.loads(line) for line in table.read_text("ascii").splitlines()]
        assert {row["split"] for row in rows} == {table.parent.name}
        for row in rows:
            names = [row[f"{role}_file_name"] for role in ("source", "target", "mask")]
            assert all((table.parent / name).is_file() and ".." not in name for name in names)


def test_the_original_checks_clean_with_ids_that_run_through(dataset: Profile, tmp_path: Path) -> None:
    exported(dataset, tmp_path / "out", "original")
    found = check_dataset(tmp_path / "out/dataset")
    assert found.lint == []
    assert len(found.pairs) == len(indexed(dataset))
    assert {pair.sample.number for pair in found.pairs} == set(range(1, len(found.pairs) + 1))
    assert not [pair for pair in found.pairs if {"exact_outside", "mse_outside"} & set(pair.failed_checks)]
    rows: Rows = [
        json.loads(line) for line in (tmp_path / "out/reports/index.jsonl").read_text("utf-8").splitlines()
    ]
    assert all(
        Path(path).is_file() and Path(path).is_absolute() for row in rows for path in row["mask_paths"]
    )


def test_numbers_of_the_original_stay_when_a_part_is_exported(dataset: Profile, tmp_path: Path) -> None:
    def numbers() -> dict[str, str]:
        lines = (tmp_path / "out/reports/index.jsonl").read_text("utf-8").splitlines()
        return {json.loads(row["metadata"])["sample_key"]: row["sample_id"] for row in map(json.loads, lines)}

    exported(dataset, tmp_path / "out", "original", split="validation")
    before = numbers()
    exported(dataset, tmp_path / "out", "original")
    assert before.items() <= numbers().items()
