import pytest
from hypothesis import given
from hypothesis import strategies as st

from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.waves import begin_wave, open_wave, wave_size


def waves_for(photos: int, at_least: int) -> int:
    through = waves = 0
    while through < photos:
        through += wave_size(at_least, through)
        waves += 1
    return waves


def test_few_photos_go_in_waves_as_the_profile_says() -> None:
    assert waves_for(1000, 256) == 4
    assert wave_size(256, 0) == wave_size(256, 4000) == 256


@given(st.integers(1, 1000))
def test_ten_times_the_photos_take_few_more_waves(at_least: int) -> None:
    assert waves_for(1_000_000, at_least) <= waves_for(100_000, at_least) + 40


def test_half_a_million_photos_are_no_thousands_of_waves() -> None:
    assert waves_for(500_000, 256) < 110


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "7", "[1]", '{"a": 1}'])
def test_a_wave_that_nobody_can_read_is_none(layout: Layout, text: str) -> None:
    assert open_wave(layout, "a") is None
    begin_wave(layout, "a", ["b", "a"])
    assert open_wave(layout, "a") == ["a", "b"]
    layout.wave("a").write_text(text)
    assert open_wave(layout, "a") is None
