import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iedf_assets.core.pictures import colour_names

CODES = st.tuples(*[st.integers(0, 255)] * 3)


@pytest.mark.parametrize(
    ("rgb", "key"),
    [
        ((8, 8, 10), "black"), ((128, 128, 128), "grey"), ((250, 250, 250), "white"),
        ((60, 60, 62), "dark_grey"), ((205, 205, 205), "light_grey"),
        ((220, 20, 30), "red"), ((128, 0, 0), "dark_red"), ((255, 192, 203), "pink"),
        ((255, 140, 0), "orange"), ((217, 96, 62), "orange"), ((139, 69, 19), "brown"),
        ((60, 40, 25), "dark_brown"), ((210, 180, 140), "beige"), ((250, 230, 20), "yellow"),
        ((128, 128, 0), "olive"), ((30, 140, 40), "green"), ((10, 60, 15), "dark_green"),
        ((150, 230, 120), "light_green"), ((0, 128, 128), "teal"), ((0, 0, 255), "blue"),
        ((0, 0, 90), "dark_blue"), ((135, 206, 235), "light_blue"), ((102, 51, 153), "purple"),
        ((128, 0, 128), "purple"), ((255, 0, 255), "magenta"),
    ],
)  # fmt: skip
def test_well_known_colours_are_called_by_their_names(rgb: tuple[int, int, int], key: str) -> None:
    assert colour_names.name_of(rgb).key == key


@given(CODES)
def test_every_colour_has_a_name_in_both_languages(rgb: tuple[int, int, int]) -> None:
    colour = colour_names.name_of(rgb)
    assert colour_names.COLOURS[colour.key] == colour
    assert colour.en.isascii()
    assert colour.ch.endswith("色")


@given(st.integers(0, 255))
def test_greys_are_never_called_colourful(level: int) -> None:
    assert colour_names.name_of([level] * 3).key in {"black", "dark_grey", "grey", "light_grey", "white"}


def test_no_two_colours_share_a_name() -> None:
    for language in ("en", "ch"):
        assert len({getattr(colour, language) for colour in colour_names.COLOURS.values()}) == len(
            colour_names.COLOURS
        )


@given(CODES)
def test_oklab_gives_back_the_codes_it_came_from(rgb: tuple[int, int, int]) -> None:
    pixel = np.array(rgb, np.uint8).reshape(1, 1, 3)
    back = colour_names.from_oklab(colour_names.to_oklab(pixel)).astype(int)
    assert np.abs(back - pixel).max() <= 1


def test_oklab_has_the_published_values_of_red() -> None:
    # Ottosson 2020: sRGB red is L 0.628, a 0.225, b 0.126.
    assert colour_names.to_oklab(np.array([[[255, 0, 0]]], np.uint8))[0, 0] == pytest.approx(
        [0.628, 0.2249, 0.1258], abs=1e-3
    )


@pytest.mark.parametrize("hue", [27, 100, 145, 258, 303])
def test_the_greatest_chroma_is_shown_without_shifting_the_hue(hue: int) -> None:
    levels = np.array([0.35, 0.5, 0.7], np.float32)
    angle = np.radians(hue)
    for level, greatest in zip(levels, colour_names.greatest_chroma(hue, levels), strict=True):
        a, b = greatest * np.cos(angle), greatest * np.sin(angle)
        rgb = colour_names.from_oklab(np.array([[[level, a, b]]], np.float32))[0, 0]
        lightness, _, shown = colour_names.lch_of(rgb.tolist())
        assert colour_names.hue_distance(shown, hue) < 2
        assert lightness == pytest.approx(level, abs=0.01)


@given(st.floats(0, 360), st.floats(0, 360))
def test_hues_are_at_most_half_a_circle_apart(one: float, other: float) -> None:
    distance = colour_names.hue_distance(one, other)
    assert 0 <= distance <= 180
    assert distance == pytest.approx(colour_names.hue_distance(other, one), abs=1e-9)
