import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Bools, Pixels
from iedf_assets.core.pictures.subjects import Network
from iedf_assets_tests.helpers.networks import real_network
from model_envs.layered.saliency import find_subject, reduced
from model_envs.layered.shadows import ground_shadow, with_shadow

SIZE = (200, 300)


def ground(level: int = 150) -> Pixels:
    rng = np.random.default_rng(1)
    return np.clip(level + rng.normal(0, 4, (*SIZE, 3)), 0, 255).astype(np.uint8)


def disc(x: int, y: int, radius: int) -> Pixels:
    mask = np.zeros(SIZE, np.uint8)
    cv2.circle(mask, (x, y), radius, 255, -1)
    return mask


def darkened(rgb: Pixels, mask: Pixels, factor: float) -> Pixels:
    """The picture with soft-edged shade where the mask is."""
    soft = cv2.GaussianBlur(mask, (0, 0), 2).astype(np.float32)[..., None] / 255
    return np.clip(rgb * (1 - soft * (1 - factor)), 0, 255).astype(np.uint8)


def test_the_shadow_that_touches_the_object_belongs_to_it() -> None:
    thing, shade = disc(150, 90, 40), disc(162, 102, 40)
    rgb = darkened(ground(), shade, 0.25)
    rgb[thing > 0] = (200, 60, 40)
    whole = with_shadow(rgb, thing)
    shown = (shade > 0) & (thing == 0)
    assert np.count_nonzero(shown & (whole > 0)) > 0.85 * np.count_nonzero(shown)
    assert not np.any((whole == 0) & (thing > 0))
    assert np.count_nonzero((whole > 0) & (cv2.dilate(thing | shade, np.ones((15, 15), np.uint8)) == 0)) == 0


@pytest.mark.parametrize(
    ("shade", "factor"),
    [(disc(250, 40, 20), 0.25), (disc(162, 102, 40), 0.8), (disc(152, 92, 40), 0.25)],
    ids=["a dark thing elsewhere", "a faint shade", "a sliver"],
)
def test_what_is_no_shadow_of_the_object_is_left_alone(shade: Pixels, factor: float) -> None:
    thing = disc(120, 100, 40) if shade[40, 250] else disc(150, 90, 40)
    rgb = darkened(ground(), shade, factor)
    rgb[thing > 0] = (200, 60, 40)
    added = np.count_nonzero(with_shadow(rgb, thing)) - np.count_nonzero(thing)
    assert added <= 0.05 * np.count_nonzero(thing)


def test_a_dark_surrounding_is_no_shadow() -> None:
    thing = disc(150, 100, 40)
    rgb = ground(15)
    rgb[thing > 0] = (200, 60, 40)
    assert np.array_equal(with_shadow(rgb, thing), thing)


@pytest.mark.slow
def test_the_ground_shadow_of_the_coffee_lies_below_its_saucer_and_the_rocket_has_none() -> None:
    coffee, rocket = (reduced(photo) for photo in (data.coffee(), data.rocket()))
    network = Network(real_network())
    saucer, body = (
        np.where(network.ask(photo).probability > 0.5, 255, 0).astype(np.uint8) for photo in (coffee, rocket)
    )
    found = ground_shadow(coffee, saucer, np.zeros(saucer.shape, np.bool_))
    assert 0.02 < np.count_nonzero(found) / np.count_nonzero(saucer) < 0.2
    assert coffee[found].mean() < 0.5 * coffee[saucer == 0].mean()
    assert not ground_shadow(rocket, body, np.zeros(body.shape, np.bool_)).any()


@pytest.mark.slow
def test_the_saucer_of_the_coffee_takes_its_shadow_along_and_the_rocket_has_none() -> None:
    coffee, rocket = (reduced(photo) for photo in (data.coffee(), data.rocket()))
    saucer, body = (find_subject(photo, 1).mask for photo in (coffee, rocket))
    gained = (with_shadow(coffee, saucer) > 0) & (saucer == 0)
    assert 0.05 < np.count_nonzero(gained) / np.count_nonzero(saucer) < 0.3
    assert coffee[gained].mean() < 0.4 * coffee[saucer == 0].mean()
    assert np.array_equal(with_shadow(rocket, body), body)


def no_others() -> Bools:
    return np.zeros(SIZE, np.bool_)


def standing() -> tuple[Pixels, Pixels, Pixels]:
    """A post on warm ground, its shadow beside its foot, and a dark bush behind its head."""
    thing, shade = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    cv2.rectangle(thing, (130, 30), (165, 150), 255, -1)
    cv2.ellipse(shade, (175, 150), (40, 8), 0, 0, 360, 255, -1)
    bush = np.zeros(SIZE, np.uint8)
    cv2.circle(bush, (185, 50), 24, 255, -1)
    rgb = (ground(190).astype(np.float32) * (1.0, 0.85, 0.65)).astype(np.uint8)
    rgb = darkened(rgb, shade | bush, 0.3)
    rgb[thing > 0] = (60, 70, 200)
    return rgb, thing, shade


def test_a_shadow_on_the_ground_is_found_at_the_foot_and_not_at_the_head() -> None:
    rgb, thing, shade = standing()
    found = ground_shadow(rgb, thing, no_others())
    shown = (shade > 0) & (thing == 0)
    assert np.count_nonzero(found & shown) > 0.8 * np.count_nonzero(shown)
    assert not found[:120].any()
    assert not (found & (thing > 0)).any()


def test_what_is_dark_and_of_another_colour_is_no_shadow() -> None:
    rgb, thing, shade = standing()
    rgb[(shade > 0) & (thing == 0)] = (10, 50, 20)
    assert not ground_shadow(rgb, thing, no_others()).any()


def test_another_object_at_the_foot_is_no_shadow() -> None:
    rgb, thing, shade = standing()
    assert not ground_shadow(rgb, thing, np.asarray(shade > 0)).any()


def test_an_object_whose_foot_is_out_of_the_picture_has_no_shadow() -> None:
    rgb, thing, _ = standing()
    thing[150:, 130:165] = 255
    assert not ground_shadow(rgb, thing, no_others()).any()
    assert not ground_shadow(rgb, np.zeros(SIZE, np.uint8), no_others()).any()


def test_what_goes_on_beyond_reach_is_another_dark_thing() -> None:
    rgb, thing, _ = standing()
    kerb = np.zeros(SIZE, np.uint8)
    kerb[146:156] = 255
    lit = (ground(190).astype(np.float32) * (1.0, 0.85, 0.65)).astype(np.uint8)
    rgb = np.where(thing[..., None] > 0, rgb, darkened(lit, kerb, 0.3)).astype(np.uint8)
    assert not ground_shadow(rgb, thing, no_others()).any()
