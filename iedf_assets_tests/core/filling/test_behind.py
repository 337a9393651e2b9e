"""What lies behind an object."""

import numpy as np

from iedf_assets.core.filling.behind import CLEAR_GROWTH, hole_of


def test_a_hole_reaches_a_little_beyond_what_can_be_seen() -> None:
    alpha = np.zeros((500, 800), np.uint8)
    alpha[200:300, 300:400] = 1
    hole = hole_of(alpha)
    assert set(np.unique(hole)) == {0, 255}
    assert [int(side) for side in (np.nonzero(hole)[0].min(), np.nonzero(hole)[1].max())] == [196, 403]
    assert np.nonzero(hole_of(alpha, CLEAR_GROWTH))[1].max() == 405
