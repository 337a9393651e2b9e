"""Milliseconds per denoising step of the full-size transformers with random weights, beside the GPU's rate.

    .venvs/iedf-edit/bin/python -m benchmarks.gpu_denoise [--cases edit2511,layered640] [--compile]
    .venvs/iedf-edit/bin/python -m benchmarks.gpu_denoise --context-parallel 4
    .venvs/iedf-edit/bin/python -m benchmarks.gpu_denoise --cases smoke --device cpu

The second line has four GPUs work on one picture, the third tries it without a GPU. The baseline is the rate
of one large bf16 matrix product, measured in the same run. A forward's work is counted from the transformer's
shape: per layer and token 2 * (4 * d² + 2 * d * 4d) operations, and 4 * d for each pair of tokens, d = 3072.
A step with guidance is two forwards. Timing with random weights is valid, quality is not looked at.
"""

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
from diffusers import QwenImageTransformer2DModel
from torchao.quantization import Float8DynamicActivationFloat8WeightConfig, PerRow, quantize_

from model_envs.qwen.splitting import meet, split

WIDTH, HEADS_WIDTH, JOINT = 3072, 128, 3584
ATTENTIONS = ("native", "_native_cudnn", "_native_flash")
ROUNDS = 5


@dataclass(frozen=True)
class Case:
    """One model at one size.

    Attributes:
        shapes: of the latents that are attended to together: frames, rows, columns of 16 x 16 pixels.
        text: tokens of the prompt, those of the source picture among them.
        layers: of the transformer.
        extras: of its configuration.
    """

    shapes: list[tuple[int, int, int]]
    text: int
    layers: int = 60
    extras: dict[str, bool] = field(default_factory=dict)


LAYERED = {"use_additional_t_cond": True, "use_layer3d_rope": True}
CASES = {
    "edit": Case([(1, 64, 64)] * 2, 1409),
    "edit2511": Case([(1, 64, 64)] * 2, 236, extras={"zero_cond_t": True}),
    "layered640": Case([(1, 40, 40)] * 6, 150, extras=LAYERED),
    "layered1024": Case([(1, 64, 64)] * 6, 150, extras=LAYERED),
    "smoke": Case([(1, 4, 4)] * 6, 10, layers=1, extras=LAYERED),
}


def main() -> None:
    """Print the table."""
    arguments = _arguments()
    device = torch.device(arguments.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("no GPU here: not measured (--cases smoke --device cpu tries the benchmark itself)")
        return
    if arguments.context_parallel == 1:
        _table(arguments, device)
        return
    with TemporaryDirectory() as folder:
        given = (arguments, Path(folder) / "meeting")
        torch.multiprocessing.spawn(_together, given, arguments.context_parallel)


def _together(rank: int, arguments: argparse.Namespace, meeting: Path) -> None:
    """Measure together with other ranks, each in a process and on a GPU of its own; the first one prints."""
    device = torch.device("cuda", rank) if arguments.device == "cuda" else torch.device(arguments.device)
    meet(rank, arguments.context_parallel, meeting, device)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere if rank else sys.stdout):
        _table(arguments, device)


def _table(arguments: argparse.Namespace, device: torch.device) -> None:
    rate = matrix_rate(device)
    print(heading(device, rate))
    print("| case | tokens | attention | compiled | ms per CFG step | TFLOP/s | of the matrix rate | GiB |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.cases.split(","):
        attentions = arguments.attentions.split(",")
        together = rate * arguments.context_parallel
        measured(name, CASES[name], attentions, device, together, compiled=arguments.compile)


def heading(device: torch.device, rate: float) -> str:
    """What a table of figures is headed by: the device and its rate, FLOP/s."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return f"{name}, torch {torch.__version__}; a bf16 matrix product runs at {rate / 1e12:.3g} TFLOP/s\n"


def matrix_rate(device: torch.device) -> float:
    """FLOP/s of a large bf16 matrix product."""
    side = 8192 if device.type == "cuda" else 512
    one, other = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * side**3 / median_seconds(lambda: one @ other, device)


def measured(
    name: str, case: Case, attentions: list[str], device: torch.device, rate: float, *, compiled: bool
) -> None:
    """Print a row for each attention backend, and for the fastest compiled, in bf16 and in fp8."""
    model = transformer(case, device)
    if dist.is_initialized():
        split(model, device)
    times: dict[str, float] = {}
    for attention in attentions:
        try:
            model.set_attention_backend(attention)
            times[attention] = timed(model, case, device)
        except (RuntimeError, ValueError, ImportError) as error:
            print(f"| {name} | | {attention} | no | not measured: {str(error).splitlines()[0][:60]} | | | |")
            continue
        report(name, case, attention, times[attention], rate, compiled=False)
    if compiled and times:
        fastest = min(times, key=lambda attention: times[attention])
        model.set_attention_backend(fastest)
        compiled_by_block(model)
        report(name, case, fastest, timed(model, case, device), rate, compiled=True)
        try:
            in_fp8(model)
            report(name, case, f"{fastest}, fp8", timed(model, case, device), rate, compiled=True)
        except (AssertionError, RuntimeError) as error:
            print(f"| {name} | | fp8 | yes | not measured: {str(error).splitlines()[0][:60]} | | | |")
    del model
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def transformer(case: Case, device: torch.device) -> Any:
    """The transformer at full size, its weights drawn on the device."""
    with torch.device("meta"):
        model = QwenImageTransformer2DModel(num_layers=case.layers, **case.extras)
    model = model.to(torch.bfloat16).to_empty(device=device).eval().requires_grad_(requires_grad=False)
    generator = torch.Generator(device).manual_seed(0)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.normal_(0, 0.02, generator=generator)
        else:
            # Vectors as wide as a head or a prompt are the scales of normalizations, the others biases.
            parameter.fill_(1.0 if parameter.numel() in {HEADS_WIDTH, JOINT} else 0.0)
    # Its tables are plain attributes, which to_empty left without content.
    rope = model.pos_embed
    model.pos_embed = type(rope)(theta=10000, axes_dim=[16, 56, 56], scale_rope=True)
    return model


def compiled_by_block(model: Any) -> None:
    """Has the blocks compiled, each to one graph where nothing is exchanged in it."""
    model.compile_repeated_blocks(fullgraph=not dist.is_initialized())


def in_fp8(model: Any) -> None:
    """Has the blocks' products done in 8 bits, each row of weights and of what comes in scaled by its own."""
    quantize_(
        model.transformer_blocks,
        Float8DynamicActivationFloat8WeightConfig(granularity=PerRow(), set_inductor_config=False),
        lambda part, _: isinstance(part, torch.nn.Linear) and part.in_features >= WIDTH,
    )
    compiled_by_block(model)


def timed(model: Any, case: Case, device: torch.device) -> float:
    """Seconds of one forward, the median of a few after a warm-up."""
    tokens = sum(frames * rows * columns for frames, rows, columns in case.shapes)
    inputs = {
        "hidden_states": torch.randn(1, tokens, 64, device=device, dtype=torch.bfloat16),
        "encoder_hidden_states": torch.randn(1, case.text, JOINT, device=device, dtype=torch.bfloat16),
        "timestep": torch.full((1,), 0.5, device=device, dtype=torch.bfloat16),
        "img_shapes": [case.shapes],
        "return_dict": False,
    }
    if case.extras.get("use_additional_t_cond"):
        inputs["additional_t_cond"] = torch.zeros(1, dtype=torch.long, device=device)
    with torch.inference_mode():
        return median_seconds(lambda: model(**inputs), device)


def median_seconds(work: Callable[[], Any], device: torch.device) -> float:
    """The median of a few timings, after one that warms up."""
    return sorted(_timings(work, device))[ROUNDS // 2]


def _timings(work: Callable[[], Any], device: torch.device) -> Iterator[float]:
    for round_ in range(ROUNDS + 1):
        begun = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if round_:
            yield time.perf_counter() - begun


def flops(case: Case) -> float:
    """The floating point operations of one forward."""
    tokens = sum(frames * rows * columns for frames, rows, columns in case.shapes) + case.text
    projections = 2 * (4 * WIDTH**2 + 2 * WIDTH * 4 * WIDTH) * tokens
    return case.layers * (projections + 4 * tokens**2 * WIDTH)


def report(name: str, case: Case, attention: str, seconds: float, rate: float, *, compiled: bool) -> None:
    """Print one row."""
    tokens = sum(frames * rows * columns for frames, rows, columns in case.shapes) + case.text
    speed = flops(case) / seconds
    memory = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else float("nan")
    print(
        f"| {name} | {tokens} | {attention} | {'yes' if compiled else 'no'} | {2000 * seconds:.1f} "
        f"| {speed / 1e12:.3g} | {speed / rate:.0%} | {memory:.1f} |"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", default="edit2511,layered640", help=f"of {', '.join(CASES)}")
    parser.add_argument("--attentions", default=",".join(ATTENTIONS), help="of these")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--context-parallel", type=int, default=1, help="GPUs that work on one picture")
    parser.add_argument(
        "--compile", action="store_true", help="also with regional compilation, and that in fp8"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
