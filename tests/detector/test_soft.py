"""Labels that are believed in part: from the manifest to the targets of the loss."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import DatasetError
from data.manifest import FaceRecord, PictureRecord, write_manifest
from detector.soft import SoftAssigner, read_confidences, soften, soften_loss

pytestmark = pytest.mark.usefixtures("private_cache")

CORNERS = [8.0, 8.0, 56.0, 56.0]


def write_set(root: Path, *confidences: list[float]) -> Path:
    """A set that is only a manifest, a picture for each list."""
    faces = [[FaceRecord("with_mask", CORNERS, confidence=c) for c in row] for row in confidences]
    write_manifest(
        root,
        [
            PictureRecord(f"images/train/{n}.jpg", 64, 64, "train", "s", "", "i", 0, row)
            for n, row in enumerate(faces)
        ],
    )
    return root


def test_manifests_say_what_is_not_sure(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("soft", "sure", "none")]
    for root in roots:
        root.mkdir()
    write_set(roots[0], [1.0, 0.25], [1.0], [])
    write_set(roots[1], [1.0, 1.0])
    expected = str((roots[0] / "images/train/0.jpg").resolve())
    assert read_confidences(roots) == {expected: [1.0, 0.25]}


@given(
    classes=st.lists(st.integers(0, 2), min_size=1, max_size=8),
    data=st.data(),
)
def test_classes_and_confidences_survive_the_way(classes: list[int], data: st.DataObject) -> None:
    """In 32 bits, as ultralytics carries class numbers, to a confidence of a thousandth."""
    count = len(classes)
    believed = data.draw(st.lists(st.floats(0.001, 1), min_size=count, max_size=count))
    label = {"im_file": "/a.jpg", "cls": np.array(classes, np.float32)[:, None]}
    soften([label], {str(Path("/a.jpg").resolve()): believed})
    assert label["cls"].dtype == np.float32
    seen: list[Any] = []

    def assigner(*given: Any) -> tuple[Any, ...]:
        seen.append(given[3])
        each = torch.arange(count)[None]
        return None, None, torch.ones(1, count, 3), None, each

    numbers = torch.from_numpy(label["cls"])[None]
    found = SoftAssigner(assigner)(None, None, None, numbers)[2]
    assert seen[0].flatten().tolist() == classes
    assert found[0, :, 0].tolist() == pytest.approx(believed, abs=1e-5)


def test_other_pictures_stay_and_other_labels_are_refused() -> None:
    labels = [{"im_file": "/b.jpg", "cls": np.ones((2, 1), np.float32)}]
    soften(labels, {str(Path("/a.jpg").resolve()): [0.5]})
    assert (labels[0]["cls"] == 1).all()
    with pytest.raises(DatasetError, match=r"b\.jpg: expected 1 labels, .* got 2"):
        soften(labels, {str(Path("/b.jpg").resolve()): [0.5]})


def make_batch(*confidences: float) -> dict[str, Any]:
    """A picture with a face for each confidence, side by side."""
    count = len(confidences)
    label = {"im_file": "/a.jpg", "cls": np.full((count, 1), 2, np.float32)}
    soften([label], {str(Path("/a.jpg").resolve()): list(confidences)})
    boxes = [[(n + 0.5) / count, 0.5, 0.8 / count, 0.4] for n in range(count)]
    return {
        "img": torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0)),
        "batch_idx": torch.zeros(count),
        "cls": torch.from_numpy(label["cls"]),
        "bboxes": torch.tensor(boxes).reshape(-1, 4),
    }


@pytest.fixture(params=[True, False], ids=["two heads", "one head"])
def network(request: pytest.FixtureRequest) -> Any:
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import DetectionModel

    from detector.heads import drop_second_head

    torch.manual_seed(0)
    module = DetectionModel("yolo26n.yaml", nc=3, verbose=False).eval()
    module.args = get_cfg()
    if not request.param:
        drop_second_head(module)
    return module


def targets_of(network: Any, batch: dict[str, Any]) -> Any:
    """(anchors, classes) targets of the head whose boxes need NMS."""
    loss = getattr(network.criterion, "one2many", network.criterion)
    seen: list[Any] = []
    inner = loss.assigner

    def spy(*given: Any, **options: Any) -> Any:
        seen.append(inner(*given, **options))
        return seen[-1]

    loss.assigner = spy
    network.train()(batch)
    loss.assigner = inner
    return seen[0][2][0]


def test_targets_are_as_high_as_labels_are_believed(network: Any) -> None:
    """Of the same faces: sure ones as ultralytics alone has them, others in proportion."""
    network.criterion = network.init_criterion()
    plain = targets_of(network, make_batch(1.0, 1.0))
    soften_loss(network)
    torch.testing.assert_close(targets_of(network, make_batch(1.0, 1.0)), plain)
    half = targets_of(network, make_batch(0.5, 1.0))
    left = plain[:, 2] > 0
    ratio = half[left, 2] / plain[left, 2]
    assert set(ratio.mul(100).round().int().tolist()) == {50, 100}
    assert (half[:, :2] == 0).all()


def test_pictures_without_a_face(network: Any) -> None:
    soften_loss(network)
    assert (targets_of(network, make_batch()) == 0).all()


def test_every_head_takes_them() -> None:
    loss = SimpleNamespace(
        one2many=SimpleNamespace(assigner="a"), one2one=SimpleNamespace(assigner="b")
    )
    soften_loss(module := SimpleNamespace(init_criterion=lambda: loss))
    assert module.criterion is loss
    assert [type(part.assigner) for part in (loss.one2many, loss.one2one)] == [SoftAssigner] * 2
