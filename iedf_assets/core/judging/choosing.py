"""The best of a slot's tries: pictures of one recipe by several seeds, of which one is published.

What a person accepted comes first. Then it goes by the geometric mean of the judge's two ratings, then by how
clearly the pixels do what the recipe says, then by how little the model's picture had drifted; of equals the
earlier try is kept. Nothing else is compared: whatever a pair must hold it holds already.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from iedf_assets.core.judging.verdicts import with_outcome
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import try_of_name

NOT_THE_BEST = "not_the_best"


class Merit(NamedTuple):
    """How good a pair is, for comparison with other tries of its slot.

    Attributes:
        accepted: by a person.
        rating: of the judge, 1 to 5; 0 of what nobody rated.
        effect: -1 to 1; 0 where it is not measured.
        drift: shift and zoom of the model's picture, as shares of the size, negative.
    """

    accepted: bool
    rating: float
    effect: float
    drift: float


def merit_of(scores: Mapping[str, float | None], review: str | None = None) -> Merit:
    """How good a pair is, by its scores and what a person says of it."""
    drift = (scores.get("raw_shift") or 0.0) + (scores.get("raw_zoom") or 0.0)
    return Merit(review == "accept", rating_of(scores), scores.get("effect") or 0.0, -drift)


def rating_of(scores: Mapping[str, float | None]) -> float:
    """The geometric mean of the judge's ratings, 1 to 5; 0 of what nobody rated."""
    followed, preserved = scores.get("judge_instruction"), scores.get("judge_preservation")
    return math.sqrt(followed * preserved) if followed and preserved else 0.0


def best_of(tries: Mapping[str, Row], pairs: Mapping[str, Row]) -> dict[str, Row]:
    """The verdicts on a slot's tries with at most one that is published, the best; the others say why not.

    Args:
        tries: verdicts by name, in the order of the tries.
        pairs: rows of edit_pairs by key.
    """
    merits = {
        name: merit_of(pairs[row["pair_key"]]["scores"], row["review"])
        for name, row in tries.items()
        if row["status"] == "published" and row["pair_key"] in pairs
    }
    if len(merits) < 2:
        return dict(tries)
    best = max(merits, key=lambda name: merits[name])
    return {
        name: with_outcome(row, "rejected", NOT_THE_BEST, _why(merits, name, best))
        if name in merits and name != best
        else row
        for name, row in tries.items()
    }


def _why(merits: Mapping[str, Merit], name: str, best: str) -> str:
    own, others = merits[name], merits[best]
    number = try_of_name(best)[1]
    for field in Merit._fields:
        mine, theirs = getattr(own, field), getattr(others, field)
        if mine != theirs:
            return f"it passed, but try {number} is better: {field} {theirs:.3g} against {mine:.3g}"
    return f"it passed, but try {number} is as good"
