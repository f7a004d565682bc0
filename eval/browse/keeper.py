"""Keeps a private mongod alive as long as any `maskwatch browse` needs it, and stops it then.

A process of its own, started by the first one that needs the database:

    python -m eval.browse.keeper MONGOD FOLDER

Those who use the database hold a shared lock on FOLDER/users.lock. When the last lets go, which
the kernel sees to however it ends, the keeper gets that lock for itself alone and stops mongod
the clean way. Should the keeper be killed, Linux tells mongod to stop. Knows nothing of FiftyOne,
so that it is up in no time.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from data.files import write_text
from eval.browse.children import end_with_parent
from eval.browse.locks import try_lock

USERS = "users.lock"
KEEPER = "keeper.lock"
STATE = "mongod.json"
LOG = "mongod.log"
DATA = "db"

START_SECONDS = 60.0  # a journal may have to be replayed
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.1


def mongod_command(mongod: str, folder: Path) -> list[str]:
    """Loopback alone, a free port, no unix socket; small in memory and on disk.

    WiredTiger's cache would be half of the memory, its journal 300 MB, and diagnostic data
    another 200 MB.
    """
    return [
        *(mongod, "--dbpath", str(folder / DATA), "--logpath", str(folder / LOG)),
        *("--bind_ip", "127.0.0.1", "--port", "0", "--nounixsocket"),
        *("--wiredTigerCacheSizeGB", "0.25"),
        *("--wiredTigerEngineConfigString", "log=(prealloc=false,file_max=10MB)"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]


def port_in_log(text: str) -> int | None:
    """The port that mongod listens on, from its log, None while it doesn't.

    The log has a line of JSON for each message; 23016 is "Waiting for connections".
    """
    for line in text.splitlines():
        if '"id":23016,' in line:
            return int(json.loads(line)["attr"]["port"])
    return None


def keep(mongod: str, folder: Path) -> int:
    """Start mongod, write its port to FOLDER/mongod.json, stop it when nobody needs it.

    Returns:
        0 when it was stopped as it should, 1 when it didn't start or ended by itself.
    """
    with (folder / KEEPER).open("a+") as here, (folder / USERS).open("a+") as users:
        if not try_lock(here, shared=False):
            return 1
        (folder / STATE).unlink(missing_ok=True)
        child = _start(mongod, folder)
        try:
            if not _announce(child, folder):
                return 1
            while child.poll() is None and not try_lock(users, shared=False):
                time.sleep(_POLL_SECONDS)
            return 0 if child.poll() is None else 1
        finally:
            (folder / STATE).unlink(missing_ok=True)
            _stop(child)


def _start(mongod: str, folder: Path) -> subprocess.Popen[bytes]:
    (folder / DATA).mkdir(parents=True, exist_ok=True)
    (folder / LOG).unlink(missing_ok=True)
    return subprocess.Popen(  # noqa: S603 - our own command line
        mongod_command(mongod, folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one thread here
    )


def _announce(child: subprocess.Popen[bytes], folder: Path) -> bool:
    """Wait until mongod listens and write where; False if it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        log = folder / LOG
        port = port_in_log(log.read_text("utf-8", "replace")) if log.is_file() else None
        if port is not None:
            write_text(folder / STATE, json.dumps({"pid": child.pid, "port": port}))
            return True
        time.sleep(0.02)
    return False


def _stop(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM, which mongod answers with a checkpoint and a clean end."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()  # what was written is in the journal
            child.wait()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(keep(sys.argv[1], Path(sys.argv[2])))
