"""Ctrl-C and SIGTERM as wishes to stop, so that outputs are finished first."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

ASKED = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Caught:
    """Which signal came.

    Attributes:
        number: the signal's, None where none came.
    """

    number: int | None = None

    @property
    def code(self) -> int:
        """The exit status that shells expect: 0, or 128 and the signal's number."""
        return 0 if self.number is None else 128 + self.number


@contextmanager
def stopping(stop: threading.Event) -> Iterator[Caught]:
    """Within the block, the first Ctrl-C or SIGTERM sets `stop`; a second Ctrl-C interrupts.

    Handlers belong to the main thread; in another, nothing is caught.
    """
    caught = Caught()
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def note(number: int, _frame: FrameType | None) -> None:
        if caught.number is None:
            caught.number = number
            # Once only: a second signal (`timeout` sends two) that came in the middle of `set`
            # would wait for ever for the event's lock, which the first one holds.
            stop.set()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, note) for number in ASKED}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
