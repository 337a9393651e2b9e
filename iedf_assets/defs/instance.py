"""The Dagster instance of an outputs folder: set up by itself, and cleared of the runs of dead processes."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
import psutil
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.storage.files import write_text
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.ownership import claim_outputs

# Of which each runs one stage at a time, in whichever run.
POOLS = {"image_layers": "gpu_layered", "edited_images": "gpu_edit"}
OPENING_S = 60.0
_QUIET, _NO_LOGS = "command.yaml", NoOpComputeLogManager
WATCH_S = 5.0
CLOCK_S = 10.0
PROCESS_TAG = "iedf/process"
PARTITION_TAG = "dagster/partition"
_UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def prepare_home(layout: Layout, settings_file: Path = PROJECT_ROOT / "configs" / "dagster.yaml") -> None:
    """Make `<outputs>/dagster` this process's DAGSTER_HOME, with the instance's settings in it.

    Raises:
        ProfileError: the settings cannot be read.
        StorageError: the outputs are somebody else's folder.
    """
    try:
        settings = settings_file.read_text("utf-8")
    except OSError as error:
        raise ProfileError(
            f"the settings of the Dagster instance cannot be read: {error}", "correct paths.instance"
        ) from error
    claim_outputs(layout)
    path = layout.dagster_home / "dagster.yaml"
    if not path.exists() or path.read_text("utf-8") != settings:
        write_text(path, settings)
    os.environ["DAGSTER_HOME"] = str(layout.dagster_home)


def open_instance(layout: Layout, settings_file: Path) -> dg.DagsterInstance:
    """The instance of an outputs folder, cleared of the runs of dead processes.

    Raises:
        ProfileError: the settings cannot be read.
        StorageError: the outputs are somebody else's folder.
        LockedError: another process has been opening it for a minute.
    """
    prepare_home(layout, settings_file)
    # Two that open an empty database both make its tables, and one would meet half of them.
    with exclusive(layout.dagster_home / "opening.lock", subject="the Dagster instance", wait_s=OPENING_S):
        instance = _quiet_instance(layout.dagster_home)
        clear_dead_runs(instance)
        # On PostgreSQL, Dagster's own first use of a pool fails when two runs meet in it.
        storage = instance.event_log_storage
        for pool in set(POOLS.values()) - storage.get_concurrency_keys():
            storage.initialize_concurrency_limit_to_default(pool)
    return instance


def _quiet_instance(home: Path) -> dg.DagsterInstance:
    """The instance, for runs in this process: what they print is printed, and not gathered beside it.

    For that Dagster would start four processes for each step, which an interrupt has print tracebacks.
    """
    settings = (home / "dagster.yaml").read_text("utf-8")
    if "compute_logs:" not in settings:
        settings += f"\ncompute_logs: {{module: {_NO_LOGS.__module__}, class: {_NO_LOGS.__name__}}}\n"
    write_text(home / _QUIET, settings)
    return dg.DagsterInstance.from_config(str(home), _QUIET)


@contextmanager
def watching_for_dead_runs(instance: dg.DagsterInstance, held: str) -> Iterator[None]:
    """Clear dead runs every few seconds while the block runs, which may wait for a slot of their pools.

    Args:
        held: the category whose lock this process holds meanwhile.
    """
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(WATCH_S):
            # The database may be busy; there is a next time.
            with suppress(Exception):
                clear_dead_runs(instance, held)

    thread = threading.Thread(target=watch, name="dead-runs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def this_process() -> str:
    """Names this process beyond the reuse of process numbers: `host:pid:start time`."""
    return _process_name(os.getpid())


def clear_dead_runs(instance: dg.DagsterInstance, held: str | None = None) -> list[str]:
    """Mark runs failed whose process is gone, and hand on the pool slots of those that ended.

    Of processes on other machines nothing can be known; but a run of a category holds its lock, so whoever
    has that lock has outlived the others. All other runs of other machines are left alone.

    A run that Dagster itself saw die keeps its slots until a daemon frees them, and there may be none.

    Args:
        held: a category whose lock this process holds.

    Returns:
        The ids of those runs.
    """
    dead = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY)):
        name = run.tags.get(PROCESS_TAG)
        if name is None or not _is_over(name, run.tags.get(PARTITION_TAG), held):
            continue
        instance.report_run_failed(run, f"Its process ({name}) is gone. What it finished is kept; run again.")
        dead.append(run.run_id)
    storage = instance.event_log_storage
    for pool in storage.get_concurrency_keys():
        info = storage.get_concurrency_info(pool)
        claimed = {slot.run_id for slot in info.claimed_slots}
        for run_id in claimed | {step.run_id for step in info.pending_steps}:
            holder = instance.get_run_by_id(run_id)
            if holder is None or holder.is_finished:
                storage.free_concurrency_slots_for_run(run_id)
        # Where Dagster queues steps itself: SQLite and PostgreSQL both do.
        if isinstance(storage, SqlEventLogStorage):
            _give_free_slots(storage, pool)
    return dead


def _give_free_slots(storage: SqlEventLogStorage, pool: str) -> None:
    """Give free slots to waiting steps.

    Dagster gives a slot away when it becomes free. A step that asked just before, and is queued just after,
    would wait for the next one for ever.
    """
    info = storage.get_concurrency_info(pool)
    free = info.slot_count - info.assigned_step_count
    storage.assign_pending_steps([pool] * max(0, min(free, info.pending_step_count)))


def _process_name(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{psutil.Process(pid).create_time():.2f}"


def _is_over(name: str, category: str | None, held: str | None) -> bool:
    """Whether the process of a category's run can be alive no more; see `clear_dead_runs`."""
    host, pid, born = name.rsplit(":", 2)
    if host != socket.gethostname():
        return category is not None and category == held
    try:
        process = psutil.Process(int(pid))
        # When a process was born follows from when the machine was started, which moves as the clock is set.
        is_another = abs(process.create_time() - float(born)) > CLOCK_S
        # One that nobody has waited for runs no more.
        return is_another or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
