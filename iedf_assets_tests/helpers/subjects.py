"""Subjects of edits, one and drawn ones, for tests of texts."""

from typing import Any

from hypothesis import strategies as st

SUBJECT: dict[str, Any] = {
    "x": 250, "y": 150, "width": 100, "height": 100, "area_share": 0.1, "center_x": 0.5, "center_y": 0.5,
    "colour": [255, 140, 0], "touches_border": False, "caption": None,
    "text": "CAFÉ 7",
}  # fmt: skip


@st.composite
def subjects(draw: st.DrawFn) -> dict[str, Any]:
    x, y = draw(st.integers(0, 500)), draw(st.integers(0, 300))
    width, height = draw(st.integers(20, 600 - x)), draw(st.integers(20, 400 - y))
    colour = [draw(st.integers(0, 255)) for _ in range(3)]
    box = {"x": x, "y": y, "width": width, "height": height}
    return SUBJECT | box | {"colour": colour, "area_share": width * height / 240000}
