import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from skimage import data, io

from iedf_assets.cli.commands.edit import Trial, stem_of
from iedf_assets.cli.main import cli
from iedf_assets.core.errors import ProfileError
from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.loading import DEFAULT_PROFILE, load_profile

NOTHING = {
    "subtype": None, "instruction": None, "backend": None, "layered_model_dir": None, "edit_model_dir": None,
    "skip_layered": False, "device": None,
}  # fmt: skip


def trial(**changes: object) -> Trial:
    return Trial(**{**NOTHING, **changes})  # type: ignore[arg-type]


def test_nothing_asked_for_changes_nothing() -> None:
    assert trial().settings() == []
    assert trial().kind == "move"


def test_model_folders_choose_the_models_and_their_environments(tmp_path: Path) -> None:
    asked = trial(layered_model_dir=tmp_path / "a: b", edit_model_dir=tmp_path / "编辑", device="cpu")
    workers = load_profile(DEFAULT_PROFILE, asked.settings()).workers
    assert (workers.layered.backend, workers.layered.environment) == ("diffusers", "iedf-layered")
    assert (workers.edit.backend, workers.edit.environment) == ("diffusers", "iedf-edit")
    assert workers.layered.model_dir == tmp_path / "a: b"
    assert workers.edit.model_dir == tmp_path / "编辑"
    assert workers.layered.model.device == workers.edit.model.device == "cpu"


@pytest.mark.parametrize("skip", [True, False])
def test_the_object_is_found_without_a_layered_model_when_it_is_skipped_or_not_given(
    tmp_path: Path, *, skip: bool
) -> None:
    layered = tmp_path if skip else None
    asked = trial(backend="qwen", layered_model_dir=layered, edit_model_dir=tmp_path, skip_layered=skip)
    workers = load_profile(DEFAULT_PROFILE, asked.settings()).workers
    assert (workers.layered.backend, workers.layered.environment) == ("classical", None)
    assert workers.edit.backend == "diffusers"


def test_an_instruction_is_kept_word_for_word(tmp_path: Path) -> None:
    words = "把杯子变成: \"金色\" # 'yes'"
    asked = trial(instruction=words, edit_model_dir=tmp_path)
    assert asked.kind == "replace"
    assert load_profile(DEFAULT_PROFILE, asked.settings()).recipes.replace.instruction == words


def test_what_draws_its_edits_follows_no_words() -> None:
    with pytest.raises(ProfileError, match="does not follow --instruction"):
        trial(instruction="go left", subtype="move").settings()


def test_an_unknown_subtype_is_told_the_known_ones() -> None:
    with pytest.raises(ProfileError, match="no subtype 'teleport'") as found:
        _ = trial(subtype="teleport").kind
    assert "restyle" in found.value.remedy


def test_what_takes_a_model_says_so(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    io.imsave(photo, data.coffee())
    done = CliRunner().invoke(cli, ["edit", str(photo), "--output", str(tmp_path), "--subtype", "restyle"])
    assert done.exit_code != 0
    assert isinstance(done.exception, ProfileError)
    assert "so: only a model can do restyle" in done.exception.problem


@pytest.mark.slow
def test_every_intermediate_is_on_disk_with_a_contact_sheet(tmp_path: Path) -> None:
    photo = tmp_path / "杯 photo.png"
    io.imsave(photo, data.coffee())
    output = tmp_path / "out"
    done = CliRunner().invoke(cli, ["edit", str(photo), "--output", str(output), "--subtype", "identity"])
    assert done.exit_code == 0, done.output
    steps = {path.name for path in (output / "杯 photo_steps").iterdir()}
    assert {
        "1_image_layers.json", "1_image_layers_mask.png", "2_edited_images.json",
        "2_edited_images_picture.png", "3_edit_pairs.json", "3_edit_pairs_result.jpg",
    } <= steps  # fmt: skip
    sheet = io.imread(output / "杯 photo_sheet.jpg")
    assert sheet.shape[0] >= 600
    assert (output / "杯 photo_result.jpg").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["长" * 83 + ".jpg", "[done]杯[bold].jpg", ".hidden [red].jpg"])
def test_a_photo_of_any_name_is_edited_and_its_files_are_named_whole(tmp_path: Path, name: str) -> None:
    photo = tmp_path / name
    photo.write_bytes(encode_jpeg(data.coffee(), 95))
    arguments = ["edit", str(photo), "--output", str(tmp_path / "out"), "--subtype", "background"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    result = tmp_path / "out" / f"{stem_of(photo)}_result.jpg"
    assert result.exists()
    assert str(result) in done.output


def test_names_that_are_cut_stay_apart() -> None:
    one, other = (stem_of(Path("长" * 80 + end + ".jpg")) for end in ("一", "二"))
    assert one != other
    assert max(len(stem.encode()) for stem in (one, other)) <= 120


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["onnx", "classical"])
def test_of_a_photo_without_an_object_what_was_seen_is_shown(tmp_path: Path, backend: str) -> None:
    noise = np.random.default_rng(0).integers(100, 140, (240, 320, 3), np.uint8)
    photo = tmp_path / "noise.jpg"
    photo.write_bytes(encode_jpeg(noise, 95))
    arguments = ["edit", str(photo), "--output", str(tmp_path / "out"), "--subtype", "move"]
    done = CliRunner().invoke(cli, [*arguments, "--set", f"workers.layered.backend={backend}"])
    assert done.exit_code == 1
    assert "no_salient_object" in done.output
    steps = {path.name for path in (tmp_path / "out" / "noise_steps").iterdir()}
    assert {"1_image_layers.json", "1_image_layers_seen.png"} <= steps
    assert (tmp_path / "out" / "noise_sheet.jpg").exists()


@pytest.mark.slow
def test_of_a_pair_that_is_turned_down_everything_is_shown_of_each_try(tmp_path: Path) -> None:
    photo = tmp_path / "cup.jpg"
    photo.write_bytes(encode_jpeg(data.coffee(), 95))
    arguments = ["edit", str(photo), "--output", str(tmp_path / "out"), "--subtype", "identity"]
    strict = ["thresholds.min_effect=1", "thresholds.min_polarity=1000", "tries=2"]
    done = CliRunner().invoke(cli, [*arguments, *(part for one in strict for part in ("--set", one))])
    assert done.exit_code == 1, done.output
    folder = tmp_path / "out" / "cup_steps"
    steps = {path.name for path in folder.iterdir()}
    wanted = {
        f"3_edit_pairs{which}_{name}" for which in ("", "_try_2") for name in ("result.jpg", "mask.png")
    }
    assert wanted | {"2_edited_images_try_2_picture.png", "4_dataset.json"} <= steps
    verdicts = json.loads((folder / "4_dataset.json").read_text("utf-8"))
    assert all("polarity" in row["failed_checks"] for row in verdicts)


@pytest.mark.slow
def test_what_is_no_photo_ends_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"no photo")
    done = CliRunner().invoke(cli, ["edit", str(path), "--output", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "unreadable" in done.output


def test_nothing_is_made_among_photos_or_products(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    io.imsave(photo, data.coffee())
    for folder in (PROJECT_ROOT / "data" / "x", PROJECT_ROOT / "outputs" / "dataset"):
        done = CliRunner().invoke(cli, ["edit", str(photo), "--output", str(folder)])
        assert isinstance(done.exception, ProfileError)
        assert "lies in" in done.exception.problem


def test_what_is_no_photo_is_refused_before_it_is_copied(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    done = CliRunner().invoke(cli, ["edit", str(tmp_path / "pipe.jpg"), "--output", str(tmp_path / "out")])
    assert done.exit_code != 0
    assert not (tmp_path / "out").exists()


def test_an_empty_instruction_is_none() -> None:
    with pytest.raises(ProfileError, match="empty"):
        trial(instruction=" ", subtype="replace").settings()
