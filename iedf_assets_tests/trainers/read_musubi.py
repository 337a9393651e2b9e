"""Run by an interpreter that has torch: what musubi-tuner's own reader gives of an export, as JSON.

`read_musubi.py CHECKOUT EXPORT`. It goes as far as what the latents are made of; no weights are needed.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

checkout, folder = Path(sys.argv[1]), Path(sys.argv[2])
sys.path.insert(0, str(checkout / "src"))
from musubi_tuner.dataset import config_utils  # noqa: E402
from musubi_tuner.dataset.config_utils import BlueprintGenerator, ConfigSanitizer  # noqa: E402

config = config_utils.load_user_config(str(folder / "dataset.toml"))
namespace = argparse.Namespace(debug_dataset=False)
blueprint = BlueprintGenerator(ConfigSanitizer()).generate(config, namespace, architecture="qie")
group = config_utils.generate_dataset_group_by_blueprint(blueprint.dataset_group)


def told(pixels: Any) -> list[Any]:
    pixels = np.ascontiguousarray(np.asarray(pixels)[..., :3])
    return [*pixels.shape, hashlib.sha256(pixels.tobytes()).hexdigest()]


found = []
for dataset in group.datasets:
    for _, batch in dataset.retrieve_latent_cache_batches(1):
        for item in batch:
            control = item.control_content
            control = control[0] if isinstance(control, list) else control
            found.append({
                "text": item.caption, "target": told(item.content), "source": told(control),
                "key": Path(item.item_key).stem, "cache": item.latent_cache_path,
            })  # fmt: skip
print(json.dumps(found))
