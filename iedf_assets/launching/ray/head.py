"""A cluster's head: jobs are put to it and asked after, again and again while it is away."""

from collections.abc import Callable
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from iedf_assets.core.errors import WorkerError

# So long a cluster's head may be away, for its restart, say.
AWAY_S = 120.0
# What Ray's client raises for a head that does not answer; a wrong question is a RuntimeError too.
_AWAY = (ConnectionError, OSError, RuntimeError)


def connect(address: str) -> Any:
    """A client of a cluster's jobs.

    Raises:
        WorkerError: Ray is not installed here, or the cluster does not answer.
    """
    try:
        from ray.job_submission import JobSubmissionClient  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise WorkerError(
            "the launcher ray needs the package ray, which is not installed",
            "pip install -c constraints.txt '.[ray]'",
        ) from error
    try:
        return JobSubmissionClient(address)
    except Exception as error:
        raise WorkerError(
            f"the Ray cluster at {address} does not answer: {error}",
            "start it (ray start --head), or correct workers.*.ray.address; docs/ray.md says how",
        ) from error


class Head:
    """A head, as one job asks it. Every question raises a WorkerError when the head does not come back.

    Args:
        client: of `connect`.
        warn: is told, once for each question, that it is away.
        meanwhile: is called before each time it is asked again.
    """

    def __init__(
        self, client: Any, address: str, warn: Callable[[str, object], None], meanwhile: Callable[[], None]
    ) -> None:
        self._client, self._address, self._warn, self._meanwhile = client, address, warn, meanwhile

    def submit(self, job_id: str, **job: Any) -> None:
        """Put a job on the cluster; asked again after a lost answer, it is there already."""

        def submit() -> None:
            try:
                self._client.submit_job(submission_id=job_id, **job)
            except RuntimeError as error:
                if "already exists" not in str(error):
                    raise

        self._ask(submit)

    def status(self, job_id: str) -> str:
        """A job's status, as Ray names it."""
        return str(self._ask(self._client.get_job_status, job_id).value)

    def end(self, job_id: str) -> tuple[int | None, str]:
        """An ended job's exit code, if it had one, and the end of its log."""
        info = self._ask(self._client.get_job_info, job_id)
        return info.driver_exit_code, str(info.message or "").strip()[-1500:]

    def stop(self, job_id: str) -> None:
        """Ask it to end a job."""
        self._ask(self._client.stop_job, job_id)

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        retrying = Retrying(
            retry=retry_if_exception_type(_AWAY),
            stop=stop_after_delay(AWAY_S),
            wait=wait_exponential(multiplier=0.5, max=5),
            before_sleep=self._wait,
            reraise=True,
        )
        try:
            return retrying(question, *arguments)
        except _AWAY as error:
            raise WorkerError(
                f"the Ray cluster at {self._address} does not answer any more: {error}",
                "what is finished is kept; run again when it is back",
            ) from error

    def _wait(self, state: RetryCallState) -> None:
        self._meanwhile()
        if state.attempt_number == 1 and state.outcome is not None:
            message = "the Ray cluster does not answer, it is asked again: %s"
            self._warn(message, state.outcome.exception())
