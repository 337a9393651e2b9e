"""The benchmark's own process does what a child would."""

from pathlib import Path
from unittest import mock

from benchmarks.apart import called_here
from iedf_assets.core.apart.children import Apart
from iedf_assets.core.pictures.decoders import decoders
from iedf_assets.core.profile.loading import DEFAULT_PROFILE, load_profile
from iedf_assets.core.profile.sections import Filters
from iedf_assets_tests.helpers.mutants import originals

SHOWN = "iedf_assets.core.sources.ingest:shown"


def test_a_photo_is_the_same_row_either_way(tmp_path: Path) -> None:
    name, file, _ = next(originals())
    (tmp_path / name).write_bytes(file)
    asked = [str(tmp_path / name), 10**8, 16.0, None, Filters().model_dump()]
    children = decoders(load_profile(DEFAULT_PROFILE, []))
    apart = children.call(SHOWN, asked, 60)
    with mock.patch.object(Apart, "call", called_here):
        assert children.call(SHOWN, asked, 60) == apart
