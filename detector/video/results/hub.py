"""One sink that finds what happened once, and passes it to all who asked."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from data.exceptions import MaskwatchError
from data.images import Image
from detector.draw import DARK, FONT, LIGHT
from detector.video.results.counters import Counters, SourceCounts
from detector.video.results.events import Event, Observer
from detector.video.results.places import Floats, Line, Zone, in_pixels
from detector.video.types import Outage, Result

log = logging.getLogger(__name__)

Taker = Callable[[Result, Image, list[Event], SourceCounts], Any]
"""Takes a result, the picture as it is shown, what happened with it, and its source's counters."""

Noter = Callable[[list[Event]], Any]
"""Takes what happens without a picture: a source is lost or back, faces are closed at the end."""


def _nothing(_: list[Event]) -> None:
    return None


@dataclass(frozen=True)
class Outlet:
    """One who is told what happened.

    Attributes:
        name: for the log and errors.
        take: called with every result, in order.
        note: called with what happens between results, in order with them, and at the end.
        failures: what to say of it when all is closed; nothing where all went well.
    """

    name: str
    take: Taker
    note: Noter = _nothing
    failures: Callable[[], list[str]] = list


_BLUE = (210, 140, 40)  # BGR, none of the classes' colours


class Hub:
    """The sink behind events, counters, snapshots, alerts and the page; draws the places, too.

    An outlet that fails is given up and named once; the others go on.

    Args:
        zones, lines: places of all sources.
        outlets: who is told, in this order.
    """

    def __init__(
        self,
        zones: Iterable[Zone] = (),
        lines: Iterable[Line] = (),
        outlets: Iterable[Outlet] = (),
    ) -> None:
        zones, lines = tuple(zones), tuple(lines)
        self.has_places = bool(zones or lines)
        self.observer = Observer(zones, lines)
        self.counters = Counters(self.observer)
        self._all = tuple(outlets)
        self._outlets = list(self._all)
        self._given_up: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pass_on(self.observer.finish())

    def __call__(self, result: Result, drawn: Image) -> None:
        """Take one result, as `Sink` says."""
        events = self.observer.update(result)
        counts = self.counters.update(result, events)
        for outlet in tuple(self._outlets):
            try:
                outlet.take(result, drawn, events, counts)
            except (OSError, MaskwatchError) as error:
                self._give_up(outlet, error)

    def note(self, outage: Outage) -> None:
        """Take an outage, as `Watcher` says."""
        events = self.observer.note(outage)
        if outage.lost:
            self.counters.lose(outage.source)
        self._pass_on(events)

    @property
    def failures(self) -> list[str]:
        """What failed, in whole or in part; to be asked when all outlets are closed."""
        return self._given_up + [text for outlet in self._all for text in outlet.failures()]

    def _pass_on(self, events: list[Event]) -> None:
        for outlet in tuple(self._outlets):
            try:
                outlet.note(events)
            except (OSError, MaskwatchError) as error:
                self._give_up(outlet, error)

    def _give_up(self, outlet: Outlet, error: OSError | MaskwatchError) -> None:
        self._outlets.remove(outlet)
        self._given_up.append(f"{outlet.name}: given up ({error})")
        log.warning("%s: given up (%s); the video goes on", outlet.name, error)

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
