from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_envs.services.errors import ServiceError
from model_envs.services.web.paths import inside, picture_path


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("base")
    (base / "secret.txt").write_text("x")
    (base / "root-beside").mkdir()
    (base / "root-beside" / "a.jpg").write_text("x")
    root = base / "root"
    (root / "物体" / "in").mkdir(parents=True)
    (root / "物体" / "in" / "a b 😀.jpg").write_text("x")
    (root / "out").symlink_to(base)
    (root / "loop").symlink_to(root / "loop")
    (root / "fine").symlink_to(root / "物体")
    return root


def test_what_lies_below_a_root_is_found(root: Path) -> None:
    whole = root / "物体" / "in" / "a b 😀.jpg"
    for text in (str(whole), "物体/in/a b 😀.jpg", "fine/in/a b 😀.jpg", "物体/../物体/in/a b 😀.jpg"):
        assert picture_path([root / "nothing", root], text, "image_path") == whole


def test_a_path_may_begin_with_the_roots_own_name(root: Path) -> None:
    assert picture_path([root], "root/物体/in/a b 😀.jpg", "image_path") == root / "物体/in/a b 😀.jpg"


@pytest.mark.parametrize(
    "text",
    ["..", "../secret.txt", "out/secret.txt", "/etc/passwd", "/dev/null", "loop", "a\0b", "x" * 9999, "",
     "物体", "../root-beside/a.jpg", "~", "nothing.jpg"],
)  # fmt: skip
def test_what_does_not_is_refused_whether_it_is_there_or_not(root: Path, text: str) -> None:
    with pytest.raises(ServiceError) as caught:
        picture_path([root], text, "image_path")
    assert caught.value.code == "invalid_input"


@given(
    parts=st.lists(st.sampled_from(["..", ".", "out", "fine", "物体", "in", "/", "secret.txt", "a b 😀.jpg"]))
)
def test_no_path_ever_leads_outside(root: Path, parts: list[str]) -> None:
    try:
        found = inside([root], "/".join(parts), "path")
    except ServiceError:
        return
    assert found.resolve().is_relative_to(root.resolve())
