"""Rates, their spread, and the order in which works are timed."""

import pytest

from data.exceptions import UsageError
from eval.bench.timing import describe_machine, measure_rates, spread


def test_works_are_interleaved_there_and_back():
    order: list[str] = []
    works = [lambda name=name: order.append(name) or 10 for name in "ab"]
    rates = measure_rates(works, 3)
    assert "".join(order) == "abbaab"
    assert [len(r) for r in rates] == [3, 3]
    assert min(min(r) for r in rates) > 0


def test_no_repeat_is_refused():
    with pytest.raises(UsageError, match="--repeats of 1 or more"):
        measure_rates([lambda: 1], 0)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        pytest.param([3.0, 1.0, 2.0], "2.0 (1.0 to 3.0)", id="odd"),
        pytest.param([4.0], "4.0 (4.0 to 4.0)", id="one"),
    ],
)
def test_spread(values, text):
    assert str(spread(values)) == text


def test_machine_is_described():
    assert set(describe_machine()) == {"processor", "cores", "load"}
