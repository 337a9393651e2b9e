"""Asking services whether they can be used, and whether they run what the profile says."""

import asyncio
from typing import Any

import httpx

from iedf_assets.launching.services.replicas import Replica, Replicas

CONNECT_S = 5.0
# How often a service that is down is asked whether it is back.
PROBE_S = 0.5


class Probe:
    """Looks after the replicas' `problem` and `info`.

    Args:
        expected: what of the backend and its model changes a picture, see `checkpoints.identity`: a service
            that says otherwise is not used.
        token_variable: where the profile has the token from, for the remedy.
    """

    def __init__(
        self, replicas: Replicas, client: httpx.AsyncClient, expected: list[Any], token_variable: str
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
        replica.info = info.json() if info.status_code == httpx.codes.OK else {}
        return self._mismatch(replica)

    def _mismatch(self, replica: Replica) -> str | None:
        """How a service differs from what the profile says; None when it does not, or is of others."""
        info, kind = replica.info, self._replicas.kind
        if not info:
            return None
        if info["service"] != kind:
            remedy = "correct workers.*.endpoints"
            return self._refused(replica, f"it is the {info['service']} service", remedy)
        if info["identity"] != self._expected:
            return self._refused(
                replica,
                f"it runs {_in_words(info['identity'])}, the profile says {_in_words(self._expected)}",
                "start the service with this profile (iedf serve --config), or correct the profile",
            )
        return None

    def _refused(self, replica: Replica, why: str, remedy: str) -> str:
        self._replicas.refuse(replica, why, remedy)
        return why


def _in_words(identity: list[Any]) -> str:
    return ", ".join(str(part) for part in identity)
