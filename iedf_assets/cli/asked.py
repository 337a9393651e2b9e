"""Trying who is asked about pictures, a namer or a judge, with one that anybody can describe."""

import time

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.asking.asker import asker_of, judge_of, judgement_on
from iedf_assets.core.asking.questions import NAME, Naming
from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.profile.asked import REWARDS, Asked, Judge


def tried(asked: Asked, key: str) -> str:
    """What somebody answers about a picture, and how fast; a reward model is not loaded for that.

    Raises:
        SourceError: nothing that can be read.
        FactoryError: it will not answer.
    """
    before, after = (encode_jpeg(_disc(colour), 95) for colour in ((200, 30, 30), (30, 60, 200)))
    begun = time.perf_counter()
    if not isinstance(asked, Judge):
        named = asker_of(asked, key).ask(NAME, [before], Naming)
        return f"answers in {time.perf_counter() - begun:.1f} s: a red disc is {named.en!r}, {named.ch!r}"
    judge = judge_of(asked, key)
    if asked.by in REWARDS:
        return "is there"
    told = judgement_on(judge, "Make the red disc blue", [before, after])
    took = time.perf_counter() - begun
    ratings = f"{told.instruction} and {told.preservation} of 5"
    return f"answers in {took:.1f} s: a red disc that was to be blue, and is, gets {ratings}"


def _disc(colour: tuple[int, int, int]) -> Pixels:
    """A disc of a colour on grey, uint8 (224, 224, 3)."""
    picture = np.full((224, 224, 3), 128, np.uint8)
    return np.asarray(cv2.circle(picture, (112, 112), 60, colour, -1, cv2.LINE_AA), np.uint8)
