import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.scoring.masks.pieces import left_pieces, strays

LIMIT = float(Thresholds().max_left_pieces or 0)
HEIGHT, WIDTH = 400, 600
# The sky behind the rocket: a photo's own even background, with its grain.
SKY: Pixels = np.asarray(
    cv2.resize(data.rocket()[20:140, 20:200], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8
)


def disc(column: int, radius: int) -> Pixels:
    shape = cv2.circle(np.zeros((HEIGHT, WIDTH), np.uint8), (column, 200), radius, 255, cv2.FILLED)
    return np.asarray(shape, np.uint8)


BODY = disc(300, 60)


def strip(left: int, right: int) -> Pixels:
    """A bar as narrow as a ski, before and behind the body."""
    bar = np.zeros_like(BODY)
    bar[225:233, left:right] = 255
    return np.asarray(bar & ~BODY, np.uint8)


def photo(*things: Pixels, background: Pixels = SKY) -> Pixels:
    picture = background.copy()
    for thing in (BODY, *things):
        picture[thing > 0] = (200, 60, 40)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.uint8)


def test_what_touches_an_object_and_ends_is_a_piece_of_it() -> None:
    assert left_pieces(photo(), BODY) == 0
    skis = strip(250, 390)
    assert float(left_pieces(photo(skis), BODY) or 0) > 2 * LIMIT
    assert left_pieces(photo(skis), BODY | skis) == 0


@pytest.mark.parametrize(
    ("left", "right"), [(0, 300), (300, WIDTH), (380, 430)], ids=["from the frame", "to the frame", "apart"]
)
def test_what_goes_on_or_lies_apart_is_none(left: int, right: int) -> None:
    assert left_pieces(photo(strip(left, right)), BODY) == 0


def test_another_object_is_no_piece_and_large_things_are_none() -> None:
    beside = disc(385, 24) & ~BODY
    assert float(left_pieces(photo(beside), BODY) or 0) > LIMIT
    assert left_pieces(photo(beside), BODY, beside) == 0
    large = disc(410, 50) & ~BODY
    assert left_pieces(photo(large), BODY) == 0


def test_a_texture_has_no_pieces() -> None:
    gravel = np.repeat(cv2.resize(data.gravel(), (WIDTH, HEIGHT))[..., None], 3, axis=2)
    assert float(left_pieces(photo(background=np.asarray(gravel, np.uint8)), BODY) or 0) <= LIMIT


@pytest.mark.parametrize("level", [0, 255])
def test_a_mask_of_nothing_or_of_all_has_none(level: int) -> None:
    assert left_pieces(SKY, np.full_like(BODY, level)) is None


def test_what_stands_in_a_fill_and_ends_there_is_a_stray() -> None:
    limit = float(Thresholds().max_strays or 0)
    shard = SKY.copy()
    shard[190:215, 300:312] = (200, 60, 40)
    assert strays(SKY, BODY, None) == 0
    assert float(strays(shard, BODY, None) or 0) > limit
    # Behind the moved object nothing is seen of it, and what goes on beyond the fill is no stray.
    assert float(strays(shard, BODY, disc(310, 60)) or 0) == 0
    bar = SKY.copy()
    bar[195:205] = (200, 60, 40)
    assert strays(bar, BODY, None) == 0


@pytest.mark.parametrize("mask", [np.zeros_like(BODY), np.full_like(BODY, 255)])
def test_where_nothing_is_filled_or_all_is_there_are_no_strays_to_tell(mask: Pixels) -> None:
    assert strays(SKY, mask, None) is None
