import json
from pathlib import Path
from typing import Any

import pytest

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.checkpoints import network_settings
from iedf_assets_tests.helpers.networks import put_network
from model_envs.services.settings import Kind, ServiceSettings


@pytest.mark.parametrize(("kind", "port", "timeout"), [("layered", 8101, 300), ("edit", 8102, 600)])
def test_without_variables_the_contracts_defaults_hold(kind: Kind, port: int, timeout: float) -> None:
    settings = ServiceSettings.from_environment(kind, {})
    assert (settings.host, settings.port, settings.infer_timeout_sec) == ("127.0.0.1", port, timeout)
    assert (settings.max_concurrency, settings.max_queue, settings.preload) == (1, 16, True)


def test_each_service_reads_its_own_variables() -> None:
    variables = {
        "EDIT_BACKEND": "opencv", "EDIT_PRELOAD": "0", "EDIT_MAX_CONCURRENCY": "2", "EDIT_MAX_QUEUE": "3",
        "EDIT_INFER_TIMEOUT_SEC": "1.5", "EDIT_ROOTS": "/a:/b", "EDIT_DEVICES": "0,1;2", "EDIT_PORT": "",
        "LAYERED_PORT": "9000", "EDIT_MODEL": json.dumps({"steps": 7}), "EDIT_MODEL_DIR": "models/x",
        "EDIT_DEVICE": "cuda:1",
    }  # fmt: skip
    settings = ServiceSettings.from_environment("edit", variables)
    assert settings.backend == "classical"
    assert settings.preload is False
    assert (settings.max_concurrency, settings.max_queue, settings.infer_timeout_sec) == (2, 3, 1.5)
    assert settings.roots == (Path("/a"), Path("/b"))
    assert settings.devices == ("0,1", "2")
    assert settings.port == 8102
    model = settings.model_settings()
    assert (model.steps, model.device, model.model_dir) == (7, "cuda:1", str(Path("models/x").absolute()))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKEND", "magic"), ("BACKEND", "onnx"), ("PORT", "0"), ("PORT", "http"),
        ("MAX_CONCURRENCY", "0"), ("MAX_QUEUE", "-1"),
        ("INFER_TIMEOUT_SEC", "0"), ("PRELOAD", "perhaps"), ("MODEL", "{"), ("MODEL", '{"unknown": 1}'),
    ],
)  # fmt: skip
def test_a_variable_that_cannot_be_used_is_named(name: str, value: Any) -> None:
    with pytest.raises(ProfileError, match="EDIT_" + ("" if name == "MODEL" else name)):
        ServiceSettings.from_environment("edit", {f"EDIT_{name}": value})


def test_the_network_of_the_backend_onnx_is_the_small_one_unless_another_is_named(tmp_path: Path) -> None:
    settings = ServiceSettings.from_environment("layered", {"LAYERED_BACKEND": "onnx"})
    assert settings.model_settings() == network_settings(None)
    path = put_network(tmp_path / "n.onnx")
    named = {"LAYERED_BACKEND": "onnx", "LAYERED_MODEL": json.dumps({"model_file": str(path)})}
    told = ServiceSettings.from_environment("layered", named).model_settings()
    assert told == network_settings(path)
    assert told.revision
