"""Pictures of files looked at side by side: in order, all of them, and ended by any fault."""

import threading
import time

import numpy as np
import pytest

from data.boxes import Boxes
from data.exceptions import WeightsError
from detector.runtime import Detector
from detector.video.pipeline import READY, Flow, Pipeline, share_threads
from detector.video.sources import parse_sources


def _boxes(image):
    """One box whose place tells the picture's, the red square's."""
    x = int((image[28, :, 2].astype(int) - image[28, :, 1]).argmax())
    return Boxes(np.array([[x, 0.0, x + 4, 4]]), np.array([0]), np.array([0.5]))


def _run(paths, detect, flow):
    sources = parse_sources([str(path) for path in paths])
    found = []
    with Pipeline(sources, detect, flow, np.random.default_rng(0)) as pipeline:
        while (detected := pipeline.take(10)) is not None:
            found.append(detected)
    return found, pipeline.errors


def _told(found):
    return [
        (d.frame.source, d.frame.index, d.frame.time, None if d.found is None else d.found.xyxy)
        for d in found
    ]


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("workers", [2, 5])
def test_order_and_results_are_those_of_one_worker(make_clip, workers, every):
    rng = np.random.default_rng(0)
    waits = iter(rng.uniform(0, 0.01, 100))

    def uneven(image):
        time.sleep(next(waits))
        return _boxes(image)

    paths = [make_clip(23, "a.mp4"), make_clip(11, "b.mp4")]
    several, errors = _run(paths, uneven, Flow(every, workers=workers))
    alone, _ = _run(paths, _boxes, Flow(every))
    assert errors == []
    for source in ("a", "b"):
        ours, theirs = ([t for t in _told(f) if t[0] == source] for f in (several, alone))
        assert [t[1] for t in ours] == list(range(23 if source == "a" else 11))
        for one, other in zip(ours, theirs, strict=True):
            assert one[:3] == other[:3]
            np.testing.assert_array_equal(one[3], other[3])


def test_the_real_detector_finds_the_same(make_clip, tiny_onnx):
    detector = Detector(tiny_onnx(), imgsz=64, threads=1)
    path = make_clip(30)

    def detect(image):
        return detector.detect([image], 0.1)[0]

    several, alone = (_run([path], detect, Flow(workers=n))[0] for n in (4, 1))
    assert sum(len(d.found) for d in alone) > 0
    for one, other in zip(several, alone, strict=True):
        np.testing.assert_array_equal(one.found.xyxy, other.found.xyxy)
        np.testing.assert_array_equal(one.found.scores, other.found.scores)


def test_several_are_looked_at_at_once(make_clip):
    meet = threading.Barrier(3)

    def detect(image):
        meet.wait(10)  # three at once, or the run fails
        return Boxes.empty()

    found, errors = _run([make_clip(12)], detect, Flow(workers=3))
    assert (len(found), errors) == (12, [])


def test_no_more_wait_than_there_are_places(make_clip):
    seen = []

    def detect(image):
        seen.append(image)
        return Boxes.empty()

    sources = parse_sources([str(make_clip(40))])
    flow = Flow(workers=3)
    with Pipeline(sources, detect, flow, np.random.default_rng(0)) as pipeline:
        assert pipeline.take(10) is not None
        time.sleep(0.3)
        assert 0 < len(seen) <= 1 + READY


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [WeightsError("it fails"), MemoryError("a bug")])
def test_a_fault_of_one_ends_the_run(make_clip, error):
    calls = iter(range(100))

    def detect(image):
        if next(calls) == 7:
            raise error
        return Boxes.empty()

    began = time.monotonic()
    found, errors = _run([make_clip(100)], detect, Flow(workers=3))
    assert errors == [error]
    assert len(found) <= 8
    assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("threads", "cores", "live", "expected"),
    [
        pytest.param(None, 2, True, (1, 1), id="live"),
        pytest.param(None, 8, True, (4, 1), id="live-many"),
        pytest.param(None, 1, True, (1, 1), id="live-one-core"),
        pytest.param(3, 2, True, (3, 1), id="live-told"),
        pytest.param(None, 2, False, (1, 2), id="file"),
        pytest.param(None, 64, False, (1, 8), id="file-many"),
        pytest.param(1, 8, False, (1, 1), id="file-told"),
    ],
)
def test_threads(threads, cores, live, expected):
    assert share_threads(threads, cores, live) == expected
