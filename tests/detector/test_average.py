"""Averages of checkpoints."""

import pytest
import torch

from data.exceptions import UsageError, WeightsError
from detector.average import average_into, parse_shares


def make_module(value: float, width: int = 3) -> torch.nn.Module:
    module = torch.nn.Sequential(torch.nn.Linear(2, width), torch.nn.BatchNorm1d(width))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(value)
    return module


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        pytest.param(None, 4, [0.25] * 4, id="equal"),
        pytest.param("2,3", 2, [0.4, 0.6], id="two"),
        pytest.param("1e3, 1e3", 2, [0.5, 0.5], id="any sum"),
    ],
)
def test_shares(text: str | None, count: int, expected: list[float]) -> None:
    assert parse_shares(text, count) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "1,x", "1,0", "1,-1", "1,nan", "1,inf"])
def test_wrong_shares(text: str) -> None:
    with pytest.raises(UsageError, match="--shares of 2 positive numbers"):
        parse_shares(text, 2)


def test_weights_and_statistics_are_averaged() -> None:
    target, other = make_module(1.0), make_module(2.0)
    target[1].running_mean.fill_(10.0)  # type: ignore[index,union-attr,operator]
    average_into(target, [other], [0.25, 0.75])
    state = target.state_dict()
    assert torch.allclose(state["0.weight"], torch.full((3, 2), 1.75))
    assert torch.allclose(state["1.running_mean"], torch.full((3,), 2.5))
    assert torch.allclose(other.state_dict()["0.weight"], torch.full((3, 2), 2.0))


def test_other_networks_are_refused() -> None:
    with pytest.raises(WeightsError, match="one network"):
        average_into(make_module(1.0), [make_module(1.0, width=4)], [0.5, 0.5])
