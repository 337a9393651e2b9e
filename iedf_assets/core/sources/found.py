"""A file as the scan saw it."""

from dataclasses import dataclass
from pathlib import Path

Problem = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """One file below a category's folder.

    Attributes:
        location: its path, absolute; as text, which takes a fifth of a Path's memory.
        name: its path relative to `data/`, in NFC, the category first; unique in its category.
        size: bytes.
        mtime_ns, ctime_ns: when its content, and anything about it, changed last; nanoseconds.
        problem: reason and detail when it is not to be opened.
        facts: what people say of it beside it, see `sources.facts`, as JSON text; None for nothing.
    """

    location: str
    name: str
    size: int
    mtime_ns: int
    ctime_ns: int
    problem: Problem | None = None
    facts: str | None = None

    @property
    def path(self) -> Path:
        """Where it lies, absolute."""
        return Path(self.location)

    def telling(self, facts: str | None) -> "Found":
        """The same file with its facts; faster than `replace`, for hundreds of thousands."""
        return Found(self.location, self.name, self.size, self.mtime_ns, self.ctime_ns, self.problem, facts)
