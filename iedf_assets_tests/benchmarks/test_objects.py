"""The benchmark of objects: with which things of a given mask an object is compared."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from benchmarks.objects import covered, main
from iedf_assets.core.pictures.codecs import encode_png


def test_an_object_is_compared_with_the_things_that_it_covers_most_of() -> None:
    given = np.zeros((200, 300), np.bool_)
    given[20:100, 20:100] = True
    given[20:100, 150:250] = True
    thin = np.zeros_like(given)
    thin[150, 20:280] = True
    mask = np.zeros_like(given)
    mask[20:100, 30:160] = True
    assert np.array_equal(covered(mask, given | thin), given & (np.arange(300) < 120))
    assert np.array_equal(covered(thin, given | thin), thin)
    assert not covered(np.zeros_like(given), given).any()


def test_what_touches_by_a_few_pixels_counts_as_apart() -> None:
    given = np.zeros((400, 600), np.bool_)
    given[100:300, 50:250] = True
    given[100:300, 254:450] = True
    left = given & (np.arange(600) < 252)
    given[200:203, 250:254] = True
    found = covered(left, given)
    assert np.count_nonzero(found ^ left) < 20


@pytest.mark.slow
def test_a_table_and_a_sheet_are_made_of_a_folder_of_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, masks, sheet = tmp_path / "photos" / "deep", tmp_path / "masks", tmp_path / "sheet.png"
    photos.mkdir(parents=True)
    masks.mkdir()
    rocket = cv2.resize(data.rocket(), (320, 213), interpolation=cv2.INTER_AREA)
    (photos / "rocket.png").write_bytes(encode_png(np.asarray(rocket, np.uint8)))
    (photos / "gravel.png").write_bytes(encode_png(np.dstack([data.gravel()] * 3)))
    mask = np.zeros((213, 320), np.uint8)
    mask[64:203, 155:166] = 255
    (masks / "rocket.png").write_bytes(encode_png(mask))
    arguments = ["objects", str(tmp_path / "photos"), str(masks), "--backend", "onnx", "--sheet", str(sheet)]
    monkeypatch.setattr("sys.argv", arguments)
    threads = cv2.getNumThreads()
    main()
    cv2.setNumThreads(threads)
    told = capsys.readouterr().out
    assert "| gravel | no_salient_object |" in told
    assert "1 photos with a given mask: an object in 1, whole in 1 (100% of those)" in told
    assert sheet.stat().st_size > 1000
