"""The private database: shared, gone with its users, whole after kill -9."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from data.exceptions import BrowseError
from eval.browse import mongod
from eval.browse.keeper import STATE, mongod_command, port_in_log
from eval.browse.mongod import find_mongod, users_uri

USER = """
import sys
from pathlib import Path
from eval.browse.mongod import private_database
uri = private_database(Path(sys.argv[1]))
print(uri, flush=True)
import pymongo
numbers = pymongo.MongoClient(uri).test.numbers
for line in sys.stdin:
    if line.strip() == "count":
        print(numbers.count_documents({}), flush=True)
    else:
        numbers.insert_one({"n": int(line)})
        print("written", flush=True)
"""

SECONDS = 60  # for a busy machine; each takes a fraction of one


class User:
    """A process that uses the database in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.uri = self._answer()

    def ask(self, line: str) -> str:
        print(line, file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> str:
        return self.process.stdout.readline().strip()

    def end(self, number: int = signal.SIGKILL) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        self.process.communicate(timeout=SECONDS)


@pytest.fixture
def use(tmp_path):
    """Starts users of one folder; none is left."""
    users = []

    def start() -> User:
        users.append(User(tmp_path / "browse"))
        return users[-1]

    yield start
    for user in users:
        user.end()


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def state_of(folder: Path) -> dict[str, int]:
    return json.loads((folder / STATE).read_text())


def test_shared_by_two_gone_with_the_last_whole_after_kill(use, tmp_path):
    folder = tmp_path / "browse"
    first = use()
    assert first.ask("1") == "written"
    pid = state_of(folder)["pid"]
    second = use()
    assert second.uri == first.uri
    first.end(signal.SIGKILL)
    time.sleep(0.5)  # the keeper looks ten times a second
    assert second.ask("2") == "written"
    second.end(signal.SIGKILL)
    wait_for(lambda: not runs(pid))
    wait_for(lambda: not (folder / STATE).exists())
    third = use()
    assert third.ask("count") == "2"


def test_keeper_killed_takes_its_database_along_and_the_next_start_works(use, tmp_path):
    folder = tmp_path / "browse"
    first = use()
    assert first.ask("1") == "written"
    pid = state_of(folder)["pid"]
    keeper = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(keeper, signal.SIGKILL)
    wait_for(lambda: not runs(pid))
    first.end()
    assert (folder / STATE).exists()
    second = use()
    assert second.ask("count") == "1"


def test_reachable_from_this_machine_alone_and_without_a_socket_file(use, tmp_path):
    before = set(Path("/tmp").glob("mongodb-*.sock"))
    user = use()
    port = int(user.uri.rpartition(":")[2])
    assert user.uri == f"mongodb://127.0.0.1:{port}"
    others = {a[4][0] for a in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}
    for address in others - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, port), 2)
    assert set(Path("/tmp").glob("mongodb-*.sock")) == before
    assert sum(p.stat().st_size for p in (tmp_path / "browse").rglob("*")) < 30e6


def test_a_folder_that_another_mongod_uses_is_told(tmp_path):
    folder = tmp_path / "browse"
    (folder / "db").mkdir(parents=True)
    command = mongod_command(str(find_mongod()), folder)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as stranger:
        log = folder / "mongod.log"
        wait_for(lambda: log.exists() and port_in_log(log.read_text()) is not None)
        (folder / "mongod.log").rename(folder / "strangers.log")
        try:
            with pytest.raises(BrowseError, match=f"another mongod uses .*{stranger.pid}"):
                mongod.private_database(folder)
        finally:
            stranger.terminate()


def test_no_mongod(monkeypatch, tmp_path):
    monkeypatch.setattr(mongod, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrowseError, match="there is none; run: uv sync"):
        find_mongod()
    (tmp_path / "mongod").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "mongod").chmod(0o755)
    assert find_mongod() == tmp_path / "mongod"
    with pytest.raises(BrowseError, match="expected mongod to start, but it"):
        mongod.private_database(tmp_path / "browse")


def test_the_users_own_database_is_found(monkeypatch, tmp_path):
    monkeypatch.delenv("FIFTYONE_DATABASE_URI", raising=False)
    config = tmp_path / "config.json"
    monkeypatch.setenv("FIFTYONE_CONFIG_PATH", str(config))
    assert users_uri() == ""
    for content, uri in (
        ("torn", ""),
        ("[]", ""),
        ('{"database_uri": "mongodb://a"}', "mongodb://a"),
    ):
        config.write_text(content)
        assert users_uri() == uri
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://b")
    assert users_uri() == "mongodb://b"
