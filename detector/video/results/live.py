"""What the web page shows: the newest picture of each source, counters, recent events."""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2

from data.images import Image, encode_image
from detector.video.results.counters import STATES, SourceCounts
from detector.video.results.events import SOURCE_BACK, SOURCE_LOST, Event, event_to_dict
from detector.video.types import Result

MOST_EVENTS = 100
WIDEST = 1280
"""px; larger pictures are made smaller for the page."""
QUALITY = 80
MOST_PER_SECOND = 15
STALE_AFTER = 10.0
"""Seconds without a picture after which a source counts as stopped."""


class Pictures:
    """The newest picture of one source, encoded once, when somebody wants it, in their thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._encoding = threading.Lock()
        self._newest: Image | None = None
        self._number = 0
        self._jpeg = b""
        self._jpeg_number = 0
        self._jpeg_time = 0.0
        self._closed = False
        self.encoded = 0

    def offer(self, picture: Image) -> None:
        """Take a new picture, (H, W, 3) uint8 BGR; it is kept as it is, not copied."""
        with self._changed:
            self._newest = picture
            self._number += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Wake all who wait: there will be no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, after: int, timeout: float) -> tuple[int, bytes] | None:
        """Number and JPEG of a picture later than number `after`; None if none comes in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or self._closed, timeout)
            if self._number <= after or self._closed:
                return None
        with self._encoding:
            fresh = time.monotonic() - self._jpeg_time < 1 / MOST_PER_SECOND
            if self._jpeg_number > after and fresh:
                return self._jpeg_number, self._jpeg
            with self._changed:
                number, picture = self._number, self._newest
            if number != self._jpeg_number and picture is not None:
                self._jpeg = encode_image(shrink(picture), ".jpg", QUALITY)
                self._jpeg_number, self._jpeg_time = number, time.monotonic()
                self.encoded += 1
            return self._jpeg_number, self._jpeg


def shrink(picture: Image) -> Image:
    """(H, W, 3) at most 1280 px wide, in its own proportions."""
    height, width = picture.shape[:2]
    if width <= WIDEST:
        return picture
    size = WIDEST, max(1, round(height * WIDEST / width))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(picture.dtype, copy=False)


@dataclass
class _Source:
    """One source's part of the page."""

    pictures: Pictures = field(default_factory=Pictures)
    arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=30))
    delays: deque[float] = field(default_factory=lambda: deque(maxlen=30))
    facts: dict[str, Any] = field(default_factory=dict)
    counts: SourceCounts | None = None
    lost: str | None = None


class Live:
    """Everything that viewers ask for; they and the video may be in different threads.

    Args:
        names: of the sources, in the order in which they are shown; others are added as they come.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._sources = {name: _Source() for name in names}
        self._events: deque[dict[str, Any]] = deque(maxlen=MOST_EVENTS)
        self._number = 0

    def update(
        self, result: Result, drawn: Image, events: Iterable[Event], counts: SourceCounts
    ) -> None:
        """Take a result, what happened with it and the counters. Never waits for a viewer."""
        now = time.monotonic()
        facts = counts_to_dict(counts)
        facts |= {"height": drawn.shape[0], "width": drawn.shape[1]}
        with self._lock:
            source = self._sources.setdefault(result.frame.source, _Source())
            source.arrivals.append(now)
            source.delays.append(now - result.frame.arrived)
            source.facts, source.counts, source.lost = facts, counts, None
            self._keep(events)
        source.pictures.offer(drawn)

    def note(self, events: Iterable[Event]) -> None:
        """Take what happened without a picture; the counters have seen it already."""
        events = list(events)
        with self._lock:
            self._keep(events)
            for event in events:
                source = self._sources.setdefault(event.source, _Source())
                if event.kind in (SOURCE_LOST, SOURCE_BACK):
                    source.lost = event.why if event.kind == SOURCE_LOST else None
                if source.counts:
                    source.facts |= counts_to_dict(source.counts)

    def _keep(self, events: Iterable[Event]) -> None:
        for event in events:
            self._number += 1
            self._events.append({"id": self._number, **event_to_dict(event)})

    def close(self) -> None:
        """Let all viewers go."""
        with self._lock:
            for source in self._sources.values():
                source.pictures.close()

    def pictures(self, name: str | None) -> Pictures | None:
        """Those of a source; of the first one where no name is given; None where there is none."""
        with self._lock:
            first = next(iter(self._sources), None)
            source = self._sources.get(name or first or "")
            return source.pictures if source else None

    def state(self, after: int = 0) -> dict[str, Any]:
        """What the page shows; of the events those later than number `after`, oldest first."""
        with self._lock:
            # After a restart numbers begin again: who knows later ones gets all.
            events = [e for e in self._events if e["id"] > after or after > self._number]
            return {
                "states": list(STATES),
                "sources": [
                    {"name": name, **_speed(source), **source.facts}
                    for name, source in self._sources.items()
                ],
                "events": events,
                "last_event": self._number,
            }

    def health(self, name: str | None = None) -> tuple[bool, dict[str, Any]]:
        """Whether pictures come (of one source, or of any), and the facts of each.

        The status is "ok", "partly" (of some sources, not of others), "lost", "stopped" or "no
        picture yet".
        """
        with self._lock:
            sources = {n: _speed(s) for n, s in self._sources.items() if name in (None, n)}
        good = any(s["live"] for s in sources.values())
        return good, {"status": _status(list(sources.values())), "sources": sources}


def _status(sources: list[dict[str, Any]]) -> str:
    if any(s["live"] for s in sources):
        return "ok" if all(s["live"] for s in sources) else "partly"
    if any(s["lost"] is not None for s in sources):
        return "lost"
    return "stopped" if any(s["age"] is not None for s in sources) else "no picture yet"


def _speed(source: _Source) -> dict[str, Any]:
    """Seconds since the last picture, whether that is recent, pictures/s, median delay, ms, and
    why it is lost, None where it isn't."""
    if not source.arrivals:
        return {"age": None, "live": False, "rate": 0.0, "delay_ms": None, "lost": source.lost}
    age = time.monotonic() - source.arrivals[-1]
    span = source.arrivals[-1] - source.arrivals[0]
    rate = (len(source.arrivals) - 1) / span if span > 0 else 0.0
    return {
        "age": round(age, 1),
        "live": age < STALE_AFTER and source.lost is None,
        "rate": round(rate, 1),
        "delay_ms": round(1000 * sorted(source.delays)[len(source.delays) // 2]),
        "lost": source.lost,
    }


def counts_to_dict(counts: SourceCounts) -> dict[str, Any]:
    """A source's counters for JSON."""
    tally = counts.everywhere
    return {
        "now": _by_state(tally.now),
        "seen": _by_state(tally.seen),
        "most": tally.most,
        "frames": counts.frames,
        "dropped": counts.dropped,
        "zones": [
            {"name": name, "now": _by_state(t.now), "seen": _by_state(t.seen)}
            for name, t in counts.zones.items()
        ],
        "lines": [
            {"name": name, "in": counts.lines[name, "in"].total(), "out": seen.total()}
            for (name, way), seen in counts.lines.items()
            if way == "out"
        ],
    }


def _by_state(counted: Mapping[str, int] | Counter[str]) -> dict[str, int]:
    return {state: counted.get(state, 0) for state in STATES}
