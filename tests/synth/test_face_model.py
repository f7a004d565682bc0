"""The mean face and its placement in pictures."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import NoFacesError
from synth.face_model import (
    LEFT_EAR,
    RIGHT_EAR,
    Floats,
    Placement,
    landmarks_to_box,
    landmarks_to_five,
    mean_face,
    mean_five,
    place_by_box,
    place_by_five_points,
    place_by_landmarks,
    surface_depth,
)
from synth.structure import MIRROR

MakeRotation = Callable[[float, float, float], Floats]

scales = st.floats(5, 800)
offsets = st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)).map(np.array)
# Straight down (pitch 90) yaw and roll are one: stay away from it.
poses = st.tuples(st.floats(-75, 75), st.floats(-50, 50), st.floats(-170, 170))


def test_mean_face_has_the_stated_axes() -> None:
    face = mean_face()
    assert face.shape == (68, 3)
    assert face[27] == pytest.approx([0, 0, 0])
    assert face[8] == pytest.approx([0, 1, 0], abs=0.01)
    assert face[MIRROR] * [-1, 1, 1] == pytest.approx(face, abs=0.0011)
    assert face[30, 2] == face[:, 2].max()  # the nose tip stands out most
    assert face[36, 0] < face[45, 0]
    assert not face.flags.writeable


@given(scales, offsets, poses)
def test_pose_is_recovered_from_projected_landmarks(
    rotate: MakeRotation, scale: float, offset: Floats, pose: tuple[float, float, float]
) -> None:
    true = Placement(scale, rotate(*pose), offset, np.zeros((68, 2)))
    landmarks = true.project(mean_face())
    found = place_by_landmarks(landmarks)
    assert found.scale == pytest.approx(scale, rel=1e-6)
    assert found.rotation == pytest.approx(true.rotation, abs=1e-6)
    assert found.offset == pytest.approx(offset, abs=1e-5)
    assert found.residuals == pytest.approx(np.zeros((68, 2)), abs=1e-5)
    assert found.angles == pytest.approx(true.angles, abs=1e-4)
    five = place_by_five_points(landmarks_to_five(landmarks))
    assert five.scale == pytest.approx(scale, rel=1e-6)
    assert five.rotation == pytest.approx(true.rotation, abs=1e-5)


@given(poses)
def test_angles_are_those_of_the_rotation(
    rotate: MakeRotation, pose: tuple[float, float, float]
) -> None:
    yaw, pitch, _ = Placement(1, rotate(pose[0], pose[1], 0), np.zeros(2), np.zeros((68, 2))).angles
    assert yaw == pytest.approx(pose[0], abs=1e-6)
    assert pitch == pytest.approx(pose[1] - 15, abs=1e-6)
    roll = Placement(1, rotate(0, 0, pose[2]), np.zeros(2), np.zeros((68, 2))).angles[2]
    assert roll == pytest.approx(pose[2], abs=1e-6)


@pytest.mark.parametrize(
    ("pose", "index", "sign"),
    [
        pytest.param((30, 0, 0), 0, 1, id="nose-points-right"),
        pytest.param((-30, 0, 0), 0, -1, id="nose-points-left"),
        pytest.param((0, 40, 0), 1, 1, id="nose-points-down"),
        pytest.param((0, -20, 0), 1, -1, id="nose-points-up"),
    ],
)
def test_angles_agree_with_where_the_nose_points(
    rotate: MakeRotation, pose: tuple[float, float, float], index: int, sign: int
) -> None:
    """Told from pixels alone: the nose tip against the middle of the jaw's ends."""

    def nose(pose: tuple[float, float, float]) -> Floats:
        pixels = Placement(100, rotate(*pose), np.zeros(2), np.zeros((68, 2))).project(mean_face())
        return np.asarray(pixels[30] - pixels[[0, 16]].mean(0))

    moved = nose(pose) - nose((0, 0, 0))
    assert np.sign(moved[index]) == sign
    assert abs(moved[index]) > 10
    placement = place_by_landmarks(100 * mean_face() @ rotate(*pose)[:2].T)
    assert np.sign(placement.angles[index]) == sign


def test_roll_is_positive_when_the_face_leans_right(rotate: MakeRotation) -> None:
    pixels = 100 * mean_face() @ rotate(0, 0, 20)[:2].T
    assert pixels[27, 0] > pixels[8, 0]  # the chin goes left, the brows right
    assert pixels[45, 1] > pixels[36, 1]
    assert place_by_landmarks(pixels).angles[2] == pytest.approx(20)


@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.03))
def test_a_face_of_its_own_is_followed(rotate: MakeRotation, seed: int, deviation: float) -> None:
    """Projection comes closer to a face's own landmarks than the rigid mean face does."""
    rng = np.random.default_rng(seed)
    centres, pulls = rng.uniform(-0.4, 0.8, (4, 2)), rng.normal(0, deviation, (4, 2))
    xy = mean_face()[:, :2]
    near = np.exp(-((xy[:, None] - centres) ** 2).sum(-1) / 0.1)
    landmarks = 200 * (mean_face() @ rotate(20, 10, 5)[:2].T + near @ pulls) + 300
    placement = place_by_landmarks(landmarks)
    rigid = placement.scale * mean_face() @ placement.rotation[:2].T + placement.offset
    off, off_rigid = (np.abs(p - landmarks).mean() for p in (placement.project(mean_face()), rigid))
    assert off < 0.5 * off_rigid


@given(offsets, scales, st.lists(st.integers(1, 4), max_size=2))
def test_projection_keeps_leading_axes(offset: Floats, scale: float, axes: list[int]) -> None:
    points = np.random.default_rng(0).normal(size=(*axes, 3))
    placement = Placement(scale, np.eye(3), offset, np.zeros((68, 2)))
    pixels = placement.project(points)
    assert pixels.shape == (*axes, 2)
    # Frontal: back into face coordinates.
    assert (pixels - offset) / scale == pytest.approx(points[..., :2], abs=1e-6)


@pytest.mark.parametrize(
    "landmarks",
    [
        pytest.param(np.zeros((68, 2)), id="one-point"),
        pytest.param(np.linspace([0, 0], [90, 30], 68), id="slanted-line"),
        pytest.param(np.column_stack([np.zeros(68), np.arange(68.0)]), id="upright-line"),
    ],
)
def test_landmarks_on_a_line_are_refused(landmarks: Floats) -> None:
    with pytest.raises(NoFacesError, match="lie on one line"):
        place_by_landmarks(landmarks)
    with pytest.raises(NoFacesError, match="lie on one line"):
        place_by_five_points(landmarks[:5])


@given(offsets, st.floats(1, 500), st.floats(0.5, 1.5))
def test_place_by_box_fills_the_box(corner: Floats, height: float, aspect: float) -> None:
    box = np.array([*corner, corner[0] + aspect * height, corner[1] + height])
    placement = place_by_box(box)
    filled = landmarks_to_box(placement.project(mean_face()))
    assert filled[[1, 3]] == pytest.approx(box[[1, 3]], abs=1e-6)
    assert filled[[0, 2]].mean() == pytest.approx(box[[0, 2]].mean(), abs=1e-6)
    # Frontal, as a face is before its pitch is known.
    assert placement.angles == pytest.approx((0, -15, 0))


def test_box_of_landmarks() -> None:
    landmarks = np.array([[10.0, 100], [50, 200], [30, 150]])
    assert landmarks_to_box(landmarks) == pytest.approx([10, 85, 50, 204])


@given(offsets, scales)
def test_box_moves_and_grows_with_the_landmarks(offset: Floats, scale: float) -> None:
    flat = mean_face()[:, :2]
    expected = scale * landmarks_to_box(flat) + np.tile(offset, 2)
    assert landmarks_to_box(scale * flat + offset) == pytest.approx(expected, abs=1e-6)


def test_five_points_lie_in_their_order() -> None:
    left_eye, right_eye, nose, left_mouth, right_mouth = mean_five()
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert left_eye[1] < nose[1] < left_mouth[1]


def test_surface_follows_the_landmarks() -> None:
    face = mean_face()
    depth = surface_depth(face[:, :2])
    assert np.abs(depth - face[:, 2]).max() < 0.09
    assert depth[30] > depth[33] > depth[8] > depth[0]
    assert surface_depth(face[MIRROR, :2] * [-1, 1]) == pytest.approx(depth, abs=0.01)


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_surface_is_finite_everywhere(x: float, y: float) -> None:
    depth = surface_depth(np.array([[x, y]]))
    assert depth.shape == (1,)
    assert np.abs(depth).max() < 3


def test_ears_lie_behind_the_jaw() -> None:
    assert LEFT_EAR[2] < mean_face()[0, 2]
    assert (RIGHT_EAR == LEFT_EAR * [-1, 1, 1]).all()
