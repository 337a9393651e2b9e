"""What runs a segmentation network: OpenCV, which is always there, or onnxruntime, where it is installed.

The two agree within 0.0001 of a probability; onnxruntime is faster on a CPU and can use a GPU.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from iedf_assets.core.arrays import Floats
from iedf_assets.core.errors import WorkerError

Forward = Callable[[Floats], Floats]
"""From the input, float32 (1, 3, side, side), to the first output, float32. Threads may share it."""

_ELSE = "install the extra: pip install '.[onnxruntime]' (or onnxruntime-gpu); or set model.runtime: opencv"


def by_opencv(path: Path, output: str) -> Forward:
    """A network run by OpenCV on the CPU. Each thread runs a copy of its own, so that none waits.

    Raises:
        WorkerError: OpenCV cannot run it.
    """
    own = threading.local()

    def net() -> cv2.dnn.Net:
        if not hasattr(own, "net"):
            try:
                own.net = cv2.dnn.readNetFromONNX(str(path))
            except cv2.error as error:
                raise WorkerError(
                    f"OpenCV {cv2.__version__} cannot run {path}: {error}",
                    "set model.runtime to onnxruntime, which runs more kinds of networks (pip install "
                    "'.[onnxruntime]'), or model_file to another network",
                ) from error
        found: cv2.dnn.Net = own.net
        return found

    def forward(values: Floats) -> Floats:
        net().setInput(values)
        return np.asarray(net().forward(output), np.float32)

    net()
    return forward


def by_onnxruntime(path: Path, output: str, device: str) -> Forward:
    """A network run by onnxruntime.

    Args:
        device: `cpu`; `cuda`, with a number or without; `auto` is a GPU where onnxruntime has one.

    Raises:
        WorkerError: onnxruntime is not installed, has no such device, or cannot run the network.
    """
    try:
        import onnxruntime  # noqa: PLC0415  # an optional extra
    except ImportError as error:
        raise WorkerError(f"the runtime onnxruntime is not to be had: {error}", _ELSE) from error
    has_gpu = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if device.startswith("cuda") and not has_gpu:
        raise WorkerError(f"onnxruntime {onnxruntime.__version__} has no CUDA here", _ELSE)
    providers: list[Any] = ["CPUExecutionProvider"]
    if has_gpu and device != "cpu":
        number = int(device.partition(":")[2] or 0)
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": number}))
    options = onnxruntime.SessionOptions()
    # Photos are worked on side by side; a network takes one thread.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Planning the memory of a whole question takes half as much again of it, and saves no time.
    options.enable_mem_pattern = False
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    # Its errors have no family of their own.
    except Exception as error:
        raise WorkerError(
            f"onnxruntime {onnxruntime.__version__} cannot run {path}: {error}",
            "set model_file to another network",
        ) from error
    name = session.get_inputs()[0].name

    def forward(values: Floats) -> Floats:
        return np.asarray(session.run([output], {name: values})[0], np.float32)

    return forward
