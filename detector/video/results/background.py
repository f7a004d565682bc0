"""Work beside the video: a thread with a bounded queue, and troubles that are named once."""

import logging
import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


class Trouble:
    """Names a trouble in the log when it begins and when it is over, not each time in between.

    Args:
        log: where to.
        what: what is wrong, without the reason.
        over: what to say when it works again.
    """

    def __init__(self, log: logging.Logger, what: str, over: str) -> None:
        self._log, self._what, self._over = log, what, over
        self.count = 0

    def report(self, reason: str) -> None:
        """It went wrong (again)."""
        self.count += 1
        if self.count == 1:
            self._log.warning("%s (%s); the video goes on", self._what, reason)

    def over(self) -> None:
        """It went well."""
        if self.count:
            self._log.warning("%s after %d failures", self._over, self.count)
        self.count = 0


class Background(Generic[T]):
    """Hands items to a function in a thread of its own; whoever puts them never waits.

    Args:
        name: for the thread and the log.
        handle: does the work; gets the item and an event that is set when the program wants to
            end, on which it gives up waiting.
        size: items that wait at most; further ones are dropped, counted, and named once.
        patience: seconds that leaving waits for what is queued.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[T, threading.Event], None],
        *,
        size: int = 64,
        patience: float = 5.0,
    ) -> None:
        self._name, self._handle, self._patience = name, handle, patience
        self._size = size
        self._queue: queue.Queue[T | None] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._taken = self._done = 0
        self.dropped = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for the queue for `patience` seconds, then give up what is left, and say so."""
        self._queue.put_nowait(None)
        self._thread.join(self._patience)
        self._stop.set()
        self._thread.join(1.0)
        if left := self._taken - self._done:
            log.warning("%s: gave up %d at the end", self._name, left)
        if self.dropped:
            log.warning("%s: %d were dropped in all", self._name, self.dropped)

    def put(self, item: T) -> bool:
        """Queue an item; False where it was dropped. From one thread only."""
        if self._taken - self._done >= self._size:
            self.dropped += 1
            if self.dropped == 1:
                log.warning(
                    "%s: %d wait already, so some are dropped; the video goes on",
                    self._name,
                    self._size,
                )
            return False
        self._taken += 1
        self._queue.put_nowait(item)
        return True

    def _work(self) -> None:
        while (item := self._queue.get()) is not None and not self._stop.is_set():
            self._handle(item, self._stop)
            self._done += 1
