import os
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from iedf_assets.core.pictures.objects import Opinions
from iedf_assets.core.pictures.subjects import Network
from iedf_assets.core.scoring.masks.kept_opinions import KeptOpinions, cache_folder
from iedf_assets.core.scoring.masks.second_opinion import SecondOpinion
from iedf_assets_tests.helpers.networks import put_network

RNG = np.random.default_rng(0)


def some() -> Opinions:
    first, mirrored, bordered = (RNG.random((40, 60), np.float32) for _ in range(3))
    return Opinions(first, (mirrored, bordered), 0.97, True, 1.5)


def same(one: Opinions | None, other: Opinions) -> bool:
    return (
        one is not None
        and all(np.array_equal(*pair) for pair in zip(one.others, other.others, strict=True))
        and np.array_equal(one.first, other.first)
        and (one.maximum, one.sees_subject, one.cell) == (other.maximum, other.sees_subject, other.cell)
    )


def test_what_was_kept_is_got_again_to_the_bit(tmp_path: Path) -> None:
    opinions = some()
    KeptOpinions(tmp_path / "new").put("a", opinions)
    assert same(KeptOpinions(tmp_path / "new").get("a"), opinions)
    assert KeptOpinions(tmp_path / "new").get("b") is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive"])
def test_what_is_damaged_is_as_if_it_were_not_there(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    assert KeptOpinions(tmp_path).get("a") is None


def test_a_place_that_cannot_be_written_to_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    kept = KeptOpinions(tmp_path / "file")
    kept.put("a", some())
    assert kept.get("a") is None


def test_what_was_not_used_for_longest_goes_where_there_is_too_much(tmp_path: Path) -> None:
    for number, name in enumerate("abcd"):
        KeptOpinions(tmp_path).put(name, some())
        os.utime(tmp_path / f"{name}.npz", (number, number))
    size = (tmp_path / "a.npz").stat().st_size
    KeptOpinions(tmp_path).get("a")
    KeptOpinions(tmp_path, most=round(4.5 * size)).put("e", some())
    assert {path.stem for path in tmp_path.iterdir()} == {"a", "d", "e"}


def test_another_process_does_not_ask_again(tmp_path: Path) -> None:
    put_network(tmp_path / "u2netp.onnx")
    kept = KeptOpinions(tmp_path / "cache")
    first = SecondOpinion(Network(tmp_path / "u2netp.onnx"), kept).of(data.chelsea())

    class Silent(Network):
        def ask(self, rgb):  # type: ignore[no-untyped-def]
            raise AssertionError(f"asked again, of {rgb.shape}")

    again = SecondOpinion(Silent(tmp_path / "u2netp.onnx"), KeptOpinions(tmp_path / "cache"))
    assert same(again.of(data.chelsea()), first)


def test_the_folder_is_the_users_cache_or_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IEDF_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path / "opinions"
    monkeypatch.delenv("IEDF_CACHE")
    assert cache_folder().parts[-2:] == ("iedf", "opinions")
