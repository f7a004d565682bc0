"""Waits between tries, and what the log says of outages."""

import logging
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import VideoError
from detector.video.reconnect import Patience, back_off, keep_connected

QUICK = Patience(first=0.001, ceiling=0.004)


@given(st.integers(0, 10_000), st.integers(0, 2**32))
def test_waits_stay_within_bounds(attempt, seed):
    patience = Patience()
    wait = back_off(attempt, patience, np.random.default_rng(seed))
    most = min(patience.ceiling, patience.first * 2.0 ** min(attempt, 64))
    assert most * (1 - patience.jitter) <= wait <= most


def _connect(plan):
    """Each call takes the next of `plan`: items, then an error or the end."""
    calls = iter(plan)

    def connect():
        items, error = next(calls)
        yield from items
        if error:
            raise VideoError(error)

    return connect


def _collect(plan, most, **options):
    stop, found = threading.Event(), []
    stream = keep_connected(
        _connect(plan), "door", QUICK, stop=stop, rng=np.random.default_rng(0), **options
    )
    for item in stream:
        found.append(item)
        if len(found) == most:
            stop.set()
    return found


def test_comes_back_and_says_so_once(caplog):
    caplog.set_level(logging.WARNING)
    gone = ([], "refused")
    plan = [([1, 2], "reset"), gone, gone, gone, ([3], None), ([4, 5], None)]
    told = []
    assert _collect(plan, 5, tell=lambda *outage: told.append(outage)) == [1, 2, 3, 4, 5]
    assert [reason for reason, _ in told] == ["reset", "", "the stream ended", ""]
    assert told[0][1] == 0.0 < told[1][1]
    texts = [record.getMessage() for record in caplog.records]
    assert [t.split(" (")[0].split(" after")[0] for t in texts] == [
        "door: lost",  # reset
        "door: still lost",  # refused: another reason, named once though it came three times
        "door: back",
        "door: lost",  # the stream ended
        "door: back",
    ]


def test_a_first_fault_is_told_where_it_must_start():
    with pytest.raises(VideoError, match="no such camera"):
        _collect([([], "no such camera")], 1, must_start=True)


def test_a_later_fault_is_borne_where_it_must_start():
    assert _collect([([1], "unplugged"), ([2], None)], 2, must_start=True) == [1, 2]


def test_stops_at_once_while_waiting():
    stop = threading.Event()
    patience = Patience(first=60, ceiling=60)
    stream = keep_connected(
        _connect([([1], None)]), "a", patience, stop=stop, rng=np.random.default_rng(0)
    )
    assert next(stream) == 1
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    assert next(stream, None) is None
    timer.join()
