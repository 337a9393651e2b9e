"""An engine's process."""

import subprocess
import sys
import time

from model_envs.services.engines.process import has_ended


def test_a_child_that_was_killed_has_ended_before_anybody_waited_for_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert not has_ended(child.pid)
        child.kill()
        deadline = time.monotonic() + 10
        while not has_ended(child.pid):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        # It is not reaped: whoever waits for it still learns how it ended.
        assert child.returncode is None
        assert child.wait() < 0
        assert has_ended(child.pid)
