"""Counters and their table: each face once, by its last state; earlier runs stay."""

import csv
import logging
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import UsageError
from detector.video.results.counters import STATES, Counters, Tally
from detector.video.results.events import Observer
from detector.video.results.places import parse_line, parse_zone
from detector.video.results.summary import HEADER, Summary

LEFT, RIGHT = (20, 30, 60, 70), (140, 30, 180, 70)


def count(results, zones=(), lines=()) -> Counters:
    observer = Observer([parse_zone(z) for z in zones], [parse_line(n) for n in lines])
    counters = Counters(observer)
    for result in results:
        counters.update(result, observer.update(result))
    return counters


def test_now_seen_and_most(make_result) -> None:
    counters = count(
        [
            make_result(0, {1: "unsure"}),
            make_result(1, {1: "incorrect", 2: "with_mask"}),
            make_result(2, {1: "with_mask", 2: "with_mask"}),
            make_result(3, {2: "with_mask"}, closed=[1], dropped=4),
        ]
    )
    counts = counters.sources["door"]
    assert counts.everywhere.now == {"with_mask": 1}
    assert +counts.everywhere.seen == {"with_mask": 2}
    assert (counts.everywhere.most, counts.frames, counts.dropped) == (2, 4, 4)


@given(
    st.lists(
        st.dictionaries(st.integers(1, 6), st.sampled_from(STATES), max_size=4),
        min_size=1,
        max_size=20,
    )
)
def test_tally_against_the_whole_history(history) -> None:
    """By remembering everything, which the tally doesn't."""
    tally = Tally()
    last: dict[int, str] = {}
    for states in history:
        tally.update(states)
        last |= states
    assert sorted((+tally.seen).elements()) == sorted(last.values())
    assert sorted(tally.now.elements()) == sorted(history[-1].values())
    assert tally.most == max(len(states) for states in history)


def test_memory_is_that_of_open_tracks(make_result) -> None:
    results = [make_result(n, {n + 1: "with_mask"}, closed=[n] if n else []) for n in range(300)]
    counts = count(results, ["all=0,0,1,0,1,1,0,1"]).sources["door"]
    for tally in (counts.everywhere, counts.zones["all"]):
        assert tally.seen["with_mask"] == 300
        assert len(tally._open) == 1


def test_zones_and_lines_by_state(make_result) -> None:
    counters = count(
        [
            make_result(0, {1: ("with_mask", LEFT), 2: ("incorrect", LEFT)}),
            make_result(1, {1: ("with_mask", RIGHT), 2: ("incorrect", LEFT)}),
            make_result(2, {1: ("with_mask", RIGHT), 2: ("incorrect", RIGHT)}),
            make_result(3, {1: ("with_mask", LEFT), 2: ("incorrect", RIGHT)}),
        ],
        ["desk=.5,0,1,0,1,1,.5,1"],
        ["mid=.5,0,.5,1"],
    )
    counts = counters.sources["door"]
    assert counts.zones["desk"].now == {"incorrect": 1}
    assert counts.zones["desk"].seen == {"with_mask": 1, "incorrect": 1}
    assert counts.zones["desk"].most == 2
    assert counts.lines["mid", "out"] == {"with_mask": 1, "incorrect": 1}
    assert counts.lines["mid", "in"] == {"with_mask": 1}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_summary(path: Path, counters: Counters, result) -> None:
    with Summary(path) as summary:
        for name in counters.sources:
            summary.update(result(source=name), counters.sources[name])


@pytest.fixture
def result(make_result):
    return lambda source="door": make_result(0, {1: "incorrect"}, source=source)


def test_table_of_two_runs(tmp_path, make_result, result) -> None:
    path = tmp_path / "new" / "summary.csv"
    counters = count(
        [result("door"), result("=cmd()")],
        ["a. b=0,0,1,0,1,1"],
        ["mid=0,0,1,1"],
    )
    for _ in range(2):
        write_summary(path, counters, result)
    table = rows(path)
    assert tuple(table[0]) == HEADER
    one_run = [
        *(("door", "picture", "", ""), ("door", "zone", "a. b", "")),
        *(("door", "line", "mid", "in"), ("door", "line", "mid", "out")),
        *(("'=cmd()", "picture", "", ""), ("'=cmd()", "zone", "a. b", "")),
        *(("'=cmd()", "line", "mid", "in"), ("'=cmd()", "line", "mid", "out")),
    ]
    found = [(r["source"], r["place"], r["name"], r["direction"]) for r in table]
    assert found == one_run * 2
    assert (table[0]["people"], table[0]["incorrect"], table[0]["most"]) == ("1", "1", "1")
    assert table[0]["from"] == "2026-09-21T14:13:20.000Z"


def test_written_while_it_runs(tmp_path, result) -> None:
    path = tmp_path / "summary.csv"
    counters = count([result()])
    with Summary(path, every=0.01) as summary:
        assert rows(path) == []
        time.sleep(0.02)
        summary.update(result(), counters.sources["door"])
        assert len(rows(path)) == 1
        assert [p.name for p in tmp_path.iterdir()] == ["summary.csv"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"name,age\nx,1\n", "choose another name", id="another table"),
        pytest.param(b"\xff\xfe\x00", "it is no text", id="no text"),
    ],
)
def test_other_files_are_left_alone(tmp_path, content, message) -> None:
    path = tmp_path / "summary.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        Summary(path)
    assert path.read_bytes() == content


@pytest.mark.skipif(os.name == "nt", reason="folders can be written there")
def test_folder_that_goes_away_is_named_once(tmp_path, result, caplog) -> None:
    folder = tmp_path / "gone"
    counters = count([result()])
    with Summary(folder / "summary.csv", every=0.001) as summary:
        (folder / "summary.csv").unlink()
        folder.rmdir()
        folder.write_text("in the way")
        for _ in range(5):
            time.sleep(0.002)
            summary.update(result(), counters.sources["door"])
    warned = [r.message for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warned) == 1
    assert "can't be written" in warned[0]
