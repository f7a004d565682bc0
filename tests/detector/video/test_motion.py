"""Where a face will be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.video.motion import correct, predict, start

SEEN = np.array([False])


def _follow(boxes, elapsed=0.04):
    motion = start(boxes[0][None])
    for box in boxes[1:]:
        motion = correct(predict(motion, elapsed, SEEN), box[None])
    return motion


def _boxes(count, speed, noise, rng, side=100.0):
    moves = np.arange(count)[:, None] * np.array([speed, 0, speed, 0])
    return np.array([200.0, 100, 200 + side, 100 + side]) + moves + rng.normal(0, noise, (count, 4))


def test_a_still_face_gets_calmer():
    rng = np.random.default_rng(0)
    boxes = _boxes(200, 0.0, 3.0, rng)
    motion = start(boxes[0][None])
    found = []
    for box in boxes[1:]:
        motion = correct(predict(motion, 0.04, SEEN), box[None])
        found.append(motion.xyxy[0])
    assert np.diff(found[20:], axis=0).std() < 0.45 * np.diff(boxes[20:], axis=0).std()


@pytest.mark.parametrize("speed", [-12.0, 4.0, 12.0])
def test_a_walking_face_is_followed(speed):
    boxes = _boxes(50, speed, 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(_follow(boxes).xyxy[0], boxes[-1], atol=4)


def test_a_face_out_of_sight_goes_on_and_slows_down():
    motion = _follow(_boxes(50, 8.0, 0.0, np.random.default_rng(0)))
    x = [motion.mean[0, 0, 0]]
    for _ in range(100):
        motion = predict(motion, 0.04, ~SEEN)
        x.append(motion.mean[0, 0, 0])
    steps = np.diff(x)
    assert steps[0] == pytest.approx(8, abs=1)
    assert (np.diff(steps) <= 0).all()
    assert x[-1] - x[0] < 8 / 0.04 * 0.4


@given(st.lists(st.tuples(*[st.floats(0, 4000)] * 4, st.floats(0, 60)), min_size=1, max_size=20))
def test_stays_finite(steps):
    motion = start(np.array([[0.0, 0, 10, 10]]))
    for x, y, width, height, elapsed in steps:
        motion = predict(motion, elapsed, SEEN)
        motion = correct(motion, np.array([[x, y, x + width + 1, y + height + 1]]))
        assert np.isfinite(motion.mean).all()
        assert np.isfinite(motion.spread).all()
        assert (motion.spread[..., 0, 0] >= 0).all()
        assert (motion.xyxy[:, 2:] > motion.xyxy[:, :2]).all()
