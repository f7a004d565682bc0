"""Entering zones and crossing lines: each once, however a box jitters."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.video.results.passages import MARGIN, Follower
from detector.video.results.places import parse_line, parse_zone
from detector.video.types import Track

SHAPE = 1000, 1000, 3
FACE = 100.0  # height of a face, px: the margin is 25 px
LINE = parse_line("line=0.5,0.2,0.5,0.8")  # downwards at x = 500, from y = 200 to 800
ZONE = parse_zone("zone=0.5,0,1,0,1,1,0.5,1")  # the right half


def face(x: float, y: float, number: int = 1) -> Track:
    """A face whose box has its centre at (x, y)."""
    half = FACE / 2
    box = np.array([x - half, y - half, x + half, y + half])
    return Track(number, box, "with_mask", 1.0, 1.0, "with_mask", 0.0, 0, 1)


def walk(points, follower=None) -> list[str]:
    """Directions of all passages along a path."""
    follower = follower or Follower((), (LINE,))
    return [p.direction for x, y in points for p in follower.update(face(x, y), SHAPE)]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        pytest.param([(400, 500), (600, 500)], ["out"], id="to the right"),
        pytest.param([(600, 500), (400, 500)], ["in"], id="to the left"),
        pytest.param([(400, 500), (600, 500), (400, 500)], ["out", "in"], id="there and back"),
        pytest.param([(400, 500), (510, 500), (490, 500), (400, 500)], [], id="turns on the line"),
        pytest.param([(490, 500), (600, 500)], ["out"], id="appears close to it"),
        pytest.param([(400, 900), (600, 900)], [], id="below its end"),
        pytest.param([(400, 500), (400, 900), (600, 900), (600, 500)], [], id="around its end"),
        pytest.param([(400, 500), (520, 500), (520, 900), (600, 900)], ["out"], id="then along"),
        pytest.param([(400, 900), (600, 900), (600, 500), (400, 500)], ["in"],
                     id="around its end and back through"),
        pytest.param([(400, 500), (500, 500), (600, 500)], ["out"], id="exactly on it"),
        pytest.param([(100, 500), (900, 500)], ["out"], id="fast"),
    ],
)  # fmt: skip
def test_crossings(points, expected) -> None:
    assert walk(points) == expected


@given(st.lists(st.floats(-24, 24), max_size=40), st.booleans())
def test_jitter_on_the_line_counts_at_most_once(jitter, crosses) -> None:
    """However the box trembles within the margin, only where it comes from and goes to counts."""
    path = [(400, 500), *((500 + j, 500) for j in jitter), (600 if crosses else 400, 500)]
    assert walk(path) == (["out"] if crosses else [])


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(210, 790)), min_size=2, max_size=30))
def test_ins_less_outs_are_the_net_way(points) -> None:
    """Within the line's stretch, ins and outs alternate and add up to the change of side."""
    far = [(x, y) for x, y in points if abs(x - 500) > MARGIN * FACE]
    counts = Counter(walk(points))
    if far:
        sides = [x < 500 for x, _ in [points[0], far[-1]]]
        assert counts["in"] - counts["out"] == sides[1] - sides[0]
    passages = walk(points)
    assert all(a != b for a, b in pairwise(passages))


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1000)), min_size=1, max_size=30))
def test_zone_is_entered_and_left_in_turn(points) -> None:
    follower = Follower((ZONE,), ())
    passages = walk(points, follower)
    assert passages == ["entered", "left"] * (len(passages) // 2) + ["entered"] * (
        len(passages) % 2
    )
    x, y = points[-1]
    deep = min(x - 500, y, 1000 - y, 1000 - x)
    if abs(deep) > MARGIN * FACE:  # far from every edge there is no doubt
        assert bool(follower.zones_of(1)) == (deep > 0)


@pytest.mark.parametrize(
    ("xs", "expected"),
    [
        pytest.param([501], ["entered"], id="appears just inside"),
        pytest.param([499, 510, 499, 520], [], id="trembles outside"),
        pytest.param([499, 530, 490, 510], ["entered"], id="enters and trembles"),
        pytest.param([530, 470, 530], ["entered", "left", "entered"], id="leaves and returns"),
    ],
)
def test_zone_edges(xs, expected) -> None:
    assert walk([(x, 500) for x in xs], Follower((ZONE,), ())) == expected


def test_ended_tracks_are_forgotten_and_others_kept_apart() -> None:
    follower = Follower((ZONE,), (LINE,))
    for x in (400, 600):
        for number in (1, 2):
            follower.update(face(x if number == 1 else 400, 500, number), SHAPE)
    assert follower.zones_of(1) == ("zone",)
    assert follower.zones_of(2) == ()
    follower.forget([1, 2])
    assert follower.zones_of(1) == ()
    assert not follower._inside
    assert not follower._at


def test_margin_scales_with_the_face() -> None:
    small = face(510, 500)
    small = Track(**{**vars(small), "box": np.array([505.0, 495, 515, 505])})
    follower = Follower((ZONE,), ())
    follower.update(Track(**{**vars(small), "box": np.array([485.0, 495, 495, 505])}), SHAPE)
    assert [p.direction for p in follower.update(small, SHAPE)] == ["entered"]
