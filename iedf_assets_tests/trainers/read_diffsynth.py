"""Run by an interpreter that has torch: what DiffSynth-Studio's own reader gives of an export, as JSON.

`read_diffsynth.py CHECKOUT EXPORT`. Only the reader is imported, not the models.
"""

import hashlib
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

checkout, folder = Path(sys.argv[1]), Path(sys.argv[2])
# A build of torchvision for another torch lacks its operators, of which the reader needs none.
register = torch.library.register_fake


def lenient(*arguments: Any, **named: Any) -> Any:
    def registered(function: Any) -> Any:
        try:
            return register(*arguments, **named)(function)
        except RuntimeError:
            return function

    return registered


torch.library.register_fake = lenient
import torchvision  # noqa: E402, F401

for package in ("diffsynth", "diffsynth.core"):
    module = sys.modules[package] = types.ModuleType(package)
    module.__path__ = [str(checkout / package.replace(".", "/"))]
from diffsynth.core.data import UnifiedDataset  # noqa: E402

rows = UnifiedDataset(
    str(folder), str(folder / "metadata.json"), data_file_keys=("image", "edit_image"),
    main_data_operator=UnifiedDataset.default_image_operator(str(folder), max_pixels=1048576),
)  # fmt: skip


def told(picture: Any) -> list[Any]:
    pixels = np.asarray(picture)
    return [*pixels.shape, hashlib.sha256(pixels.tobytes()).hexdigest()]


found = [
    {
        "text": row["prompt"],
        "target": told(row["image"]),
        "source": told(row["edit_image"][0]),
        "key": row["sample_key"],
    }
    for row in (rows[number] for number in range(len(rows)))
]
print(json.dumps(found))
