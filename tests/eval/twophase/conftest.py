"""A classifier that was really trained, in seconds, on crops of the sample photo."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from data.dataset import write_yaml
from data.images import read_image
from data.writer import write_sample
from detector.train import LAST
from eval.twophase.train import ClassifierConfig, ClassifierResult, train_classifier

# The face, a patch of the suit and one of the flag: told apart by colour alone.
BOXES = Boxes(
    np.array([[177.0, 72, 274, 185], [310, 380, 390, 470], [20, 60, 90, 140]]), np.array([1, 0, 2])
)


@pytest.fixture(scope="session")
def patches(tmp_path_factory: pytest.TempPathFactory, astronaut: Path) -> Path:
    """A YOLO set of 8 crops of one photo, three boxes each, one of each class."""
    root = tmp_path_factory.mktemp("patches") / "set"
    photo = read_image(astronaut)
    for number in range(8):
        split = "train" if number < 6 else "val"
        image = np.ascontiguousarray(photo[: 500 + number])
        write_sample(root, split, f"{split}_{number}.jpg", image, BOXES)
    write_yaml(root)
    return root


@pytest.fixture(scope="session")
def interrupted(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four epochs that Ctrl-C stopped after its first."""
    out = tmp_path_factory.mktemp("interrupted") / "run"
    program = (
        "import signal, sys; from eval.cli.main import main\n"
        # Jobs that a shell runs in the background are born deaf to Ctrl-C.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-P", "-c", program, "train", str(patches), "--two-phase"]
    command += ["--init", "random", "--imgsz", "32", "--batch", "6", "--epochs", "4"]
    log = out.parent / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, "--out", str(out), "--device", "cpu", "--lr0", "0.01"],
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
        while not (out / LAST).is_file() and process.poll() is None:
            time.sleep(0.02)
        # As a terminal does: to everyone in the foreground.
        os.killpg(process.pid, signal.SIGINT)
        code = process.wait(timeout=60)
    said = log.read_text()
    assert code == 130, said
    assert said.rstrip().endswith("maskwatch: error: stopped by Ctrl-C")
    assert "Traceback" not in said
    return out


@pytest.fixture(scope="session")
def trained(
    interrupted: Path, patches: Path, tmp_path_factory: pytest.TempPathFactory
) -> ClassifierResult:
    """The same run, gone on with to its end."""
    out = tmp_path_factory.mktemp("trained") / "run"
    shutil.copytree(interrupted, out)
    return train_classifier(patches, out, ClassifierConfig(), device="cpu", resume=True)
