"""YOLO26's two heads: one taken away, one begun anew."""

from pathlib import Path
from typing import Any

import pytest
import torch

from data.exceptions import WeightsError
from detector.export import combine_checkpoints, export_onnx
from detector.heads import choose_heads, drop_second_head, has_second_head, set_score_width

pytestmark = pytest.mark.usefixtures("private_cache")


def make_network(seed: int = 0) -> Any:
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(seed)
    return DetectionModel("yolo26n.yaml", nc=3, verbose=False)


@pytest.fixture
def one_headed(random_checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint without the end-to-end head, its weights a little larger."""
    from ultralytics import YOLO

    model = YOLO(str(random_checkpoint))
    drop_second_head(model.model)
    with torch.no_grad():
        for parameter in model.model.parameters():
            parameter.mul_(1.1)
    model.save(str(tmp_path / "one.pt"))
    return tmp_path / "one.pt"


def test_the_head_left_says_the_same() -> None:
    network = make_network().eval()
    network.end2end = False
    picture = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = network(picture)[0]
        drop_second_head(network)
        assert torch.equal(network(picture)[0], expected)
    assert not has_second_head(network)
    assert not any("one2one" in key for key in network.state_dict())
    drop_second_head(network)  # nothing to take away


def test_ultralytics_then_trains_it_alone() -> None:
    """Its loss counts whole then: beside a second head its weight falls from epoch to epoch."""
    from ultralytics.cfg import get_cfg
    from ultralytics.utils.loss import E2ELoss, v8DetectionLoss

    for drop, kind in ((False, E2ELoss), (True, v8DetectionLoss)):
        network = make_network()
        network.args = get_cfg()
        if drop:
            drop_second_head(network)
        assert type(network.init_criterion()) is kind


@pytest.mark.parametrize("lacks", [True, False], ids=["source without", "source with"])
def test_a_second_head_begins_as_the_first(lacks: bool) -> None:
    """Where the weights come from one head, and only there."""
    network, source = make_network(0), make_network(1)
    if lacks:
        drop_second_head(source)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    choose_heads(network, source, one_head=False)
    state = network.state_dict()
    for key in (key for key in state if "one2one" in key):
        expected = state[key.replace("one2one_", "")] if lacks else before[key]
        assert torch.equal(state[key], expected), key
    choose_heads(network, source, one_head=True)
    assert not has_second_head(network)
    choose_heads(network, source, one_head=False)  # trained without: stays so
    assert not has_second_head(network)


def test_new_score_branches_without_a_second_head() -> None:
    network = make_network()
    drop_second_head(network)
    set_score_width(network.model[-1], 24, 2)
    assert network.model[-1].cv3[0][2].out_channels == 2
    assert not has_second_head(network)


def test_averages_have_the_heads_that_all_have(
    one_headed: Path, random_checkpoint: Path, tmp_path: Path
) -> None:
    from ultralytics import YOLO

    pairs = {"mixed.pt": [random_checkpoint, one_headed], "both.pt": [random_checkpoint] * 2}
    for name, paths in pairs.items():
        combined = combine_checkpoints(paths, None, tmp_path / name)
        assert has_second_head(YOLO(str(combined)).model) == (name == "both.pt")
    for wide, paths in (("wide.pt", pairs["mixed.pt"]), ("wider.pt", [one_headed] * 2)):
        small = combine_checkpoints(paths, None, tmp_path / wide, side_by_side=True)
        assert not has_second_head(YOLO(str(small)).model)


def test_exports_of_one_head(one_headed: Path, tmp_path: Path) -> None:
    export_onnx(one_headed, tmp_path / "one.onnx", 64)
    with pytest.raises(WeightsError, match="no end-to-end head"):
        export_onnx(one_headed, tmp_path / "none.onnx", 128, head="end2end")
