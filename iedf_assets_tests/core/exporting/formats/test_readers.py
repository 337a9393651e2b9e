"""The field's own readers load what is exported, and each row is the dataset's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from iedf_assets.core.profile.exports import Format
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.exports import exported, indexed

pytestmark = pytest.mark.slow
ROLES = {"source": "src_image_path", "target": "result_image_path"}


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "1")


def loaded(folder: Path, kind: str | None = None) -> Any:
    """All splits, as anybody would load them."""
    import datasets

    cache = str(folder.parent / f"cache-{folder.name}")
    return datasets.load_dataset(
        kind or str(folder), **({"data_dir": str(folder)} if kind else {}), cache_dir=cache
    )


def require_equal(
    dataset: Profile, rows: Iterator[dict[str, Any]], languages: tuple[str, ...] = ("en", "zh")
) -> None:
    """Rows with decoded pictures are the dataset's, in pixels, texts and direction; all of them are there."""
    known, outputs = indexed(dataset), Layout.of(dataset).outputs
    keys = []
    for row in rows:
        entry = known[row["sample_key"]]
        keys.append(row["sample_key"])
        for role, column in ROLES.items():
            with Image.open(outputs / entry[column]) as picture:
                assert np.array_equal(np.asarray(row[role]), np.asarray(picture))
        with Image.open(outputs / entry["mask_paths"][0]) as picture:
            assert np.array_equal(np.asarray(row["mask"]), np.asarray(picture))
        for language in languages:
            column = "instruction_ch" if language == "zh" else "instruction_en"
            assert row[f"instruction_{language}"] == entry[column]
    assert sorted(keys) == sorted(known)


@pytest.mark.parametrize("form", ["parquet", "imagefolder"])
def test_datasets_loads_pictures_texts_and_splits(dataset: Profile, tmp_path: Path, form: Format) -> None:
    exported(dataset, tmp_path / "out", form)
    found = loaded(tmp_path / "out")
    splits = {row["split"] for row in indexed(dataset).values()}
    assert set(found) == splits
    assert all(row["split"] == split for split in splits for row in found[split].select_columns("split"))
    require_equal(dataset, (row for split in splits for row in found[split]))


def test_the_columns_that_diffusers_scripts_ask_for_are_pictures_and_texts(
    dataset: Profile, tmp_path: Path
) -> None:
    import datasets

    exported(dataset, tmp_path / "out", "parquet")
    features = loaded(tmp_path / "out")["train"].features
    assert all(isinstance(features[name], datasets.Image) for name in ("source", "target", "mask", "allowed"))
    assert features["instruction_en"].dtype == "string"


def test_parquet_says_by_itself_which_columns_are_pictures(dataset: Profile, tmp_path: Path) -> None:
    """Without the card, as when one file is loaded."""
    import datasets

    exported(dataset, tmp_path / "out", "parquet", split="train")
    (tmp_path / "out/README.md").unlink()
    (path,) = (tmp_path / "out/data").glob("*.parquet")
    found = datasets.load_dataset(
        "parquet", data_files=str(path), cache_dir=str(tmp_path / "cache"), split="train"
    )
    assert isinstance(found.features["source"], datasets.Image)
    assert pq.ParquetFile(path).metadata.row_group(0).num_rows <= 100


def test_a_card_that_counts_wrongly_is_refused(dataset: Profile, tmp_path: Path) -> None:
    from datasets.exceptions import NonMatchingSplitsSizesError

    exported(dataset, tmp_path / "out", "parquet")
    card = tmp_path / "out/README.md"
    head = yaml.safe_load(card.read_text("utf-8").split("---")[1])
    counts = {split["name"]: split["num_examples"] for split in head["dataset_info"]["splits"]}
    text = card.read_text("utf-8")
    card.write_text(
        text.replace(f"num_examples: {counts['train']}", f"num_examples: {counts['train'] + 1}"), "utf-8"
    )
    with pytest.raises(NonMatchingSplitsSizesError):
        loaded(tmp_path / "out")


def test_scenes_named_like_splits_are_no_splits(dataset: Profile, tmp_path: Path) -> None:
    """Words such as `test` in names are taken for splits where nobody says which there are."""
    exported(dataset, tmp_path / "test-eval", "imagefolder")
    found = loaded(tmp_path / "test-eval")
    assert sum(map(len, found.values())) == len(indexed(dataset))


def decoded(sample: dict[str, Any]) -> dict[str, Any]:
    told = sample["json"]
    pictures = {"source": sample["source.jpg"], "target": sample["target.jpg"], "mask": sample["mask.png"]}
    texts = {f"instruction_{language}": sample[f"{language}.txt"] for language in ("en", "zh")}
    return {**told, **pictures, **texts}


# It leaves closing its files to the garbage collector.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"
)
def test_webdataset_loads_every_sample_whole(dataset: Profile, tmp_path: Path) -> None:
    import webdataset

    exported(dataset, tmp_path / "out", "webdataset")
    tars = [str(path) for path in sorted((tmp_path / "out").glob("*.tar"))]
    rows = webdataset.WebDataset(tars, shardshuffle=False, empty_check=False)
    raw = ({name: value for name, value in row.items() if not name.startswith("__")} for row in rows)
    import io

    def whole(row: dict[str, bytes]) -> dict[str, Any]:
        pictures = {
            name: Image.open(io.BytesIO(row[name])) for name in row if name.endswith((".jpg", ".png"))
        }
        texts = {name: row[name].decode("utf-8") for name in row if name.endswith(".txt")}
        return decoded({**pictures, **texts, "json": json.loads(row["json"])})

    require_equal(dataset, map(whole, raw))


def test_datasets_loads_the_tars_too(dataset: Profile, tmp_path: Path) -> None:
    exported(dataset, tmp_path / "out", "webdataset")
    found = loaded(tmp_path / "out")
    assert set(found) == {row["split"] for row in indexed(dataset).values()}
    require_equal(dataset, (decoded(row) for split in found.values() for row in split))
