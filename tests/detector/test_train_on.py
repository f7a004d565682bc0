"""Training on from trained weights, through whole short runs: frozen statistics, one head, labels
that are believed in part."""

from pathlib import Path

import pytest

from data.dataset import find_samples, read_labels
from data.exceptions import WeightsError
from data.labels import CLASS_NAMES
from data.manifest import FaceRecord, PictureRecord, write_manifest
from detector.config import TrainConfig
from detector.curves import read_results
from detector.export import export_onnx
from detector.heads import has_second_head
from detector.job import CONFIDENCES
from detector.soft import read_confidences
from detector.train import TrainResult, train
from tests.conftest import SetBuilder

pytestmark = pytest.mark.usefixtures("private_cache")


def doubt_labels(root: Path, confidence: float) -> None:
    """Write a manifest that believes no label of a set by more."""
    records = []
    for sample in find_samples(root, "train"):
        boxes = read_labels(sample.label, 240, 200)
        faces = [
            FaceRecord(CLASS_NAMES[label], xyxy.tolist(), confidence=confidence)
            for label, xyxy in zip(boxes.class_ids, boxes.xyxy, strict=True)
        ]
        name = sample.image.relative_to(root).as_posix()
        records.append(PictureRecord(name, 240, 200, "train", "s", "", "i", 0, faces))
    write_manifest(root, records)


def test_what_is_trained_and_what_stays(
    make_set: SetBuilder, random_checkpoint: Path, tmp_path: Path
) -> None:
    """Weights are learnt, statistics stay, what is left has the head that is exported; and labels
    that are hardly believed pull at it less."""
    import torch
    from ultralytics import YOLO

    config = TrainConfig(epochs=1, imgsz=64, batch=4, freeze_bn=True, one_head=True)
    root = make_set()

    def run(name: str) -> TrainResult:
        start, log = str(random_checkpoint), tmp_path / f"{name}.log"
        return train(
            root, tmp_path / name, config, init=start, device="cpu", export=False, log_file=log
        )

    result = run("sure")
    assert not [path for path in (result.onnx, result.curves, result.card) if path.exists()]
    before, after = (YOLO(str(path)).model for path in (random_checkpoint, result.best))
    assert (has_second_head(before), has_second_head(after)) == (True, False)
    old, new = before.state_dict(), after.state_dict()
    moved = {key for key, value in new.items() if not torch.equal(value.half(), old[key].half())}
    assert not any("running" in key for key in moved)
    assert "model.0.conv.weight" in moved
    with pytest.raises(WeightsError, match="no end-to-end head"):
        export_onnx(result.best, tmp_path / "none.onnx", 128, head="end2end")
    assert not (result.out / CONFIDENCES).exists()

    doubt_labels(root, 0.01)
    doubted = run("doubted")
    assert len(read_confidences([root])) == 3
    assert (doubted.out / CONFIDENCES).is_file()
    losses = [read_results(r.out / "results.csv")["train/box_loss"][0] for r in (result, doubted)]
    assert losses[1] < 0.1 * losses[0]
