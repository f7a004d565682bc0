"""Who is told of, when, and what a local command gets to know."""

import json
import logging
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from data.exceptions import UsageError
from detector.video.results.alerts import Alerts
from detector.video.results.command import AlertCommand, split_command
from detector.video.results.events import Observer
from detector.video.results.places import parse_zone

LEFT, RIGHT = (20, 30, 60, 70), (140, 30, 180, 70)


def alerts_of(results, zones=(), cool_down=60.0) -> list[dict]:
    """What is sent for a run of results."""
    zones = [parse_zone(z) for z in zones]
    sent: list[dict] = []
    observer = Observer(zones)
    alerts = Alerts(
        ("incorrect", "without_mask"),
        cool_down,
        (sent.append,),
        lambda source: any(z.source in (None, source) for z in zones),
    )
    for result in results:
        alerts.update(observer.update(result))
    return sent


def brief(alerts) -> list[tuple]:
    return [(a["alert"], a["zone"], a["track"], a["frame"], a["held_back"]) for a in alerts]


def test_cool_down_holds_back_and_counts(make_result) -> None:
    results = [make_result(n, {n + 1: "incorrect"}, closed=[n]) for n in range(25)]
    assert brief(alerts_of(results, cool_down=1.0)) == [
        ("incorrect", None, 1, 0, 0),
        ("incorrect", None, 11, 10, 9),
        ("incorrect", None, 21, 20, 9),
    ]


def test_cool_down_is_of_each_source_and_state(make_result) -> None:
    results = [
        make_result(0, {1: "incorrect"}),
        make_result(1, {1: "without_mask"}),
        make_result(2, {1: "incorrect"}, source="window"),
        make_result(3, {1: "with_mask"}),
        make_result(4, {1: "incorrect"}),  # the same face again: no news
    ]
    found = alerts_of(results, cool_down=0)
    assert [(a["source"], a["alert"]) for a in found] == [
        ("door", "incorrect"),
        ("door", "without_mask"),
        ("window", "incorrect"),
    ]


def test_where_there_are_zones_only_faces_in_them_count(make_result) -> None:
    results = [
        make_result(0, {1: ("incorrect", LEFT)}),
        make_result(1, {1: ("incorrect", RIGHT)}),
        make_result(2, {1: ("incorrect", LEFT)}),
        make_result(3, {1: ("incorrect", RIGHT)}),
        make_result(4, {2: ("without_mask", RIGHT)}),
        make_result(5, {9: ("incorrect", LEFT)}, source="window"),
    ]
    zones = ["desk@door=.5,0,1,0,1,1,.5,1", "all@door=.6,0,1,0,1,1,.6,1"]
    assert brief(alerts_of(results, zones, cool_down=0)) == [
        ("incorrect", "all", 1, 1, 0),
        ("incorrect", "desk", 1, 1, 0),
        ("without_mask", "all", 2, 4, 0),
        ("without_mask", "desk", 2, 4, 0),
        ("incorrect", None, 9, 5, 0),
    ]


SCRIPT = """#!{python}
import json, os, sys
facts = json.load(sys.stdin)
facts["argv"] = sys.argv[1:]
facts["env"] = {{k: v for k, v in os.environ.items() if k.startswith("MASKWATCH_")}}
with open({out!r}, "a") as file: file.write(json.dumps(facts) + "\\n")
"""


@pytest.fixture
def program(tmp_path: Path):
    """Makes a program of Python text; returns its path."""

    def make(text: str, name: str = "tell") -> Path:
        path = tmp_path / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return make


def messages(caplog) -> list[str]:
    return [r.message for r in caplog.records if r.levelno >= logging.WARNING]


ALERT = {"alert": "incorrect", "source": "$(touch x); `id`", "zone": None, "track": 3, "time": 1.5}


@pytest.mark.skipif(os.name == "nt", reason="the program is a script")
def test_command_gets_the_facts_and_no_shell(tmp_path, program, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MASKWATCH_TOKEN", "hidden")
    monkeypatch.setenv("MASKWATCH_WEBHOOK_SECRET", "hidden")
    out = tmp_path / "out"
    path = program(SCRIPT.format(python=sys.executable, out=str(out)))
    with AlertCommand(f"'{path}' 'a b' $HOME ';ls'") as command:
        assert command.put(ALERT)
        assert command.put(ALERT | {"track": 4})
    first, second = (json.loads(line) for line in out.read_text().splitlines())
    assert first["argv"] == ["a b", "$HOME", ";ls"]
    assert {k: first[k] for k in ALERT} == ALERT
    assert first["env"]["MASKWATCH_SOURCE"] == ALERT["source"]
    assert (first["env"]["MASKWATCH_ALERT"], first["env"]["MASKWATCH_ZONE"]) == ("incorrect", "")
    assert "hidden" not in str(first["env"])
    assert second["track"] == 4
    assert not (tmp_path / "x").exists()


@pytest.mark.skipif(os.name == "nt", reason="the program is a script")
def test_command_that_hangs_dies_with_its_children(tmp_path, program, caplog) -> None:
    """It ignores its input, ignores SIGTERM and starts a child that outlives it."""
    beat = tmp_path / "beat"
    beat.write_text("")
    text = (
        "#!/bin/sh\ntrap '' TERM\n"
        f"(while :; do date +%N > '{beat}'; sleep 0.05; done) &\nsleep 60\n"
    )
    began = time.monotonic()
    with AlertCommand(str(program(text)), timeout=1.0) as command:
        for n in range(2):
            command.put({**ALERT, "track": n})
    assert time.monotonic() - began < 10
    last = beat.read_text()
    time.sleep(0.3)
    assert beat.read_text() == last
    assert messages(caplog) == [
        f"alert command {tmp_path / 'tell'}: failed (killed, it ran longer than 1 s); "
        "the video goes on"
    ]


@pytest.mark.skipif(os.name == "nt", reason="the program is a script")
def test_command_that_fails_is_named_once_and_again_when_it_works(
    tmp_path, program, caplog
) -> None:
    flag = tmp_path / "flag"
    path = program(f"#!/bin/sh\n[ -e '{flag}' ] && exit 0\nexit 3\n")
    with AlertCommand(str(path)) as command:
        for _ in range(3):
            command.put(ALERT)
        while command._done < 3:
            time.sleep(0.01)
        flag.write_text("")
        command.put(ALERT)
    assert [m.partition(": ")[2] for m in messages(caplog)] == [
        "failed (exit status 3); the video goes on",
        "works again after 3 failures",
    ]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "expected a program that can be run, but got ''"),
        ("no-such-program-anywhere -x", "expected a program that can be run"),
        ("sh 'a", "expected closed quotes"),
    ],
    ids=["empty", "unknown", "quotes"],
)
def test_commands_that_make_no_sense(command, message) -> None:
    with pytest.raises(UsageError) as caught:
        split_command(command)
    assert message in str(caught.value)
