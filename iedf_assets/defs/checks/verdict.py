"""What an asset check found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

from iedf_assets.defs.metadata import Metadata


class Case(NamedTuple):
    """One thing that is wrong.

    Attributes:
        subject: what it is wrong with: a sample, a photo, a category.
        finding: what is wrong, with figures.
        pictures: files that show it, from left to right; one that is not there is shown as such.
    """

    subject: str
    finding: str
    pictures: tuple[Path, ...] = ()


@dataclass
class Verdict:
    """What a check found.

    Attributes:
        looked_at: how many things it looked at.
        cases: what is wrong, worst first.
        more: further metadata: thresholds, and the worst of what was measured.
        left_out: what it could not look at now, and why.
    """

    looked_at: int
    cases: list[Case] = field(default_factory=list)
    more: Metadata = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """What was found, in a sentence."""
        left_out = "".join(f" Not looked at: {what}." for what in self.left_out)
        if not self.cases:
            return f"All is well with the {self.looked_at} looked at.{left_out}"
        first, others = self.cases[0], len(self.cases) - 1
        more = f" {others} more." if others else ""
        return f"{first.subject}: {first.finding}.{more} {self.looked_at} looked at.{left_out}"


def together(verdicts: Mapping[str, Verdict]) -> Verdict:
    """One verdict of those on several categories; its cases name theirs, the worst of each first."""
    named = (
        [case._replace(subject=f"{name}: {case.subject}") for case in verdict.cases]
        for name, verdict in verdicts.items()
    )
    return Verdict(
        sum(verdict.looked_at for verdict in verdicts.values()),
        [case for case in chain.from_iterable(zip_longest(*named)) if case],
        {f"findings in {name}": len(verdict.cases) for name, verdict in verdicts.items()},
    )
