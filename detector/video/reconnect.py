"""Live sources that come back: exponential back-off, each fault named once."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from data.exceptions import VideoError

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How a lost source is tried again.

    Attributes:
        first: wait before the first try, s.
        ceiling: longest wait, s.
        factor: each wait over the one before.
        jitter: share of a wait that is left to chance, so that many cameras behind one switch
            don't come back in one instant (AWS Architecture Blog, "Exponential backoff and
            jitter", 2015).
        settled: after so long without a fault the waits begin anew, s.
        stall: without a picture for so long, a source counts as lost, s.
    """

    first: float = 0.5
    ceiling: float = 30.0
    factor: float = 2.0
    jitter: float = 0.5
    settled: float = 10.0
    stall: float = 10.0


def back_off(attempt: int, patience: Patience, rng: np.random.Generator) -> float:
    """Seconds to wait before try `attempt` (0, 1, ...): growing up to a ceiling, part chance."""
    # The exponent is capped, for a source that is lost for days would overflow it.
    wait = min(patience.ceiling, patience.first * patience.factor ** min(attempt, 64))
    return float(wait * (1 - patience.jitter * rng.random()))


def keep_connected(
    connect: Callable[[], Iterator[T]],
    name: str,
    patience: Patience,
    *,
    stop: threading.Event,
    rng: np.random.Generator,
    must_start: bool = False,
    tell: Callable[[str, float], object] | None = None,
) -> Iterator[T]:
    """What `connect()` yields, connected again whenever it ends or fails, until `stop` is set.

    The log names each outage once when it begins (again only if the reason changes) and once
    when it ends.

    Args:
        connect: opens the source; its end counts as a fault.
        name: of the source, for the log.
        patience: waits and time limits.
        stop: ends it at once, also while it waits.
        rng: of the jitter.
        must_start: raise the first fault if it comes before the first item.
        tell: called when an outage begins, with its reason and 0, and when it is over, with ""
            and its seconds, before the next item.

    Raises:
        VideoError: only where `must_start`.
    """
    outage = _Outage(name, tell)
    attempt, delivered = 0, False
    while not stop.is_set():
        began = time.monotonic()
        try:
            for item in connect():
                delivered = True
                outage.over()
                yield item
                if stop.is_set():
                    return
            reason = "the stream ended"
        except VideoError as error:
            if must_start and not delivered:
                raise
            reason = str(error)
        if stop.is_set():
            return
        if delivered and time.monotonic() - began > patience.settled:
            attempt = 0
        outage.note(reason)
        stop.wait(back_off(attempt, patience, rng))
        attempt += 1


class _Outage:
    """Says once that a source is lost and why, and once that it is back."""

    def __init__(self, name: str, tell: Callable[[str, float], object] | None) -> None:
        self._name = name
        self._tell = tell or (lambda _reason, _seconds: None)
        self._reasons: set[str] = set()
        self._since = 0.0

    def note(self, reason: str) -> None:
        if not self._reasons:
            self._since = time.monotonic()
            log.warning("%s: lost (%s); trying again until it is back", self._name, reason)
            self._tell(reason, 0.0)
        elif reason not in self._reasons:
            log.warning("%s: still lost (%s)", self._name, reason)
        self._reasons.add(reason)

    def over(self) -> None:
        if self._reasons:
            seconds = time.monotonic() - self._since
            log.warning("%s: back after %.1f s", self._name, seconds)
            self._reasons.clear()
            self._tell("", seconds)
