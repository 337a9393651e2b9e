"""What runs a segmentation network: both ways give one answer, and say what they lack."""

import sys
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from iedf_assets.core.errors import WorkerError
from iedf_assets.core.pictures.subjects import Network
from iedf_assets_tests.helpers.networks import put_network, real_network


@pytest.mark.slow
def test_onnxruntime_answers_as_opencv_does() -> None:
    photo = data.coffee()
    answers = [Network(real_network(), runtime, "cpu").ask(photo) for runtime in ("opencv", "onnxruntime")]
    assert np.abs(answers[0].probability - answers[1].probability).max() < 1e-3
    assert answers[0].maximum == pytest.approx(answers[1].maximum, abs=1e-4)


def test_a_gpu_that_onnxruntime_does_not_have_is_refused(tmp_path: Path) -> None:
    path = put_network(tmp_path / "n.onnx")
    with pytest.raises(WorkerError, match="has no CUDA here"):
        Network(path, "onnxruntime", "cuda:1")
    assert Network(path, "onnxruntime", "auto").ask(data.coffee()).probability.shape == (400, 600)


def test_without_the_extra_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(WorkerError, match="not to be had") as told:
        Network(put_network(tmp_path / "n.onnx"), "onnxruntime")
    assert "onnxruntime" in str(told.value.remedy)
