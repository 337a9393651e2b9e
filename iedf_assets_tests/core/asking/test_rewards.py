"""Reward models of other packages: loaded when they are there, and told plainly when they are not."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from skimage import data

from iedf_assets.core.asking.asker import judge_of, judgement_on
from iedf_assets.core.asking.questions import Judgement
from iedf_assets.core.errors import SourceError, WorkerError
from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.profile.asked import Judge

PICTURES = [encode_jpeg(data.coffee()[::4, ::4].copy(), 90)] * 2
KEY = "workers.edit.judge"


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, str]:
    for name in ("base", "lora"):
        (tmp_path / name).mkdir()
    (tmp_path / "base" / "config.json").write_text('{"model_type": "qwen2_5_vl"}')
    return {"model": str(tmp_path / "base"), "adapter": str(tmp_path / "lora")}


def package(monkeypatch: pytest.MonkeyPatch, name: str, **contents: Any) -> None:
    module = ModuleType(name)
    module.__spec__ = type(sys.__spec__)(name, None)
    vars(module).update(contents)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "0")


class Scorer:
    """Answers as editscore 0.2 does."""

    def __init__(self, backbone: str, model_name_or_path: str, lora_path: str) -> None:
        assert backbone == "qwen25vl"
        assert Path(model_name_or_path).is_dir()
        assert Path(lora_path).is_dir()

    def evaluate(self, pictures: list[Any], instruction: str) -> dict[str, Any]:
        assert [picture.mode for picture in pictures] == ["RGB", "RGB"]
        if instruction == "nonsense":
            raise ValueError("no figures")
        return {
            "prompt_following": 9.6, "consistency": 5.2, "perceptual_quality": 7.0, "overall": 6.0,
            "SC_reasoning": "it " * 400, "PQ_reasoning": "a seam",
        }  # fmt: skip


def test_editscore_s_figures_become_ratings(monkeypatch: pytest.MonkeyPatch, weights: dict[str, str]) -> None:
    package(monkeypatch, "editscore", EditScore=Scorer)
    judge = judge_of(Judge.model_validate({"by": "editscore", **weights}), KEY)
    told = judgement_on(judge, "move the cup", PICTURES)
    assert (told.instruction, told.preservation, told.artefacts) == (5, 3, "a seam")
    with pytest.raises(SourceError, match="no figures"):
        judgement_on(judge, "nonsense", PICTURES)


@pytest.mark.parametrize(("reward", "rating"), [(-9.0, 1), (0.0, 3), (1.0, 4), (9.0, 5)])
def test_editreward_s_figure_becomes_a_rating(
    monkeypatch: pytest.MonkeyPatch, weights: dict[str, str], reward: float, rating: int
) -> None:
    class Inferencer:
        def __init__(self, **_: Any) -> None: ...

        def reward(self, prompts: list[str], image_src: list[str], image_paths: list[str]) -> Any:
            assert [Path(path).read_bytes() for path in (*image_src, *image_paths)] == PICTURES
            return [[reward, 0.1]] * len(prompts)

    package(monkeypatch, "EditReward", EditRewardInferencer=Inferencer)
    judge = judge_of(Judge.model_validate({"by": "editreward", **weights}), KEY)
    told = judgement_on(judge, "move the cup", PICTURES)
    assert isinstance(told, Judgement)
    assert told.instruction == told.preservation == rating


def test_what_is_not_there_is_named_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, weights: dict[str, str]
) -> None:
    with pytest.raises(WorkerError, match="no package editscore"):
        judge_of(Judge.model_validate({"by": "editscore", **weights}), KEY)
    package(monkeypatch, "editscore", EditScore=Scorer)
    with pytest.raises(WorkerError, match=r"adapter: .*nowhere is not there"):
        judge_of(Judge.model_validate({"by": "editscore", **weights, "adapter": "/nowhere"}), KEY)
    Path(weights["model"], "config.json").write_text('{"model_type": "llava"}')
    judge = judge_of(Judge.model_validate({"by": "editscore", **weights}), KEY)
    with pytest.raises(WorkerError, match="is a llava"):
        judgement_on(judge, "move the cup", PICTURES)


@pytest.mark.parametrize(
    "told", [{"by": "editscore"}, {"by": "own", "rewrite": True}, {"by": "editscore", "model": "m"}]
)
def test_a_profile_that_cannot_work_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"needs (model and adapter|a judge that writes)"):
        Judge.model_validate(told)
