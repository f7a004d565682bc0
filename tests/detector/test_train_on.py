"""Training on from trained weights: frozen statistics and one head, through a whole short run."""

from pathlib import Path

import pytest

from data.exceptions import WeightsError
from detector.config import TrainConfig
from detector.export import export_onnx
from detector.heads import has_second_head
from detector.train import train
from tests.conftest import SetBuilder

pytestmark = pytest.mark.usefixtures("private_cache")


def test_frozen_statistics_and_one_head(
    make_set: SetBuilder, random_checkpoint: Path, tmp_path: Path
) -> None:
    """Weights are learnt, statistics stay, and what is left has the head that is exported."""
    import torch
    from ultralytics import YOLO

    config = TrainConfig(epochs=1, imgsz=64, batch=4, freeze_bn=True, one_head=True)
    result = train(
        make_set(),
        tmp_path / "run",
        config,
        init=str(random_checkpoint),
        device="cpu",
        log_file=tmp_path / "log",
    )
    before, after = (YOLO(str(path)).model for path in (random_checkpoint, result.best))
    assert (has_second_head(before), has_second_head(after)) == (True, False)
    old, new = before.state_dict(), after.state_dict()
    moved = {key for key, value in new.items() if not torch.equal(value.half(), old[key].half())}
    assert not any("running" in key for key in moved)
    assert "model.0.conv.weight" in moved
    with pytest.raises(WeightsError, match="no end-to-end head"):
        export_onnx(result.best, tmp_path / "none.onnx", 128, head="end2end")
