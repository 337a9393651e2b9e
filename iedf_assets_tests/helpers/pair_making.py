"""Finished pairs made by hand from real photos, staged as the factory stages them, with their rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pairs.blending import composite
from iedf_assets.core.parallel import silent
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg, encode_png
from iedf_assets.core.pictures.masks import allowed_region, edit_masks, region_alpha
from iedf_assets.core.profile.schema import Category, Profile
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.publishing.gate import Candidates, holds, judge_and_publish
from iedf_assets.core.scoring.scores import Scores, measure
from iedf_assets.core.storage.files import content_hash
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Keys, Slot, edit_id
from iedf_assets.core.storage.manifests import Rows, frame, key_column, write_table
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.staged import staged_columns

PHOTOS = ("astronaut", "coffee", "chelsea", "rocket")
SIZE = (160, 128)
RECIPES: dict[str, dict[str, Any]] = {
    "move": {"dx": 40, "dy": -10},
    "scale": {"factor": 0.8, "anchor_x": 60.0, "anchor_y": 88.0},
}


@cache
def photo(name: str) -> Pixels:
    """A real photo, 160x128."""
    return np.asarray(cv2.resize(getattr(data, name)(), SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def source_id_of(name: str) -> str:
    return content_hash(photo(name).tobytes())


@cache
def pair_of(name: str, subtype: str, quality: int, *, no_op: bool) -> tuple[dict[str, bytes], Scores]:
    """The files of a finished pair, and its scores."""
    source = photo(name)
    silhouette = np.zeros(source.shape[:2], np.uint8)
    cv2.ellipse(silhouette, (60, 64), (30, 24), 20, 0, 360, 255, -1)
    if subtype == "delete":
        # Something to be removed: an ellipse with the colours of a negative.
        source = np.where(silhouette[..., None] > 0, 255 - source, source).astype(np.uint8)
    mask, result_mask = edit_masks(SUBTYPES[subtype], silhouette, RECIPES.get(subtype, {}))
    alpha = region_alpha(SUBTYPES[subtype], silhouette, result_mask, 4, 0.6)
    edited = source if no_op else _edited(subtype, source, mask, result_mask)
    files = {
        "source.jpg": encode_jpeg(source, quality),
        "result.jpg": encode_jpeg(composite(source, edited, alpha, 0, 0), quality),
        "mask.png": encode_png(mask),
        "mask-1.png": encode_png(~mask),
        "allowed.png": encode_png(allowed_region(alpha)),
    }
    if result_mask is not None:
        files["result_mask.png"] = encode_png(result_mask)
    decoded, result = (decode_jpeg(files[file]) for file in ("source.jpg", "result.jpg"))
    recipe = {"subtype": subtype, **RECIPES.get(subtype, {})}
    scores = measure(decoded, result, mask, allowed_region(alpha), result_mask, recipe)
    return files, scores | {"instruction_faults": None}


def _edited(subtype: str, source: Pixels, mask: Pixels, result_mask: Pixels | None) -> Pixels:
    """The source with other light where the mask is, without the object, or with it at its new place."""
    recipe = RECIPES.get(subtype, {})
    # What lay behind the object: another part of the photo.
    behind = np.where(mask[..., None] > 0, np.roll(source, 70, axis=1), source)
    if subtype == "delete":
        return np.where(mask[..., None] > 0, 255 - source, source).astype(np.uint8)
    if result_mask is None:
        return np.where(mask[..., None] > 0, 255 - (255 - source) // 2, source).astype(np.uint8)
    factor, x, y = recipe.get("factor", 1), recipe.get("anchor_x", 0), recipe.get("anchor_y", 0)
    shift = recipe.get("dx", x - factor * x), recipe.get("dy", y - factor * y)
    motion = np.array([[factor, 0, shift[0]], [0, factor, shift[1]]], np.float64)
    there = cv2.warpAffine(source, motion, SIZE, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
    return np.where(result_mask[..., None] > 0, there, behind).astype(np.uint8)


@dataclass
class Plant:
    """A small factory in which edits are made by hand and the gate is the real one.

    Attributes:
        no_ops: names of slots whose edit changes nothing.
        salt: changes every recipe, and so every edit.
        facts, rights: what people say of photos, and what their files say, by the photo's name.
        layers: rows of image_layers, where anybody asks for them.
        lost: edits that show a photo which has left, by their keys: its source_id.
    """

    profile: Profile
    layout: Layout
    name: str
    photos: tuple[str, ...] = PHOTOS
    no_ops: frozenset[str] = frozenset()
    salt: int = 0
    facts: dict[str, Row] = field(default_factory=dict)
    rights: dict[str, Row] = field(default_factory=dict)
    edits: dict[str, Row] = field(default_factory=dict)
    pairs: dict[str, Row] = field(default_factory=dict)
    layers: dict[str, Row] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)

    @property
    def category(self) -> Category:
        return self.profile.category(self.name)

    @property
    def slots(self) -> list[Slot]:
        return [slot for name in self.photos for slot in self.keys.slots(source_id_of(name))]

    @property
    def keys(self) -> Keys:
        return Keys(self.profile, self.category, lost=self.lost)

    def make(self) -> None:
        """Stage every pair of the plan that is not staged, and write the rows of the stages before."""
        for slot in self.slots:
            self.make_slot(slot)

    def put_photos(self) -> None:
        """Lay files where the photos' paths lead; what is in them nobody reads."""
        for name in self.photos:
            path = self.layout.data / self.name / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())

    def make_slot(self, slot: Slot) -> None:
        """`make` for one slot, at whichever try."""
        names = {source_id_of(name): name for name in PHOTOS}
        self._make(slot, names[slot.source_id])

    def judge(self, open_slots: Iterable[str] | None = None) -> list[Row]:
        """Run the gate on what is staged, and remember its rows."""
        opened = None if open_slots is None else set(open_slots)
        previous = Rows.of(self.rows.values(), "dataset")
        candidates = Candidates(
            self.profile,
            self.layout,
            self.name,
            self.keys,
            self.slots,
            self.edits,
            self.pairs,
            previous,
            opened,
            self.layers,
            self.lost,
        )
        rows = judge_and_publish(candidates, silent)
        self.rows = dict(rows)
        return list(rows.values())

    def holds(self, slot: Slot, reviews: Mapping[str, str] | None = None) -> bool:
        """Whether the verdict on a slot needs no judging."""
        row = self.rows[slot.name]
        pair = self.pairs.get(row["pair_key"])
        return row["key"] == slot.verdict_key and holds(row, self.layout, reviews or {}, pair)

    def save(self) -> None:
        """Write the manifests of all stages."""
        stages = {"edited_images": self.edits, "edit_pairs": self.pairs, "dataset": self.rows}
        stages |= {"image_layers": self.layers} if self.layers else {}
        sources = {name: self._source(name) for name in self.photos}
        for stage, rows in {"source_images": sources, **stages}.items():
            assert all(row[key_column(stage)] for row in rows.values())
            write_table(frame(rows.values(), stage), self.layout.manifest(stage, self.name))

    def statuses(self) -> list[str]:
        """The slots' statuses, in the order of the plan."""
        return [self.rows[slot.name]["status"] for slot in self.slots]

    def samples(self) -> list[str]:
        """Keys of the published samples, in the order of the plan."""
        rows = [self.rows[slot.name] for slot in self.slots]
        return [row["sample_key"] for row in rows if row["status"] == "published"]

    def _source(self, name: str) -> Row:
        return {
            "path": f"{self.name}/{name}.png",
            "key": "k",
            "source_id": source_id_of(name),
            "status": "accepted",
            "width": SIZE[0],
            "height": SIZE[1],
            "phash": None,
            "facts": self.facts.get(name),
            "rights": self.rights.get(name),
        }

    def _make(self, slot: Slot, name: str) -> None:
        subtype = slot.subtype.name
        recipe = {"subtype": subtype, "salt": self.salt, **RECIPES.get(subtype, {})}
        if subtype != "delete":
            recipe["variant"] = slot.variant
        if slot.number > 1:
            recipe["try"] = slot.number
        identity = edit_id(slot.source_id, recipe, self.category.workers.edit.identity())
        shared = {"edit_id": identity, "source_id": slot.source_id, "attempts": 1, "status": "done"}
        self.edits[slot.edit_key] = {
            **shared,
            "key": slot.edit_key,
            "layers_key": slot.layers_key,
            "reason": None,
            "detail": None,
            "task": slot.subtype.task,
            "subtype": subtype,
            "scene": self.category.scene,
            "variant": slot.variant,
            "recipe": recipe,
            "instruction_ch": f"把“{name}”里的主体改掉, 第{slot.variant}种",
            "instruction_en": f'Change the subject of "{name}", please',
            "backend": "classical",
            "model_revision": "1",
        }
        quality = self.category.encoding.jpeg_quality
        files, scores = pair_of(name, subtype, quality, no_op=slot.name in self.no_ops)
        folder = self.layout.staged("edit_pairs", slot.pair_key)
        if not folder.exists():
            folder.mkdir(parents=True)
            for file, content in files.items():
                (folder / file).write_bytes(content)
        self.pairs[slot.pair_key] = {
            **shared,
            "key": slot.pair_key,
            "edit_key": slot.edit_key,
            "reason": None,
            "detail": None,
            "tier": slot.subtype.tier,
            "width": SIZE[0],
            "height": SIZE[1],
            **staged_columns(folder),
            "scores": scores,
        }


def tree(folder: Path) -> dict[str, bytes]:
    """Relative path → content of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
