"""Tiny ONNX networks for tests, and the real one where set-up has brought it."""

import struct
from collections.abc import Sequence
from pathlib import Path

from iedf_assets.core.profile.checkpoints import small_network

# Kinds of numbers in onnx.proto.
_SINGLE, _HALF = 1, 10


def real_network() -> Path:
    """The small network; set-up brings it, so that its absence is a failure, not a reason to skip."""
    path = small_network()
    assert path.is_file(), f"{path} is not there: make models"
    return path


def put_network(
    path: Path,
    side: int = 320,
    *,
    gain: float = 8.0,
    squashed: bool = True,
    attends: bool = False,
    halved: bool = False,
    inputs: int = 1,
    channels: int = 3,
) -> Path:
    """Write a network that takes bright pixels for the subject: sigmoid(gain * the sum of the channels).

    Args:
        squashed: whether it ends with the sigmoid.
        attends: whether a softmax is among its nodes; such a network answers the same everywhere.
        halved: whether what it says is cast from half precision.
    """
    nodes = [_node("Conv", ["pixels", "weights"], ["summed"])]
    last = "summed"
    if attends:
        nodes.append(_node("Softmax", [last], ["attended"]))
        last = "attended"
    if squashed:
        nodes.append(_node("Sigmoid", [last], ["map"]))
        last = "map"
    if halved:
        nodes += [_cast(last, "half", to=_HALF), _cast("half", "whole", to=_SINGLE)]
        last = "whole"
    weights = [gain] * channels
    shape = (1, channels, side, side)
    graph = [
        *(_field(1, node) for node in nodes),
        _field(2, b"tiny"),
        _field(5, _tensor("weights", (1, channels, 1, 1), weights)),
        *(_field(11, _value(name, shape)) for name in ["pixels", "other", "third"][:inputs]),
        # As older exporters do.
        _field(11, _value("weights", (1, channels, 1, 1))),
        _field(12, _value(last, (1, 1, side, side))),
    ]
    opset = _number(2, 13)
    path.write_bytes(_number(1, 8) + _field(7, b"".join(graph)) + _field(8, opset))
    return path


def _cast(name: str, output: str, to: int) -> bytes:
    attribute = _field(1, b"to") + _number(3, to) + _number(20, 2)
    return _node("Cast", [name], [output]) + _field(5, attribute)


def _node(kind: str, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    named = [*(_field(1, name.encode()) for name in inputs), *(_field(2, name.encode()) for name in outputs)]
    return b"".join([*named, _field(4, kind.encode())])


def _tensor(name: str, shape: Sequence[int], values: Sequence[float]) -> bytes:
    dims = b"".join(_number(1, length) for length in shape)
    content = struct.pack(f"<{len(values)}f", *values)
    return dims + _number(2, 1) + _field(8, name.encode()) + _field(9, content)


def _value(name: str, shape: Sequence[int]) -> bytes:
    dims = b"".join(_field(1, _number(1, length)) for length in shape)
    tensor = _number(1, 1) + _field(2, dims)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
