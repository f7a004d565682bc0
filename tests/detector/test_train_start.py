"""What a training starts from, and all that is refused before its first step."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from data.boxes import iou
from data.exceptions import DatasetError, TrainingError, UsageError
from data.files import digest
from data.images import read_image
from detector.config import TrainConfig
from detector.export import export_onnx
from detector.runtime import Detector
from detector.train import check_out, train
from detector.worker import teacher_checkpoints
from eval.cli.main import main
from weights.registry import default_weights, find_weights

TINY = TrainConfig(epochs=1, imgsz=64, batch=4)


def _remove_val(root: Path) -> None:
    shutil.rmtree(root / "images" / "val")


def _rename_classes(root: Path) -> None:
    text = (root / "data.yaml").read_text()
    (root / "data.yaml").write_text(text.replace("incorrect", "mask_weared_incorrect"))


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        pytest.param(shutil.rmtree, "data.yaml", id="missing folder"),
        pytest.param(lambda root: (root / "data.yaml").unlink(), "data.yaml", id="no data.yaml"),
        pytest.param(_rename_classes, "convert", id="other classes"),
        pytest.param(_remove_val, "'val'", id="no val"),
        pytest.param(lambda root: shutil.rmtree(root / "images"), "images", id="no pictures"),
    ],
)
def test_data_sets_that_are_refused(
    tiny_set: Path, tmp_path: Path, spoil: object, match: str
) -> None:
    root = Path(shutil.copytree(tiny_set, tmp_path / "set"))
    assert callable(spoil)
    spoil(root)
    with pytest.raises(DatasetError, match=match):
        train(root, tmp_path / "run", TINY, device="cpu")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("config", "match"),
    [
        pytest.param(TrainConfig(epochs=0), "--epochs", id="no epoch"),
        pytest.param(TrainConfig(imgsz=100), "multiple of 32", id="odd size"),
        pytest.param(TrainConfig(imgsz=-32), "multiple of 32", id="negative size"),
        pytest.param(TrainConfig(crop=100), "--crop as a multiple of 32", id="odd crop"),
        pytest.param(TrainConfig(crop=-32), "--crop as a multiple of 32", id="negative crop"),
        pytest.param(TrainConfig(imgsz=320, crop=416), r"--crop of at most .*320", id="no crop"),
        pytest.param(TrainConfig(crop=672), r"--crop of at most .*640", id="larger than all"),
        pytest.param(TrainConfig(batch=-1), "--batch", id="negative batch"),
        pytest.param(TrainConfig(workers=-1), "--workers", id="negative workers"),
    ],
)
def test_numbers_that_are_refused(
    tiny_set: Path, tmp_path: Path, config: TrainConfig, match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        train(tiny_set, tmp_path / "run", config, device="cpu")


@pytest.mark.parametrize("init", ["nowhere/best.pt", "no_such_model", "photo.jpg"])
def test_start_weights_that_are_refused(tiny_set: Path, tmp_path: Path, init: str) -> None:
    with pytest.raises(TrainingError, match="start weights"):
        train(tiny_set, tmp_path / "run", TINY, init=init, device="cpu")
    assert not (tmp_path / "run").exists()


def test_going_on_from_the_shipped_weights(tiny_set: Path, tmp_path: Path) -> None:
    """They ship as ONNX alone, and teach, too; damaged ones are one line. Steps are taken on
    windows here."""
    once = replace(TINY, imgsz=96, crop=64)
    log = tmp_path / "log"
    result = train(
        tiny_set,
        tmp_path / "run",
        once,
        init="maskwatch-n",
        teachers=["maskwatch-n-synthetic", "maskwatch-n"],
        device="cpu",
        log_file=log,
    )
    shipped, teacher = default_weights(), find_weights(Path("maskwatch-n-synthetic"))
    job = json.loads((result.out / "run.json").read_text())
    # What ultralytics says of each step: "... Instances Size", then the progress.
    assert set(re.findall(r" (\d+): +\d+%", log.read_text())) == {"64"}
    assert job["init_sha256"] == digest(shipped)
    assert job["teachers_sha256"] == [digest(teacher), digest(shipped)]
    card = result.card.read_text(encoding="utf-8")
    assert shipped.name in card
    assert f"## Teachers\n\n| | |\n|---|---|\n| 1. {teacher.name} | {digest(teacher)} |" in card
    assert f"| 2. {shipped.name} | {digest(shipped)} |" in card
    assert all(Path(path).is_file() for path in teacher_checkpoints(result.out, job))
    photo = read_image(sorted((tiny_set / "images" / "train").glob("zidane*"))[0])
    begun = export_onnx(result.out / "weights" / "start.pt", tmp_path / "start.onnx", 64)
    expected = Detector(shipped).detect([photo], imgsz=640)[0]
    for onnx in (begun, result.onnx):  # a step later it is still the same network
        found = Detector(onnx).detect([photo], imgsz=640)[0]
        assert (iou(found.xyxy, expected.xyxy).max(axis=0) > 0.7).all()
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(TrainingError, match="can't be read"):
        train(tiny_set, tmp_path / "no", once, init=str(broken), device="cpu", log_file=log)


class _Payload:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def test_code_in_start_weights_is_not_executed(
    tiny_set: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    mark, init, out = tmp_path / "executed", tmp_path / "stranger.pt", tmp_path / "run"
    torch.save({"epoch": -1, "model": _Payload(f"touch {mark}")}, init)
    with pytest.raises(TrainingError, match=r"stranger\.pt: expected .* nothing that runs"):
        train(tiny_set, out, TINY, init=str(init), device="cpu", log_file=tmp_path / "log")
    assert not mark.exists()
    assert "pickle" in caplog.text
    # A run that failed before its first epoch is no obstacle to the next.
    check_out(out)


def test_devices_choose_size_and_batch() -> None:
    assert TrainConfig().for_device("cpu").imgsz == 416
    assert TrainConfig().for_device("0").imgsz == 640
    assert TrainConfig(crop=416).for_device("cpu").imgsz == 640
    assert TrainConfig(imgsz=320, batch=7).for_device("cpu").batch == 7
    keys = TrainConfig(epochs=20).to_ultralytics()
    assert keys["close_mosaic"] == 3
    assert TrainConfig(epochs=1).to_ultralytics()["close_mosaic"] == 0


def test_several_gpus_reach_ultralytics(
    tiny_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine without them it is ultralytics that refuses, in one line."""
    import torch

    if torch.cuda.device_count() > 1:
        pytest.skip("this machine has two GPUs: they would train")
    out = tmp_path / "run"
    code = main(
        ["train", str(tiny_set), "--init", "yolo26n.yaml", "--device", "0,1", "--out", str(out)]
    )
    assert code == 1
    said = capsys.readouterr().err.strip()
    assert "0,1" in said
    assert "CUDA" in said
    assert len(said.splitlines()) == 1
    job = json.loads((out / "run.json").read_text())
    assert job["device"] == "0,1"
    assert not (out / "weights" / "last.pt").exists()


@pytest.mark.parametrize(
    ("options", "init", "batch", "lr0"),
    [
        ([], "yolo26n.pt", 16, 0.00143),
        (["--preset", "small"], "yolo26s.pt", 8, 0.001),
        (["--preset", "small", "--batch", "3", "--lr0", "0.01"], "yolo26s.pt", 3, 0.01),
        (["--preset", "small", "--init", "other.pt"], "other.pt", 8, 0.001),
    ],
    ids=["nano", "small", "own numbers", "own start"],
)
def test_presets(
    tiny_set: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    init: str,
    batch: int,
    lr0: float,
) -> None:
    """What the training process would be given, which has no network here."""
    monkeypatch.setattr("detector.train._run_worker", lambda *_: None)
    out = tmp_path / "run"
    assert main(["train", str(tiny_set), "--out", str(out), "--device", "cpu", *options]) == 0
    job = json.loads((out / "run.json").read_text())
    assert (job["init"], job["config"]["batch"], job["config"]["lr0"]) == (init, batch, lr0)
