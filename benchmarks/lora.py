"""Trains a small LoRA on pairs of an export, and measures drift and instruction following before and after.

    iedf export imagefolder PAIRS
    .venvs/iedf-edit/bin/python -m benchmarks.lora PAIRS MODEL OUTPUT --pairs 500 --steps 1000

MODEL is any editing pipeline of diffusers that hands its source on as tokens beside the noise, as those of
Qwen-Image-Edit, FLUX Kontext and FLUX.2 do. What its transformer is given for a pair, the pipeline itself
says: it is run on the source, and once more on the target, whose tokens are then what the flow leads to.
OUTPUT gets the LoRA and `measures.json`.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.training_utils import cast_training_params
from peft import LoraConfig, get_peft_model_state_dict

from benchmarks.exported import Pair, means, measured, read_pairs
from iedf_assets.core.contract import PROMPTED, EditRequest, ModelSettings
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.pictures.codecs import decode
from iedf_assets.core.profile.checkpoints import fingerprint
from model_envs.edit.diffusers import Backend
from model_envs.qwen.loading import denoiser_of

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
CLIP = 1.0


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        steps: of one pair each.
        rank: of the LoRA; its alpha is the same.
        rate: of learning.
    """

    steps: int
    rank: int = 16
    rate: float = 1e-4
    seed: int = 0


@dataclass(frozen=True)
class Lesson:
    """What a pair teaches.

    Attributes:
        given: what else the transformer is told.
        source, target: their tokens, (1, N, channels); all in main memory.
    """

    given: dict[str, Any]
    source: torch.Tensor
    target: torch.Tensor


class _CaughtError(Exception):
    """Ends a pipeline at its transformer, which was given `told`."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__("caught on purpose")
        self.told = told


class Trainee(Backend):
    """An editing model that is trained."""

    @property
    def transformer(self) -> Any:
        """What a LoRA is for."""
        return denoiser_of(self._pipe)

    def edited(self, pair: Pair, picture: Path, folder: Path) -> None:
        """Write `picture.png` into a folder: the picture edited by the pair's instruction."""
        request = EditRequest(
            key=pair.key, edit_id="", source_id="", path=str(picture), max_megapixels=100.0, max_pixels=10**8,
            recipe={**pair.recipe, "subtype": PROMPTED}, instruction=pair.instruction, local=False, object={},
            layers_folder="", margin_px=0, seed=0, output="",
        )  # fmt: skip
        self.run(request, folder)

    def lesson(self, pair: Pair) -> Lesson:
        """What the pair teaches.

        Raises:
            WorkerError: the model does not hand its source on as tokens of the result's size.
        """
        given, target = self._caught(pair, pair.source), self._caught(pair, pair.target)
        tokens, aim = given.pop("hidden_states"), target["hidden_states"]
        if tokens.shape != aim.shape or tokens.shape[1] % 2:
            raise WorkerError(
                f"{self._kind.class_name} does not hand its source on as tokens of the result's size",
                "train it with a trainer of its own, see docs/training.md",
            )
        half = tokens.shape[1] // 2
        return Lesson(given, tokens[:, half:], aim[:, half:])

    def save(self, folder: Path) -> None:
        """Write the LoRA as diffusers loads it."""
        layers = get_peft_model_state_dict(self.transformer)
        self._pipe.save_lora_weights(folder, transformer_lora_layers=layers)

    def _caught(self, pair: Pair, picture: Path) -> dict[str, Any]:
        """What the transformer is given at the first step, none of it bound to inference."""

        def catch(_module: Any, _arguments: Any, told: dict[str, Any]) -> None:
            raise _CaughtError(told)

        hook = self.transformer.register_forward_pre_hook(catch, with_kwargs=True)
        try:
            self.edited(pair, picture, Path())
        except _CaughtError as caught:
            return {name: _on("cpu", value) for name, value in caught.told.items()}
        finally:
            hook.remove()
        raise WorkerError(f"{self._kind.class_name} never ran its transformer", "use another model")


def _on(device: Any, value: Any) -> Any:
    """A tensor's copy on a device; whatever else as it is."""
    return value.to(device, copy=True) if isinstance(value, torch.Tensor) else value


def train(trainee: Trainee, pairs: Sequence[Pair], plan: Plan) -> Iterator[float]:
    """Train a new LoRA, a pair a step, by the flow from noise to the target; yields each step's loss."""
    lessons = [trainee.lesson(pair) for pair in pairs]
    transformer = trainee.transformer
    torch.manual_seed(plan.seed)
    transformer.requires_grad_(requires_grad=False)
    transformer.add_adapter(LoraConfig(r=plan.rank, lora_alpha=plan.rank, target_modules=list(ATTENTION)))
    cast_training_params(transformer, dtype=torch.float32)
    transformer.enable_gradient_checkpointing()
    transformer.train()
    weights = [weight for weight in transformer.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=plan.rate)
    for step in range(plan.steps):
        loss = _loss(transformer, lessons[step % len(lessons)])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, CLIP)
        optimizer.step()
        yield float(loss.detach())
    transformer.eval()


def _loss(transformer: Any, lesson: Lesson) -> torch.Tensor:
    """How far the transformer is from the velocity that leads from noise to the target."""
    device = next(transformer.parameters()).device
    source, target = _on(device, lesson.source), _on(device, lesson.target).float()
    given = {name: _on(device, value) for name, value in lesson.given.items()}
    noise, share = torch.randn_like(target), torch.sigmoid(torch.randn(1)).to(device)
    noisy = ((1 - share) * target + share * noise).to(source.dtype)
    given |= {
        "hidden_states": torch.cat([noisy, source], dim=1),
        "timestep": share.to(given["timestep"].dtype).expand_as(given["timestep"]),
    }
    found = transformer(**given)[0]
    velocity = found[:, : target.shape[1]].float()
    return torch.nn.functional.mse_loss(velocity, noise - target)


def judged(trainee: Trainee, pairs: Sequence[Pair]) -> dict[str, float | None]:
    """Means of drift and instruction following of a model's own pictures of held-out pairs."""
    found = []
    for pair in pairs:
        with tempfile.TemporaryDirectory(prefix="iedf-lora-") as folder:
            trainee.edited(pair, pair.source, Path(folder))
            found.append(measured(pair, decode(Path(folder, "picture.png"))))
    return means(found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and measure; print the table."""
    told = _told(arguments)
    pairs = read_pairs(told.export, "train")[: told.pairs]
    held_out = read_pairs(told.export, "validation")[: told.held_out]
    if not pairs or not held_out:
        raise SystemExit(f"{told.export} has no pairs of both splits: iedf export imagefolder makes them")
    settings = ModelSettings(
        model_dir=str(told.model), revision=fingerprint(told.model), captions=False, dtype=told.dtype,
        device=told.device, steps=told.sampling_steps, cfg=told.cfg, canvas_megapixels=told.megapixels,
    )  # fmt: skip
    trainee = Trainee(settings)
    before = judged(trainee, held_out)
    losses = []
    for step, loss in enumerate(train(trainee, pairs, Plan(told.steps, told.rank, told.rate, told.seed)), 1):
        losses.append(round(loss, 5))
        if step % max(told.steps // 20, 1) == 0:
            print(f"step {step} of {told.steps}, loss {loss:.4f}")
    after = judged(trainee, held_out)
    told.output.mkdir(parents=True, exist_ok=True)
    trainee.save(told.output)
    measures = {"before": before, "after": after, "pairs": len(pairs), "held_out": len(held_out)}
    (told.output / "measures.json").write_text(json.dumps({**measures, "losses": losses}, indent=1), "utf-8")
    print(f"\n{len(pairs)} pairs, {told.steps} steps; measured on {len(held_out)} others\n")
    print("| measure | before | after |\n|---|---|---|")
    for name, value in before.items():
        print(f"| {name} | {value} | {after[name]} |")


def _told(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("export", "model", "output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--pairs", type=int, default=500, help="to train on, at most")
    parser.add_argument("--held-out", type=int, default=32, help="of the validation split, to measure on")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-4, help="of learning")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sampling-steps", type=int, default=20, help="when measuring")
    parser.add_argument("--cfg", type=float, default=4.0)
    parser.add_argument("--megapixels", type=float, default=None, help="of the canvas; else the model's own")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--device", default="auto")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
