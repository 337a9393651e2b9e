"""The pasted pairs that tell how well several things in one mask are told."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.several import SIDE, cut_out, main, paired, varied
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets_tests.model_envs.layered.test_side_by_side import cat, cup


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Scikit-image's cup and cat with masks."""
    photos, masks = tmp_path / "photos", tmp_path / "masks"
    for folder in (photos, masks):
        folder.mkdir()
    for name, (rgb, mask) in (("cup", cup()), ("cat", cat())):
        (photos / f"{name}.png").write_bytes(encode_png(rgb))
        (masks / f"{name}.png").write_bytes(encode_png(np.where(mask, 255, 0).astype(np.uint8)))
    return photos, masks


def test_things_are_cut_out_at_one_size_and_pasted_so_that_they_touch(folders: tuple[Path, Path]) -> None:
    things = list(cut_out(*folders))
    assert [one.name for one in things] == ["cat", "cup"]
    assert all(np.count_nonzero(one.mask) == pytest.approx(SIDE**2, rel=0.03) for one in things)
    pair = paired(things, np.random.default_rng(0))
    assert cv2.connectedComponents(pair.mask.astype(np.uint8))[0] == 2
    assert not pair.rgb[~pair.mask].any()
    sizes = [np.count_nonzero(one.mask) for one in varied(things[0], np.random.default_rng(0))]
    assert sizes == pytest.approx([sizes[0]] * 4, rel=0.02)


@pytest.mark.slow
def test_it_prints_what_is_refused_of_either_kind(
    folders: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sheet = tmp_path / "sheet.png"
    monkeypatch.setattr("sys.argv", ["several", *map(str, folders), "--pairs", "3", "--sheet", str(sheet)])
    main()
    assert "| limit | one thing (8) | several (3) |" in capsys.readouterr().out
    assert sheet.is_file()
