"""Folders of files that go by their names: `source/`, `target/` with captions, `mask/` where it is asked for.

A sample has the same name in all of them, and the same ending: with masks all are PNG. Settings for
ai-toolkit and SimpleTuner lie beside them.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from iedf_assets.core.errors import StorageError
from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.exporting.formats.loose import found_in, sample_units
from iedf_assets.core.exporting.formats.seen import Seen
from iedf_assets.core.exporting.looks import Look
from iedf_assets.core.exporting.units import Plan, Unit, text_unit
from iedf_assets.core.profile.exports import Export


def units(plan: Plan) -> Iterator[Unit]:
    """A unit for each sample, and settings for each language."""
    asked = plan.asked
    look = Look.of(plan, png=asked.masks)
    targets = {language: f"target{asked.suffix(language)}" for language in asked.languages}
    folders = {"source": "source", **({"mask": "mask"} if asked.masks else {})}
    folders |= dict.fromkeys(targets.values(), "target")

    def places(example: Example) -> Mapping[str, str]:
        return {f"{folder}/{example.stem}{look.ending(role)}": role for folder, role in folders.items()}

    def captions(example: Example) -> Mapping[str, str]:
        return {
            f"{folder}/{example.stem}.txt": example.caption(language) for language, folder in targets.items()
        }

    yield from sample_units(plan, look, places, captions)
    for language, target in targets.items():
        suffix = asked.suffix(language)
        yield text_unit(f"ai-toolkit{suffix}.yaml", _ai_toolkit(plan.folder, target, masks=asked.masks))
        yield text_unit(f"simpletuner{suffix}.json", _simpletuner(plan.folder, target, suffix))


def read(folder: Path, asked: Export) -> Iterator[Seen]:
    """Read the folders as those do who match pictures by their names.

    Raises:
        StorageError: a folder holds what has no partner of the same name and ending.
    """
    names = [f"target{asked.suffix(language)}" for language in asked.languages]
    pictures = sorted(path for path in (folder / names[0]).glob("*") if path.suffix in {".jpg", ".png"})
    roles = ("source", "mask") if asked.masks else ("source",)
    for role in roles:
        if sum(1 for _ in (folder / role).glob("*")) != len(pictures):
            raise StorageError(f"{folder / role} has not as many files as {names[0]}", "export it anew")
    for path in pictures:
        texts = {
            language: (folder / name / f"{path.stem}.txt").read_text("utf-8")
            for language, name in zip(asked.languages, names, strict=True)
        }
        paths = {"target": f"{names[0]}/{path.name}", **{role: f"{role}/{path.name}" for role in roles}}
        yield Seen(path.stem, texts, found_in(folder, paths))


def _ai_toolkit(folder: Path, target: str, *, masks: bool) -> str:
    """A job for ai-toolkit that trains a LoRA; which model and how long are the reader's to choose."""
    dataset = {
        "folder_path": str(folder / target),
        "control_path": str(folder / "source"),
        **({"mask_path": str(folder / "mask")} if masks else {}),
        "caption_ext": "txt",
        "caption_dropout_rate": 0.05,
        "resolution": [1024],
    }
    process = {
        "type": "sd_trainer",
        "training_folder": "output",
        "device": "cuda:0",
        "network": {"type": "lora", "linear": 16, "linear_alpha": 16},
        "save": {"dtype": "float16", "save_every": 250},
        "datasets": [dataset],
        "train": {
            "batch_size": 1, "steps": 3000, "lr": 1e-4, "optimizer": "adamw8bit", "dtype": "bf16",
            "noise_scheduler": "flowmatch", "gradient_checkpointing": True,
        },
        "model": {
            "name_or_path": "Qwen/Qwen-Image-Edit-2509", "arch": "qwen_image_edit_plus", "quantize": True,
        },
    }  # fmt: skip
    job = {"job": "extension", "config": {"name": "edit_lora", "process": [process]}}
    told = "# folder_path holds the pictures after the edit, control_path those before it.\n"
    return told + yaml.safe_dump(job, sort_keys=False, allow_unicode=True)


def _simpletuner(folder: Path, target: str, suffix: str) -> str:
    """The backends of SimpleTuner's multidatabackend.json; nothing in them deletes a file."""
    shared = {
        "type": "local", "crop": False, "resolution": 1024, "resolution_type": "pixel_area",
        "minimum_image_size": 0, "delete_unwanted_images": False, "delete_problematic_images": False,
    }  # fmt: skip
    cache = folder / f"cache{suffix}"
    backends = [
        {
            **shared, "id": "target", "instance_data_dir": str(folder / target),
            "caption_strategy": "textfile", "conditioning_data": ["source"],
            "cache_dir_vae": str(cache / "target"),
        },
        {
            **shared, "id": "source", "instance_data_dir": str(folder / "source"),
            "source_dataset_id": "target", "dataset_type": "conditioning",
            "conditioning_type": "reference_strict",
            "cache_dir_vae": str(cache / "source"),
        },
        {
            "id": "texts", "type": "local", "dataset_type": "text_embeds", "default": True,
            "cache_dir": str(cache / "texts"),
        },
    ]  # fmt: skip
    return json.dumps(backends, indent=2) + "\n"
