"""A camera on the network that fails in every way, read by the real pipeline."""

import logging
import time

import numpy as np
import pytest

from data.boxes import Boxes
from detector.video.pipeline import Detected, Flow, Pipeline
from detector.video.reconnect import Patience
from detector.video.sources import parse_sources

PATIENCE = Patience(first=0.05, ceiling=0.1, stall=0.4)


def _pipeline(urls, detect=lambda image: Boxes.empty()):
    return Pipeline(parse_sources(urls), detect, Flow(patience=PATIENCE), np.random.default_rng(0))


def _frames(pipeline, seconds, most=10_000, outages=None):
    """Frames that come within `seconds`, or the first `most`; outages go into their own list."""
    outages = [] if outages is None else outages
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end and len(found) < most:
        try:
            item = pipeline.take(0.05)
        except TimeoutError:
            continue
        assert item is not None
        if isinstance(item, Detected):
            found.append(item.frame)
        else:
            outages.append(item)
    return found


@pytest.mark.parametrize("fault", ["stall", "die", "refuse", "garbage", "broken"])
def test_lost_and_found_again(camera, caplog, fault):
    caplog.set_level(logging.INFO)
    with _pipeline([f"door={camera.url}"]) as pipeline:
        before = _frames(pipeline, 10, most=3)
        camera.mode = fault
        outages = []
        during = _frames(pipeline, 1.2, outages=outages)
        camera.mode = "ok"
        after = _frames(pipeline, 10, most=3, outages=outages)
    assert len(before) == len(after) == 3
    assert len(during) < 10  # what was on its way
    for frame in [*before, *during, *after]:
        assert frame.image.shape == (64, 64, 3)
        # No grey or torn picture: the red square is in each.
        assert (frame.image[..., 2].astype(int) - frame.image[..., 1] > 60).sum() > 30
    times = [frame.time for frame in [*before, *during, *after]]
    assert times == sorted(times)
    # In turn, and between the frames: none that came before it waits behind.
    assert [o.lost for o in outages] == [n % 2 == 0 for n in range(len(outages))]
    assert outages[-1].noticed < after[-1].arrived
    assert before[-1].arrived < outages[0].noticed
    texts = [record.getMessage() for record in caplog.records]
    assert any("lost" in t for t in texts)
    assert sum("back after" in t for t in texts) >= 1
    assert len(texts) == len(set(texts)) <= 8  # each fault once
    assert "geheim" not in caplog.text


def test_a_size_change_goes_on(camera):
    with _pipeline([camera.url]) as pipeline:
        assert _frames(pipeline, 10, most=2)[-1].image.shape == (64, 64, 3)
        camera.mode = "small"
        shapes = {frame.image.shape for frame in _frames(pipeline, 1.0)}
    assert (32, 32, 3) in shapes


def test_a_slow_detector_sees_the_newest(camera):
    def slow(image):
        time.sleep(0.2)
        return Boxes.empty()

    with _pipeline([camera.url], slow) as pipeline:
        frames = _frames(pipeline, 10, most=6)
        late = [time.monotonic() - frame.arrived for frame in frames[-1:]]
    assert frames[-1].dropped > 10
    assert [f.index for f in frames] == [n + f.dropped for n, f in enumerate(frames)]
    assert max(late) < 1.0


def test_a_dead_camera_holds_up_no_other(camera):
    urls = [f"dead={camera.url}".replace("/live", "/x"), "also=http://127.0.0.1:9/none"]
    with _pipeline([*urls[1:], camera.url]) as pipeline:
        assert len(_frames(pipeline, 10, most=20)) == 20


def test_stops_while_a_stream_stalls(camera):
    with _pipeline([camera.url]) as pipeline:
        _frames(pipeline, 10, most=1)
        camera.mode = "stall"
        began = time.monotonic()
    assert time.monotonic() - began < 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_crash_of_the_detector_ends_the_run_with_its_error(make_clip):
    def broken(image):
        raise MemoryError("a bug")

    with _pipeline([str(make_clip(3))], broken) as pipeline:
        assert pipeline.take(5) is None
    assert [type(error) for error in pipeline.errors] == [MemoryError]
