"""Good pairs that faults are put into, and the files that a fault changes."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.agreement import LANGUAGES
from iedf_assets.core.edits.instructions import worded
from iedf_assets.core.edits.phrases import key_of, phrases_of
from iedf_assets.core.edits.readings import read
from iedf_assets.core.edits.recipes import Recipe
from iedf_assets.core.pictures.codecs import encode_jpeg, encode_png

QUALITY = 95
# Files that change the copy: role → content.
Files = dict[str, bytes]


@dataclass(frozen=True)
class Specimen:
    """A good pair that a fault is put into.

    Attributes:
        source, result: uint8 (H, W, 3), as they decode.
        mask, allowed: uint8 (H, W), 0 or 255; all white where there are no such files.
        files: role → content of each of its files.
        recipe: the complete one.
    """

    source: Pixels
    result: Pixels
    mask: Pixels
    allowed: Pixels
    files: Files
    recipe: Recipe


@dataclass(frozen=True)
class Fault:
    """What a canary changes.

    Attributes:
        files: role → new content; `allowed` and `result_mask` are of the masks that the index names.
        recipe: what the index is to say, so that it agrees with the texts; None leaves it as it is.
    """

    files: Files
    recipe: Recipe | None = None


Injector = Callable[[Specimen, Specimen, np.random.Generator], Fault | None]


@dataclass(frozen=True)
class Canary:
    """A class of faults.

    Attributes:
        strength: how large the fault is, in words.
        inject: makes it in a specimen, with the help of another one; None when it does not apply.
    """

    name: str
    strength: str
    inject: Injector = field(repr=False)


def pictures(**files: Pixels) -> Fault:
    """New pictures, written as such files are."""
    return Fault({
        role: encode_jpeg(pixels, QUALITY) if pixels.ndim == 3 else encode_png(pixels)
        for role, pixels in files.items()
    })  # fmt: skip


def spoilt(pair: Specimen, result: Pixels) -> Fault:
    """Another result. Both files are encoded once and alike, so that they differ by the fault alone."""
    return pictures(source=pair.source, result=result)


def retold(pair: Specimen, recipe: Recipe) -> Files | None:
    """A pair's texts for another recipe, in its own words; None where they cannot be read."""
    files = {}
    for role, language in LANGUAGES.items():
        reading = read(pair.files[role].decode("utf-8").strip(), language)
        if reading is None:
            return None
        phrase = phrases_of(key_of(recipe), language, reading.phrasing)[0]
        text = worded(recipe, language, reading.name, phrase)
        files[role] = f"{text}\n".encode()
    return files


def masks(mask: Pixels) -> Fault:
    """Another mask and its inverse."""
    return pictures(mask=mask, mask_inverse=255 - mask)
