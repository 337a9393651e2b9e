"""Asking services whether they can be used, and whether they run what the profile says."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx

from iedf_assets.launching.services.replicas import UNTOLD, Replica, Replicas

CONNECT_S = 5.0
# How often a service that is down is asked whether it is back.
PROBE_S = 0.5


@dataclass(frozen=True)
class Expected:
    """What the profile says of a service.

    Attributes:
        identity: what of the backend and its model changes a picture, see `checkpoints.identity`.
        backend: its name, or the one that a service of others is to say.
        foreign: whether it is to be one of others, by that name.
    """

    identity: list[Any]
    backend: str
    foreign: bool = False


class Probe:
    """Looks after the replicas' `problem` and `info`.

    Args:
        expected: what the profile says: a service that says otherwise is not used.
        token_variable: where the profile has the token from, for the remedy.
    """

    def __init__(
        self, replicas: Replicas, client: httpx.AsyncClient, expected: Expected, token_variable: str
    ) -> None:
        self._replicas, self._client = replicas, client
        self._expected, self._token_variable = expected, token_variable

    async def watch(self, replica: Replica) -> None:
        """Ask a service that is down, again and again, whether it is back."""
        while True:
            if replica.problem is not None:
                replica.problem = await self._problem_of(replica)
                if replica.problem is None:
                    self._replicas.patience.end()
            await asyncio.sleep(PROBE_S)

    async def _problem_of(self, replica: Replica) -> str | None:
        """Why a service cannot be used; None when it can."""
        try:
            ready = await self._client.get(f"{replica.address}/readyz", timeout=CONNECT_S)
            told = ready.json()
            if ready.status_code != httpx.codes.OK:
                return f"not ready: {told.get('last_error') or 'it is loading'}"
            info = await self._client.get(f"{replica.address}/info", timeout=CONNECT_S)
        except (httpx.HTTPError, ValueError, AttributeError) as error:
            return f"{type(error).__name__} {error}".strip()
        if info.status_code == httpx.codes.UNAUTHORIZED:
            return self._refused(replica, "it wants a token", f"set {self._token_variable}")
        try:
            said = info.json() if info.status_code == httpx.codes.OK else {}
        except ValueError:
            said = {}
        said = said if isinstance(said, dict) else {}
        replica.info = said if {"service", "identity"} <= set(said) else {}
        replica.told = {} if replica.info else {**(told if isinstance(told, dict) else {}), **said}
        return self._mismatch(replica)

    def _mismatch(self, replica: Replica) -> str | None:
        """How a service differs from what the profile says; None when it does not."""
        info, kind = replica.info, self._replicas.kind
        if not info:
            return self._other(replica)
        if info["service"] != kind:
            remedy = "correct workers.*.endpoints"
            return self._refused(replica, f"it is the {info['service']} service", remedy)
        if info["identity"] != self._expected.identity:
            return self._refused(
                replica,
                f"it runs {_in_words(info['identity'])}, "
                f"the profile says {_in_words(self._expected.identity)}",
                "start the service with this profile (iedf serve --config), or correct the profile",
            )
        return None

    def _other(self, replica: Replica) -> str | None:
        """The same of a service of others; one that does not say what it runs is taken as not telling."""
        wanted = self._expected.backend
        if replica.backend in ({wanted} if self._expected.foreign else {wanted, UNTOLD}):
            return None
        return self._refused(
            replica,
            f"it is of another project and says that it runs {replica.backend}, the profile says {wanted}",
            f"correct workers.*.endpoints or backend; to take it under its own name, set "
            f"workers.*.service.foreign to {replica.backend}",
        )

    def _refused(self, replica: Replica, why: str, remedy: str) -> str:
        self._replicas.refuse(replica, why, remedy)
        return why


def _in_words(identity: list[Any]) -> str:
    return ", ".join(str(part) for part in identity)
