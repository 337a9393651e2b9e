"""A worker of edits whose model is steered: of a move it makes by turns what good and bad ones make.

    python -m iedf_assets_tests.helpers.steered_model FOLDER

Everything but the denoising is the backend's own. `FOLDER/seeds.jsonl` tells which seed got what.
"""

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from iedf_assets.core.arrays import Pixels

# How far from where it should be a disobedient model puts the object, a share of the picture's width.
ASTRAY = -0.09
# A channel differs by more levels than this where a draft is new.
NEW = 24


def _harmonised(_photo: Pixels, draft: Pixels) -> Pixels:
    """The draft with a little of a model's own light and softness."""
    soft = cv2.GaussianBlur(draft, (0, 0), 0.4).astype(np.float32)
    return np.asarray(np.clip(soft * np.array([1.02, 1.0, 0.985]), 0, 255), np.uint8)


def _astray(photo: Pixels, draft: Pixels) -> Pixels:
    """The draft with what is new in it too far to one side: the object stands elsewhere."""
    made, (left, top, width, height) = draft.copy(), _new(photo, draft)
    part = made[top : top + height, left : left + width]
    part[:] = np.roll(part, round(ASTRAY * photo.shape[1]), axis=1)
    return made


def _doubled(photo: Pixels, draft: Pixels) -> Pixels:
    """The draft with the object left at its old place, as far as it does not hide the new one."""
    left, _, width, _ = _new(photo, draft)
    middle = left + width // 2
    return np.hstack([photo[:, :middle], draft[:, middle:]])


def _new(photo: Pixels, draft: Pixels) -> tuple[int, int, int, int]:
    """The box of what differs: x, y, width and height."""
    left, top, width, height = cv2.boundingRect((cv2.absdiff(photo, draft).max(-1) > NEW).astype(np.uint8))
    return left, top, width, height


MANNERS: dict[str, Callable[[Pixels, Pixels], Pixels]] = {
    "harmonised": _harmonised,
    "lazy": lambda photo, _: photo,
    "astray": _astray,
    "doubled": _doubled,
}


def installed(folder: Path, python: Path) -> Path:
    """An environment, made in a folder, whose interpreter is such a worker in that of `python`."""
    starter = folder / "bin" / "python"
    starter.parent.mkdir(parents=True)
    starter.write_text(f'#!/bin/sh\nexec "{python}" -m {__spec__.name} "{folder}"\n')
    starter.chmod(starter.stat().st_mode | stat.S_IXUSR)
    return folder


def told(folder: Path) -> dict[int, dict[str, Any]]:
    """What was made of each seed, and what the model was told."""
    lines = (folder / "seeds.jsonl").read_text("utf-8").splitlines()
    return {line["seed"]: line for line in map(json.loads, lines)}


def main(folder: Path) -> int:
    """Run as a worker."""
    from model_envs import worker
    from model_envs.edit.diffusers import Backend

    made: list[str] = []

    def steered(_self: Backend, _area: int, **asked: Any) -> list[Image.Image]:
        photo, draft = (np.asarray(picture) for picture in asked["image"])
        manner = list(MANNERS)[len(made) % len(MANNERS)]
        made.append(manner)
        (generator,) = asked["generator"]
        line = {"seed": generator.initial_seed(), "manner": manner, "prompt": asked["prompt"]}
        with (folder / "seeds.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")
        return [Image.fromarray(MANNERS[manner](photo, draft))]

    Backend._images = steered  # type: ignore[assignment,method-assign]
    return worker.main()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
