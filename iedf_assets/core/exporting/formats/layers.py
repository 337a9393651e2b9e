"""Layers of photos: the whole picture, then RGBA layers of its size from bottom to top, for layer models.

A photo is exported when a sample of it is, its layers are still staged, and they add up to it.
`layers_N.json` lists those of N layers for DiffSynth, `musubi_N.jsonl` for musubi-tuner, since both want one
number in a table; the `.ora` files are for people's editors. Colour under alpha 0 is what the photo has
there, as readers scale straight alpha.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

import cv2
import numpy as np
import polars as pl

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import StorageError
from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.exporting.formats.loose import found_in, json_line, read_list
from iedf_assets.core.exporting.looks import pixels_of
from iedf_assets.core.exporting.proof import LOOKED_AT, Proof
from iedf_assets.core.exporting.units import Facts, Make, Plan, Unit, lines_unit
from iedf_assets.core.filling.behind import without_objects
from iedf_assets.core.pictures.codecs import decode, encode_png
from iedf_assets.core.pictures.layers import load_object, over
from iedf_assets.core.sources.rights import from_text
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import digest
from iedf_assets.core.storage.manifests import batches, read_rows
from iedf_assets.core.storage.manifests import decode as decode_row

VERSION = 2
# What the layers put together may differ from the whole, mean levels of 255; of more they do not add up.
MAX_ERROR = 2.0
THUMBNAIL_SIDE = 256


@dataclass(frozen=True)
class Stack:
    """The layers of a photo.

    Attributes:
        stem: of its files.
        split: of its samples.
        row: of image_layers.
        folder: where they are staged.
        photo: a sample's source, which is the whole picture.
        rights: what is known of whose the photo is.
        caption: what people say that the photo shows; else what its main object is called.
    """

    stem: str
    split: str
    row: Row
    folder: Path
    photo: Path
    rights: Row
    caption: str

    @property
    def count(self) -> int:
        """How many layers there are: the background, and one for each object."""
        return 1 + len(self.objects)

    @property
    def objects(self) -> list[Row]:
        """The objects that have a layer; a group of them is none of its own."""
        return [one for one in self.row["objects"] if one["layer"] and not one["parts"]]

    @property
    def paths(self) -> tuple[str, ...]:
        """The whole picture, then the layers from bottom to top."""
        return (f"whole/{self.stem}.png", *(f"layers/{self.stem}-{n}.png" for n in range(1, self.count + 1)))


def units(plan: Plan) -> Iterator[Unit]:
    """A unit for each photo, and tables for each number of layers."""
    counts = set()
    for stack in _stacks(plan):
        counts.add(stack.count)
        paths = (*stack.paths, f"editors/{stack.stem}.ora")
        state = stack.photo.stat()
        key = digest(VERSION, stack.row["key"], paths, [state.st_size, state.st_mtime_ns])
        size = sum(stack.row["files"].values()) + 4 * state.st_size
        yield Unit(paths, key, size, _writer(stack, paths))
    for count in sorted(counts):
        yield lines_unit(f"layers_{count}.json", _diffsynth(plan, count))
        yield lines_unit(f"musubi_{count}.jsonl", _musubi(plan, count))


def prove(plan: Plan) -> Proof:
    """Read the tables back: each photo is there, and its layers put together are the whole picture."""
    faults, rows, compared = [], 0, 0
    for table in sorted(plan.folder.glob("layers_*.json")):
        for row in read_list(table, ("image", "layer_input_image", "layer_num")):
            rows += 1
            if len(row["image"]) != row["layer_num"] + 1:
                faults.append((row["image"][0], "has not as many layers as are told"))
            load = found_in(plan.folder, {str(number): path for number, path in enumerate(row["image"])})
            if compared < LOOKED_AT:
                compared += 1
                pictures = [pixels_of(content) for content in load().values()]
                faults += [(row["image"][0], fault) for fault in _faults(pictures)]
    expected = sum((plan.folder / stack.paths[0]).exists() for stack in _stacks(plan))
    if rows != expected:
        faults.append((str(plan.folder), f"{rows} rows were read, {expected} photos have layers"))
    return Proof(rows, compared, faults)


def _faults(pictures: list[Pixels]) -> Iterator[str]:
    whole, *layers = pictures
    if any(picture.shape != whole.shape or picture.shape[2] != 4 for picture in layers):
        yield "a layer is not RGBA of the whole picture's size"
        return
    found = layers[0][..., :3]
    for layer in layers[1:]:
        found = over(found, layer)
    error = float(np.abs(found.astype(np.int16) - whole[..., :3]).mean())
    if error > MAX_ERROR:
        yield f"its layers put together differ by {error:.1f} levels from the whole"


def _stacks(plan: Plan) -> Iterator[Stack]:
    """The photos of the samples whose layers are staged, each once."""
    photos: dict[str, dict[str, _Photo]] = {}
    for example in plan.examples:
        entry = example.entry
        known = photos.setdefault(entry["dataset_category"], {})
        known.setdefault(entry["source_id"], _photo_of(example))
    told: set[str] = set()
    for category, known in sorted(photos.items()):
        table = read_rows(plan.layout, "image_layers", category).table
        for batch in batches(table.filter(pl.col("status") == "done", pl.col("level") == "layers")):
            for row in map(decode_row, batch.iter_rows(named=True)):
                source = row["source_id"]
                folder = plan.layout.staged("image_layers", row["key"])
                if source not in known or source in told or not folder.is_dir():
                    continue
                photo = known[source]
                caption = photo.caption or _in_english((row["objects"] or [{}])[0].get("caption"))
                stem = f"photo-{source[:16]}"
                stack = Stack(stem, photo.split, row, folder, photo.source, photo.rights, caption)
                if photo.size == (row["width"], row["height"]) and stack.objects:
                    told.add(source)
                    yield stack


class _Photo(NamedTuple):
    """What the first sample of a photo tells of it."""

    split: str
    source: Path
    size: tuple[int, int]
    rights: Row
    caption: str


def _photo_of(example: Example) -> _Photo:
    metadata = example.entry["metadata"]
    size, caption = (metadata["width"], metadata["height"]), from_text(metadata["photo_caption"])
    return _Photo(example.split, example.files["source"], size, example.photo_rights, _in_english(caption))


def _in_english(caption: str | Mapping[str, str | None] | None) -> str:
    return caption if isinstance(caption, str) else (caption or {}).get("en") or ""


def _written(plan: Plan, count: int) -> Iterator[Stack]:
    """Those of so many layers that add up."""
    for stack in _stacks(plan):
        if stack.count == count and not plan.told(stack.paths[0]).get("absent"):
            yield stack


def _diffsynth(plan: Plan, count: int) -> Callable[[], Iterator[str]]:
    def lines() -> Iterator[str]:
        before = "["
        for stack in _written(plan, count):
            row = {
                "image": list(stack.paths), "layer_input_image": stack.paths[0], "layer_num": count,
                "prompt": stack.caption, "split": stack.split, **stack.rights,
            }  # fmt: skip
            yield f"{before}{json_line(row)}"
            before = ","
        yield "]" if before == "," else "[]"

    return lines


def _musubi(plan: Plan, count: int) -> Callable[[], Iterator[str]]:
    def lines() -> Iterator[str]:
        for stack in _written(plan, count):
            paths = {f"image_path_{n}": str(plan.folder / path) for n, path in enumerate(stack.paths)}
            yield json_line({**paths, "caption": stack.caption, "split": stack.split, **stack.rights})

    return lines


def _writer(stack: Stack, paths: tuple[str, ...]) -> Make:
    def make(files: Mapping[str, Path]) -> Facts | None:
        photo = decode(stack.photo)
        layers = [
            _background(photo, stack),
            *(_whole_layer(photo, stack.folder, one) for one in stack.objects),
        ]
        opaque = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
        if any(_faults([opaque, *layers])):
            return {"absent": True}
        content = [encode_png(picture) for picture in (opaque, *layers)]
        for path, data in zip(paths, content, strict=False):
            files[path].write_bytes(data)
        names = ["background", *(f"object {one['number']}" for one in stack.objects)]
        files[paths[-1]].write_bytes(open_raster(photo, names, content[1:]))
        return None

    return make


def _background(photo: Pixels, stack: Stack) -> Pixels:
    """The photo without its objects, opaque RGBA."""
    ground = without_objects(photo, stack.folder, stack.objects, zlib.crc32(stack.stem.encode()))
    return np.dstack([ground, np.full(photo.shape[:2], 255, np.uint8)])


def _whole_layer(photo: Pixels, folder: Path, one: Row) -> Pixels:
    """An object's layer as RGBA of the photo's size."""
    pixels, x, y = load_object(folder, one)
    height, width = pixels.shape[:2]
    place = np.s_[y : y + height, x : x + width]
    whole = np.dstack([photo, np.zeros(photo.shape[:2], np.uint8)])
    whole[place][..., 3] = pixels[..., 3]
    seen = pixels[..., 3:] > 0
    whole[place][..., :3] = np.where(seen, pixels[..., :3], whole[place][..., :3])
    return np.ascontiguousarray(whole)


def open_raster(whole: Pixels, names: list[str], layers: list[bytes]) -> bytes:
    """An OpenRaster file of layers given from bottom to top, as PNG of the picture's size.

    Raises:
        StorageError: there is not a name for each layer.
    """
    if len(names) != len(layers):
        raise StorageError("an OpenRaster file has to have a name for each layer")
    height, width = whole.shape[:2]
    scale = min(1.0, THUMBNAIL_SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)
    # The topmost stands first.
    entries = "".join(
        f"<layer name={quoteattr(name)} src={quoteattr(f'data/layer{number}.png')}/>"
        for number, name in reversed(list(enumerate(names)))
    )
    image = f"<image w='{width}' h='{height}'><stack>{entries}</stack></image>"
    stack = f"<?xml version='1.0' encoding='UTF-8'?>{image}"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        members: list[tuple[str, bytes | str]] = [("mimetype", "image/openraster"), ("stack.xml", stack)]
        members += [(f"data/layer{number}.png", content) for number, content in enumerate(layers)]
        members += [("mergedimage.png", encode_png(whole)), ("Thumbnails/thumbnail.png", encode_png(small))]
        for name, content in members:
            file.writestr(zipfile.ZipInfo(name), content)  # without a time, for equal bytes
    return buffer.getvalue()
