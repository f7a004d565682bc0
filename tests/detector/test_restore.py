"""ONNX weights back into a network: it says the same, and a training's first step does, too."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from data.exceptions import WeightsError
from detector.export import export_onnx
from detector.halve import halve
from detector.restore import MEASURED, restore, restore_checkpoint, show_pictures
from tests.conftest import OnnxBuilder
from weights.registry import DEFAULT, FOLDER

pytestmark = pytest.mark.usefixtures("private_cache")

SIZE = 128


@pytest.fixture
def batches(astronaut: Path, zidane: Path, bus: Path) -> list[np.ndarray]:
    return list(show_pictures([astronaut, zidane, bus], SIZE))


def answer(path: Path, batch: np.ndarray) -> np.ndarray:
    return np.asarray(ort.InferenceSession(str(path)).run(None, {"images": batch})[0])


def test_pictures_are_taken_evenly_and_fitted(astronaut: Path, zidane: Path) -> None:
    paths = [astronaut] * MEASURED + [zidane] * MEASURED
    shown = np.concatenate(list(show_pictures(paths, SIZE)))
    assert shown.shape == (MEASURED, 3, SIZE, SIZE)
    assert 0 <= shown.min() < shown.max() <= 1
    assert len({picture.tobytes() for picture in shown[: MEASURED // 2]}) == 1
    assert not np.array_equal(shown[0], shown[-1])


def test_broken_pictures_are_passed_over(astronaut: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    shown = list(show_pictures([tmp_path / "broken.jpg"] * 5 + [astronaut], SIZE))
    assert [len(batch) for batch in shown] == [1]


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.onnx")))
def test_a_shipped_file_comes_back(name: str, batches: list[np.ndarray], tmp_path: Path) -> None:
    import torch

    module = restore(FOLDER / name, batches)
    before = answer(FOLDER / name, batches[0])
    module.model[-1].end2end = False
    with torch.no_grad():
        after = module(torch.from_numpy(batches[0]))[0].numpy()
    np.testing.assert_allclose(after[:, 4:], before[:, 4:], atol=1e-3)
    np.testing.assert_allclose(after[:, :4], before[:, :4], atol=0.1)  # px
    assert list(module.names.values()) == ["with_mask", "without_mask", "incorrect"]


def test_a_training_step_sees_what_prediction_sees(batches: list[np.ndarray]) -> None:
    """In training a batch's own statistics stand in for the stored ones."""
    import torch

    module = restore(FOLDER / "maskwatch-n.onnx", batches)
    batch = torch.from_numpy(batches[0])
    hidden: list[Any] = []
    module.model[-2].register_forward_hook(lambda *call: hidden.append(call[2]))
    with torch.no_grad():
        module.eval()(batch)
        module.train()(batch)
    quiet, trained = hidden
    assert float((quiet - trained).abs().mean()) < 0.01 * float(quiet.abs().mean())
    heads = [dict(module.model[-1].named_parameters())[f"{side}cv3.0.2.bias"] for side in
             ("", "one2one_")]  # fmt: skip
    assert torch.equal(*heads)


def test_the_checkpoint_exports_to_the_same(
    random_checkpoint: Path, batches: list[np.ndarray], tmp_path: Path
) -> None:
    """Of a network that was made for three classes; and stored in 16 bits."""
    first = export_onnx(random_checkpoint, tmp_path / "a.onnx", SIZE)
    halve(first)
    checkpoint = restore_checkpoint(first, batches, tmp_path / "w" / "start.pt")
    second = export_onnx(checkpoint, tmp_path / "b.onnx", SIZE)
    np.testing.assert_allclose(answer(second, batches[0]), answer(first, batches[0]), atol=0.1)


def _other_layers(path: Path) -> None:
    model = onnx.load(str(path))
    [kernel] = [t for t in model.graph.initializer if t.name == "model.1.conv.weight"]
    values = onnx.numpy_helper.to_array(kernel)[:, :1]
    kernel.CopyFrom(onnx.numpy_helper.from_array(values, kernel.name))
    onnx.save(model, str(path))


def test_files_that_are_refused(
    batches: list[np.ndarray], tmp_path: Path, tiny_onnx: OnnxBuilder
) -> None:
    good = Path(shutil.copyfile(FOLDER / DEFAULT, tmp_path / "good.onnx"))
    with pytest.raises(WeightsError, match="pictures to measure"):
        restore(good, [])
    _other_layers(good)
    with pytest.raises(WeightsError, match=r"expected a layer model\.1\.conv of \(32, 16, 3, 3\)"):
        restore(good, batches)
    with pytest.raises(WeightsError, match="YOLO26n or YOLO26s"):
        restore(tiny_onnx(), batches)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(WeightsError, match="can't be read"):
        restore(broken, batches)
    with pytest.raises(WeightsError, match="expected weights"):
        restore(tmp_path / "none.onnx", batches)
