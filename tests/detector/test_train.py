"""Training on a handful of pictures: interrupted, resumed, exported.

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
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from data.exceptions import DatasetError, TrainingError
from data.files import digest
from data.images import read_image
from data.labels import CLASS_NAMES
from detector.config import TrainConfig
from detector.curves import read_results
from detector.train import TrainResult, fingerprint, run_worker, train
from eval.cli.main import main

EPOCHS = 4
TINY = TrainConfig(epochs=EPOCHS, imgsz=64, batch=4, patience=0)
OPTIONS = ["--init", "yolo26n.yaml", "--epochs", str(EPOCHS), "--imgsz", "64", "--batch", "4"]


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


def test_the_command_line_says_it_in_one_line(
    tiny_set: Path, interrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(tiny_set), "--out", str(interrupted), "--device", "cpu"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("maskwatch: error: ")
    assert said.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="ends processes without signals")
def test_a_killed_training_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Stands for the worker: dies as one does for which there is no memory left.
    (tmp_path / "dies.py").write_text("import os; os.kill(os.getpid(), 9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(TrainingError, match=r"killed, as .* memory .* --resume, .* --batch"):
        run_worker("dies", tmp_path, "cpu", None)
