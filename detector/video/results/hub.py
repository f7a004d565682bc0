"""One sink that finds what happened once, and passes it to all who asked."""

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from data.images import Image
from detector.draw import DARK, FONT, LIGHT
from detector.video.results.counters import Counters, SourceCounts
from detector.video.results.events import Event, Observer
from detector.video.results.places import Floats, Line, Zone, in_pixels
from detector.video.types import Result

Taker = Callable[[Result, Image, list[Event], SourceCounts], Any]
"""Takes a result, the picture as it is shown, what happened with it, and its source's counters."""

Finisher = Callable[[list[Event]], Any]
"""Takes what happens when the run ends: faces that were still there are closed."""

_BLUE = (210, 140, 40)  # BGR, none of the classes' colours


class Hub:
    """The sink behind events, counters, snapshots, alerts and the page; draws the places, too.

    Args:
        zones, lines: places of all sources.
        takers: called with every result, in order.
        finishers: called once, when the hub is left.
    """

    def __init__(
        self,
        zones: Iterable[Zone] = (),
        lines: Iterable[Line] = (),
        takers: Iterable[Taker] = (),
        finishers: Iterable[Finisher] = (),
    ) -> None:
        zones, lines = tuple(zones), tuple(lines)
        self.has_places = bool(zones or lines)
        self.observer = Observer(zones, lines)
        self.counters = Counters(self.observer)
        self._takers, self._finishers = tuple(takers), tuple(finishers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        events = self.observer.finish()
        for finish in self._finishers:
            finish(events)

    def __call__(self, result: Result, drawn: Image) -> None:
        """Take one result, as `Sink` says."""
        events = self.observer.update(result)
        counts = self.counters.update(result, events)
        for take in self._takers:
            take(result, drawn, events, counts)

    def paint(self, result: Result, canvas: Image) -> None:
        """Draw the source's zones and lines into (H, W, 3) uint8 BGR, as `Painter` says.

        The numbers beside their names are those of the result before.
        """
        zones, lines = self.observer.places_of(result.frame.source)
        counts = self.counters.sources.get(result.frame.source)
        for zone in zones:
            now = counts.zones[zone.name].now.total() if counts else 0
            draw_zone(canvas, zone, now)
        for line in lines:
            ways = [counts.lines[line.name, w].total() if counts else 0 for w in ("in", "out")]
            draw_line(canvas, line, ways[0], ways[1])


def draw_zone(canvas: Image, zone: Zone, now: int) -> None:
    """Draw a zone's outline and "NAME: NOW" at its first corner."""
    points = in_pixels(zone.points, canvas.shape)
    _stroke(canvas, points, closed=True)
    _write(canvas, f"{_ascii(zone.name)}: {now}", points[0])


def draw_line(canvas: Image, line: Line, inward: int, outward: int) -> None:
    """Draw a line, an arrow to its inner side, and "NAME: IN in, OUT out" at its first point."""
    points = in_pixels(line.points, canvas.shape)
    _stroke(canvas, points, closed=False)
    along = points[1] - points[0]
    right = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
    middle = points.mean(axis=0)
    tip = middle + right * max(canvas.shape[:2]) / 40
    _stroke(canvas, np.stack([middle, tip]), closed=False, arrow=True)
    _write(canvas, f"{_ascii(line.name)}: {inward} in, {outward} out", points[0])


def _stroke(canvas: Image, points: Floats, *, closed: bool, arrow: bool = False) -> None:
    """A line with a dark rim, seen on any ground."""
    width = max(1, round(max(canvas.shape[:2]) / 600))
    corners = np.rint(points).astype(np.int32)
    for colour, thick in ((DARK, width + 2), (_BLUE, width)):
        if arrow:
            ends = [(int(x), int(y)) for x, y in corners]
            cv2.arrowedLine(canvas, ends[0], ends[1], colour, thick, cv2.LINE_AA, tipLength=0.4)
        else:
            cv2.polylines(canvas, [corners], closed, colour, thick, cv2.LINE_AA)


def _write(canvas: Image, text: str, corner: Floats) -> None:
    """Text in a blue field at a corner, moved into the picture."""
    scale = max(0.4, max(canvas.shape[:2]) / 2400)
    weight = max(1, round(scale * 1.5))
    (width, tall), below = cv2.getTextSize(text, FONT, scale, weight)
    x = int(np.clip(round(float(corner[0])), 0, max(canvas.shape[1] - width - 6, 0)))
    y = int(np.clip(round(float(corner[1])), 0, max(canvas.shape[0] - tall - below - 4, 0)))
    cv2.rectangle(canvas, (x, y), (x + width + 5, y + tall + below + 3), _BLUE, cv2.FILLED)
    cv2.putText(canvas, text, (x + 3, y + tall + 2), FONT, scale, LIGHT, weight, cv2.LINE_AA)


def _ascii(name: str) -> str:
    """What OpenCV's fonts have; "?" for other letters."""
    return name.encode("ascii", "replace").decode("ascii")
