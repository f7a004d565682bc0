"""The camera: boxes stay on what they box, pixels depend on the seed alone."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from data.manifest import FaceRecord
from synth.camera import bend, photograph
from synth.scene import Scene

BARE = FaceRecord("without_mask", [])


def disc(width: int, height: int, box: tuple[float, float, float, float]) -> Scene:
    """A dark picture whose one face is a bright ellipse that fills its box."""
    x1, y1, x2, y2 = box
    y, x = np.mgrid[:height, :width] + 0.5
    inside = np.hypot((x - (x1 + x2) / 2) / (x2 - x1) * 2, (y - (y1 + y2) / 2) / (y2 - y1) * 2) < 1
    image = np.where(inside[..., None], 230, 20).astype(np.uint8).repeat(3, -1)
    return Scene(image, np.array([box]), (BARE,), 3)


@st.composite
def discs(draw: st.DrawFn) -> Scene:
    width, height = draw(st.integers(80, 240)), draw(st.integers(80, 240))
    w, h = draw(st.integers(20, 60)), draw(st.integers(20, 60))
    x, y = draw(st.integers(0, width - w)), draw(st.integers(0, height - h))
    return disc(width, height, (x, y, x + w, y + h))


@given(discs(), st.floats(0, 1))
def test_boxes_follow_the_bent_face(scene: Scene, strength: float) -> None:
    bent = bend(scene, strength)
    height, width = scene.image.shape[:2]
    assume(len(bent.boxes) and (bent.boxes > 1).all())
    assume((bent.boxes < [width - 1, height - 1, width - 1, height - 1]).all())
    rows, columns = np.nonzero(bent.image[..., 0] > 125)
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    # The border is mirrored for half a pixel, and pixels are shared.
    assert bent.boxes[0] == pytest.approx(seen, abs=2.0)
    assert bent.image.shape == scene.image.shape
    assert (bent.records, bent.blurred) == (scene.records, scene.blurred)


def test_a_straight_lens_changes_nothing() -> None:
    scene = disc(120, 90, (30, 20, 70, 80))
    same = bend(scene, 0)
    assert (same.image == scene.image).all()
    assert same.boxes == pytest.approx(scene.boxes)


def test_a_wide_lens_shows_the_middle_larger_and_the_edge_smaller() -> None:
    middle = disc(200, 200, (85, 85, 115, 115))
    corner = disc(200, 200, (0, 0, 30, 30))
    assert np.ptp(bend(middle, 0.6).boxes[0, ::2]) > 40
    assert np.ptp(bend(corner, 0.6).boxes[0, ::2]) < 30


def test_faces_that_leave_the_picture_are_not_labelled() -> None:
    """At the middle of the upper side the lens shows what lies further in."""
    bent = bend(disc(200, 200, (90, 0, 110, 20)), 1.0)
    assert len(bent.boxes) == len(bent.records) == 0
    assert not (bent.image > 125).any()


@pytest.mark.parametrize("seed", range(12))
def test_effects_depend_on_the_generator_alone(seed: int) -> None:
    scene = disc(120, 90, (30, 20, 70, 80))
    first, again = (photograph(scene, np.random.default_rng(seed)) for _ in range(2))
    assert (first.image == again.image).all()
    assert first.image.dtype == np.uint8
    assert first.image.shape == scene.image.shape


def test_effects_differ() -> None:
    scene = disc(120, 90, (30, 20, 70, 80))
    pictures = {photograph(scene, np.random.default_rng(s)).image.tobytes() for s in range(20)}
    assert len(pictures) > 10
