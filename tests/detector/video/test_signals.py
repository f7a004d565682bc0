"""Signals stop a run, however many come."""

import os
import subprocess
import sys

import pytest

TWICE = """
import signal, threading
from detector.video.signals import stopping

class Interrupted(threading.Event):
    def set(self):
        with self._cond:
            signal.raise_signal(signal.SIGTERM)
        super().set()

event = Interrupted()
with stopping(event) as caught:
    signal.raise_signal(signal.SIGTERM)
print(event.is_set(), caught.code)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM from outside")
def test_second_signal_in_the_middle_of_the_first_hangs_nothing() -> None:
    command = [sys.executable, "-c", TWICE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "True 143\n"
