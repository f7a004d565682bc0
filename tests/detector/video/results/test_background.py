"""Work beside the video never makes it wait, and never ends it."""

import logging
import threading
import time

import pytest

from detector.video.results.background import Background, Trouble


class Work(Background):
    """Items go to a function that a test gives."""

    def __init__(self, work, **options) -> None:
        trouble = Trouble(logging.getLogger("test"), "it fails", "it works")
        super().__init__("test", trouble, **options)
        self.work = work

    def _work_on(self, item, stop) -> None:
        if self.work(item, stop) is False:
            self._trouble.report("why")


def warnings_of(caplog) -> list[str]:
    return [r.message for r in caplog.records if r.levelno >= logging.WARNING]


def test_all_is_done_in_order_before_leaving() -> None:
    done = []
    with Work(lambda item, stop: done.append(item)) as background:
        assert all(background.put(n) for n in range(20))
    assert done == list(range(20))
    assert background.failures == []


def test_what_failed_is_counted_for_the_end() -> None:
    with Work(lambda item, stop: item % 3 > 0) as background:
        for n in range(20):
            background.put(n)
    assert background.failures == ["test: 7 of 20 failed (why)"]


def test_full_queue_drops_counts_and_says_so_once(caplog) -> None:
    go, done = threading.Event(), []

    def wait(item: int, stop: threading.Event) -> None:
        go.wait(5)
        done.append(item)

    with Work(wait, size=3) as background:
        taken = [background.put(n) for n in range(10)]
        go.set()
    assert taken == [True] * 3 + [False] * 7
    assert done == [0, 1, 2]
    assert background.dropped == 7
    assert background.failures == ["test: 7 of 10 failed"]
    first, last = warnings_of(caplog)
    assert "3 wait already, so some are dropped" in first
    assert "7 were dropped in all" in last


@pytest.mark.parametrize("heeds", [True, False], ids=["gives up when asked", "hangs"])
def test_leaving_is_bounded(caplog, heeds) -> None:
    stuck = threading.Event()

    def hang(item: int, stop: threading.Event) -> None:
        (stop if heeds else stuck).wait(20)

    began = time.monotonic()
    with Work(hang, patience=0.2) as background:
        for n in range(3):
            background.put(n)
    assert time.monotonic() - began < 10
    assert warnings_of(caplog) == [f"test: gave up {2 if heeds else 3} at the end"]
    stuck.set()


def test_trouble_is_named_when_it_begins_and_ends(caplog) -> None:
    trouble = Trouble(logging.getLogger("test"), "it fails", "it works")
    trouble.over()
    for _ in range(2):
        for _ in range(3):
            trouble.report("why")
        trouble.over()
        trouble.over()
    assert (
        warnings_of(caplog)
        == [
            "it fails (why); the video goes on",
            "it works after 3 failures",
        ]
        * 2
    )
