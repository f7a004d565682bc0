"""What happens in a video: faces come, change and go, enter zones, cross lines."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from detector.video.results.passages import ENTERED, LEFT, Follower
from detector.video.results.places import Line, Zone
from detector.video.types import Frame, Outage, Result, Track

OPENED = "opened"
STATE = "state"
CLOSED = "closed"
ZONE_ENTERED = "zone_entered"
ZONE_LEFT = "zone_left"
LINE_CROSSED = "line_crossed"
SIZE = "size"
GAP = "gap"
SOURCE_LOST = "source_lost"
SOURCE_BACK = "source_back"

LONGEST_QUIET = 5.0
"""Seconds without a picture that are told as a GAP when the next one comes, unless the source was
lost: then SOURCE_LOST and SOURCE_BACK tell it."""

_ZONE_EVENTS = {ENTERED: ZONE_ENTERED, LEFT: ZONE_LEFT}


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: one of the words above.
        source: name of the source.
        frame: index of the frame in which it was noticed; for SOURCE_LOST and SOURCE_BACK, and
            tracks closed by the former, of the last frame before, 0 where none came yet.
        time: of that frame, seconds since the source's first; for SOURCE_LOST and SOURCE_BACK when
            it was noticed, on the same scale.
        clock: when that frame was decoded, or the outage noticed, seconds since 1970 (UTC).
        track: id of the face, unique within its source; None where the event is of no face.
        state: of the track, after the event.
        previous: state before it; None but for STATE.
        confidence: 0 to 1, the vote's share for `state`.
        score: 0 to 1, the detector's in this frame, 0 where it missed the face.
        box: [x1, y1, x2, y2], px; the last known one for CLOSED.
        duration: seconds from the track's first frame to the last in which it was there; for GAP,
            seconds without a picture; for SOURCE_BACK, seconds from SOURCE_LOST to it.
        zones: names of the zones that the face is in.
        place: name of the zone or line, for events of one.
        direction: "in" or "out", for LINE_CROSSED.
        why: for CLOSED: "gone", "size" (the frames changed size), "lost" (the source was lost) or
            "end" (the run ended); for SOURCE_LOST the reason in words, without passwords.
    """

    kind: str
    source: str
    frame: int
    time: float
    clock: float
    track: int | None = None
    state: str | None = None
    previous: str | None = None
    confidence: float | None = None
    score: float | None = None
    box: tuple[float, float, float, float] | None = None
    duration: float | None = None
    zones: tuple[str, ...] = ()
    place: str | None = None
    direction: str | None = None
    why: str | None = None


def utc_text(clock: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC, to the millisecond: "2026-11-22T03:41:55.120Z"."""
    return datetime.fromtimestamp(clock, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def event_to_dict(event: Event) -> dict[str, Any]:
    """An event for JSON; fields that it has no value for are left out.

    Times are rounded to milliseconds, boxes to tenths of a pixel, scores to thousandths.
    """
    raw: dict[str, Any] = {
        "event": event.kind,
        "utc": utc_text(event.clock),
        "time": round(event.time, 3),
        "source": event.source,
        "frame": event.frame,
        "track": event.track,
        "state": event.state,
        "previous": event.previous,
        "confidence": _rounded(event.confidence, 3),
        "score": _rounded(event.score, 3),
        "box": event.box and [round(v, 1) for v in event.box],
        "duration": _rounded(event.duration, 3),
        "zones": list(event.zones) or None,
        "place": event.place,
        "direction": event.direction,
        "why": event.why,
    }
    return {k: v for k, v in raw.items() if v is not None}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


@dataclass
class _Source:
    """What is known of one source."""

    follower: Follower
    frame: Frame | None = None
    was_lost: bool = False
    tracks: dict[int, Track] = field(default_factory=dict)
    seen_at: dict[int, float] = field(default_factory=dict)


class Observer:
    """Finds what happened by comparing each result with what was known before.

    Args:
        zones, lines: of all sources.
    """

    def __init__(self, zones: Iterable[Zone] = (), lines: Iterable[Line] = ()) -> None:
        self._zones, self._lines = tuple(zones), tuple(lines)
        self._sources: dict[str, _Source] = {}

    def places_of(self, source: str) -> tuple[tuple[Zone, ...], tuple[Line, ...]]:
        """The zones and the lines that hold for a source."""
        return (
            tuple(z for z in self._zones if z.source in (None, source)),
            tuple(n for n in self._lines if n.source in (None, source)),
        )

    def zones_of(self, source: str, track_id: int) -> tuple[str, ...]:
        """Names of the zones that a face is in."""
        known = self._sources.get(source)
        return known.follower.zones_of(track_id) if known else ()

    def update(self, result: Result) -> list[Event]:
        """What happened with this frame, in the order: its source, closed, each face's own."""
        frame = result.frame
        known = self._known(frame.source)
        here = frame.source, frame.index, frame.time, frame.clock
        told = known.frame is None or known.was_lost
        quiet = 0.0 if told or known.frame is None else frame.arrived - known.frame.arrived
        known.frame, known.was_lost = frame, False
        events = [Event(GAP, *here, duration=quiet)] if quiet > LONGEST_QUIET else []
        events += [Event(SIZE, *here)] if result.size_changed else []
        why = "size" if result.size_changed else "gone"
        events += [e for i in result.closed if (e := self._close(known, frame, i, why))]
        for track in result.tracks:
            events += self._follow(known, frame, track)
        return events

    def note(self, outage: Outage) -> list[Event]:
        """A source is lost, and with it its faces; or it is back."""
        known = self._known(outage.source)
        known.was_lost = True
        frame = known.frame
        place = (frame.index, frame.time + outage.noticed - frame.arrived) if frame else (0, 0.0)
        here = outage.source, *place, outage.clock
        if not outage.lost:
            return [Event(SOURCE_BACK, *here, duration=outage.seconds)]
        return [Event(SOURCE_LOST, *here, why=outage.reason), *self._close_all(known, "lost")]

    def finish(self) -> list[Event]:
        """Close what is still open when the run ends."""
        return [e for known in self._sources.values() for e in self._close_all(known, "end")]

    def _known(self, source: str) -> _Source:
        known = self._sources.get(source)
        if known is None:
            known = self._sources[source] = _Source(Follower(*self.places_of(source)))
        return known

    def _close_all(self, known: _Source, why: str) -> list[Event]:
        if known.frame is None:
            return []
        closed = (self._close(known, known.frame, i, why) for i in list(known.tracks))
        return [event for event in closed if event]

    def _close(self, known: _Source, frame: Frame, track_id: int, why: str) -> Event | None:
        """The event of a track's end; None for a track that never was confirmed."""
        track = known.tracks.pop(track_id, None)
        if track is None:
            return None
        zones = known.follower.zones_of(track_id)
        known.follower.forget([track_id])
        lasted = known.seen_at.pop(track_id) - track.first_time
        return _of_track(CLOSED, frame, track, duration=lasted, zones=zones, why=why)

    def _follow(self, known: _Source, frame: Frame, track: Track) -> list[Event]:
        before = known.tracks.get(track.id)
        known.tracks[track.id] = track
        known.seen_at[track.id] = frame.time
        passages = known.follower.update(track, frame.image.shape)
        zones = known.follower.zones_of(track.id)
        events = []
        if before is None:
            events.append(_of_track(OPENED, frame, track, zones=zones))
        elif before.state != track.state:
            events.append(_of_track(STATE, frame, track, previous=before.state, zones=zones))
        for passage in passages:
            kind = _ZONE_EVENTS.get(passage.direction, LINE_CROSSED)
            direction = passage.direction if kind == LINE_CROSSED else None
            place = passage.place
            events.append(
                _of_track(kind, frame, track, zones=zones, place=place, direction=direction)
            )
        return events


def _of_track(
    kind: str,
    frame: Frame,
    track: Track,
    *,
    zones: tuple[str, ...],
    duration: float | None = None,
    previous: str | None = None,
    place: str | None = None,
    direction: str | None = None,
    why: str | None = None,
) -> Event:
    x1, y1, x2, y2 = (float(v) for v in track.box)
    return Event(
        kind,
        frame.source,
        frame.index,
        frame.time,
        frame.clock,
        track=track.id,
        state=track.state,
        previous=previous,
        confidence=track.confidence,
        score=track.score,
        box=(x1, y1, x2, y2),
        duration=frame.time - track.first_time if duration is None else duration,
        zones=zones,
        place=place,
        direction=direction,
        why=why,
    )
