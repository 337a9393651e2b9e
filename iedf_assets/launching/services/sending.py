"""Sending one request: to whom, again after what, and what an answer that is no success means."""

from typing import Any

import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from iedf_assets.core.errors import SourceError
from iedf_assets.core.profile.workers import ServiceClient
from iedf_assets.launching.services.replicas import Replica, Replicas

# Waits between tries grow to this, seconds.
MAX_BACKOFF_S = 60.0


class _RetriableError(Exception):
    """A request that may go through when it is sent again."""


class Sender:
    """Sends requests to whichever replica has least to do."""

    def __init__(self, replicas: Replicas, client: httpx.AsyncClient, options: ServiceClient) -> None:
        self._replicas, self._client, self._options = replicas, client, options

    async def send(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            SourceError: a service says that this one cannot be made, it took too long, or trouble of the
                connection stayed.
            ServiceDownError: no service can be used.
        """
        options = self._options
        waits = wait_exponential_jitter(
            multiplier=options.backoff_sec, max=MAX_BACKOFF_S, jitter=options.backoff_sec
        )
        tries = AsyncRetrying(
            stop=stop_after_attempt(options.max_retries + 1),
            wait=waits,
            retry=retry_if_exception_type(_RetriableError),
            reraise=True,
        )
        try:
            return dict(await tries(self._once, route, body))
        except _RetriableError as error:
            raise SourceError("service_unreachable", str(error)) from error

    async def _once(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        while True:
            replica = await self._replicas.pick()
            status, told = await self._answer(replica, route, body)
            if status == httpx.codes.OK:
                return dict(told)
            if status != httpx.codes.TOO_MANY_REQUESTS:
                self._fail(replica, status, told)
            # It lives and is busy, with others' work perhaps: that uses up no try.
            replica.rest()

    async def _answer(self, replica: Replica, route: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and body of what a service answers."""
        replica.under_way += 1
        try:
            answer = await self._client.post(f"{replica.address}{route}", json=body)
            return answer.status_code, answer.json()
        except httpx.ReadTimeout as error:
            limit = self._options.timeout_sec
            raise SourceError("service_timeout", f"no answer within {limit:g} s") from error
        except (httpx.HTTPError, ValueError) as error:
            replica.problem = f"{type(error).__name__} {error}".strip()
            raise _RetriableError(f"{replica.address}: {replica.problem}") from error
        finally:
            replica.under_way -= 1

    def _fail(self, replica: Replica, status: int, told: Any) -> None:
        """Raise what an answer that is no success means."""
        detail = told.get("detail") if isinstance(told, dict) else None
        code, message = (
            (detail.get("code"), detail.get("message")) if isinstance(detail, dict) else (None, told)
        )
        text = f"{replica.address} answered {status}: {message}"[:500]
        if status in {502, 503}:
            replica.problem = text
            raise _RetriableError(text)
        if status in {401, 403}:
            self._replicas.refuse(replica, str(message), f"set {self._options.token_variable}")
            raise _RetriableError(text)
        raise SourceError(str(code or "infer_failed"), text)
