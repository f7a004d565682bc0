"""Layouts: slots of every size from the smallest, none below it."""

import numpy as np
import pytest

from synth.layouts import LAYOUTS


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("smallest", [6.0, 14.0, 60.0])
def test_no_slot_is_too_small(layout: str, smallest: float) -> None:
    for seed in range(10):
        slots = LAYOUTS[layout][0](20, np.random.default_rng(seed), 500, 400, smallest)
        assert slots
        assert min(slot.size for slot in slots) >= smallest


def test_audiences_hold_small_faces_but_not_too_many() -> None:
    audience, _ = LAYOUTS["audience"]
    rows = [audience(22, np.random.default_rng(seed), 480, 380, 8.0) for seed in range(120)]
    sizes = np.array([slot.size for slots in rows for slot in slots])
    assert 19 < np.median(sizes) < 28
    assert 0.02 < (sizes < 10).mean() < 0.1
