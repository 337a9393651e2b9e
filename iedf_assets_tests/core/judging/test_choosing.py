"""Which of a slot's tries is the best."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from iedf_assets.core.judging.choosing import NOT_THE_BEST, best_of, merit_of

RATINGS = st.integers(1, 5)


def verdicts(*statuses: str) -> dict[str, dict[str, Any]]:
    rows = {}
    for number, status in enumerate(statuses, 1):
        name = "s/delete/0" + (f"/{number}" if number > 1 else "")
        rows[name] = {"status": status, "pair_key": name, "review": None, "reason": None}
    return rows


@given(st.lists(st.tuples(RATINGS, RATINGS), min_size=1, max_size=6))
def test_one_try_is_published_and_none_is_rated_higher(ratings: list[tuple[int, int]]) -> None:
    tries = verdicts(*["published"] * len(ratings))
    pairs = {
        name: {"scores": {"judge_instruction": followed, "judge_preservation": preserved}}
        for name, (followed, preserved) in zip(tries, ratings, strict=True)
    }
    chosen = best_of(tries, pairs)
    (published,) = [name for name, row in chosen.items() if row["status"] == "published"]
    assert merit_of(pairs[published]["scores"]) == max(merit_of(pair["scores"]) for pair in pairs.values())
    others = [row for name, row in chosen.items() if name != published]
    assert all((row["status"], row["reason"]) == ("rejected", NOT_THE_BEST) for row in others)


def test_without_ratings_what_the_pixels_do_and_the_drift_decide_and_of_equals_the_first_stays() -> None:
    tries = verdicts("published", "rejected", "published", "published")
    scores: list[dict[str, float | None]] = [
        {"effect": 0.7, "raw_shift": 0.01},
        {"effect": 0.9},
        {"effect": 0.7, "raw_shift": 0.002},
        {"effect": 0.7, "raw_shift": 0.002},
    ]
    pairs = {name: {"scores": each} for name, each in zip(tries, scores, strict=True)}
    chosen = best_of(tries, pairs)
    assert [row["status"] for row in chosen.values()] == ["rejected", "rejected", "published", "rejected"]
    assert "drift" in chosen["s/delete/0"]["detail"]
    assert chosen["s/delete/0/4"]["detail"] == "it passed, but try 3 is as good"
    assert chosen["s/delete/0/2"] == tries["s/delete/0/2"]
