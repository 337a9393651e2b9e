"""What of a photo is its subject, by a segmentation network in a local ONNX file.

| family | input | pixels | first output |
|---|---|---|---|
| U²-Net, U²-Netp | 1x3x320x320 | over the photo's maximum; ImageNet's mean and deviation | probability |
| ISNet (DIS) | 1x3x1024x1024, no attention | over 255; mean 0.5, deviation 1 | probability |
| BiRefNet | 1x3x1024x1024, attention | over 255; ImageNet's mean and deviation | logit, or probability |

Which one a file is, its graph tells. Attention is a `Softmax` among its operators.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from iedf_assets.core.arrays import Floats, Pixels
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.pictures.onnx.graph import Graph, read_graph
from iedf_assets.core.pictures.onnx.runtimes import by_onnxruntime, by_opencv

_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_EXPECTED = (
    "a network of one input, 1x3x320x320 (U²-Net, U²-Netp) or 1x3x1024x1024 (ISNet, BiRefNet), whose first "
    "output is a map of the subject"
)
# Below this the raw output's maximum says that there is no subject: stretched, it would show noise.
FAINT = 0.3


@dataclass(frozen=True)
class Family:
    """How a kind of network is asked.

    Attributes:
        side: of its square input, pixels.
        own_maximum: whether pixels are divided by the photo's maximum, not by 255.
        mean, deviation: of the scaled red, green and blue.
        logits: whether the output is yet to be squashed.
    """

    name: str
    side: int
    own_maximum: bool
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    logits: bool = False


U2NET = Family("U²-Net", 320, own_maximum=True, mean=_IMAGENET[0], deviation=_IMAGENET[1])
ISNET = Family("ISNet", 1024, own_maximum=False, mean=(0.5, 0.5, 0.5), deviation=(1.0, 1.0, 1.0))
BIREFNET = Family("BiRefNet", 1024, own_maximum=False, mean=_IMAGENET[0], deviation=_IMAGENET[1])


@dataclass(frozen=True)
class Answer:
    """What a network says of a photo.

    Attributes:
        probability: of belonging to the subject, float32 (H, W), 0 to 1, stretched from the least to the
            greatest.
        maximum: of the raw output, 0 to 1: how sure it is that there is a subject at all.
    """

    probability: Floats
    maximum: float

    @property
    def sees_subject(self) -> bool:
        """Whether the photo has a subject at all."""
        return self.maximum >= FAINT


def family_of(path: Path) -> tuple[Family, str]:
    """The family that an ONNX file's graph belongs to, and the name of the graph's first output.

    Raises:
        WorkerError: there is no such file, it is no ONNX file, or of no family that is known.
    """
    graph = read_graph(path)
    family = _family(graph)
    if family is None:
        shapes = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in graph.inputs.items())
        raise WorkerError(
            f"{path} is of no known family: its inputs are {shapes or 'none'}, its first output comes from "
            f"{graph.last or 'nothing'}",
            f"point model_file to {_EXPECTED}",
        )
    return family, graph.outputs[0]


def _family(graph: Graph) -> Family | None:
    shapes = list(graph.inputs.values())
    if len(shapes) != 1 or shapes[0][1:2] != (3,):
        return None
    sides, attends, squashed = shapes[0][2:], "Softmax" in graph.kinds, graph.last == "Sigmoid"
    if sides == (320, 320) and squashed:
        return U2NET
    if sides == (1024, 1024) and attends:
        return replace(BIREFNET, logits=not squashed)
    return ISNET if sides == (1024, 1024) and squashed else None


class Network:
    """A segmentation network. Threads may share it.

    The same pixels give the same answer, whatever was asked before and by however many threads.
    """

    def __init__(self, path: Path, runtime: str = "opencv", device: str = "auto") -> None:
        """Read the file's graph and load it once.

        Args:
            runtime: `opencv` or `onnxruntime`.
            device: of onnxruntime: `cpu`, `cuda`, `cuda:1` and so on, or `auto`.

        Raises:
            WorkerError: there is no such file, it is of no known family, or the runtime cannot run it.
        """
        self.family, output = family_of(path)
        if runtime == "opencv":
            self._forward = by_opencv(path, output)
        else:
            self._forward = by_onnxruntime(path, output, device)

    def ask(self, rgb: Pixels) -> Answer:
        """What of a photo is its subject.

        Args:
            rgb: uint8 (H, W, 3). It is reduced to the network's size, whatever its shape.
        """
        height, width = rgb.shape[:2]
        raw = self._forward(self._input(rgb)).reshape(self.family.side, -1)
        if self.family.logits:
            raw = np.reciprocal(1 + np.exp(-raw), dtype=np.float32)
        least, greatest = float(raw.min()), float(raw.max())
        stretched = (raw - least) / max(greatest - least, 1e-6)
        whole = cv2.resize(stretched, (width, height), interpolation=cv2.INTER_LINEAR)
        return Answer(np.asarray(whole, np.float32), greatest)

    def _input(self, rgb: Pixels) -> Floats:
        """The photo as the network wants it, float32 (1, 3, side, side)."""
        side = self.family.side
        method = cv2.INTER_AREA if max(rgb.shape[:2]) > side else cv2.INTER_LINEAR
        small = np.asarray(cv2.resize(rgb, (side, side), interpolation=method), np.float32)
        scale = max(float(small.max()), 1.0) if self.family.own_maximum else 255.0
        mean, deviation = (np.array(v, np.float32) for v in (self.family.mean, self.family.deviation))
        values = (small / np.float32(scale) - mean) / deviation
        return np.ascontiguousarray(values.transpose(2, 0, 1)[None])
