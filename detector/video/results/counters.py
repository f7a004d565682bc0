"""How many people are and were there, by state: in all, in each zone, across each line."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from data.labels import CLASS_NAMES
from detector.video.results.events import LINE_CROSSED, Event, Observer
from detector.video.types import UNSURE, Result

STATES: tuple[str, ...] = (*CLASS_NAMES, UNSURE)


@dataclass
class Tally:
    """Faces of one place: each counts once, with its latest state.

    Attributes:
        now: there at the moment, by state.
        seen: ever there, by the state that each had last (one who put a mask on moves over).
        most: there at the same time at most.
    """

    now: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    most: int = 0
    _open: dict[int, str] = field(default_factory=dict)

    def update(self, states: Mapping[int, str]) -> None:
        """Take the states of all who are there now, by track id."""
        self.now = Counter(states.values())  # a new one: other threads may read the old one
        self.most = max(self.most, len(states))
        for track_id, state in states.items():
            before = self._open.get(track_id)
            if before != state:
                self.seen[state] += 1
                if before is not None:
                    self.seen[before] -= 1
                self._open[track_id] = state

    def forget(self, track_ids: Iterable[int]) -> None:
        """Drop the memory of tracks that ended; they stay counted."""
        for track_id in track_ids:
            self._open.pop(track_id, None)

    def empty(self) -> None:
        """All who were there have ended."""
        self.now = Counter()
        self._open.clear()


@dataclass
class SourceCounts:
    """The counters of one source.

    Attributes:
        first_clock, last_clock: of its first and its last frame, seconds since 1970.
        frames: results so far; `dropped`: frames passed over because newer ones were there.
        everywhere: faces in the whole picture.
        zones: by name.
        lines: by name and direction ("in", "out"); counts by state at the crossing.
    """

    first_clock: float
    last_clock: float
    everywhere: Tally
    zones: dict[str, Tally]
    lines: dict[tuple[str, str], Counter[str]]
    frames: int = 0
    dropped: int = 0


class Counters:
    """The counters of all sources; `observer` knows the places and who is in them."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.sources: dict[str, SourceCounts] = {}

    def update(self, result: Result, events: Iterable[Event]) -> SourceCounts:
        """Take a result and what happened with it; the observer has seen it already."""
        frame = result.frame
        counts = self.sources.get(frame.source)
        if counts is None:
            counts = self.sources[frame.source] = self._start(frame.source, frame.clock)
        counts.frames += 1
        counts.last_clock, counts.dropped = frame.clock, frame.dropped
        tallies = (counts.everywhere, *counts.zones.values())
        for tally in tallies:
            tally.forget(result.closed)
        states = {t.id: t.state for t in result.tracks}
        counts.everywhere.update(states)
        inside = {i: self._observer.zones_of(frame.source, i) for i in states}
        for name, tally in counts.zones.items():
            tally.update({i: s for i, s in states.items() if name in inside[i]})
        for event in events:
            if event.kind == LINE_CROSSED and event.place and event.direction and event.state:
                way = event.place, event.direction
                # A new one each time: other threads may be reading the old one.
                counts.lines[way] = counts.lines[way] + Counter([event.state])
        return counts

    def lose(self, source: str) -> None:
        """A source is lost: nobody is there that we know of."""
        if counts := self.sources.get(source):
            for tally in (counts.everywhere, *counts.zones.values()):
                tally.empty()

    def _start(self, source: str, clock: float) -> SourceCounts:
        zones, lines = self._observer.places_of(source)
        ways = [(line.name, way) for line in lines for way in ("in", "out")]
        return SourceCounts(
            clock, clock, Tally(), {z.name: Tally() for z in zones}, {w: Counter() for w in ways}
        )
