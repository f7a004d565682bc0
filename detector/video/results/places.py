"""Zones and lines in the picture: reading them, and what lies inside or crosses.

Corners are fractions of the frame's width and height, 0 to 1 from its top left, so that they
hold when a stream changes its size and for sources of different sizes. A face counts where the
centre of its box is.
"""

import itertools
import re
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.exceptions import UsageError

Floats = NDArray[np.float64]

_NAME = re.compile(
    r"[^\W_][\w .\-]{0,39}"
)  # letters of any script; no sign that a CSV or URL minds
_LEAST_AREA = 1e-5  # of the frame: some 3 x 3 px of 1280 x 720
_LEAST_LENGTH = 1e-3


@dataclass(frozen=True, eq=False)
class Zone:
    """A named polygon.

    Attributes:
        name: unique among the run's zones and lines.
        points: (N, 2) float64 [x, y], fractions of the frame, N >= 3; its edges don't cross.
        source: the one source that it is for; None for all.
    """

    name: str
    points: Floats
    source: str | None = None


@dataclass(frozen=True, eq=False)
class Line:
    """A named line from a first to a second point.

    Going `in` is to cross it towards the right hand of somebody who looks from the first point
    to the second: downwards for a line from left to right. Swap the points to swap both ways.

    Attributes:
        name: unique among the run's zones and lines.
        points: (2, 2) float64 [x, y], fractions of the frame.
        source: the one source that it is for; None for all.
    """

    name: str
    points: Floats
    source: str | None = None


def parse_zone(text: str) -> Zone:
    """A zone from "NAME=x1,y1,x2,y2,x3,y3,..." or "NAME@SOURCE=...".

    Raises:
        UsageError: if the name or a number makes no sense, there are fewer than three corners,
            edges cross or the area is next to nothing.
    """
    name, source, points = _parse(text, "--zone")
    if len(points) < 3:
        raise UsageError(f"--zone {name}: expected three corners or more, but got {len(points)}")
    if crossing := _crossing_edges(points):
        raise UsageError(
            f"--zone {name}: expected edges that don't cross, but those from corner "
            f"{crossing[0] + 1} and from corner {crossing[1] + 1} do; "
            "name the corners in the order around the zone"
        )
    if abs(polygon_area(points)) < _LEAST_AREA:
        raise UsageError(f"--zone {name}: expected an area, but its corners lie on a line")
    return Zone(name, points, source)


def parse_line(text: str) -> Line:
    """A line from "NAME=x1,y1,x2,y2" or "NAME@SOURCE=...".

    Raises:
        UsageError: if the name or a number makes no sense, or there aren't two distinct points.
    """
    name, source, points = _parse(text, "--line")
    if len(points) != 2:
        raise UsageError(f"--line {name}: expected two points, but got {len(points)}")
    if np.hypot(*(points[1] - points[0])) < _LEAST_LENGTH:
        raise UsageError(f"--line {name}: expected two points apart, but both are the same")
    return Line(name, points, source)


def _parse(text: str, option: str) -> tuple[str, str | None, Floats]:
    """Name, source and (N, 2) points; a source's name may hold "=" and "@", a place's may not."""
    head, equals, numbers = text.rpartition("=")
    name, at, source = head.partition("@")
    if not equals or not _NAME.fullmatch(name) or (at and not source):
        raise UsageError(
            f"{option}: expected NAME=x1,y1,x2,y2,... or NAME@SOURCE=x1,y1,x2,y2,... with a name "
            f"of up to 40 letters, digits, spaces, dots and dashes, but got {text!r}"
        )
    try:
        values = [float(v) for v in numbers.split(",")]
    except ValueError as error:
        raise UsageError(f"{option} {name}: expected numbers, but got {numbers!r}") from error
    if len(values) % 2:
        raise UsageError(f"{option} {name}: expected pairs x,y, but got {len(values)} numbers")
    outside = [v for v in values if not 0 <= v <= 1]  # catches nan, too
    if outside:
        raise UsageError(
            f"{option} {name}: expected fractions of the frame's width and height, 0 to 1, but "
            f"got {outside[0]:g}; divide pixels by the frame's width or height"
        )
    return name, source or None, np.array(values, dtype=np.float64).reshape(-1, 2)


def check_names(places: list[Zone | Line]) -> None:
    """Assert that no two places that can meet in one source share a name.

    Raises:
        UsageError: naming the first that does.
    """
    for a, b in itertools.combinations(places, 2):
        if a.name == b.name and (a.source is None or b.source is None or a.source == b.source):
            raise UsageError(f"expected each zone and line to have its own name; {a.name!r} is two")


def polygon_area(points: Floats) -> float:
    """Signed area of an (N, 2) polygon by the shoelace formula, in units of its points squared."""
    x, y = points.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def _crossing_edges(points: Floats) -> tuple[int, int] | None:
    """Numbers of the first two edges that cross, by the corner they start from; None for none."""
    count = len(points)
    for i, j in itertools.combinations(range(count), 2):
        if j - i in (1, count - 1):  # neighbours share a corner
            continue
        if segments_cross(*points[[i, (i + 1) % count, j, (j + 1) % count]]):
            return i, j
    return None


def segments_cross(a: Floats, b: Floats, c: Floats, d: Floats) -> bool:
    """Whether the segments ab and cd, each point (2,), cross; a point on a line is right of it."""
    return (side(a, b, c) >= 0) != (side(a, b, d) >= 0) and (side(c, d, a) >= 0) != (
        side(c, d, b) >= 0
    )


def side(first: Floats, second: Floats, point: Floats) -> float:
    """Signed distance of a point from the line through two others, in their unit.

    Positive right of it, as seen in the picture (y downwards) by who looks from first to second.
    """
    (dx, dy), (px, py) = second - first, point - first
    length = float(np.hypot(dx, dy))
    return float(dx * py - dy * px) / length if length else 0.0


def depth(polygon: Floats, point: Floats) -> float:
    """How deep a point lies in a polygon: its distance from the nearest edge, negative outside.

    Args:
        polygon: (N, 2), px.
        point: (2,), px.
    """
    contour = polygon.astype(np.float32).reshape(-1, 1, 2)
    return float(cv2.pointPolygonTest(contour, (float(point[0]), float(point[1])), True))


def centre(box: Floats) -> Floats:
    """Centre [x, y] of a box (4,) [x1, y1, x2, y2]."""
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])


def in_pixels(points: Floats, shape: tuple[int, ...]) -> Floats:
    """(N, 2) fractions to pixels of a picture of `shape` (height, width, ...)."""
    return points * np.array([shape[1], shape[0]], dtype=np.float64)
