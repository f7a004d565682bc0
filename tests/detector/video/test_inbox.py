"""Where captured pictures wait."""

import threading

from detector.video.inbox import Inbox
from detector.video.sources import Kind, Source

FILE = Source("file", Kind.FILE, "f")
LIVE = Source("live", Kind.STREAM, "s")


def test_live_keeps_the_newest_and_counts_the_rest():
    inbox = Inbox([LIVE])
    for number in range(5):
        assert inbox.put("live", number)
    assert inbox.take() == ("live", 4, 4)
    inbox.put("live", 5)
    assert inbox.take() == ("live", 5, 4)


def test_what_is_kept_stays_in_its_order():
    inbox = Inbox([LIVE])
    for item in ("a", "b"):
        inbox.put("live", item)
    inbox.put("live", "lost", keep=True)
    inbox.put("live", "back", keep=True)
    for item in ("c", "d"):
        inbox.put("live", item)
    assert [inbox.take() for _ in range(3)] == [
        ("live", "lost", 3),
        ("live", "back", 3),
        ("live", "d", 3),
    ]


def test_a_file_waits_and_loses_nothing():
    inbox = Inbox([FILE], depth=2)
    done = threading.Event()

    def fill():
        for number in range(50):
            inbox.put("file", number)
        inbox.close("file")
        done.set()

    thread = threading.Thread(target=fill)
    thread.start()
    assert not done.wait(0.05)  # it can't put more than two ahead
    taken = []
    while (item := inbox.take()) is not None:
        taken.append(item)
    thread.join()
    assert taken == [("file", number, 0) for number in range(50)]


def test_sources_are_served_in_turn():
    sources = [Source(name, Kind.FILE, name) for name in "abc"]
    inbox = Inbox(sources, depth=10)
    for number in range(6):
        inbox.put("a", number)
    for name in "bc":
        for number in range(2):
            inbox.put(name, number)
        inbox.close(name)
    inbox.close("a")
    order = []
    while (item := inbox.take()) is not None:
        order.append(item[0])
    assert "".join(order) == "abcabcaaaa"


def test_stop_wakes_everybody():
    inbox = Inbox([FILE], depth=1)
    inbox.put("file", 0)
    answers = []
    writer = threading.Thread(target=lambda: answers.append(inbox.put("file", 1)))
    writer.start()
    inbox.stop()
    writer.join(5)
    assert answers == [False]
    assert inbox.take() is None
