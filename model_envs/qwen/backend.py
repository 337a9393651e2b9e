"""What the backends of both stages do alike with their pipeline: hold it, run it, and tell what it did."""

import logging
import time
from typing import Any

import torch

from iedf_assets.core.contract import ModelSettings
from iedf_assets.core.pictures.canvas import Canvas
from iedf_assets.core.profile.editors import Editor, editor_of
from model_envs.qwen.denoising import Memory, WorkingArea, stop_before, stop_between_steps
from model_envs.qwen.loading import denoiser_of, device_of, loaded_in, made_with, peak_gib
from model_envs.qwen.modular import images, takes
from model_envs.qwen.parallel import load_together
from model_envs.qwen.prompts import Reused

# Photos read ahead and results written behind, beside the one at the model.
READERS = 3
_log = logging.getLogger(__name__)


class PipelineBackend:
    """A backend that holds one pipeline, at which one batch is at a time.

    Args:
        own_area: on which the pipeline works when it is told nothing else, pixels.

    Raises:
        WorkerError: the model cannot be loaded.
    """

    def __init__(self, stage: str, settings: ModelSettings, own_area: int) -> None:
        begun = time.perf_counter()
        self._settings, self._own_area = settings, own_area
        self._pipe, self._peers = load_together(stage, settings)
        self._takes = takes(self._pipe)
        self._kind = _known(self._pipe, stage)
        if "callback_on_step_end" not in self._takes:
            denoiser_of(self._pipe).register_forward_pre_hook(stop_before)
        reused = Reused(self._pipe)
        whole = settings.offload == "none" and self._peers is None
        self._memory = Memory(self._pipe, device_of(settings), reused.forget, may_offload=whole)
        self._whole_area = settings.canvas_megapixels * 1e6 if settings.canvas_megapixels else own_area
        self._made_with = made_with(self._pipe, settings)
        self.revision: str | None = settings.revision
        self.loaded: str | None = loaded_in(self._pipe, settings, begun)
        self.readers: int | None = READERS

    @property
    def _area(self) -> int:
        """Pixels of a canvas, as memory still allows."""
        return round(self._whole_area * self._memory.canvas_share)

    def _images(self, area: int, **arguments: Any) -> Any:
        """What the pipeline makes on a canvas of `area` pixels.

        Raises:
            Stopped: the worker is to stop.
            torch.OutOfMemoryError: it does not fit.
        """
        given = {
            **arguments,
            self._guided_by: self._settings.cfg,
            "num_inference_steps": self._settings.steps,
            "callback_on_step_end": stop_between_steps,
        }
        with torch.inference_mode(), WorkingArea(self._pipe, area / self._own_area):
            return images(self._pipe, {name: given[name] for name in given if name in self._takes})

    @property
    def _guided_by(self) -> str:
        """The argument that takes the guidance: of a class without a row, one that has a value by default."""
        own = "guidance_scale" if isinstance(self._takes.get("guidance_scale"), float) else "true_cfg_scale"
        return self._kind.guided_by or own

    def _told(self, seed: int, canvas: Canvas, **more: Any) -> dict[str, Any]:
        """How a picture was made, for its row."""
        return {
            **self._made_with,
            "seed": seed,
            "canvas": [canvas.width, canvas.height],
            "upscaling": round(canvas.upscaling, 4),
            **more,
            "peak_gib": peak_gib(),
            "fallbacks": list(self._memory.fallbacks),
        }


def _known(pipe: Any, stage: str) -> Editor:
    """What is known of a pipeline's class; of one without a row the log says that it is tried."""
    kind = editor_of(type(pipe).__name__)
    if stage == "edited_images" and not kind.known:
        _log.warning(
            "%s has no row in the table of classes: it is tried by its signature, and its drift is judged",
            kind.class_name,
        )
    return kind
