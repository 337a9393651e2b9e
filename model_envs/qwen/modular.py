"""Modular pipelines, which diffusers puts together from blocks: loaded, asked and run as the others are."""

import inspect
import logging
from typing import Any

import torch
from diffusers import ModularPipeline
from diffusers.hooks import apply_group_offloading

from iedf_assets.core.contract import ModelSettings
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.profile.checkpoints import Checkpoint

_log = logging.getLogger(__name__)
# What makes several passes of a step into one, in such a pipeline a part of its own.
GUIDER = "guider"


def load_modular(found: Checkpoint, settings: ModelSettings, given: dict[str, Any]) -> Any:
    """The pipeline of a checkpoint, its parts from there and from nowhere else; its own code is not run.

    Args:
        given: parts that are loaded already, or None for those that are not wanted.

    Raises:
        WorkerError: a part cannot be loaded, or an option does not work with such a pipeline.
        OSError, ValueError: what the folder holds is no such pipeline, or brings code of its own.
    """
    folder = found.folder
    beyond = _beyond(settings)
    if beyond:
        raise WorkerError(
            f"{folder} holds a modular pipeline, which does not take {', '.join(beyond)}",
            "use offload: group or quantization: fp8 instead, or the form with model_index.json",
        )
    pipe = ModularPipeline.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    pipe.update_components(**{name: part for name, part in given.items() if part is not None})
    wanted = [name for name in pipe.pretrained_component_names if name not in given]
    # Its index names repositories; only the folder counts.
    pipe.load_components(
        wanted,
        pretrained_model_name_or_path=str(folder),
        dtype=getattr(torch, settings.dtype),
        local_files_only=True,
        use_safetensors=True,
    )
    # What fails there is logged alone.
    absent = sorted(name for name in wanted if getattr(pipe, name, None) is None)
    missing = [name for name in absent if name in found.components]
    if absent and not missing:
        _log.warning("%s has no %s, which its blocks may ask for", folder, ", ".join(absent))
    if missing:
        raise WorkerError(
            f"parts of the model in {folder} cannot be loaded: {', '.join(missing)}",
            "look at the log for why; they have to be of classes that diffusers or transformers bring",
        )
    _quiet(pipe._blocks)  # noqa: SLF001  # `blocks` is a copy
    guider = getattr(pipe, GUIDER, None)
    if guider is not None:
        pipe.update_components(**{GUIDER: guider.new(guidance_scale=settings.cfg)})
    return pipe


def takes(pipe: Any) -> dict[str, Any]:
    """What a pipeline's call takes: name → default."""
    if isinstance(pipe, ModularPipeline):
        return {one.name: one.default for one in pipe.blocks.inputs if one.name}
    return {name: one.default for name, one in inspect.signature(type(pipe).__call__).parameters.items()}


def images(pipe: Any, arguments: dict[str, Any]) -> Any:
    """The pictures that a pipeline makes."""
    if isinstance(pipe, ModularPipeline):
        return pipe(**arguments, output="images")
    return pipe(**arguments).images


def offload_groups(pipe: Any, **options: Any) -> None:
    """Have blocks of every part on the device only while they run."""
    if not isinstance(pipe, ModularPipeline):
        pipe.enable_group_offload(**options)
        return
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            apply_group_offloading(part, **options)


def _beyond(settings: ModelSettings) -> list[str]:
    """The options that belong to pipelines as a whole, or to denoisers that are told of their steps."""
    return [
        name
        for name, wanted in (
            ("device_map", settings.device_map is not None),
            ("quantization: int8", settings.quantization == "int8"),
            ("offload: model", settings.offload == "model"),
            ("step_cache", settings.step_cache != "none"),
        )
        if wanted
    ]


def _quiet(block: Any) -> None:
    """Have no block draw a bar of its progress, however deep it lies."""
    if hasattr(block, "progress_bar"):
        block.set_progress_bar_config(disable=True)
    for below in getattr(block, "sub_blocks", {}).values():
        _quiet(below)
