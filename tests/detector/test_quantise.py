"""8-bit weights: smaller, and they still find the faces of real photographs."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from data.boxes import iou
from data.exceptions import UsageError, WeightsError
from data.files import digest
from data.images import Image, write_image
from detector.quantise import head_nodes, quantise, spread_out
from detector.runtime import Detector
from eval.cli.main import main
from weights.registry import default_weights


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, zidane: Path, bus: Path) -> Path:
    """Sixteen parts of two photos."""
    from data.images import read_image

    folder = tmp_path_factory.mktemp("calibration")
    for photo in (zidane, bus):
        image = read_image(photo)
        for number in range(8):
            top, left = 20 * number, 30 * number
            part = np.ascontiguousarray(image[top : top + 500, left : left + 480])
            write_image(folder / f"{photo.stem}{number}.jpg", part)
    return folder


@pytest.fixture(scope="module")
def int8(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("int8") / "small.onnx"
    options = ["--format", "int8", "--calibrate", str(pictures), "--out", str(out)]
    assert main(["export", str(default_weights()), *options]) == 0
    return out


def test_a_third_of_the_size_with_its_checksum(int8: Path) -> None:
    assert int8.stat().st_size < 0.45 * default_weights().stat().st_size
    written = int8.with_name("small.onnx.sha256").read_text()
    assert written == f"{digest(int8)}  small.onnx\n"
    assert [p.name for p in int8.parent.iterdir() if p.name.startswith(".")] == []


def test_most_convolutions_have_8_bits_and_the_head_has_not(int8: Path) -> None:
    graph = onnx.load(str(int8)).graph
    kinds = {i.name: i.data_type for i in graph.initializer}
    bits = [k for name, k in kinds.items() if name.endswith("_quantized")]
    assert bits.count(onnx.TensorProto.INT8) > 60
    spared = set(head_nodes(default_weights()))
    assert any("cv3" in name for name in spared)
    assert any("cv2" in name for name in spared)
    for node in graph.node:
        if node.op_type == "Conv" and node.name in spared:
            assert not any(name.endswith("DequantizeLinear_Output") for name in node.input)


@pytest.mark.parametrize("photo", ["zidane_image", "astronaut_image"])
def test_the_same_faces_are_found(int8: Path, photo: str, request: pytest.FixtureRequest) -> None:
    image: Image = request.getfixturevalue(photo)
    exact = Detector(imgsz=416).detect([image])[0]
    small = Detector(int8, imgsz=416).detect([image])[0]
    assert len(small) == len(exact) > 0
    overlaps = iou(exact.xyxy, small.xyxy)
    best = overlaps.argmax(axis=1)
    assert (overlaps.max(axis=1) > 0.8).all()
    np.testing.assert_array_equal(small.class_ids[best], exact.class_ids)


def test_too_few_pictures(tmp_path: Path, zidane: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(
        UsageError, match="at least 16 readable pictures for --calibrate, but got 1"
    ):
        quantise(default_weights(), [zidane, tmp_path / "broken.jpg"], tmp_path / "out.onnx")
    assert "broken.jpg" in caplog.text
    assert not (tmp_path / "out.onnx").exists()


def test_no_model(tmp_path: Path, pictures: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(WeightsError):
        quantise(tmp_path / "model.onnx", sorted(pictures.iterdir()), tmp_path / "out.onnx")


@pytest.mark.parametrize(
    ("count", "picked"), [(1, [0]), (3, [0, 4, 9]), (10, range(10)), (99, range(10))]
)
def test_pictures_are_spread_over_the_folder(count: int, picked: list[int]) -> None:
    paths = [Path(str(n)) for n in range(10)]
    assert spread_out(paths, count) == [paths[i] for i in picked]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["w.onnx", "--format", "int8"], "--calibrate"),
        (["w.pt", "--format", "pt"], "several checkpoints"),
        (["a.onnx", "b.onnx", "--format", "openvino"], "to average"),
    ],
    ids=["no pictures", "one to average", "two onnx"],
)
def test_wrong_options(options: list[str], match: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", *options]) == 2
    assert match in capsys.readouterr().err
