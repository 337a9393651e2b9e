"""Pairs as `iedf export imagefolder` leaves them, and what a model's own picture of one is worth."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures.codecs import decode
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.scoring.effects import effect
from iedf_assets.core.scoring.raw_pictures import GRAIN, look_at


@dataclass(frozen=True)
class Pair:
    """An exported pair.

    Attributes:
        source, target, mask: its files.
        instruction: in English.
    """

    key: str
    instruction: str
    recipe: dict[str, Any]
    source: Path
    target: Path
    mask: Path


def read_pairs(export: Path, split: str) -> list[Pair]:
    """The pairs of a split, sorted by key; none where the split is empty."""
    table = export / split / "metadata.jsonl"
    lines = table.read_text("utf-8").splitlines() if table.exists() else []
    rows = sorted((json.loads(line) for line in lines), key=lambda row: str(row["sample_key"]))
    return [
        Pair(
            row["sample_key"],
            row["instruction_en"],
            json.loads(row["recipe"]),
            *(table.parent / row[f"{role}_file_name"] for role in ("source", "target", "mask")),
        )
        for row in rows
    ]


def measured(pair: Pair, picture: Pixels) -> dict[str, float | None]:
    """How far a picture drifts where the pair leaves its source alone, and how clearly it does as told.

    Args:
        picture: uint8 (H, W, 3), of the source's size.

    Returns:
        mse_outside (0 to 65025), shift_px, zoom, cast (ΔE), touched (share of the outside); effect (-1 to 1),
        followed (1 where the effect is what published pairs reach, else 0). None where nothing can be told.
    """
    source, target = decode(pair.source), decode(pair.target)
    mask = decode(pair.mask)
    changed = (source != target).any(-1) | (mask > 0)
    # Grown by what smooths pixels before they are compared.
    allowed = np.asarray(cv2.dilate(changed.astype(np.uint8), np.ones((GRAIN, GRAIN), np.uint8)), np.uint8)
    left_alone = allowed == 0
    seen = look_at(source, picture, allowed)
    difference = (source.astype(np.float32) - picture)[left_alone]
    found = effect(pair.recipe, source, picture, mask)
    return {
        "mse_outside": float(np.square(difference).mean()) if left_alone.any() else None,
        "shift_px": seen.shift_px,
        "zoom": seen.zoom,
        "cast": seen.cast,
        "touched": seen.touched,
        "effect": found,
        "followed": None if found is None else float(found >= Thresholds().min_effect),
    }


def means(found: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    """The mean of each measure over the pairs of which it could be told; None for none."""
    known = {name: [one[name] for one in found] for name in (found[0] if found else {})}
    told = {name: [value for value in values if value is not None] for name, values in known.items()}
    return {name: round(mean(values), 4) if values else None for name, values in told.items()}
