"""EditScore and EditReward: reward models that rate edits, where their package and their weights are at hand.

They run in this process, one edit at a time, and are loaded at the first. Nothing is downloaded: their
packages would, so they are told to stay offline.
"""

import importlib
import importlib.util
import json
import math
import os
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from iedf_assets.core.asking.questions import LONGEST, Judgement
from iedf_assets.core.errors import SourceError, WorkerError
from iedf_assets.core.profile.asked import Judge
from iedf_assets.core.profile.fields import absolute

UNRATED = "judge_unreadable"
# What EditScore calls the kinds of vision model that it adapts.
BACKBONES = {"qwen2_5_vl": "qwen25vl", "qwen3_vl": "qwen3vl"}
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


class RewardModel(ABC):
    """A reward model of another package.

    Args:
        asked: where its weights are.
        key: of the profile, for remedies.
    """

    package: str
    install: str

    def __init__(self, asked: Judge, key: str) -> None:
        self._model, self._adapter = (absolute(Path(str(part))) for part in (asked.model, asked.adapter))
        self._key = key
        self._loaded: Any = None
        self._lock = threading.Lock()

    def require_there(self) -> None:
        """Look for its package and its weights, without loading them.

        Raises:
            WorkerError: one of them is not there.
        """
        if importlib.util.find_spec(self.package) is None:
            raise WorkerError(
                f"{self._key}: this environment has no package {self.package}",
                f"{self.install}, or have the judge behind an endpoint",
            )
        for name, path in (("model", self._model), ("adapter", self._adapter)):
            if not path.exists():
                raise WorkerError(
                    f"{self._key}.{name}: {path} is not there", "nothing is downloaded: copy it"
                )

    def rate(self, instruction: str, pictures: Sequence[bytes]) -> Judgement:
        """What it says of an edit: of the JPEG pictures before and after.

        Raises:
            SourceError: nothing that can be used.
            WorkerError: it cannot be loaded.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load_offline()
            try:
                return self._rated(instruction, pictures)
            # What its answer is made of is another model's text: it fails in all these ways.
            except (ValueError, KeyError, IndexError, TypeError) as error:
                raise SourceError(UNRATED, f"{self._key}: {type(error).__name__}: {error}") from error

    def _load_offline(self) -> Any:
        os.environ.update(dict.fromkeys(_OFFLINE, "1"))
        try:
            return self._load(importlib.import_module(self.package))
        except (ImportError, OSError, RuntimeError, AttributeError, TypeError, ValueError) as error:
            raise WorkerError(
                f"{self._key}: {self.package} cannot be loaded: {error}", f"mend it: {self.install}"
            ) from error

    @abstractmethod
    def _load(self, package: Any) -> Any: ...

    @abstractmethod
    def _rated(self, instruction: str, pictures: Sequence[bytes]) -> Judgement: ...


class EditScore(RewardModel):
    """EditScore: a LoRA on a Qwen vision model, which rates by three figures of 0 to 10 and says why."""

    package, install = "editscore", "pip install editscore"

    def _load(self, package: Any) -> Any:
        kind = json.loads((self._model / "config.json").read_text("utf-8")).get("model_type")
        if kind not in BACKBONES:
            raise ValueError(f"{self._model} is a {kind}, not one of {', '.join(BACKBONES)}")
        return package.EditScore(
            backbone=BACKBONES[kind], model_name_or_path=str(self._model), lora_path=str(self._adapter)
        )

    def _rated(self, instruction: str, pictures: Sequence[bytes]) -> Judgement:
        shown = [Image.open(BytesIO(picture)).convert("RGB") for picture in pictures]
        told = self._loaded.evaluate(shown, instruction)
        return Judgement(
            changed=True,
            what=str(told.get("SC_reasoning", ""))[:LONGEST],
            instruction=_of_five(float(told["prompt_following"]) / 10),
            preservation=_of_five(float(told["consistency"]) / 10),
            artefacts=str(told.get("PQ_reasoning", ""))[:LONGEST],
        )


class EditReward(RewardModel):
    """EditReward: one figure without an end, of which a logistic curve makes a rating for both questions."""

    package, install = "EditReward", "clone TIGER-AI-Lab/EditReward, and put it on the Python path"

    def _load(self, package: Any) -> Any:
        return package.EditRewardInferencer(
            config_path=str(self._model),
            checkpoint_path=str(self._adapter),
            reward_dim="overall_detail",
            rm_head_type="ranknet_multi_head",
        )

    def _rated(self, instruction: str, pictures: Sequence[bytes]) -> Judgement:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{number}.jpg" for number in range(len(pictures))]
            for path, picture in zip(paths, pictures, strict=True):
                path.write_bytes(picture)
            (told,) = self._loaded.reward(
                prompts=[instruction], image_src=[str(paths[0])], image_paths=[str(paths[1])]
            )
        reward = float(told[0])
        rating = _of_five(1 / (1 + math.exp(-reward)))
        return Judgement(
            changed=True, what=f"reward {reward:.3f}", instruction=rating, preservation=rating, artefacts=""
        )


def reward_model(asked: Judge, key: str) -> RewardModel:
    """The reward model that a profile names; nothing is loaded yet."""
    return {"editscore": EditScore, "editreward": EditReward}[asked.by](asked, key)


def _of_five(share: float) -> int:
    """A share of 0 to 1 as a rating of 1 to 5."""
    if math.isnan(share):
        raise ValueError("it gave no number")
    return 1 + round(4 * min(1.0, max(0.0, share)))
