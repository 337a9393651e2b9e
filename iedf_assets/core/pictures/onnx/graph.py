"""What an ONNX file says of its graph, read without the onnx package: inputs, outputs, kinds of nodes.

Only the few fields of the protocol buffer that say so are looked at; weights are skipped, however large.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iedf_assets.core.errors import WorkerError

# Field numbers of onnx.proto.
_GRAPH = 7
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_KIND = 1, 2, 4
_TENSOR_NAME = 8
_VALUE_NAME, _VALUE_TYPE, _TENSOR_TYPE, _SHAPE, _DIMENSION, _LENGTH = 1, 2, 1, 2, 1, 1

Field = tuple[int, int | memoryview]


@dataclass(frozen=True)
class Graph:
    """A network's outside, and what it is made of.

    Attributes:
        inputs: name → shape of what it is given; 0 stands for a length that is not fixed.
        outputs: names, in order.
        kinds: the operators that it uses.
        last: the operator that makes the first output, or what is cast to it, as in files with weights of
            half precision; empty when none does.
    """

    inputs: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...]
    kinds: frozenset[str]
    last: str


def read_graph(path: Path) -> Graph:
    """The graph of an ONNX file.

    Raises:
        WorkerError: there is no such file, or it is no ONNX file.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return _graph(content)
            except (ValueError, IndexError, TypeError, StopIteration) as error:
                # What an error traces back to are views of the mapping, which cannot close before they go.
                problem = str(error)
    except (OSError, ValueError) as error:
        problem = str(error)
    raise WorkerError(
        f"{path} cannot be read as an ONNX network: {problem or 'it is cut off'}",
        "point model_file to a whole .onnx file",
    )


def _graph(content: mmap.mmap) -> Graph:
    # No view of the mapping may outlive this: it would keep the file from being closed.
    with memoryview(content) as whole:
        inputs: dict[str, tuple[int, ...]] = {}
        weights: set[str] = set()
        outputs: list[str] = []
        made_by: dict[str, str] = {}
        cast_from: dict[str, str] = {}
        for number, value in _fields(_one(whole, _GRAPH)):
            if number == _NODE:
                kind = _text(_one(value, _NODE_KIND))
                made_by.update({_text(name): kind for name in _all(value, _NODE_OUTPUT)})
                if kind == "Cast":
                    cast_from[_text(_one(value, _NODE_OUTPUT))] = _text(_one(value, _NODE_INPUT))
            elif number == _INITIALIZER:
                weights.update(_text(name) for name in _all(value, _TENSOR_NAME))
            elif number == _INPUT:
                inputs[_text(_one(value, _VALUE_NAME))] = _shape(value)
            elif number == _OUTPUT:
                outputs.append(_text(_one(value, _VALUE_NAME)))
    if not outputs:
        raise ValueError("its graph has no output")
    # Older files list their weights among the inputs.
    given = {name: shape for name, shape in inputs.items() if name not in weights}
    last = outputs[0]
    while last in cast_from:
        last = cast_from.pop(last)
    return Graph(given, tuple(outputs), frozenset(made_by.values()), made_by.get(last, ""))


def _shape(value: int | memoryview) -> tuple[int, ...]:
    tensor = _one(_one(value, _VALUE_TYPE), _TENSOR_TYPE)
    lengths = (dict(_fields(one)).get(_LENGTH, 0) for one in _all(_one(tensor, _SHAPE), _DIMENSION))
    return tuple(length if isinstance(length, int) else 0 for length in lengths)


def _one(message: int | memoryview, wanted: int) -> memoryview:
    return next(_all(message, wanted))


def _all(message: int | memoryview, wanted: int) -> Iterator[memoryview]:
    for number, value in _fields(message):
        if number == wanted and isinstance(value, memoryview):
            yield value


def _text(value: memoryview) -> str:
    return bytes(value).decode("utf-8")


def _fields(message: int | memoryview) -> Iterator[Field]:
    """The fields of a message: number and value; fixed-width numbers are not of interest and come as 0."""
    if not isinstance(message, memoryview):
        raise TypeError("a number stands where a message was expected")
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, place = _varint(message, place)
            yield number, value
        elif wire == 2:
            length, place = _varint(message, place)
            if place + length > len(message):
                raise ValueError("it is cut off")
            yield number, message[place : place + length]
            place += length
        elif wire in {1, 5}:
            yield number, 0
            place += 8 if wire == 1 else 4
        else:
            raise ValueError("it is no protocol buffer")


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = message[place]
        place += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result, place
        shift += 7
