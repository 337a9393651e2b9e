"""The launcher `service`: a stage's requests made by running services, with the stage's own journal."""

import base64
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from iedf_assets.core.contract import EditRequest, LayerRequest
from iedf_assets.core.errors import StorageError
from iedf_assets.core.pictures.layers import files_of
from iedf_assets.core.pictures.photos import MAX_FILE_BYTES
from iedf_assets.core.profile.workers import Worker
from iedf_assets.core.storage.files import place_file
from iedf_assets.core.storage.item_loop import run_requests
from iedf_assets.core.storage.journal import Journal, Row, journal_size, read_journal
from iedf_assets.launching.deaths import ModelRequest
from iedf_assets.launching.services.errors import ServiceDownError
from iedf_assets.launching.services.pool import ServicePool
from iedf_assets.launching.side_by_side import side_by_side
from iedf_assets.launching.stage_work import StageWork
from iedf_assets.launching.subprocess_launcher import launch_processes
from model_envs.services.translating import edit_by_contract, layers_by_contract


def launch_through_services(work: StageWork) -> None:
    """Have services make everything; the profile's fallback makes what they leave when none comes back.

    Raises:
        ServiceDownError: no service can be used, and there is no fallback; rows finished before are kept.
        SystematicError: see `run_requests`.
    """
    start = journal_size(work.journal)
    try:
        # On a thread of its own, so that an interruption of this one ends what is under way.
        side_by_side([lambda stop: _work_off(work, stop)])
    except ServiceDownError as error:
        fallback = work.worker.service.fallback
        if fallback is None:
            raise
        finished = {row.get("key") for row in read_journal(work.journal, start)}
        left = [request for request in work.requests if request.key not in finished]
        work.context.log.warning("%s; the fallback %s makes %d", error.problem, fallback, len(left))
        own = {"launcher": "subprocess", "backend": fallback, "environment": None, "devices": ()}
        worker = work.worker.model_copy(update=own)
        launch_processes(replace(work, worker=worker, requests=left, budget_s=None))


def _work_off(work: StageWork, stop: threading.Event) -> None:
    """Have services make everything; gives up what is under way when `stop` is set."""
    worker, log = work.worker, work.context.log
    pool = ServicePool.of(work.stage, worker, tell=log.warning, stop=stop)
    with pool, Journal(work.journal) as journal:
        places = pool.places()
        log.info("services: %s, %d requests at once", ", ".join(worker.endpoints), places)
        run_requests(
            work.of_models,
            _Remote(pool, worker, work.run).make,
            journal,
            threads=worker.service.parallel or places,
            max_failures_in_a_row=worker.max_failures_in_a_row,
            report=work.report,
            budget_s=work.budget_s,
        )


class _Remote:
    """Makes items by services, as a backend would."""

    def __init__(self, pool: ServicePool, worker: Worker, run: str) -> None:
        self._pool, self._worker, self._run = pool, worker, run
        self._by_path = worker.service.send_mode == "path"
        self._revision = None if worker.service.foreign else worker.model_settings().revision or None

    def make(self, request: ModelRequest, folder: Path) -> Row:
        """Make one item: its files into `folder`; returns its row's own columns.

        Raises:
            SourceError: the service cannot make this one.
            ServiceDownError: no service can be used.
        """
        if self._pool.is_ours:
            own: Row = {"backend": self._worker.backend, "model_revision": self._revision}
            return own | self._item(request, folder)
        backend, revision = self._pool.makers
        row: Row = {"backend": backend, "model_revision": revision}

        def infer(body: dict[str, Any]) -> dict[str, Any]:
            return self._pool.post("/infer", {"request_id": self._request_id(request), **body})

        if isinstance(request, LayerRequest):
            return row | layers_by_contract(request, infer, folder, by_path=self._by_path)
        made = edit_by_contract(request, infer, folder, by_path=self._by_path)
        # Whatever made it, it is a model's picture: it is registered to its source.
        return {**row, "made_with": {"model": backend, "revision": revision}, **made}

    def _request_id(self, request: ModelRequest) -> str:
        """The same for all tries of a run, so that nothing is made twice; another one in the next run."""
        return f"{request.key}.{self._run}"

    def _item(self, request: ModelRequest, folder: Path) -> Row:
        item = {
            name: value for name, value in asdict(request).items() if name not in {"output", "row", "inputs"}
        }
        body: dict[str, Any] = {"request_id": self._request_id(request), "item": item}
        if not self._by_path:
            body |= {"return_b64": True, "source_b64": _packed(Path(request.path))}
            if isinstance(request, EditRequest):
                body["files"] = _layer_files(request)
        answer = self._pool.post("/items", body)
        for name in answer["names"]:
            target = folder / Path(name).name
            if self._by_path:
                _fetch(Path(answer["cache_dir"]) / name, target)
            else:
                target.write_bytes(base64.b64decode(answer["files"][name]))
        return dict(answer["row"])


def _fetch(source: Path, target: Path) -> None:
    try:
        place_file(source, target)
    except FileNotFoundError as error:
        raise ServiceDownError(
            f"the service says that it wrote {source}, which is not there for this machine",
            "set workers.*.service.send_mode to base64, or have both see the same disk under the same path",
        ) from error


def _packed(path: Path) -> str:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise StorageError(f"{path} is too large to be sent")
    return base64.b64encode(path.read_bytes()).decode("ascii")


def _layer_files(request: EditRequest) -> dict[str, str]:
    """The files that an edit is made from, by name, base64."""
    names = sorted(files_of(request.object)) if request.object else []
    return {name: _packed(Path(request.layers_folder) / name) for name in names}
