"""What an export holds, counted: for its card, and for what is said of it at the end."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.exporting.grid import is_kept
from iedf_assets.core.sources.licences import UNKNOWN, allowed_by

# Up to which share of the picture an object is of a size.
_SIZES = ((0.05, "small"), (0.2, "medium"), (1.0, "large"))


@dataclass
class Counts:
    """Samples, by what they are.

    Attributes:
        splits, kinds, sizes, tiers, makers, licences: by split, by `task/subtype`, by the mask's share of the
            picture, by tier, by backend and model, by the photo's licence.
        bytes: by split, of the files that they come from.
        resampled: how many have a size that trainers resample.
    """

    splits: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    tiers: Counter[str] = field(default_factory=Counter)
    makers: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    resampled: int = 0

    @property
    def licence(self) -> str:
        """The one licence of all photos as the Hub spells it; `other` for several, `unknown` where one is."""
        if UNKNOWN in self.licences or any(allowed_by(name) == "nothing" for name in self.licences):
            return UNKNOWN
        return next(iter(self.licences)).lower() if len(self.licences) == 1 else "other"

    @property
    def samples(self) -> int:
        """All of them."""
        return self.splits.total()


def counted(examples: Iterable[Example]) -> Counts:
    """Count samples."""
    counts = Counts()
    for example in examples:
        metadata = example.entry["metadata"]
        counts.splits[example.split] += 1
        counts.kinds[f"{example.sample.task}/{example.sample.subtype}"] += 1
        counts.sizes[_size_of(json.loads(example.scores).get("mask_share"))] += 1
        counts.tiers[example.entry["tier"]] += 1
        counts.makers[" ".join(filter(None, (metadata["backend"], metadata["model_revision"])))] += 1
        counts.licences[metadata["photo_licence"] or UNKNOWN] += 1
        counts.bytes[example.split] += example.bytes
        counts.resampled += not is_kept(metadata["width"] or 0, metadata["height"] or 0)
    return counts


def _size_of(share: float | None) -> str:
    if share is None:
        return "unknown"
    return next(name for bound, name in _SIZES if share <= bound)
