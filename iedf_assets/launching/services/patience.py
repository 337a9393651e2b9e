"""Waiting while no service can be used: for how long, and when somebody is told of it."""

import time
from collections.abc import Callable

from iedf_assets.launching.services.errors import ServiceDownError

# So long nobody is told, and then so often.
HUSH_S, TELL_S = 1.0, 30.0


class Patience:
    """How long one waits for any service to come back. The wait begins at once, until `end`.

    Args:
        kind: `layered` or `edit`.
        limit_s: of a wait, seconds.
        tell: is told, in a sentence, that one waits.
    """

    def __init__(self, kind: str, limit_s: float, tell: Callable[[str], None]) -> None:
        self._kind, self._limit_s, self._tell = kind, limit_s, tell
        self._since, self._told_at = time.monotonic(), 0.0

    def end(self) -> None:
        """One is back."""
        self._since = 0.0

    def wear(self, problems: str) -> None:
        """None is there, still.

        Args:
            problems: of all, in words.

        Raises:
            ServiceDownError: it has been too long.
        """
        now = time.monotonic()
        self._since = self._since or now
        down_s, limit = now - self._since, self._limit_s
        if down_s >= limit:
            raise ServiceDownError(
                f"no {self._kind} service could be used for {limit:.0f} s ({problems})",
                f"start it (iedf serve {self._kind}) or correct workers.*.endpoints, then run again: "
                "what is finished is kept",
            )
        if down_s > HUSH_S and now - self._told_at > TELL_S:
            self._told_at = now
            left = limit - down_s
            self._tell(f"waiting for the {self._kind} service, {left:.0f} s more at most ({problems})")
