from collections.abc import Iterator
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from iedf_assets.core.codecs import Pixels, decode_jpeg, encode_jpeg
from iedf_assets.core.effects import effect
from iedf_assets.core.masks import moved, scaled
from iedf_assets.core.profile import Thresholds
from iedf_assets.core.recipes import BACKGROUND_KINDS, IDENTITY_KINDS
from model_envs.edit.toning import contrasted, defocused, recoloured, relit, toned

ENOUGH = Thresholds().min_effect
NAMES = ("coffee", "astronaut", "chelsea")
# Boxes of the subjects, shares of the picture: x, y, width, height. Cup, head and helmet, face.
BOXES = {"coffee": (0.3, 0.2, 0.4, 0.5), "astronaut": (0.3, 0.05, 0.3, 0.35), "chelsea": (0.2, 0.2, 0.4, 0.6)}
KINDS = [("identity", kind) for kind in IDENTITY_KINDS] + [("background", kind) for kind in BACKGROUND_KINDS]
OPPOSITES = {"warm": "cool", "brighten": "darken", "relight_left": "relight_right"}
OPPOSITES |= {there: here for here, there in OPPOSITES.items()}
PAINTS = {"red": 27, "yellow": 100, "green": 145, "blue": 258, "purple": 303}
MIDDLE = (0.5, 1.0)


@cache
def photo(name: str) -> Pixels:
    return np.asarray(cv2.resize(getattr(data, name)(), (480, 360), interpolation=cv2.INTER_AREA), np.uint8)


@cache
def silhouette(name: str) -> Pixels:
    """An ellipse on the subject."""
    mask = np.zeros(photo(name).shape[:2], np.uint8)
    x, y, width, height = (
        round(share * side) for share, side in zip(BOXES[name], (480, 360) * 2, strict=True)
    )
    cv2.ellipse(mask, (x + width // 2, y + height // 2), (width // 2, height // 2), 0, 0, 360, 255, -1)
    return mask


def mixed(name: str, edited: Pixels, where: Pixels) -> Pixels:
    """The photo with an edit in a region, as a JPEG file holds it."""
    return decode_jpeg(encode_jpeg(np.where(where[..., None] > 0, edited, photo(name)), 95))


def source(name: str) -> Pixels:
    return decode_jpeg(encode_jpeg(photo(name), 95))


@cache
def emptied(name: str) -> Pixels:
    return np.asarray(
        cv2.inpaint(photo(name), cv2.dilate(silhouette(name), np.ones((7, 7))), 5, cv2.INPAINT_TELEA)
    )


def placed(name: str, matrix: list[list[float]], place: Pixels) -> Pixels:
    """The photo with its subject somewhere else, in another size perhaps."""
    warped = cv2.warpAffine(photo(name), np.array(matrix, np.float64), (480, 360), flags=cv2.INTER_AREA)
    return decode_jpeg(encode_jpeg(np.where(place[..., None] > 0, warped, emptied(name)), 95))


def move(name: str, dx: int, dy: int) -> Pixels:
    return placed(name, [[1, 0, dx], [0, 1, dy]], moved(silhouette(name), dx, dy))


def anchor(name: str) -> tuple[float, float]:
    x, y, width, height = cv2.boundingRect(silhouette(name))
    return x + (width - 1) / 2, y + height - 1.0


def scale(name: str, factor: float) -> Pixels:
    x, y = anchor(name)
    place = scaled(silhouette(name), factor, x, y)
    return placed(name, [[factor, 0, x * (1 - factor)], [0, factor, y * (1 - factor)]], place)


def region(name: str, subtype: str) -> Pixels:
    return ~silhouette(name) if subtype == "background" else silhouette(name)


def tone(name: str, subtype: str, kind: str) -> Pixels:
    where = region(name, subtype)
    if kind == "defocus":
        edited = defocused(photo(name), ~where, 0.6)
    elif kind == "contrast":
        edited = contrasted(photo(name), where, 0.6)
    elif kind.startswith("relight"):
        edited = relit(photo(name), kind, 0.6, tuple(cv2.boundingRect(where)))
    else:
        edited = toned(photo(name), kind, 0.6)
    return mixed(name, edited, where)


def recolour(name: str, colour: str) -> Pixels:
    mean = cv2.mean(photo(name), silhouette(name))[:3]
    return mixed(name, recoloured(photo(name), mean, PAINTS[colour], 0.14, 1.0), silhouette(name))


def pairs() -> Iterator[Any]:
    """A recipe as far as an instruction states it, a photo and the result, of every subtype and kind."""
    stated: dict[str, Any]
    for name in NAMES:
        direction, sign = ("left", -1) if name == "coffee" else ("right", 1)
        stated = {"subtype": "move", "direction": direction, "percent": 25}
        yield pytest.param(
            stated, name, lambda name=name, sign=sign: move(name, sign * 120, 0), id=f"move-{name}"
        )
        for factor in (0.6, 0.8, 1.2):
            stated = {"subtype": "scale", "factor": factor}
            yield pytest.param(
                stated, name, lambda n=name, f=factor: scale(n, f), id=f"scale-{factor}-{name}"
            )
        stated = {"subtype": "delete"}
        yield pytest.param(stated, name, lambda n=name: source_of(emptied(n)), id=f"delete-{name}")
        for subtype, kind in KINDS:
            stated = {"subtype": subtype, "kind": kind}
            yield pytest.param(
                stated, name, lambda n=name, s=subtype, k=kind: tone(n, s, k), id=f"{subtype}-{kind}-{name}"
            )
    for colour in PAINTS:
        stated = {"subtype": "recolor", "colour": colour}
        yield pytest.param(stated, "coffee", lambda c=colour: recolour("coffee", c), id=f"recolor-{colour}")


def source_of(pixels: Pixels) -> Pixels:
    return decode_jpeg(encode_jpeg(pixels, 95))


@pytest.mark.parametrize(("stated", "name", "made"), pairs())
def test_what_an_instruction_states_shows_and_neither_swapped_files_nor_no_change_do(
    stated: dict[str, Any], name: str, made: Any
) -> None:
    one, other, mask = source(name), made(), region(name, stated["subtype"])
    right, swapped, unchanged = (
        effect(stated, *files, mask) for files in ((one, other), (other, one), (one, one))
    )
    assert right is not None
    assert swapped is not None
    assert unchanged is not None
    assert right >= ENOUGH + 0.1
    assert swapped <= ENOUGH - 0.1
    assert unchanged <= 0.05
