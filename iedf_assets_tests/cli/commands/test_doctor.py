from typing import Any

import pytest

from iedf_assets.cli.commands.doctor import fits
from iedf_assets.core.profile.workers import Worker

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
        ([], {}, {"device": "cuda"}, "torch sees none"),
    ],
)
def test_what_does_not_fit_says_what_is_short_and_what_helps(
    gpus: list[Any], settings: dict[str, Any], model: dict[str, Any], said: str
) -> None:
    found = fits("edited_images", worker(model, **settings), WEIGHTS, gpus)
    assert said in found.state
    assert found.remedy
