import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from iedf_assets.core.errors import ProfileError, StorageError
from iedf_assets.core.exporting import field_readers, filling
from iedf_assets.core.exporting.export import FORMATS, export
from iedf_assets.core.exporting.filling import require_room
from iedf_assets.core.judging.dataset_check import check_dataset
from iedf_assets.core.pictures.codecs import decode
from iedf_assets.core.profile.exports import Export, Format
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.storage.files import TEMPORARY_PREFIX
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.exports import exported, indexed, planted
from iedf_assets_tests.helpers.pair_making import tree
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import put, run

PLAIN = tuple(name for name in get_args(Format) if name in FORMATS)


@pytest.mark.parametrize("form", PLAIN)
def test_every_form_is_made_proven_and_not_made_again(dataset: Profile, tmp_path: Path, form: Format) -> None:
    first = exported(dataset, tmp_path / "out", form)
    assert first.proof.rows >= first.proof.compared
    assert first.proof.compared or form == "layers"  # these photos have none
    files = [path for path in (tmp_path / "out").rglob("[!.]*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    again = exported(dataset, tmp_path / "out", form)
    assert (again.tally.made, again.tally.removed) == (0, 0)
    assert again.tally.kept >= first.tally.made
    assert before == {path: path.stat().st_mtime_ns for path in files}


@pytest.mark.slow
@pytest.mark.parametrize("form", sorted(field_readers.READ_BY_DATASETS))
def test_datasets_reads_some_rows_back_and_says_what_it_cannot_load(
    dataset: Profile, tmp_path: Path, form: Format
) -> None:
    proof = exported(dataset, tmp_path / "out", form).proof
    assert 0 < proof.by_datasets <= proof.rows
    assert proof.faults == []
    (tmp_path / "out/README.md").write_text("---\nconfigs: [{config_name: a, data_files: none-*}]\n---\n")
    with (
        field_readers.reader(Export(format=form, target=tmp_path)) as read,
        pytest.raises(StorageError, match="does not load"),
    ):
        assert read is not None
        list(read(tmp_path / "out", Export(format=form, target=tmp_path)))


@pytest.mark.parametrize("form", PLAIN)
def test_every_form_says_which_way_round_its_pictures_go(
    dataset: Profile, tmp_path: Path, form: Format
) -> None:
    exported(dataset, tmp_path / "out", form)
    text = (tmp_path / "out/README.md").read_text("utf-8")
    assert "`source` is the picture before the edit" in text
    assert "`source` 是编辑前的图" in text


def test_a_withdrawn_sample_leaves_and_one_that_comes_is_all_that_is_made(tmp_path: Path) -> None:
    profile, plants = planted(tmp_path / "factory")
    layout, plant = Layout.of(profile), plants[-1]
    everything = exported(profile, tmp_path / "out", "folders").proof.rows
    photos, plant.photos = plant.photos, plant.photos[:3]
    plant.judge()
    plant.save()
    fewer = exported(profile, tmp_path / "out", "folders")
    gone = everything - fewer.proof.rows
    assert gone > 0
    assert fewer.tally.removed == 3 * gone
    assert len(list((tmp_path / "out/source").iterdir())) == fewer.proof.rows
    plant.photos = photos
    plant.judge()
    plant.save()
    write_index(profile, layout)
    back = exported(profile, tmp_path / "out", "folders")
    # Two pictures and a caption of each, and the card.
    assert (back.proof.rows, back.tally.made) == (everything, 3 * gone + 1)


def test_a_folder_of_somebody_else_is_refused_and_foreign_files_in_ours_stay(
    dataset: Profile, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"thesis\.txt"):
        exported(dataset, theirs, "folders")
    assert [path.name for path in theirs.iterdir()] == ["thesis.txt"]
    exported(dataset, tmp_path / "out", "folders")
    cache = tmp_path / "out/target/_latent_cache"
    cache.mkdir()
    (cache / "a.safetensors").write_text("cached")
    exported(dataset, tmp_path / "out", "folders", split="train")
    assert (cache / "a.safetensors").read_text() == "cached"


def test_a_foreign_file_in_the_place_of_ours_stops_the_export(dataset: Profile, tmp_path: Path) -> None:
    exported(dataset, tmp_path / "out", "folders", split="train")
    foreign = tmp_path / "out/mask"
    foreign.mkdir()
    stem = min((tmp_path / "out/source").iterdir()).stem
    (foreign / f"{stem}.png").write_text("mine")
    with pytest.raises(StorageError, match="not ours"):
        exported(dataset, tmp_path / "out", "folders", masks=True)
    assert (foreign / f"{stem}.png").read_text() == "mine"


def test_a_folder_holds_one_form(dataset: Profile, tmp_path: Path) -> None:
    exported(dataset, tmp_path / "out", "folders")
    with pytest.raises(StorageError, match="another form: folders"):
        exported(dataset, tmp_path / "out", "parquet")


@pytest.mark.parametrize("place", ["outputs/dataset/x", "data", "outputs/reports", "."])
def test_an_export_lies_apart_from_what_is_read_and_filled(tmp_path: Path, place: str) -> None:
    profile, _ = planted(tmp_path)
    with pytest.raises(ProfileError, match="folder of its own"):
        export(profile, Layout.of(profile), Export(format="folders", target=tmp_path / place))


def test_an_interrupted_export_goes_on_where_it_was(
    dataset: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = filling._make
    count = 0

    def failing(*arguments: object) -> object:
        nonlocal count
        count += 1
        if count > 5:
            raise KeyboardInterrupt
        return made(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(filling, "_make", failing)
    with pytest.raises(KeyboardInterrupt):
        exported(dataset, tmp_path / "out", "imagefolder")
    monkeypatch.setattr(filling, "_make", made)
    rest = exported(dataset, tmp_path / "out", "imagefolder")
    assert rest.tally.kept > 0
    assert not list((tmp_path / "out").rglob(f"{TEMPORARY_PREFIX}*"))
    exported(dataset, tmp_path / "other", "imagefolder")
    found, expected = (tree(tmp_path / name / "train") for name in ("out", "other"))
    assert found == expected


def test_what_somebody_changed_is_made_anew(dataset: Profile, tmp_path: Path) -> None:
    exported(dataset, tmp_path / "out", "folders")
    caption = min((tmp_path / "out/target").glob("*.txt"))
    text = caption.read_text("utf-8")
    caption.write_text("something else", "utf-8")
    again = exported(dataset, tmp_path / "out", "folders")
    # All of a sample, whose files are made together.
    assert (caption.read_text("utf-8"), again.tally.made) == (text, 3)


def test_files_are_copies_unless_links_are_asked_for(dataset: Profile, tmp_path: Path) -> None:
    exported(dataset, tmp_path / "copies", "folders")
    exported(dataset, tmp_path / "links", "folders", link=True)
    copies, links = (next((tmp_path / name / "source").iterdir()) for name in ("copies", "links"))
    assert copies.stat().st_nlink == 1
    assert links.stat().st_nlink > 1
    with pytest.raises(ProfileError, match="--link"):
        exported(dataset, tmp_path / "shards", "parquet", link=True)


def test_a_part_is_exported_by_split_and_by_what_the_index_says(dataset: Profile, tmp_path: Path) -> None:
    rows = indexed(dataset)
    for asked, wanted in (
        ({"split": "validation"}, [row for row in rows.values() if row["split"] == "validation"]),
        ({"where": {"subtype": "move"}}, [row for row in rows.values() if row["subtype"] == "move"]),
        ({"where": {"recipe.dx": "40", "edit_task": "structural_edit"}},
         [row for row in rows.values() if row["subtype"] == "move"]),
    ):  # fmt: skip
        assert exported(dataset, tmp_path / "out", "diffsynth", **asked).proof.rows == len(wanted)
    with pytest.raises(StorageError, match="would be emptied"):
        exported(dataset, tmp_path / "out", "diffsynth", where={"subtype": "none"})
    for _ in range(2):
        assert exported(dataset, tmp_path / "none", "diffsynth", where={"subtype": "none"}).proof.rows == 0
    with pytest.raises(ProfileError, match="colour"):
        exported(dataset, tmp_path / "out", "diffsynth", where={"colour": "red"})


def test_a_sample_whose_file_is_gone_stops_the_export_and_is_named(tmp_path: Path) -> None:
    profile, _ = planted(tmp_path / "factory")
    key = next(iter(indexed(profile)))
    (Layout.of(profile).dataset / f"{key}_mask.png").unlink()
    with pytest.raises(StorageError, match=key):
        exported(profile, tmp_path / "out", "folders")


@pytest.mark.slow
def test_a_picture_that_somebody_swapped_stops_the_export_and_is_named(tmp_path: Path) -> None:
    profile, _ = planted(tmp_path / "factory")
    key = next(iter(indexed(profile)))
    source, swapped = (Layout.of(profile).dataset / f"{key}{end}" for end in (".jpg", "_result.jpg"))
    swapped.unlink()
    swapped.write_bytes(source.read_bytes())
    with pytest.raises(StorageError, match=f"{key} are not those that were published"):
        exported(profile, tmp_path / "out", "folders")


def test_edits_of_the_whole_picture_have_a_white_mask_and_in_the_original_none(tmp_path: Path) -> None:
    folders = [f"paths.{key}={tmp_path / key}" for key in ("data", "outputs", "logs")]
    profile = load_profile(
        CLASSICAL, [*folders, "categories={风格: {task: style_edit, subtypes: {contrast: 1}}}"]
    )
    put(Layout.of(profile), "风格", "coffee")
    outcome, _ = run(profile, "风格")
    assert outcome.went_through, outcome.error
    for form in PLAIN:
        exported(profile, tmp_path / "out" / form, form)
    (mask,) = (tmp_path / "out/imagefolder").glob("*/mask/*.png")
    assert set(np.unique(decode(mask))) == {255}
    assert not list((tmp_path / "out/original").rglob("*_mask*.png"))
    assert check_dataset(tmp_path / "out/original/dataset").lint == []


def test_where_there_is_no_dataset_nothing_is_written(
    profile: Profile, layout: Layout, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="there is no dataset"):
        exported(profile, tmp_path / "out", "folders")
    assert not (tmp_path / "out").exists()
    assert not layout.outputs.exists()


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    require_room(tmp_path / "new", 1)
    with pytest.raises(StorageError, match="are free"):
        require_room(tmp_path / "new", free)


def test_stems_are_unique_and_hold_nothing_that_readers_split_at(dataset: Profile, tmp_path: Path) -> None:
    exported(dataset, tmp_path / "out", "folders")
    names = [path.name for path in (tmp_path / "out/source").iterdir()]
    assert len(names) == len(indexed(dataset))
    assert all(name.isascii() and "_" not in name and name.count(".") == 1 for name in names)
