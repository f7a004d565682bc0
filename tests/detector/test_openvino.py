"""OpenVINO computes what onnxruntime computes, on real photographs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from data.exceptions import UsageError, WeightsError
from data.images import Image
from data.labels import CLASS_NAMES
from detector.letterbox import apply, plan
from detector.openvino import SUFFIX, export_openvino
from detector.runtime import to_tensor
from detector.session import open_session
from eval.cli.main import main
from weights.registry import FOLDER, default_weights

# A process of its own: OpenVINO's threads and onnxruntime's don't end well in one.
RUN = """
import sys, numpy, openvino
model = openvino.compile_model(sys.argv[1], "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
numpy.save(sys.argv[3], model(numpy.load(sys.argv[2]))[0])
"""


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("openvino") / f"small{SUFFIX}"
    assert main(["export", str(default_weights()), "--format", "openvino", "--out", str(out)]) == 0
    return out


def test_what_is_in_the_folder(converted: Path) -> None:
    stem = default_weights().stem
    names = {p.name for p in converted.iterdir()}
    assert names == {f"{stem}.xml", f"{stem}.bin", "metadata.yaml"}
    described = yaml.safe_load((converted / "metadata.yaml").read_text())
    assert described["names"] == dict(enumerate(CLASS_NAMES))
    assert described["imgsz"] == [640, 640]


@pytest.mark.parametrize("photo", ["zidane_image", "bus_image"])
def test_same_numbers_on_a_photo(
    converted: Path, photo: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    image: Image = request.getfixturevalue(photo)
    fit = plan((image.shape[0], image.shape[1]), 320, 32, False)
    tensor = to_tensor([apply(image, fit)])
    session = open_session(default_weights(), None, ("CPUExecutionProvider",))
    (expected,) = session.run(None, {session.get_inputs()[0].name: tensor})
    np.save(tmp_path / "in.npy", tensor)
    xml = next(converted.glob("*.xml"))
    command = [sys.executable, "-c", RUN, str(xml), "in.npy", "out.npy"]
    subprocess.run(command, check=True, cwd=tmp_path, timeout=120)
    found = np.load(tmp_path / "out.npy")
    np.testing.assert_allclose(found[:, :4], expected[:, :4], atol=0.05)  # px
    np.testing.assert_allclose(found[:, 4:], expected[:, 4:], atol=1e-3)


def test_made_again_in_place_and_half_the_size(converted: Path, tmp_path: Path) -> None:
    out = tmp_path / f"again{SUFFIX}"
    for _ in range(2):
        export_openvino(default_weights(), out, half=True)
    sizes = [next(folder.glob("*.bin")).stat().st_size for folder in (out, converted)]
    assert sizes[0] < 0.6 * sizes[1]


def test_what_is_no_export_of_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match="something else"):
        export_openvino(default_weights(), tmp_path / "photos")
    assert (tmp_path / "photos" / "holiday.jpg").exists()


def test_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(WeightsError):
        export_openvino(tmp_path / "model.onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shipped_ones_by_name_come_where_the_user_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(FOLDER.iterdir())
    assert main(["export", "maskwatch-n", "--format", "openvino", "--half"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"maskwatch-n{SUFFIX}"]
    assert sorted(FOLDER.iterdir()) == before
