from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from iedf_assets.cli.commands.doctor import Finding, _class_of, _endpoints, _networks, fits
from iedf_assets.cli.main import cli
from iedf_assets.core.profile.editors import EDITORS
from iedf_assets.core.profile.loading import DEFAULT_PROFILE, load_profile
from iedf_assets.core.profile.workers import Worker
from iedf_assets_tests.helpers.networks import put_network
from iedf_assets_tests.helpers.vision_server import MODEL, Reply, vision_server

GIB = 2**30
H200, RTX = ("NVIDIA H200", 139 * GIB), ("NVIDIA RTX 4090", 24 * GIB)
WEIGHTS = 58 * GIB


def worker(model: dict[str, Any] | None = None, **settings: Any) -> Worker:
    return Worker.model_validate({"model": model or {}, **settings})


@pytest.mark.parametrize(
    ("gpus", "settings", "model"),
    [
        ([H200], {}, {}),
        ([RTX] * 4, {}, {"device_map": "balanced"}),
        ([RTX], {}, {"offload": "group"}),
        ([H200, H200], {"devices": ("0", "1")}, {}),
        ([H200, RTX], {}, {"context_parallel": 2}),
        ([], {}, {"device": "cpu"}),
        ([], {}, {}),
    ],
)
def test_what_fits_needs_no_remedy(gpus: list[Any], settings: dict[str, Any], model: dict[str, Any]) -> None:
    assert fits("edited_images", worker(model, **settings), WEIGHTS, gpus).remedy == ""


@pytest.mark.parametrize(
    ("gpus", "settings", "model", "said"),
    [
        ([RTX], {}, {}, "66 GiB are needed, 24 GiB are there"),
        ([RTX] * 4, {}, {}, "66 GiB are needed, 24 GiB are there"),
        ([H200, RTX], {"devices": ("0", "1")}, {}, "(1)"),
        ([RTX], {}, {"quantization": "int8"}, "46 GiB are needed"),
        ([H200], {"devices": ("0,1",)}, {}, "there is no GPU 1"),
        ([H200], {}, {"context_parallel": 2}, "context_parallel asks for 2 GPUs, 1 are there (0)"),
        ([RTX, H200], {}, {"context_parallel": 2}, "66 GiB are needed, 24 GiB are there (0,1)"),
        ([], {}, {"device": "cuda"}, "torch sees none"),
    ],
)
def test_what_does_not_fit_says_what_is_short_and_what_helps(
    gpus: list[Any], settings: dict[str, Any], model: dict[str, Any], said: str
) -> None:
    found = fits("edited_images", worker(model, **settings), WEIGHTS, gpus)
    assert said in found.state
    assert found.remedy


def networks(**layered: Any) -> list[Finding]:
    settings = [f"workers.layered.{key}={value}" for key, value in layered.items()]
    return list(_networks(load_profile(DEFAULT_PROFILE, settings)))


def test_the_small_network_is_told_whether_it_is_used_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [finding.remedy for finding in networks(backend="classical")] == [""]
    assert [finding.remedy for finding in networks()] == ["", ""]
    monkeypatch.setenv("IEDF_MODELS", str(tmp_path))
    (missing,) = networks(backend="classical")
    assert str(tmp_path) in missing.state
    assert "make models" in missing.remedy


def test_the_network_of_the_profile_is_read(tmp_path: Path) -> None:
    found = networks(backend="onnx", model_file=put_network(tmp_path / "n.onnx", 1024))[-1]
    assert "ISNet, 1024 pixels" in found.state
    assert found.remedy == ""
    unknown = networks(backend="onnx", model_file=put_network(tmp_path / "o.onnx", 512))[-1]
    assert "no known family" in unknown.state
    assert "1x3x320x320" in unknown.remedy
    assert "is not there" in networks(backend="onnx", model_file=tmp_path / "p.onnx")[-1].state


def test_an_endpoint_is_tried_once_however_many_categories_ask_it() -> None:
    with vision_server() as server:
        told = f"{{by: endpoint, endpoint: '{server.address}', model: {MODEL}}}"
        profile = load_profile(DEFAULT_PROFILE, [f"workers.edit.judge={told}"])
        (answers,) = _endpoints(profile)
        assert (answers.subject, answers.remedy) == ("workers.edit.judge", "")
        assert "that was to be blue, and is, gets 5 and 4 of 5" in answers.state
        assert len(server.asked) == 1
        other = load_profile(DEFAULT_PROFILE, [f"workers.layered.namer={told.replace(MODEL, 'gone')}"])
        (found,) = _endpoints(other)
        assert "has no model 'gone'" in found.state
    (found,) = _endpoints(profile)
    assert "start the server" in found.remedy
    assert list(_endpoints(load_profile(DEFAULT_PROFILE))) == []


def test_an_endpoint_that_answers_nothing_usable_is_no_good() -> None:
    with vision_server(lambda _: Reply("I would rather talk")) as server:
        told = f"{{by: endpoint, endpoint: '{server.address}', model: {MODEL}, max_retries: 0}}"
        (found,) = _endpoints(load_profile(DEFAULT_PROFILE, [f"workers.layered.namer={told}"]))
        assert found.remedy
        server.reply = lambda _: Reply({"en": "a red disc", "ch": "红色圆盘"})
        (found,) = _endpoints(load_profile(DEFAULT_PROFILE, [f"workers.layered.namer={told}"]))
        assert "'a red disc', '红色圆盘'" in found.state
        assert found.remedy == ""


def test_every_class_is_listed_with_its_licence() -> None:
    told = CliRunner().invoke(cli, ["doctor", "--classes"], env={"COLUMNS": "240"})
    assert told.exit_code == 0
    assert all(editor.class_name in told.output for editor in EDITORS)
    assert "FLUX non-commercial" in told.output


def test_an_editing_class_is_told_with_its_licence_or_that_nobody_knows_it() -> None:
    assert "commercial use: no" in _class_of("FluxKontextPipeline").state
    assert "no row in the table" in _class_of("NextYearsEditPipeline").state
