"""The shipped weights on sample photos that come with installed packages."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from data.boxes import iou
from data.images import Image, read_image
from detector.runtime import Detector
from eval.cli.main import main
from synth.faces import dlib_finder, find_faces
from synth.mask import Mask
from synth.render import draw_mask
from synth.shapes import SHAPES
from synth.states import wear
from weights.registry import FOLDER, default_weights, read_sums, verify

# Brow to chin, ear to ear, drawn by eye on the photos; IoU 0.4 leaves room for the convention.
ASTRONAUT_FACES = [[176, 70, 268, 190]]
ZIDANE_FACES = [[535, 285, 663, 452], [900, 135, 1057, 290]]


@pytest.fixture(scope="module", params=sorted(path.stem for path in FOLDER.glob("*.onnx")))
def detector(request: pytest.FixtureRequest) -> Detector:
    """Each of the shipped files."""
    return Detector(Path(request.param))


def faces_found(detector: Detector, image: Image, faces: list[list[int]]) -> int:
    (found,) = detector.detect([image])
    return int((iou(faces, found.xyxy).max(axis=1, initial=0) >= 0.4).sum())


def test_the_weights_are_those_that_were_shipped() -> None:
    assert default_weights().is_file()
    for name in read_sums():
        verify(FOLDER / name)
    assert set(read_sums()) == {p.name for p in FOLDER.glob("*.onnx")}


def test_the_astronaut_wears_no_mask(detector: Detector, astronaut_image: Image) -> None:
    (found,) = detector.detect([astronaut_image])
    assert faces_found(detector, astronaut_image, ASTRONAUT_FACES) == 1
    best = int(iou(ASTRONAUT_FACES, found.xyxy).argmax())
    assert found.class_ids[best] == 1


def test_both_faces_of_zidane(detector: Detector, zidane_image: Image) -> None:
    assert faces_found(detector, zidane_image, ZIDANE_FACES) == 2
    (found,) = detector.detect([zidane_image])
    assert set(found.class_ids.tolist()) == {1}


@pytest.mark.parametrize("share", [0.5, 0.25], ids=["half", "quarter"])
def test_a_smaller_picture_keeps_its_face(
    detector: Detector, astronaut_image: Image, share: float
) -> None:
    small = np.asarray(cv2.resize(astronaut_image, None, fx=share, fy=share), dtype=np.uint8)
    faces = [[v * share for v in face] for face in ASTRONAUT_FACES]
    (found,) = detector.detect([small])
    assert iou(faces, found.xyxy).max(initial=0) >= 0.4


# A wholly black picture gives a false alarm: see the limits in weights/README.md.
@pytest.mark.parametrize("value", [32, 114, 255], ids=["dark", "grey", "white"])
def test_nothing_on_an_empty_picture(detector: Detector, value: int) -> None:
    (found,) = detector.detect([np.full((480, 640, 3), value, np.uint8)])
    assert len(found) == 0


def test_a_batch_finds_what_single_runs_find(
    detector: Detector, astronaut_image: Image, zidane_image: Image, bus_image: Image
) -> None:
    images = [astronaut_image, zidane_image, bus_image, zidane_image[:, ::-1].copy(), zidane_image]
    together = detector.detect(images)
    for image, boxes in zip(images, together, strict=True):
        (alone,) = detector.detect([image])
        np.testing.assert_allclose(boxes.xyxy, alone.xyxy, atol=0.1)
        np.testing.assert_array_equal(boxes.class_ids, alone.class_ids)


def test_predict_uses_them_by_default(
    astronaut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(astronaut), "--save", str(tmp_path)]) == 0
    assert "1 without_mask" in capsys.readouterr().out
    assert (read_image(tmp_path / astronaut.name) != read_image(astronaut)).any()


@pytest.mark.parametrize(
    ("style", "state", "colour", "class_id"),
    [
        pytest.param("surgical", "right", (0.6, 0.8, 0.9), 0, id="surgical, worn right"),
        pytest.param("kn95", "right", (0.1, 0.1, 0.1), 0, id="black KN95, worn right"),
        pytest.param("surgical", "nose_out", (0.9, 0.9, 0.9), 2, id="surgical, nose out"),
        pytest.param("kn95", "under_chin", (0.9, 0.9, 0.9), 2, id="KN95 under the chin"),
    ],
)
def test_drawn_masks_are_told_apart(
    detector: Detector,
    astronaut_image: Image,
    style: str,
    state: str,
    colour: tuple[float, float, float],
    class_id: int,
) -> None:
    (face,), _ = find_faces(astronaut_image, [], [dlib_finder])
    rng = np.random.default_rng(0)
    mask = Mask(wear(SHAPES[style], state, rng), np.array(colour), "plain", 0)
    masked = draw_mask(astronaut_image, face.placement, face.box, mask, rng)
    (found,) = detector.detect([masked])
    best = int(iou(ASTRONAUT_FACES, found.xyxy).argmax())
    assert found.class_ids[best] == class_id
