"""Reading an ONNX file's graph without the onnx package."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iedf_assets.core.errors import WorkerError
from iedf_assets.core.pictures.onnx.graph import read_graph
from iedf_assets_tests.helpers.networks import put_network, real_network


def test_the_small_network_tells_its_input_its_outputs_and_what_it_is_made_of() -> None:
    graph = read_graph(real_network())
    assert graph.inputs == {"input.1": (1, 3, 320, 320)}
    assert len(graph.outputs) == 7
    assert graph.last == "Sigmoid"
    assert "Conv" in graph.kinds
    assert "Softmax" not in graph.kinds


def test_weights_among_the_inputs_are_none(tmp_path: Path) -> None:
    graph = read_graph(put_network(tmp_path / "n.onnx", 1024, squashed=False))
    assert graph.inputs == {"pixels": (1, 3, 1024, 1024)}
    assert (graph.outputs, graph.last) == (("summed",), "Conv")


def test_what_is_cast_is_made_by_what_is_cast(tmp_path: Path) -> None:
    graph = read_graph(put_network(tmp_path / "n.onnx", halved=True))
    assert (graph.outputs, graph.last) == (("whole",), "Sigmoid")


@pytest.mark.parametrize("content", [None, b"", b"not an onnx file", b"\x3a\x7fcut off"])
def test_what_is_no_network_is_told_as_such(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "n.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WorkerError, match="cannot be read as an ONNX network"):
        read_graph(path)


@given(cut=st.integers(0, 250), noise=st.binary(max_size=40))
@example(cut=175, noise=bytes(32))
def test_a_damaged_file_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, cut: int, noise: bytes
) -> None:
    path = put_network(tmp_path_factory.mktemp("n") / "n.onnx")
    path.write_bytes(path.read_bytes()[:cut] + noise)
    with suppress(WorkerError):
        read_graph(path)
