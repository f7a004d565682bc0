"""Progress lines: rate, time left, and what was done before."""

import re

import pytest

from eval.cli import progress
from eval.cli.progress import ProgressLine, clock


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its first entry is what the clock shows."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (7.4, "0:07"),
        (59.6, "1:00"),
        (760, "12:40"),
        (11110, "3:05:10"),
        (86399.6, "1 d 0 h"),
        (187200, "2 d 4 h"),
    ],
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_line_every_30_seconds(time: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressLine() as line:
        for second in range(101):
            time[0] = 100.0 + second
            line("pictures", 2 * second, 200)
    assert capsys.readouterr().err.splitlines() == [
        "pictures: 60 of 200, 2.0/s, 1:10 left",
        "pictures: 120 of 200, 2.0/s, 0:40 left",
        "pictures: 180 of 200, 2.0/s, 0:10 left",
        "pictures: 200 of 200, 2.0/s",
    ]


def test_rate_counts_what_is_done_now(
    time: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressLine() as line:
        line("pictures", 1000, 2000)
        time[0] += 50
        line("pictures", 1100, 2000)
    assert capsys.readouterr().err.splitlines() == [
        "pictures: 1000 of 2000 done before",
        "pictures: 1100 of 2000, 2.0/s, 7:30 left",
    ]


def test_each_step_by_itself(time: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressLine() as line:
        line("faces", 0, 10)
        time[0] += 100
        line("faces", 10, 10)
        line("pictures", 0, 10)
        time[0] += 5
        line("pictures", 10, 10)
    assert capsys.readouterr().err.splitlines() == [
        "faces: 10 of 10, 0.1/s",
        "pictures: 10 of 10, 2.0/s",
    ]


def test_one_line_rewritten_on_a_terminal(
    time: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    with ProgressLine() as line:
        for done in range(3):
            line("pictures", done, 3)
            time[0] += 1
    text = capsys.readouterr().err
    assert re.fullmatch(r"\rpictures: 1 of 3, 1.0/s, 0:02 left *\rpictures: 2 of 3.* *\n", text)
