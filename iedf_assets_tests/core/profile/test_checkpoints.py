import json
import struct
from pathlib import Path

import pytest
from pydantic import ValidationError

from iedf_assets.core.contract import ModelSettings
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.profile.checkpoints import checkpoint, fingerprint, identity, inspect
from iedf_assets.core.profile.workers import Worker, Workers
from iedf_assets_tests.helpers.networks import put_network

CLASS = "QwenImageEditPlusPipeline"
PARTS = ("transformer", "text_encoder", "vae", "scheduler", "tokenizer", "processor")


def tensors(size: int = 64, fill: bytes = b"\1") -> bytes:
    """A safetensors file with one tensor."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + fill * size


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are looked at each time."""
    monkeypatch.setattr("iedf_assets.core.profile.checkpoints.FRESH_S", 1e-9)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "模型 edit"
    for part in PARTS:
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text("{}")
    index = {"_class_name": CLASS, **{part: ["library", "Class"] for part in PARTS}}
    (folder / "model_index.json").write_text(json.dumps(index))
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for name in names:
        (folder / "transformer" / name).write_bytes(tensors())
    weight_map = {"a": names[0], "b": names[1]}
    (folder / "transformer" / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": weight_map})
    )
    for part in ("text_encoder", "vae"):
        (folder / part / "model.safetensors").write_bytes(tensors())
    return folder


def problem_of(folder: Path, stage: str = "edited_images") -> str:
    with pytest.raises(WorkerError) as found:
        checkpoint(folder, stage)
    assert found.value.remedy
    return found.value.problem


def test_a_complete_checkpoint_tells_its_class_size_and_parts(model: Path) -> None:
    found = checkpoint(model, "edited_images")
    assert found.class_name == CLASS
    assert found.weights_bytes == 4 * len(tensors())
    assert set(found.components) == set(PARTS)
    assert found == inspect(model)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert f"{tmp_path / 'no'} does not exist" in problem_of(tmp_path / "no")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    assert "model_index.json is missing" in problem_of(tmp_path)


def test_a_model_of_the_other_stage_is_refused_by_its_class(model: Path) -> None:
    assert CLASS in problem_of(model, "image_layers")


def test_a_missing_shard_is_named_with_its_number(model: Path) -> None:
    (model / "transformer" / "model-00002-of-00002.safetensors").unlink()
    assert "shard 2 of 2 is missing" in problem_of(model)


def test_a_missing_part_is_named(model: Path) -> None:
    for file in (model / "vae").iterdir():
        file.unlink()
    assert "lacks its part vae/" in problem_of(model)


@pytest.mark.parametrize("cut", [1, 40])
def test_a_cut_off_shard_is_noticed_by_its_header(model: Path, cut: int) -> None:
    shard = model / "transformer" / "model-00001-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:-cut])
    assert "it is incomplete" in problem_of(model)


@pytest.mark.parametrize("content", [b"", b"abc", b"\0" * 64, struct.pack("<Q", 9) + b"no json !"])
def test_what_is_no_safetensors_file_is_refused(model: Path, content: bytes) -> None:
    (model / "vae" / "model.safetensors").write_bytes(content)
    assert "is no safetensors file" in problem_of(model)


def test_pickled_weights_are_refused(model: Path) -> None:
    (model / "vae" / "model.safetensors").rename(model / "vae" / "model.bin")
    assert "pickled ones are not loaded" in problem_of(model)


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_a_broken_index_is_refused(model: Path, text: str) -> None:
    (model / "model_index.json").write_text(text)
    assert "model_index.json" in problem_of(model)


def test_the_fingerprint_follows_the_content_and_not_the_place(model: Path, tmp_path: Path) -> None:
    before = fingerprint(model)
    moved = model.rename(tmp_path / "elsewhere")
    assert fingerprint(moved) == before
    (moved / "transformer" / "config.json").write_text('{"a": 1}')
    changed = fingerprint(moved)
    assert changed != before
    (moved / "vae" / "model.safetensors").write_bytes(tensors(fill=b"\2"))
    assert fingerprint(moved) not in {before, changed}
    (moved / ".cache").mkdir()
    (moved / ".cache" / "note.txt").write_text("left by a download")
    assert fingerprint(moved) == fingerprint(moved)


def test_hidden_files_do_not_count(model: Path) -> None:
    before = fingerprint(model)
    (model / ".cache").mkdir()
    (model / ".cache" / "note.txt").write_text("left by a download")
    assert fingerprint(model) == before


def test_a_single_file_has_a_fingerprint_too(tmp_path: Path) -> None:
    lora = tmp_path / "lightning.safetensors"
    lora.write_bytes(tensors())
    one = fingerprint(lora)
    lora.write_bytes(tensors(fill=b"\3"))
    assert fingerprint(lora) != one
    with pytest.raises(WorkerError, match="no model at"):
        fingerprint(tmp_path / "none.safetensors")


def test_another_network_is_another_identity_wherever_it_lies(tmp_path: Path) -> None:
    gains = {"one": 8.0, "other": 7.0, "copy": 8.0}
    one, other, copy = (put_network(tmp_path / f"{name}.onnx", gain=gain) for name, gain in gains.items())
    told = [
        Worker.model_validate({"backend": "onnx", "model_file": path}).identity()
        for path in (one, other, copy)
    ]
    assert told[0] == told[2] != told[1]
    assert told[0][0] == "onnx"


def test_the_small_network_lies_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker.model_validate({"backend": "onnx"})
    monkeypatch.setenv("IEDF_MODELS", str(tmp_path))
    with pytest.raises(WorkerError, match="is not there") as caught:
        worker.identity()
    assert "make models" in caught.value.remedy
    put_network(tmp_path / "u2netp.onnx")
    settings = worker.model_settings()
    assert settings.model_file == str(tmp_path / "u2netp.onnx")
    assert settings.revision


def test_services_elsewhere_tell_the_network_by_its_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IEDF_MODELS", str(tmp_path))
    elsewhere = {"launcher": "service", "endpoints": ["http://127.0.0.1:1"], "revision": "abc"}
    assert Worker.model_validate({"backend": "onnx", **elsewhere}).identity() == ["onnx", "abc"]


def test_a_networks_file_changes_no_other_backends_identity(tmp_path: Path) -> None:
    path = put_network(tmp_path / "n.onnx")
    assert Worker.model_validate({"model_file": path}).identity() == ["classical"]
    settings = ModelSettings(revision="r", model_file=str(path))
    assert identity("diffusers", settings) == identity("diffusers", ModelSettings(revision="r"))


def test_edits_are_made_by_another_backend() -> None:
    with pytest.raises(ValidationError, match="makes no edits"):
        Workers.model_validate({"edit": {"backend": "onnx"}})


# As they were while the backend was called `qwen`: rows made then are still up to date.
OLDER = ["qwen", "steps", 40, "cfg", 4.0]


@pytest.mark.parametrize("name", ["qwen", "diffusers"])
def test_both_names_of_the_backend_give_the_identity_that_older_rows_have(name: str, model: Path) -> None:
    tag, revision, options = Worker.model_validate({"backend": name, "model_dir": model}).identity()
    assert [tag, "steps", options["steps"], "cfg", options["cfg"]] == OLDER
    assert revision == fingerprint(model)
    assert set(options) == {
        "steps", "cfg", "resolution", "layer_count", "canvas_megapixels", "negative_prompt", "dtype",
        "quantization", "attention", "step_cache", "tiling", "lora", "captions", "judge",
    }  # fmt: skip


def test_over_how_many_gpus_a_picture_is_split_changes_no_identity(model: Path) -> None:
    told = {"backend": "diffusers", "model_dir": model, "devices": ["0,1"]}
    alone, split = (Worker.model_validate({**told, "model": {"context_parallel": ranks}}) for ranks in (1, 2))
    assert split.model_settings().context_parallel == 2
    assert alone.identity() == split.identity()


def test_what_the_profile_leaves_open_is_as_the_classes_makers_run_it(model: Path) -> None:
    index = json.loads((model / "model_index.json").read_text("utf-8"))
    (model / "model_index.json").write_text(json.dumps({**index, "_class_name": "Flux2KleinPipeline"}))
    settings = Worker.model_validate({"backend": "diffusers", "model_dir": model}).model_settings()
    assert (settings.steps, settings.cfg) == (4, 4.0)
    told = {"backend": "diffusers", "model_dir": model, "steps": 8, "model": {"cfg": 1.0}}
    settings = Worker.model_validate(told).model_settings()
    assert (settings.steps, settings.cfg) == (8, 1.0)


def test_a_class_without_a_row_may_edit_but_not_split(model: Path) -> None:
    index = json.loads((model / "model_index.json").read_text("utf-8"))
    (model / "model_index.json").write_text(json.dumps({**index, "_class_name": "NextYearsEditPipeline"}))
    assert checkpoint(model, "edited_images").class_name == "NextYearsEditPipeline"
    assert "cannot use" in problem_of(model, "image_layers")


def test_a_successor_of_the_layered_class_splits(model: Path) -> None:
    index = json.loads((model / "model_index.json").read_text("utf-8"))
    successor = "QwenImage21LayeredPipeline"
    (model / "model_index.json").write_text(json.dumps({**index, "_class_name": successor}))
    assert checkpoint(model, "image_layers").class_name == successor
    assert "cannot use" in problem_of(model, "edited_images")


def modular(model: Path, **changes: str) -> Path:
    """The same checkpoint with an index of blocks alone, whose parts are named as of a repository."""
    index = json.loads((model / "model_index.json").read_text("utf-8"))
    for name, value in index.items():
        if isinstance(value, list):
            spec = {"pretrained_model_name_or_path": "somebody/some-model", "type_hint": value}
            index[name] = [*value, {**spec, "subfolder": changes.get(name, name)}]
    index["_class_name"] = "QwenImageEditPlusModularPipeline"
    (model / "modular_model_index.json").write_text(json.dumps(index))
    (model / "model_index.json").unlink()
    return model


def test_a_modular_checkpoint_is_what_its_parts_are(model: Path) -> None:
    whole = checkpoint(model, "edited_images")
    found = checkpoint(modular(model), "edited_images")
    assert (found.components, found.weights_bytes) == (whole.components, whole.weights_bytes)
    assert (whole.modular, found.modular) == (False, True)
    assert found.class_name == "QwenImageEditPlusModularPipeline"
    settings = Worker.model_validate({"backend": "diffusers", "model_dir": model}).model_settings()
    assert (settings.steps, settings.cfg) == (40, 4.0)


def test_a_part_of_a_modular_checkpoint_that_lies_elsewhere_is_named(model: Path) -> None:
    assert "looks for vae in '../other'" in problem_of(modular(model, vae="../other"))


def test_a_modular_layered_class_splits(model: Path) -> None:
    folder = modular(model)
    index = json.loads((folder / "modular_model_index.json").read_text("utf-8"))
    index["_class_name"] = "QwenImageLayeredModularPipeline"
    (folder / "modular_model_index.json").write_text(json.dumps(index))
    assert checkpoint(folder, "image_layers").modular
    assert "cannot use" in problem_of(folder)
