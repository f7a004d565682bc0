"""Zones and lines: what is accepted, and where a point lies, against other formulas."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from data.exceptions import UsageError
from detector.video.results.places import (
    check_names,
    depth,
    in_pixels,
    parse_line,
    parse_zone,
    polygon_area,
    segments_cross,
    side,
)

coordinate = st.floats(0, 100, allow_nan=False).map(lambda v: round(v, 2))
point = st.tuples(coordinate, coordinate)


@pytest.mark.parametrize(
    ("text", "name", "source", "corners"),
    [
        pytest.param("door=0,0,1,0,1,1", "door", None, 3, id="triangle"),
        pytest.param("Tür 2.b-c=0,0,.5,0,.5,.5,0,.5", "Tür 2.b-c", None, 4, id="any letters"),
        pytest.param("door@cam 1=0,0,1,0,1,1e-1", "door", "cam 1", 3, id="one source"),
        pytest.param("a@b@c=d=0,0,1,0,1,1", "a", "b@c=d", 3, id="odd source"),
    ],
)
def test_zones_are_read(text: str, name: str, source: str | None, corners: int) -> None:
    zone = parse_zone(text)
    assert (zone.name, zone.source, zone.points.shape) == (name, source, (corners, 2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("0,0,1,0,1,1", "expected NAME=x1,y1", id="no name"),
        pytest.param("=0,0,1,0,1,1", "expected NAME=x1,y1", id="empty name"),
        pytest.param("a/b=0,0,1,0,1,1", "expected NAME=x1,y1", id="name with a slash"),
        pytest.param("<b>=0,0,1,0,1,1", "expected NAME=x1,y1", id="name with a tag"),
        pytest.param("a@=0,0,1,0,1,1", "expected NAME=x1,y1", id="empty source"),
        pytest.param("a=0,0,1,0", "three corners or more, but got 2", id="two corners"),
        pytest.param("a=0,0,1,0,1", "pairs x,y, but got 5", id="half a pair"),
        pytest.param("a=0,0,1,0,1,x", "expected numbers", id="no number"),
        pytest.param("a=0,0,1,0,1,nan", "0 to 1, but got nan", id="nan"),
        pytest.param("a=0,0,640,0,640,480", "got 640; divide pixels", id="pixels"),
        pytest.param("a=0,0,1,1,1,0,0,1", "from corner 1 and from corner 3", id="bow tie"),
        pytest.param("a=0,0,.5,.5,1,1", "expected an area", id="flat"),
    ],
)
def test_zones_that_make_no_sense(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_zone(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a=0,0,1,0,1,1", "expected two points, but got 3", id="three points"),
        pytest.param("a=.5,.5,.5,.5", "both are the same", id="no length"),
        pytest.param("a=.5,.5,.5,-1", "0 to 1, but got -1", id="outside"),
    ],
)
def test_lines_that_make_no_sense(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_line(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("second", "good"),
    [("b", True), ("a", False), ("a@x", False)],
    ids=["other name", "same name", "same name in one source"],
)
def test_names_are_unique_where_they_meet(second: str, good: bool) -> None:
    places = [parse_zone("a=0,0,1,0,1,1"), parse_line(f"{second}=0,0,1,1")]
    if good:
        check_names(places)
        return
    with pytest.raises(UsageError, match="'a' is two"):
        check_names(places)


def test_same_name_in_two_sources_is_fine() -> None:
    check_names([parse_line("a@x=0,0,1,1"), parse_line("a@y=0,0,1,1")])


@given(st.lists(point, min_size=3, max_size=8, unique=True), point)
def test_depth_against_angles_and_distances(corners, spot) -> None:
    """Inside by the sum of angles seen from the point, far by the distance to each edge.

    Corners are sorted by angle around their mean, which makes the polygon simple.
    """
    middle = np.mean(corners, axis=0)
    angles = [math.atan2(y - middle[1], x - middle[0]) for x, y in corners]
    assume(min(np.diff(sorted(angles)), default=0) > 1e-3)
    polygon = np.array([c for _, c in sorted(zip(angles, corners, strict=True))], float)
    assume(abs(polygon_area(polygon)) > 1)
    found = depth(polygon, np.array(spot))
    edges = list(zip(polygon, np.roll(polygon, -1, axis=0), strict=True))
    far = min(_distance(np.array(spot), a, b) for a, b in edges)
    assert abs(found) == pytest.approx(far, abs=1e-3)
    assume(far > 1e-2)
    turned = sum(_turn(np.array(spot), a, b) for a, b in edges)
    assert (found > 0) == (abs(turned) > math.pi)


def _distance(spot, a, b) -> float:
    along = b - a
    share = np.clip(np.dot(spot - a, along) / np.dot(along, along), 0, 1)
    return float(np.linalg.norm(spot - a - share * along))


def _turn(spot, a, b) -> float:
    """Signed angle from a to b as seen from the spot."""
    (ax, ay), (bx, by) = a - spot, b - spot
    return math.atan2(ax * by - ay * bx, ax * bx + ay * by)


@given(point, point, point)
def test_side_is_the_distance_from_the_line(a, b, c) -> None:
    assume(math.dist(a, b) > 1)
    # Heron: twice the triangle's area by its base.
    sides = math.dist(a, b), math.dist(b, c), math.dist(c, a)
    half = sum(sides) / 2
    area = math.sqrt(max(math.prod([half, *(half - s for s in sides)]), 0))
    found = side(np.array(a), np.array(b), np.array(c))
    assert abs(found) == pytest.approx(2 * area / sides[0], abs=0.05)


def test_right_of_a_line_to_the_right_is_below() -> None:
    assert side(np.array([0.0, 5]), np.array([10.0, 5]), np.array([3.0, 7])) == 2


@given(point, point, point, point)
def test_crossing_segments_against_their_parameters(a, b, c, d) -> None:
    matrix = np.array([[b[0] - a[0], c[0] - d[0]], [b[1] - a[1], c[1] - d[1]]])
    assume(abs(np.linalg.det(matrix)) > 1e-2)
    t, u = np.linalg.solve(matrix, [c[0] - a[0], c[1] - a[1]])
    assume(all(abs(v) > 1e-6 and abs(v - 1) > 1e-6 for v in (t, u)))
    expected = 0 < t < 1 and 0 < u < 1
    assert segments_cross(*(np.array(p) for p in (a, b, c, d))) == expected


def test_fractions_follow_the_frame() -> None:
    points = np.array([[0.5, 0.5], [1, 0]])
    assert in_pixels(points, (100, 200, 3)).tolist() == [[100, 50], [200, 0]]
