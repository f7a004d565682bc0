"""KID against its definition, and on samples whose distance is known."""

import numpy as np
import pytest

from data.exceptions import DatasetError
from eval.kid import kernel, kid, squared_mmd


def test_mmd_is_the_mean_over_pairs_of_different_samples():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
    k = lambda a, b: float(kernel(a[None], b[None])[0, 0])  # noqa: E731
    within_x = np.mean([k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    within_y = np.mean([k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    across = np.mean([k(a, b) for a in x for b in y])
    assert squared_mmd(x, y) == pytest.approx(within_x + within_y - 2 * across)


def test_one_source_is_near_zero_and_a_shift_is_far():
    rng = np.random.default_rng(0)
    x, same, moved = rng.normal(size=(3, 300, 16)) + np.array([0, 0, 1])[:, None, None]
    near, far = kid(x, same, rng), kid(x, moved, rng)
    assert abs(near.mean) < 2 * near.sd
    assert far.mean > 10 * near.sd


def test_same_seed_same_figure():
    x, y = np.random.default_rng(0).normal(size=(2, 60, 8))
    assert kid(x, y, np.random.default_rng(3)) == kid(x, y, np.random.default_rng(3))


def test_three_samples_are_too_few():
    with pytest.raises(DatasetError, match="four faces or more"):
        kid(np.ones((3, 4)), np.ones((9, 4)), np.random.default_rng(0))
