import math
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.recipes import BACKGROUND_KINDS, IDENTITY_KINDS
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg
from iedf_assets.core.pictures.masks import moved, scaled
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.scoring.effects import effect
from model_envs.edit.toning import contrasted, defocused, relit, toned

ENOUGH = Thresholds().min_effect
SIZE = (360, 270)
# Boxes of the subjects in the photos, pixels: x, y, width, height.
BOXES = {"coffee": (108, 54, 144, 135), "astronaut": (108, 14, 108, 94), "chelsea": (72, 54, 144, 162)}
OPPOSITES = {"warm": "cool", "brighten": "darken", "relight_left": "relight_right", "left": "right"}
OPPOSITES |= {other: one for one, other in OPPOSITES.items()}
# OKLCh hue in degrees, and a lightness at which it is called so.
PAINTS = {
    "red": (27, 0.58),
    "yellow": (100, 0.8),
    "green": (145, 0.6),
    "blue": (258, 0.54),
    "purple": (303, 0.54),
}

Recipe = dict[str, Any]
# As far as instructions state them.
STATED: list[Recipe] = [
    {"subtype": "delete"},
    *({"subtype": "move", "direction": direction, "percent": 20} for direction in ("left", "right")),
    {"subtype": "move", "direction": "down", "percent": 15},
    *({"subtype": "scale", "factor": factor} for factor in (0.6, 0.8, 1.2)),
    *({"subtype": "recolor", "colour": colour} for colour in PAINTS),
    *({"subtype": "identity", "kind": kind} for kind in IDENTITY_KINDS),
    *({"subtype": "background", "kind": kind} for kind in BACKGROUND_KINDS),
]
TONES = [recipe for recipe in STATED if "kind" in recipe]


def named(recipe: Recipe) -> str:
    return "-".join(str(value) for value in recipe.values())


every_edit = pytest.mark.parametrize("recipe", STATED, ids=named)
every_photo = pytest.mark.parametrize("name", BOXES)


@cache
def photo(name: str) -> Pixels:
    return np.asarray(cv2.resize(getattr(data, name)(), SIZE, interpolation=cv2.INTER_AREA), np.uint8)


@cache
def silhouette(name: str) -> Pixels:
    """An ellipse on the subject."""
    x, y, width, height = BOXES[name]
    mask = np.zeros(photo(name).shape[:2], np.uint8)
    centre, axes = (x + width // 2, y + height // 2), (width // 2, height // 2)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
    return mask


@cache
def emptied(name: str) -> Pixels:
    """The photo without its subject."""
    hole = cv2.dilate(silhouette(name), np.ones((7, 7), np.uint8))
    return np.asarray(cv2.inpaint(photo(name), hole, 5, cv2.INPAINT_TELEA), np.uint8)


@cache
def source_of(name: str) -> Pixels:
    return stored(photo(name))


def stored(pixels: Pixels) -> Pixels:
    """As a JPEG file holds it."""
    return decode_jpeg(encode_jpeg(pixels, 95))


def mask_of(recipe: Recipe, name: str) -> Pixels:
    return ~silhouette(name) if recipe["subtype"] == "background" else silhouette(name)


def made(recipe: Recipe, name: str) -> Pixels:
    """The result of an edit, as a file holds it."""
    return _made(tuple(recipe.items()), name)


@cache
def _made(stated: tuple[tuple[str, Any], ...], name: str) -> Pixels:
    recipe = dict(stated)
    rgb, mask = photo(name), mask_of(recipe, name)
    match recipe["subtype"]:
        case "delete":
            return stored(emptied(name))
        case "move":
            across = {"left": -1, "right": 1}.get(recipe["direction"], 0) * recipe["percent"]
            down = {"up": -1, "down": 1}.get(recipe["direction"], 0) * recipe["percent"]
            dx, dy = round(across * SIZE[0] / 100), round(down * SIZE[1] / 100)
            return placed(name, [[1, 0, dx], [0, 1, dy]], moved(mask, dx, dy))
        case "scale":
            (x, y, width, height), factor = cv2.boundingRect(mask), recipe["factor"]
            foot_x, foot_y = x + (width - 1) / 2, y + height - 1.0
            matrix = [[factor, 0, foot_x * (1 - factor)], [0, factor, foot_y * (1 - factor)]]
            return placed(name, matrix, scaled(mask, factor, foot_x, foot_y))
        case "recolor":
            edited = painted(rgb, mask, *PAINTS[recipe["colour"]])
        case _:
            edited = tone(rgb, mask, recipe["kind"])
    return stored(np.where(mask[..., None] > 0, edited, rgb))


def painted(rgb: Pixels, mask: Pixels, hue: float, lightness: float) -> Pixels:
    """Everything in one hue, with half of its shading about a lightness."""
    lab = colour_names.to_oklab(rgb)
    level = lightness + 0.5 * (lab[..., 0] - cv2.mean(lab[..., 0], mask)[0])
    angle = math.radians(hue)
    a, b = (np.full_like(level, 0.14 * part) for part in (math.cos(angle), math.sin(angle)))
    return colour_names.from_oklab(np.asarray(cv2.merge([level, a, b]), np.float32))


def placed(name: str, matrix: list[list[float]], where: Pixels) -> Pixels:
    """The photo with its subject somewhere else."""
    warped = cv2.warpAffine(photo(name), np.array(matrix, np.float64), SIZE, borderMode=cv2.BORDER_REFLECT)
    return stored(np.where(where[..., None] > 0, np.asarray(warped, np.uint8), emptied(name)))


def tone(rgb: Pixels, mask: Pixels, kind: str) -> Pixels:
    if kind == "defocus":
        return defocused(rgb, ~mask, 0.6)
    if kind == "contrast":
        return contrasted(rgb, mask, 0.6)
    if kind.startswith("relight"):
        x, y, width, height = cv2.boundingRect(mask)
        return relit(rgb, kind, 0.6, (x, y, width, height))
    return toned(rgb, kind, 0.6)


def measured(recipe: Recipe, one: Pixels, other: Pixels, name: str) -> float:
    found = effect(recipe, one, other, mask_of(recipe, name))
    assert found is not None
    return found


@every_photo
@every_edit
def test_an_edit_shows_and_neither_swapped_files_nor_an_unchanged_one_do(recipe: Recipe, name: str) -> None:
    source, result = source_of(name), made(recipe, name)
    assert measured(recipe, source, result, name) > ENOUGH + 0.1
    assert measured(recipe, result, source, name) < ENOUGH - 0.1
    assert measured(recipe, source, source, name) <= 0
    assert measured(recipe, result, result, name) <= 0


@every_photo
@pytest.mark.parametrize(
    "recipe", [each for each in STATED if each.get("kind", each.get("direction")) in OPPOSITES], ids=named
)
def test_the_opposite_of_an_edit_does_not_show(recipe: Recipe, name: str) -> None:
    opposite = {key: OPPOSITES.get(value, value) for key, value in recipe.items()}
    assert measured(opposite, source_of(name), made(recipe, name), name) < ENOUGH - 0.2


@every_photo
@pytest.mark.parametrize(("stated", "factor"), [(0.6, 1.2), (1.2, 0.6), (0.8, 0.6), (0.6, 0.8)])
def test_another_size_is_not_the_stated_one(name: str, stated: float, factor: float) -> None:
    result = made({"subtype": "scale", "factor": factor}, name)
    recipe = {"subtype": "scale", "factor": stated}
    assert measured(recipe, source_of(name), result, name) < ENOUGH - 0.1


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(sorted(BOXES)),
    st.integers(5, 15) | st.integers(25, 32),
    st.sampled_from(["left", "right"]),
)
def test_another_distance_is_not_the_stated_one(name: str, percent: int, direction: str) -> None:
    result = made({"subtype": "move", "direction": direction, "percent": 20}, name)
    recipe = {"subtype": "move", "direction": direction, "percent": percent}
    assert measured(recipe, source_of(name), result, name) < ENOUGH - 0.1


@every_photo
@pytest.mark.parametrize("colour", PAINTS)
def test_the_colour_of_an_edit_shows_more_than_any_other_colour(name: str, colour: str) -> None:
    source, result = source_of(name), made({"subtype": "recolor", "colour": colour}, name)
    found = {
        asked: measured({"subtype": "recolor", "colour": asked}, source, result, name) for asked in PAINTS
    }
    asked = found.pop(colour)
    assert asked > max(found.values()) + 0.15


@pytest.mark.parametrize("stated", [{"colour": "red"}, {"colour": "red", "hue": 27}])
def test_what_was_red_before_is_not_made_red(stated: Recipe) -> None:
    red, redder = (np.full((90, 120, 3), (level, 20, 30), np.uint8) for level in (160, 200))
    mask = np.full((90, 120), 255, np.uint8)
    assert effect({"subtype": "recolor"} | stated, red, redder, mask) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("recipe", TONES, ids=named)
def test_the_kind_of_an_edit_shows_more_than_any_other_kind(recipe: Recipe) -> None:
    source, result = source_of("coffee"), made(recipe, "coffee")
    kinds = IDENTITY_KINDS if recipe["subtype"] == "identity" else BACKGROUND_KINDS
    found = {kind: measured(recipe | {"kind": kind}, source, result, "coffee") for kind in kinds}
    assert max(found, key=lambda kind: found[kind]) == recipe["kind"]


@every_photo
def test_edits_of_another_hand_show_as_well(name: str) -> None:
    source = photo(name).astype(np.float32)
    edits = {
        "brighten": source + 25,
        "darken": source * 0.7,
        "warm": source + np.array([16, 2, -16], np.float32),
        "cool": source - np.array([16, 2, -16], np.float32),
        "desaturate": 0.5 * source + 0.5 * source.mean(axis=2, keepdims=True),
        "defocus": cv2.blur(source, (9, 9)),
    }
    for kind, edited in edits.items():
        result = stored(np.clip(np.rint(edited), 0, 255).astype(np.uint8))
        recipe = {"subtype": "background", "kind": kind}
        assert measured(recipe, source_of(name), result, name) > ENOUGH


def test_the_complete_recipe_finds_what_the_text_finds() -> None:
    source = source_of("coffee")
    stated = {"subtype": "move", "direction": "left", "percent": 20}
    result = made(stated, "coffee")
    complete = stated | {"dx": -72, "dy": 0}
    assert measured(complete, source, result, "coffee") == measured(stated, source, result, "coffee")


@pytest.mark.parametrize(
    "recipe",
    [
        {}, {"subtype": "invent"}, {"subtype": "move"}, {"subtype": "move", "direction": "left"},
        {"subtype": "scale"}, {"subtype": "scale", "factor": 0},
        {"subtype": "recolor"}, {"subtype": "recolor", "colour": "mud"},
        {"subtype": "identity"}, {"subtype": "identity", "kind": "defocus"}, {"subtype": "background"},
    ],
    ids=named,
)  # fmt: skip
def test_nothing_is_told_of_what_is_not_stated_or_unknown(recipe: Recipe) -> None:
    assert effect(recipe, photo("coffee"), emptied("coffee"), silhouette("coffee")) is None


@every_edit
def test_nothing_is_told_without_a_mask(recipe: Recipe) -> None:
    empty = np.zeros(SIZE[::-1], np.uint8)
    assert effect(recipe, photo("coffee"), emptied("coffee"), empty) is None


@every_edit
def test_tiny_masks_are_no_failure(recipe: Recipe) -> None:
    for height, width in ((1, 1), (1, 40), (40, 3)):
        mask = np.zeros(SIZE[::-1], np.uint8)
        mask[-height:, -width:] = 255
        found = effect(recipe, photo("coffee"), emptied("coffee"), mask)
        assert found is None or -1 <= found <= 1


def new_place(recipe: Recipe, name: str) -> Pixels:
    mask = silhouette(name)
    if recipe["subtype"] == "move":
        sign = 1 if recipe["direction"] == "right" else -1
        return moved(mask, sign * round(recipe["percent"] * SIZE[0] / 100), 0)
    x, y, width, height = cv2.boundingRect(mask)
    return scaled(mask, recipe["factor"], x + (width - 1) / 2, y + height - 1.0)


@every_photo
@pytest.mark.parametrize("left", [1.0, 0.6, 0.3])
@pytest.mark.parametrize(
    "recipe",
    [
        *({"subtype": "move", "direction": direction, "percent": 15} for direction in ("left", "right")),
        {"subtype": "move", "direction": "right", "percent": 5},
        {"subtype": "scale", "factor": 0.7},
    ],
    ids=named,
)
def test_what_a_model_moves_does_not_stay_where_it_was_as_well_not_even_faintly(
    recipe: Recipe, left: float, name: str
) -> None:
    source, clean = source_of(name), made(recipe, name)
    drawn, there = {**recipe, "by": "model"}, new_place(recipe, name)
    free = (silhouette(name) > 0) & (there == 0)
    ghost = clean.copy()
    ghost[free] = np.rint(left * source[free] + (1 - left) * clean[free])

    def found(result: Pixels) -> float:
        evidence = effect(drawn, source, result, silhouette(name), there)
        assert evidence is not None
        return evidence

    assert found(clean) > ENOUGH + 0.1
    assert found(stored(ghost)) < ENOUGH - 0.05
    # Of what the layers make nothing can be left, and nothing is asked for but what was.
    assert effect(recipe, source, ghost, silhouette(name), there) == effect(
        recipe, source, ghost, silhouette(name)
    )
