"""What happens is told once, in order, and nothing of it is lost on disk."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from data.exceptions import UsageError
from detector.video.results.event_file import EventFile
from detector.video.results.events import Event, Observer, event_to_dict, utc_text
from detector.video.results.places import parse_line, parse_zone
from detector.video.types import Outage


def kinds(events) -> list[tuple]:
    return [(e.kind, e.track, e.state) for e in events]


def test_a_track_from_opening_to_closing(make_result) -> None:
    observer = Observer()
    assert observer.update(make_result(0)) == []
    assert kinds(observer.update(make_result(1, {4: "unsure"}))) == [("opened", 4, "unsure")]
    assert observer.update(make_result(2, {4: "unsure"})) == []
    (changed,) = observer.update(make_result(3, {4: "incorrect"}))
    assert (changed.kind, changed.previous, changed.state) == ("state", "unsure", "incorrect")
    assert observer.update(make_result(7)) == []  # missed, but not closed
    (closed,) = observer.update(make_result(9, closed=[4, 5]))  # 5 was never confirmed
    assert (closed.kind, closed.track, closed.why) == ("closed", 4, "gone")
    assert closed.duration == pytest.approx(0.2)  # it was last there in frame 3
    assert (closed.frame, closed.time) == (9, pytest.approx(0.9))
    assert observer.finish() == []


def test_end_of_run_closes_what_is_open(make_result) -> None:
    observer = Observer()
    observer.update(make_result(0, {1: "with_mask"}))
    observer.update(make_result(5, {1: "incorrect"}, source="window"))
    found = observer.finish()
    assert [(e.source, e.track, e.why, e.frame) for e in found] == [
        ("door", 1, "end", 0),
        ("window", 1, "end", 5),
    ]


def test_size_change_closes_tracks_first(make_result) -> None:
    observer = Observer()
    observer.update(make_result(0, {1: "with_mask"}))
    result = make_result(1, {2: "with_mask"}, closed=[1], size_changed=True)
    found = observer.update(result)
    assert [(e.kind, e.track, e.why) for e in found] == [
        ("size", None, None),
        ("closed", 1, "size"),
        ("opened", 2, None),
    ]


def test_time_without_pictures_is_told_when_they_are_back(make_result) -> None:
    observer = Observer()
    found = [e for n in (0, 10, 60, 120) for e in observer.update(make_result(n))]
    assert [(e.kind, e.frame, round(e.duration, 3)) for e in found] == [("gap", 120, 6.0)]


def outage(lost: bool, at: float, source: str = "door") -> Outage:
    """`at` seconds after the first frame."""
    return Outage(source, lost, "reset" if lost else "", 0.0 if lost else 7.5, at, 1e9 + at)


def test_a_lost_source_closes_its_faces_and_its_gap_is_told_once(make_result) -> None:
    observer = Observer()
    observer.update(make_result(0, {1: "with_mask", 2: "incorrect"}))
    observer.update(make_result(0, {1: "with_mask"}, source="window"))
    found = observer.note(outage(True, 2.5))
    assert [(e.kind, e.track, e.why) for e in found] == [
        ("source_lost", None, "reset"),
        ("closed", 1, "lost"),
        ("closed", 2, "lost"),
    ]
    assert event_to_dict(found[0]) == {
        "event": "source_lost",
        "utc": "2001-09-09T01:46:42.500Z",
        "time": 2.5,
        "source": "door",
        "frame": 0,
        "why": "reset",
    }
    (back,) = observer.note(outage(False, 10.0))
    assert (back.kind, back.time, back.duration, back.why) == ("source_back", 10.0, 7.5, None)
    found = observer.update(make_result(110, {3: "with_mask"}))
    assert kinds(found) == [("opened", 3, "with_mask")]  # no "gap"
    assert kinds(observer.update(make_result(200)))[0][0] == "gap"
    assert [(e.source, e.track, e.why) for e in observer.finish()] == [
        ("door", 3, "end"),
        ("window", 1, "end"),
    ]


def test_a_source_that_never_came(make_result) -> None:
    observer = Observer()
    (lost,) = observer.note(outage(True, 3.0))
    assert (lost.kind, lost.frame, lost.time, lost.clock) == ("source_lost", 0, 0.0, 1e9 + 3)
    assert [e.kind for e in observer.note(outage(False, 4.0))] == ["source_back"]
    assert observer.update(make_result(0)) == observer.finish() == []


def test_places_are_told_with_the_face_and_only_in_their_source(make_result) -> None:
    zone, line = parse_zone("desk@door=.5,0,1,0,1,1,.5,1"), parse_line("mid@door=.5,0,.5,1")
    observer = Observer([zone], [line])
    left, right = ("with_mask", (20, 30, 60, 70)), ("with_mask", (140, 30, 180, 70))
    assert kinds(observer.update(make_result(0, {1: left}))) == [("opened", 1, "with_mask")]
    entered, crossed = observer.update(make_result(1, {1: right}))
    assert (entered.kind, entered.place, entered.zones) == ("zone_entered", "desk", ("desk",))
    assert (crossed.kind, crossed.place, crossed.direction) == ("line_crossed", "mid", "out")
    (closed,) = observer.update(make_result(2, closed=[1]))
    assert closed.zones == ("desk",)
    window = [make_result(i, {1: face}, source="window") for i, face in enumerate((left, right))]
    assert [e.kind for r in window for e in observer.update(r)] == ["opened"]


def test_event_as_json_has_only_what_is_known(make_result) -> None:
    (opened,) = Observer().update(make_result(12, {3: "unsure"}))
    assert event_to_dict(opened) == {
        "event": "opened",
        "utc": "2026-09-21T14:13:21.200Z",
        "time": 1.2,
        "source": "door",
        "frame": 12,
        "track": 3,
        "state": "unsure",
        "confidence": 0.8,
        "score": 0.9,
        "box": [80.0, 30.0, 120.0, 70.0],
        "duration": 0.0,
    }


def test_utc_text_keeps_milliseconds() -> None:
    assert utc_text(0) == "1970-01-01T00:00:00.000Z"
    assert utc_text(1_790_000_000.4567) == "2026-09-21T14:13:20.456Z"


def an_event(number: int) -> Event:
    return Event("opened", "door", number, 0.0, 0.0, track=number, state="with_mask")


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_later_runs_append(tmp_path) -> None:
    path = tmp_path / "new" / "events.jsonl"
    for number in (1, 2):
        with EventFile(path) as file:
            file.write([an_event(number)])
    assert [(e["event"], e.get("track")) for e in lines_of(path)] == [
        *(("run_started", None), ("opened", 1), ("run_ended", None)),
        *(("run_started", None), ("opened", 2), ("run_ended", None)),
    ]


def test_half_a_line_is_ended_first(tmp_path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"event": "op')
    with EventFile(path) as file:
        file.write([an_event(1)])
    first, *rest = path.read_text().splitlines()
    assert first == '{"event": "op'
    assert [json.loads(line)["event"] for line in rest] == ["run_started", "opened", "run_ended"]


def test_killed_process_leaves_whole_lines(tmp_path) -> None:
    path = tmp_path / "events.jsonl"
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from detector.video.results.event_file import EventFile\n"
        "from detector.video.results.events import Event\n"
        "with EventFile(Path(sys.argv[1])) as file:\n"
        "    for n in range(50): file.write([Event('opened', 'door', n, 0.0, 0.0, track=n)])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == -9
    assert [e.get("track") for e in lines_of(path)] == [None, *range(50)]


def test_folder_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="expected a file for events, but got a folder"):
        EventFile(tmp_path)


def test_full_device_is_named_once_and_the_video_goes_on(caplog) -> None:
    with EventFile(Path("/dev/full")) as file:
        for number in range(20):
            file.write([an_event(number)])
        assert file.lost == 21
    assert file.failures == ["/dev/full: 22 events are missing (No space left on device)"]
    assert [r.message for r in caplog.records if r.levelno >= logging.WARNING] == [
        "/dev/full: events are being lost (No space left on device); the video goes on"
    ]


FULL = """
import resource, signal, sys
from pathlib import Path
from detector.video.results.event_file import EventFile
from detector.video.results.events import Event
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def limit(size): resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
with EventFile(Path(sys.argv[1])) as file:
    for n in range(40):
        if n == 10: limit(1000)
        if n == 30: limit(resource.RLIM_INFINITY)
        file.write([Event("opened", "door", n, 0.0, 0.0, track=n)])
"""


def test_disk_that_fills_and_empties(tmp_path) -> None:
    """A limit on the file's size, which cuts a line in two as a full disk does."""
    path = tmp_path / "events.jsonl"
    command = [sys.executable, "-c", FULL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    events = lines_of(path)  # every line is whole
    (lost,) = [e for e in events if e["event"] == "lost"]
    tracks = [e["track"] for e in events if "track" in e]
    assert tracks == [n for n in range(40) if n not in range(40 - 10 - lost["count"], 30)]
    assert lost["count"] > 10
    assert done.stderr.count("events are being lost") == 1
    assert done.stderr.count("written again after") == 1
