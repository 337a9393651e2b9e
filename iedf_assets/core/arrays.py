"""Arrays by what they hold: one name for each, everywhere. Docstrings give their shapes and ranges."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""RGB (H, W, 3), RGBA (H, W, 4) or a mask (H, W)."""
Bools = NDArray[np.bool_]
Labels = NDArray[np.int32]
"""Which piece each pixel belongs to, (H, W)."""
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
AnyFloats = NDArray[np.floating[Any]]
