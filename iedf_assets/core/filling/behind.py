"""What lies behind an object: the hole that it leaves, and its filling, made once for all edits of it."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from iedf_assets.core.pictures.codecs import Pixels

HOLE_GROWTH = 0.008  # how far the hole reaches beyond the object, as a share of the short side
# Edits of one photo follow each other, so few are wanted again.
KEPT = 4

Part = tuple[Pixels, int, int]
"""Pixels (h, w, 3), and where their upper left corner lies in the photo."""


def hole_of(alpha: Pixels) -> Pixels:
    """Where the background has to be completed: behind the object and a little around it.

    Args:
        alpha: of the object and its shadow, uint8 (H, W).
    """
    reach = max(2, round(min(alpha.shape) * HOLE_GROWTH))
    visible = np.where(alpha > 0, 255, 0).astype(np.uint8)
    return cv2.dilate(visible, np.ones((2 * reach + 1,) * 2, np.uint8)).astype(np.uint8)


@dataclass
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    part: Part | None = None


class Fills:
    """The latest fillings of this process; whoever asks for one that is being made waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: OrderedDict[str, _Place] = OrderedDict()

    def of(self, key: str, make: Callable[[], Part]) -> Part:
        """The filling of that key, by `make` where it is not at hand."""
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            while len(self._places) > KEPT:
                self._places.popitem(last=False)
        with place.lock:
            if place.part is None:
                place.part = make()
            return place.part
