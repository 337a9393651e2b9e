"""What a change makes stale: exactly what depends on it, and what follows from that."""

from pathlib import Path

import pytest

from iedf_assets.core.planning.book import STAGES, Book
from iedf_assets.core.planning.status import Standing, estimate, standings
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources.scan import find_files
from iedf_assets.core.storage.manifests import Rows
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import put, run

pytestmark = pytest.mark.slow
PHYSICAL = "物理变化"
SUBTYPES = f"categories.{PHYSICAL}.subtypes={{move: 1, recolor: 1}}"
PHOTOS, EDITS = 2, 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos, taken through everything."""
    base = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", "")
        profile = profile_of(base)
        put(Layout.of(profile), PHYSICAL, "coffee", "chelsea")
        outcome, _ = run(profile)
    assert outcome.went_through, outcome.error
    return base


def profile_of(base: Path, *settings: str) -> Profile:
    folders = [f"paths.{key}={base / key}" for key in ("data", "outputs", "logs")]
    return load_profile(CLASSICAL, [*folders, SUBTYPES, *settings])


def standing_of(profile: Profile) -> dict[str, Standing]:
    book = Book.open(profile, Layout.of(profile), PHYSICAL)
    found = standings(book, find_files(book.layout, PHYSICAL) or [])
    assert [one.stage for one in found] == list(STAGES)
    return {one.stage: one for one in found}


def to_make(standing: dict[str, Standing]) -> list[int]:
    return [standing[stage].to_make for stage in STAGES]


def test_after_a_run_nothing_is_to_be_made_and_every_row_is_counted(made: Path) -> None:
    standing = standing_of(profile_of(made))
    assert to_make(standing) == [0, 0, 0, 0, 0]
    assert standing["source_images"].done == standing["image_layers"].done == PHOTOS
    edits = standing["edited_images"]
    assert edits.done + edits.rejected == EDITS
    assert standing["edit_pairs"].done == edits.done
    assert standing["dataset"].done + standing["dataset"].rejected == EDITS


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("thresholds.max_seam=1.9", [0, 0, 0, 0, EDITS]),
        ("encoding.jpeg_quality=90", [0, 0, 0, EDITS, EDITS]),
        ("recipes.move.max_shift=0.3", [0, 0, 2, 2, 2]),
        ("recipes.recolor.min_hue_distance=60", [0, 0, 2, 2, 2]),
        ("workers.edit.backend=mock", [0, 0, EDITS, EDITS, EDITS]),
        ("workers.layered.backend=mock", [0, PHOTOS, EDITS, EDITS, EDITS]),
        ("seed=7", [0, 0, EDITS, EDITS, EDITS]),
        ("max_megapixels=2", [PHOTOS, PHOTOS, EDITS, EDITS, EDITS]),
        ("filters.min_width=130", [PHOTOS, 0, 0, 0, 0]),
        (f"categories.{PHYSICAL}.subtypes={{move: 2, recolor: 1}}", [0, 0, 2, 2, 2]),
        ("wave=7", [0, 0, 0, 0, 0]),
        ("threads=1", [0, 0, 0, 0, 0]),
        ("workers.edit.threads=1", [0, 0, 0, 0, 0]),
        ("sources.validation_share=0.3", [0, 0, 0, 0, 0]),
    ],
)
def test_a_setting_makes_stale_what_depends_on_it_and_nothing_else(
    made: Path, setting: str, expected: list[int]
) -> None:
    standing = standing_of(profile_of(made, setting))
    for one, most in zip(to_make(standing), expected, strict=True):
        # An edit that could not be planned has no pair, so there may be fewer; never more, never none.
        assert (most > 0) == (one > 0), (setting, to_make(standing))
        assert one <= most, (setting, to_make(standing))


def test_what_is_stale_says_why(made: Path) -> None:
    said = {
        "thresholds.max_seam=1.9": ("dataset", "thresholds"),
        "encoding.jpeg_quality=90": ("edit_pairs", "encoding"),
        "recipes.move.max_shift=0.3": ("edited_images", "recipe's limits"),
        "workers.layered.backend=mock": ("image_layers", "layered worker"),
        "max_megapixels=2": ("source_images", "max_megapixels"),
    }
    for setting, (stage, word) in said.items():
        standing = standing_of(profile_of(made, setting))
        assert any(word in why for why in standing[stage].stale), (setting, standing[stage].stale)


@pytest.mark.parametrize("version", ["LAYERS_VERSION", "EDITS_VERSION", "PAIRS_VERSION", "VERDICTS_VERSION"])
def test_a_stages_version_makes_it_and_what_follows_stale(
    made: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from iedf_assets.core.storage import keys

    monkeypatch.setattr(keys, version, getattr(keys, version) + 1)
    first = ["LAYERS_VERSION", "EDITS_VERSION", "PAIRS_VERSION", "VERDICTS_VERSION"].index(version) + 1
    counts = to_make(standing_of(profile_of(made)))
    assert [count > 0 for count in counts] == [number >= first for number in range(len(STAGES))]


def test_a_changed_photo_costs_its_own_rows_alone(profile: Profile, layout: Layout) -> None:
    put(layout, PHYSICAL, "coffee", "chelsea")
    assert to_make(standing_of(profile)) == [2, 2, 4, 4, 4]
    outcome, _ = run(profile)
    assert outcome.went_through, outcome.error
    photo = next((layout.data / PHYSICAL / "coffee").iterdir())
    photo.write_bytes(next((layout.data / PHYSICAL / "chelsea").iterdir()).read_bytes() + b"\0")
    standing = standing_of(profile)
    assert standing["source_images"].stale == {"the file changed": 1}
    # Two samples go, two come.
    assert to_make(standing)[1:] == [1, 2, 2, 4]
    photo.unlink()
    assert standing_of(profile)["source_images"].stale == {"the file is gone: its rows and samples go": 1}


def test_an_estimate_is_rows_times_mean_over_threads_and_none_without_a_rate() -> None:
    made = [
        {"key": f"{second}", "status": "done", "seconds": second, "files": {"a": 10, "b": 5}}
        for second in (1.0, 2.0, 3.0)
    ]
    rows = [Rows.of(made[:1], "edit_pairs"), Rows.of(made[1:], "edit_pairs")]
    told = estimate(Standing("edit_pairs", pending=10, failed=2), rows, threads=4)
    assert told.seconds == pytest.approx(12 * 2.0 / 4)
    assert told.new_bytes == 12 * 15
    nothing = estimate(Standing("edit_pairs", pending=10), rows[1:], threads=4)
    assert nothing.seconds is nothing.new_bytes is None
