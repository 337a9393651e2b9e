import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import color, data

from iedf_assets.core.pictures.colour_difference import ciede2000, lengths, quick_lab, steepness, to_lab


def test_lab_is_that_of_scikit_image() -> None:
    photo = data.coffee()[::7, ::7]
    assert np.abs(to_lab(photo) - color.rgb2lab(photo)).max() < 1e-6


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_the_difference_is_that_of_scikit_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = (rng.uniform((0, -110, -110), (100, 110, 110), (300, 3)) for _ in range(2))
    expected = color.deltaE_ciede2000(one, other)
    assert np.abs(ciede2000(one, other) - expected).max() < 1e-6


def test_pairs_of_the_published_test_data() -> None:
    # Sharma, Wu and Dalal (2005), table 1: pairs 1, 7, 13, 17, 25 and 34.
    pairs = [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ]
    one, other = (np.array([pair[side] for pair in pairs], float) for side in (0, 1))
    assert np.abs(ciede2000(one, other) - [pair[2] for pair in pairs]).max() < 1e-4


def test_a_colour_does_not_differ_from_itself_and_order_does_not_matter() -> None:
    lab = to_lab(data.chelsea()[::9, ::9])
    assert not ciede2000(lab, lab).any()
    assert np.allclose(ciede2000(lab, lab[::-1]), ciede2000(lab[::-1], lab))


def test_lengths_are_those_of_the_vectors() -> None:
    vectors = np.random.default_rng(0).normal(0, 40, (30, 40, 3)).astype(np.float32)
    np.testing.assert_allclose(lengths(vectors), np.linalg.norm(vectors, axis=2), rtol=1e-6)


def test_the_quick_conversion_is_hardly_off() -> None:
    photo = data.coffee()[::7, ::7]
    assert np.abs(quick_lab(photo) - to_lab(photo)).max() < 0.5


def test_an_edge_is_steep_on_both_sides_of_it_and_the_frame_is_none() -> None:
    lab = np.zeros((20, 30, 3), np.float32)
    lab[:, 15:, 0] = 50
    steep = steepness(lab)
    assert (steep[:, 14:16] > 25).all()
    assert not steep[:, :10].any()
    assert not steep[:, 20:].any()
