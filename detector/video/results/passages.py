"""Which faces are in a zone and which crossed a line, without counting a jittering box twice."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from detector.video.results.places import (
    Floats,
    Line,
    Zone,
    centre,
    depth,
    in_pixels,
    segments_cross,
    side,
)
from detector.video.types import Track

ENTERED = "entered"
LEFT = "left"
IN = "in"
OUT = "out"

MARGIN = 0.25
"""How far past an edge or line a face must be to count as past it, in heights of its box: boxes
jitter by a tenth of their height or so, and people who stand on a line sway."""


@dataclass(frozen=True)
class Passage:
    """A face went into or out of a zone, or across a line.

    Attributes:
        place: name of the zone or line.
        direction: ENTERED or LEFT for zones; IN or OUT for lines.
    """

    place: str
    direction: str


@dataclass
class _AtLine:
    """Where a face is towards a line: the side it is on for certain, or was seen on first, and its
    last position.

    `through` is whether it passed the line's stretch an odd number of times since it was last on
    a side for certain: who walks around the end of a line didn't cross it.
    """

    firm: bool
    last: Floats
    through: bool = False


@dataclass
class Follower:
    """Where one source's faces are towards its zones and lines.

    Attributes:
        zones, lines: those of this source.
    """

    zones: tuple[Zone, ...]
    lines: tuple[Line, ...]
    _inside: dict[int, set[str]] = field(default_factory=dict)
    _at: dict[tuple[int, str], _AtLine] = field(default_factory=dict)

    def update(self, track: Track, shape: tuple[int, ...]) -> list[Passage]:
        """Take one face's position in a frame of `shape` (height, width, ...)."""
        point, margin = centre(track.box), MARGIN * float(track.box[3] - track.box[1])
        new = track.id not in self._inside
        inside = self._inside.setdefault(track.id, set())
        found = []
        for zone in self.zones:
            deep = depth(in_pixels(zone.points, shape), point)
            if zone.name not in inside and deep >= (0 if new else margin):
                inside.add(zone.name)
                found.append(Passage(zone.name, ENTERED))
            elif zone.name in inside and deep < -margin:
                inside.remove(zone.name)
                found.append(Passage(zone.name, LEFT))
        for line in self.lines:
            direction = self._cross(track.id, line, in_pixels(line.points, shape), point, margin)
            found += [Passage(line.name, direction)] if direction else []
        return found

    def zones_of(self, track_id: int) -> tuple[str, ...]:
        """Names of the zones that a face is in, sorted."""
        return tuple(sorted(self._inside.get(track_id, ())))

    def forget(self, track_ids: Iterable[int]) -> None:
        """Drop faces that ended; what is kept stays as small as what is seen."""
        for track_id in track_ids:
            self._inside.pop(track_id, None)
            for line in self.lines:
                self._at.pop((track_id, line.name), None)

    def _cross(
        self, track_id: int, line: Line, ends: Floats, point: Floats, margin: float
    ) -> str | None:
        """IN or OUT where this position completes a crossing."""
        off = side(ends[0], ends[1], point)
        right = off >= 0
        at = self._at.get((track_id, line.name))
        if at is None:
            self._at[track_id, line.name] = _AtLine(right, point)
            return None
        at.through ^= segments_cross(ends[0], ends[1], at.last, point)
        at.last = point
        if abs(off) < margin:
            return None
        crossed = at.firm != right and at.through
        at.firm, at.through = right, False
        return (IN if right else OUT) if crossed else None
