"""Seconds per edit of whole pipelines at full size with random weights, through the worker's own backends.

    .venvs/iedf-edit/bin/python -m benchmarks.gpu_edits [--models klein] [--variants native,fp8] [--steps 8]
    .venvs/iedf-edit/bin/python -m benchmarks.gpu_edits --tiny --device cpu

The second line runs every variant on tiny checkpoints, to see that it works. Text encoder, transformer and
VAE are as large as the real ones; what they make is noise, but takes as long. Tokenizers are the tiny ones of
the tests, so that prompts are some tokens longer or shorter.

| column | what it is |
|---|---|
| fresh, reused | seconds of an edit whose prompt and picture were not encoded before, and whose were |
| denoising | of a fresh one, without its prompt, its picture and its decoding |
| of the matrix rate | the transformer's counted operations over that time, beside one large matrix product |
| idle | share of the wall time in which the model waits, when several edits are read and written around it |
"""

import argparse
import gc
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import torch
from diffusers import DiffusionPipeline
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu_denoise import heading, matrix_rate
from iedf_assets.core.contract import EditRequest, LayerRequest, ModelSettings
from iedf_assets.core.errors import FactoryError
from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.storage.files import content_hash
from model_envs.edit import diffusers as editing
from model_envs.layered import diffusers as layering
from model_envs.qwen import loading

TINY = Path(__file__).resolve().parents[1] / "iedf_assets_tests" / "model_envs" / "qwen"
# What a tiny checkpoint is told, beside a few steps and photos of 96 pixels.
QUICK: dict[str, Any] = {"canvas_megapixels": 0.03, "dtype": "float32"}
FEW = 3
PHOTOS = 8
Sizes = Mapping[str, Mapping[str, Any]]

_QWEN25 = {
    "text_config": {
        "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
        "num_key_value_heads": 4, "vocab_size": 152064,
        "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6},
    },
    "vision_config": {
        "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 3584,
        "fullatt_block_indexes": [7, 15, 23, 31],
    },
}  # fmt: skip
_QWEN: Sizes = {
    "transformer": {"num_layers": 60, "attention_head_dim": 128, "num_attention_heads": 24,
                    "joint_attention_dim": 3584, "axes_dims_rope": (16, 56, 56)},
    "vae": {"base_dim": 96, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2},
    "text_encoder": _QWEN25,
}  # fmt: skip
# FLUX.2 klein 4B: the shape that has 3.9 billion parameters, and Qwen3-4B.
_KLEIN: Sizes = {
    "transformer": {"in_channels": 128, "num_layers": 5, "num_single_layers": 20, "attention_head_dim": 128,
                    "num_attention_heads": 24, "joint_attention_dim": 7680, "timestep_guidance_channels": 256,
                    "axes_dims_rope": (32, 32, 32, 32)},
    "vae": {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 32,
            "norm_num_groups": 32, "use_quant_conv": True, "use_post_quant_conv": True},
    "text_encoder": {"": {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36,
                          "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
                          "vocab_size": 151936}},
}  # fmt: skip


@dataclass(frozen=True)
class Model:
    """A model at full size.

    Attributes:
        tiny: the tiny checkpoint of the same class.
        steps: the numbers of steps that are timed, the makers' first; the variants run with the last.
        sizes: what of each part's configuration is larger than the tiny one's.
        settings: what else it is told.
    """

    tiny: str
    steps: tuple[int, ...]
    sizes: Sizes
    settings: dict[str, Any] = field(default_factory=dict)


MODELS = {
    # With 8 and 4 steps as Lightning LoRAs run it: without guidance.
    "edit2511": Model("edit_plus", (40, 8, 4), _QWEN),
    "layered640": Model("layered", (50,), _QWEN, {"resolution": 640}),
    "layered1024": Model("layered", (50,), _QWEN, {"resolution": 1024}),
    "klein": Model("klein", (4,), _KLEIN),
}
MANY = 20
VARIANTS: dict[str, dict[str, Any]] = {
    "native": {},
    "cudnn": {"attention": "_native_cudnn"},
    "flash": {"attention": "_native_flash"},
    "sage": {"attention": "sage"},
    "compiled": {"compile": True},
    "fp8": {"quantization": "fp8"},
    "fp8 compiled": {"quantization": "fp8", "compile": True},
    "int8": {"quantization": "int8"},
    "first_block": {"step_cache": "first_block"},
    "taylorseer": {"step_cache": "taylorseer"},
    "magcache": {"step_cache": "magcache"},
    "first_block compiled": {"step_cache": "first_block", "compile": True},
    "magcache compiled": {"step_cache": "magcache", "compile": True},
    "two together": {"batch_size": 2},
}


@dataclass(frozen=True)
class Bench:
    """What all figures have in common.

    Attributes:
        folder: for checkpoints and pictures.
        rate: of a large matrix product, FLOP/s.
        steps: in place of each model's own; 0 for those.
        together: edits that are timed together, to see whether the model waits.
        tiny: the tiny checkpoints as they are.
    """

    folder: Path
    device: torch.device
    rate: float
    steps: int
    together: int
    tiny: bool


class Clock:
    """Seconds spent in some calls."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)

    def over(self, holder: Any, name: str, what: str) -> None:
        """Time a method from here on."""
        inner: Callable[..., Any] = getattr(holder, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            begun = now()
            made = inner(*args, **kwargs)
            self.spent[what] += now() - begun
            return made

        setattr(holder, name, timed)


def now() -> float:
    """The time when the GPU has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    """Print the table."""
    arguments = _arguments()
    device = torch.device(arguments.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("no GPU here: not measured (--tiny --device cpu tries the benchmark itself)")
        return
    rate = matrix_rate(device)
    print(heading(device, rate))
    print("| model | steps | variant | fresh | reused | denoising | of the matrix rate | idle | GiB |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), device, rate, arguments.steps, arguments.together, arguments.tiny)
        for name in arguments.models.split(","):
            show(name, arguments.variants.split(","), bench)


def show(name: str, variants: list[str], bench: Bench) -> None:
    """Print a row for each number of steps, and one for each variant at the last of them."""
    model = MODELS[name]
    *first, last = (bench.steps,) if bench.steps else model.steps
    asked = [(steps, "native") for steps in first if "native" in variants]
    asked += [(last, variant) for variant in variants]
    for steps, variant in asked:
        try:
            cells = figures(model, steps, VARIANTS[variant], bench)
        except (FactoryError, RuntimeError, ValueError, ImportError, TypeError) as error:
            cells = [f"not measured: {str(error).splitlines()[0][:160]}", "", "", "", "", ""]
        print(f"| {name} | {steps} | {variant} | {' | '.join(cells)} |", flush=True)
        gc.collect()
        if bench.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()


def figures(model: Model, steps: int, variant: dict[str, Any], bench: Bench) -> list[str]:
    """The cells of a row."""
    device, folder = bench.device, bench.folder
    checkpoint = tiny_checkpoint(folder, model.tiny)
    told: dict[str, Any] = {
        "steps": min(steps, FEW) if bench.tiny else steps, "cfg": 4.0 if steps >= MANY else 1.0,
        "device": str(device), "captions": False,
        # A backend of attention is the whole process's.
        "attention": "native", **(QUICK if bench.tiny else {}), **model.settings, **variant,
    }  # fmt: skip
    settings = ModelSettings(model_dir=str(checkpoint), **told)
    with sized({} if bench.tiny else model.sizes, device):
        backend = backend_of(model, settings)
    clock = watched(backend)
    side = 96 if bench.tiny else 1024
    run = runner(model, backend, folder, side)
    transformer = loading.denoiser_of(backend._pipe)  # noqa: SLF001  # the benchmark looks inside
    # What warms up is counted: counting makes it slower.
    work = None
    if variant.get("compile"):
        run(0, 0)
    else:
        work = counted(transformer, lambda: run(0, 0))
    clock.spent.clear()
    begun = now()
    run(1, 1)
    fresh = now() - begun
    denoising = clock.spent["model"] - clock.spent["around"]
    begun = now()
    run(1, 2)
    reused = now() - begun
    clock.spent.clear()
    begun = now()
    with ThreadPoolExecutor(backend.readers) as pool:
        # Two seeds of each, so that what can be made together is.
        list(pool.map(lambda number: run(2 + number // 2, number), range(bench.together)))
    idle = 1 - clock.spent["model"] / (now() - begun)
    share = f"{work / denoising / bench.rate:.0%}" if work else "-"
    memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else float("nan")
    return [f"{fresh:.2f}", f"{reused:.2f}", f"{denoising:.2f}", share, f"{idle:.0%}", f"{memory:.1f}"]


def backend_of(model: Model, settings: ModelSettings) -> Any:
    """The worker's own backend."""
    return layering.Backend(settings) if model.tiny == "layered" else editing.Backend(settings)


def watched(backend: Any) -> Clock:
    """The clock of a backend's model: all of it, and what is around the denoising."""
    clock = Clock()
    pipe = backend._pipe  # noqa: SLF001  # the benchmark looks inside
    clock.over(backend, "_images", "model")
    clock.over(pipe, "encode_prompt", "around")
    clock.over(pipe.vae, "encode", "around")
    clock.over(pipe.vae, "decode", "around")
    return clock


def counted(transformer: Any, run: Callable[[], None]) -> float:
    """The floating point operations that a transformer does in a run."""
    counter = FlopCounterMode(display=False)
    inner = transformer.forward
    total = 0

    def counting(*args: Any, **kwargs: Any) -> Any:
        nonlocal total
        with counter:
            made = inner(*args, **kwargs)
        total += counter.get_total_flops()
        return made

    with patch.object(transformer, "forward", counting):
        run()
    return float(total)


def runner(model: Model, backend: Any, folder: Path, side: int) -> Callable[[int, int], None]:
    """Makes an edit, or a decomposition, of the numbered photo by the numbered seed."""
    # Beforehand: some file systems are late with the time of what was just written.
    photos = {number: folder / f"{side}-{number}.jpg" for number in range(PHOTOS)}
    for number, path in photos.items():
        if not path.exists():
            path.write_bytes(encode_jpeg(picture(number, side), 95))

    def run(photo: int, seed: int) -> None:
        path = photos[photo % PHOTOS]
        shared = {
            "source_id": content_hash(path.read_bytes()), "path": str(path), "max_megapixels": 4.0,
            "max_pixels": 10**8, "seed": seed, "output": "",
        }  # fmt: skip
        with tempfile.TemporaryDirectory(dir=folder) as made:
            if model.tiny == "layered":
                request = LayerRequest(key="k", level="mask", max_area=1.0, **shared)  # type: ignore[arg-type]
                backend.run(request, Path(made))
                return
            edit = EditRequest(
                key="k", edit_id="e", recipe={"task": "style_edit", "subtype": "restyle"}, local=False,
                instruction=f"turn picture {photo} into a watercolour", object={}, layers_folder=str(folder),
                margin_px=4, **shared,  # type: ignore[arg-type]
            )  # fmt: skip
            backend.run(edit, Path(made))

    return run


def picture(number: int, side: int) -> Any:
    """A smooth picture, uint8 (side, side, 3)."""
    small = np.random.default_rng(number).integers(0, 255, (12, 12, 3), np.uint8)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def tiny_checkpoint(folder: Path, name: str) -> Path:
    """The folder of a tiny checkpoint of the tests, made where it is not there."""
    if not (folder / name).is_dir():
        sys.path.insert(0, str(TINY))
        try:
            import tiny  # noqa: PLC0415  # the tests' own builder, which lies in no package
            import tiny_others  # noqa: PLC0415
        finally:
            sys.path.remove(str(TINY))
        (tiny if name in tiny.CLASSES else tiny_others).build(folder, name)
    return folder / name


@contextmanager
def sized(sizes: Sizes, device: torch.device) -> Iterator[None]:
    """Has checkpoints loaded with parts of other sizes, with random weights on a device."""
    own = DiffusionPipeline.from_pretrained

    def grown(folder: Path, **told: Any) -> Any:
        quantized = told.pop("quantization_config", None)
        pipe = own(folder, **told)
        for name, changes in sizes.items():
            setattr(pipe, name, None)
            gc.collect()
            part = larger(own(folder, **told).components[name], changes, told["dtype"], device)
            pipe.register_modules(**{name: part})
        if quantized is not None:
            from torchao.quantization import Int8WeightOnlyConfig, quantize_  # noqa: PLC0415

            quantize_(pipe.transformer, Int8WeightOnlyConfig())
        return pipe

    if not sizes:
        yield
        return
    with patch.object(DiffusionPipeline, "from_pretrained", grown):
        yield


def larger(part: Any, changes: Mapping[str, Any], dtype: torch.dtype, device: torch.device) -> Any:
    """A part of a pipeline in another size, with random weights."""
    own = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            made = _configured(part, changes)
    finally:
        torch.set_default_dtype(own)
    return made.to(device=device, dtype=dtype).eval().requires_grad_(requires_grad=False)


def _configured(part: Any, changes: Mapping[str, Any]) -> Any:
    if hasattr(type(part), "from_config") and not hasattr(part.config, "to_diff_dict"):
        return type(part).from_config({**part.config, **changes})
    told = part.config.to_dict()
    for section, values in changes.items():
        own = told[section] if section else told
        own.update(values)
        # Of as many layers as there were; it follows from the rest.
        own.pop("layer_types", None)
    return type(part)(type(part.config).from_dict(told))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="edit2511,layered640,klein", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="of these")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=0, help="instead of each model's own")
    parser.add_argument(
        "--together", type=int, default=6, help="edits timed together, to see whether the model waits"
    )
    parser.add_argument("--tiny", action="store_true", help="tiny checkpoints, to see that it works")
    return parser.parse_args()


if __name__ == "__main__":
    main()
