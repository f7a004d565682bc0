"""The classifier's training: interrupted, resumed, exported, and everything refused."""

import re
import shutil
from dataclasses import asdict

import cv2
import numpy as np
import onnxruntime
import pytest

from data.boxes import Boxes
from data.dataset import find_samples, write_yaml
from data.exceptions import TrainingError
from data.files import digest, write_json
from data.images import Image
from data.writer import write_sample
from eval.cli.main import main
from eval.twophase import worker
from eval.twophase.crops import collect_crops
from eval.twophase.network import KIND, build
from eval.twophase.train import ClassifierConfig
from eval.twophase.worker import follow, make_parts, thread_count, train_epoch


def test_the_interrupted_run_kept_its_epochs(interrupted):
    assert (interrupted / "weights" / "best.pt").is_file()
    assert not (interrupted / "README.md").exists()
    assert not [p for p in interrupted.rglob("*") if p.name.startswith(".")]


def test_a_resumed_run_has_every_epoch_once(trained):
    import torch

    state = torch.load(trained.out / "weights" / "last.pt", weights_only=True)
    assert [row["epoch"] for row in state["history"]] == [1, 2, 3, 4]
    assert state["start"] == "random"
    # The learning rate went on where it was: 3 steps an epoch.
    assert state["schedule"]["last_epoch"] == 12
    assert state["schedule"]["_last_lr"][0] < 0.001


def test_it_learns_what_colour_tells_apart(patches):
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the worker for such small steps
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    train = collect_crops(find_samples(patches, "train"), 18, rng)
    config = ClassifierConfig(epochs=30, imgsz=32, batch=6, lr0=0.003)
    parts = make_parts(build("random")[0], config, train)
    epochs = [train_epoch(parts, train, config, rng) for _ in range(config.epochs)]
    torch.set_num_threads(threads)
    assert np.mean([e["accuracy"] for e in epochs[-5:]]) > 0.7
    assert epochs[-1]["loss"] < epochs[0]["loss"]


@pytest.mark.parametrize(
    ("batch", "load", "threads"),
    [(6, 0.0, 1), (64, 0.0, 4), (64, 0.4, 4), (64, 2.2, 2), (64, 9.0, 1)],
    ids=["small steps", "free", "nearly free", "half busy", "crowded"],
)
def test_threads_leave_busy_cores_alone(monkeypatch, batch, load, threads):
    monkeypatch.setattr(worker, "core_count", lambda: 4)
    assert thread_count(ClassifierConfig(batch=batch), load) == threads


def test_the_average_follows_the_network():
    import torch

    average, network = (torch.nn.BatchNorm1d(1) for _ in range(2))
    network.load_state_dict(network.state_dict() | {"weight": torch.tensor([3.0])})
    follow(average, network, 10)
    assert average.weight.item() == 2.0  # half the way, early on
    follow(average, network, 10_000)
    assert average.weight.item() == pytest.approx(2.005)
    network(torch.zeros(4, 1))
    follow(average, network, 10_001)
    assert average.num_batches_tracked == 1


def test_it_starts_from_a_file_of_weights(tmp_path):
    import torch
    import torchvision

    file = tmp_path / "mobilenet_v2-7ebf99e0.pth"
    given = torchvision.models.mobilenet_v2().state_dict()
    torch.save(given, file)
    network, start = build(str(file))
    assert start == file.name
    assert network.classifier[1].out_features == 3
    assert torch.equal(network.features[0][0].weight, given["features.0.0.weight"])


@pytest.mark.parametrize("content", [b"", b"not weights", {"a": 1}, [1]], ids=repr)
def test_other_files_are_no_weights(tmp_path, content):
    import torch

    file = tmp_path / "start.pth"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    with pytest.raises(TrainingError, match=r"start\.pth: expected the weights of torchvision's"):
        build(str(file))


def test_a_finished_run_leaves_onnx_checksum_curves_and_card(trained):
    assert cv2.imread(str(trained.curves)).shape[:2] == (480, 1200)
    assert trained.onnx.with_name("two-phase.onnx.sha256").read_text() == (
        f"{digest(trained.onnx)}  two-phase.onnx\n"
    )
    card = trained.card.read_text()
    assert digest(trained.onnx) in card
    assert re.search(r"\| random \| none: random weights", card)
    assert "| crops, train | 6 with_mask, 6 without_mask, 6 incorrect |" in card
    session = onnxruntime.InferenceSession(trained.onnx, providers=["CPUExecutionProvider"])
    said = session.get_modelmeta().custom_metadata_map
    assert (said["kind"], said["imgsz"], said["context"]) == (KIND, "[32, 32]", "1.3")
    for batch in (1, 5):
        crops = np.zeros((batch, 3, 32, 32), np.float32)
        found = session.run(None, {"crops": crops})[0]
        assert found.shape == (batch, 3)
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (["--init", "yolo26n.pt"], "expected --init imagenet, random or a .pth file", 2),
        (["--init", "missing.pth"], "but got 'missing.pth'", 2),
        (["--imgsz", "40"], "a multiple of 16", 2),
        (["--epochs", "0"], "--epochs of at least 1", 2),
        (["--count", "1"], "--count of at least 4", 2),
        (["--lr0", "2"], "--lr0 above 0", 2),
        (["--preset", "small"], "no effect on --two-phase", 2),
        (["--crop", "96"], "no effect on --two-phase", 2),
        (["--freeze-bn"], "no effect on --two-phase", 2),
        (["--one-head"], "no effect on --two-phase", 2),
        (["--teacher", "maskwatch-s"], "no effect on --two-phase", 2),
        (["--resume"], "an interrupted run of --two-phase", 1),
    ],
    ids=[
        "start",
        "no such file",
        "size",
        "epochs",
        "faces",
        "rate",
        "preset",
        "crop",
        "statistics",
        "head",
        "teacher",
        "nothing to resume",
    ],
)
def test_refused_before_anything_is_made(patches, tmp_path, capsys, options, said, code):
    out = tmp_path / "run"
    command = ["train", str(patches), "--two-phase", "--device", "cpu", "--out", str(out)]
    assert main([*command, *options]) == code
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_a_finished_run_is_not_resumed_nor_overwritten(trained, patches, capsys):
    command = ["train", str(patches), "--two-phase", "--device", "cpu", "--out", str(trained.out)]
    assert main([*command, "--resume"]) == 1
    assert "this run is finished" in capsys.readouterr().err
    assert main(command) == 1
    assert "expected a new or empty folder" in capsys.readouterr().err


def test_a_set_that_changed_is_not_gone_on_with(interrupted, patches, tmp_path, capsys):
    other, out = tmp_path / "set", tmp_path / "run"
    shutil.copytree(patches, other)
    shutil.copytree(interrupted, out)
    next((other / "images/train").iterdir()).unlink()
    command = ["train", str(other), "--two-phase", "--device", "cpu", "--out", str(out)]
    assert main([*command, "--resume"]) == 1
    assert "isn't the one this run began with" in capsys.readouterr().err


def test_a_set_without_large_faces_ends_in_one_line(tmp_path):
    """Only the training process sees it; here it is run without a process of its own."""
    root, out = tmp_path / "set", tmp_path / "run"
    image: Image = np.full((40, 40, 3), 90, np.uint8)
    for split in ("train", "val"):
        write_sample(root, split, f"{split}.png", image, Boxes(np.array([[1.0, 1, 6, 7]]), [0]))
    write_yaml(root)
    job = {"two_phase": asdict(ClassifierConfig()), "data": str(root), "device": "cuda:0"}
    write_json(out / "run.json", job | {"resume": False})
    complaint = tmp_path / "error"
    assert worker.main([str(out), str(complaint)]) == 1
    assert complaint.read_text() == (
        "expected faces of at least 12 px to learn from, but the 1 pictures have none"
    )
