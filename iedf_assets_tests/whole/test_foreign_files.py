"""Somebody else's files beside, and among, our own: no command touches one of them."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from iedf_assets.cli.main import cli
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import put
from iedf_assets_tests.helpers.serving import start

pytestmark = pytest.mark.slow
PHYSICAL = "物理变化"
KEY = "0123456789abcdef" * 2
# What other people and programs may put where the factory works, some of it under names much like ours.
AMONG_OURS = (
    "notes.txt", ".tmp-notes", "photos/a.jpg", "photos/.tmp-1-a.jpg", "dataset/README.txt",
    "dataset/semantic_edit/move/mixed/my own.jpg", "reports/plan.md", "reports/rejects/ab/mine/a.jpg",
    "reports/rejects/old/a.jpg", "reports/html/thumbs/mine/a.jpg", "reports/html/thumbs/ab/mine.jpg",
    "manifests/notes.csv", "staging/image_layers/ab/holiday/a.jpg", f"staging/image_layers/zz/{KEY}/a.jpg",
    "staging/edit_pairs/.tmp-99999999-a.jpg", "staging/mine/a.jpg", "staging/jobs/mine.json",
)  # fmt: skip


def state(folder: Path, names: set[str]) -> dict[str, tuple[bytes, int]]:
    return {name: ((folder / name).read_bytes(), (folder / name).stat().st_mtime_ns) for name in names}


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_no_command_touches_what_is_not_ours(layout: Layout, tmp_path: Path) -> None:
    config = ["--config", str(CLASSICAL), "--data", str(layout.data), "--outputs", str(layout.outputs)]
    config += ["--set", f"paths.logs={layout.logs}"]

    def iedf(*arguments: str) -> int:
        return CliRunner().invoke(cli, arguments).exit_code

    put(layout, PHYSICAL, "coffee")
    put(layout, "somebody's", "rocket")
    assert iedf("run", *config, "--category", PHYSICAL) == 0
    assert any(layout.dataset.rglob("00001.jpg"))
    for name in AMONG_OURS:
        path = layout.outputs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    beside = tmp_path / "home"
    for name in ("photos/coffee.jpg", "coffee_mask.png", "coffee_steps/a.jpg"):
        (beside / name).parent.mkdir(parents=True, exist_ok=True)
        (beside / name).write_bytes(name.encode())
    (beside / "coffee.jpg").write_bytes((layout.data / PHYSICAL / "coffee" / "coffee.jpg").read_bytes())
    theirs = {f"outputs/{name}" for name in AMONG_OURS}
    theirs |= {f"{root}/{name}" for root in ("home", "data") for name in files(tmp_path / root)}
    before = state(tmp_path, theirs)

    photo = str(beside / "coffee.jpg")
    for arguments in (
        ("run", *config, "--category", PHYSICAL, "--force", "image_layers"),
        ("run", *config, "--category", PHYSICAL, "--set", "thresholds.max_seam=0", "--set", "seed=7"),
        ("clean", *config, "--superseded", "--yes", "--set", "seed=7"),
        ("report", *config),
        ("status", *config),
        ("doctor", *config),
        ("prove", *config, "--per-class", "1"),
        ("check", str(layout.dataset)),
        ("edit", photo, "--output", str(beside)),
        ("edit", photo, "--output", str(beside / "photos")),
        ("run", "--data", str(layout.data), "--outputs", str(beside)),
        ("run", "--data", str(layout.data), "--outputs", str(layout.data / PHYSICAL)),
        ("clean", *config, "--set", f"paths.staging={layout.data}", "--superseded", "--yes"),
        ("clean", *config, "--set", f"paths.staging={beside}", "--superseded", "--yes"),
    ):
        iedf(*arguments)
        assert state(tmp_path, theirs) == before, arguments
    for number, cache in enumerate((beside, layout.data, layout.outputs)):
        service = start("edit", tmp_path / "log", "--backend", "mock", "--cache-dir", str(cache))
        assert service.process.wait(timeout=60) in (1, 2), (number, service.log.read_text("utf-8"))
        assert state(tmp_path, theirs) == before, cache
