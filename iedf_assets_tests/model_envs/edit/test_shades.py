"""Shades of a colour that are of another hue: what hangs together with it, and nothing else."""

import cv2
import numpy as np
import pytest

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.body_colour import likeness
from model_envs.edit.shades import with_shades
from model_envs.edit.toning import recoloured

RED, PURPLE, SKIN = (190, 40, 45), (150, 45, 100), (222, 150, 120)
HEIGHT, WIDTH = 240, 320


def cloth(at_the_side: tuple[int, int, int], soft: float) -> Pixels:
    """Red, and from the left another colour, which it becomes gradually or at once."""
    share = np.clip((np.arange(WIDTH) - 60) / max(soft, 1.0), 0, 1)[None, :, None]
    mixed = share * np.array(RED) + (1 - share) * np.array(at_the_side)
    return np.repeat(np.rint(mixed).astype(np.uint8), HEIGHT, axis=0)


def shares(rgb: Pixels, alpha: Pixels | None = None) -> np.ndarray:
    """How far each column has the colour or a shade of it."""
    lab = colour_names.to_oklab(rgb)
    whole: Pixels = np.full(rgb.shape[:2], 255, np.uint8) if alpha is None else alpha
    return np.asarray(with_shades(lab, whole, RED, likeness(lab, RED)).mean(axis=0))


def test_what_a_colour_gradually_becomes_is_a_shade_of_it() -> None:
    rgb = cloth(PURPLE, soft=100)
    lab = colour_names.to_oklab(rgb)
    assert likeness(lab, RED)[:, :60].max() < 0.2
    assert shares(rgb).min() > 0.95


def test_what_an_edge_parts_from_it_is_another_thing() -> None:
    found = shares(cloth(PURPLE, soft=0))
    assert found[:55].max() < 0.2
    assert found[65:].min() > 0.95


@pytest.mark.parametrize("colour", [SKIN, (60, 130, 60), (120, 112, 112)])
def test_skin_other_hues_and_greys_are_no_shades(colour: tuple[int, int, int]) -> None:
    assert shares(cloth(colour, soft=100))[:60].max() < 0.2


def test_nothing_beyond_the_object_is_a_shade() -> None:
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, :60] = 0
    found = shares(cloth(PURPLE, soft=100), alpha)
    assert found[:55].max() < 0.2
    assert found[70:].min() > 0.95


def test_a_colour_that_is_nowhere_has_no_shades() -> None:
    green = np.full((HEIGHT, WIDTH, 3), (40, 140, 60), np.uint8)
    assert shares(green).max() == 0


def test_a_recoloured_object_leaves_no_rim_of_its_old_colour() -> None:
    rgb = cloth(PURPLE, soft=100)
    whole = np.full((HEIGHT, WIDTH), 255, np.uint8)
    hues = {
        name: cv2.mean(recoloured(rgb, RED, hue=195, chroma=0.1, gamma=1.0, alpha=alpha)[:, 5:50])[:3]
        for name, alpha in (("taken along", whole), ("left", None))
    }
    assert colour_names.hue_distance(colour_names.lch_of(hues["taken along"])[2], 195) < 5
    assert colour_names.hue_distance(colour_names.lch_of(hues["left"])[2], 195) > 90
