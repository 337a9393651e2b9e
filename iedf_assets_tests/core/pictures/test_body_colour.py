"""Colour words that are true of most of an object, and the colour of most of its body."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.body_colour import (
    ENOUGH,
    FAMILIES,
    bears,
    body_of,
    likeness,
    looks_like_skin,
    name_shares,
    skin_share,
    word_of,
)

BLUE, DARK_BLUE, RED, GREEN = (60, 100, 200), (10, 20, 90), (200, 30, 40), (40, 140, 60)


def striped(*parts: tuple[tuple[int, int, int], int]) -> tuple[Pixels, Pixels]:
    """A picture of so many columns of each colour, and the mask of all of it."""
    columns = [np.full((40, count, 3), rgb, np.uint8) for rgb, count in parts]
    rgb = np.concatenate(columns, axis=1)
    return rgb, np.full(rgb.shape[:2], 255, np.uint8)


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ([(BLUE, 100)], "blue"), ([(DARK_BLUE, 100)], "dark_blue"),
        # No shade of blue has the half, all of them together have.
        ([(BLUE, 40), (DARK_BLUE, 40), (RED, 20)], "blue"),
        ([(BLUE, 40), (RED, 30), (GREEN, 30)], None),
        ([((20, 20, 20), 40), ((60, 60, 60), 30), (RED, 30)], "black"),
        ([((235, 120, 20), 45), ((120, 60, 15), 40), (GREEN, 15)], "orange"),
        # Skin and a shirt: nobody is called brown for that.
        ([((205, 160, 130), 45), ((150, 100, 75), 20), (BLUE, 35)], None),
        ([((150, 100, 75), 45), ((205, 160, 130), 45), (GREEN, 10)], "brown"),
        # Oranges in a dim room are not brown, leather is.
        ([((173, 75, 10), 60), ((190, 103, 8), 40)], None),
        ([((139, 69, 19), 60), ((160, 82, 45), 40)], "brown"),
    ],
)  # fmt: skip
def test_a_word_is_one_that_half_of_the_object_bears(
    parts: list[tuple[tuple[int, int, int], int]], word: str | None
) -> None:
    assert word_of(*striped(*parts)) == word


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_whatever_the_object_at_least_half_of_it_bears_its_word(
    colours: list[tuple[int, int, int]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rgb = np.array(colours, np.uint8)[rng.integers(0, len(colours), (30, 40))]
    mask = np.where(rng.random((30, 40)) < 0.7, 255, 0).astype(np.uint8)
    mask[0, 0] = 255
    word = word_of(rgb, mask)
    assert word == word_of(rgb.copy(), mask.copy())
    if word is None:
        return
    family = next((set().union(*names.values()) for names in FAMILIES if word in names), set())
    borne = sum(share for name, share in name_shares(rgb, mask).items() if name == word or name in family)
    assert borne >= ENOUGH - 1e-9


def test_dark_blue_is_blue_and_brown_is_not_orange() -> None:
    assert bears("dark_blue", "blue")
    assert bears("olive", "olive")
    assert not bears("blue", "dark_blue")
    assert not bears("olive", "yellow")
    assert not bears("brown", "orange")


def test_a_body_has_the_colour_of_most_of_its_pixels_in_light_and_in_shade() -> None:
    orange, navy = (216, 96, 61), (50, 40, 120)
    shade = tuple(
        int(code) for code in colour_names.encoded(colour_names.LINEAR[list(orange)] / np.float32(2))
    )
    rgb, mask = striped((orange, 50), ((shade[0], shade[1], shade[2]), 25), (navy, 25))
    body = body_of(rgb, mask)
    assert body.share == pytest.approx(0.75, abs=0.01)
    assert colour_names.hue_distance(colour_names.lch_of(body.colour)[2], colour_names.lch_of(orange)[2]) < 6
    assert body.lightness[0] < body.lightness[2]


def test_a_white_cup_with_a_black_print_has_a_white_body() -> None:
    rgb, mask = striped(((225, 222, 215), 80), ((30, 30, 30), 20))
    body = body_of(rgb, mask)
    assert body.share == pytest.approx(0.8, abs=0.01)
    lab = colour_names.to_oklab(rgb)
    found = likeness(lab, body.colour)
    assert found[:, :80].min() > 0.9
    assert found[:, 80:].max() < 0.1


def test_skin_is_no_part_of_a_grey_body() -> None:
    rgb, mask = striped(((150, 150, 150), 70), ((205, 160, 130), 30))
    assert likeness(colour_names.to_oklab(rgb), (150, 150, 150))[:, 70:].max() < 0.1
    assert skin_share(rgb, mask) == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("rgb", "skin"),
    [
        ((241, 205, 180), True), ((205, 160, 130), True), ((141, 95, 70), True), ((92, 60, 45), True),
        ((235, 120, 20), False), ((200, 30, 40), False), ((150, 150, 150), False), ((60, 100, 200), False),
    ],
)  # fmt: skip
def test_skin_of_every_shade_is_known(rgb: tuple[int, int, int], skin: bool) -> None:
    assert looks_like_skin(rgb) == skin


def test_the_astronauts_face_is_skin() -> None:
    face = np.ascontiguousarray(data.astronaut()[100:170, 190:250])
    assert skin_share(face, np.full(face.shape[:2], 255, np.uint8)) > 0.6


def test_the_words_of_a_photo_do_not_depend_on_anything_else() -> None:
    rgb, mask = data.coffee(), np.zeros((400, 600), np.uint8)
    cv2.ellipse(mask, (300, 200), (120, 90), 0, 0, 360, 255, -1)
    first = word_of(rgb, mask), body_of(rgb, mask)
    cv2.setRNGSeed(7)
    assert (word_of(rgb, mask), body_of(rgb, mask)) == first
