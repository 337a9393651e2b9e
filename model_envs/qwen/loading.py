"""Loading a pipeline from a local folder, with the options of the profile.

Nothing is fetched: every call says `local_files_only`, and no code from a checkpoint is run.
"""

import math
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    DiffusionPipeline,
    FirstBlockCacheConfig,
    FlowMatchEulerDiscreteScheduler,
    MagCacheConfig,
    PipelineQuantizationConfig,
    TaylorSeerCacheConfig,
)
from diffusers.utils import logging as diffusers_logging
from transformers import Qwen2VLProcessor, Qwen3VLProcessor
from transformers.utils import logging as transformers_logging

from iedf_assets.core.contract import ModelSettings
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.profile.checkpoints import Checkpoint, checkpoint
from model_envs.qwen.modular import load_modular, offload_groups

PACKAGES = ("torch", "diffusers", "transformers", "accelerate")
# The parts of a pipeline that its denoising takes; a LoRA brings a scheduler.
DENOISING = frozenset({"transformer", "scheduler"})
FIRST_BLOCK_THRESHOLD = 0.08
# Lightning LoRAs are distilled for this shift (their model card): exponential, the same at every size.
LIGHTNING_SHIFT = math.log(3)


class _Processor2(Qwen2VLProcessor):  # type: ignore[misc]  # transformers is not here
    """The processor without its video part, which needs torchvision; no pipeline here is given videos."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None) -> None:
        super().__init__(image_processor, tokenizer, None, chat_template=chat_template)


class _Processor3(Qwen3VLProcessor):  # type: ignore[misc]  # transformers is not here
    """Likewise."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None) -> None:
        super().__init__(image_processor, tokenizer, None, chat_template=chat_template)


_WITHOUT_VIDEO: dict[str, Any] = {"Qwen2VLProcessor": _Processor2, "Qwen3VLProcessor": _Processor3}


def load_denoiser(stage: str, settings: ModelSettings) -> Any:
    """The part of a checkpoint's pipeline that denoises, and nothing else of it, as it is in the whole.

    Raises:
        WorkerError: see `load_pipeline`.
    """
    return denoiser_of(load_pipeline(stage, settings, parts=DENOISING))


def load_pipeline(stage: str, settings: ModelSettings, parts: frozenset[str] | None = None) -> Any:
    """The pipeline of a checkpoint, on its device and ready to run.

    Args:
        parts: names of those that are loaded, the others being None; None is all.

    Raises:
        WorkerError: the folder is missing, incomplete or of another class, an option does not work with it,
            or the device is not there.
    """
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    folder = Path(settings.model_dir)
    found = checkpoint(folder, stage)
    device = device_of(settings)
    try:
        given = {
            name: _WITHOUT_VIDEO[kind].from_pretrained(folder / name, local_files_only=True)
            for name, kind in found.components.items()
            if kind in _WITHOUT_VIDEO and (parts is None or name in parts)
        }
        if parts is not None:
            given |= dict.fromkeys(found.components.keys() - parts)
        pipe = (load_modular if found.modular else _load_whole)(found, settings, given)
        _prepare(pipe, settings, device)
    except (OSError, ValueError, RuntimeError, ImportError, TypeError, KeyError, AttributeError) as error:
        raise WorkerError(
            f"the model in {folder} cannot be loaded as asked: {type(error).__name__}: {error}",
            "look at workers.*.model (dtype, device, offload, quantization, attention) and at the checkpoint",
        ) from error
    return pipe


def _load_whole(found: Checkpoint, settings: ModelSettings, given: dict[str, Any]) -> Any:
    return DiffusionPipeline.from_pretrained(
        found.folder,
        **given,
        dtype=getattr(torch, settings.dtype),
        local_files_only=True,
        use_safetensors=True,
        **_where(settings),
        **_quantized(settings),
    )


def device_of(settings: ModelSettings) -> torch.device:
    """The device that a model runs on.

    Raises:
        WorkerError: the profile asks for a GPU and there is none.
    """
    if settings.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if settings.device.startswith("cuda") and not torch.cuda.is_available():
        raise WorkerError(
            "the profile asks for a GPU, and torch sees none",
            "check the driver and CUDA_VISIBLE_DEVICES, or set workers.*.model.device to auto or cpu",
        )
    return torch.device(settings.device)


def made_with(pipe: Any, settings: ModelSettings) -> dict[str, Any]:
    """What a picture's row says of the model that made it."""
    return {
        "model": type(pipe).__name__,
        "revision": settings.revision,
        "dtype": settings.dtype,
        "scheduler": type(pipe.scheduler).__name__,
        "steps": settings.steps,
        "cfg": settings.cfg,
        "lora": Path(settings.lora).name if settings.lora else None,
        "quantization": settings.quantization,
        "attention": settings.attention,
        "step_cache": settings.step_cache,
        "versions": {package: version(package) for package in PACKAGES},
    }


def loaded_in(pipe: Any, settings: ModelSettings, begun: float) -> str:
    """The line that says what was loaded, and how long it took since `begun` (perf_counter)."""
    seconds = time.perf_counter() - begun
    return (
        f"loaded {type(pipe).__name__} {settings.revision} ({settings.dtype}, {device_of(settings)}) "
        f"in {seconds:.1f} s"
    )


def _where(settings: ModelSettings) -> dict[str, Any]:
    return {"device_map": settings.device_map} if settings.device_map else {}


def _quantized(settings: ModelSettings) -> dict[str, Any]:
    if settings.quantization != "int8":
        return {}
    from diffusers import TorchAoConfig  # noqa: PLC0415  # imports torchao, which takes seconds
    from torchao.quantization import Int8WeightOnlyConfig  # noqa: PLC0415

    mapping = {"transformer": TorchAoConfig(Int8WeightOnlyConfig())}
    return {"quantization_config": PipelineQuantizationConfig(quant_mapping=mapping)}


def _prepare(pipe: Any, settings: ModelSettings, device: torch.device) -> None:
    pipe.set_progress_bar_config(disable=True)
    transformer = denoiser_of(pipe)
    if settings.lora:
        path = Path(settings.lora)
        pipe.load_lora_weights(str(path.parent), weight_name=path.name, local_files_only=True)
        pipe.fuse_lora()
        pipe.unload_lora_weights()
        pipe.scheduler = FlowMatchEulerDiscreteScheduler.from_config(
            pipe.scheduler.config,
            base_shift=LIGHTNING_SHIFT,
            max_shift=LIGHTNING_SHIFT,
            shift_terminal=None,
            use_dynamic_shifting=True,
            time_shift_type="exponential",
        )
    if settings.quantization == "fp8":
        transformer.enable_layerwise_casting(torch.float8_e4m3fn, getattr(torch, settings.dtype))
    if settings.attention:
        transformer.set_attention_backend(settings.attention)
    cache = _step_cache(settings)
    if cache is not None:
        transformer.enable_cache(cache)
    if settings.tiling:
        pipe.vae.enable_tiling()
    if settings.offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif settings.offload == "group":
        group_offload(pipe, device)
    elif not settings.device_map:
        pipe.to(device)
    if settings.compile:
        # What skips steps, keeps weights in 8 bits or splits the sequence hooks into the blocks: a graph ends
        # there.
        hooked = cache is not None or settings.quantization == "fp8" or settings.context_parallel > 1
        transformer.compile_repeated_blocks(fullgraph=not hooked)


def peak_gib() -> float | None:
    """The most memory that was in use on any GPU so far, GiB; None without one."""
    if not torch.cuda.is_available():
        return None
    most = max(torch.cuda.max_memory_allocated(number) for number in range(torch.cuda.device_count()))
    return float(round(most / 2**30, 2))


def denoiser_of(pipe: Any) -> Any:
    """The part of a pipeline that denoises."""
    return getattr(pipe, "transformer", None) or pipe.unet


def group_offload(pipe: Any, device: torch.device) -> None:
    """Have blocks of every part on the device only while they run."""
    streams = device.type == "cuda"
    offload_groups(
        pipe,
        onload_device=device,
        offload_device=torch.device("cpu"),
        offload_type="block_level",
        num_blocks_per_group=1,
        use_stream=streams,
        low_cpu_mem_usage=streams,
    )


def _step_cache(settings: ModelSettings) -> Any:
    if settings.step_cache == "first_block":
        return FirstBlockCacheConfig(threshold=FIRST_BLOCK_THRESHOLD)
    if settings.step_cache == "taylorseer":
        return TaylorSeerCacheConfig(taylor_factors_dtype=getattr(torch, settings.dtype))
    if settings.step_cache == "magcache":
        return MagCacheConfig(num_inference_steps=settings.steps, mag_ratios=[1.0] * settings.steps)
    return None
