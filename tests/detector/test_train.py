"""Training on a handful of pictures: interrupted, resumed, exported, and everything refused.

One run serves all tests: it starts from a configuration (no download), is stopped by Ctrl-C
after its first epochs, and is resumed to its end.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from data.boxes import Boxes, iou
from data.dataset import write_yaml
from data.exceptions import DatasetError, TrainingError, UsageError
from data.files import digest
from data.images import read_image
from data.labels import CLASS_NAMES
from data.writer import write_sample
from detector.config import TrainConfig
from detector.curves import read_results
from detector.runtime import Detector
from detector.train import TrainResult, check_out, fingerprint, run_worker, train
from detector.worker import TEACHER
from eval.cli.main import main
from weights.registry import default_weights, find_weights

EPOCHS = 4
TINY = TrainConfig(epochs=EPOCHS, imgsz=64, batch=4, patience=0)
OPTIONS = ["--init", "yolo26n.yaml", "--epochs", str(EPOCHS), "--imgsz", "64", "--batch", "4"]

# Faces, placed by hand on the photos at half their size: [x1, y1, x2, y2] px and class.
FACES = {
    "astronaut": ([[85, 30, 140, 100]], [1]),
    "zidane": ([[190, 30, 265, 130], [370, 25, 455, 130]], [0, 2]),
    "bus": ([[52, 205, 70, 228], [136, 207, 150, 226], [362, 200, 380, 222]], [1, 0, 2]),
}


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's cache folder stays as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_set(
    tmp_path_factory: pytest.TempPathFactory, astronaut: Path, zidane: Path, bus: Path
) -> Path:
    root = tmp_path_factory.mktemp("tiny")
    for photo in (astronaut, zidane, bus):
        image = cv2.resize(read_image(photo), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        xyxy, classes = FACES[photo.stem]
        boxes = Boxes(np.array(xyxy, dtype=float), np.array(classes))
        for split, copies in (("train", 2), ("val", 1)):
            for number in range(copies):
                write_sample(root, split, f"{photo.stem}_{split}{number}.jpg", image, boxes)
    write_yaml(root)
    return root


@pytest.fixture(scope="session")
def real_set(tiny_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures and labels without data.yaml or splits, as sets from elsewhere come."""
    root = tmp_path_factory.mktemp("real")
    for kind in ("images", "labels"):
        shutil.copytree(tiny_set / kind / "val", root / kind)
    return root


@pytest.fixture(scope="session")
def interrupted(tiny_set: Path, real_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that Ctrl-C stopped after its first epoch, from a folder with a package `data`."""
    here = tmp_path_factory.mktemp("here")
    (here / "data").mkdir()
    (here / "data" / "__init__.py").write_text("raise RuntimeError('not ours')")
    program = (
        "import signal, sys; from eval.cli.main import main\n"
        # Jobs that a shell runs in the background are born deaf to Ctrl-C.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-P", "-c", program, "train", str(tiny_set), *OPTIONS]
    command += ["--real", str(real_set), "--real-count", "1", "--real-repeat", "2"]
    with (here / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--patience", "0", "--out", "run", "--device", "cpu"],
            cwd=here,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        last = here / "run" / "weights" / "last.pt"
        while not last.is_file() and process.poll() is None:
            time.sleep(0.02)
        # As a terminal does: to everyone in the foreground.
        os.killpg(process.pid, signal.SIGINT)
        code = process.wait(timeout=60)
    said = (here / "log").read_text()
    assert code == 130, said
    assert said.rstrip().endswith("maskwatch: error: stopped by Ctrl-C")
    assert "Traceback" not in said
    return here / "run"


@pytest.fixture
def stopped(interrupted: Path, tmp_path: Path) -> Path:
    """A copy of the interrupted run, to be spoilt."""
    return Path(shutil.copytree(interrupted, tmp_path / "stopped"))


@pytest.fixture(scope="session")
def finished(
    interrupted: Path, tiny_set: Path, tmp_path_factory: pytest.TempPathFactory
) -> TrainResult:
    out = Path(shutil.copytree(interrupted, tmp_path_factory.mktemp("runs") / "finished"))
    return train(tiny_set, out, TINY, device="cpu", resume=True, log_file=out.with_suffix(".log"))


def test_ctrl_c_keeps_whole_epochs(interrupted: Path) -> None:
    table = read_results(interrupted / "results.csv")
    assert 1 <= len(table["epoch"]) < EPOCHS
    assert not list(interrupted.rglob("*.new"))
    assert not (interrupted / "maskwatch.onnx").exists()


def test_resume_goes_on_where_it_stopped(interrupted: Path, finished: TrainResult) -> None:
    before = read_results(interrupted / "results.csv")
    after = read_results(finished.out / "results.csv")
    np.testing.assert_array_equal(after["epoch"], np.arange(1, EPOCHS + 1))
    np.testing.assert_array_equal(
        after["train/box_loss"][: len(before["epoch"])], before["train/box_loss"]
    )


def test_the_export_runs_without_torch(finished: TrainResult) -> None:
    session = onnxruntime.InferenceSession(str(finished.onnx))
    for batch, height, width in ((1, 64, 64), (2, 96, 160)):
        images = np.zeros((batch, 3, height, width), np.float32)
        (output,) = session.run(None, {"images": images})
        anchors = sum(height // s * (width // s) for s in (8, 16, 32))
        assert output.shape == (batch, 4 + len(CLASS_NAMES), anchors)
        assert np.isfinite(output).all()
    assert finished.onnx.with_name("maskwatch.onnx.sha256").read_text() == (
        f"{digest(finished.onnx)}  maskwatch.onnx\n"
    )


def test_the_card_and_the_curves(finished: TrainResult, tiny_set: Path) -> None:
    card = finished.card.read_text()
    for part in (digest(finished.onnx), "yolo26n.yaml", "none: random weights", "| seed | 0 |"):
        assert part in card
    assert "| pictures, train | 6 |" in card
    assert str(tiny_set.parent) not in card, "no path of this machine"
    assert read_image(finished.curves).size > 0


def test_the_run_knows_its_start(finished: TrainResult, tiny_set: Path) -> None:
    job = json.loads((finished.out / "run.json").read_text())
    assert job["fingerprint"] == fingerprint(tiny_set)
    assert TrainConfig(**job["config"]) == TINY.for_device("cpu")


def test_pictures_mixed_in_are_trained_on(finished: TrainResult, real_set: Path) -> None:
    listed = (finished.out / "train.txt").read_text().splitlines()
    assert len(listed) == 8
    assert len(set(listed)) == 7
    assert listed[-1] == listed[-2]
    assert Path(listed[-1]).parent == real_set / "images"
    assert f"| {real_set.name} | 1 pictures, 2 times each |" in finished.card.read_text()
    said = finished.out.with_suffix(".log").read_text()
    assert re.search(r"train: \S*Scanning .* 8 images, 0 backgrounds, 0 corrupt", said), said
    assert not list(real_set.rglob("*.cache")), "a set mixed in stays as it was"


def test_resume_wants_the_same_pictures_mixed_in(
    stopped: Path, tiny_set: Path, real_set: Path, tmp_path: Path
) -> None:
    job = json.loads((stopped / "run.json").read_text())
    moved = Path(shutil.copytree(real_set, tmp_path / "moved"))
    for label in (moved / "labels").glob("*.txt"):
        label.write_text("0 0.5 0.5 0.2 0.2\n")
    job["extras"][0]["root"] = str(moved)
    (stopped / "run.json").write_text(json.dumps(job))
    with pytest.raises(TrainingError, match="mixed in aren't"):
        train(tiny_set, stopped, TINY, device="cpu", resume=True)


def test_a_finished_run_is_left_alone(finished: TrainResult, tiny_set: Path) -> None:
    before = digest(finished.onnx)
    with pytest.raises(TrainingError, match="finished"):
        train(tiny_set, finished.out, TINY, device="cpu", resume=True)
    with pytest.raises(DatasetError, match="--resume"):
        train(tiny_set, finished.out, TINY, device="cpu")
    assert digest(finished.onnx) == before


def test_an_interrupted_run_is_not_overwritten(interrupted: Path, tiny_set: Path) -> None:
    before = digest(interrupted / "weights" / "last.pt")
    with pytest.raises(DatasetError, match="--resume"):
        train(tiny_set, interrupted, TINY, device="cpu")
    assert digest(interrupted / "weights" / "last.pt") == before


def test_resume_wants_the_same_data(stopped: Path, tiny_set: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(tiny_set, tmp_path / "other"))
    next((other / "labels" / "train").glob("*.txt")).write_text("2 0.5 0.5 0.2 0.2\n")
    with pytest.raises(TrainingError, match="isn't the one"):
        train(other, stopped, TINY, device="cpu", resume=True)


def test_a_moved_data_set_is_the_same(tiny_set: Path, tmp_path: Path) -> None:
    assert fingerprint(shutil.copytree(tiny_set, tmp_path / "moved")) == fingerprint(tiny_set)


def test_resume_with_a_broken_checkpoint(stopped: Path, tiny_set: Path) -> None:
    last = stopped / "weights" / "last.pt"
    last.write_bytes(last.read_bytes()[:5000])
    with pytest.raises(TrainingError, match=r"last\.pt: expected an ultralytics checkpoint"):
        train(tiny_set, stopped, TINY, device="cpu", resume=True, log_file=stopped / "log")


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        pytest.param(shutil.rmtree, "expected an interrupted run", id="no run"),
        pytest.param(lambda run: (run / "run.json").write_text("{"), "interrupted", id="no job"),
        pytest.param(
            lambda run: (run / "weights" / "last.pt").unlink(), "no epoch", id="no epoch done"
        ),
    ],
)
def test_nothing_to_resume(stopped: Path, tiny_set: Path, spoil: object, match: str) -> None:
    assert callable(spoil)
    spoil(stopped)
    with pytest.raises(TrainingError, match=match):
        train(tiny_set, stopped, TINY, device="cpu", resume=True)


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
    once = replace(TINY, epochs=1, imgsz=96, crop=64)
    log = tmp_path / "log"
    result = train(
        tiny_set,
        tmp_path / "run",
        once,
        init="maskwatch-n",
        teacher="maskwatch-n-synthetic",
        device="cpu",
        log_file=log,
    )
    shipped, teacher = default_weights(), find_weights(Path("maskwatch-n-synthetic"))
    job = json.loads((result.out / "run.json").read_text())
    # What ultralytics says of each step: "... Instances Size", then the progress.
    assert set(re.findall(r" (\d+): +\d+%", log.read_text())) == {"64"}
    assert job["init_sha256"] == digest(shipped)
    assert job["teacher_sha256"] == digest(teacher)
    card = result.card.read_text(encoding="utf-8")
    assert shipped.name in card
    assert f"## Teacher\n\n| | |\n|---|---|\n| name | {teacher.name} |" in card
    assert (result.out / TEACHER).is_file()
    photo = read_image(sorted((tiny_set / "images" / "train").glob("zidane*"))[0])
    # A step later it is still the same network (tests/detector/test_restore.py: what it began as).
    found, expected = (
        Detector(file).detect([photo], imgsz=640)[0] for file in (result.onnx, shipped)
    )
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


def test_the_command_line_says_it_in_one_line(
    tiny_set: Path, interrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(tiny_set), "--out", str(interrupted), "--device", "cpu"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("maskwatch: error: ")
    assert said.count("\n") == 1


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
    code = main(["train", str(tiny_set), *OPTIONS, "--device", "0,1", "--out", str(out)])
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


@pytest.mark.skipif(sys.platform == "win32", reason="ends processes without signals")
def test_a_killed_training_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Stands for the worker: dies as one does for which there is no memory left.
    (tmp_path / "dies.py").write_text("import os; os.kill(os.getpid(), 9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(TrainingError, match=r"killed, as .* memory .* --resume, .* --batch"):
        run_worker("dies", tmp_path, "cpu", None)
