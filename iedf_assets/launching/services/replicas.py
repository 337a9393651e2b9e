"""The services of a stage, replicas of one another: which are up, and whose turn it is."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from iedf_assets.core.profile.workers import SYNONYMS
from iedf_assets.launching.services.errors import ServiceDownError
from iedf_assets.launching.services.patience import Patience

# A service of others does not tell its queue; so many requests keep it busy.
UNKNOWN_PLACES = 2
# What made a picture, where a service of others does not say what it runs.
UNTOLD = "unknown"
BUSY_S = 0.2
_PICK_S = 0.05


@dataclass(eq=False)
class Replica:
    """One service.

    Attributes:
        info: what `/info` said; empty for a service of others, which has none of our form.
        told: what a service of others says of itself, by `/readyz` and perhaps an `/info` of its own.
        problem: why it is down; None while it is up.
        under_way: requests sent to it and not answered.
        resting_until: its queue was full; nothing is sent before this moment.
    """

    address: str
    info: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    problem: str | None = "not asked yet"
    under_way: int = 0
    resting_until: float = 0.0

    @property
    def places(self) -> int:
        """How many requests at once keep it busy."""
        if not self.info:
            return UNKNOWN_PLACES
        return int(self.info["max_concurrency"] + max(1, self.info["max_queue"] // 2))

    @property
    def backend(self) -> str:
        """What a service of others says that it runs, by the names that backends have here."""
        name = self.told.get("backend")
        return SYNONYMS.get(name, name) if isinstance(name, str) and name else UNTOLD

    @property
    def revision(self) -> str | None:
        """Of the model that a service of others says that it runs; None where it does not say."""
        told = self.told.get("revision") or self.told.get("model_revision") or self.told.get("model")
        return told[:64] if isinstance(told, str) else None

    def rest(self) -> None:
        """Send it nothing for a moment."""
        self.resting_until = time.monotonic() + BUSY_S


class Replicas:
    """All services of a stage.

    Args:
        kind: `layered` or `edit`.
        endpoints: their addresses.

    Attributes:
        patience: with which one waits while none is up.
    """

    def __init__(self, kind: str, endpoints: tuple[str, ...], patience: Patience) -> None:
        self.kind, self.patience = kind, patience
        self.all = [Replica(address) for address in endpoints]
        self._fatal: ServiceDownError | None = None

    @property
    def up(self) -> list[Replica]:
        """Those that can be used."""
        return [replica for replica in self.all if replica.problem is None]

    def refuse(self, replica: Replica, why: str, remedy: str) -> None:
        """Use no service any more, since one of them never can be: somebody has to correct it."""
        problem = f"the {self.kind} service at {replica.address} cannot be used: {why}"
        self._fatal = ServiceDownError(problem, remedy)

    async def pick(self) -> Replica:
        """The service that is up and has least to do; waits while there is none.

        Raises:
            ServiceDownError: there was none for too long, or one was refused.
        """
        while True:
            if self._fatal:
                raise self._fatal
            now, up = time.monotonic(), self.up
            rested = [replica for replica in up if replica.resting_until <= now]
            if rested:
                return min(rested, key=lambda replica: replica.under_way)
            if not up:
                self.patience.wear("; ".join(f"{one.address}: {one.problem}" for one in self.all))
            await asyncio.sleep(_PICK_S)
