"""Requests that a launcher hands out, for tests."""

from iedf_assets.core.contract import LayerRequest
from iedf_assets.core.storage.naming import Layout

CATEGORY = "物理变化"


def requests(layout: Layout, count: int) -> list[LayerRequest]:
    return [
        LayerRequest(
            key=f"k{number:02d}", source_id="s", path="p", max_megapixels=1, max_pixels=1, level="mask",
            max_area=1, seed=number, output=str(layout.staging / f"k{number}"), row={"key": f"k{number:02d}"},
        )
        for number in range(count)
    ]  # fmt: skip
