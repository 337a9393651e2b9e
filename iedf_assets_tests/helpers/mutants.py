"""Photo files that went wrong on their way: bits turned, pieces overwritten, lost, doubled, exchanged."""

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pillow_heif
from PIL import Image
from skimage import data

from iedf_assets.core.arrays import Pixels

SIDES = (420, 320)
NAMES = ("astronaut", "coffee", "chelsea", "rocket")
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "baseline.jpg": ("JPEG", {"quality": 90}),
    "progressive.jpg": ("JPEG", {"quality": 85, "progressive": True}),
    "full.jpg": ("JPEG", {"quality": 95, "subsampling": 0, "restart_marker_rows": 2}),
    "deflated.png": ("PNG", {}),
    "lossy.webp": ("WEBP", {"quality": 85}),
    "lossless.webp": ("WEBP", {"lossless": True, "method": 0}),
    "plain.tif": ("TIFF", {}),
    "packed.tif": ("TIFF", {"compression": "tiff_lzw"}),
    "indexed.gif": ("GIF", {}),
    "plain.bmp": ("BMP", {}),
    "key.avif": ("AVIF", {"speed": 10}),
    "whole.heic": ("HEIF", {"quality": 85}),
    "tiles.heic": ("HEIF", {"quality": 60, "tile_size": 128}),
}


@dataclass(frozen=True)
class Mutant:
    """A damaged file.

    Attributes:
        name: of the original, the mutation and its number.
        data: the file.
        original: what the undamaged file shows, uint8 (H, W, 3).
    """

    name: str
    data: bytes
    original: Pixels


def originals() -> Iterator[tuple[str, bytes, Pixels]]:
    """(name, file, pixels) of sound photos in every form."""
    for name in NAMES:
        rgb = np.asarray(cv2.resize(getattr(data, name)(), SIDES, interpolation=cv2.INTER_AREA), np.uint8)
        for form, (kind, options) in FORMS.items():
            picture, buffer = Image.fromarray(rgb), io.BytesIO()
            if kind == "HEIF":
                pillow_heif.from_pillow(picture).save(buffer, **options)
            else:
                (picture.quantize(256) if kind == "GIF" else picture).save(buffer, kind, **options)
            opened = pillow_heif.HeifImageFile if kind == "HEIF" else Image.open
            with opened(buffer) as again:
                yield f"{name}-{form}", buffer.getvalue(), np.asarray(again.convert("RGB"), np.uint8)


def mutants(count: int, seed: int) -> Iterator[Mutant]:
    """So many mutants of all originals, the same ones for the same seed."""
    chance, sound = random.Random(seed), list(originals())
    for number in range(count):
        name, whole, pixels = sound[number % len(sound)]
        mutation = chance.choice(sorted(MUTATIONS))
        damaged = bytearray(whole)
        MUTATIONS[mutation](damaged, chance)
        stem, _, form = name.rpartition(".")
        yield Mutant(f"{number:04d}-{stem}-{mutation}.{form}", bytes(damaged), pixels)


def _turned(file: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 4, 30))):
        file[chance.randrange(len(file))] ^= 1 << chance.randrange(8)


def _overwritten(file: bytearray, chance: random.Random) -> None:
    at, length = _run(file, chance)
    filling = chance.choice((b"\0", b"\xff", b"random"))
    file[at : at + length] = chance.randbytes(length) if filling == b"random" else filling * length


def _cut(file: bytearray, chance: random.Random) -> None:
    del file[chance.randrange(len(file) // 20, len(file)) :]


def _lost(file: bytearray, chance: random.Random) -> None:
    at, length = _run(file, chance)
    del file[at : at + length]


def _doubled(file: bytearray, chance: random.Random) -> None:
    at, length = _run(file, chance)
    file[at:at] = file[at : at + length]


def _exchanged(file: bytearray, chance: random.Random) -> None:
    (one, length), (other, _) = _run(file, chance), _run(file, chance)
    length = min(length, len(file) - max(one, other))
    file[one : one + length], file[other : other + length] = (
        file[other : other + length], file[one : one + length],
    )  # fmt: skip


def _header(file: bytearray, chance: random.Random) -> None:
    """A field among the first bytes, or behind a JPEG's start of frame."""
    frame = max(file.find(b"\xff\xc0"), file.find(b"\xff\xc2"), 0)
    at = frame + chance.randrange(4, 10) if frame else chance.randrange(8, 64)
    file[at] = chance.randrange(256)


def _taller(file: bytearray, _chance: random.Random) -> None:
    """The height in the header doubled, where it is known where that is."""
    frame = max(file.find(b"\xff\xc0"), file.find(b"\xff\xc2"))
    if file[:2] == b"\xff\xd8" and frame > 0:
        height = int.from_bytes(file[frame + 5 : frame + 7], "big")
        file[frame + 5 : frame + 7] = min(2 * height, 65_500).to_bytes(2, "big")
    else:
        file[len(file) // 2] ^= 0xFF


def _zeroed_tail(file: bytearray, chance: random.Random) -> None:
    """As after a download that broke off, or a power cut: the size is right, the end is not."""
    length = chance.randrange(len(file) // 2)
    file[len(file) - length :] = bytes(length)


def _run(file: bytearray, chance: random.Random) -> tuple[int, int]:
    length = min(chance.choice((16, 256, 4096)), len(file) // 4)
    return chance.randrange(len(file) - length), length


MUTATIONS: dict[str, Callable[[bytearray, random.Random], None]] = {
    "turned": _turned, "overwritten": _overwritten, "cut": _cut, "lost": _lost, "doubled": _doubled,
    "exchanged": _exchanged, "header": _header, "taller": _taller, "zeroed": _zeroed_tail,
}  # fmt: skip


def share_wrong(shown: Pixels, original: Pixels) -> float:
    """Share of the pixels that are off by more than 40 levels in a channel, or that only one of them has."""
    height, width = np.minimum(shown.shape[:2], original.shape[:2])
    both = slice(height), slice(width)
    right = int((cv2.absdiff(shown[both], original[both]).max(axis=2) <= 40).sum())
    whole = shown.shape[0] * shown.shape[1] + original.shape[0] * original.shape[1] - height * width
    return float(1 - right / whole)
