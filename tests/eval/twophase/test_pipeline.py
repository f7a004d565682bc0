"""Both phases on the sample photos, with a classifier that was trained in seconds."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.boxes import iou
from data.exceptions import UsageError, WeightsError
from detector.runtime import Detector
from eval.twophase.faces import make_face_finder
from eval.twophase.pipeline import TwoPhase
from eval.twophase.train import ClassifierConfig, train_classifier
from weights.registry import default_weights

ASTRONAUT = np.array([[177.0, 72, 274, 185]])
ZIDANE = np.array([[930.0, 130, 1070, 285]])  # the one of two whom dlib finds


@pytest.fixture(scope="module")
def classifier(patches, tmp_path_factory) -> Path:
    """The ONNX file of a training that nothing interrupts."""
    config = ClassifierConfig(epochs=2, imgsz=32, batch=6, lr0=0.01, start="random")
    out = tmp_path_factory.mktemp("classifier") / "run"
    return train_classifier(patches, out, config, device="cpu").onnx


@pytest.fixture(scope="module")
def pipeline(classifier) -> TwoPhase:
    return TwoPhase(classifier, threads=1)


@pytest.mark.parametrize(
    ("photo", "face"), [("astronaut_image", ASTRONAUT), ("zidane_image", ZIDANE)]
)
def test_dlib_finds_the_face_and_the_classifier_names_it(pipeline, request, photo, face):
    image = request.getfixturevalue(photo)
    found = pipeline.detect([image], conf=0.2)[0]
    assert iou(found.xyxy, face).max() > 0.4
    boxes, scores = make_face_finder(None)(image)
    best = found.select([0])
    k = int(iou(best.xyxy, boxes).argmax())
    probabilities = pipeline.classify(image, boxes[[k]])[0]
    assert best.scores[0] == pytest.approx(scores[k] * probabilities.max())
    assert best.class_ids[0] == probabilities.argmax()


def test_it_answers_as_the_detector_does(pipeline, astronaut_image, bus_image):
    images = [astronaut_image, bus_image[:400], np.zeros((64, 48, 3), np.uint8)]
    several = pipeline.detect(images, conf=0.1)
    singles = [pipeline.detect([image], conf=0.1)[0] for image in images]
    ours = Detector(threads=1).detect(images, conf=0.1)
    assert len(several) == len(ours) == 3
    for one, other in zip(several, singles, strict=True):
        np.testing.assert_array_equal(one.xyxy, other.xyxy)
        np.testing.assert_array_equal(one.scores, other.scores)
        assert (np.diff(one.scores) <= 0).all()
    assert len(several[2]) == 0
    assert pipeline.detect([], conf=0.1) == []


def test_a_higher_threshold_keeps_a_part(pipeline, zidane_image):
    low, high = (pipeline.detect([zidane_image], conf=c)[0] for c in (0.01, 0.3))
    assert high.scores.tolist() == [s for s in low.scores.tolist() if s >= 0.3]
    with pytest.raises(UsageError, match="conf from 0 to 1"):
        pipeline.detect([zidane_image], conf=2)


def test_many_faces_go_through_in_batches(pipeline, astronaut_image):
    boxes = np.repeat(ASTRONAUT, 70, axis=0)
    probabilities = pipeline.classify(astronaut_image, boxes)
    assert probabilities.shape == (70, 3)
    np.testing.assert_allclose(probabilities, probabilities[:1].repeat(70, axis=0), atol=1e-5)


def test_pictures_smaller_than_a_face_are_no_problem(pipeline):
    for shape in ((1, 1, 3), (3, 200, 3)):
        assert len(pipeline.detect([np.zeros(shape, np.uint8)])[0]) == 0


def test_another_model_is_refused(tiny_onnx, tmp_path):
    with pytest.raises(WeightsError, match="train one with: maskwatch train DIR --two-phase"):
        TwoPhase(tiny_onnx())
    with pytest.raises(WeightsError, match="expected a classifier of faces"):
        TwoPhase(default_weights())
    with pytest.raises(WeightsError, match=r"none\.onnx"):
        TwoPhase(tmp_path / "none.onnx")


@pytest.mark.parametrize("change", ["kind", "names", "imgsz", "context"])
def test_a_classifier_with_other_metadata_is_refused(classifier, tmp_path, change):
    import onnx

    model = onnx.load(str(classifier))
    facts = {entry.key: entry.value for entry in model.metadata_props}
    values = {"kind": "x", "names": "{0: 'a'}", "imgsz": "[64, 64]", "context": "1e9"}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {**facts, change: values[change]})
    other = tmp_path / "other.onnx"
    onnx.save(model, str(other))
    with pytest.raises(WeightsError, match=r"other\.onnx: expected a c"):
        TwoPhase(other)


def test_a_face_model_that_is_none_is_refused(classifier, tmp_path):
    with pytest.raises(WeightsError, match="leave --face-model out"):
        TwoPhase(classifier, face_model=tmp_path / "yunet.onnx")
    with pytest.raises(WeightsError, match="expected a YuNet model"):
        TwoPhase(classifier, face_model=classifier)
    with pytest.raises(UsageError, match="threads of at least 1"):
        TwoPhase(classifier, threads=0)


def test_no_torch_is_loaded(classifier):
    program = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from eval.twophase.pipeline import TwoPhase\n"
        "TwoPhase(Path(sys.argv[1])).detect([np.zeros((99, 99, 3), np.uint8)])\n"
        "assert not {'torch', 'torchvision', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(classifier)], check=True, timeout=60)
