import pytest

from iedf_assets.core.edits.names import believed

RED, BLUE, GREY, GREEN = (200, 40, 40), (40, 70, 200), (128, 126, 130), (60, 150, 60)


@pytest.mark.parametrize(
    ("en", "ch", "colour", "is_believed"),
    [
        ("a red cup", "红色杯子", RED, True),
        ("a red cup", "红色杯子", BLUE, False),
        ("a cup", "蓝色杯子", RED, False),
        ("a blue cup", "蓝色杯子", BLUE, True),
        ("a black cup", "黑色杯子", RED, False),
        ("a red and white cup", "红白相间的杯子", RED, True),
        ("a gray cup", "灰色杯子", GREY, True),
        # A mean of many colours is grey.
        ("a red cup", "红色杯子", GREY, True),
        ("an astronaut", "宇航员", GREEN, True),
        ("the cup on the left", "杯子", RED, False),
        ("a cup", "左边的杯子", RED, False),
    ],
)
def test_a_name_that_the_pixels_contradict_is_not_believed(
    en: str, ch: str, colour: tuple[int, int, int], is_believed: bool
) -> None:
    assert believed({"en": en, "ch": ch}, colour) is is_believed
