"""The Pipes client against real child processes under a real (ephemeral) Dagster instance."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import psutil
import pytest

from iedf_assets.core.errors import WorkerError
from iedf_assets.launching.pipes import WorkerClient

OPEN = "from dagster_pipes import open_dagster_pipes\nimport os, sys, time, subprocess\n"
GRANDCHILD = (
    "child = subprocess.Popen(['sleep', '300']); open(sys.argv[1], 'w').write(f'{os.getpid()} {child.pid}')\n"
)

Progress = list[tuple[int, int]]


def run_child(
    tmp_path: Path, body: str, silence_s: float = 30.0, *, echo: bool = False
) -> tuple[dg.ExecuteInProcessResult, Progress]:
    """Materialize an asset whose worker is a script of `body`."""
    script = tmp_path / "child.py"
    script.write_text(OPEN + textwrap.dedent(body))
    progress: Progress = []

    @dg.asset
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        WorkerClient(tmp_path / "child.log", tmp_path / "jobs" / "messages", echo=echo).run(
            context,
            [sys.executable, str(script), str(tmp_path / "pids")],
            extras={"greeting": "你好"},
            silence_s=silence_s,
            on_progress=lambda done, total: progress.append((done, total)),
        )
        return dg.MaterializeResult()

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([made], instance=instance, raise_on_error=False)
    assert not list((tmp_path / "jobs").iterdir())
    return result, progress


def failure(result: dg.ExecuteInProcessResult) -> str:
    assert not result.success
    error = next(event for event in result.all_events if event.is_step_failure).step_failure_data.error
    assert error
    assert error.cause or error.cls_name == WorkerError.__name__
    return (error.cause or error).message


def await_death(pids: list[int], patience_s: float = 10.0) -> None:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and any(is_alive(pid) for pid in pids):
        time.sleep(0.05)
    assert [pid for pid in pids if is_alive(pid)] == []


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition: Callable[[], bool], patience_s: float = 20.0) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_progress_and_messages_of_any_length_get_through(tmp_path: Path) -> None:
    result, progress = run_child(
        tmp_path,
        """
        with open_dagster_pipes() as pipes:
            assert pipes.get_extra("greeting") == "你好"
            for done in range(1, 4):
                pipes.log.info("x" * 300_000)
                pipes.report_custom_message({"progress": {"done": done, "total": 3}})
        """,
    )
    assert result.success, failure(result)
    assert progress == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("echo", [True, False])
def test_what_a_worker_prints_goes_to_the_runs_output_too_where_that_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], echo: bool
) -> None:
    body = 'print("hello from the worker", flush=True)'
    result, _ = run_child(tmp_path, body, echo=echo)
    assert ("hello from the worker" in capsys.readouterr().out) == echo
    assert "hello from the worker" in (tmp_path / "child.log").read_text()
    assert not result.success  # without its closing message


def test_an_error_of_the_worker_is_shown_with_the_end_of_its_output(tmp_path: Path) -> None:
    result, _ = run_child(tmp_path, "with open_dagster_pipes():\n    raise ValueError('no such model')")
    assert "exit code 1" in failure(result)
    assert "ValueError: no such model" in failure(result)


def test_a_worker_that_ends_without_its_closing_message_fails_the_step(tmp_path: Path) -> None:
    result, _ = run_child(tmp_path, "open_dagster_pipes()\nos._exit(0)")
    assert "without its closing message" in failure(result)


@pytest.mark.parametrize("message", ['{"method": "nonsense", "params": {}}', "no json", '["a list"]'])
def test_a_message_that_cannot_be_read_fails_the_step_and_later_ones_still_count(
    tmp_path: Path, message: str
) -> None:
    result, progress = run_child(
        tmp_path,
        f"""
        import base64, json, zlib
        params = json.loads(zlib.decompress(base64.b64decode(os.environ["DAGSTER_PIPES_MESSAGES"])))
        with open_dagster_pipes() as pipes:
            open(params["path"], "a").write({message!r} + "\\n")
            pipes.report_custom_message({{"progress": {{"done": 1, "total": 1}}}})
        """,
    )
    assert "a message that cannot be read" in failure(result)
    assert progress == [(1, 1)]


def test_a_missing_interpreter_names_the_profile_key(tmp_path: Path) -> None:
    @dg.asset
    def made(context: dg.AssetExecutionContext) -> None:
        client = WorkerClient(tmp_path / "log", tmp_path / "messages")
        client.run(context, ["/no/python"], extras={}, silence_s=1, on_progress=lambda _done, _total: None)

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([made], instance=instance, raise_on_error=False)
    assert "workers.*.environment" in failure(result)


@pytest.mark.slow
def test_a_silent_worker_is_stopped_with_all_its_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iedf_assets.launching.pipes.GRACE_S", 0.2)
    body = (
        GRANDCHILD
        + "open_dagster_pipes()\nimport signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(300)"
    )
    result, _ = run_child(tmp_path, body, silence_s=1.5)
    assert "finished nothing for 2 s" in failure(result)
    await_death([int(pid) for pid in (tmp_path / "pids").read_text().split()])


PARENT = """
import sys, pathlib, dagster as dg
from iedf_assets.launching.pipes import WorkerClient
@dg.asset
def made(context: dg.AssetExecutionContext) -> None:
    WorkerClient(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[2] + ".messages")).run(
        context, [sys.executable, sys.argv[1], sys.argv[3]], extras={}, silence_s=60, on_progress=print)
dg.materialize([made], instance=dg.DagsterInstance.ephemeral())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        *(pytest.param(number, marks=pytest.mark.slow) for number in (signal.SIGTERM, signal.SIGINT)),
    ],
)
def test_nothing_is_left_running_when_the_orchestrator_is_ended(
    tmp_path: Path, number: signal.Signals
) -> None:
    child, pids = tmp_path / "child.py", tmp_path / "pids"
    body = GRANDCHILD + "from model_envs.worker import die_with_parent\ndie_with_parent()\n"
    child.write_text(OPEN + body + "open_dagster_pipes()\ntime.sleep(300)")
    arguments = [sys.executable, "-c", PARENT, str(child), str(tmp_path / "log"), str(pids)]
    # A shell that starts this in the background makes SIGINT ignored, which children inherit.
    parent = subprocess.Popen(
        arguments,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    try:
        wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        os.kill(parent.pid, number)
        await_death([parent.pid, *(int(pid) for pid in pids.read_text().split())], 15)
    finally:
        parent.kill()
        parent.wait()
