"""Two networks side by side in one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import WeightsError
from detector.widen import place


@pytest.mark.parametrize(
    ("count", "wide", "grain", "expected"),
    [
        pytest.param(3, 3, 1, ([0, 1, 2], [0, 1, 2]), id="the picture"),
        pytest.param(3, 6, 1, ([0, 2, 4], [1, 3, 5]), id="one by one"),
        pytest.param(4, 8, 2, ([0, 1, 4, 5], [2, 3, 6, 7]), id="heads of two"),
        pytest.param(2, 4, 2, ([0, 1], [2, 3]), id="one head"),
    ],
)
def test_places(count: int, wide: int, grain: int, expected: tuple[list[int], list[int]]) -> None:
    assert (place(count, wide, 0, grain), place(count, wide, 1, grain)) == expected


@given(heads=st.integers(1, 8), grain=st.integers(1, 16))
def test_both_fill_the_layer_and_its_halves(heads: int, grain: int) -> None:
    count = 2 * heads * grain
    first, second = (place(count, 2 * count, which, grain) for which in (0, 1))
    assert sorted(first + second) == list(range(2 * count))
    # A layer that is split in two falls apart at the same channel.
    assert max(first[: count // 2] + second[: count // 2]) < count


@pytest.mark.parametrize(("count", "wide", "grain"), [(4, 6, 1), (4, 4 * 2 + 1, 1), (6, 12, 4)])
def test_layers_that_do_not_fit(count: int, wide: int, grain: int) -> None:
    with pytest.raises(WeightsError, match="expected a layer of"):
        place(count, wide, 0, grain)
