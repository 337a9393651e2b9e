"""What a failed check says in figures: each measured value beside the limit that it does not hold."""

from collections.abc import Collection, Mapping

from iedf_assets.core.judging.pair_checks import Bound, bounds_of, holds
from iedf_assets.core.profile.subtypes import Tier
from iedf_assets.core.profile.thresholds import Thresholds


def told(check: str, scores: Mapping[str, float | None], tier: Tier, thresholds: Thresholds) -> str:
    """A failed check with its figures, such as `seam 2.61 > 2.1` or `drift: zoom 0.02 > 0.001`.

    A check without bounds, or whose bounds all hold, is its name alone.
    """
    bounds = [(bound, limit) for bound, limit in bounds_of(tier, thresholds) if bound.check == check]
    figures = [
        _figure(bound, scores.get(bound.score), limit)
        for bound, limit in bounds
        if not holds(bound, scores, limit)
    ]
    if not figures:
        return check
    if len(bounds) == 1:
        return f"{check} {figures[0]}"
    names = (bound.limit[4:] for bound, limit in bounds if not holds(bound, scores, limit))
    return f"{check}: " + ", ".join(f"{name} {figure}" for name, figure in zip(names, figures, strict=True))


class Extremes:
    """The scores nearest to their limits, or furthest beyond them, of many samples of a tier."""

    def __init__(self, tier: Tier, thresholds: Thresholds) -> None:
        self._bounds = list(bounds_of(tier, thresholds))
        self._worst: dict[str, float] = {}

    def see(self, scores: Mapping[str, float | None]) -> None:
        """Take a sample's scores into account."""
        for bound, _ in self._bounds:
            value = scores.get(bound.score)
            if value is not None:
                worse = min if _is_lower(bound) else max
                self._worst[bound.limit] = worse(value, self._worst.get(bound.limit, value))

    def of(self, checks: Collection[str]) -> dict[str, float]:
        """The limits of some checks by their keys, and the worst that was measured, as `worst_seam`.

        Where a score has two limits, the second one's is named in full: `worst_max_mask_share`.
        """
        limits, worst = {}, {}
        for bound, limit in self._bounds:
            if bound.check in checks:
                limits[bound.limit] = limit
                if bound.limit in self._worst:
                    short = f"worst_{bound.limit[4:]}"
                    name = f"worst_{bound.limit}" if short in worst else short
                    worst[name] = round(self._worst[bound.limit], 4)
        return limits | worst


def _is_lower(bound: Bound) -> bool:
    return bound.limit.startswith("min_")


def _figure(bound: Bound, value: float | None, limit: float) -> str:
    if value is None:
        return "not measured"
    return f"{value:.4g} {'<' if _is_lower(bound) else '>'} {limit}"
