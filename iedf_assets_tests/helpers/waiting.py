"""Waiting for what other processes do."""

import time
from collections.abc import Callable
from typing import Any


def wait_for(look: Callable[[], Any], patience_s: float = 60.0, every_s: float = 0.1) -> Any:
    """What `look` returns as soon as it is true; a test that waits in vain fails."""
    deadline = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(every_s)
    return found
