"""Telling two sources apart: chance where they are the same, all where they differ."""

import numpy as np
import pytest

from eval.two_sample import balanced_accuracy, conv_learner, linear_learner, tell_apart

LABELS = np.repeat([0, 1], 60)
GROUPS = [f"person{k // 2}" for k in range(120)]


@pytest.mark.parametrize(
    ("shift", "low", "high"),
    [pytest.param(0.0, 0.3, 0.7, id="same"), pytest.param(3.0, 0.9, 1.0, id="apart")],
)
def test_linear_learner(shift, low, high):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(120, 8)) + shift * LABELS[:, None]
    told = tell_apart(features, LABELS, GROUPS, linear_learner, rng)
    assert low <= told.accuracy <= high
    assert told.interval is not None
    assert told.interval[0] <= told.accuracy <= told.interval[1]


@pytest.mark.parametrize(
    ("green", "low", "high"),
    [pytest.param(0, 0.25, 0.75, id="same"), pytest.param(60, 0.9, 1.0, id="greener")],
)
def test_conv_learner(green, low, high):
    rng = np.random.default_rng(0)
    crops = rng.integers(60, 180, (120, 32, 32, 3)).astype(np.uint8)
    crops[LABELS == 1, ..., 1] += green
    told = tell_apart(crops, LABELS, GROUPS, conv_learner, np.random.default_rng(1))
    assert low <= told.accuracy <= high
    again = tell_apart(crops, LABELS, GROUPS, conv_learner, np.random.default_rng(1))
    np.testing.assert_allclose(again.scores, told.scores)


def test_nobody_is_in_training_and_test():
    seen: list[tuple[set[int], set[int]]] = []

    def spy(train, labels, test, rng):
        seen.append((set(train.tolist()), set(test.tolist())))
        return np.zeros(len(test))

    people = np.arange(120) // 2
    tell_apart(people, LABELS, GROUPS, spy, np.random.default_rng(0))
    assert len(seen) == 4
    assert not any(train & test for train, test in seen)


def test_both_sources_weigh_alike():
    labels = np.array([0, 0, 0, 1])
    assert balanced_accuracy(np.array([True, True, True, False]), labels) == 0.5
