"""Outlets behind one sink: one that fails holds up no other."""

import errno
import logging

import numpy as np

from data.exceptions import VideoError
from detector.video.results.hub import Hub, Outlet
from detector.video.types import Outage

GREY = np.full((100, 200, 3), 90, np.uint8)


def test_a_failing_outlet_is_named_once_and_the_others_go_on(caplog, make_result) -> None:
    taken, noted = [], []

    def full(*_) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def broken(*_) -> None:
        raise VideoError("no way")

    outlets = [
        Outlet("first", full),
        Outlet("second", lambda *what: taken.append(what), broken),
        Outlet("third", lambda *what: taken.append(what), noted.append, lambda: ["half of it"]),
    ]
    with Hub(outlets=outlets) as hub:
        for number in range(3):
            hub(make_result(number, {1: "with_mask"}), GREY)
    assert len(taken) == 6
    assert [[e.kind for e in events] for events in noted] == [["closed"]]
    texts = [r.message for r in caplog.records if r.levelno >= logging.WARNING]
    assert texts == [
        "first: given up ([Errno 28] No space left on device); the video goes on",
        "second: given up (no way); the video goes on",
    ]
    assert hub.failures == [
        "first: given up ([Errno 28] No space left on device)",
        "second: given up (no way)",
        "half of it",
    ]


def test_an_outage_is_told_and_empties_the_counters(make_result) -> None:
    noted = []
    with Hub(outlets=[Outlet("all", lambda *_: None, noted.append)]) as hub:
        hub(make_result(0, {1: "with_mask", 2: "unsure"}), GREY)
        hub(make_result(0, {1: "with_mask"}, source="window"), GREY)
        hub.note(Outage("door", True, "reset", 0.0, 1.0, 1.0))
        counts = hub.counters.sources
        assert counts["door"].everywhere.now.total() == 0
        assert counts["window"].everywhere.now.total() == 1
        hub(make_result(20, {3: "with_mask"}), GREY)
        assert counts["door"].everywhere.seen == {"with_mask": 2, "unsure": 1}
    kinds = [[(e.source, e.kind) for e in events] for events in noted]
    assert kinds == [
        [("door", "source_lost"), ("door", "closed"), ("door", "closed")],
        [("door", "closed"), ("window", "closed")],
    ]
