"""Errors of ours as the UI shows them best: the problem first, the remedy beside it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import httpx

from iedf_assets.core.errors import FactoryError, is_lasting, of_system
from iedf_assets.core.profile.schema import Profile

ANSWER_S, RETRY_S = 10.0, 5


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn an error of ours, and what the system refuses for good, into a `dagster.Failure`, not retried."""
    try:
        yield
    except FactoryError as error:
        raise _failure(error) from error
    except OSError as error:
        if not is_lasting(error):
            raise
        refused = of_system(error)
        raise _failure(refused) from refused


def _failure(error: FactoryError) -> dg.Failure:
    metadata = {"remedy": error.remedy} if error.remedy else {}
    return dg.Failure(error.problem, metadata, allow_retries=False)


@contextmanager
def retried_when_busy() -> Iterator[None]:
    """Have a step tried once more whose disk or database was busy.

    No retry policy of Dagster's does, for that would take an interrupt for an error and begin again.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise dg.RetryRequested(max_retries=1, seconds_to_wait=RETRY_S) from error


def build_failure_sensor(profile: Profile) -> dg.SensorDefinition:
    """A sensor that tells the profile's webhook of each run that failed; on where the profile has one."""
    webhook = profile.automation.webhook
    status = dg.DefaultSensorStatus.RUNNING if webhook else dg.DefaultSensorStatus.STOPPED

    @dg.run_failure_sensor(
        name="on_failure",
        default_status=status,
        description="Sends a JSON message of each run that failed to `automation.webhook` of the profile.",
    )
    def on_failure(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        message = {
            "text": f"{run.job_name} failed: {context.failure_event.message}",
            "run": run.run_id,
            "job": run.job_name,
            "category": run.tags.get("dagster/partition"),
        }
        if webhook is None:
            context.log.info("no automation.webhook to tell: %s", message["text"])
            return
        try:
            httpx.post(webhook, json=message, timeout=ANSWER_S).raise_for_status()
        except httpx.HTTPError as error:
            # Its address may hold a secret.
            context.log.warning("the webhook did not take it (%s): %s", type(error).__name__, message["text"])

    return on_failure
