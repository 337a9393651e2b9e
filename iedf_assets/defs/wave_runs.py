"""Runs of the factory's job in this process, recorded in the Dagster instance of the outputs."""

import gc
import re
from pathlib import Path
from typing import Any

import dagster as dg

from iedf_assets.core.errors import FactoryError, of_system
from iedf_assets.core.memory import give_back
from iedf_assets.core.profile.fields import absolute
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.build import build_defs
from iedf_assets.defs.category_loop import Listener
from iedf_assets.defs.instance import open_instance
from iedf_assets.defs.jobs import FACTORY
from iedf_assets.defs.telling.run_log import FILE_LOGGER

# What the system refused, as Python says it; and how much is told of what nobody foresaw, letters.
_OF_SYSTEM = re.compile(r"\[Errno (\d+)\] ([^:\n]+)(?:: '(.+?)')?")
_TOLD = 500
# Dagster's console log would drown the progress; everything is in the event log.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class InProcessWaves:
    """Takes waves through the job `factory`, one run each. Clears the runs of dead processes first.

    Args:
        log: the file that gets what the runs tell, see `launching.run_log`; None for none.
    """

    def __init__(self, profile: Profile, listener: Listener, log: Path | None = None) -> None:
        self._instance = open_instance(Layout.of(profile), absolute(profile.paths.instance))
        self._config = _QUIET if log is None else {"loggers": {FILE_LOGGER: {"config": {"path": str(log)}}}}
        self._job = build_defs(profile, listener=listener).resolve_job_def(FACTORY)

    def run(self, category: str) -> None:
        """Run one wave.

        Raises:
            FactoryError: the run did not succeed; says which stage and why.
            KeyboardInterrupt: it was interrupted.
        """
        try:
            result = self._job.execute_in_process(
                instance=self._instance, partition_key=category, run_config=self._config, raise_on_error=False
            )
        finally:
            # A run leaves cycles behind, and in them its database connections with their caches: they would
            # stay, several runs' worth, until Python happens to look at its oldest objects.
            gc.collect()
            give_back()
        if not result.success:
            errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
            # Dagster takes an interrupt for a failure of the step that it hits.
            if any(
                error and error.cls_name == dg.DagsterExecutionInterruptedError.__name__ for error in errors
            ):
                raise KeyboardInterrupt
            raise FactoryError(_failure_of(result))


def _failure_of(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            told = _root_of(event.step_failure_data.error)
            return f"{event.step_key} failed: {told or event.message}"
    failure = next((event for event in result.all_events if event.is_run_failure), None)
    if failure is None:
        return f"the run {result.run_id} did not succeed"
    # What a resource could not begin with, such as a lock that another run holds.
    return _root_of(failure.job_failure_data.error) or str(failure.message)


def _root_of(error: Any) -> str:
    """What an error of Dagster's events came from, without the words around it; empty for none."""
    if error is None:
        return ""
    while error.cause is not None:
        error = error.cause
    said = str(error.message).strip()
    # Errors of ours say all by themselves; Dagster puts the class before it.
    if ours := re.match(rf"iedf_assets\.[\w.]+\.{error.cls_name}: ", said):
        return said[ours.end() :]
    if system := _OF_SYSTEM.search(said):
        return str(of_system(OSError(int(system[1]), system[2], system[3])))
    full = "database or disk is full" in said
    remedy = "free space, then run again" if full else "report it with the log of this run"
    return str(FactoryError(said[:_TOLD], f"{remedy}: what is finished is kept"))
