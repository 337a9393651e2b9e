"""What the tests of running services share: their folder, and a root with a photo."""

from pathlib import Path

import pytest

from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets_tests.helpers.asking import COFFEE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("services")


@pytest.fixture(scope="module")
def root(folder: Path) -> Path:
    path = folder / "root"
    path.mkdir()
    (path / "coffee 杯.jpg").write_bytes(encode_jpeg(COFFEE, 95))
    return path
