"""Chains, which exports have as records of their own beside the samples that their turns are."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from iedf_assets.core.exporting.export import proof_of
from iedf_assets.core.pictures.codecs import decode
from iedf_assets.core.profile.exports import Export, Format
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.exports import exported, indexed, planted_with_a_chain

FORMS: tuple[Format, ...] = ("parquet", "webdataset")


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Profile, list[str]]:
    return planted_with_a_chain(tmp_path_factory.mktemp("chained"))


def pictures_of(profile: Profile, keys: list[str]) -> list[Path]:
    """The photo and the picture after each turn."""
    dataset = Layout.of(profile).dataset
    return [dataset / f"{keys[0]}.jpg", *(dataset / f"{key}_result.jpg" for key in keys)]


def test_a_row_of_parquet_holds_the_pictures_and_texts_of_all_turns(
    chained: tuple[Profile, list[str]], tmp_path: Path
) -> None:
    profile, keys = chained
    assert exported(profile, tmp_path / "out", "parquet").proof.chains == 1
    (path,) = (tmp_path / "out/chains").glob("*.parquet")
    (row,) = pq.read_table(path).to_pylist()
    known = indexed(profile)
    assert (row["chain"], row["turns"], row["sample_keys"]) == (keys[0], 2, keys)
    assert [one["bytes"] for one in row["images"]] == [one.read_bytes() for one in pictures_of(profile, keys)]
    assert row["instructions_zh"] == [known[key]["instruction_ch"] for key in keys]
    assert row["instructions_en"] == [known[key]["instruction_en"] for key in keys]
    masks = [Image.open(io.BytesIO(one["bytes"])) for one in row["masks"]]
    for mask, key in zip(masks, keys, strict=True):
        assert np.array_equal(np.asarray(mask), decode(Layout.of(profile).dataset / f"{key}_mask.png"))


def test_a_tar_of_chains_of_as_many_turns_holds_them_side_by_side(
    chained: tuple[Profile, list[str]], tmp_path: Path
) -> None:
    profile, keys = chained
    assert exported(profile, tmp_path / "out", "webdataset").proof.chains == 1
    (path,) = (tmp_path / "out/chains_2").glob("*.tar")
    with tarfile.open(path) as tar:
        files = {name.split(".", 1)[1]: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    assert list(files) == ["0.jpg", "1.jpg", "2.jpg", "1.mask.png", "2.mask.png", "json"]
    assert [files[f"{n}.jpg"] for n in range(3)] == [one.read_bytes() for one in pictures_of(profile, keys)]
    assert json.loads(files["json"])["sample_keys"] == keys


@pytest.mark.parametrize("form", FORMS)
def test_chains_are_kept_withdrawn_and_cropped_alike(
    chained: tuple[Profile, list[str]], tmp_path: Path, form: Format
) -> None:
    profile, keys = chained
    out = tmp_path / "out"
    exported(profile, out, form)
    again = exported(profile, out, form)
    assert (again.tally.made, again.tally.removed, again.proof.chains) == (0, 0, 1)
    grid = exported(profile, out, form, size="grid")  # the proof wants one size for all of its pictures
    assert grid.proof.chains == 1
    # A chain without its first turn, or with that alone, is none.
    for key in keys:
        part = exported(profile, out, form, where={"sample_key": key})
        assert (part.proof.rows, part.proof.chains) == (1, 0)
        assert "chains" not in {path.name.split("_")[0] for path in out.iterdir()}
        assert "config_name: chains" not in (out / "README.md").read_text("utf-8")


@pytest.mark.parametrize("form", FORMS)
def test_a_chain_that_is_missing_is_found(
    chained: tuple[Profile, list[str]], tmp_path: Path, form: Format
) -> None:
    profile, _ = chained
    exported(profile, tmp_path / "out", form)
    (path,) = (tmp_path / "out").glob("chains*/*")
    path.unlink()
    proof = proof_of(profile, Layout.of(profile), Export(format=form, target=tmp_path / "out"))
    assert [fault for _, fault in proof.faults] == ["0 chains were read, 1 are there"]


def test_loose_rows_name_the_chain_and_the_turn_in_one_type(
    chained: tuple[Profile, list[str]], tmp_path: Path
) -> None:
    profile, keys = chained
    exported(profile, tmp_path / "out", "imagefolder")
    lines = [line for path in tmp_path.glob("out/*/metadata.jsonl") for line in path.read_text().splitlines()]
    rows = {row["sample_key"]: (row["chain"], row["turn"]) for row in map(json.loads, lines)}
    assert {key: told for key, told in rows.items() if told != ("", 0)} == {
        keys[0]: (keys[0], 1),
        keys[1]: (keys[0], 2),
    }


@pytest.mark.slow
def test_datasets_loads_chains_as_a_table_of_their_own(
    chained: tuple[Profile, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    for name in ("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "1")
    profile, keys = chained
    for form, name in zip(FORMS, ("chains", "chains_2"), strict=True):
        exported(profile, tmp_path / form, form)
        found = datasets.load_dataset(str(tmp_path / form), name, cache_dir=str(tmp_path / "cache"))
        (row,) = next(iter(found.values()))
        images = row["images"] if form == "parquet" else [row[f"{number}.jpg"] for number in range(3)]
        for image, path in zip(images, pictures_of(profile, keys), strict=True):
            assert np.array_equal(np.asarray(image), decode(path))
