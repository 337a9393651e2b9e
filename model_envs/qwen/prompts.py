"""Reusing what a pipeline has encoded: prompts with their picture, and pictures by themselves.

Each edit encodes its negative prompt with the same picture as the edit before it, and every edit of a source
encodes the same picture. The pipelines have no cache, so their encoding methods get one.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import torch

from iedf_assets.core.profile.editors import LAYERED, editor_of

# A prompt's embeddings are about 10 MB, a picture's latents 1 MB.
ENTRIES = 16


class Reused:
    """A pipeline's encoders with a memory of the last results."""

    def __init__(self, pipe: Any) -> None:
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        # Inpainting pipelines sample their latents: encoding anew draws from the edit's generator. What an
        # unknown class does when it encodes, nobody knows.
        kind = type(pipe).__name__
        known = kind == LAYERED or editor_of(kind).known
        names = ("encode_prompt", *(() if editor_of(kind).mask else ("_encode_vae_image",)))
        for name in names if known else ():
            if hasattr(pipe, name):
                setattr(pipe, name, self._remembering(name, getattr(pipe, name)))

    def forget(self) -> None:
        """Free what is kept."""
        self._kept.clear()

    def _remembering(self, name: str, encode: Callable[..., Any]) -> Callable[..., Any]:
        def remembered(*args: Any, **kwargs: Any) -> Any:
            if kwargs.get("prompt_embeds") is not None:
                return encode(*args, **kwargs)
            # A generator seeds nothing here: the mode of the encoded distribution is taken.
            told = {key: value for key, value in kwargs.items() if key != "generator"}
            key = (name, _stamp(args), _stamp(told))
            if key in self._kept:
                self._kept.move_to_end(key)
            else:
                self._kept[key] = encode(*args, **kwargs)
                while len(self._kept) > ENTRIES:
                    self._kept.popitem(last=False)
            return self._kept[key]

        return remembered


def _stamp(value: Any) -> Hashable:
    """Something that is equal exactly when two values are."""
    if isinstance(value, torch.Tensor):
        content = value.detach().to("cpu", torch.float32).numpy().tobytes()
        return (tuple(value.shape), str(value.dtype), hashlib.sha256(content).hexdigest())
    if isinstance(value, dict):
        return tuple((key, _stamp(part)) for key, part in sorted(value.items()))
    if isinstance(value, list | tuple):
        return tuple(_stamp(part) for part in value)
    if hasattr(value, "tobytes") and hasattr(value, "size"):
        size = value.size if isinstance(value.size, tuple) else np.shape(value)
        return (size, hashlib.sha256(value.tobytes()).hexdigest())
    return str(value)
