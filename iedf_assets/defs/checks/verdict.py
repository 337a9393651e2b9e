"""What an asset check found."""

from dataclasses import dataclass, field

from iedf_assets.defs.metadata import Metadata


@dataclass
class Verdict:
    """What a check found.

    Attributes:
        looked_at: how many things it looked at.
        cases: what is wrong, worst first: (subject, what is wrong).
        more: further metadata, thresholds for instance.
    """

    looked_at: int
    cases: list[tuple[str, str]] = field(default_factory=list)
    more: Metadata = field(default_factory=dict)
