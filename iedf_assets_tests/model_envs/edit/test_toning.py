import cv2
import numpy as np
import pytest

from model_envs.edit.toning import around, toned

HEIGHT, WIDTH = 80, 120


def rimmed(own: int, behind: int) -> tuple[np.ndarray, np.ndarray]:
    """A thing with a soft rim before an even background: the mixed picture and the thing's alpha."""
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(alpha, (60, 40), 25, 255, -1)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 2.0), np.uint8)
    share = alpha[..., None] / 255
    mixed = np.rint(share * own + (1 - share) * behind).repeat(3, axis=2).astype(np.uint8)
    return mixed, alpha


@pytest.mark.parametrize(("own", "behind", "kind"), [(40, 220, "darken"), (30, 120, "brighten")])
def test_the_rim_of_a_thing_is_mixed_with_the_edited_background(own: int, behind: int, kind: str) -> None:
    rgb, alpha = rimmed(own, behind)
    edited = toned(rgb, kind, 0.8)
    result = around(rgb, edited, alpha)
    share = np.clip((alpha / 255 - 0.2) / 0.8, 0, 1)
    new = edited[0, 0].astype(float)
    rim = (share > 0) & (share < 1)
    right = rgb + (1 - share[..., None]) * (new - behind)
    # Drawn in by a pixel, over which the rim's mixture changes by so much.
    assert np.abs(result[rim] - right[rim]).max() <= 24
    own = cv2.erode(alpha, np.ones((3, 3), np.uint8)) == 255
    assert np.array_equal(result[own], rgb[own])
    assert np.array_equal(result[alpha == 0], edited[alpha == 0])


def test_a_bright_background_leaves_no_halo_of_itself() -> None:
    rgb, alpha = rimmed(40, 220)
    edited = toned(rgb, "darken", 0.8)
    dark, ring = edited[0, 0, 0], (alpha > 20) & (alpha < 128)
    assert around(rgb, edited, alpha)[ring].max() <= dark + 6
