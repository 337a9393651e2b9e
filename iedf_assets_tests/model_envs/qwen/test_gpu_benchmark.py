"""The benchmark of whole pipelines runs in every variant, on tiny checkpoints."""

from pathlib import Path

import pytest
import torch

from benchmarks.gpu_edits import (
    MODELS,
    VARIANTS,
    Bench,
    Model,
    backend_of,
    figures,
    runner,
    show,
    sized,
    tiny_checkpoint,
)
from iedf_assets.core.contract import ModelSettings

CPU = torch.device("cpu")
# The others are settings that the backends' own tests run, or attention that a CPU has not.
TRIED = ("native", "int8", "fp8", "first_block", "two together")


def bench(folder: Path) -> Bench:
    return Bench(folder, CPU, 1e9, steps=0, together=2, tiny=True)


@pytest.mark.parametrize("variant", TRIED)
def test_every_variant_of_an_edit_is_timed(tiny: Path, variant: str) -> None:
    cells = figures(MODELS["edit2511"], 8, VARIANTS[variant], bench(tiny))
    assert len(cells) == 6
    assert all(float(cell) > 0 for cell in cells[:3])


@pytest.mark.parametrize("name", ["layered640", "klein"])
def test_every_model_is_timed(tiny: Path, name: str) -> None:
    cells = figures(MODELS[name], MODELS[name].steps[0], {}, bench(tiny))
    assert cells[3].endswith("%")


@pytest.mark.parametrize("name", ["edit2511", "klein"])
def test_parts_grow_to_the_sizes_that_are_asked_for(tiny: Path, name: str) -> None:
    known = MODELS[name]
    sizes = {part: dict(known.sizes[part]) for part in known.sizes}
    sizes["transformer"] = {"num_layers": 3}
    sizes["vae"] = {"num_res_blocks": 2} if name == "edit2511" else {"layers_per_block": 2}
    encoder = {"num_hidden_layers": 29 if name == "klein" else 3}
    sizes["text_encoder"] = {"" if name == "klein" else "text_config": encoder}
    grown = Model(known.tiny, known.steps, sizes)
    checkpoint = tiny_checkpoint(tiny, known.tiny)
    with sized(grown.sizes, CPU):
        settings = ModelSettings(model_dir=str(checkpoint), device="cpu", dtype="float32", steps=2,
                                           canvas_megapixels=0.03, captions=False)  # fmt: skip
        backend = backend_of(grown, settings)
    assert len(backend._pipe.transformer.transformer_blocks) == 3
    runner(grown, backend, tiny, 96)(0, 0)


def test_what_a_machine_has_not_is_told_in_its_row(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show("klein", ["sage"], bench(tiny))
    assert "| klein | 4 | sage | not measured:" in capsys.readouterr().out
