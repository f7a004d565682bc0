"""Frozen normalisations: what evaluation computes, learnt from as evaluation would be."""

import copy
from typing import Any

import pytest
import torch

from detector.frozen import freeze_statistics

pytestmark = pytest.mark.usefixtures("private_cache")


@pytest.fixture
def network() -> Any:
    """Blocks of ultralytics with statistics of their own: plain, grouped, and strided."""
    from ultralytics.nn.modules import Conv, DWConv

    torch.manual_seed(0)
    module = torch.nn.Sequential(Conv(3, 8, 3), DWConv(8, 8, 3), Conv(8, 4, 3, 2))
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            for values in (part.weight.data, part.running_var):
                values.uniform_(0.5, 2.0)
            for values in (part.bias.data, part.running_mean):
                values.normal_()
    return module


def test_training_computes_what_evaluation_does(network: Any) -> None:
    """Outputs and gradients of all weights, scale and shift of normalisations among them."""
    expected = copy.deepcopy(network).eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    freeze_statistics(network)
    network.train()
    picture = torch.rand(4, 3, 16, 16)
    answers = [module(picture) for module in (network, expected)]
    torch.testing.assert_close(*answers)
    for answer in answers:
        answer.square().mean().backward()
    pairs = zip(network.named_parameters(), expected.parameters(), strict=True)
    for (name, found), wanted in pairs:
        torch.testing.assert_close(found.grad, wanted.grad, msg=name)
        assert found.grad.abs().max() > 0
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_statistics_move_without(network: Any) -> None:
    """What the test above would miss if normalisations didn't move by themselves."""
    before = network[0].bn.running_mean.clone()
    network.train()(torch.rand(4, 3, 16, 16))
    assert not torch.equal(network[0].bn.running_mean, before)


def test_the_saved_mean_stays_as_it_is(network: Any) -> None:
    """ultralytics copies the network before, and saves the copy."""
    saved = copy.deepcopy(network)
    freeze_statistics(network)
    assert all("forward" not in vars(part) for part in saved.modules())
    assert all("forward" in vars(part) for part in network)


def test_blocks_that_compute_otherwise_are_left_alone() -> None:
    from ultralytics.nn.modules import Conv, RepConv

    class Doubled(Conv):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return 2 * super().forward(x)

    for block in (Doubled(3, 4), RepConv(4, 4)):
        freeze_statistics(block)
        assert "forward" not in vars(block)
