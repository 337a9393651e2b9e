"""What an export holds, counted: for its card, and for what is said of it at the end."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pydantic_core import from_json

from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.exporting.grid import is_kept
from iedf_assets.core.exporting.samples import Head
from iedf_assets.core.publishing.coverage import size_of
from iedf_assets.core.sources.licences import AND, UNKNOWN, allowed_by

# Which of the licences that are known here are on the list of the Hub.
_ON_THE_HUB = re.compile(
    r"cc0-1\.0|cc-by-(2\.0|2\.5|3\.0|4\.0)|cc-by-sa-[34]\.0|cc-by-nc(-sa)?-[234]\.0|mit|apache-2\.0|"
    r"bsd-[23]-clause|isc|unlicense|wtfpl|cdla-permissive-[12]\.0|cdla-sharing-1\.0|etalab-2\.0"
)


@dataclass
class Counts:
    """Samples, by what they are.

    Attributes:
        splits, kinds, sizes, tiers, makers, licences: by split, by `task/subtype`, by the mask's share of the
            picture, by tier, by backend and model, by its photos' licences.
        bytes: by split, of the files that they come from.
        resampled: how many have a size that trainers resample.
        chains, chain_bytes: chains by split, and the bytes of their files.
        turns: how many turns chains have, and which splits those are of.
    """

    splits: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    tiers: Counter[str] = field(default_factory=Counter)
    makers: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    resampled: int = 0
    chains: Counter[str] = field(default_factory=Counter)
    chain_bytes: Counter[str] = field(default_factory=Counter)
    turns: dict[int, set[str]] = field(default_factory=dict)

    @property
    def licence(self) -> str:
        """The one licence of all photos as the Hub spells it; `other` for several, `unknown` where one is.

        The Hub takes no card with a licence that it does not know.
        """
        names = list({name for told in self.licences for name in told.split(AND)}) or [UNKNOWN]
        if any(allowed_by(name) == "nothing" for name in names):
            return UNKNOWN
        return names[0].lower() if len(names) == 1 and _ON_THE_HUB.fullmatch(names[0].lower()) else "other"

    @property
    def samples(self) -> int:
        """All of them."""
        return self.splits.total()

    def passing(self, examples: Iterable[Example]) -> Iterator[Example]:
        """Samples, each counted as it passes."""
        for example in examples:
            self._add(example)
            yield example

    def _add(self, example: Example) -> None:
        metadata = example.entry["metadata"]
        self.splits[example.split] += 1
        self.kinds[f"{example.sample.task}/{example.sample.subtype}"] += 1
        share = from_json(example.scores).get("mask_share")
        self.sizes["unknown" if share is None else size_of(share)] += 1
        self.tiers[example.entry["tier"]] += 1
        self.makers[" ".join(filter(None, (metadata["backend"], metadata["model_revision"])))] += 1
        self.licences[example.licences] += 1
        self.bytes[example.split] += example.bytes
        self.resampled += not is_kept(metadata["width"] or 0, metadata["height"] or 0)

    def add_chains(self, chains: Iterable[Head]) -> None:
        """Count chains of them."""
        for chain in chains:
            self.chains[chain.split] += 1
            self.chain_bytes[chain.split] += chain.bytes
            self.turns.setdefault(len(chain.places), set()).add(chain.split)
