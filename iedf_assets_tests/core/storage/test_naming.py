import unicodedata
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iedf_assets.core.storage.naming import SUFFIXES, Layout, SampleKey, parse_sample_file

NAMES = st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True)


@given(st.builds(SampleKey, NAMES, NAMES, NAMES, st.integers(1, 99_999)))
def test_sample_keys_and_file_names_parse_back(key: SampleKey) -> None:
    assert SampleKey.parse(str(key)) == key
    for role in SUFFIXES:
        assert parse_sample_file(Path(key.file(role)).name) == (key.number, role)


@pytest.mark.parametrize(
    "text", ["", "a/b/c/1", "a/b/c/000001", "../b/c/00001", "a/b/c/d/00001", "A/b/c/00001"]
)
def test_other_texts_are_no_sample_keys(text: str) -> None:
    with pytest.raises(ValueError, match="not a sample key"):
        SampleKey.parse(text)


@pytest.mark.parametrize(
    "name", ["0001.jpg", "00001.jpeg", "00001_mask-2.png", "00001_ch.txt", "x00001.jpg", "00001.jpg "]
)
def test_names_outside_the_spec_are_not_parsed(name: str) -> None:
    assert parse_sample_file(name) is None


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_category_folder_is_found_in_either_normal_form(
    layout: Layout, form: Literal["NFC", "NFD"]
) -> None:
    folder = layout.data / unicodedata.normalize(form, "café 物体")
    folder.mkdir(parents=True)
    assert layout.category_folder(unicodedata.normalize("NFC", "café 物体")) == folder
    assert layout.category_folder(unicodedata.normalize("NFD", "café 物体")) == folder
    assert layout.category_folder("other") is None
