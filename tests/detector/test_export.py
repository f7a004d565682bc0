"""Export: the ONNX file computes what PyTorch computes, with either head."""

import os
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from data.exceptions import UsageError, WeightsError
from data.files import digest
from data.images import read_image
from data.labels import CLASS_NAMES
from detector.export import OPSET, export_onnx
from eval.cli.main import main

pytestmark = pytest.mark.usefixtures("private_cache")


@pytest.fixture(scope="module")
def photo(bus: Path) -> np.ndarray:
    """(1, 3, 256, 192) float32 RGB in [0, 1]."""
    image = read_image(bus)[:1024:4, :768:4, ::-1]
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None]).astype(np.float32) / 255


@pytest.fixture(scope="module")
def exported(
    private_cache: None, random_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The random checkpoint with the head that needs NMS; to be read only."""
    return export_onnx(random_checkpoint, tmp_path_factory.mktemp("exported") / "many.onnx", 192)


@pytest.mark.parametrize(("head", "shape"), [("one2many", (1, 7, 1008)), ("end2end", (1, 300, 6))])
def test_onnx_computes_what_torch_computes(
    exported: Path,
    random_checkpoint: Path,
    photo: np.ndarray,
    tmp_path: Path,
    head: str,
    shape: tuple[int, ...],
) -> None:
    import torch
    from ultralytics import YOLO

    out = exported
    if head == "end2end":
        out = export_onnx(random_checkpoint, tmp_path / "model.onnx", 192, head=head)
    session = onnxruntime.InferenceSession(str(out))
    (found,) = session.run(None, {"images": photo})
    model = YOLO(str(random_checkpoint)).model.eval()
    model.end2end = head == "end2end"
    with torch.no_grad():
        expected = model(torch.from_numpy(photo))[0].numpy()
    assert found.shape == expected.shape == shape
    if head == "end2end":
        # Random weights give ties; the sorted scores are what must agree.
        np.testing.assert_allclose(found[..., 4], expected[..., 4], rtol=1e-3, atol=1e-7)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)
    (two,) = session.run(None, {"images": np.repeat(photo, 2, axis=0)})
    assert two.shape == (2, *shape[1:])


def test_weights_stored_in_16_bits_say_the_same(
    exported: Path, random_checkpoint: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    half = tmp_path / "half.onnx"
    command = ["export", str(random_checkpoint), "--imgsz", "192", "--out", str(half), "--half"]
    assert main(command) == 0
    assert half.stat().st_size < 0.6 * exported.stat().st_size
    assert half.with_name("half.onnx.sha256").read_text() == f"{digest(half)}  half.onnx\n"
    outputs = outputs_of((exported, half), photo)
    assert outputs[1].dtype == np.float32
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=0.02, atol=0.05)


@pytest.mark.parametrize("kind", ["int8", "pt"])
def test_16_bits_are_for_formats_of_floats(
    random_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    out = tmp_path / "out.onnx"
    command = ["export", str(random_checkpoint), "--format", kind, "--half", "--out", str(out)]
    assert main(command) == 2
    assert "expected --half with onnx or openvino" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_metadata_says_what_prediction_needs(
    random_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import onnx

    out = export_onnx(random_checkpoint, tmp_path / "deep" / "model.onnx", 96, dynamic=False)
    session = onnxruntime.InferenceSession(str(out))
    assert session.get_inputs()[0].shape == [1, 3, 96, 96]
    said = session.get_modelmeta().custom_metadata_map
    assert said["names"] == str(dict(enumerate(CLASS_NAMES)))
    assert (said["imgsz"], said["stride"], said["end2end"]) == ("[96, 96]", "32", "False")
    assert str(random_checkpoint.parent).encode() not in out.read_bytes(), "no path of this machine"
    assert onnx.load(str(out)).opset_import[0].version == OPSET
    assert sorted(p.name for p in out.parent.iterdir()) == ["model.onnx", "model.onnx.sha256"]
    again = tmp_path / "again.onnx"
    assert (
        main(["export", str(random_checkpoint), "--imgsz", "96", "--fixed", "--out", str(again)])
        == 0
    )
    assert capsys.readouterr().out == f"{again}\n"
    assert digest(again) == digest(out), "the same weights give the same bytes"


@pytest.mark.parametrize("imgsz", [0, -32, 100])
def test_sizes_that_are_refused(random_checkpoint: Path, tmp_path: Path, imgsz: int) -> None:
    with pytest.raises(UsageError, match="multiple of 32"):
        export_onnx(random_checkpoint, tmp_path / "model.onnx", imgsz)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"", id="empty"),
        pytest.param(b"no checkpoint at all", id="text"),
        pytest.param(pickle.dumps({"epoch": 1}), id="another pickle"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, content: bytes | None) -> None:
    weights = tmp_path / "weights.pt"
    if content is not None:
        weights.write_bytes(content)
    with pytest.raises(WeightsError, match=r"weights\.pt"):
        export_onnx(weights, tmp_path / "model.onnx", 64)
    assert not (tmp_path / "model.onnx").exists()


class _Payload:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def test_code_in_a_checkpoint_is_not_executed(tmp_path: Path) -> None:
    import torch

    mark = tmp_path / "executed"
    torch.save({"epoch": -1, "model": _Payload(f"touch {mark}")}, tmp_path / "stranger.pt")
    with pytest.raises(WeightsError, match="stranger"):
        export_onnx(tmp_path / "stranger.pt", tmp_path / "model.onnx", 64)
    assert not mark.exists()


def test_the_command_line_names_a_missing_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tmp_path / "no.pt")]) == 1
    assert capsys.readouterr().err.startswith("maskwatch: error: ")


@pytest.fixture
def pair(random_checkpoint: Path, tmp_path: Path) -> list[str]:
    """Two checkpoints of one network that say different things."""
    import torch
    from ultralytics import YOLO

    other = YOLO(str(random_checkpoint))
    with torch.no_grad():
        for parameter in other.model.parameters():
            parameter.mul_(1.1)
    other.save(str(tmp_path / "other.pt"))
    return [str(random_checkpoint), str(tmp_path / "other.pt")]


def outputs_of(paths: Sequence[Path], photo: np.ndarray) -> list[np.ndarray]:
    """What ONNX files say of a picture."""
    sessions = [onnxruntime.InferenceSession(str(path)) for path in paths]
    return [session.run(None, {"images": photo})[0] for session in sessions]


def test_averaged_checkpoint_can_be_exported_and_trained_on(
    pair: list[str], photo: np.ndarray, tmp_path: Path
) -> None:
    """One file from several, which computes what their averaged export computes."""
    from detector.checkpoint import read_checkpoint

    mean, direct, through = (tmp_path / name for name in ("mean.pt", "a.onnx", "b.onnx"))
    shares = ["--shares", "1,3", "--out"]
    assert main(["export", *pair, "--format", "pt", *shares, str(mean)]) == 0
    assert main(["export", *pair, "--imgsz", "192", *shares, str(direct)]) == 0
    assert main(["export", str(mean), "--imgsz", "192", "--out", str(through)]) == 0
    read_checkpoint(mean)  # as `train --init` does
    outputs = outputs_of((direct, through), photo)
    # Checkpoints keep 16 bits of each weight.
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=0.02, atol=0.05)


def test_two_nano_checkpoints_become_one_small(
    pair: list[str], photo: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Boxes and scores, before they are decoded, are the mean of both, with either head."""
    import torch
    from ultralytics import YOLO

    small, direct = tmp_path / "small.pt", tmp_path / "a.onnx"
    assert main(["export", *pair, "--widen", "--format", "pt", "--out", str(small)]) == 0
    assert main(["export", *pair, "--widen", "--imgsz", "192", "--out", str(direct)]) == 0

    models = [YOLO(str(path)).model.float().eval() for path in (*pair, small)]
    assert models[2].yaml["scale"] == "s"
    assert models[2].names == models[0].names
    with torch.no_grad():
        said = [model(torch.from_numpy(photo))[1] for model in models]
    for head in ("one2many", "one2one"):
        for kind in ("boxes", "scores"):
            first, second, both = (answer[head][kind] for answer in said)
            assert (first - second).abs().max() > 0.01
            torch.testing.assert_close(both, (first + second) / 2, rtol=0.01, atol=0.01)
    models[2].end2end = False
    with torch.no_grad():
        through = models[2](torch.from_numpy(photo))[0].numpy()
    # Checkpoints keep 16 bits of each weight.
    np.testing.assert_allclose(outputs_of([direct], photo)[0], through, rtol=0.02, atol=0.05)
    again = ["export", str(small), str(small), "--widen", "--out", str(tmp_path / "c.onnx")]
    assert main(again) == 1
    assert "expected two nano checkpoints of YOLO26" in capsys.readouterr().err


@pytest.mark.parametrize("count", [1, 3])
def test_widening_takes_two(
    random_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], count: int
) -> None:
    out = tmp_path / "out.onnx"
    assert main(["export", *[str(random_checkpoint)] * count, "--widen", "--out", str(out)]) == 2
    assert "expected two checkpoints" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
